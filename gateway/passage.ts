import type { Push } from '../runtime/index.ts';
import type { Lane, Mark, Waiter } from './lane.ts';
import { Share } from './turns.ts';

interface Marked {
  readonly number: number;
  readonly mark: Mark;
}

/** The way of one socket's frames to its actor: they are numbered, and some of them are answered when they have had their effect. */
export class Passage {
  readonly lane: Lane;
  readonly share = new Share();
  readonly #frameBytes: number;
  #marked: Marked[] = [];
  #count = 0;

  /** `frameBytes`: what a frame counts for besides its own bytes. */
  constructor(lane: Lane, frameBytes: number) {
    this.lane = lane;
    this.#frameBytes = frameBytes;
  }

  get nextNumber(): number {
    return this.#count + 1;
  }

  /** When the oldest frame that waits for its answer was handed over, monotonic ms; Infinity for none. */
  get oldestMs(): number {
    return this.#marked[0]?.mark.atMs ?? Number.POSITIVE_INFINITY;
  }

  costOf(frame: Uint8Array | string): number {
    return frame.length + this.#frameBytes;
  }

  /** The next frame was handed over. */
  took(cost: number, marked: boolean, nowMs: number): void {
    this.#count++;
    const mark = this.lane.took(cost, marked, nowMs);
    if (mark !== undefined) this.#marked.push({ number: this.#count, mark });
  }

  /** The frame of this number has had its effect, and so have all before it, or they were lost. */
  answered(upTo: number, nowMs: number): void {
    for (let first = this.#marked[0]; first !== undefined && first.number <= upTo; first = this.#marked[0]) {
      this.#marked.shift();
      if (first.number === upTo) this.lane.answered(first.mark, nowMs);
      else this.lane.forget(first.mark);
    }
  }

  /** What is on its way, or waits for its turn, is not wanted any more. */
  end(waiter: Waiter): void {
    this.lane.leave(waiter);
    for (const { mark } of this.#marked.splice(0)) this.lane.forget(mark);
  }
}

/** The number of a frame that has had its effect: no frame begins with a digit. */
export function isAnswer(push: Push): boolean {
  return typeof push === 'string' && push.charCodeAt(0) >= 0x30 && push.charCodeAt(0) <= 0x39;
}
