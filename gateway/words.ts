import { randomBytes, randomUUID } from 'node:crypto';
import type { DeskProtocol } from '../proto/builder-mail.ts';
import { decodeClientFrame } from '../proto/decode.ts';
import { refused } from '../proto/refusals.ts';
import type { ClientWord, Refused } from '../proto/words.ts';
import type { ActorKind, Door } from '../runtime/index.ts';
import type { Callers } from './callers.ts';
import { HttpRefusal } from './errors.ts';
import type { Answer, Call, Route } from './http.ts';
import type { GatewayLimits } from './limits.ts';
import { type Rate, rate } from './rates.ts';

export interface WordsOptions {
  readonly door: Door;
  readonly desk: ActorKind<DeskProtocol>;
  readonly callers: Callers;
  readonly limits: GatewayLimits;
}

/** Of a socket alone. */
const socketWords: ReadonlySet<ClientWord['kind']> = new Set(['hello', 'received', 'watch']);

/** One word over HTTP, and its answer: for what sends now and then, and needs no events (`HTW` in docs/SPEC.md). */
export class Words {
  readonly #options: WordsOptions;
  readonly #rate: Rate;

  constructor(options: WordsOptions) {
    const { limits } = options;
    this.#options = options;
    this.#rate = rate(limits.words_per_user_burst, limits.words_per_user_per_minute, limits.rate_peers_max);
  }

  get routes(): readonly Route[] {
    return [{ method: 'POST', path: '/v1/word', run: (call) => this.#word(call) }];
  }

  async #word(call: Call): Promise<Answer | HttpRefusal> {
    const { callers, limits } = this.#options;
    const claims = await callers.claimed(call);
    if (claims instanceof HttpRefusal) return claims;
    const waitMs = this.#rate.take(claims.user, performance.now());
    if (waitMs > 0) return new HttpRefusal('too_fast', waitMs);
    const texts = await call.jsonTexts(limits.frame_bytes_max);
    if (texts instanceof HttpRefusal) return texts;
    const word = wordOf(texts);
    if ('code' in word) return answerOf(word);
    const { door, desk } = this.#options;
    // No other request has this desk, and its answer needs no way between nodes.
    const at = desk.ref(`${claims.user}/${door.node}.${randomBytes(9).toString('base64url')}`);
    const asked = await door.ask(at, { kind: 'word', claims, word }, limits.ask_wait_ms_max);
    if (asked.kind === 'unknown') return new HttpRefusal('unknown_outcome', 1_000);
    if (asked.kind === 'refused') return new HttpRefusal(asked.why === 'full' ? 'overloaded' : 'unavailable', 1_000);
    if (asked.value === null) return { status: 202, body: {} };
    return asked.value.kind === 'refused' ? answerOf(asked.value) : { status: 200, body: asked.value };
  }
}

/** What names a word is made up where it was left out: who sees the answer needs no name for it. */
function wordOf(texts: readonly string[]): ClientWord | Refused {
  const [text, ...more] = texts;
  let value: unknown;
  try {
    value = JSON.parse(text ?? '');
  } catch {
    value = undefined;
  }
  if (more.length > 0 || typeof value !== 'object' || value === null || Array.isArray(value)) {
    return refused('malformed', {}, { reason: 'The body must be one word, as a JSON object.' });
  }
  const decoded = decodeClientFrame(JSON.stringify({ id: randomUUID(), req: 1, ...value }), 'json');
  if (!decoded.ok) return refused(decoded.code, {}, { reason: decoded.reason });
  const [word] = decoded.words;
  if (word !== undefined && !socketWords.has(word.kind)) return word;
  return refused('malformed', {}, { reason: 'This word is for sockets alone.' });
}

/** A refusal as all others over HTTP are. */
function answerOf({ code, reason, retry, afterMs }: Refused): Answer {
  const body = { error: { code, reason, retry, ...(afterMs !== undefined && { afterMs }) } };
  return { status: statusOf(code, retry), body };
}

function statusOf(code: Refused['code'], retry: boolean): number {
  if (code === 'malformed') return 400;
  if (code === 'too_long') return 413;
  if (code === 'too_fast') return 429;
  if (code === 'unauthorised' || code === 'revoked' || code === 'expired_token') return 401;
  return retry ? 503 : 409;
}
