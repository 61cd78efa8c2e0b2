/** Questions of HTTP requests to actors. */
import type { Claims } from '../proto/mail.ts';
import type { Door, Protocol, Ref, ReplyOf } from '../runtime/index.ts';
import { HttpRefusal } from './errors.ts';
import type { AccessTokens } from './tokens.ts';

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

/** Whose request it is, by its access token alone: whether the session is still there only the account knows. */
export async function claimsOf(tokens: AccessTokens, bearer: string | undefined): Promise<Claims | HttpRefusal> {
  if (bearer === undefined) return new HttpRefusal('unauthorised');
  const verified = await tokens.verify(bearer);
  if (verified.kind === 'valid') return verified.claims;
  return new HttpRefusal(verified.kind === 'expired' ? 'expired_token' : 'unauthorised');
}
