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
  journalStuckMs(): number;
}

/** So many times `limits.unfit_ms`: it may be what this node appends that the journal doesn't take. Another would begin without it. */
const stuck_factor = 8;

export class Health {
  readonly #host: HealthHost;
  /** The journal was to take something and didn't, and has not answered since. */
  #silent = false;
  #asking = false;

  constructor(host: HealthHost) {
    this.#host = host;
  }

  get figures(): { readonly fitness: Fitness; readonly journalStuckMs: number; readonly storeRefusesMs: number } {
    const { fitness } = this;
    return { fitness, journalStuckMs: this.#host.journalStuckMs(), storeRefusesMs: this.#host.storeRefusesMs() };
  }

  get fitness(): Fitness {
    const { unfit_ms } = this.#host.limits;
    if (this.#host.storeRefusesMs() >= unfit_ms) return 'no store';
    return this.#silent || this.#host.journalStuckMs() >= unfit_ms * stuck_factor ? 'no journal' : 'fit';
  }

  /**
   * To be called in a steady rhythm. An append that is stuck may be the last that an outage has swallowed, so the journal is asked; and it is asked
   * until it answers, though others may have by then all that it was to take.
   */
  look(): void {
    const isStuck = this.#host.journalStuckMs() >= this.#host.limits.unfit_ms;
    if ((!isStuck && !this.#silent) || this.#asking) return;
    this.#asking = true;
    const answered = (answers: boolean): void => {
      this.#asking = false;
      this.#silent = !answers;
    };
    this.#host.ports.journal.last(0).then(
      () => answered(true),
      () => answered(false),
    );
  }
}
