import { bearerPrefix, type Encoding, subprotocols } from '../proto/words.ts';
import { type Fetch, socketUrl } from './account-api.ts';
import { openHttpSocket } from './http-socket.ts';
import type { Session } from './session.ts';
import {
  type OpenSocket,
  openSocket,
  platformWebSocket,
  type SocketEars,
  type WebSocketConstructor,
} from './socket.ts';

/**
 * What a connection is made of: a WebSocket; HTTP requests with a stream of server-sent events; HTTP requests alone (long polling). `auto` begins
 * with the first and goes on to the next when none gets through, as behind a proxy that knows no WebSockets.
 */
export type TransportName = 'websocket' | 'events' | 'poll' | 'auto';

export interface TransportOptions {
  readonly urls: readonly string[];
  readonly transport: TransportName;
  /** Of WebSockets; HTTP always speaks JSON. */
  readonly encoding: Encoding;
  /** With one of its own, `auto` tries nothing else. */
  readonly webSocket: WebSocketConstructor | undefined;
  readonly fetch: Fetch;
  readonly session: Pick<Session, 'accessToken'>;
}

export interface Transport {
  readonly encoding: Encoding;
  /** Opens a socket and tells `ears` of it. Throws what the platform throws. */
  open(url: string, token: string, ears: SocketEars): OpenSocket;
}

/** Which transport the next connection takes. */
export class Transports {
  readonly #options: TransportOptions;
  readonly #names: readonly Exclude<TransportName, 'auto'>[];
  #at = 0;
  #failures = 0;

  constructor(options: TransportOptions) {
    const { transport, webSocket } = options;
    this.#options = options;
    if (transport !== 'auto') this.#names = [transport];
    else this.#names = webSocket === undefined ? ['websocket', 'events', 'poll'] : ['websocket'];
  }

  /** Rejects with `closed` when there is no WebSocket on this platform. */
  async next(): Promise<Transport> {
    const name = this.#names[this.#at]!;
    const { encoding, fetch, session } = this.#options;
    if (name !== 'websocket') {
      return {
        encoding: 'json',
        open: (url, token, ears) => openHttpSocket({ url, fetch, session, reads: name }, token, ears),
      };
    }
    const WebSocket = this.#options.webSocket ?? (await platformWebSocket());
    return {
      encoding,
      open: (url, token, ears) =>
        openSocket(WebSocket, socketUrl(url), [subprotocols[encoding], bearerPrefix + token], ears),
    };
  }

  /** A connection ended before the server said welcome, and it was not the server that said why. */
  failed(): void {
    this.#failures++;
    if (this.#failures < this.#failuresMax) return;
    this.#failures = 0;
    this.#at = (this.#at + 1) % this.#names.length;
  }

  worked(): void {
    this.#failures = 0;
  }

  /** A good connection was lost: the best transport is worth another try, but no more than one. */
  lost(): void {
    if (this.#at === 0) return;
    this.#at = 0;
    this.#failures = this.#failuresMax - 1;
  }

  /** All urls are tried by one transport before another one is. */
  get #failuresMax(): number {
    return this.#options.urls.length;
  }
}
