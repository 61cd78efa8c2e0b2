/** Ringpost as a user starts it: `ringpost start` or `ringpost cluster`, as processes of their own, to be measured from outside. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { NodeCounts } from '../runtime/index.ts';
import type { Endings } from '../scripts/endings.ts';
import type { Profile } from './actors.ts';
import { commandOf, treeOf } from './proc.ts';
import type { Profiles } from './profiles.ts';
import { startSink } from './sink.ts';
import type { Servers } from './window.ts';

export interface Ringpost {
  readonly urls: readonly string[];
  readonly servers: Servers;
  /** What the engines of all nodes have counted since their start. */
  counts(): Promise<NodeCounts>;
}

export interface RingpostOptions {
  readonly profile: Profile;
  readonly folder: string;
  /** As for `ringpost --set`. */
  readonly set: readonly string[];
  readonly profiles: Profiles | undefined;
  /** With an endpoint for Prometheus. */
  readonly metrics?: boolean;
  /** Which share of frames they follow; undefined: they have no traces. */
  readonly traceShare?: number | undefined;
}

/** Seen from dist/bench. */
const launcher = fileURLToPath(new URL('../../bin/ringpost.js', import.meta.url));
const nodes_of_cluster = 3;
const start_wait_ms = 90_000;
const stop_wait_ms = 20_000;
const figures_wait_ms = 5_000;

/** Hundreds of users from one address in seconds, and one that writes to all of them, are what these bounds are against; none of them is on a message's way. */
const open_doors = [
  'gateway.registers_per_peer_burst=100000',
  'gateway.handshakes_per_peer_burst=100000',
  'gateway.sockets_per_peer_max=100000',
  'gateway.http_connections_per_peer_max=100000',
  'gateway.scrypt_cost=2',
  'messenger.strangers_max=1000000',
].flatMap((setting) => ['--set', setting]);

export async function startRingpost(options: RingpostOptions, endings: Endings): Promise<Ringpost> {
  const { profile, folder, profiles, metrics = false, traceShare } = options;
  const settings = [
    ...(await metricsPort(profile, metrics)),
    ...(traceShare === undefined ? [] : ['--traces', await startSink(endings), '--trace-share', String(traceShare)]),
    ...open_doors,
    ...options.set.flatMap((setting) => ['--set', setting]),
    '--data',
    folder,
  ];
  const flags = profiles?.flags ?? [];
  const alone = profile === 'embedded';
  const args = alone
    ? [...flags, launcher, 'start', '--port', '0', ...settings]
    : [launcher, 'cluster', '--no-restart', '--port', String(await portsInARow(nodes_of_cluster)), ...settings];
  const child = spawn(process.execPath, ['--enable-source-maps', ...args], {
    env: { ...process.env, RINGPOST_NODE_ARGS: flags.join(' ') },
    stdio: ['ignore', 'pipe', 'pipe'],
    // Ctrl-C in the terminal is for the benchmark, which ends this one in order.
    detached: true,
  });
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  endings.add(async () => {
    await stop(child, gone);
    process.off('exit', kill);
  });
  if (child.stderr) createInterface({ input: child.stderr }).on('line', (line) => process.stderr.write(`${line}\n`));
  const urls = await urlsOf(child, alone ? 1 : nodes_of_cluster);
  const tree = treeOf(child.pid ?? 0);
  const nodes = tree.filter((pid) => isNode(commandOf(pid)));
  const nats = tree.filter((pid) => basename(commandOf(pid)[0] ?? '') === 'nats-server');
  const folders = alone ? [folder] : Array.from({ length: nodes_of_cluster }, (_, i) => join(folder, `n${i + 1}`));
  return { urls, servers: { nodes, nats }, counts: async () => sumOf(await Promise.all(askAll(nodes, folders))) };
}

async function metricsPort(profile: Profile, wanted: boolean): Promise<string[]> {
  if (!wanted) return [];
  return ['--metrics-port', profile === 'embedded' ? '0' : String(await portsInARow(nodes_of_cluster))];
}

function isNode(command: readonly string[]): boolean {
  const at = command.findIndex((word) => basename(word) === basename(launcher));
  return at >= 0 && (command[at + 1] === 'start' || command[at + 1] === 'node');
}

/** Resolves when everything is up: each node says its url, and the whole says so last. */
function urlsOf(child: ChildProcess, count: number): Promise<string[]> {
  const urls: string[] = [];
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`Ringpost was not up within ${start_wait_ms} ms`)), start_wait_ms);
    child.once('exit', (code, signal) => reject(new Error(`Ringpost has ended (${signal ?? `code ${code}`})`)));
    child.once('error', reject);
    if (!child.stdout) return;
    createInterface({ input: child.stdout }).on('line', (line) => {
      const url = /\bis up at (http:\S+?),? /.exec(line)?.[1];
      if (url !== undefined) urls.push(url);
      if (urls.length < count || (count > 1 && !line.startsWith('The cluster is up'))) return;
      clearTimeout(late);
      resolve(urls);
    });
  });
}

async function stop(child: ChildProcess, gone: Promise<void>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  const late = setTimeout(() => {
    process.stderr.write(`Ringpost did not stop within ${stop_wait_ms} ms, and was killed\n`);
    child.kill('SIGKILL');
  }, stop_wait_ms);
  await gone;
  clearTimeout(late);
}

// ---------------------------------------------------------------- counts

const figures_file = 'figures.json';

/** A node writes its counts into its folder when it is sent SIGUSR2. */
function askAll(nodes: readonly number[], folders: readonly string[]): Promise<NodeCounts>[] {
  const before = folders.map((folder) => writtenAt(folder));
  for (const pid of nodes) process.kill(pid, 'SIGUSR2');
  return folders.map(async (folder, i) => {
    const endMs = performance.now() + figures_wait_ms;
    while (performance.now() < endMs) {
      await sleep(10);
      if (writtenAt(folder) === before[i]) continue;
      const text = readFileSync(join(folder, figures_file), 'utf8');
      // The end of the line is what is written last.
      if (text.endsWith('\n')) return JSON.parse(text) as NodeCounts;
    }
    throw new Error(`no node has written ${join(folder, figures_file)} within ${figures_wait_ms} ms`);
  });
}

function writtenAt(folder: string): bigint {
  const path = join(folder, figures_file);
  return existsSync(path) ? statSync(path, { bigint: true }).mtimeNs : 0n;
}

export function sumOf(all: readonly NodeCounts[]): NodeCounts {
  const sum = (field: keyof NodeCounts): number => all.reduce((total, counts) => total + counts[field], 0);
  return {
    turns: sum('turns'),
    appends: sum('appends'),
    records: sum('records'),
    recordTurns: sum('recordTurns'),
    recordBytes: sum('recordBytes'),
  };
}

// ---------------------------------------------------------------- ports

/** Below those that the system gives out to connections. */
const first_port = 20_000;
const last_port = 32_000;
const port_tries_max = 50;

async function portsInARow(count: number): Promise<number> {
  for (let tries = 0; tries < port_tries_max; tries++) {
    const first = first_port + Math.floor(Math.random() * (last_port - first_port - count));
    const free = await Promise.all(Array.from({ length: count }, (_, i) => isFree(first + i)));
    if (free.every((one) => one)) return first;
  }
  throw new Error(`no ${count} free ports in a row were found`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
