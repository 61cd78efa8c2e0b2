/** A debounce with an end: true once nothing has changed for `quietMs`, and at the latest `waitMsMax` after the first change. Times are monotonic, ms. */
export class Calm {
  readonly #quietMs: number;
  readonly #waitMsMax: number;
  /** The first and the last of the changes that have followed one another without a calm. */
  #changes: { readonly firstMs: number; readonly lastMs: number } | undefined;

  constructor(quietMs: number, waitMsMax: number) {
    this.#quietMs = quietMs;
    this.#waitMsMax = waitMsMax;
  }

  changed(nowMs: number): void {
    this.#changes = { firstMs: this.#changes?.firstMs ?? nowMs, lastMs: nowMs };
  }

  isCalm(nowMs: number): boolean {
    if (this.#changes === undefined) return true;
    const { firstMs, lastMs } = this.#changes;
    if (nowMs - lastMs < this.#quietMs && nowMs - firstMs < this.#waitMsMax) return false;
    this.#changes = undefined;
    return true;
  }
}
