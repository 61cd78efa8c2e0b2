/** `bench group`: one group of many members as they meet it, over WebSocket, from sending a message to its coming to the last of them. */

import type { Endings } from '../scripts/endings.ts';
import { megabytes, type Profile } from './actors.ts';
import { type ChatRatios, Edges } from './edges.ts';
import type { Checked, CrowdOrders, CrowdSettings, Talked } from './group-load.ts';
import { each, rounded } from './latencies.ts';
import type { Profiles } from './profiles.ts';
import { type Ringpost, startRingpost } from './servers.ts';
import { Worker } from './worker.ts';

export interface GroupOptions {
  readonly profile: Profile;
  /** Its owner and the senders among them. */
  readonly members: number;
  readonly senders: number;
  readonly inflight: number;
  /** Messages a second; undefined for a closed loop. */
  readonly rate: number | undefined;
  readonly seconds: number;
  readonly warmSeconds: number;
  /** Processes that the members' clients are in; all senders are in the first. */
  readonly generators: number;
  /** As for `ringpost --set`. */
  readonly set: readonly string[];
  readonly folder: string;
  readonly profiles: Profiles | undefined;
}

export interface GroupFigures extends ChatRatios {
  readonly workload: 'group';
  readonly profile: Profile;
  readonly members: number;
  readonly senders: number;
  readonly generators: number;
  /** null in an open loop, as the rate is in a closed one. */
  readonly inflight: number | null;
  readonly rate: number | null;
  readonly seconds: number;
  /** That came to their last member in the window. */
  readonly messages: number;
  readonly msg_per_s: number;
  /** A member other than the author gets a message. */
  readonly deliveries: number;
  readonly deliveries_per_s: number;
  readonly ms_sent: Talked['ms_sent'];
  readonly ms_first_member: Talked['ms_first_member'];
  readonly ms_last_member: Talked['ms_last_member'];
  readonly ms_delivered_all: Talked['ms_delivered_all'];
  /** Nodes and nats-servers; the sum of the next two. */
  readonly server_cpu_us_per_delivery: number | null;
  readonly node_cpu_us_per_delivery: number | null;
  readonly nats_cpu_us_per_delivery: number | null;
  readonly gen_cpu_us_per_delivery: number | null;
  readonly gen_cores: number;
  readonly gen_lag_ms: number;
  readonly rss_mb: number;
  readonly nats_rss_mb: number;
  readonly accepted: number;
  readonly lost: number;
  readonly duplicates: number;
  readonly out_of_order: number;
  readonly undelivered: number;
  readonly unanswered: number;
  readonly refused: Checked['refused'];
  readonly troubles: Checked['troubles'];
  readonly reconnects: number;
  readonly other_cores: number;
  readonly steal_cores: number;
}

type Generator = Worker<CrowdOrders>;

/** What all of them together know. */
interface Known {
  readonly talked: Talked;
  /** In the window, to all members. */
  readonly deliveries: number;
  readonly checked: Checked;
}

export async function groupBench(options: GroupOptions, endings: Endings): Promise<GroupFigures> {
  const ringpost = await startRingpost(options, endings);
  const generators = startGenerators(options, ringpost.urls, endings);
  const group = await makeGroup(generators);
  const edges = new Edges(ringpost);
  const known = await talkIn(group, options, { ringpost, generators, edges });
  options.profiles?.measured('group', known.talked.spent);
  const { nodes, nats } = ringpost.servers;
  return {
    ...figures(options, known),
    ...(await edges.ratios(known.talked.messages)),
    rss_mb: megabytes(nodes),
    nats_rss_mb: megabytes(nats),
  };
}

/** Sockets are spread over the nodes by the members' numbers, so each process has some at every node. */
function startGenerators({ members, generators }: GroupOptions, urls: readonly string[], endings: Endings) {
  const edgeOf = (at: number): number => Math.ceil((members * at) / generators);
  return Array.from({ length: generators }, (_, at) => {
    const settings: CrowdSettings = { urls, from: edgeOf(at), to: edgeOf(at + 1) };
    const file = new URL('./group-load.js', import.meta.url);
    return Worker.start<CrowdOrders>({ name: `load${at + 1}`, file, settings, endings });
  });
}

async function makeGroup(generators: readonly Generator[]): Promise<string> {
  const users = (await Promise.all(generators.map((one) => one.ask('connect', null)))).flat();
  const group = await firstOf(generators).ask('make', users.slice(1));
  await Promise.all(generators.map((one) => one.ask('join', null)));
  return group;
}

function firstOf(generators: readonly Generator[]): Generator {
  const [first] = generators;
  if (first === undefined) throw new Error('there is no load generator');
  return first;
}

interface Stage {
  readonly ringpost: Ringpost;
  readonly generators: readonly Generator[];
  readonly edges: Edges;
}

async function talkIn(group: string, options: GroupOptions, { ringpost, generators, edges }: Stage): Promise<Known> {
  const first = firstOf(generators);
  const others = generators.slice(1);
  const heard: { [word: string]: Promise<number> } = {};
  const talk = async (): Promise<Known> => {
    const order = {
      group,
      senders: options.senders,
      crowds: generators.length,
      inflight: options.inflight,
      rate: options.rate,
      warmMs: options.warmSeconds * 1_000,
      windowMs: options.seconds * 1_000,
      servers: ringpost.servers,
      // This process passes on what the others tell the first.
      helpers: others.length === 0 ? [] : [process.pid, ...others.map(({ pid }) => pid)],
    };
    const talked = await first.ask('talk', order, (word) => {
      edges.notice(word);
      heard[word] = deliveriesAt(others);
    });
    const checked = await Promise.all(generators.map((one) => one.ask('check', talked.kept)));
    const [before = 0, after = 0] = await Promise.all([heard.opened, heard.closed]);
    return { talked, deliveries: talked.deliveries + after - before, checked: checked.reduce(together) };
  };
  // Together, so that one that ends too soon ends the run.
  const [known] = await Promise.all([talk(), ...others.map((one) => listenTo(one, first))]);
  return known;
}

async function listenTo(one: Generator, first: Generator): Promise<void> {
  await one.ask('listen', null, (word) => {
    // Fails only with the process, and then what was asked of it before fails too.
    first.ask('reached', word).catch(() => undefined);
  });
}

async function deliveriesAt(others: readonly Generator[]): Promise<number> {
  const counts = await Promise.all(others.map((one) => one.ask('deliveries', null)));
  return counts.reduce((sum, count) => sum + count, 0);
}

function together(one: Checked, other: Checked): Checked {
  return {
    lost: one.lost + other.lost,
    duplicates: one.duplicates + other.duplicates,
    outOfOrder: one.outOfOrder + other.outOfOrder,
    refused: byCode(one.refused, other.refused),
    troubles: byCode(one.troubles, other.troubles),
    reconnects: one.reconnects + other.reconnects,
  };
}

type Counts = { readonly [code: string]: number };

function byCode(one: Counts, other: Counts): Counts {
  const codes = [...new Set([...Object.keys(one), ...Object.keys(other)])];
  return Object.fromEntries(codes.map((code) => [code, (one[code] ?? 0) + (other[code] ?? 0)]));
}

/** What the load generator does not know. */
type CountedFigures = keyof ChatRatios | 'rss_mb' | 'nats_rss_mb';

function figures(options: GroupOptions, { talked, deliveries, checked }: Known): Omit<GroupFigures, CountedFigures> {
  const { profile, members, senders, generators, inflight, rate } = options;
  const { spent, messages } = talked;
  return {
    workload: 'group',
    profile,
    members,
    senders,
    generators,
    inflight: rate === undefined ? inflight : null,
    rate: rate ?? null,
    seconds: rounded(spent.seconds),
    messages,
    msg_per_s: rounded(messages / spent.seconds),
    deliveries,
    deliveries_per_s: rounded(deliveries / spent.seconds),
    ms_sent: talked.ms_sent,
    ms_first_member: talked.ms_first_member,
    ms_last_member: talked.ms_last_member,
    ms_delivered_all: talked.ms_delivered_all,
    server_cpu_us_per_delivery: each(spent.nodeUs + spent.natsUs, deliveries),
    node_cpu_us_per_delivery: each(spent.nodeUs, deliveries),
    nats_cpu_us_per_delivery: each(spent.natsUs, deliveries),
    gen_cpu_us_per_delivery: each(spent.genUs, deliveries),
    gen_cores: rounded(spent.genUs / 1e6 / spent.seconds),
    gen_lag_ms: rounded(talked.lagMs),
    accepted: talked.kept.length,
    lost: checked.lost,
    duplicates: checked.duplicates,
    out_of_order: checked.outOfOrder + talked.outOfOrder,
    undelivered: talked.undelivered,
    unanswered: talked.unanswered,
    refused: checked.refused,
    troubles: checked.troubles,
    reconnects: checked.reconnects,
    other_cores: rounded(spent.otherCores),
    steal_cores: rounded(spent.stealCores),
  };
}
