import { createHash, randomBytes, webcrypto } from 'node:crypto';
import { errors, jwtVerify, SignJWT } from 'jose';
import { isDeviceId, isUserId } from '../proto/decode.ts';
import type { Claims } from '../proto/mail.ts';

const issuer = 'ringpost';
const algorithm = 'HS256';
/** An HMAC key shorter than its hash weakens it (RFC 7518 section 3.2). */
const secretBytesMin = 32;

export interface Secrets {
  /** Signs and verifies. */
  readonly secret: Uint8Array;
  /** Only verify: keys before a change of `secret`, for as long as access tokens live. */
  readonly formerSecrets?: readonly Uint8Array[];
}

export type Verified =
  | { readonly kind: 'valid'; readonly claims: Claims }
  | { readonly kind: 'expired' }
  | { readonly kind: 'invalid' };

export interface AccessTokens {
  /** Seconds are a token's grain: `untilMs` is rounded down to one. */
  sign(claims: Claims, untilMs: number): Promise<string>;
  verify(token: string): Promise<Verified>;
}

/** Short-lived signed tokens (JWT), so that a handshake costs no question to any actor. Throws a TypeError on a short secret. */
export async function accessTokens(secrets: Secrets): Promise<AccessTokens> {
  const keys = new Map<string, webcrypto.CryptoKey>();
  for (const secret of [secrets.secret, ...(secrets.formerSecrets ?? [])]) {
    if (secret.length < secretBytesMin) throw new TypeError(`a signing secret has at least ${secretBytesMin} bytes`);
    keys.set(keyId(secret), await hmacKey(secret));
  }
  const kid = keyId(secrets.secret);
  const signing = await hmacKey(secrets.secret);
  return {
    sign: (claims, untilMs) =>
      new SignJWT({ dev: claims.device, sid: claims.session })
        .setProtectedHeader({ alg: algorithm, kid })
        .setIssuer(issuer)
        .setSubject(claims.user)
        .setExpirationTime(Math.floor(untilMs / 1000))
        .sign(signing),
    async verify(token) {
      try {
        const { payload } = await jwtVerify(
          token,
          (header) => {
            const key = keys.get(header.kid ?? '');
            if (!key) throw new errors.JWKSNoMatchingKey();
            return key;
          },
          { algorithms: [algorithm], issuer, requiredClaims: ['sub', 'dev', 'sid', 'exp'] },
        );
        const { sub: user, dev: device, sid: session } = payload;
        if (!isUserId(user) || !isDeviceId(device) || !isSession(session)) return { kind: 'invalid' };
        return { kind: 'valid', claims: { user, device, session } };
      } catch (error) {
        // jose checks the signature first: an expired token is one that was good.
        return { kind: error instanceof errors.JWTExpired ? 'expired' : 'invalid' };
      }
    },
  };
}

function hmacKey(secret: Uint8Array): Promise<webcrypto.CryptoKey> {
  return webcrypto.subtle.importKey('raw', secret, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify']);
}

function keyId(secret: Uint8Array): string {
  return createHash('sha256').update('ringpost key id').update(secret).digest('base64url').slice(0, 8);
}

export function newSessionId(): string {
  return randomBytes(16).toString('base64url');
}

function isSession(value: unknown): value is string {
  return typeof value === 'string' && /^[A-Za-z0-9_-]{22}$/.test(value);
}

/**
 * `user~device~session~32 random bytes`: one text that a client keeps, and all that is needed to find the account it is for.
 * The account keeps its SHA-256 over the whole text, so no part of it can be exchanged.
 */
export function newRefreshToken(claims: Claims): string {
  return [claims.user, claims.device, claims.session, randomBytes(32).toString('base64url')].join('~');
}

/** What a refresh token says about itself: true only if the account knows its hash. */
export function readRefreshToken(token: string): Claims | undefined {
  const [user, device, session, random, ...rest] = token.split('~');
  if (!isUserId(user) || !isDeviceId(device) || !isSession(session) || rest.length > 0) return undefined;
  if (!/^[A-Za-z0-9_-]{43}$/.test(random ?? '')) return undefined;
  return { user, device, session };
}

export function refreshHash(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}
