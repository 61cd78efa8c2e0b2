/** Runs spread over processes, one for each core: each has its own globals, and a crash of one is a verdict, too. */
import { type ChildProcess, fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import type { RunOptions, Verdict } from './run.ts';

const worker = new URL('./worker.js', import.meta.url);

export interface PoolOptions {
  readonly runs: Iterable<Omit<RunOptions, 'print'>>;
  readonly workers?: number;
  /** The verdicts, in the order in which they come. False: no more runs. */
  readonly judge: (verdict: Verdict) => boolean;
}

/** Rejects when a worker dies, with the run that it was at. */
export async function runAll({ runs, judge, workers = availableParallelism() }: PoolOptions): Promise<void> {
  const queue = runs[Symbol.iterator]();
  let enough = false;
  const next = (): Omit<RunOptions, 'print'> | undefined => {
    const { done, value } = enough ? { done: true, value: undefined } : queue.next();
    return done === true ? undefined : value;
  };
  const work = (child: ChildProcess): Promise<void> =>
    new Promise((resolve, reject) => {
      let at: Omit<RunOptions, 'print'> | undefined;
      child.on('message', (message: Verdict | 'ready') => {
        if (message !== 'ready' && !judge(message)) enough = true;
        at = next();
        if (at === undefined) resolve();
        else child.send(at);
      });
      child.on('error', reject);
      child.on('exit', (code, signal) =>
        reject(new Error(`seed ${at?.seed}: the worker ended with ${code ?? signal}`)),
      );
    });
  const children = Array.from({ length: workers }, () => fork(worker, { execArgv: ['--enable-source-maps'] }));
  try {
    await Promise.all(children.map(work));
  } finally {
    for (const child of children) {
      child.removeAllListeners('exit');
      child.kill();
    }
  }
}
