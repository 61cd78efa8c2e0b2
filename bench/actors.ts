/** `bench actors`: the runtime alone. Starts its processes, has the load run in them, and works out the figures. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Limits, NodeCounts } from '../runtime/index.ts';
import type { Endings } from '../scripts/endings.ts';
import { startNats } from '../scripts/nats-cluster.ts';
import type { HostOrders, HostSettings } from './actor-host.ts';
import type { Loaded, Run, Workload } from './actor-load.ts';
import { each, rounded } from './latencies.ts';
import { memoryOf } from './proc.ts';
import type { Profiles } from './profiles.ts';
import { sumOf } from './servers.ts';
import type { Servers } from './window.ts';
import { Worker } from './worker.ts';

export type Profile = 'embedded' | 'cluster';

export interface ActorsOptions {
  readonly profile: Profile;
  readonly workloads: readonly Workload[];
  readonly seconds: number;
  readonly warmSeconds: number;
  readonly actors: number;
  readonly inflight: number;
  readonly activations: number;
  readonly partitions: number;
  /** Bounds of the engine that differ from its defaults. */
  readonly limits: Partial<Limits>;
  /** An empty folder for the data of all nodes and servers. */
  readonly folder: string;
  /** None are taken without it. */
  readonly profiles: Profiles | undefined;
}

export interface ActorFigures extends Ratios {
  readonly workload: Workload;
  readonly profile: Profile;
  readonly actors: number;
  readonly inflight: number;
  readonly seconds: number;
  readonly calls: number;
  readonly calls_per_s: number;
  readonly ms: Loaded['ms'];
  /** Nodes and nats-servers; the sum of the next two. */
  readonly server_cpu_us_per_call: number | null;
  readonly node_cpu_us_per_call: number | null;
  readonly nats_cpu_us_per_call: number | null;
  /** null where the caller is part of the node's process and counted there. */
  readonly gen_cpu_us_per_call: number | null;
  readonly rss_mb: number;
  readonly nats_rss_mb: number;
  readonly errors: Loaded['errors'];
  readonly unknown: number;
  readonly lost: number;
  readonly doubled: number;
  readonly other_cores: number;
  readonly steal_cores: number;
  /** Growth over the activations, for each actor. */
  readonly heap_bytes_per_actor?: number;
  readonly anon_bytes_per_actor?: number;
  readonly rss_bytes_per_actor?: number;
}

type Host = Worker<HostOrders>;

interface Stage {
  /** Own the partitions. */
  readonly nodes: readonly Host[];
  /** Where the calls come from: the only node itself, or a guest. */
  readonly caller: Host;
  readonly servers: Servers;
}

const nodes_of_cluster = 3;
/** After the last activation: write-behind and the collector come to rest. */
const settle_ms = 2_000;

export async function* actorBench(options: ActorsOptions, endings: Endings): AsyncGenerator<ActorFigures> {
  const stage = options.profile === 'embedded' ? await embedded(options, endings) : await cluster(options, endings);
  for (const workload of options.workloads) yield await measure(stage, workload, options);
}

// ---------------------------------------------------------------- processes

async function embedded(options: ActorsOptions, endings: Endings): Promise<Stage> {
  const host = startHost(options, endings, { name: 'n1' });
  await host.ask('ready', null);
  return { nodes: [host], caller: host, servers: { nodes: [host.pid], nats: [] } };
}

async function cluster(options: ActorsOptions, endings: Endings): Promise<Stage> {
  const nats = await startNats({ servers: 3, folder: join(options.folder, 'nats'), syncAlways: true });
  endings.add(() => nats.stop());
  const link = { servers: nats.urls, replicas: 3 };
  const nodes = Array.from({ length: nodes_of_cluster }, (_, i) =>
    startHost(options, endings, { name: `n${i + 1}`, cluster: { ...link, role: 'owner' } }),
  );
  await Promise.all(nodes.map((node) => node.ask('ready', null)));
  const caller = startHost(options, endings, { name: 'guest', cluster: { ...link, role: 'guest' } });
  await caller.ask('ready', null);
  const pids = nats.servers.flatMap(({ pid }) => pid ?? []);
  return { nodes, caller, servers: { nodes: nodes.map(({ pid }) => pid), nats: pids } };
}

type StartedAs = Pick<HostSettings, 'name' | 'cluster'>;

function startHost({ folder, partitions, limits, profiles }: ActorsOptions, endings: Endings, as: StartedAs): Host {
  const settings: HostSettings = { ...as, partitions, limits, dataFolder: join(folder, as.name) };
  return Worker.start<HostOrders>({
    name: as.name,
    file: new URL('./actor-host.js', import.meta.url),
    settings,
    nodeFlags: ['--expose-gc', ...(profiles?.flags ?? [])],
    endings,
  });
}

// ---------------------------------------------------------------- figures

async function measure(stage: Stage, workload: Workload, options: ActorsOptions): Promise<ActorFigures> {
  const cold = workload === 'activations';
  const run: Run = {
    workload,
    actors: cold ? options.activations : workload === 'sequential' ? 1 : options.actors,
    inflight: workload === 'sequential' ? 1 : options.inflight,
    warmMs: options.warmSeconds * 1_000,
    windowMs: options.seconds * 1_000,
    servers: stage.servers,
  };
  const memoryBefore = cold ? await memoryIn(stage) : undefined;
  const edges: { [word: string]: Promise<NodeCounts> } = {};
  const loaded = await stage.caller.ask('load', run, (word) => {
    edges[word] = countsIn(stage);
  });
  options.profiles?.measured(workload, loaded.spent);
  const [before, after] = await Promise.all([edges.opened, edges.closed]);
  if (before === undefined || after === undefined) throw new Error('the load did not say when it was measured');
  let perActor: Partial<ActorFigures> = {};
  if (memoryBefore !== undefined) {
    await sleep(settle_ms);
    perActor = growth(memoryBefore, await memoryIn(stage), run.actors);
  }
  return { ...figures(stage, run, options.profile, loaded), ...ratios(before, after), ...perActor };
}

/** How much each append carried. */
export interface Ratios {
  readonly turns_per_record: number | null;
  readonly records_per_append: number | null;
  readonly record_bytes: number | null;
}

function figures({ servers }: Stage, run: Run, profile: Profile, loaded: Loaded): Omit<ActorFigures, keyof Ratios> {
  const { calls, ms, spent, errors, unknown, lost, doubled } = loaded;
  return {
    workload: run.workload,
    profile,
    actors: run.actors,
    inflight: run.inflight,
    seconds: rounded(spent.seconds),
    calls,
    calls_per_s: rounded(calls / spent.seconds),
    ms,
    server_cpu_us_per_call: each(spent.nodeUs + spent.natsUs, calls),
    node_cpu_us_per_call: each(spent.nodeUs, calls),
    nats_cpu_us_per_call: each(spent.natsUs, calls),
    gen_cpu_us_per_call: profile === 'embedded' ? null : each(spent.genUs, calls),
    rss_mb: megabytes(servers.nodes),
    nats_rss_mb: megabytes(servers.nats),
    errors,
    unknown,
    lost,
    doubled,
    other_cores: rounded(spent.otherCores),
    steal_cores: rounded(spent.stealCores),
  };
}

export function ratios(before: NodeCounts, after: NodeCounts): Ratios {
  const records = after.records - before.records;
  return {
    turns_per_record: each(after.recordTurns - before.recordTurns, records),
    records_per_append: each(records, after.appends - before.appends),
    record_bytes: each(after.recordBytes - before.recordBytes, records),
  };
}

async function countsIn({ nodes }: Stage): Promise<NodeCounts> {
  return sumOf(await Promise.all(nodes.map((node) => node.ask('counts', null))));
}

interface MemoryUse {
  readonly heap: number;
  readonly rss: number;
  readonly anon: number;
}

async function memoryIn({ nodes }: Stage): Promise<MemoryUse> {
  const heaps = await Promise.all(nodes.map((node) => node.ask('heap', null)));
  const pages = nodes.map(({ pid }) => memoryOf(pid));
  return {
    heap: heaps.reduce((sum, { heapBytes, externalBytes }) => sum + heapBytes + externalBytes, 0),
    rss: pages.reduce((sum, { rssBytes }) => sum + rssBytes, 0),
    anon: pages.reduce((sum, { anonBytes }) => sum + anonBytes, 0),
  };
}

function growth(before: MemoryUse, after: MemoryUse, actors: number): Partial<ActorFigures> {
  return {
    heap_bytes_per_actor: Math.round((after.heap - before.heap) / actors),
    anon_bytes_per_actor: Math.round((after.anon - before.anon) / actors),
    rss_bytes_per_actor: Math.round((after.rss - before.rss) / actors),
  };
}

export function megabytes(pids: readonly number[]): number {
  return rounded(pids.reduce((sum, pid) => sum + memoryOf(pid).rssBytes, 0) / 2 ** 20);
}
