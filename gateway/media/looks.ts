/** Files wait here to be looked into, one after another, by a process that is ended when a file takes too long and started anew when it has died. */
import { type ChildProcess, fork } from 'node:child_process';
import type { Log } from '../../runtime/index.ts';
import type { Look, LookDone, LookJob } from './image-worker.ts';
import type { MediaLimits } from './limits.ts';

export interface Looks {
  /** `failed`: the process died of it, or it took too long. `busy`: too many wait. */
  look(file: string, bytes: number, copy: string, thumb: string): Promise<Look | 'busy' | 'failed'>;
  close(): void;
}

interface Waiting {
  readonly job: LookJob;
  readonly done: (look: Look | 'failed') => void;
}

const worker = new URL('./image-worker.js', import.meta.url);

export function looks(limits: MediaLimits, log: Log): Looks {
  const waiting: Waiting[] = [];
  let jobs = 0;
  let current: Waiting | undefined;
  let child: ChildProcess | undefined;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  function start(): ChildProcess {
    const started = fork(worker, [String(limits.image_memory_bytes_max)], {
      execArgv: [],
      // Nothing of this process: no secrets, no keys of a storage.
      env: { MALLOC_ARENA_MAX: '2' },
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    started.on('message', ({ job, look }: LookDone) => {
      if (job === current?.job.job) settle(look ?? 'failed');
    });
    started.once('exit', (code, signal) => {
      if (child !== started) return;
      child = undefined;
      if (closed || current === undefined) return;
      log.warn({ code, signal, bytes: current.job.bytes }, 'the process that looks into files died of one');
      settle('failed');
    });
    started.on('error', (error) => log.warn({ error }, 'the process that looks into files failed'));
    return started;
  }

  function settle(look: Look | 'failed'): void {
    clearTimeout(timer);
    const { done } = current ?? {};
    current = undefined;
    done?.(look);
    next();
    if (current === undefined) hold(false);
  }

  /** While it has nothing to do it must not keep this process alive. */
  function hold(on: boolean): void {
    if (on) child?.ref();
    else child?.unref();
    if (on) child?.channel?.ref();
    else child?.channel?.unref();
  }

  function next(): void {
    if (current !== undefined) return;
    current = waiting.shift();
    if (current === undefined) return;
    child ??= start();
    hold(true);
    child.send(current.job, (error) => {
      // Its exit tells the rest.
      if (error) child?.kill('SIGKILL');
    });
    timer = setTimeout(() => child?.kill('SIGKILL'), limits.image_ms_max);
  }

  return {
    async look(file, bytes, copy, thumb) {
      if (closed || waiting.length >= limits.looks_waiting_max) return 'busy';
      const { image_bytes_max: imageBytesMax, image_pixels_max: pixelsMax, thumb_pixels: thumbPixels } = limits;
      const job: LookJob = { job: ++jobs, file, bytes, copy, thumb, imageBytesMax, pixelsMax, thumbPixels };
      return new Promise((done) => {
        waiting.push({ job, done });
        next();
      });
    },
    close() {
      closed = true;
      clearTimeout(timer);
      child?.kill('SIGKILL');
      for (const { done } of [...(current ? [current] : []), ...waiting.splice(0)]) done('failed');
      current = undefined;
    },
  };
}
