import { RingpostError } from './errors.ts';
import type { Tokens } from './storage.ts';

/** What a bot's token says of itself (a JWT): an access token that is never renewed. Throws `malformed`. */
export function botTokens(token: string): Tokens {
  try {
    const [, payload = ''] = token.split('.');
    const json = new TextDecoder().decode(Uint8Array.from(atob(payload.replace(/-/g, '+').replace(/_/g, '/')), code));
    const { sub, dev, sid, exp } = JSON.parse(json) as { sub: unknown; dev: unknown; sid: unknown; exp: unknown };
    if (typeof sub === 'string' && typeof dev === 'string' && typeof sid === 'string' && typeof exp === 'number') {
      const until = exp * 1_000;
      const session = { user: sub, device: dev, session: sid };
      return { ...session, accessToken: token, accessUntil: until, refreshToken: '', refreshUntil: until };
    }
  } catch {
    // Not a JWT at all: the same words.
  }
  throw new RingpostError('malformed', 'This is not the token of a bot.', false);
}

function code(char: string): number {
  return char.charCodeAt(0);
}
