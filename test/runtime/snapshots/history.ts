/** The journal of one partition as a test writes it, its owner, and whoever reads it: real copies of it on simulated ports. */
import { defaultLimits, type Limits } from '../../../runtime/index.ts';
import type { PartitionHost } from '../../../runtime/partition-host.ts';
import type { PartitionId, Ports } from '../../../runtime/ports.ts';
import { type ChannelMail, encodeRecord, type PartitionRecord, recordId, type Taken } from '../../../runtime/record.ts';
import { Replica, type ReplicaHost } from '../../../runtime/replica.ts';
import { readPointer } from '../../../runtime/snapshots/manifest.ts';
import { PartitionSnapshot } from '../../../runtime/snapshots/partition-snapshot.ts';
import { unpackPosition } from '../../../runtime/standing.ts';
import { WriteBehind } from '../../../runtime/write-behind.ts';
import { SimArchive } from '../../../sim/archive.ts';
import { SimRandom, SimTime } from '../../../sim/clock.ts';
import { simCodec } from '../../../sim/codec.ts';
import { SimLog } from '../../../sim/journal.ts';
import { SimSwitchboard } from '../../../sim/network.ts';
import { SimRegister } from '../../../sim/ownership.ts';
import { SimProcess, type Surroundings } from '../../../sim/process.ts';
import { SimDisk } from '../../../sim/store.ts';

export const id: PartitionId = 3;

/** What a test says of a record; the rest follows from the history. */
export interface Words {
  /** Key and value; undefined deletes. */
  readonly rows?: readonly (readonly [key: string, value: unknown])[];
  /** So many mails to each of these. */
  readonly mail?: readonly (readonly [to: PartitionId, mails: number])[];
  /** Watermarks of what was received. */
  readonly taken?: readonly Taken[];
  readonly settled?: readonly (readonly [to: PartitionId, upTo: number])[];
}

export interface ReaderOptions {
  readonly partition?: PartitionId;
  readonly disk?: SimDisk;
}

/** Where processes live: the test's own history, or a cluster. */
export interface Place extends Surroundings {
  readonly random: SimRandom;
  readonly limits: Limits;
  births: number;
}

/** One process with a copy of a partition, kept up by hand. */
export class Reader {
  readonly process: SimProcess;
  readonly disk: SimDisk;
  readonly host: ReplicaHost;
  /** What it logged as a warning or an error. */
  readonly said: string[] = [];
  replica: Replica | undefined;
  readonly partition: PartitionId;
  readonly #place: Place;

  constructor(place: Place, name: string, { partition = id, disk }: ReaderOptions = {}) {
    this.#place = place;
    this.partition = partition;
    this.disk = disk ?? new SimDisk(place.time, place.random.stream(name));
    const say = (_fields: object, words: string) => void this.said.push(words);
    const log = { info() {}, warn: say, error: say };
    const random = place.random.stream(`process ${name} ${place.births++}`);
    this.process = new SimProcess(place, { name, disk: this.disk, random, log });
    const { ports } = this.process;
    const stage: PartitionHost = {
      ports,
      limits: place.limits,
      writer: `${name}.x`,
      behaviourOf: () => undefined,
      partitionOf: () => partition,
      ready() {},
      release() {},
      transmit() {},
      settle() {},
      broken() {},
    };
    const partitions = () => (this.replica === undefined ? [] : [this.replica.partition]);
    const writeBehind = new WriteBehind(ports, place.limits, partitions);
    this.host = { ...stage, writeBehind, distrusted: new Set(), trusted() {}, storeLost() {} };
  }

  get ports(): Ports {
    return this.process.ports;
  }

  /** Opens its copy, if need be, and brings it up to the end of the journal. */
  async follow(): Promise<Replica> {
    this.replica ??= await Replica.open(this.partition, this.host);
    await this.replica.catchUp(this.#place.log.entries(this.partition).at(-1)?.seq ?? 0);
    return this.replica;
  }

  /** Stores what it has. */
  async store(): Promise<void> {
    if (this.replica !== undefined) await this.host.writeBehind.write([this.replica.partition]);
  }

  /** Maker of the partition's snapshots, as if this were its owner. */
  async maker(ports: Ports = this.ports): Promise<PartitionSnapshot> {
    const { partition } = await this.follow();
    return new PartitionSnapshot(partition, { ports, limits: this.#place.limits, stopped: () => false });
  }

  /** All rows of its store, the position as what it says. */
  rows(): Map<string, unknown> {
    const rows = new Map<string, unknown>();
    for (const [key, value] of this.ports.store.range(this.partition, { from: ' ', to: '~' })) {
      if (key !== ' meta ') rows.set(key, Buffer.from(value).toString('latin1'));
      else {
        const position = unpackPosition(value, simCodec);
        rows.set(key, position && { ...position, out: [...position.out].sort(), taken: [...position.taken].sort() });
      }
    }
    return rows;
  }

  kill(): void {
    this.process.kill();
  }
}

export class History implements Place {
  readonly random = new SimRandom(7);
  readonly time: SimTime;
  readonly log: SimLog;
  readonly board: SimSwitchboard;
  readonly register: SimRegister;
  readonly archive: SimArchive;
  readonly limits: Limits;
  births = 0;
  /** The partition's rows, as the test itself counts them. */
  readonly rows = new Map<string, string>();
  epoch = 1;
  /** Up to here the partition has taken mail of another. */
  watermark = 0;
  #number = 0;
  /** Of the last record that counts, and of the last of all. */
  #seq = 0;
  endSeq = 0;
  readonly #out = new Map<PartitionId, { sent: number; settled: number }>();

  constructor(limits: Partial<Limits> = {}) {
    this.limits = { ...defaultLimits, snapshot_rest_ms: 0, ...limits };
    this.time = new SimTime(this.random.stream('ties'));
    this.log = new SimLog(this.time, this.random);
    this.board = new SimSwitchboard(this.time, this.random);
    this.register = new SimRegister(this.time, this.random);
    this.archive = new SimArchive(this.time, this.random);
  }

  reader(name: string, disk?: SimDisk): Reader {
    return new Reader(this, name, disk && { disk });
  }

  /** The owner commits a record. */
  write({ rows = [], mail = [], taken = [], settled = [] }: Words = {}): void {
    for (const [key, value] of rows) {
      if (value === undefined) this.rows.delete(key);
      else this.rows.set(key, Buffer.from(simCodec.pack(value)).toString('latin1'));
    }
    const outbox = mail.map(([to, count]) => ({ to, mails: Array.from({ length: count }, () => this.#mail(to)) }));
    for (const [to, upTo] of settled) this.#channel(to).settled = upTo;
    this.#number++;
    this.#append({ number: this.#number, previousSeq: this.#seq, rows: flat(rows), outbox, taken, settled });
    this.#seq = this.endSeq;
  }

  /** Another owner comes; it may find a zombie's record last. */
  bump(): void {
    this.epoch++;
    this.#number++;
    this.#append({ type: 'bump', number: this.#number, previousSeq: this.endSeq });
    this.#seq = this.endSeq;
  }

  /** A record of an owner before, as a journal without conditions would take it. */
  zombie({ rows = [], mail = [] }: Words, epochsBack = 1): void {
    const mails = mail.map(([to, count]) => ({
      to,
      mails: Array.from({ length: count }, (_, i) => mailOf(this.sentTo(to) + 1 + i)),
    }));
    const epoch = Math.max(0, this.epoch - epochsBack);
    this.#append({ epoch, number: this.#number, previousSeq: this.#seq, rows: flat(rows), outbox: mails });
  }

  /** Another partition commits a record. */
  elsewhere(partition: PartitionId = 0): void {
    const expectedSeq = this.log.entries(partition).at(-1)?.seq ?? 0;
    const number = expectedSeq + 1;
    this.log.apply([{ partition, expectedSeq, id: `${partition}/1/${number}`, bytes: Uint8Array.of(1) }]);
  }

  sentTo(to: PartitionId): number {
    return this.#channel(to).sent;
  }

  settledOf(to: PartitionId): number {
    return this.#channel(to).settled;
  }

  until<T>(promise: Promise<T>): Promise<T> {
    return this.time.until(promise, 3_600_000);
  }

  /** What a process with an empty disk makes of archive and journal. */
  async rebuilt(): Promise<Reader> {
    const reader = this.reader('heir');
    await this.until(reader.follow());
    await this.until(reader.store());
    return reader;
  }

  /** Of the newest snapshot. */
  async manifest() {
    return (await this.until(readPointer(id, { archive: this.archive.connect(), codec: simCodec }))).manifest;
  }

  /** Names of all segments in the archive that no snapshot names. */
  async unnamed(): Promise<string[]> {
    const named = new Set((await this.manifest())?.segments.map(({ name }) => name));
    return [...this.archive.segments.keys()].filter((name) => !named.has(name));
  }

  #append(record: Partial<PartitionRecord>): void {
    const whole: PartitionRecord = { ...blank, epoch: this.epoch, ...record };
    const bytes = encodeRecord(whole, simCodec);
    const outcome = this.log.apply([
      { partition: id, expectedSeq: this.endSeq, id: `${recordId(whole)} ${this.endSeq}`, bytes },
    ]);
    if (outcome.kind !== 'appended') throw new Error(`not appended: ${outcome.kind}`);
    this.endSeq = outcome.seqs[0] as number;
  }

  #mail(to: PartitionId): ChannelMail {
    return mailOf(++this.#channel(to).sent);
  }

  #channel(to: PartitionId): { sent: number; settled: number } {
    let channel = this.#out.get(to);
    if (channel === undefined) {
      channel = { sent: 0, settled: 0 };
      this.#out.set(to, channel);
    }
    return channel;
  }
}

const blank: PartitionRecord = {
  type: 'turns',
  partition: id,
  epoch: 1,
  number: 1,
  writer: 'n1.x',
  previousSeq: 0,
  at: 0,
  rows: [],
  outbox: [],
  taken: [],
  settled: [],
};

function mailOf(seq: number): ChannelMail {
  return { seq, to: 'list/b', from: 'list/a', body: { kind: 'act' }, asker: undefined };
}

function flat(rows: NonNullable<Words['rows']>): (string | Uint8Array | null)[] {
  return rows.flatMap(([key, value]) => [key, value === undefined ? null : simCodec.pack(value)]);
}

/** A key as actors write them. */
export function keyOf(number: number): string {
  return `list/a${number % 7} words ${String(number).padStart(6, '0')}`;
}
