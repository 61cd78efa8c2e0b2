/** Whether a node can do an owner's work: whether its store and the journal take what it gives them. */
import type { Limits } from './limits.ts';
import type { Fitness } from './members.ts';
import type { Ports } from './ports.ts';

export interface HealthHost {
  readonly ports: Ports;
  readonly limits: Limits;
  /** For how long the store has taken nothing of what it was to take, ms. */
  storeRefusesMs(): number;
  /** For how long the journal has taken nothing of what it was to take, ms. */
  journalSilentMs(): number;
}

export class Health {
  readonly #host: HealthHost;
  /** It was, and the journal has not answered since. */
  #silent = false;
  #asking = false;

  constructor(host: HealthHost) {
    this.#host = host;
  }

  get fitness(): Fitness {
    const { limits, storeRefusesMs, journalSilentMs } = this.#host;
    if (storeRefusesMs() >= limits.unfit_ms) return 'no store';
    return this.#silent || journalSilentMs() >= limits.unfit_ms ? 'no journal' : 'fit';
  }

  /** To be called in a steady rhythm. Others may have all that the journal was to take, and still it should be known when it answers again. */
  look(): void {
    const { ports, limits, journalSilentMs } = this.#host;
    const isSilent = journalSilentMs() >= limits.unfit_ms;
    this.#silent ||= isSilent;
    if (!this.#silent || isSilent || this.#asking) return;
    this.#asking = true;
    const asked = ports.journal.last(0).then(() => {
      this.#silent = journalSilentMs() >= limits.unfit_ms;
    });
    void asked
      .catch(() => {})
      .finally(() => {
        this.#asking = false;
      });
  }
}
