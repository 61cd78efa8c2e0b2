/**
 * Ends a process whose event loop stands still for ever: a damaged store may do that to the process that maps it, and so may a turn that never
 * ends. The others have taken over long before; but nobody starts a process again that has not ended.
 */
import { writeSync } from 'node:fs';
import { isMainThread, Worker, workerData } from 'node:worker_threads';

const beat_ms = 1_000;
/** Longer than any pause of the garbage collector, and than a disk or swap that is slow. */
const stall_ms_max = 30_000;

interface Watch {
  readonly beats: Int32Array;
  readonly stallMsMax: number;
}

export interface Watchdog {
  stop(): void;
}

export function startWatchdog(stallMsMax: number = stall_ms_max): Watchdog {
  const beats = new Int32Array(new SharedArrayBuffer(4));
  const watch: Watch = { beats, stallMsMax };
  const worker = new Worker(new URL(import.meta.url), { workerData: watch, execArgv: [], env: {}, stdin: false });
  worker.unref();
  const timer = setInterval(() => Atomics.add(beats, 0, 1), Math.min(beat_ms, stallMsMax / 4));
  timer.unref();
  return {
    stop() {
      clearInterval(timer);
      void worker.terminate();
    },
  };
}

/** Counts its own looks, not time: a process that was paused as a whole has missed none. */
function watch({ beats, stallMsMax }: Watch): void {
  const lookMs = Math.min(beat_ms, stallMsMax / 4);
  let seen = -1;
  let stalledMs = 0;
  setInterval(() => {
    const now = Atomics.load(beats, 0);
    stalledMs = now === seen ? stalledMs + lookMs : 0;
    seen = now;
    if (stalledMs < stallMsMax) return;
    writeSync(
      2,
      `error: the event loop has stood still for ${stallMsMax} ms; the process is ended, to be started again\n`,
    );
    process.kill(process.pid, 'SIGABRT');
  }, lookMs);
}

if (!isMainThread && (workerData as Watch | null)?.beats instanceof Int32Array) watch(workerData as Watch);
