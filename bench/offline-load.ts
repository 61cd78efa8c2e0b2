/** The load generator of `bench offline`: messages to users who are away, and then they all come at once. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { RingpostClient } from '../client/index.ts';
import { eachOf, Mishaps, newUser, numberIn } from './clients.ts';
import { openWindow, type Servers, type Spent } from './window.ts';
import { settingsOf, takeOrders } from './worker.ts';

export interface OfflineSettings {
  /** Of all nodes. */
  readonly urls: readonly string[];
  readonly users: number;
  readonly messages: number;
}

export interface Drained {
  readonly spent: Spent;
  readonly received: number;
  readonly lost: number;
  readonly duplicates: number;
  readonly outOfOrder: number;
}

export type OfflineOrders = {
  /** Makes the accounts and sends to them. */
  fill: { order: null; answer: null };
  /** All connect; from then to the last message. */
  drain: { order: { readonly servers: Servers }; answer: Drained };
  /** Each message is read by itself; from then to the last receipt at its sender. */
  read: { order: { readonly servers: Servers }; answer: { readonly spent: Spent; readonly receipts: number } };
};

const settings = settingsOf<OfflineSettings>();
const mishaps = new Mishaps();
const away: RingpostClient[] = [];
const senders: RingpostClient[] = [];
const senders_count = 8;
const drain_wait_ms = 120_000;
/** Of each user, the numbers of its messages in the order in which they were accepted. */
const sent = new Map<string, number[]>();
/** By user: who sent to it, up to which number, and how many read receipts of it have come. */
const readOf = new Map<string, { readonly sender: string; upTo: number; receipts: number }>();
const got = new Map<string, number[]>();
let received = 0;

takeOrders<OfflineOrders>({ fill, drain, read }, async () => {
  await Promise.all([...away, ...senders].map((client) => client.close()));
});

function urlOf(at: number): string {
  return settings.urls[at % settings.urls.length] ?? '';
}

async function fill(): Promise<null> {
  const numbers = Array.from({ length: settings.users }, (_, number) => number);
  await eachOf(numbers, async (number) => {
    const client = await newUser(`away${number}`, urlOf(number));
    mishaps.watch(client);
    away.push(client);
    const numbersGot: number[] = [];
    got.set(client.user, numbersGot);
    client.on('message', ({ id }) => {
      numbersGot.push(numberIn(id));
      received++;
    });
  });
  // Each user has one sender, so that its messages have one order.
  for (let at = 0; at < senders_count; at++) {
    const client = await newUser(`sender${at}`, urlOf(at));
    await client.connect();
    client.on('receipt', ({ with: user, read }) => {
      const reading = readOf.get(user);
      if (reading !== undefined && read > reading.upTo)
        Object.assign(reading, { upTo: read, receipts: reading.receipts + 1 });
    });
    senders.push(client);
  }
  let number = 0;
  for (const sender of senders) {
    const mine = numbers
      .filter((user) => user % senders_count === senders.indexOf(sender))
      .map((user) => `away${user}`);
    const share = Math.ceil((settings.messages * mine.length) / settings.users / mine.length);
    for (let round = 0; round < share; round++) {
      const accepted = mine.map((user) => {
        const id = number++;
        sent.set(user, [...(sent.get(user) ?? []), id]);
        readOf.set(user, { sender: sender.user, upTo: 0, receipts: 0 });
        return sender.send(user, 'x'.repeat(100), { id: `m${id}` }).accepted;
      });
      await Promise.all(accepted);
    }
  }
  return null;
}

async function drain({ servers }: { readonly servers: Servers }): Promise<Drained> {
  const due = [...sent.values()].reduce((sum, numbers) => sum + numbers.length, 0);
  const endMs = performance.now() + drain_wait_ms;
  const close = openWindow(servers);
  await Promise.all(away.map((client) => client.connect()));
  while (received < due && performance.now() < endMs) await sleep(1);
  const spent = close();
  // What comes twice comes later.
  await sleep(1_000);
  let [lost, duplicates, outOfOrder] = [0, 0, 0];
  for (const [user, numbers] of sent) {
    const came = got.get(user) ?? [];
    const once = new Set(came);
    duplicates += came.length - once.size;
    lost += numbers.filter((number) => !once.has(number)).length;
    outOfOrder += came.filter((number, at) => at > 0 && number < came[at - 1]!).length;
  }
  return { spent, received, lost, duplicates, outOfOrder };
}

/** One round a message of each user: the next one begins when the receipts of the one before have come. */
async function read({ servers }: { readonly servers: Servers }): Promise<{ spent: Spent; receipts: number }> {
  const close = openWindow(servers);
  const endMs = performance.now() + drain_wait_ms;
  const rounds = Math.max(...[...sent.values()].map((numbers) => numbers.length));
  for (let seq = 1; seq <= rounds; seq++) {
    for (const client of away) {
      const reading = readOf.get(client.user);
      if (reading !== undefined && seq <= (sent.get(client.user)?.length ?? 0)) client.read(reading.sender, seq);
    }
    while ([...readOf].some(([user, { upTo }]) => upTo < Math.min(seq, sent.get(user)?.length ?? 0))) {
      if (performance.now() > endMs) break;
      await sleep(1);
    }
  }
  const receipts = [...readOf.values()].reduce((sum, reading) => sum + reading.receipts, 0);
  return { spent: close(), receipts };
}
