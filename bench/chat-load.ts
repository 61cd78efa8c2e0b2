/** The load generator of `bench one2one`: a process of its own, with all clients. Started by the benchmark, from which it takes its orders. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Pair, Tally } from './chat.ts';
import { eachOf, newUser } from './clients.ts';
import type { Percentiles } from './latencies.ts';
import { drained, type Offer, warmedUp } from './loops.ts';
import { openWindow, type Servers, type Spent } from './window.ts';
import { settingsOf, takeOrders } from './worker.ts';

export interface ChatSettings {
  /** Of all nodes. */
  readonly urls: readonly string[];
  /** Even: they write in pairs. */
  readonly users: number;
}

export interface Talk extends Offer {
  readonly windowMs: number;
  readonly servers: Servers;
}

export interface Talked {
  readonly spent: Spent;
  /** Read in the window. */
  readonly messages: number;
  readonly ms_sent: Percentiles | null;
  readonly ms_delivered: Percentiles | null;
  readonly ms_read: Percentiles | null;
  /** How far the generator itself fell behind an open loop, ms. */
  readonly lagMs: number;
  readonly accepted: number;
  readonly lost: number;
  readonly duplicates: number;
  readonly outOfOrder: number;
  readonly unread: number;
  readonly unanswered: number;
  readonly refused: { readonly [code: string]: number };
  readonly troubles: { readonly [code: string]: number };
  readonly reconnects: number;
}

export type ChatOrders = {
  connect: { order: null; answer: null };
  talk: { order: Talk; answer: Talked };
};

const settings = settingsOf<ChatSettings>();
const tally = new Tally();
const pairs: Pair[] = [];

takeOrders<ChatOrders>(
  {
    async connect() {
      const numbers = Array.from({ length: settings.users / 2 }, (_, number) => number);
      await eachOf(numbers, async (number) => {
        pairs.push(await connectPair(number));
      });
      return null;
    },
    talk,
  },
  async () => {
    await Promise.all(pairs.map((pair) => pair.close()));
  },
);

/** Sender and recipient meet in all combinations of nodes. */
async function connectPair(number: number): Promise<Pair> {
  const { urls } = settings;
  const urlOf = (at: number): string => urls[at % urls.length] ?? '';
  const [sender, recipient] = await Promise.all([
    newUser(`s${number}`, urlOf(number)),
    newUser(`r${number}`, urlOf(Math.floor(number / urls.length))),
  ]);
  const pair = new Pair(sender, recipient, tally);
  await Promise.all([sender.connect(), recipient.connect()]);
  return pair;
}

async function talk(order: Talk, notice: (word: string) => void): Promise<Talked> {
  const traffic = await warmedUp(pairs, order);
  tally.open();
  traffic.lagMs = 0;
  notice('opened');
  const close = openWindow(order.servers);
  await sleep(order.windowMs);
  const spent = close();
  const { sent, delivered, read } = tally;
  const messages = read.count;
  const ms = { ms_sent: sent.percentiles(), ms_delivered: delivered.percentiles(), ms_read: read.percentiles() };
  const { lagMs } = traffic;
  notice('closed');
  traffic.stop();
  await drained(
    () => pairs.some((pair) => pair.busy),
    () => tally.readInAll,
  );
  const { refused, troubles, reconnects } = tally;
  return { spent, messages, ...ms, lagMs, ...fates(), refused, troubles, reconnects };
}

function fates() {
  const sum = { accepted: 0, lost: 0, duplicates: 0, outOfOrder: 0, unread: 0, unanswered: 0 };
  for (const pair of pairs) {
    const fate = pair.fate();
    for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += fate[name];
  }
  return sum;
}
