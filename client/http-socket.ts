import { createParser } from 'eventsource-parser';
import { bodyOf, type Fetch, nobodyThere } from './account-api.ts';
import { asRingpostError } from './errors.ts';
import { sdkLimits } from './limits.ts';
import type { Session } from './session.ts';
import type { OpenSocket, SocketEars } from './socket.ts';
import { pause } from './time.ts';

export interface HttpSocketOptions {
  readonly url: string;
  readonly fetch: Fetch;
  /** Renews the access token while the socket lives. */
  readonly session: Pick<Session, 'accessToken'>;
  /** How the server's frames are read: from one stream of server-sent events, or poll by poll. */
  readonly reads: 'events' | 'poll';
}

/** Opens a socket made of HTTP requests (`HTS` in docs/SPEC.md), and tells `ears` of it. Its frames are JSON. */
export function openHttpSocket(options: HttpSocketOptions, token: string, ears: SocketEars): OpenSocket {
  const socket = new HttpSocket(options, token, ears);
  void socket.run();
  return { socket, hangUp: (politely) => socket.hangUp(politely) };
}

/** The server answered, and not as hoped. */
class BadStatus extends Error {
  readonly status: number;
  readonly code: string;
  readonly afterMs: number;

  constructor(status: number, code: string, afterMs: number) {
    super(`status ${status}`);
    this.status = status;
    this.code = code;
    this.afterMs = afterMs;
  }
}

class HttpSocket {
  readonly #options: HttpSocketOptions;
  readonly #ears: SocketEars;
  readonly #gone = new AbortController();
  #token: string;
  #path = '';
  /** As a WebSocket's. */
  readyState = 0;
  #over = false;
  /** Frames that the server has not said to have, the first of them with number `#posted` + 1. */
  #queue: string[] = [];
  #posted = 0;
  #posting: Promise<void> | undefined;

  constructor(options: HttpSocketOptions, token: string, ears: SocketEars) {
    this.#options = options;
    this.#token = token;
    this.#ears = ears;
  }

  /** Opens it, and reads until it ends. */
  async run(): Promise<void> {
    try {
      const { socket, pollMs } = (await this.#json('POST', '/v1/sockets')) as { socket: string; pollMs: number };
      this.#path = `/v1/sockets/${socket}`;
      if (this.#over) this.#leave();
      else if (this.#options.reads === 'events') await this.#readEvents();
      else await this.#readPolls(pollMs);
    } catch (thrown) {
      this.#failed(thrown);
    }
  }

  send(frame: string | Uint8Array): void {
    this.#queue.push(typeof frame === 'string' ? frame : new TextDecoder().decode(frame));
    this.#posting ??= this.#post().catch((thrown) => this.#failed(thrown));
  }

  /** `ears` hear nothing more. Politely: what was sent still leaves. */
  hangUp(politely: boolean): void {
    if (this.#over) return;
    this.#over = true;
    if (!politely || this.#posting === undefined) this.#leave();
    else {
      const torn = setTimeout(() => this.#leave(), sdkLimits.close_wait_ms_max);
      void this.#posting.then(() => {
        clearTimeout(torn);
        this.#leave();
      });
    }
  }

  #leave(): void {
    this.readyState = 3;
    // Nobody waits for the answer: the server would find out by itself, if later.
    if (this.#path !== '') void this.#request('DELETE', this.#path, { keepalive: true }).catch(() => {});
    this.#gone.abort();
  }

  #opened(): void {
    if (this.#over) return;
    this.readyState = 1;
    this.#ears.opened();
  }

  #closed(code: number, reason: string, status: number, cause: unknown): void {
    this.readyState = 3;
    this.#gone.abort();
    if (this.#over) return;
    this.#over = true;
    this.#ears.closed(code, reason, status, cause);
  }

  #failed(thrown: unknown): void {
    if (!(thrown instanceof BadStatus)) this.#closed(1006, '', 0, thrown);
    // An open socket that the server does not know any more is one that broke.
    else this.#closed(1006, '', this.readyState === 0 || thrown.status === 401 ? thrown.status : 0, undefined);
  }

  // ---------------------------------------------------------------- frames from the server

  async #readEvents(): Promise<void> {
    const response = await this.#request('GET', this.#path, { headers: { accept: 'text/event-stream' }, whole: false });
    this.#opened();
    const parser = createParser({
      onEvent: ({ event, data }) => {
        if (event === 'ping') {
          this.#ears.ping();
          void this.#request('POST', this.#path).catch(() => {});
        } else if (event === 'close') this.#closedBy(JSON.parse(data));
        else if (event === undefined && !this.#over) this.#ears.frame(data);
      },
    });
    const reader = response
      .body!.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)
      .getReader();
    for (let read = await reader.read(); !read.done && !this.#over; read = await reader.read()) parser.feed(read.value);
    this.#closed(1006, '', 0, undefined);
  }

  async #readPolls(pollMs: number): Promise<void> {
    this.#opened();
    let last = 0;
    while (!this.#over) {
      const path = `${this.#path}?after=${last}`;
      const batch = (await this.#json('GET', path, { extraMs: pollMs, tries: sdkLimits.http_tries_max })) as {
        last: number;
        frames: readonly unknown[];
        close?: { code: number; word: string };
      };
      this.#ears.ping();
      last = batch.last;
      for (const frame of batch.frames) if (!this.#over) this.#ears.frame(JSON.stringify(frame));
      if (batch.close !== undefined) this.#closedBy(batch.close);
    }
  }

  #closedBy({ code, word }: { readonly code: number; readonly word: string }): void {
    this.#closed(code, word, 0, undefined);
  }

  // ---------------------------------------------------------------- frames to the server

  /** One request after another, each with all that waits: the server keeps their order by their numbers, and takes none of them twice. */
  async #post(): Promise<void> {
    while (this.#queue.length > 0 && !this.#gone.signal.aborted) {
      let chars = 0;
      const upTo = this.#queue.findIndex((frame, at) => {
        chars += frame.length + 1;
        return at > 0 && chars > sdkLimits.http_post_chars_max;
      });
      const frames = upTo < 0 ? [...this.#queue] : this.#queue.slice(0, upTo);
      await this.#json('POST', `${this.#path}?n=${this.#posted + 1}`, {
        headers: { 'content-type': 'application/x-ndjson' },
        body: frames.join('\n'),
        extraMs: sdkLimits.http_held_ms_max,
        tries: sdkLimits.http_tries_max,
      });
      this.#posted += frames.length;
      this.#queue.splice(0, frames.length);
    }
    this.#posting = undefined;
  }

  // ---------------------------------------------------------------- requests

  /** Repeated as often as it may be while no answer comes: all requests with `tries` are such that doing them twice is doing them once. */
  async #json(
    method: string,
    path: string,
    { tries = 1, ...init }: RequestOptions & { tries?: number } = {},
  ): Promise<unknown> {
    for (let tried = 1; ; tried++) {
      try {
        return await (await this.#request(method, path, init)).json();
      } catch (thrown) {
        const busy = thrown instanceof BadStatus && thrown.status === 429 && this.readyState === 1;
        const isOver = this.#gone.signal.aborted || nobodyThere(thrown) || (thrown instanceof BadStatus && !busy);
        if (isOver || (!busy && tried >= tries)) throw thrown;
        await pause(busy ? thrown.afterMs : sdkLimits.http_retry_ms);
      }
    }
  }

  async #request(method: string, path: string, options: RequestOptions = {}): Promise<Response> {
    const response = await this.#fetch(method, path, options);
    if (response.ok) return response;
    const refused = await refusalOf(response);
    if (refused.code !== 'expired_token' || this.readyState === 0) throw refused;
    this.#token = await this.#options.session.accessToken(this.#token);
    const again = await this.#fetch(method, path, options);
    if (again.ok) return again;
    throw await refusalOf(again);
  }

  async #fetch(
    method: string,
    path: string,
    { extraMs = 0, whole = true, headers, ...init }: RequestOptions,
  ): Promise<Response> {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), sdkLimits.http_wait_ms_max + extraMs);
    // A last request outlives the socket.
    const signals = init.keepalive ? [late.signal] : [late.signal, this.#gone.signal];
    try {
      const response = await this.#options.fetch(this.#options.url + path, {
        method,
        headers: { ...headers, authorization: `Bearer ${this.#token}` },
        ...init,
        signal: AbortSignal.any(signals),
      });
      if (!whole) return response;
      // In memory before the time is up.
      return new Response(await response.arrayBuffer(), { status: response.status, headers: response.headers });
    } finally {
      clearTimeout(timer);
    }
  }
}

interface RequestOptions {
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly keepalive?: boolean;
  /** Time that the server may take beyond the usual. */
  readonly extraMs?: number;
  /** False: the body is read bit by bit, for as long as it takes. */
  readonly whole?: boolean;
}

async function refusalOf(response: Response): Promise<BadStatus> {
  const error = await bodyOf(response).then(() => undefined, asRingpostError);
  return new BadStatus(response.status, error?.code ?? '', error?.afterMs ?? sdkLimits.overload_wait_ms_min);
}
