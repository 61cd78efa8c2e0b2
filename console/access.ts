/** Who calls: by a client's certificate, or by a token of a file. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import type { PeerCertificate } from 'node:tls';
import { isRole, type Role } from './roles.ts';

export interface Caller {
  readonly who: string;
  readonly role: Role;
}

/** What is asked of those who call. `open`: nothing, for one process on its own machine. */
export type AccessSettings =
  | { readonly kind: 'open' }
  | { readonly kind: 'tokens'; readonly file: string }
  | { readonly kind: 'certificates' };

interface Token extends Caller {
  readonly hash: Uint8Array;
}

const token_chars_min = 24;
const tokens_max = 1_000;
/** Between looks at whether the file has changed, ms. */
const look_ms = 1_000;

/**
 * Tokens of a file: a line each of name, role and token, set apart by blanks; lines that begin with # are passed over. Throws with the line's
 * number where one makes no sense.
 */
export function parseTokens(text: string): Token[] {
  const tokens: Token[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const words = line.trim().split(/\s+/);
    if (words[0] === '' || words[0]?.startsWith('#')) continue;
    const [who = '', role, token = '', ...rest] = words;
    const at = `line ${index + 1} of the tokens`;
    if (rest.length > 0 || !/^[\x21-\x7e]{1,64}$/.test(who))
      throw new Error(`${at}: a name, a role and a token are wanted`);
    if (!isRole(role)) throw new Error(`${at}: the role is viewer, operator or admin`);
    if (token.length < token_chars_min) throw new Error(`${at}: a token has at least ${token_chars_min} characters`);
    tokens.push({ who, role, hash: hashOf(token) });
  }
  if (tokens.length > tokens_max) throw new Error(`at most ${tokens_max} tokens`);
  return tokens;
}

function hashOf(token: string): Uint8Array {
  return createHash('sha256').update(token).digest();
}

export class Access {
  readonly #settings: AccessSettings;
  #tokens: readonly Token[] = [];
  #changedMs = 0;
  #lookedMs = Number.NEGATIVE_INFINITY;

  /** Throws when the tokens can't be read. */
  constructor(settings: AccessSettings) {
    this.#settings = settings;
    if (settings.kind === 'tokens') this.#read(settings.file);
  }

  /** Undefined for those who are not known. `authorization`: the header of the call. */
  callerOf(authorization: string | undefined, certificate: PeerCertificate | undefined): Caller | undefined {
    switch (this.#settings.kind) {
      case 'open':
        return { who: 'local', role: 'admin' };
      case 'certificates':
        return certificate === undefined ? undefined : certified(certificate);
      case 'tokens':
        this.#readAgain(this.#settings.file);
        return this.#byToken(authorization);
    }
  }

  #byToken(authorization = ''): Caller | undefined {
    const [scheme = '', token = ''] = authorization.split(' ', 2);
    if (scheme.toLowerCase() !== 'bearer' || token === '') return undefined;
    const hash = hashOf(token);
    const known = this.#tokens.find((one) => timingSafeEqual(one.hash, hash));
    return known && { who: known.who, role: known.role };
  }

  #read(file: string): void {
    this.#changedMs = statSync(file).mtimeMs;
    this.#tokens = parseTokens(readFileSync(file, 'utf8'));
  }

  /** A file that can't be read, such as one half written, leaves things as they are. */
  #readAgain(file: string): void {
    const nowMs = performance.now();
    if (nowMs - this.#lookedMs < look_ms) return;
    this.#lookedMs = nowMs;
    try {
      if (statSync(file).mtimeMs !== this.#changedMs) this.#read(file);
    } catch {
      // Read again at the next call.
    }
  }
}

/** Name: the subject's common name. Role: its organisational unit (OU); a certificate without one may look only. */
function certified({ subject }: PeerCertificate): Caller | undefined {
  const who = first(subject?.CN);
  if (who === undefined) return undefined;
  const unit = first(subject.OU) ?? 'viewer';
  return isRole(unit) ? { who, role: unit } : undefined;
}

function first(part: string | string[] | undefined): string | undefined {
  return Array.isArray(part) ? part[0] : part;
}
