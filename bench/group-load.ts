/**
 * The load generator of `bench group`: a process with clients, of which there may be several. The first one is home to those who write; the others
 * tell it, by way of the benchmark, what their members have got.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { eachOf, newUser } from './clients.ts';
import { Conversation, Crowd, type Fate, type Kept, type Reached } from './group-chat.ts';
import type { Percentiles } from './latencies.ts';
import { drained, type Offer, warmedUp } from './loops.ts';
import { openWindow, type Servers, type Spent } from './window.ts';
import { settingsOf, takeOrders } from './worker.ts';

export interface CrowdSettings {
  /** Of all nodes. */
  readonly urls: readonly string[];
  /** Numbers of its members: `from` and up to `to`, without it. Number 0 is in the first process, and makes the group. */
  readonly from: number;
  readonly to: number;
}

export interface Talk extends Offer {
  readonly group: string;
  readonly senders: number;
  /** Processes with members, this one among them. */
  readonly crowds: number;
  readonly windowMs: number;
  readonly servers: Servers;
  /** Process ids of what else belongs to the load generator. */
  readonly helpers: readonly number[];
}

export interface Talked {
  readonly spent: Spent;
  /** That the last member got in the window. */
  readonly messages: number;
  /** To members in this process, in the window. */
  readonly deliveries: number;
  readonly ms_sent: Percentiles | null;
  readonly ms_first_member: Percentiles | null;
  readonly ms_last_member: Percentiles | null;
  readonly ms_delivered_all: Percentiles | null;
  readonly lagMs: number;
  readonly kept: readonly Kept[];
  /** As their authors were told. */
  readonly outOfOrder: number;
  readonly undelivered: number;
  readonly unanswered: number;
}

export interface Checked extends Fate {
  readonly refused: { readonly [code: string]: number };
  readonly troubles: { readonly [code: string]: number };
  readonly reconnects: number;
}

export type CrowdOrders = {
  /** Answer: the names of its members. */
  connect: { order: null; answer: readonly string[] };
  /** To the first: a group with these users. Answer: its name. */
  make: { order: readonly string[]; answer: string };
  /** Answered when every member has heard of its own coming. */
  join: { order: null; answer: null };
  /** To the first. */
  talk: { order: Talk; answer: Talked };
  /** To the others: notices tell what their members have got, until `check`. */
  listen: { order: null; answer: null };
  /** To the first: such a notice. */
  reached: { order: string; answer: null };
  /** Answer: messages that have come to its members so far. */
  deliveries: { order: null; answer: number };
  check: { order: readonly Kept[]; answer: Checked };
};

/** What the protocol takes in one word. */
const added_users_max = 256;
const join_wait_ms_max = 120_000;

const settings = settingsOf<CrowdSettings>();
const crowd = new Crowd(settings.from === 0);
/** The clock of this process, on the one that all processes share, ms. */
const clock_offset_ms = Number(process.hrtime.bigint()) / 1e6 - performance.now();
let conversation: Conversation | undefined;
/** What the first process has not been told of yet; times on the clock that all share. */
const untold: Reached[] = [];
let tellFirst: ((word: string) => void) | undefined;
let hush: () => void = () => undefined;

crowd.onReached = ({ number, firstMs, lastMs }) => {
  untold.push({ number, firstMs: firstMs + clock_offset_ms, lastMs: lastMs + clock_offset_ms });
  if (untold.length === 1) setImmediate(tell);
};

takeOrders<CrowdOrders>(
  { connect, make, join, talk, listen, reached, deliveries: () => crowd.deliveries, check },
  async () => {
    await Promise.all(crowd.clients.map((client) => client.close()));
  },
);

async function connect(): Promise<readonly string[]> {
  const { urls, from, to } = settings;
  const numbers = Array.from({ length: to - from }, (_, i) => from + i);
  const clients = new Map<number, Awaited<ReturnType<typeof newUser>>>();
  await eachOf(numbers, async (number) => {
    clients.set(number, await newUser(`m${number}`, urls[number % urls.length] ?? ''));
  });
  // In the order of their numbers, which decides who makes the group and who writes in it.
  for (const number of numbers) crowd.add(clients.get(number)!);
  await eachOf(crowd.clients, (client) => client.connect());
  return crowd.clients.map(({ user }) => user);
}

async function make(users: readonly string[]): Promise<string> {
  const [owner] = crowd.clients;
  if (owner === undefined) throw new Error('there is nobody to make the group');
  const group = await owner.groups.create('bench');
  for (let first = 0; first < users.length; first += added_users_max) {
    await owner.groups.add(group, users.slice(first, first + added_users_max));
  }
  return group;
}

async function join(): Promise<null> {
  const endMs = performance.now() + join_wait_ms_max;
  while (crowd.outside > 0) {
    if (performance.now() > endMs) {
      const refused = JSON.stringify(crowd.mishaps.refused);
      throw new Error(
        `${crowd.outside} members did not hear of their coming in ${join_wait_ms_max} ms; refused: ${refused}`,
      );
    }
    await sleep(20);
  }
  return null;
}

// ---------------------------------------------------------------- the first

async function talk(order: Talk, notice: (word: string) => void): Promise<Talked> {
  const writers = crowd.clients.slice(0, order.senders);
  const ours = new Conversation(order.group, writers, order.crowds, crowd.mishaps);
  const { times } = ours;
  conversation = ours;
  crowd.onReached = (reached) => ours.reached(reached);
  const traffic = await warmedUp(ours.authors, order);
  times.open();
  traffic.lagMs = 0;
  const before = crowd.deliveries;
  notice('opened');
  const close = openWindow(order.servers, order.helpers);
  await sleep(order.windowMs);
  const spent = close();
  const deliveries = crowd.deliveries - before;
  const { lagMs } = traffic;
  const messages = times.lastMember.count;
  const ms = {
    ms_sent: times.sent.percentiles(),
    ms_first_member: times.firstMember.percentiles(),
    ms_last_member: times.lastMember.percentiles(),
    ms_delivered_all: times.deliveredAll.percentiles(),
  };
  notice('closed');
  traffic.stop();
  await drained(
    () => ours.busy,
    () => ours.news,
  );
  const { kept, outOfOrder, undelivered, unanswered } = ours;
  return { spent, messages, deliveries, ...ms, lagMs, kept, outOfOrder, undelivered, unanswered };
}

function reached(notice: string): null {
  for (const { number, firstMs, lastMs } of JSON.parse(notice) as Reached[]) {
    conversation?.reached({ number, firstMs: firstMs - clock_offset_ms, lastMs: lastMs - clock_offset_ms });
  }
  return null;
}

// ---------------------------------------------------------------- the others

async function listen(_: null, notice: (word: string) => void): Promise<null> {
  tellFirst = notice;
  tell();
  await new Promise<void>((resolve) => {
    hush = resolve;
  });
  return null;
}

/** Before `listen` they wait. */
function tell(): void {
  if (untold.length > 0) tellFirst?.(JSON.stringify(untold.splice(0)));
}

// ---------------------------------------------------------------- all

function check(kept: readonly Kept[]): Checked {
  hush();
  const { refused, troubles, reconnects } = crowd.mishaps;
  return { ...crowd.fate(kept), refused, troubles, reconnects };
}
