/** `bench idle`: what connections cost that say nothing. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Endings } from '../scripts/endings.ts';
import type { Profile } from './actors.ts';
import type { IdleOrders, IdleSettings } from './idle-load.ts';
import { rounded } from './latencies.ts';
import { memoryOf } from './proc.ts';
import type { Profiles } from './profiles.ts';
import { startRingpost } from './servers.ts';
import { Worker } from './worker.ts';

export interface IdleOptions {
  readonly profile: Profile;
  readonly connections: number;
  readonly seconds: number;
  /** As for `ringpost --set`. */
  readonly set: readonly string[];
  readonly folder: string;
  readonly profiles: Profiles | undefined;
}

export interface IdleFigures {
  readonly workload: 'idle';
  readonly profile: Profile;
  readonly connections: number;
  readonly seconds: number;
  readonly connects_per_s: number;
  /** Nodes and nats-servers, from the handshake to the welcome. */
  readonly server_cpu_us_per_connect: number;
  /** Memory of their own that all nodes and nats-servers have beyond what they had before, a connection. */
  readonly kb_per_connection: number;
  readonly node_mb: number;
  /** Cores that all nodes and nats-servers keep busy while nothing is said. */
  readonly idle_cores: number;
  /** The same with no connection at all. */
  readonly empty_cores: number;
  /** Still open at the end. */
  readonly open: number;
  readonly other_cores: number;
  readonly steal_cores: number;
}

/** Garbage of what was done before is collected meanwhile. */
const settle_ms = 20_000;

export async function idleBench(options: IdleOptions, endings: Endings): Promise<IdleFigures> {
  const ringpost = await startRingpost(options, endings);
  const { servers, urls } = ringpost;
  const { connections, profile } = options;
  const settings: IdleSettings = { urls, connections };
  const load = Worker.start<IdleOrders>({
    name: 'load',
    file: new URL('./idle-load.js', import.meta.url),
    settings,
    endings,
  });
  const all = [...servers.nodes, ...servers.nats];
  const ownBytes = (): number => all.reduce((sum, pid) => sum + memoryOf(pid).anonBytes, 0);
  const windowMs = options.seconds * 1_000;
  await load.ask('register', null);
  await sleep(settle_ms);
  const empty = await load.ask('rest', { servers, windowMs });
  const before = ownBytes();
  const opened = await load.ask('connect', { servers });
  await sleep(settle_ms);
  const idle = await load.ask('rest', { servers, windowMs });
  options.profiles?.measured('idle', idle);
  const after = ownBytes();
  const coresOf = ({ nodeUs, natsUs, seconds }: typeof empty): number => (nodeUs + natsUs) / 1e6 / seconds;
  return {
    workload: 'idle',
    profile,
    connections,
    seconds: rounded(idle.seconds),
    connects_per_s: rounded(connections / opened.seconds),
    server_cpu_us_per_connect: rounded((opened.nodeUs + opened.natsUs) / connections),
    kb_per_connection: rounded((after - before) / 1_024 / connections),
    node_mb: rounded(servers.nodes.reduce((sum, pid) => sum + memoryOf(pid).rssBytes, 0) / 2 ** 20),
    idle_cores: rounded(coresOf(idle)),
    empty_cores: rounded(coresOf(empty)),
    open: idle.open,
    other_cores: rounded(Math.max(idle.otherCores, opened.otherCores)),
    steal_cores: rounded(idle.stealCores),
  };
}
