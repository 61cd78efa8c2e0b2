/** One partition on a stage: its node is the test, and its journal answers when the test says so. */

import { Committer } from '../../runtime/committer.ts';
import { partitionOf } from '../../runtime/hash.ts';
import { type AnyBehaviour, defaultLimits, type Limits } from '../../runtime/index.ts';
import { Partition } from '../../runtime/partition.ts';
import type {
  Append,
  AppendOutcome,
  FollowedEntry,
  Following,
  Journal,
  JournalEntry,
  PartitionId,
  Ports,
  Probe,
  Tracer,
} from '../../runtime/ports.ts';
import { type ChannelMail, decodeRecord, type PartitionRecord } from '../../runtime/record.ts';
import { Runner } from '../../runtime/runner.ts';
import { Standing } from '../../runtime/standing.ts';
import { type TakeoverHost, takeOver } from '../../runtime/takeover.ts';
import type { Output } from '../../runtime/turn.ts';
import { WriteBehind } from '../../runtime/write-behind.ts';
import { SimArchive } from '../../sim/archive.ts';
import { SimClock, SimRandom, SimTime } from '../../sim/clock.ts';
import { simCodec } from '../../sim/codec.ts';
import { SimSwitchboard } from '../../sim/network.ts';
import { SimRegister } from '../../sim/ownership.ts';
import { SimDisk } from '../../sim/store.ts';

interface Waiting {
  readonly batch: readonly Append[];
  readonly answer: (outcome: AppendOutcome) => void;
}

/** Holds every append until the test answers it. */
class HeldJournal implements Journal {
  readonly waiting: Waiting[] = [];
  readonly logs = new Map<PartitionId, JournalEntry[]>();
  /** Answers to the next appends; `held` ones wait for the test. */
  readonly script: (AppendOutcome | 'held')[] = [];
  /** Answers as a journal does, at once. */
  answersItself = false;
  /** Rejections of `last` to come, and of `read`. */
  lastFails = 0;
  readFails = 0;
  #grown: (() => void)[] = [];
  #seq = 0;

  append(batch: readonly Append[]): Promise<AppendOutcome> {
    const scripted = this.script.shift();
    if (scripted === 'held') return new Promise((answer) => this.waiting.push({ batch, answer }));
    if (scripted !== undefined) return Promise.resolve(scripted);
    if (this.answersItself) return Promise.resolve(this.#store(batch));
    return new Promise((answer) => this.waiting.push({ batch, answer }));
  }

  async last(partition: PartitionId): Promise<JournalEntry | undefined> {
    if (this.lastFails-- > 0) throw new Error('the journal does not answer now');
    return this.logs.get(partition)?.at(-1);
  }

  async *read(partition: PartitionId, fromSeq: number, toSeq: number): AsyncIterable<JournalEntry> {
    if (this.readFails-- > 0) throw new Error('the journal does not answer now');
    for (const entry of this.logs.get(partition) ?? []) if (entry.seq >= fromSeq && entry.seq <= toSeq) yield entry;
  }

  follow(after: ReadonlyMap<PartitionId, number>): Following {
    const positions = new Map(after);
    const take = (): FollowedEntry[] =>
      [...positions].flatMap(([partition, seq]) => {
        const news = (this.logs.get(partition) ?? []).filter((entry) => entry.seq > seq);
        positions.set(partition, news.at(-1)?.seq ?? seq);
        return news.map((entry) => ({ ...entry, partition }));
      });
    let stop = (_error: Error): void => {};
    const stopped = new Promise<never>((_, reject) => {
      stop = reject;
    });
    stopped.catch(() => {});
    const next = async (): Promise<readonly FollowedEntry[]> => {
      for (;;) {
        const news = take();
        if (news.length > 0) return news;
        await Promise.race([stopped, new Promise<void>((resolve) => this.#grown.push(resolve))]);
      }
    };
    return { next, stop: () => stop(new Error('no longer following')) };
  }

  async truncate(beforeSeq: number): Promise<void> {
    for (const [partition, log] of this.logs) {
      this.logs.set(
        partition,
        log.filter(({ seq }, i) => seq >= beforeSeq || i === log.length - 1),
      );
    }
  }

  async close(): Promise<void> {}

  /** What the oldest held append would store, if it were stored now. */
  land(): AppendOutcome {
    const { batch } = this.oldest;
    return { kind: 'appended', seqs: batch.map(({ partition, bytes }) => this.put(partition, bytes)) };
  }

  /** Another journal, of another history. */
  restart(): void {
    this.logs.clear();
    this.#seq = 0;
  }

  #store(batch: readonly Append[]): AppendOutcome {
    const fits = batch.every(
      ({ partition, expectedSeq }) => (this.logs.get(partition)?.at(-1)?.seq ?? 0) === expectedSeq,
    );
    if (!fits) return { kind: 'mismatch' };
    return { kind: 'appended', seqs: batch.map(({ partition, bytes }) => this.put(partition, bytes)) };
  }

  put(partition: PartitionId, bytes: Uint8Array): number {
    const log = this.logs.get(partition) ?? [];
    this.logs.set(partition, log);
    log.push({ seq: ++this.#seq, bytes });
    for (const grown of this.#grown.splice(0)) grown();
    return this.#seq;
  }

  get oldest(): Waiting {
    const [waiting] = this.waiting;
    if (waiting === undefined) throw new Error('no append is waiting');
    return waiting;
  }

  /** Answers the oldest held append. */
  answer(outcome: AppendOutcome = this.land()): void {
    const { answer } = this.oldest;
    this.waiting.shift();
    answer(outcome);
  }
}

export interface StageOptions {
  readonly behaviours?: readonly AnyBehaviour[];
  readonly limits?: Partial<Limits>;
  readonly partitions?: number;
  readonly probe?: Probe;
  readonly tracer?: Tracer;
}

export class Stage implements TakeoverHost {
  readonly time = new SimTime();
  readonly clock = new SimClock(this.time);
  readonly random = new SimRandom(7);
  readonly journal = new HeldJournal();
  readonly disk = new SimDisk(this.time, this.random);
  readonly ports: Ports;
  readonly limits: Limits;
  readonly writer = 'n1.x';
  readonly partitions: number;
  readonly open = new Map<PartitionId, Partition>();
  readonly runner: Runner;
  readonly committer: Committer;
  // What left the partitions.
  readonly released: Output[] = [];
  readonly sent: ChannelMail[] = [];
  readonly settled: (readonly [at: PartitionId, from: PartitionId, upTo: number])[] = [];
  readonly fencedOff: Partition[] = [];
  readonly brokenBy: unknown[] = [];
  readonly errors: string[] = [];
  readonly writeBehind: WriteBehind;
  readonly distrusted = new Set<PartitionId>();
  /** What the ownership register says. */
  mine = true;
  readonly #behaviours: readonly AnyBehaviour[];

  constructor({ behaviours = [], limits = {}, partitions = 1, probe, tracer }: StageOptions = {}) {
    this.#behaviours = behaviours;
    this.limits = { ...defaultLimits, ...limits };
    this.partitions = partitions;
    const { clock, time, random, journal } = this;
    this.ports = {
      clock,
      timers: clock,
      random,
      codec: simCodec,
      journal,
      network: new SimSwitchboard(time, random).plug('n1'),
      ownership: new SimRegister(time, random).connect(),
      store: this.disk.open(),
      archive: new SimArchive(time, random).connect(),
      log: { info() {}, warn() {}, error: (_fields, words) => void this.errors.push(words) },
      ...(probe && { probe }),
      ...(tracer && { tracer }),
    };
    this.runner = new Runner(
      this.ports,
      this.limits,
      () => this.#afterSlice(),
      (one, error) => this.broken(one, error),
    );
    this.writeBehind = new WriteBehind(this.ports, this.limits, () => this.open.values());
    this.committer = new Committer({
      ports: this.ports,
      limits: this.limits,
      partitions: () => this.open.values(),
      fenced: (partition) => {
        partition.stopped = true;
        this.fencedOff.push(partition);
      },
      broken: (partition, error) => this.broken(partition, error),
      advanced: () => this.runner.run(),
    });
  }

  trusted(): void {}
  storeLost(): void {}

  stillMine(): boolean {
    return this.mine;
  }

  bumped(): void {}

  /** What a successor makes of the journal and the store, in this epoch. */
  takeOver(epoch: number, id: PartitionId = 0): Promise<Partition> {
    return this.time.until(takeOver(id, epoch, this, undefined), 60_000);
  }

  /** A partition as if just taken over. */
  add(id: PartitionId = 0, epoch = 1): Partition {
    const standing = new Standing(id, this.limits);
    standing.position.epoch = epoch;
    const partition = new Partition(standing, this);
    this.open.set(id, partition);
    return partition;
  }

  #afterSlice(): void {
    for (const partition of this.open.values()) partition.releaseIfClean();
    this.committer.kick();
  }

  /** Lets everything happen that needs no time. */
  turns(): Promise<void> {
    return this.time.pass(0);
  }

  /** Answers every append until there is none. */
  async commitAll(): Promise<void> {
    await this.turns();
    while (this.journal.waiting.length > 0) {
      this.journal.answer();
      await this.turns();
    }
  }

  /** The values of replies that left, in their order. */
  get replies(): unknown[] {
    return this.released.flatMap((output) => (output.kind === 'reply' ? [output.value] : []));
  }

  get refusals(): string[] {
    return this.released.flatMap((output) => (output.kind === 'refusal' ? [output.why] : []));
  }

  /** Mail as from an ask of this node. */
  ask(partition: Partition, to: string, body: { readonly kind: string }): 'ok' | 'full' {
    const asker = { to: ['n1', 'x', 1] as const, tag: 0 };
    return partition.deliver({ to, body, from: undefined, asker, origin: undefined, tries: 0, trace: undefined });
  }

  /** Mail as from another partition's actor. */
  mail(seq: number, to: string, body: { readonly kind: string }): ChannelMail {
    return { seq, to, from: 'other/one', body, asker: undefined };
  }

  /** Records of a partition that the journal has. */
  records(id: PartitionId = 0): PartitionRecord[] {
    return (this.journal.logs.get(id) ?? []).map(({ bytes }) => decodeRecord(bytes, simCodec));
  }

  // ---------------------------------------------------------------- what a partition needs of its node

  behaviourOf(address: string): AnyBehaviour | undefined {
    return this.#behaviours.find(({ kind }) => address.startsWith(`${kind}/`));
  }

  partitionOf(address: string): PartitionId {
    return partitionOf(address, this.partitions);
  }

  ready(partition: Partition, cell: Parameters<Runner['add']>[1]): void {
    this.runner.add(partition, cell);
  }

  release(outputs: readonly Output[]): void {
    this.released.push(...outputs);
  }

  transmit(_from: Partition, _to: PartitionId, mails: readonly ChannelMail[]): void {
    this.sent.push(...mails);
  }

  settle(at: Partition, from: PartitionId, upTo: number): void {
    this.settled.push([at.id, from, upTo]);
  }

  broken(partition: Partition, error: unknown): void {
    partition.stopped = true;
    this.brokenBy.push(error);
  }
}
