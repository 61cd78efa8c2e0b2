/** The load generator of `bench one2one`: a process of its own, with all clients. Started by the benchmark, from which it takes its orders. */
import { setTimeout as sleep } from 'node:timers/promises';
import { RingpostClient, RingpostError } from '../client/index.ts';
import { Pair, Tally } from './chat.ts';
import type { Percentiles } from './latencies.ts';
import { openWindow, type Servers, type Spent } from './window.ts';
import { settingsOf, takeOrders } from './worker.ts';

export interface ChatSettings {
  /** Of all nodes. */
  readonly urls: readonly string[];
  /** Even: they write in pairs. */
  readonly users: number;
}

export interface Talk {
  /** Messages under way for each sender, in a closed loop. */
  readonly inflight: number;
  /** Messages a second over all senders, due evenly whatever becomes of those before; undefined for the closed loop. */
  readonly rate?: number | undefined;
  readonly warmMs: number;
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

const at_once = 16;
const register_tries_max = 20;
/** Without any news for so long, what is still under way will not come. */
const drain_quiet_ms = 5_000;

const settings = settingsOf<ChatSettings>();
const tally = new Tally();
const pairs: Pair[] = [];

takeOrders<ChatOrders>(
  {
    async connect() {
      const numbers = Array.from({ length: settings.users / 2 }, (_, number) => number);
      await eachOf(numbers, at_once, async (number) => {
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

async function newUser(user: string, url: string): Promise<RingpostClient> {
  for (let tries = 1; ; tries++) {
    try {
      return await RingpostClient.register({ url, user, password: 'correct horse', device: 'bench', name: 'bench' });
    } catch (error) {
      if (!(error instanceof RingpostError) || !error.retry || tries === register_tries_max) throw error;
      await sleep(error.afterMs ?? 100);
    }
  }
}

async function talk(order: Talk, notice: (word: string) => void): Promise<Talked> {
  const traffic = await warmedUp(order);
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
  await drain();
  const { refused, troubles, reconnects } = tally;
  return { spent, messages, ...ms, lagMs, ...fates(), refused, troubles, reconnects };
}

/**
 * An open loop is so little work that V8 would still be compiling in its window: a closed one goes before it, so that what is measured is
 * a server that has run for a while.
 */
async function warmedUp({ rate, inflight, warmMs }: Talk): Promise<Traffic> {
  const closed = closedLoop(inflight);
  if (rate === undefined) {
    await sleep(warmMs);
    return closed;
  }
  await sleep(warmMs * 0.6);
  closed.stop();
  await sleep(warmMs * 0.1);
  const open = openLoop(rate);
  await sleep(warmMs * 0.3);
  return open;
}

interface Traffic {
  lagMs: number;
  stop(): void;
}

/** Each message that was read brings the next. */
function closedLoop(inflight: number): Traffic {
  let going = true;
  for (const pair of pairs) {
    pair.onRead = () => going && pair.send(performance.now());
    for (let i = 0; i < inflight; i++) pair.send(performance.now());
  }
  return {
    lagMs: 0,
    stop() {
      going = false;
    },
  };
}

function openLoop(rate: number): Traffic {
  const startMs = performance.now();
  let next = 0;
  const traffic: Traffic & { timer: NodeJS.Timeout | undefined } = {
    lagMs: 0,
    timer: undefined,
    stop() {
      clearTimeout(this.timer);
    },
  };
  const tick = (): void => {
    const nowMs = performance.now();
    for (let dueMs = startMs; ; next++) {
      dueMs = startMs + (next * 1_000) / rate;
      if (dueMs > nowMs) break;
      traffic.lagMs = Math.max(traffic.lagMs, nowMs - dueMs);
      pairs[next % pairs.length]?.send(dueMs);
    }
    traffic.timer = setTimeout(tick, 1);
  };
  tick();
  return traffic;
}

/** Waits until every message has come back read, or nothing comes any more. */
async function drain(): Promise<void> {
  let before = -1;
  let changedMs = performance.now();
  while (performance.now() - changedMs < drain_quiet_ms && pairs.some((pair) => pair.busy)) {
    if (tally.readInAll !== before) {
      before = tally.readInAll;
      changedMs = performance.now();
    }
    await sleep(50);
  }
  // A second copy of a message would come after the first.
  await sleep(500);
}

function fates() {
  const sum = { accepted: 0, lost: 0, duplicates: 0, outOfOrder: 0, unread: 0, unanswered: 0 };
  for (const pair of pairs) {
    const fate = pair.fate();
    for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += fate[name];
  }
  return sum;
}

async function eachOf<T>(list: readonly T[], atOnce: number, work: (one: T) => Promise<void>): Promise<void> {
  const rest = [...list];
  const worker = async (): Promise<void> => {
    for (let one = rest.shift(); one !== undefined; one = rest.shift()) await work(one);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
