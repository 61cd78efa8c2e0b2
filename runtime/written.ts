/** What an owner has committed of a partition: in all, and a second of late. */

/** Seconds that a rate is of. */
const span_s = 10;

export interface Rates {
  /** A second, over the last ten whole ones, or those since its first record here. */
  readonly records: number;
  readonly bytes: number;
}

export class Written {
  bytes = 0;
  /** A second each; the one that is still going on is not read. */
  readonly #seconds = new Float64Array(span_s + 1);
  readonly #records = new Float64Array(span_s + 1);
  readonly #bytes = new Float64Array(span_s + 1);
  #firstSecond = Number.POSITIVE_INFINITY;

  /** One record more. `nowMs`: monotonic. */
  add(bytes: number, nowMs: number): void {
    const second = Math.floor(nowMs / 1_000);
    const slot = second % (span_s + 1);
    if (this.#seconds[slot] !== second) {
      this.#seconds[slot] = second;
      this.#records[slot] = 0;
      this.#bytes[slot] = 0;
    }
    this.#records[slot] = (this.#records[slot] as number) + 1;
    this.#bytes[slot] = (this.#bytes[slot] as number) + bytes;
    this.bytes += bytes;
    this.#firstSecond = Math.min(this.#firstSecond, second);
  }

  rates(nowMs: number): Rates {
    const second = Math.floor(nowMs / 1_000);
    const from = Math.max(second - span_s, this.#firstSecond);
    if (from >= second) return { records: 0, bytes: 0 };
    let [records, bytes] = [0, 0];
    for (const [slot, at] of this.#seconds.entries()) {
      if (at < from || at >= second) continue;
      records += this.#records[slot] as number;
      bytes += this.#bytes[slot] as number;
    }
    return { records: records / (second - from), bytes: bytes / (second - from) };
  }
}
