import { sdkLimits } from './limits.ts';

/**
 * When to say `received`. A message of somebody else is acknowledged at once, for its sender waits for the second tick. Nobody waits
 * for the acknowledgement of a receipt or of an own message: those are said by the dozen, before the server's window fills.
 */
export class Acks {
  #said = 0;
  /** The oldest and the newest message of others that is not acknowledged; 0 for none. */
  #urgentFrom = 0;
  #urgentTo = 0;
  #lag: number = sdkLimits.received_lag_events_max;

  urgent(n: number): void {
    if (this.#urgentFrom === 0) this.#urgentFrom = n;
    this.#urgentTo = n;
  }

  /** Whether `received` up to `consumed` should be said now. */
  due(consumed: number): boolean {
    if (consumed <= this.#said) return false;
    return consumed - this.#said >= this.#lag || (this.#urgentFrom > 0 && consumed >= this.#urgentFrom);
  }

  said(upTo: number): void {
    this.#said = upTo;
    this.#lag = sdkLimits.received_lag_events_max;
    this.#urgentFrom = this.#urgentTo > upTo ? upTo + 1 : 0;
  }

  /** Whatever is not acknowledged is due now. */
  hurry(): void {
    this.#lag = 1;
  }

  /** The server knows of nothing after `cursor`; `anew`: and numbers from before mean nothing any more. */
  restart(cursor: number, anew: boolean): void {
    if (anew) this.#urgentTo = 0;
    this.said(cursor);
  }
}
