/** The load generator of `bench idle`: sockets that say hello and nothing more. Without the SDK, whose own timers would be counted. */
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { bearerPrefix, subprotocols } from '../proto/words.ts';
import { eachOf } from './clients.ts';
import { openWindow, type Servers, type Spent } from './window.ts';
import { settingsOf, takeOrders } from './worker.ts';

export interface IdleSettings {
  /** Of all nodes. */
  readonly urls: readonly string[];
  readonly connections: number;
}

export type IdleOrders = {
  /** Makes the accounts, one for each connection. */
  register: { order: null; answer: null };
  /** Opens them all; what that took. */
  connect: { order: { readonly servers: Servers }; answer: Spent };
  /** What they cost by being there. */
  rest: { order: { readonly servers: Servers; readonly windowMs: number }; answer: Spent & { readonly open: number } };
};

const settings = settingsOf<IdleSettings>();
const tokens: string[] = [];
const sockets = new Set<WebSocket>();
const welcome_wait_ms = 60_000;

takeOrders<IdleOrders>(
  {
    async register() {
      const numbers = Array.from({ length: settings.connections }, (_, number) => number);
      await eachOf(numbers, async (number) => {
        tokens[number] = await register(number);
      });
      return null;
    },
    async connect({ servers }) {
      const close = openWindow(servers);
      await eachOf([...tokens.entries()], ([number, token]) => open(urlOf(number), token));
      return close();
    },
    async rest({ servers, windowMs }) {
      const close = openWindow(servers);
      await sleep(windowMs);
      return { ...close(), open: sockets.size };
    },
  },
  async () => {
    for (const socket of sockets) socket.terminate();
  },
);

function urlOf(number: number): string {
  return settings.urls[number % settings.urls.length] ?? '';
}

async function register(number: number): Promise<string> {
  const response = await fetch(`${urlOf(number)}/v1/accounts`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ user: `i${number}`, password: 'correct horse', device: 'bench' }),
  });
  const { accessToken } = (await response.json()) as { accessToken?: string };
  if (accessToken === undefined) throw new Error(`an account was refused with status ${response.status}`);
  return accessToken;
}

/** Resolves at the welcome. */
function open(url: string, token: string): Promise<void> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/socket`, [subprotocols.json, bearerPrefix + token], {
    perMessageDeflate: false,
  });
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error('no welcome came')), welcome_wait_ms);
    socket.once('open', () => socket.send('{"kind":"hello","epoch":"","cursor":0}'));
    socket.once('message', () => {
      clearTimeout(late);
      sockets.add(socket);
      resolve();
    });
    socket.once('error', reject);
    socket.once('close', () => sockets.delete(socket));
  });
}
