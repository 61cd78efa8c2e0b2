/** A histogram whose buckets are fixed and whose memory is taken at once: to observe is to add three numbers. */
export class Histogram {
  /** Upper bounds, included, ascending. */
  readonly bounds: readonly number[];
  /** How many fell into each, and behind them how many are beyond the last. */
  readonly #counts: Float64Array;
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    const { bounds } = this;
    let at = 0;
    while (at < bounds.length && value > (bounds[at] as number)) at++;
    this.#counts[at]!++;
    this.#sum += value;
  }

  get sum(): number {
    return this.#sum;
  }

  /** How many there were up to and including each bound, and in all. */
  get cumulative(): readonly number[] {
    let total = 0;
    return Array.from(this.#counts, (count) => {
      total += count;
      return total;
    });
  }
}
