import { HttpRefusal } from './errors.ts';
import type { GatewayLimits } from './limits.ts';
import { type Rate, rate } from './rates.ts';
import { type Tally, tally } from './tally.ts';

/** How many sockets there may be, of a peer, of a user and in all, and how fast a peer may open them: whatever they are made of. */
export class Admission {
  readonly #sockets: Tally;
  readonly #users: Tally;
  readonly #rate: Rate;

  constructor(limits: GatewayLimits) {
    this.#sockets = tally(limits.sockets_per_peer_max, limits.sockets_max);
    this.#users = tally(limits.sockets_per_user_max, limits.sockets_max);
    this.#rate = rate(limits.handshakes_per_peer_burst, limits.handshakes_per_peer_per_minute, limits.rate_peers_max);
  }

  /** Counts one more socket of a peer: what to call when it is no more, or why it may not be. */
  socket(peer: string): (() => void) | HttpRefusal {
    const waitMs = this.#rate.take(peer, performance.now());
    if (waitMs > 0) return new HttpRefusal('too_fast', waitMs);
    const taken = this.#sockets.take(peer);
    if (taken !== 'taken') return new HttpRefusal(taken === 'all_full' ? 'overloaded' : 'too_many_sockets', 1_000);
    return () => this.#sockets.give(peer);
  }

  /** Counts one more socket of a user: what to call when it is no more, or undefined when the user has as many as it may have. */
  user(user: string): (() => void) | undefined {
    if (this.#users.take(user) !== 'taken') return undefined;
    return () => this.#users.give(user);
  }
}
