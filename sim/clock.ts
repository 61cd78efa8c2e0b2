/** Simulated time and chance. One world's time moves only when the test moves it; one seed decides all that is left open. */
import type { Cancel, Clock, Random, Timers } from '../runtime/ports.ts';

/** Splits into streams: drawing more from one doesn't change what another draws. */
export class SimRandom implements Random {
  readonly #seed: number;
  #state: [number, number, number, number];

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
    this.#state = [next(), next(), next(), 1];
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

  /** True once in `1 / odds` draws. */
  chance(odds: number): boolean {
    return odds > 0 && this.fraction() < odds;
  }

  #word(): number {
    const [a, b, c, d] = this.#state;
    const word = (((a + b) | 0) + d) | 0;
    this.#state = [b ^ (b >>> 9), (c + (c << 3)) | 0, (((c << 21) | (c >>> 11)) + word) | 0, (d + 1) | 0];
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
  #nowMs = 0;
  #order = 0;

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
    for (;;) {
      const next = this.#events[0];
      if (next === undefined || next.atMs > untilMs) return false;
      pop(this.#events);
      if (next.run === undefined) continue;
      this.#nowMs = next.atMs;
      next.run();
      await settled();
      return true;
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

/**
 * Until every promise that can settle has settled. All work is in promises, so one turn of the event loop does: the queue
 * of microtasks is emptied before it.
 */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
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
