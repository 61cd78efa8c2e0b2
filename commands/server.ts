/** One node with its edge, composed: ports, engine, messenger, gateway. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { auditLog, Connection, Desk, File, Group, messengerBehaviours, reportsAt, User } from '../actors/index.ts';
import type { BackupSource, Console } from '../console/index.ts';
import { createGateway, type Gateway, type Storage } from '../gateway/index.ts';
import type { MetricsAt } from '../metrics/index.ts';
import { type Log, Node } from '../runtime/index.ts';
import type { OpenPorts } from '../runtime/io/index.ts';
import type { TracesTo, Tracing } from '../tracing/index.ts';
import type { ConsoleSettings } from './console.ts';
import { Departure } from './departure.ts';
import type { AllLimits } from './limits.ts';
import { type OpenMetrics, openMetrics } from './metrics.ts';
import { UsageError } from './options.ts';
import { openTraces } from './traces.ts';
import { startWatchdog } from './watchdog.ts';

export interface ServerOptions {
  readonly ports: OpenPorts;
  readonly limits: AllLimits;
  readonly partitions: number;
  readonly settleMs: number;
  readonly host: string;
  readonly port: number;
  readonly dataFolder: string;
  readonly secret: Uint8Array;
  /** Webhooks and push services may be in private networks. */
  readonly privateTargets: boolean;
  /** For push services; '': none in particular. */
  readonly pushContact: string;
  /** Where clients reach this node, when they may know; '' otherwise. 'own': where it listens. */
  readonly advertise: string;
  /** Where files of messages are kept; undefined: nowhere. */
  readonly files: Storage | undefined;
  /** The node's end of the admin console; undefined: none. */
  readonly console: (ConsoleSettings & { readonly backup: BackupSource }) | undefined;
  /** Where Prometheus finds its metrics, if they are wanted. */
  readonly metrics?: MetricsAt | undefined;
  /** Where traces go, if they are wanted. */
  readonly traces?: TracesTo | undefined;
}

/** What operators see of the inside. */
interface Watched {
  readonly metrics: OpenMetrics | undefined;
  readonly traces: Tracing | undefined;
}

export interface Server {
  readonly url: string;
  /** '' where there are no metrics. */
  readonly metricsUrl: string;
  readonly node: Node;
  /** Where the admin console connects, `host:port`; '' where there is none. */
  readonly admin: string;
  /** Resolves when this process can't serve any more, with words: it should be closed, and started again. */
  readonly unfit: Promise<string>;
  /** Hands partitions over, then clients, stores and closes all. */
  close(): Promise<void>;
}

/** Resolves when the node serves its share and takes clients. */
export async function openServer(options: ServerOptions): Promise<Server> {
  const { ports } = options;
  let metrics: OpenMetrics | undefined;
  try {
    if (options.metrics?.port === options.port && options.port !== 0) {
      throw new UsageError(`--metrics-port takes another port than the clients', which is ${options.port}.`);
    }
    metrics = options.metrics && (await openMetrics(options.metrics));
    const traces = options.traces && (await openTraces(options.traces, ports.network.self, metrics?.probe));
    return await openWatched(options, { metrics, traces });
  } catch (error) {
    await metrics?.close();
    await ports.close();
    throw error;
  }
}

async function openWatched(options: ServerOptions, watched: Watched): Promise<Server> {
  const { limits, partitions, settleMs } = options;
  const { metrics, traces } = watched;
  const ports = {
    ...options.ports,
    ...(metrics && { probe: metrics.probe }),
    ...(traces && { tracer: traces.tracer }),
  };
  const node = new Node({
    ports,
    limits: limits.runtime,
    behaviours: messengerBehaviours(limits.messenger),
    partitions,
    settleMs,
  });
  let isUp = false;
  const { gateway, admin } = await openEdges(options, node, () => isUp, watched);
  metrics?.show(node, gateway, ports);
  const departure = new Departure(node, gateway, ports.log);
  node.notice = options.advertise === 'own' ? gateway.url : options.advertise;
  const unfit = new Promise<string>((resolve) => {
    node.onStoreLost = ({ message }) => resolve(`${message}. Start again: it is rebuilt from snapshots and journal.`);
  });
  node.figures = () => figuresOf(node, gateway);
  const watchdog = startWatchdog();
  node.start();
  const figures = (): void => writeFigures(options.dataFolder, node);
  process.on('SIGUSR2', figures);
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    process.off('SIGUSR2', figures);
    // Whoever watches sees the node leave.
    await departure.stop();
    await admin?.close();
    await ports.close();
    await traces?.close();
    await metrics?.close();
    watchdog.stop();
  };
  const server: Server = {
    url: gateway.url,
    metricsUrl: metrics?.url ?? '',
    node,
    admin: admin === undefined ? '' : `${options.console?.host}:${admin.port}`,
    unfit,
    close() {
      closing ??= close();
      return closing;
    },
  };
  try {
    await node.ready();
    isUp = true;
  } catch (error) {
    await server.close();
    throw error;
  }
  return server;
}

function filesOf({ dataFolder }: ServerOptions, storage: Storage, url: () => string) {
  return { storage, uploadsFolder: join(dataFolder, 'uploads'), kinds: { file: File, group: Group }, url };
}

/** Where clients and operators connect. What was opened is closed again when it can't be done. */
async function openEdges(
  options: ServerOptions,
  node: Node,
  isUp: () => boolean,
  { metrics, traces }: Watched,
): Promise<{ readonly gateway: Gateway; readonly admin: Console | undefined }> {
  const { ports, limits } = options;
  let gateway: Gateway | undefined;
  try {
    gateway = await createGateway({
      door: node,
      kinds: { user: User, connection: Connection, desk: Desk },
      privateTargets: options.privateTargets,
      ...(options.pushContact !== '' && { pushContact: options.pushContact }),
      host: options.host,
      port: options.port,
      secret: options.secret,
      log: ports.log,
      limits: limits.gateway,
      serving: () => isUp() && ports.network.connected(),
      ...(metrics && { probe: metrics.probe }),
      ...(traces && { tracer: traces.tracer }),
      ...(options.files && { files: filesOf(options, options.files, () => node.notice) }),
    });
    return { gateway, admin: await openAdmin(options, node, isUp) };
  } catch (error) {
    await gateway?.close(0);
    throw error;
  }
}

/** Loaded when asked for: most nodes of a machine under test have none. */
async function openAdmin(options: ServerOptions, node: Node, serving: () => boolean): Promise<Console | undefined> {
  if (options.console === undefined) return undefined;
  const { openConsole } = await import('../console/index.ts');
  const kinds = { user: User, group: Group, audit: auditLog, reportsAt };
  return openConsole({ ...options.console, node, log: options.ports.log, kinds, serving });
}

/** What operators read of the process, beside what the engine counts. */
function figuresOf(node: Node, gateway: Gateway): { readonly [name: string]: number } {
  const { rss, heapUsed } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  const { journalStuckMs, storeRefusesMs, standbyLagRecords } = node.levels();
  return {
    connections: gateway.connections(),
    rss_bytes: rss,
    heap_bytes: heapUsed,
    cpu_ms: Math.round((user + system) / 1_000),
    journal_stuck_ms: Math.round(journalStuckMs),
    store_refuses_ms: Math.round(storeRefusesMs),
    standby_lag_records: standbyLagRecords,
    pid: process.pid,
  };
}

/** For benchmarks: what the engine has counted, as JSON. */
function writeFigures(dataFolder: string, node: Node): void {
  writeFileSync(join(dataFolder, 'figures.json'), `${JSON.stringify(node.counts)}\n`);
}

/** The log goes to a file of the data folder; warnings and worse are also told on the terminal, in a line each. */
export function openLog(dataFolder: string, tell: (line: string) => void): Log {
  mkdirSync(dataFolder, { recursive: true });
  const file = pino.destination({ dest: join(dataFolder, 'ringpost.log'), sync: true });
  let told = false;
  // A full disk must not end the process for want of a line in the log.
  file.on('error', (error: Error) => {
    if (!told) tell(`warning: lines of the log are lost (${error.message})`);
    told = true;
  });
  const log = pino(
    { base: null, serializers: { error: pino.stdSerializers.err }, timestamp: pino.stdTimeFunctions.isoTime },
    file,
  );
  return {
    info: (fields, words) => log.info(fields, words),
    warn(fields, words) {
      log.warn(fields, words);
      tell(`warning: ${words}${detail(fields)}`);
    },
    error(fields, words) {
      log.error(fields, words);
      tell(`error: ${words}${detail(fields)}`);
    },
  };
}

function detail(fields: object): string {
  const parts = Object.entries(fields).map(
    ([name, value]) => `${name} ${value instanceof Error ? value.message : String(value)}`,
  );
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`;
}
