/** The whole of it in this process, for tests of files: engine, actors, gateway, folder. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { RingpostClient } from '../../../client/index.ts';
import { limitsOf } from '../../../commands/limits.ts';
import { openServer, type Server } from '../../../commands/server.ts';
import { folderStorage, type Storage } from '../../../gateway/index.ts';
import type { MessageEvent } from '../../../proto/words.ts';
import { embeddedPorts } from '../../../runtime/io/index.ts';
import { until } from '../stage.ts';

export interface Stage {
  readonly url: string;
  readonly folder: string;
  readonly storage: Storage;
  readonly warnings: readonly string[];
  client(user: string): Promise<Person>;
  /** Stops it, and starts it on the same folder. */
  restart(): Promise<void>;
  /** Names of all blobs that are stored. */
  blobs(): Promise<string[]>;
}

export interface Person {
  readonly client: RingpostClient;
  readonly messages: MessageEvent[];
  /** Resolves with the nth message that has come. */
  heard(nth: number): Promise<MessageEvent>;
  token(): string;
}

const easy = ['gateway.scrypt_cost=1024', 'gateway.registers_per_peer_burst=1000'];

export async function stage(t: Test, settings: readonly string[] = []): Promise<Stage> {
  const folder = t.testdir();
  const warnings: string[] = [];
  const log = {
    info: () => undefined,
    warn: (fields: object, words: string) => void warnings.push(`${words} ${JSON.stringify(fields)}`),
    error: (fields: object, words: string) => void warnings.push(`${words} ${JSON.stringify(fields)}`),
  };
  const limits = limitsOf({ set: [...easy, ...settings] });
  let storage: Storage;
  let port = 0;
  let server: Server;
  const start = async (): Promise<void> => {
    storage = await folderStorage(join(folder, 'files'));
    mkdirSync(join(folder, 'data'), { recursive: true });
    server = await openServer({
      ports: await embeddedPorts({ node: 'solo', partitions: 4, dataFolder: join(folder, 'data'), log }),
      limits,
      partitions: 4,
      settleMs: 0,
      host: '127.0.0.1',
      port,
      dataFolder: join(folder, 'data'),
      secret: new Uint8Array(32).fill(7),
      advertise: '',
      privateTargets: false,
      console: undefined,
      pushContact: '',
      files: storage,
    });
    port = Number(new URL(server.url).port);
  };
  await start();
  const clients: RingpostClient[] = [];
  t.teardown(async () => {
    await Promise.all(clients.map((client) => client.close()));
    await server.close();
  });
  return {
    get url() {
      return server.url;
    },
    folder,
    get storage() {
      return storage;
    },
    warnings,
    async client(user) {
      const account = { url: server.url, user, device: 'phone', password: 'correct horse' };
      const client = await RingpostClient.register(account);
      clients.push(client);
      const messages: MessageEvent[] = [];
      client.on('message', (message) => void messages.push(message));
      await client.connect();
      const heard = async (nth: number): Promise<MessageEvent> => {
        await until(() => messages.length >= nth);
        return messages[nth - 1]!;
      };
      return { client, messages, heard, token: () => client.saved().tokens.accessToken };
    },
    async restart() {
      await server.close();
      await start();
    },
    blobs: async () => (await storage.list('', 1_000)).blobs.map(({ name }) => name),
  };
}
