/** How long things took: every single one is kept, so the percentiles are exact. */

export interface Percentiles {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

export class Latencies {
  #ms = new Float64Array(1 << 16);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(ms: number): void {
    if (this.#count === this.#ms.length) {
      const larger = new Float64Array(this.#ms.length * 2);
      larger.set(this.#ms);
      this.#ms = larger;
    }
    this.#ms[this.#count++] = ms;
  }

  /** In ms; null when nothing was added. */
  percentiles(): Percentiles | null {
    if (this.#count === 0) return null;
    const sorted = this.#ms.slice(0, this.#count).sort();
    const at = (share: number): number =>
      rounded(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0);
    return { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) };
  }
}

/** Three digits are more than such figures are worth. */
export function rounded(value: number): number {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return Number(value.toFixed(digits));
}

/** What one of them cost; null when there were none. */
export function each(total: number, count: number): number | null {
  return count === 0 ? null : rounded(total / count);
}
