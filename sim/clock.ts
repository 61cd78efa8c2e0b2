/** Simulated time and chance. One world's time moves only when the test moves it; one seed decides all that is left open. */
import { setImmediate } from 'node:timers';
import type { Cancel, Clock, Random, Timers } from '../runtime/ports.ts';

/** Splits into streams: drawing more from one doesn't change what another draws. */
export class SimRandom implements Random {
  readonly #seed: number;
  #a: number;
  #b: number;
  #c: number;
  #d = 1;

  /** Any integer; only its low 32 bits count. */
  constructor(seed: number) {
    this.#seed = seed >>> 0;
    let word = this.#seed;
    // splitmix32 spreads a small seed over the state of sfc32 (Chris Doty-Humphrey's PractRand).
    const next = () => {
      word = (word + 0x9e3779b9) | 0;
      let mixed = Math.imul(word ^ (word >>> 16), 0x21f0aaad);
      mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
      return (mixed ^ (mixed >>> 15)) >>> 0;
    };
    this.#a = next();
    this.#b = next();
    this.#c = next();
    for (let i = 0; i < 12; i++) this.#word();
  }

  /** A stream of its own for each name. */
  stream(name: string): SimRandom {
    let hash = this.#seed ^ 0x811c9dc5;
    for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
    return new SimRandom(hash);
  }

  fraction(): number {
    return (this.#word() * 2 ** 21 + (this.#word() >>> 11)) / 2 ** 53;
  }

  id(): string {
    return Array.from({ length: 22 }, () => letters[this.#word() & 63]).join('');
  }

  /** An integer, `from <= n <= to`. */
  between(from: number, to: number): number {
    return from + Math.floor(this.fraction() * (to - from + 1));
  }

  /** One of them. */
  pick<T>(from: readonly T[]): T {
    if (from.length === 0) throw new RangeError('nothing to pick from');
    return from[this.between(0, from.length - 1)] as T;
  }

  /** Exponentially distributed, as the times between events that know nothing of one another are. */
  exponential(mean: number): number {
    return -Math.log(1 - this.fraction()) * mean;
  }

  /** True once in `1 / odds` draws. */
  chance(odds: number): boolean {
    return odds > 0 && this.fraction() < odds;
  }

  #word(): number {
    const word = (((this.#a + this.#b) | 0) + this.#d) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + word) | 0;
    this.#d = (this.#d + 1) | 0;
    return word >>> 0;
  }
}

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

interface Event {
  readonly atMs: number;
  /** Orders events of the same moment. */
  readonly tie: number;
  readonly order: number;
  run: (() => void) | undefined;
}

/** The one clock of a simulated world, and all that is yet to happen in it. */
export class SimTime {
  readonly #events: Event[] = [];
  readonly #random: SimRandom | undefined;
  /** Told of each event just before it happens. */
  onEvent: ((atMs: number) => void) | undefined;
  #nowMs = 0;
  #order = 0;
  #steps = 0;

  /** With a random, events of the same moment happen in an order that the seed chooses; without, in that of their calls. */
  constructor(random?: SimRandom) {
    this.#random = random;
  }

  /** Milliseconds since the world began. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Events to come. */
  get pending(): number {
    return this.#events.reduce((sum, { run }) => sum + (run === undefined ? 0 : 1), 0);
  }

  after(ms: number, run: () => void): Cancel {
    const tie = this.#random?.fraction() ?? 0;
    const event: Event = { atMs: this.#nowMs + Math.max(0, ms), tie, order: this.#order++, run };
    push(this.#events, event);
    return () => {
      event.run = undefined;
    };
  }

  /** A promise of that moment, for the models of I/O. */
  passed(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve));
  }

  /** The next event, and all that follows from it without time passing. False when there is none until `untilMs`. */
  async step(untilMs = Number.POSITIVE_INFINITY): Promise<boolean> {
    const run = this.#next(untilMs);
    if (run === undefined) return false;
    run();
    await settled();
    return true;
  }

  /**
   * One event after another, until `enough`, which is asked before each, or nothing is left to happen. Rejects with what an event throws.
   * The same as `step` in a loop, at a fraction of its cost.
   */
  run(enough: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const tick = (): void => {
        try {
          const run = enough() ? undefined : this.#next(Number.POSITIVE_INFINITY);
          if (run === undefined) {
            resolve();
            return;
          }
          run();
        } catch (error) {
          reject(error);
          return;
        }
        // Now and then the process needs a look at its own affairs, such as the death of its parent.
        if (++this.#steps % breath_steps === 0) setImmediate(tick);
        else queueMicrotask(() => process.nextTick(tick));
      };
      tick();
    });
  }

  /** Its time has come. Undefined when there is none until `untilMs`. */
  #next(untilMs: number): (() => void) | undefined {
    for (;;) {
      const next = this.#events[0];
      if (next === undefined || next.atMs > untilMs) return undefined;
      pop(this.#events);
      const { run } = next;
      if (run === undefined) continue;
      this.#nowMs = next.atMs;
      next.run = undefined;
      this.onEvent?.(next.atMs);
      return run;
    }
  }

  /** Lets `ms` milliseconds pass. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await settled();
    while (await this.step(untilMs));
    this.#nowMs = untilMs;
  }

  /** Lets time pass until the promise is settled; rejects when `maxMs` were not enough, or nothing is left to happen. */
  async until<T>(promise: Promise<T>, maxMs = 600_000): Promise<T> {
    const untilMs = this.#nowMs + maxMs;
    let done = false;
    const mark = () => {
      done = true;
    };
    promise.then(mark, mark);
    await settled();
    while (!done) {
      if (!(await this.step(untilMs))) throw new Error(`not settled by ${this.#nowMs} ms of simulated time`);
    }
    return promise;
  }
}

const breath_steps = 1_000;

/**
 * Until every promise that can settle has settled. All work is in promises, and Node runs a tick that was asked for by a microtask only
 * when the queue of microtasks is empty (`lib/internal/process/task_queues.js`).
 */
function settled(): Promise<void> {
  return new Promise((resolve) => queueMicrotask(() => process.nextTick(resolve)));
}

function before(a: Event, b: Event): boolean {
  if (a.atMs !== b.atMs) return a.atMs < b.atMs;
  return a.tie !== b.tie ? a.tie < b.tie : a.order < b.order;
}

/** A binary heap, the next event first. */
function push(heap: Event[], event: Event): void {
  let at = heap.length;
  while (at > 0) {
    const above = (at - 1) >> 1;
    const parent = heap[above] as Event;
    if (!before(event, parent)) break;
    heap[at] = parent;
    at = above;
  }
  heap[at] = event;
}

function pop(heap: Event[]): void {
  const moved = heap.pop();
  if (moved === undefined || heap.length === 0) return;
  let at = 0;
  for (;;) {
    let below = 2 * at + 1;
    if (below >= heap.length) break;
    if (below + 1 < heap.length && before(heap[below + 1] as Event, heap[below] as Event)) below++;
    if (!before(heap[below] as Event, moved)) break;
    heap[at] = heap[below] as Event;
    at = below;
  }
  heap[at] = moved;
}

/** The clock and timers of one simulated process. */
export class SimClock implements Clock, Timers {
  readonly #time: SimTime;
  readonly #bornMs: number;
  /** Added to what the wall clock says; a test may make it jump. */
  wallOffsetMs: number;
  #alive = true;

  /** `wallMs`: what the wall clock says when the world begins. */
  constructor(time: SimTime, wallMs = 1_800_000_000_000) {
    this.#time = time;
    this.#bornMs = time.nowMs;
    this.wallOffsetMs = wallMs;
  }

  wallMs(): number {
    return Math.floor(this.#time.nowMs + this.wallOffsetMs);
  }

  /** From the birth of the process, so that nobody relies on two processes agreeing. */
  monotonicMs(): number {
    return this.#time.nowMs - this.#bornMs;
  }

  after(ms: number, run: () => void): Cancel {
    return this.#time.after(ms, () => this.#alive && run());
  }

  soon(run: () => void): void {
    this.after(0, run);
  }

  /** The process is gone: none of its timers runs. */
  crash(): void {
    this.#alive = false;
  }
}
