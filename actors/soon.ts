import type { Turn } from '../runtime/index.ts';

/**
 * The mail comes in about `ms` milliseconds, whatever the wall clock does meanwhile; should the actor move before, it comes by a durable timer. So it may
 * come twice, and its turn calls `cameBy`.
 */
export function soon(turn: Turn, ms: number, mail: { readonly kind: string }): void {
  turn.later(ms, mail);
  turn.setTimer(mail.kind, turn.now + ms, mail);
}

export function cameBy(turn: Turn, kind: string): void {
  turn.clearTimer(kind);
}
