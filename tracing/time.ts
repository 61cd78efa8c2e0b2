/** A clock set by more than this since the process began is followed. */
const set_ms_min = 5;

/** Ms since the Unix epoch of a moment told in `performance.now()`: finer than the wall clock, and in one process never out of order for want of it. */
export class WallTime {
  #originMs = performance.timeOrigin;
  #lookedMs = Number.NEGATIVE_INFINITY;

  of(monotonicMs: number): number {
    const nowMs = performance.now();
    if (nowMs - this.#lookedMs > 60_000) {
      this.#lookedMs = nowMs;
      const offMs = Date.now() - (this.#originMs + nowMs);
      if (Math.abs(offMs) > set_ms_min) this.#originMs += offMs;
    }
    return this.#originMs + monotonicMs;
  }
}
