import { Fault } from '../proto/fault.ts';
import { sentFileOf } from '../proto/file-words.ts';
import type { DeviceState } from '../proto/mail.ts';
import type { DeviceId, FileFacts, FileId, MessageAt, UserId } from '../proto/words.ts';
import { RingpostError } from './errors.ts';
import { sdkLimits } from './limits.ts';
import type { Tokens } from './storage.ts';
import { pauseAsked } from './time.ts';

export interface Credentials {
  readonly user: UserId;
  readonly password: string;
  readonly device: DeviceId;
}
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** A server that says this has done nothing: another one, or this one in a moment, may. */
const elsewhere: ReadonlySet<string> = new Set(['leaving', 'not_serving', 'unavailable']);

/**
 * The accounts of a Ringpost, over HTTP. Urls are tried in turn, beginning with the one that answered last; all of them again when the last
 * one is only just leaving or moving the account. All calls reject with a `RingpostError`: the server's own code and reason, `unreachable`
 * when no url answers, `bad_answer` when it is not Ringpost that does.
 */
export class AccountApi {
  readonly #urls: readonly string[];
  readonly #fetch: Fetch;
  #turn = 0;

  constructor(urls: readonly string[], fetch: Fetch = (url, init) => globalThis.fetch(url, init)) {
    this.#urls = urls;
    this.#fetch = fetch;
  }

  async register(credentials: Credentials): Promise<Tokens> {
    return asTokens(await this.call('POST', '/v1/accounts', { ...credentials }));
  }

  async login(credentials: Credentials): Promise<Tokens> {
    return asTokens(await this.call('POST', '/v1/sessions', { ...credentials }));
  }

  /** The old refresh token is worthless afterwards. */
  async refresh({ user, device, session, refreshToken }: Tokens): Promise<Tokens> {
    return asTokens(await this.call('POST', '/v1/sessions/refresh', { user, device, session, refreshToken }));
  }

  async devices(accessToken: string): Promise<readonly DeviceState[]> {
    const body = await this.call('GET', '/v1/devices', undefined, accessToken);
    const devices = isRecord(body) ? body.devices : undefined;
    if (!Array.isArray(devices) || !devices.every(isDeviceState)) throw badAnswer();
    return devices;
  }

  /** The body of an answer that is still coming. */
  async open(path: string, accessToken: string): Promise<ReadableStream<Uint8Array>> {
    const controller = new AbortController();
    const late = setTimeout(() => controller.abort(new Error('it took too long')), sdkLimits.http_wait_ms_max);
    const take = { read: openBody, signal: () => controller.signal };
    try {
      return (await this.call('GET', path, undefined, accessToken, take)) as ReadableStream<Uint8Array>;
    } finally {
      clearTimeout(late);
    }
  }

  /** What is to be known of the file that an upload has brought. May be asked again. */
  async takeUpload(upload: string, accessToken: string): Promise<FileFacts> {
    const body = await this.call('POST', '/v1/files', { upload }, accessToken);
    const file = isRecord(body) ? sentFileOf({ ...body, kind: 'file', name: '' }, body) : undefined;
    if (file === undefined || file instanceof Fault) throw badAnswer();
    const { kind: _, name: __, ...facts } = file;
    return facts;
  }

  /** Where a file is for some minutes: a path, for any of the urls. */
  async fileAddress(
    file: FileId,
    ask: { readonly by?: MessageAt | undefined; readonly of?: UserId | undefined; readonly thumb: boolean },
    accessToken: string,
  ): Promise<{ readonly url: string; readonly until: number }> {
    const body = await this.call('POST', `/v1/files/${file}`, ask, accessToken);
    if (!isRecord(body) || typeof body.url !== 'string' || typeof body.until !== 'number') throw badAnswer();
    return { url: body.url, until: body.until };
  }

  /** The url that answered last. */
  get url(): string {
    return this.#urls[this.#turn % this.#urls.length] ?? '';
  }

  /** The body of the answer, whatever it is. */
  async call(
    method: string,
    path: string,
    body?: object,
    accessToken?: string,
    { read, signal }: Take = whole,
  ): Promise<unknown> {
    const init = {
      method,
      headers: {
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(accessToken !== undefined && { authorization: `Bearer ${accessToken}` }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    };
    let failure: RingpostError | undefined;
    for (let tried = 0; tried < this.#urls.length * sdkLimits.http_rounds_max; tried++) {
      if (tried > 0 && tried % this.#urls.length === 0) {
        if (failure === undefined || !elsewhere.has(failure.code)) break;
        await pauseAsked(failure.afterMs ?? sdkLimits.overload_wait_ms_min);
      }
      const url = this.#urls[this.#turn % this.#urls.length]!;
      try {
        const response = await this.#fetch(url + path, {
          ...init,
          signal: signal(),
        });
        return await read(response);
      } catch (thrown) {
        failure = thrown instanceof RingpostError ? thrown : unreachable(url, thrown);
        if (failure.code !== 'unreachable' && !elsewhere.has(failure.code)) throw failure;
        this.#turn++;
      }
    }
    throw failure ?? new RingpostError('unreachable', 'There is no url to try.', false);
  }
}

/** How an answer is taken, and what ends the waiting for it. */
interface Take {
  readonly read: (response: Response) => Promise<unknown>;
  readonly signal: () => AbortSignal;
}

const whole: Take = { read: bodyOf, signal: () => AbortSignal.timeout(sdkLimits.http_wait_ms_max) };

async function openBody(response: Response): Promise<unknown> {
  if (!response.ok) return bodyOf(response);
  if (response.body === null) throw badAnswer();
  return response.body;
}

/** `http`, `https`, `ws` and `wss` urls all name the same server; the result is its http(s) form without a path's last slash. */
export function serverUrl(url: string): string {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    throw new RingpostError('malformed', `"${url}" is not a url such as http://localhost:7100.`, false);
  }
  if (!/^(https?|wss?):$/.test(parsed.protocol)) {
    throw new RingpostError('malformed', `"${url}" is not an http, https, ws or wss url.`, false);
  }
  const path = parsed.pathname.replace(/\/+$/, '');
  return `${parsed.protocol.replace('ws', 'http')}//${parsed.host}${path}`;
}

export function socketUrl(url: string): string {
  return `${url.replace('http', 'ws')}/v1/socket`;
}

export function unreachable(url: string, cause: unknown): RingpostError {
  const why = wordsOf(cause);
  return new RingpostError('unreachable', `No answer from ${url}${why === '' ? '' : ` (${why})`}.`, true, { cause });
}

/** No transport gets through to a server that is not there. Only Node can tell. */
export function nobodyThere(cause: unknown): boolean {
  const why = wordsOf(cause);
  return why === refused || why === noHost;
}

const refused = 'connection refused';
const noHost = 'no such host';

/** Node says why a connection failed in codes, some levels down; browsers say nothing. */
function wordsOf(cause: unknown): string {
  if (!(cause instanceof Error)) return typeof cause === 'string' ? cause : '';
  const code = (cause as { code?: unknown }).code;
  switch (code) {
    case 'ECONNREFUSED':
      return refused;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return noHost;
    case 'ECONNRESET':
    case 'EPIPE':
      return 'the connection broke';
  }
  if (cause.name === 'TimeoutError') return 'it took too long';
  const nested = cause.cause ?? (cause instanceof AggregateError ? cause.errors[0] : undefined);
  return nested === undefined ? cause.message : wordsOf(nested);
}

/** What a response says. Throws a `RingpostError` for what is not carried out. */
export async function bodyOf(response: Response): Promise<unknown> {
  let body: unknown;
  try {
    body = response.status === 204 ? undefined : await response.json();
  } catch (cause) {
    // A proxy's own page, mostly: what its status says is all there is to know.
    if (cause instanceof SyntaxError && response.ok) throw badAnswer(cause);
    if (!(cause instanceof SyntaxError)) throw cause;
  }
  if (response.ok) return body;
  const error = isRecord(body) && isRecord(body.error) ? body.error : {};
  const { code, reason, retry, afterMs } = error;
  if (typeof code === 'string' && typeof reason === 'string') {
    throw new RingpostError(code, reason, retry === true, {
      afterMs: typeof afterMs === 'number' ? afterMs : undefined,
    });
  }
  const later = response.status >= 500 || response.status === 429;
  throw new RingpostError('bad_answer', `The server answered with status ${response.status} and no reason.`, later);
}

export function badAnswer(cause?: unknown): RingpostError {
  return new RingpostError('bad_answer', 'The answer is not one of a Ringpost server.', false, { cause });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isDeviceState(value: unknown): value is DeviceState {
  return (
    isRecord(value) &&
    typeof value.device === 'string' &&
    typeof value.since === 'number' &&
    typeof value.seen === 'number' &&
    typeof value.online === 'boolean' &&
    typeof value.current === 'boolean'
  );
}

const tokenTexts = ['user', 'device', 'session', 'accessToken', 'refreshToken'] as const;
const tokenTimes = ['accessUntil', 'refreshUntil'] as const;

function asTokens(body: unknown): Tokens {
  if (!isRecord(body)) throw badAnswer();
  if (!tokenTexts.every((field) => typeof body[field] === 'string')) throw badAnswer();
  if (!tokenTimes.every((field) => typeof body[field] === 'number')) throw badAnswer();
  const tokens = Object.fromEntries([...tokenTexts, ...tokenTimes].map((field) => [field, body[field]]));
  const home = typeof body.home === 'string' && /^https?:\/\//.test(body.home) ? { home: serverUrl(body.home) } : {};
  return { ...tokens, ...home } as unknown as Tokens;
}
