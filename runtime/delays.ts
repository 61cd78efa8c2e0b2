import type { Cancel, Timers } from './ports.ts';

/** Timers that end with their owner. */
export class Delays {
  readonly #timers: Timers;
  readonly #cancels = new Set<Cancel>();

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  after(ms: number, run: () => void): void {
    const cancel = this.#timers.after(ms, () => {
      this.#cancels.delete(cancel);
      run();
    });
    this.#cancels.add(cancel);
  }

  stop(): void {
    for (const cancel of this.#cancels) cancel();
    this.#cancels.clear();
  }
}
