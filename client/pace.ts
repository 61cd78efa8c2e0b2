/** Words a second and at once. */
export interface PaceLimits {
  readonly words_per_s_max: number;
  readonly words_burst_max: number;
}

/** A token bucket that tells how much may be said now. A word may be begun with whatever is left, so the count can go below zero. */
export class Pace {
  readonly #perMs: number;
  readonly #burst: number;
  #tokens: number;
  #at = 0;

  constructor({ words_per_s_max, words_burst_max }: PaceLimits) {
    this.#perMs = words_per_s_max / 1_000;
    this.#burst = words_burst_max;
    this.#tokens = words_burst_max;
  }

  /** A new socket, and so a full bucket at its other end, too. */
  restart(now: number): void {
    this.#tokens = this.#burst;
    this.#at = now;
  }

  left(now: number): number {
    this.#tokens = Math.min(this.#burst, this.#tokens + Math.max(0, now - this.#at) * this.#perMs);
    this.#at = now;
    return this.#tokens;
  }

  spend(tokens: number): void {
    this.#tokens -= tokens;
  }

  /** How long until so many words may be said. */
  msUntil(words: number): number {
    return Math.max(0, Math.ceil((Math.min(words, this.#burst) - this.#tokens) / this.#perMs));
  }
}
