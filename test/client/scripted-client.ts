import {
  type ClientEvent,
  type ClientOptions,
  type ClientStorage,
  RingpostClient,
  type Saved,
} from '../../client/index.ts';
import type { MessageEvent, ReceiptEvent } from '../../proto/words.ts';
import { type Peer, type ScriptedServer, scriptedServer } from './scripted-server.ts';

interface Owner {
  teardown(run: () => unknown): void;
}

/** Server and client of one test, closed when it ends. */
export async function scene(
  t: Owner,
  options: Partial<ClientOptions> = {},
): Promise<{ readonly server: ScriptedServer; readonly client: RingpostClient }> {
  const server = await scriptedServer();
  const client = await RingpostClient.login({
    url: server.url,
    user: 'alice',
    password: 'correct horse',
    device: 'test',
    ...options,
  });
  t.teardown(async () => {
    await client.close();
    await server.close();
  });
  return { server, client };
}

/** The same, welcomed. */
export async function online(
  t: Owner,
  options: Partial<ClientOptions> = {},
): Promise<{ readonly server: ScriptedServer; readonly client: RingpostClient; readonly peer: Peer }> {
  const { server, client } = await scene(t, options);
  const connected = client.connect();
  const peer = await server.peer();
  await peer.welcome();
  await connected;
  return { server, client, peer };
}

export function message(from: string, seq: number, more: Partial<MessageEvent> = {}): MessageEvent {
  return { kind: 'message', id: `${from}-${seq}`, from, to: 'alice', seq, at: 1, body: `${from} says ${seq}`, ...more };
}

export function receipt(user: string, delivered: number, read: number): ReceiptEvent {
  return { kind: 'receipt', with: user, delivered, read, at: 1 };
}

/** Keeps what it is told. */
export function heard<Kind extends ClientEvent['kind']>(
  client: RingpostClient,
  kind: Kind,
): Extract<ClientEvent, { readonly kind: Kind }>[] {
  const events: Extract<ClientEvent, { readonly kind: Kind }>[] = [];
  client.on(kind, (event) => events.push(event));
  return events;
}

export function next<Kind extends ClientEvent['kind']>(
  client: RingpostClient,
  kind: Kind,
): Promise<Extract<ClientEvent, { readonly kind: Kind }>> {
  return new Promise((resolve) => {
    const off = client.on(kind, (event) => {
      off();
      resolve(event);
    });
  });
}

export function memoryStorage(saved?: Saved): ClientStorage & { saved: Saved | undefined; saves: number } {
  const storage = {
    saved,
    saves: 0,
    load: async () => storage.saved,
    save: async (next: Saved) => {
      // As a file would: later changes of the client must not reach it.
      storage.saved = structuredClone(next);
      storage.saves += 1;
    },
  };
  return storage;
}

/** Enough turns of the event loop for words on a local socket to arrive. */
export async function settled(turns = 20): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
}

export async function until(true_: () => boolean, waitMs = 15_000): Promise<void> {
  const deadline = Date.now() + waitMs;
  while (!true_()) {
    if (Date.now() > deadline) throw new Error(`not so within ${waitMs} ms: ${true_}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
