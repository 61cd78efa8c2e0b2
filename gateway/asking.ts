/** Questions of HTTP requests to actors. */
import type { Door, Protocol, Ref, ReplyOf } from '../runtime/index.ts';
import { HttpRefusal } from './errors.ts';

/** The reply, or what the client is told when there is none. */
export async function ask<P extends Protocol, K extends keyof P & string>(
  door: Door,
  to: Ref<P>,
  mail: { readonly kind: K } & P[K]['mail'],
  waitMs: number,
): Promise<ReplyOf<P, K> | HttpRefusal> {
  const asked = await door.ask(to, mail, waitMs);
  switch (asked.kind) {
    case 'reply':
      return asked.value;
    case 'refused':
      return new HttpRefusal(asked.why === 'full' ? 'overloaded' : 'unavailable', 1_000);
    case 'unknown':
      return new HttpRefusal('unknown_outcome', 1_000);
  }
}
