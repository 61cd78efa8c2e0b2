/** Real nodes in processes of their own, on real nats-servers, for scenarios that stop, kill and resume them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { type ClientOptions, RingpostClient } from '../../client/index.ts';
import { freePort } from '../../scripts/free-ports.ts';
import { type NatsCluster, startNats } from '../../scripts/nats-cluster.ts';

const launcher = fileURLToPath(new URL('../../../bin/ringpost.js', import.meta.url));
const up_wait_ms = 30_000;

/** Cheap passwords and no rates: scenarios make many accounts from one address. */
const easy = [
  'gateway.scrypt_cost=1024',
  'gateway.registers_per_peer_burst=10000',
  'gateway.logins_per_peer_burst=10000',
].flatMap((setting) => ['--set', setting]);

/** One server process, as a person would start it. */
export class ServerProcess {
  readonly name: string;
  readonly url: string;
  readonly #args: readonly string[];
  #child: ChildProcess | undefined;
  /** What it said on the terminal. */
  said = '';

  constructor(name: string, port: number, args: readonly string[]) {
    this.name = name;
    this.url = `http://127.0.0.1:${port}`;
    this.#args = [...args, '--port', String(port), ...easy];
  }

  /** Resolves when it says that it is up. */
  start(): Promise<void> {
    const child = spawn(process.execPath, ['--enable-source-maps', launcher, ...this.#args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    const kill = (): void => void child.kill('SIGKILL');
    process.once('exit', kill);
    child.once('exit', () => process.off('exit', kill));
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`${this.name} was not up in time: ${this.said}`)), up_wait_ms);
      for (const stream of [child.stdout, child.stderr]) {
        if (stream === null) continue;
        createInterface({ input: stream }).on('line', (line) => {
          this.said += `${line}\n`;
          if (!line.includes(' is up at ')) return;
          clearTimeout(late);
          resolve();
        });
      }
      child.once('exit', (code, signal) => {
        clearTimeout(late);
        reject(new Error(`${this.name} ended (${code ?? signal}): ${this.said}`));
      });
    });
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Sends a signal; for those that end it, resolves when it has. */
  async signal(name: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined || !this.running) return;
    const ended = new Promise<void>((resolve) => {
      child.once('exit', () => resolve());
    });
    child.kill(name);
    if (name !== 'SIGSTOP' && name !== 'SIGCONT' && name !== 'SIGUSR2') await ended;
  }
}

export interface ClusterUnderTest {
  readonly nodes: readonly ServerProcess[];
  readonly nats: NatsCluster;
  readonly urls: readonly string[];
  readonly folder: string;
  client(user: string, options?: Partial<ClientOptions> & { device?: string }): Promise<RingpostClient>;
  /** Kills one node after the other, `only` or all; the others have time to take over before it is started again. */
  killEach(only?: readonly ServerProcess[]): Promise<void>;
  stop(): Promise<void>;
}

/** Three nodes on three nats-servers, everything in a folder of their own. `settings`: `part.bound=number`. `more`: other options of each node. */
export async function startCluster(
  count = 3,
  settings: readonly string[] = [],
  more: (name: string) => Promise<readonly string[]> = async () => [],
): Promise<ClusterUnderTest> {
  const folder = mkdtempSync(join(tmpdir(), 'ringpost-scenario-'));
  const nats = await startNats({ servers: 3, folder: join(folder, 'nats') });
  const nodes: ServerProcess[] = [];
  for (let i = 1; i <= count; i++) {
    const name = `n${i}`;
    mkdirSync(join(folder, name));
    const args = [
      'node',
      name,
      '--nats',
      nats.urls.join(','),
      '--data',
      join(folder, name),
      '--secret',
      join(folder, 'secret'),
      '--files',
      join(folder, 'files'),
      // Receivers of webhooks are on this machine.
      '--private-targets',
      ...settings.flatMap((setting) => ['--set', setting]),
      ...(await more(name)),
    ];
    nodes.push(new ServerProcess(name, await freePort(), args));
  }
  const urls = nodes.map((node) => node.url);
  const clients: RingpostClient[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(clients.map((client) => client.close()));
    await Promise.all(
      nodes.map(async (node) => {
        await node.signal('SIGCONT');
        await node.signal('SIGTERM');
      }),
    );
    await nats.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await Promise.all(nodes.map((node) => node.start()));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    nodes,
    nats,
    urls,
    folder,
    stop,
    async killEach(only = nodes) {
      for (const victim of only) {
        await pause(1_000);
        await victim.signal('SIGKILL');
        await pause(2_750);
        await victim.start();
        await pause(1_250);
      }
    },
    async client(user, { device = 'phone', ...options } = {}) {
      const client = await signIn(user, device, { urls, ...options });
      clients.push(client);
      return client;
    },
  };
}

/** One process, no server beside it, everything in a folder of its own; both are gone when the test ends. `more`: options besides. */
export async function startAlone(
  t: Test,
  ...more: readonly string[]
): Promise<{ readonly server: ServerProcess; readonly folder: string; readonly url: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'ringpost-scenario-'));
  const server = new ServerProcess('solo', await freePort(), ['start', '--data', folder, ...more]);
  t.teardown(async () => {
    await server.signal('SIGTERM');
    rmSync(folder, { recursive: true, force: true });
  });
  await server.start();
  return { server, folder, url: server.url };
}

/** Registers, or logs in where the account is there already. */
export async function signIn(user: string, device: string, options: ClientOptions): Promise<RingpostClient> {
  const account = { ...options, user, device, password: `password of ${user}` };
  try {
    return await RingpostClient.register(account);
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'taken') throw error;
    return RingpostClient.login(account);
  }
}

/** Polls until true; rejects with `what` when it takes longer. */
export async function until(what: string, isSo: () => boolean, waitMs = 20_000): Promise<void> {
  const end = Date.now() + waitMs;
  while (!isSo()) {
    if (Date.now() > end) throw new Error(`timed out: ${what}`);
    await pause(10);
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
