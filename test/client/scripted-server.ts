import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { encode } from '../../proto/codec.ts';
import { decodeClientFrame } from '../../proto/decode.ts';
import {
  bearerPrefix,
  type ClientWord,
  clientLimits,
  type Encoding,
  type Hello,
  type ServerWord,
  type Welcome,
} from '../../proto/words.ts';

type WordOf<Kind extends ClientWord['kind']> = Extract<ClientWord, { readonly kind: Kind }>;

/** The server's end of one socket, in the hands of a test. */
export class Peer {
  readonly token: string;
  /** All frames that came, each with its words. */
  readonly frames: (readonly ClientWord[])[] = [];
  readonly closed: Promise<number>;
  readonly #socket: WebSocket;
  readonly #encoding: Encoding;
  #unread: ClientWord[] = [];
  #waiting: (() => void)[] = [];

  constructor(socket: WebSocket, token: string, encoding: Encoding) {
    this.#socket = socket;
    this.token = token;
    this.#encoding = encoding;
    this.closed = new Promise((resolve) => socket.on('close', resolve));
    socket.on('error', () => undefined);
    socket.on('message', (data: Buffer, isBinary) => {
      const frame = decodeClientFrame(isBinary ? data : data.toString(), encoding);
      if (!frame.ok) throw new Error(`the client said something wrong: ${frame.reason}`);
      this.frames.push(frame.words);
      this.#unread.push(...frame.words);
      for (const waiting of this.#waiting.splice(0)) waiting();
    });
  }

  /** The next word of a kind, which may have come already; words of other kinds stay. */
  async word<Kind extends ClientWord['kind']>(kind: Kind): Promise<WordOf<Kind>> {
    for (;;) {
      const at = this.#unread.findIndex((word) => word.kind === kind);
      if (at >= 0) return this.#unread.splice(at, 1)[0] as WordOf<Kind>;
      await this.more();
    }
  }

  async words<Kind extends ClientWord['kind']>(kind: Kind, count: number): Promise<WordOf<Kind>[]> {
    const words: WordOf<Kind>[] = [];
    while (words.length < count) words.push(await this.word(kind));
    return words;
  }

  /** Resolves with the next frame. */
  more(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  unread(): readonly ClientWord[] {
    return this.#unread;
  }

  say(...words: ServerWord[]): void {
    this.#socket.send(encode(words, this.#encoding));
  }

  /** Bytes as they are. */
  blurt(frame: string | Uint8Array): void {
    this.#socket.send(frame);
  }

  /** Waits for hello and welcomes it: recovered, unless told otherwise. */
  async welcome(more: Partial<Welcome> = {}): Promise<Hello> {
    const hello = await this.word('hello');
    const { epoch, cursor } = hello;
    this.say({
      kind: 'welcome',
      user: 'alice',
      device: 'test',
      epoch: epoch || 'e1',
      cursor,
      head: cursor,
      recovered: epoch !== '',
      at: Date.now(),
      limits: clientLimits,
      ...more,
    });
    return hello;
  }

  close(code: number, word: string): void {
    this.#socket.close(code, word);
  }

  /** As when a cable is cut. */
  cut(): void {
    this.#socket.terminate();
  }

  ping(): void {
    this.#socket.ping();
  }

  /** As when the machine hangs: nothing is read or answered any more. */
  freeze(): void {
    this.#socket.pause();
  }
}

export type HttpAnswer = readonly [status: number, body: object];
export type HttpRoute = (body: Record<string, string>, bearer: string) => HttpAnswer | Promise<HttpAnswer>;

/** An HTTP server with a socket, that does only what the test tells it. */
export interface ScriptedServer {
  readonly url: string;
  readonly port: number;
  /** `METHOD /path`; tokens are granted unless a test says otherwise. */
  readonly routes: Map<string, HttpRoute>;
  readonly asked: string[];
  /** Handshakes are refused with this status instead; 0 for not. */
  refuse: number;
  /** Handshakes wait until `release`; how many do. */
  hold: boolean;
  readonly held: number;
  release(): void;
  /** The next socket that opens. */
  peer(): Promise<Peer>;
  /** Sockets that opened and were not asked for. */
  readonly waiting: number;
  close(): Promise<void>;
}

let granted = 0;
export function grant(user: string, device: string, ttlMs = 900_000): object {
  const n = ++granted;
  const now = Date.now();
  return {
    user,
    device,
    session: 's1',
    accessToken: `access-${n}`,
    accessUntil: now + ttlMs,
    refreshToken: `refresh-${n}`,
    refreshUntil: now + 86_400_000,
  };
}

export async function scriptedServer(port = 0): Promise<ScriptedServer> {
  const routes = new Map<string, HttpRoute>([
    ['POST /v1/accounts', ({ user, device }) => [201, grant(user!, device!)]],
    ['POST /v1/sessions', ({ user, device }) => [200, grant(user!, device!)]],
    ['POST /v1/sessions/refresh', ({ user, device }) => [200, grant(user!, device!)]],
  ]);
  const asked: string[] = [];
  const http = createServer((request, response) => void answer(routes, asked, request, response));
  const sockets = new WebSocketServer({
    noServer: true,
    handleProtocols: (offers) => [...offers].find((offer) => !offer.startsWith(bearerPrefix)) ?? false,
  });
  const peers: Peer[] = [];
  const askers: ((peer: Peer) => void)[] = [];
  const held: (() => void)[] = [];
  const server = {
    refuse: 0,
    hold: false,
    get held() {
      return held.length;
    },
    release() {
      server.hold = false;
      for (const go of held.splice(0)) go();
    },
    routes,
    asked,
    get waiting() {
      return peers.length;
    },
    async peer() {
      return peers.shift() ?? new Promise<Peer>((resolve) => askers.push(resolve));
    },
    async close() {
      for (const client of sockets.clients) client.terminate();
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
  http.on('upgrade', (request, socket, head) => {
    // A client that gives up a handshake resets it.
    socket.on('error', () => undefined);
    if (server.refuse > 0) {
      socket.end(`HTTP/1.1 ${server.refuse} Refused\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`);
      return;
    }
    const upgrade = () => sockets.handleUpgrade(request, socket, head, (ws) => opened(ws, request));
    if (server.hold) held.push(upgrade);
    else upgrade();
  });
  function opened(ws: WebSocket, request: IncomingMessage): void {
    const offers = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((offer) => offer.trim());
    const token = offers.find((offer) => offer.startsWith(bearerPrefix))?.slice(bearerPrefix.length) ?? '';
    const peer = new Peer(ws, token, ws.protocol.endsWith('json') ? 'json' : 'msgpack');
    const asker = askers.shift();
    if (asker) asker(peer);
    else peers.push(peer);
  }
  await listen(http, port);
  const at = (http.address() as AddressInfo).port;
  return Object.assign(server, { url: `http://127.0.0.1:${at}`, port: at });
}

function listen(http: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    http.once('error', reject);
    http.listen(port, '127.0.0.1', resolve);
  });
}

async function answer(
  routes: ReadonlyMap<string, HttpRoute>,
  asked: string[],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = JSON.parse(Buffer.concat(chunks).toString() || '{}') as Record<string, string>;
  const name = `${request.method} ${request.url}`;
  asked.push(name);
  const route = routes.get(name);
  const bearer = (request.headers.authorization ?? '').replace('Bearer ', '');
  const [status, reply] = route ? await route(body, bearer) : refusal(404, 'not_found', 'No such thing.');
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(reply));
}

export function refusal(status: number, code: string, reason: string, retry = false, afterMs?: number): HttpAnswer {
  return [status, { error: { code, reason, retry, ...(afterMs !== undefined && { afterMs }) } }];
}
