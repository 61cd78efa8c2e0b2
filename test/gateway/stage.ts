import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Test } from 'tap';
import WebSocket from 'ws';
import { createGateway, type Gateway, type GatewayLimits, type GatewayOptions } from '../../gateway/index.ts';
import type { DeskProtocol } from '../../proto/builder-mail.ts';
import type { ConnectionProtocol, UserProtocol } from '../../proto/mail.ts';
import { bearerPrefix, subprotocols } from '../../proto/words.ts';
import { actorKind } from '../../runtime/index.ts';
import { type StagedConnection, StagedDoor } from './staged-door.ts';

const kinds = {
  user: actorKind<UserProtocol>('user'),
  connection: actorKind<ConnectionProtocol>('connection'),
  desk: actorKind<DeskProtocol>('desk'),
};
export const secret = new Uint8Array(32).fill(7);
/** scrypt as cheap as it gets: tests of the edge are not about its strength. */
export const cheap = { scrypt_cost: 2, scrypt_block_size: 1, scrypt_parallelism: 1 };

export interface Granted {
  readonly user: string;
  readonly device: string;
  readonly session: string;
  readonly accessToken: string;
  readonly accessUntil: number;
  readonly refreshToken: string;
  readonly refreshUntil: number;
}

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: what a test expects of a body is said where it is read.
  readonly body: any;
}

export interface Stage {
  readonly door: StagedDoor;
  readonly gateway: Gateway;
  /** What was logged, as JSON. */
  readonly logged: string[];
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answered>;
  register(user: string, device?: string): Promise<Granted>;
  /** A client's socket that was opened; `connection` is its other end. */
  client(token: string, options?: WebSocket.ClientOptions): Promise<Client>;
}

export interface Client {
  readonly ws: WebSocket;
  readonly connection: StagedConnection;
}

/** A gateway on a free port, closed when the test ends. */
export async function stage(
  t: Test,
  limits: Partial<GatewayLimits> = {},
  more: Partial<GatewayOptions> = {},
): Promise<Stage> {
  const door = new StagedDoor();
  const logged: string[] = [];
  const write = (fields: object, words: string): void => void logged.push(JSON.stringify({ ...fields, words }));
  const log = { info: write, warn: write, error: write };
  const gateway = await createGateway({
    ...{ door, kinds, host: '127.0.0.1', port: 0, secret, log, limits: { ...cheap, ...limits } },
    ...more,
  });
  t.teardown(() => gateway.close(0));
  const call: Stage['call'] = (method, path, body, headers) => callOf(gateway.url, method, path, body, headers);
  return {
    door,
    gateway,
    logged,
    call,
    async register(user, device = 'phone') {
      const { status, body } = await call('POST', '/v1/accounts', { user, device, password: 'correct horse' });
      if (status !== 201) throw new Error(`registering failed: ${JSON.stringify(body)}`);
      return body;
    },
    async client(token, options) {
      const known = door.connections.length;
      const ws = dial(gateway, [subprotocols.json, bearerPrefix + token], options);
      await once(ws, 'open');
      await until(() => door.connections.length > known);
      return { ws, connection: door.connections[known]! };
    },
  };
}

async function callOf(
  url: string,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answered> {
  const response = await fetch(url + path, {
    method,
    headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) };
}

/** A socket on its way; its errors are the test's business only as `closing` or `refusal` tell them. */
export function dial(gateway: Gateway, protocols: string[], options: WebSocket.ClientOptions = {}): WebSocket {
  const ws = new WebSocket(`${gateway.url.replace('http', 'ws')}/v1/socket`, protocols, options);
  ws.on('error', () => {});
  return ws;
}

/** How a socket was closed. */
export async function closing(ws: WebSocket): Promise<{ readonly code: number; readonly reason: string }> {
  const [code, reason] = (await once(ws, 'close')) as [number, Buffer];
  return { code, reason: reason.toString() };
}

/** The status that a handshake was refused with. */
export async function refusal(ws: WebSocket): Promise<number> {
  const [, response] = (await once(ws, 'unexpected-response')) as [unknown, { statusCode: number; resume(): void }];
  response.resume();
  return response.statusCode;
}

/** Raw bytes to the gateway, and all that it answers until it hangs up. */
export async function raw(gateway: Gateway, text: string): Promise<string> {
  const socket = rawSocket(gateway);
  socket.write(text);
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk.toString();
  });
  await once(socket, 'close');
  return answer;
}

export function rawSocket(gateway: Gateway): Socket {
  const socket = connect(gateway.port, '127.0.0.1');
  socket.on('error', () => {});
  return socket;
}

export async function until(true_: () => boolean, waitMs = 5_000): Promise<void> {
  const deadline = performance.now() + waitMs;
  while (!true_()) {
    if (performance.now() > deadline) throw new Error(`not in ${waitMs} ms: ${true_.toString()}`);
    await pause(5);
  }
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
