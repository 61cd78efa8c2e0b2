/** All users of a run: they send at a steady rate, whatever becomes of it, and know what is still under way. */
import { isGroupId } from '../../proto/decode.ts';
import { SimRandom } from '../../sim/clock.ts';
import type { Entry } from '../history.ts';
import { nowMs, pause, until } from '../time.ts';
import { Device } from './device.ts';
import type { Drained, UserPlan } from './orders.ts';

const tick_ms = 2;
const drain_poll_ms = 25;
/** A second copy would come after the first. */
const linger_ms = 250;
const opened_at_once = 8;
/** After a fault all users send within so long. */
const mark_spread_ms = 20;
/** The device that only looks. */
const auditor = 'auditor';
const audit_wait_ms = 30_000;
const missing_told_max = 12;
/** Of the messages, so many go into groups. */
const group_share = 0.25;
const formed_wait_ms = 30_000;

interface Writer {
  readonly plan: UserPlan;
  readonly devices: readonly Device[];
  /** '' while it is in none. */
  group: string;
  nextAt: number;
  /** When the newest message was sent that has been accepted, ms. */
  servedAt: number;
}

/** A message that has not yet come wherever it should. */
interface Pending {
  readonly from: string;
  readonly to: string;
  readonly sentAt: number;
  acked: boolean;
  /** A member of the group has seen it, so all will. */
  placed: boolean;
  /** A restarted client forgot it before it was answered: it may have been sent, or not. */
  forgotten: boolean;
  /** Devices that have not seen it. */
  readonly left: Set<string>;
}

export class Traffic {
  readonly #random: SimRandom;
  readonly #writers: Writer[] = [];
  readonly #byName = new Map<string, Writer>();
  /** Members of each group. */
  readonly #members = new Map<string, readonly Writer[]>();
  #entries: Entry[] = [];
  readonly #pending = new Map<string, Pending>();
  /** By sender's device, and recipient or group: seq accepted, and seq known to be read. */
  readonly #receipts = new Map<string, { accepted: number; read: number }>();
  #lastNewsAt = 0;
  #sent = 0;
  #timer: NodeJS.Timeout | undefined;
  #intervalMs = 0;
  #lagMs = 0;

  constructor(seed: number) {
    this.#random = new SimRandom(seed).stream('traffic');
  }

  async open(plans: readonly UserPlan[]): Promise<void> {
    for (const plan of plans) {
      const devices = plan.devices.map(
        (device) =>
          new Device({
            user: plan.name,
            device,
            urls: plan.urls,
            goesHome: plan.goesHome,
            transport: plan.transport,
            note: (entry) => this.#note(entry),
          }),
      );
      const writer = { plan, devices, group: '', nextAt: 0, servedAt: 0 };
      this.#writers.push(writer);
      this.#byName.set(plan.name, writer);
    }
    await eachOf(this.#writers, opened_at_once, async ({ devices }) => {
      for (const [i, device] of devices.entries()) await device.open(i === 0);
    });
  }

  /** Resolves when every device knows of its user's group. */
  async form(groups: readonly (readonly string[])[]): Promise<void> {
    await eachOf(groups, opened_at_once, async (names) => {
      const writers = names.map((name) => this.#byName.get(name)!);
      const devices = writers.flatMap((writer) => writer.devices);
      const maker = devices[0]!;
      const group = await maker.found(names.slice(1));
      const knows = ({ user, name }: Device): boolean =>
        this.#entries.some(
          (entry) => entry.kind === 'change' && entry.group === group && entry.user === user && entry.device === name,
        );
      if (!(await until(() => devices.every(knows), formed_wait_ms))) throw new Error(`${group} did not come together`);
      this.#members.set(group, writers);
      for (const writer of writers) writer.group = group;
      this.#note({ kind: 'formed', at: nowMs(), user: maker.user, device: maker.name, group, members: names });
    });
  }

  run(rate: number): void {
    const now = nowMs();
    this.#intervalMs = (this.#writers.length * 1_000) / rate;
    this.#writers.forEach((writer, i) => {
      writer.nextAt = now + (i * this.#intervalMs) / this.#writers.length;
    });
    this.#lagMs = 0;
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#tick(), tick_ms);
  }

  mark(): void {
    if (this.#timer === undefined) return;
    const now = nowMs();
    this.#writers.forEach((writer, i) => {
      writer.nextAt = now + (i * mark_spread_ms) / this.#writers.length;
    });
    this.#tick();
  }

  /** Answers how late a message ever was, ms. */
  stop(): number {
    clearInterval(this.#timer);
    this.#timer = undefined;
    return Math.round(this.#lagMs);
  }

  #tick(): void {
    const now = nowMs();
    for (const writer of this.#writers) {
      while (writer.nextAt <= now) {
        this.#lagMs = Math.max(this.#lagMs, now - writer.nextAt);
        writer.nextAt += this.#intervalMs;
        this.#send(writer);
      }
    }
  }

  #send({ plan, devices, group }: Writer): void {
    const [device, ...others] = devices;
    if (device === undefined) return;
    const isForGroup = group !== '' && this.#random.chance(group_share);
    const to = isForGroup ? group : plan.peers[this.#random.between(0, plan.peers.length - 1)]!;
    const id = `${plan.name}-${++this.#sent}`;
    const readers = this.#readersOf(plan.name, to).flatMap((reader) => reader.devices);
    const left = new Set([...others, ...readers].map(({ user, name }) => `${user}/${name}`));
    const state = { acked: false, placed: false, forgotten: false };
    this.#pending.set(id, { from: plan.name, to, sentAt: nowMs(), ...state, left });
    device.send(to, id);
  }

  #readersOf(from: string, to: string): readonly Writer[] {
    const members = this.#members.get(to);
    if (members !== undefined) return members.filter(({ plan }) => plan.name !== from);
    const reader = this.#byName.get(to);
    return reader === undefined ? [] : [reader];
  }

  #note(entry: Entry): void {
    this.#entries.push(entry);
    if (entry.kind !== 'link') this.#lastNewsAt = entry.at;
    if (entry.kind === 'accepted') {
      const pending = this.#pending.get(entry.id);
      if (pending === undefined) return;
      pending.acked = true;
      const writer = this.#byName.get(entry.user);
      if (writer !== undefined) writer.servedAt = Math.max(writer.servedAt, pending.sentAt);
      const marks = this.#marksOf(entry.user, entry.device, pending.to);
      marks.accepted = Math.max(marks.accepted, entry.seq);
      this.#forget(entry.id, pending);
    } else if (entry.kind === 'message') {
      const pending = this.#pending.get(entry.id);
      if (pending === undefined) return;
      pending.left.delete(`${entry.user}/${entry.device}`);
      if (isGroupId(pending.to)) pending.placed = true;
      this.#forget(entry.id, pending);
    } else if (entry.kind === 'refused' && !entry.retry && entry.id !== undefined) this.#pending.delete(entry.id);
    else if (entry.kind === 'receipt') {
      const marks = this.#marksOf(entry.user, entry.device, entry.with);
      marks.read = Math.max(marks.read, entry.read);
    }
  }

  #marksOf(user: string, device: string, to: string): { accepted: number; read: number } {
    const conversation = `${user}/${device} to ${to}`;
    const marks = this.#receipts.get(conversation) ?? { accepted: 0, read: 0 };
    this.#receipts.set(conversation, marks);
    return marks;
  }

  #forget(id: string, pending: Pending): void {
    if (pending.acked && pending.left.size === 0) this.#pending.delete(id);
  }

  servedSince(since: number): number {
    return this.#writers.filter(({ servedAt }) => servedAt >= since).length;
  }

  /** Waits until all is where it should be, for as long as anything still moves. */
  async drain(quietMs: number, mostMs: number): Promise<Drained> {
    const begunAt = nowMs();
    this.#lastNewsAt = begunAt;
    let missing = this.#missing();
    while (missing.length > 0) {
      const now = nowMs();
      if (now - this.#lastNewsAt > quietMs || now - begunAt > mostMs) break;
      await pause(drain_poll_ms);
      missing = this.#missing();
    }
    await pause(linger_ms);
    return { complete: missing.length === 0, missing: missing.slice(0, missing_told_max) };
  }

  #missing(): string[] {
    const missing: string[] = [];
    for (const [id, { acked, placed, forgotten, left }] of this.#pending) {
      if ((acked || placed) && left.size > 0) missing.push(`${id} is not with ${[...left].join(', ')}`);
      else if (!acked && !forgotten) missing.push(`${id} is not answered`);
    }
    for (const [conversation, { accepted, read }] of this.#receipts) {
      if (read < accepted) missing.push(`${conversation}: read up to ${read} of ${accepted}`);
    }
    for (const device of this.#writers.flatMap(({ devices }) => devices)) {
      if (!device.settled) missing.push(`${device.user}/${device.name} is ${device.state}, not up to date`);
    }
    return missing;
  }

  async audit(): Promise<void> {
    await eachOf(this.#writers, opened_at_once, async ({ plan: { name, urls } }) => {
      const note = (entry: Entry): void => void this.#entries.push(entry);
      const device = new Device({
        user: name,
        device: auditor,
        urls,
        goesHome: false,
        transport: 'websocket',
        note,
        since: 0,
      });
      note({ kind: 'restarted', at: nowMs(), user: name, device: auditor, cursor: 0 });
      await device.open(false);
      await until(() => device.settled, audit_wait_ms);
      await device.recall().catch(() => undefined);
      await device.close();
      note({ kind: 'left', at: nowMs(), user: name, device: auditor });
    });
  }

  take(): Entry[] {
    const taken = this.#entries;
    this.#entries = [];
    return taken;
  }

  cut(): number {
    return this.#writers.flatMap(({ devices }) => devices).reduce((cut, device) => cut + device.cut(), 0);
  }

  async restart(users: readonly string[]): Promise<void> {
    await Promise.all(
      users.map(async (user) => {
        const device = this.#byName.get(user)?.devices[0];
        if (device === undefined) return;
        const known = await device.restart();
        for (const [id, pending] of this.#pending) {
          if (pending.from === user && !pending.acked && !known.has(id)) pending.forgotten = true;
        }
      }),
    );
  }

  whereabouts(): { [user: string]: string } {
    return Object.fromEntries(this.#writers.map(({ plan, devices }) => [plan.name, devices[0]?.url ?? '']));
  }

  async close(): Promise<void> {
    this.stop();
    await Promise.all(this.#writers.flatMap(({ devices }) => devices).map((device) => device.close()));
  }
}

async function eachOf<T>(list: readonly T[], atOnce: number, work: (one: T) => Promise<void>): Promise<void> {
  const rest = [...list];
  const worker = async (): Promise<void> => {
    for (let one = rest.shift(); one !== undefined; one = rest.shift()) await work(one);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
