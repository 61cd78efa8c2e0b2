/** Files wait here to be looked into, one after another, by a process that is ended when a file takes too long and started anew when it has died. */
import { type ChildProcess, fork } from 'node:child_process';
import type { Fill, Log, Probe } from '../../runtime/index.ts';
import type { Look, LookDone, LookJob } from './image-worker.ts';
import type { MediaLimits } from './limits.ts';

interface Waiting {
  readonly job: LookJob;
  readonly done: (look: Look | 'failed') => void;
}

const worker = new URL('./image-worker.js', import.meta.url);

export class Looks {
  private readonly limits: MediaLimits;
  private readonly log: Log;
  private readonly probe: Probe | undefined;
  private readonly waiting: Waiting[] = [];
  private jobs = 0;
  private current: Waiting | undefined;
  private child: ChildProcess | undefined;
  private timer: NodeJS.Timeout | undefined;
  private startedMs = 0;
  private closed = false;

  constructor(limits: MediaLimits, log: Log, probe?: Probe) {
    this.limits = limits;
    this.log = log;
    this.probe = probe;
  }

  /** `failed`: the process died of it, or it took too long. `busy`: too many wait. */
  async look(file: string, bytes: number, copy: string, thumb: string): Promise<Look | 'busy' | 'failed'> {
    const { image_bytes_max: imageBytesMax, image_pixels_max: pixelsMax, thumb_pixels: thumbPixels } = this.limits;
    if (this.closed || this.waiting.length >= this.limits.looks_waiting_max) {
      this.probe?.count('file_looks', 'busy', 1);
      this.probe?.count('bounds_reached', 'gateway.looks_waiting_max', 1);
      return 'busy';
    }
    const job: LookJob = { job: ++this.jobs, file, bytes, copy, thumb, imageBytesMax, pixelsMax, thumbPixels };
    return new Promise((done) => {
      this.waiting.push({ job, done });
      this.next();
    });
  }

  get fill(): Fill {
    return { bound: 'gateway.looks_waiting_max', used: this.waiting.length, limit: this.limits.looks_waiting_max };
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    this.child?.kill('SIGKILL');
    const all = [...(this.current ? [this.current] : []), ...this.waiting.splice(0)];
    this.current = undefined;
    for (const { done } of all) done('failed');
  }

  private next(): void {
    if (this.current !== undefined) return;
    this.current = this.waiting.shift();
    if (this.current === undefined) return;
    this.startedMs = performance.now();
    this.child ??= this.start();
    this.hold(true);
    const { child } = this;
    child.send(this.current.job, (error) => {
      // Its exit tells the rest.
      if (error) child.kill('SIGKILL');
    });
    this.timer = setTimeout(() => child.kill('SIGKILL'), this.limits.image_ms_max);
  }

  private start(): ChildProcess {
    const child = fork(worker, [String(this.limits.image_memory_bytes_max)], {
      execArgv: [],
      // Nothing of this process: no secrets, no keys of a storage.
      env: { MALLOC_ARENA_MAX: '2' },
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    child.on('message', ({ job, look }: LookDone) => {
      if (job === this.current?.job.job) this.settle(look ?? 'failed');
    });
    child.once('exit', (code, signal) => this.ended(child, { code, signal }));
    child.on('error', (error) => this.log.warn({ error }, 'the process that looks into files failed'));
    return child;
  }

  private ended(child: ChildProcess, how: object): void {
    if (this.child !== child) return;
    this.child = undefined;
    if (this.closed || this.current === undefined) return;
    this.log.warn({ ...how, bytes: this.current.job.bytes }, 'the process that looks into files died of one');
    this.settle('failed');
  }

  private settle(look: Look | 'failed'): void {
    clearTimeout(this.timer);
    const { done } = this.current ?? {};
    this.current = undefined;
    const outcome = look === 'failed' ? look : look.kind;
    this.probe?.count('file_looks', outcome, 1);
    this.probe?.took('file_look', outcome, performance.now() - this.startedMs);
    done?.(look);
    this.next();
    if (this.current === undefined) this.hold(false);
  }

  /** While it has nothing to do it must not keep this process alive. */
  private hold(on: boolean): void {
    for (const one of [this.child, this.child?.channel]) {
      if (on) one?.ref();
      else one?.unref();
    }
  }
}
