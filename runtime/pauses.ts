/**
 * Notices that this process was paused. Others may have taken over meanwhile, and what no record of ours proves, such as the answer to a
 * question, would be out of date.
 */
export class Pauses {
  readonly #longMs: number;
  #beatMs = Number.NEGATIVE_INFINITY;
  #noticedMs = 0;

  /** A beat that comes later than this was held up by a pause. */
  constructor(longMs: number) {
    this.#longMs = longMs;
  }

  /** To be called in a steady rhythm. True after a pause. */
  beat(nowMs: number): boolean {
    const paused = this.#isLate(nowMs);
    if (paused) this.#noticedMs = nowMs;
    this.#beatMs = nowMs;
    return paused;
  }

  /** True from a pause on, until a proof of ownership that began after the pause was noticed: the last began at `provenMs`. */
  mayBeStale(nowMs: number, provenMs: number): boolean {
    return this.#isLate(nowMs) || provenMs < this.#noticedMs;
  }

  #isLate(nowMs: number): boolean {
    return nowMs - this.#beatMs > this.#longMs;
  }
}
