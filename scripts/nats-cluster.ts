/**
 * Starts one nats-server, or a cluster of three, on loopback for development, tests and benchmarks. The servers are
 * real and keep their data on disk; they can be killed, paused and restarted one by one. For production see
 * `deploy/nats-server.conf`.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type NatsConnection, StorageType } from 'nats';
import { freePorts } from './free-ports.ts';
import { findNatsServer } from './nats-server.ts';

const limits = {
  /** From the start of the processes to a cluster that takes a stream on every server. */
  ready_wait_ms_max: 60_000,
  probe_wait_ms_max: 2_000,
  probe_poll_ms: 100,
  /** After this long a server that was asked to end is killed. */
  stop_wait_ms_max: 3_000,
  /** A free port may be taken by another process before the server binds it. */
  starts_max: 3,
  log_tail_bytes: 2_000,
  file_store_gb_max: 16,
  memory_store_mb_max: 512,
};

export interface NatsOptions {
  servers: 1 | 3;
  /** Data, configurations and logs go here; a folder used before brings its streams back. */
  folder: string;
  /** Whether every append reaches the disk before it is acknowledged; true when left out. */
  syncAlways?: boolean;
  /** The nats-server to run; found or fetched when left out. */
  path?: string;
}

export interface NatsNode {
  readonly name: string;
  readonly url: string;
  /** The process of now, another after a restart; undefined while the server is down. */
  readonly pid: number | undefined;
  readonly logPath: string;
  /** SIGKILL when left out. Resolves when the process is gone, or at once for a signal that does not end it. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Ends the process if it runs, starts it on the same port and data, and resolves when it takes connections. */
  restart(): Promise<void>;
}

export interface NatsCluster {
  readonly servers: readonly NatsNode[];
  readonly urls: readonly string[];
  /** Resolves when the servers that run have a JetStream leader and can all hold a stream; throws after 60 s. */
  ready(): Promise<void>;
  /** Ends every server: SIGTERM, and SIGKILL after 3 s. May be called twice. */
  stop(): Promise<void>;
}

/** Resolves when JetStream is ready on all servers. On failure ends what it started and throws with the log's tail. */
export async function startNats(options: NatsOptions): Promise<NatsCluster> {
  const path = options.path ?? (await findNatsServer()).path;
  const folder = resolve(options.folder);
  await mkdir(folder, { recursive: true });
  for (let start = 1; ; start++) {
    const cluster = await prepare(path, folder, options);
    try {
      for (const server of cluster.servers) await server.launch();
      await cluster.ready();
      return cluster;
    } catch (error) {
      await cluster.stop();
      if (!(error instanceof PortTaken) || start === limits.starts_max) throw error;
    }
  }
}

class PortTaken extends Error {}

async function prepare(path: string, folder: string, options: NatsOptions): Promise<LocalCluster> {
  const names = Array.from({ length: options.servers }, (_, index) => `nats-${index + 1}`);
  const ports = await freePorts(names.length * 2);
  const clientPorts = ports.slice(0, names.length);
  const routePorts = ports.slice(names.length);
  const leash = new Leash();
  const servers = names.map((name, index) => {
    const port = clientPorts[index] ?? 0;
    const config = configText({ name, folder, port, index, routePorts, syncAlways: options.syncAlways ?? true });
    return new Server({ name, path, folder, config, url: `nats://127.0.0.1:${port}`, leash });
  });
  return new LocalCluster(servers, leash);
}

interface ServerConfig {
  name: string;
  folder: string;
  port: number;
  index: number;
  routePorts: number[];
  syncAlways: boolean;
}

function configText({ name, folder, port, index, routePorts, syncAlways }: ServerConfig): string {
  const lines = [
    `server_name: ${name}`,
    `listen: "127.0.0.1:${port}"`,
    'max_payload: 1MB',
    'max_pending: 64MB',
    'write_deadline: "10s"',
    // Shorter than the defaults, so a peer that was paused is noticed within a test's patience.
    'ping_interval: "10s"',
    'ping_max: 2',
    'jetstream {',
    `  store_dir: ${JSON.stringify(join(folder, name))}`,
    `  max_file_store: ${limits.file_store_gb_max}GB`,
    `  max_memory_store: ${limits.memory_store_mb_max}MB`,
    ...(syncAlways ? ['  sync_interval: always'] : []),
    '}',
  ];
  if (routePorts.length > 1) {
    const routes = routePorts.map((route) => `"nats://127.0.0.1:${route}"`);
    lines.push(
      'cluster {',
      '  name: ringpost',
      `  listen: "127.0.0.1:${routePorts[index] ?? 0}"`,
      `  routes: [${routes.join(', ')}]`,
      // Clients know all three; an advertised fourth address would be one of a machine's other interfaces.
      '  no_advertise: true',
      '}',
    );
  }
  return `${lines.join('\n')}\n`;
}

/**
 * Ends the servers when this process ends. An 'exit' listener covers the ways out that Node sees. For the others
 * (SIGKILL, a test runner's timeout) a shell reads the list of pids from a pipe that only this process holds open; when
 * the pipe closes, it kills the last list it read.
 */
class Leash {
  readonly #shell: ChildProcess;
  readonly #pids = new Set<number>();

  constructor() {
    const script = 'while read -r line; do pids=$line; done; [ -z "$pids" ] || kill -KILL $pids 2>/dev/null';
    // Detached, so that Ctrl-C in the terminal does not end it before its time.
    this.#shell = spawn('/bin/sh', ['-c', script], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
    this.#shell.on('error', () => {});
    this.#shell.stdin?.on('error', () => {});
    this.#shell.unref();
    (this.#shell.stdin as { unref?: () => void } | null)?.unref?.();
    process.on('exit', this.#exit);
  }

  readonly #exit = (): void => {
    for (const pid of this.#pids) signalTo(pid, 'SIGKILL');
  };

  add(pid: number): void {
    this.#pids.add(pid);
    this.#tell();
  }

  remove(pid: number): void {
    this.#pids.delete(pid);
    this.#tell();
  }

  #tell(): void {
    if (this.#shell.stdin?.writable === true) this.#shell.stdin.write(`${[...this.#pids].join(' ')}\n`);
  }

  /** Resolves when the shell is gone too. */
  async release(): Promise<void> {
    process.off('exit', this.#exit);
    if (this.#shell.pid === undefined || this.#shell.exitCode !== null || this.#shell.signalCode !== null) return;
    this.#shell.ref();
    const gone = new Promise<void>((done) => this.#shell.once('exit', () => done()));
    this.#shell.stdin?.end();
    await gone;
  }
}

function signalTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

interface ServerParts {
  name: string;
  path: string;
  folder: string;
  /** The text of its configuration file. */
  config: string;
  url: string;
  leash: Leash;
}

class Server implements NatsNode {
  readonly name: string;
  readonly url: string;
  readonly logPath: string;
  readonly #parts: ServerParts;
  readonly #configPath: string;
  readonly #pidPath: string;
  #running: { pid: number; gone: Promise<void> } | undefined;
  /** Where this run's lines begin in the log. */
  #logStart = 0;

  constructor(parts: ServerParts) {
    this.#parts = parts;
    this.name = parts.name;
    this.url = parts.url;
    this.logPath = join(parts.folder, `${parts.name}.log`);
    this.#configPath = join(parts.folder, `${parts.name}.conf`);
    this.#pidPath = join(parts.folder, `${parts.name}.pid`);
  }

  get pid(): number | undefined {
    return this.#running?.pid;
  }

  /** nats-server does not lock its data: two on one folder would destroy it. */
  async #refuseTwin(): Promise<void> {
    const pid = Number(await readFile(this.#pidPath, 'utf8').catch(() => ''));
    if (pid > 0 && commandOf(pid).includes(this.#configPath)) {
      throw new Error(`nats-server ${pid} already runs on ${this.#configPath}; end it, or use another folder`);
    }
  }

  async launch(): Promise<void> {
    const { path, config, leash } = this.#parts;
    await this.#refuseTwin();
    await writeFile(this.#configPath, config);
    this.#logStart = await stat(this.logPath)
      .then((log) => log.size)
      .catch(() => 0);
    const log = openSync(this.logPath, 'a');
    // Detached: Ctrl-C in the terminal goes to the program alone, which may still write before it stops its servers.
    const child = spawn(path, ['-c', this.#configPath], { stdio: ['ignore', log, log], detached: true });
    closeSync(log);
    const gone = new Promise<void>((done) => {
      child.once('exit', () => done());
      child.once('error', () => done());
    });
    const { pid } = child;
    if (pid === undefined) throw new Error(`${path} cannot be started`);
    this.#running = { pid, gone };
    leash.add(pid);
    void gone.then(() => {
      leash.remove(pid);
      if (this.#running?.pid === pid) this.#running = undefined;
    });
    await writeFile(this.#pidPath, String(pid));
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    signalTo(running.pid, signal);
    if (signal === 'SIGKILL' || signal === 'SIGTERM' || signal === 'SIGINT') await running.gone;
  }

  /** SIGTERM, and SIGKILL to one that does not obey. */
  async end(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    signalTo(running.pid, 'SIGTERM');
    // A paused process only sees SIGTERM once it goes on.
    signalTo(running.pid, 'SIGCONT');
    const timer = setTimeout(() => signalTo(running.pid, 'SIGKILL'), limits.stop_wait_ms_max);
    await running.gone;
    clearTimeout(timer);
  }

  async restart(): Promise<void> {
    await this.end();
    for (let start = 1; ; start++) {
      await this.launch();
      try {
        await within(`${this.name} to take connections`, () => this.ask(async () => undefined));
        return;
      } catch (error) {
        await this.end();
        if (!(error instanceof PortTaken) || start === limits.starts_max) throw error;
        await sleep(limits.probe_wait_ms_max);
      }
    }
  }

  /** One question over a connection of its own to this server. A server that has ended ends the wait for it too. */
  async ask<T>(question: (connection: NatsConnection) => Promise<T>): Promise<T> {
    if (this.#running === undefined) throw await this.#ended();
    const connection = await connect({ servers: this.url, reconnect: false, timeout: limits.probe_wait_ms_max });
    try {
      // Another process's server, should it have taken the port first.
      if (connection.info?.server_name !== this.name) throw new Error(`${this.url} is not ${this.name}`);
      return await question(connection);
    } finally {
      await connection.close();
    }
  }

  async #ended(): Promise<Error> {
    const log = (await readFile(this.logPath)).subarray(this.#logStart).toString();
    if (log.includes('address already in use')) return new PortTaken(`${this.name}: its port was taken`);
    return new Final(`${this.name} ended; ${this.logPath} says:\n${log.slice(-limits.log_tail_bytes)}`);
  }
}

/** Asking again will not help. */
class Final extends Error {}

/** The command line of a process, empty when there is none, or where the system has no /proc. */
function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

/** Asks again until the answer comes, with the last refusal in the words when it does not. */
async function within(what: string, attempt: () => Promise<void>): Promise<void> {
  const deadline = Date.now() + limits.ready_wait_ms_max;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (error instanceof PortTaken || error instanceof Final) throw error;
      if (Date.now() > deadline) throw new Error(`waited too long for ${what}: ${(error as Error).message}`);
      await sleep(limits.probe_poll_ms);
    }
  }
}

class LocalCluster implements NatsCluster {
  readonly servers: readonly Server[];
  readonly urls: readonly string[];
  readonly #leash: Leash;

  constructor(servers: readonly Server[], leash: Leash) {
    this.servers = servers;
    this.urls = servers.map((server) => server.url);
    this.#leash = leash;
  }

  async ready(): Promise<void> {
    const running = this.servers.filter((server) => server.pid !== undefined);
    const [first] = running;
    if (first === undefined) throw new Error('no nats-server is running');
    for (const server of running) {
      // Answered by the meta leader alone, so an answer through each server means each has found it.
      await within(`JetStream through ${server.name}`, () =>
        server.ask(async (connection) => {
          await (await connection.jetstreamManager({ timeout: limits.probe_wait_ms_max })).getAccountInfo();
        }),
      );
    }
    await within('a stream on every server', () => first.ask((connection) => placeProbe(connection, running.length)));
  }

  async stop(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.end()));
    await this.#leash.release();
  }
}

/** A leader may be elected before it has heard from every server; until then it refuses streams for want of peers. */
async function placeProbe(connection: NatsConnection, replicas: number): Promise<void> {
  const { streams } = await connection.jetstreamManager({ timeout: limits.probe_wait_ms_max });
  const name = `ready-probe-${process.pid}`;
  const subjects = [`_ready_probe.${process.pid}`];
  await streams.add({ name, subjects, num_replicas: replicas, storage: StorageType.Memory, max_msgs: 1 });
  await streams.delete(name);
}
