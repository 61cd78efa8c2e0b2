/** `bench one2one`: the messenger as its users meet it, over WebSocket, from sending a message to its sender's seeing it read. */

import type { Endings } from '../scripts/endings.ts';
import { megabytes, type Profile } from './actors.ts';
import type { ChatOrders, ChatSettings, Talked } from './chat-load.ts';
import { type ChatRatios, Edges } from './edges.ts';
import { each, rounded } from './latencies.ts';
import type { Profiles } from './profiles.ts';
import { startRingpost } from './servers.ts';
import { Worker } from './worker.ts';

export interface One2oneOptions {
  readonly profile: Profile;
  readonly users: number;
  readonly inflight: number;
  /** Messages a second; undefined for a closed loop. */
  readonly rate: number | undefined;
  readonly seconds: number;
  readonly warmSeconds: number;
  /** As for `ringpost --set`. */
  readonly set: readonly string[];
  readonly folder: string;
  readonly profiles: Profiles | undefined;
  /** The servers have an endpoint for Prometheus. */
  readonly metrics: boolean;
  /** Which share of frames they follow; undefined: they follow none, and have nobody to tell. */
  readonly traceShare: number | undefined;
}

export interface One2oneFigures extends ChatRatios {
  readonly workload: 'one2one';
  readonly profile: Profile;
  readonly users: number;
  /** null in an open loop, as the rate is in a closed one. */
  readonly inflight: number | null;
  readonly rate: number | null;
  readonly seconds: number;
  readonly messages: number;
  readonly msg_per_s: number;
  readonly ms_sent: Talked['ms_sent'];
  readonly ms_delivered: Talked['ms_delivered'];
  readonly ms_read: Talked['ms_read'];
  /** Nodes and nats-servers; the sum of the next two. */
  readonly server_cpu_us_per_msg: number | null;
  readonly node_cpu_us_per_msg: number | null;
  readonly nats_cpu_us_per_msg: number | null;
  readonly gen_cpu_us_per_msg: number | null;
  readonly gen_cores: number;
  readonly gen_lag_ms: number;
  readonly rss_mb: number;
  readonly nats_rss_mb: number;
  readonly accepted: number;
  readonly lost: number;
  readonly duplicates: number;
  readonly out_of_order: number;
  readonly unread: number;
  readonly unanswered: number;
  readonly refused: Talked['refused'];
  readonly troubles: Talked['troubles'];
  readonly reconnects: number;
  readonly other_cores: number;
  readonly steal_cores: number;
}

export async function one2oneBench(options: One2oneOptions, endings: Endings): Promise<One2oneFigures> {
  const ringpost = await startRingpost(options, endings);
  const settings: ChatSettings = { urls: ringpost.urls, users: options.users };
  const load = Worker.start<ChatOrders>({
    name: 'load',
    file: new URL('./chat-load.js', import.meta.url),
    settings,
    endings,
  });
  await load.ask('connect', null);
  const edges = new Edges(ringpost);
  const talk = {
    inflight: options.inflight,
    rate: options.rate,
    warmMs: options.warmSeconds * 1_000,
    windowMs: options.seconds * 1_000,
    servers: ringpost.servers,
  };
  const talked = await load.ask('talk', talk, edges.notice);
  options.profiles?.measured('one2one', talked.spent);
  const { nodes, nats } = ringpost.servers;
  return {
    ...figures(options, talked),
    ...(await edges.ratios(talked.messages)),
    rss_mb: megabytes(nodes),
    nats_rss_mb: megabytes(nats),
  };
}

/** What the load generator does not know. */
type CountedFigures = keyof ChatRatios | 'rss_mb' | 'nats_rss_mb';

function figures(
  { profile, users, inflight, rate }: One2oneOptions,
  talked: Talked,
): Omit<One2oneFigures, CountedFigures> {
  const { spent, messages, lost, duplicates, accepted, unread, unanswered, refused, troubles, reconnects } = talked;
  return {
    workload: 'one2one',
    profile,
    users,
    inflight: rate === undefined ? inflight : null,
    rate: rate ?? null,
    seconds: rounded(spent.seconds),
    messages,
    msg_per_s: rounded(messages / spent.seconds),
    ms_sent: talked.ms_sent,
    ms_delivered: talked.ms_delivered,
    ms_read: talked.ms_read,
    server_cpu_us_per_msg: each(spent.nodeUs + spent.natsUs, messages),
    node_cpu_us_per_msg: each(spent.nodeUs, messages),
    nats_cpu_us_per_msg: each(spent.natsUs, messages),
    gen_cpu_us_per_msg: each(spent.genUs, messages),
    gen_cores: rounded(spent.genUs / 1e6 / spent.seconds),
    gen_lag_ms: rounded(talked.lagMs),
    accepted,
    lost,
    duplicates,
    out_of_order: talked.outOfOrder,
    unread,
    unanswered,
    refused,
    troubles,
    reconnects,
    other_cores: rounded(spent.otherCores),
    steal_cores: rounded(spent.stealCores),
  };
}
