import type { Lane, Waiter } from './lane.ts';

interface Frame {
  readonly cost: number;
  readonly atMs: number;
}

/** The frames of one socket that are on their way to their effect: numbered, in order, and counted on the lane to their node. */
export class Passage {
  readonly lane: Lane;
  readonly #frameBytes: number;
  #underWay: Frame[] = [];
  #count = 0;

  /** `frameBytes`: what a frame counts for besides its own bytes. */
  constructor(lane: Lane, frameBytes: number) {
    this.lane = lane;
    this.#frameBytes = frameBytes;
  }

  get nextNumber(): number {
    return this.#count + 1;
  }

  /** When the oldest of them was handed over, monotonic ms; Infinity for none. */
  get oldestMs(): number {
    return this.#underWay[0]?.atMs ?? Number.POSITIVE_INFINITY;
  }

  costOf(frame: Uint8Array | string): number {
    return frame.length + this.#frameBytes;
  }

  /** A frame was handed over. */
  took(frame: Uint8Array | string, nowMs: number): void {
    this.#count++;
    const cost = this.costOf(frame);
    this.#underWay.push({ cost, atMs: nowMs });
    this.lane.took(cost);
  }

  /** The actor has been through one more frame, and what it caused is durable. */
  through(nowMs: number): void {
    const first = this.#underWay.shift();
    if (first !== undefined) this.lane.done(first.cost, nowMs - first.atMs, nowMs);
  }

  /** What is on its way, or waits for its turn, is not wanted any more. */
  end(waiter: Waiter): void {
    this.lane.leave(waiter);
    const cost = this.#underWay.reduce((sum, frame) => sum + frame.cost, 0);
    this.#underWay = [];
    this.lane.forget(cost);
  }
}
