/** Processes of a benchmark that take orders from it: both ends of the channel between them. */
import { type ChildProcess, fork } from 'node:child_process';
import type { Endings } from '../scripts/endings.ts';

/** For each kind of order, what it says and what is answered. */
export type Orders = { readonly [kind: string]: { readonly order: unknown; readonly answer: unknown } };

/** Handlers by kind of order. `notice` tells the other side something before the answer. */
export type OrderHandlers<O extends Orders> = {
  readonly [K in keyof O & string]: (
    order: O[K]['order'],
    notice: (word: string) => void,
  ) => Promise<O[K]['answer']> | O[K]['answer'];
};

interface OrderFrame {
  readonly id: number;
  readonly kind: string;
  readonly order: unknown;
}
type AnswerFrame =
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly failed: string }
  | { readonly id: number; readonly notice: string };

interface Waiting {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly notice: (word: string) => void;
}

export interface WorkerOptions {
  readonly name: string;
  /** The program, compiled. */
  readonly file: URL;
  /** Read there with `settingsOf`. */
  readonly settings: unknown;
  readonly nodeFlags?: readonly string[];
  readonly endings: Endings;
}

const stop_wait_ms = 10_000;

/** One process, from the side that gives orders. */
export class Worker<O extends Orders> {
  readonly name: string;
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  readonly #gone: Promise<void>;
  #next = 1;

  private constructor(name: string, child: ChildProcess) {
    this.name = name;
    this.pid = child.pid ?? 0;
    this.#child = child;
    child.on('message', (frame) => this.#hear(frame as AnswerFrame));
    this.#gone = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        const error = new Error(`the process ${name} has ended (${signal ?? `code ${code}`})`);
        for (const { reject } of this.#waiting.values()) reject(error);
        this.#waiting.clear();
        resolve();
      });
    });
  }

  static start<O extends Orders>({ name, file, settings, nodeFlags = [], endings }: WorkerOptions): Worker<O> {
    const child = fork(file, [JSON.stringify(settings)], {
      execArgv: ['--enable-source-maps', ...nodeFlags],
      serialization: 'advanced',
      // Standard output belongs to the results. Detached: Ctrl-C in the terminal is for the benchmark, which ends its workers in order.
      stdio: ['ignore', 2, 2, 'ipc'],
      detached: true,
    });
    const worker = new Worker<O>(name, child);
    endings.add(() => worker.stop());
    return worker;
  }

  ask<K extends keyof O & string>(
    kind: K,
    order: O[K]['order'],
    notice: (word: string) => void = () => undefined,
  ): Promise<O[K]['answer']> {
    const id = this.#next++;
    return new Promise<unknown>((resolve, reject) => {
      if (!this.#child.connected) throw new Error(`the process ${this.name} has ended`);
      this.#waiting.set(id, { resolve, reject, notice });
      const frame: OrderFrame = { id, kind, order };
      this.#child.send(frame);
    }) as Promise<O[K]['answer']>;
  }

  /** The worker ends by itself when the channel closes, and is killed if it doesn't. */
  async stop(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), stop_wait_ms);
    await this.#gone;
    clearTimeout(timer);
  }

  #hear(frame: AnswerFrame): void {
    const waiting = this.#waiting.get(frame.id);
    if (waiting === undefined) return;
    if ('notice' in frame) {
      waiting.notice(frame.notice);
      return;
    }
    this.#waiting.delete(frame.id);
    if ('failed' in frame) waiting.reject(new Error(`${this.name}: ${frame.failed}`));
    else waiting.resolve(frame.answer);
  }
}

/** In the worker: the settings that it was started with. */
export function settingsOf<S>(): S {
  const [, , text] = process.argv;
  if (text === undefined || process.send === undefined) {
    process.stderr.write('this is a part of the benchmark, which starts it by itself: see npm run bench -- --help\n');
    process.exit(2);
  }
  process.once('disconnect', leave);
  return JSON.parse(text) as S;
}

/** Until there is something to end in order. */
function leave(): void {
  process.exit(0);
}

/** In the worker: carries out orders until the benchmark is gone, then `end`, then exits. */
export function takeOrders<O extends Orders>(handlers: OrderHandlers<O>, end: () => Promise<void>): void {
  const say = (frame: AnswerFrame): void => {
    if (process.connected) process.send?.(frame);
  };
  process.on('message', (frame) => {
    const { id, kind, order } = frame as OrderFrame;
    const answered = (async () => handlers[kind]?.(order, (notice) => say({ id, notice })))();
    answered.then(
      (answer) => say({ id, answer }),
      (error: unknown) => say({ id, failed: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    );
  });
  process.off('disconnect', leave);
  process.once('disconnect', () => {
    // Through exit, so that a profile is written.
    end().then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(`while ending: ${String(error)}\n`);
        process.exit(1);
      },
    );
  });
}
