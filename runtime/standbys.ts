/**
 * The standbys of a node: copies of partitions that others own, kept up to date from the journal, so that this node can take over at once. A copy
 * that does not follow the journal, or whose owner has applied other records, is thrown away and built anew; it is never promoted.
 */
import type { Limits } from './limits.ts';
import type { Partition } from './partition.ts';
import type { FollowedEntry, Following, PartitionId, Ports } from './ports.ts';
import { isBroken, Replica, type ReplicaHost } from './replica.ts';
import { StandbyCopy } from './standby-copy.ts';

/** How far a partition's copy has come: record number, and the rolling hash up to it. */
export type Progress = readonly [partition: PartitionId, number: number, chain: number];

export interface StandbysHost extends ReplicaHost {
  readonly ports: Ports;
  readonly limits: Limits;
  /** The node owns the partition, or is about to: the store is not free for a copy. */
  holds(id: PartitionId): boolean;
  /** False while partitions move: no copies are built then. */
  isCalm(): boolean;
  /** What the owner of a partition says of itself. */
  ownersProgress(id: PartitionId): Progress | undefined;
}

/** Time that taking entries may hold the event loop, ms. */
const slice_ms = 5;
const end_wait_ms_max = 100;
/** What nobody wants any more may come for so many heartbeats: to follow without it takes longer than to pass it over. */
const idle_heartbeats_max = 8;
const retry_first_ms = 100;
const retry_max_ms = 5_000;
const follow_retry_max_ms = 1_000;

/** A partition of which a copy could not be built, or had to be thrown away. */
interface Setback {
  readonly times: number;
  /** Not to be tried before, monotonic ms. */
  readonly untilMs: number;
}

export class Standbys {
  readonly #host: StandbysHost;
  readonly #copies = new Map<PartitionId, StandbyCopy>();
  #wanted: ReadonlySet<PartitionId> = new Set();
  #opening: { readonly id: PartitionId; readonly done: Promise<void> } | undefined;
  readonly #setbacks = new Map<PartitionId, Setback>();
  #session: Following | undefined;
  /** Those that it follows. */
  #followed = new Set<PartitionId>();
  #followedMs = 0;
  /** Since when the journal sends entries of partitions of which there is no copy any more, monotonic ms. */
  #idleSinceMs: number | undefined;
  #stopped = false;

  constructor(host: StandbysHost) {
    this.#host = host;
  }

  start(): void {
    void this.#follow();
  }

  /** Keeps copies of these partitions, and of no others. */
  want(ids: ReadonlySet<PartitionId>): void {
    if (this.#stopped) return;
    this.#wanted = ids;
    // One that becomes this node's own is about to be taken.
    for (const id of [...this.#copies.keys()]) if (!ids.has(id) && !this.#host.holds(id)) this.#forget(id);
    for (const id of [...this.#setbacks.keys()]) if (!ids.has(id)) this.#setbacks.delete(id);
    this.#openNext();
  }

  /** To be called in a steady rhythm: compares the copies with what their owners say of themselves. */
  look(): void {
    const nowMs = this.#host.ports.clock.monotonicMs();
    let again =
      this.#idleSinceMs !== undefined &&
      nowMs - this.#idleSinceMs >= this.#host.limits.heartbeat_ms * idle_heartbeats_max &&
      this.#host.isCalm();
    for (const copy of [...this.#copies.values()]) {
      const owner = this.#host.ownersProgress(copy.id);
      if (owner === undefined) continue;
      const [id, number, chain] = owner;
      const verdict = copy.compare(number, chain, nowMs, this.#host.limits.standby_stall_ms);
      if (verdict === 'other') this.#quarantine(id, 'its owner has applied other records');
      else if (verdict === 'stalls') {
        this.#host.ports.log.warn({ partition: id, number: copy.number, owner: number }, 'a standby does not get on');
        again = true;
      } else if (copy.number >= number) this.#setbacks.delete(id);
    }
    if (again) this.#again();
    this.#openNext();
  }

  /** The copies that may be promoted. */
  *progress(): Iterable<Progress> {
    for (const copy of this.#copies.values()) if (!copy.stalled) yield [copy.id, copy.number, copy.chain];
  }

  get count(): number {
    return this.#copies.size;
  }

  /** Records by which the copy that is furthest behind lacks what its owner has said of itself. */
  get lagRecords(): number {
    let lag = 0;
    for (const copy of this.#copies.values()) {
      const [, number = 0] = this.#host.ownersProgress(copy.id) ?? [];
      lag = Math.max(lag, number - copy.number);
    }
    return lag;
  }

  /** Copies that are not to be promoted. */
  get stalled(): number {
    let stalled = 0;
    for (const copy of this.#copies.values()) if (copy.stalled) stalled++;
    return stalled;
  }

  /** Of entries that copies have yet to apply. */
  get gatheredBytes(): number {
    let bytes = 0;
    for (const copy of this.#copies.values()) bytes += copy.gatheredBytes;
    return bytes;
  }

  /** Those that are to be stored now, with what has come applied. To be asked in a steady rhythm. */
  *ripe(): Iterable<Partition> {
    const nowMs = this.#host.ports.clock.monotonicMs();
    for (const copy of [...this.#copies.values()]) {
      if (!copy.ripe(nowMs, this.#host.limits.standby_gather_ms)) continue;
      if (this.#hasRoom(copy) && this.#applied(copy, () => copy.applySlice())) yield copy.replica.partition;
    }
  }

  /** All, with all applied that has come. */
  *partitions(): Iterable<Partition> {
    for (const copy of [...this.#copies.values()])
      if (this.#applied(copy, () => copy.apply())) yield copy.replica.partition;
  }

  /** The owner of a partition is about to hand it over, and this is the number of its last record. */
  ends(id: PartitionId, number: number): void {
    const copy = this.#copies.get(id);
    if (copy !== undefined) copy.endsWith = number;
  }

  /** Hands over the copy of a partition that becomes this node's own; undefined when there is none that is sound. */
  async take(id: PartitionId): Promise<Replica | undefined> {
    // Never two builders of one copy.
    if (this.#opening?.id === id) await this.#opening.done;
    await this.#ended(id);
    const copy = this.#copies.get(id);
    if (copy === undefined || !this.#applied(copy, () => copy.apply())) return undefined;
    this.#letGo(id);
    return copy.replica;
  }

  /** What the local store holds of a partition is wrong. */
  damaged(id: PartitionId): void {
    if (this.#copies.has(id)) this.#quarantine(id, 'its rows in the local store are damaged');
  }

  /** The last records of a partition that was handed over are on their way: to ask the journal for them would take longer. */
  async #ended(id: PartitionId): Promise<void> {
    const endMs = this.#host.ports.clock.monotonicMs() + end_wait_ms_max;
    for (;;) {
      const copy = this.#copies.get(id);
      const isWhole = copy === undefined || copy.number >= copy.endsWith;
      if (isWhole || !this.#followed.has(id) || this.#stopped || this.#host.ports.clock.monotonicMs() >= endMs) return;
      await this.#pause(2);
    }
  }

  stop(): void {
    this.#stopped = true;
    for (const { replica } of this.#copies.values()) replica.stop();
    this.#copies.clear();
    this.#session?.stop();
  }

  // ---------------------------------------------------------------- opening

  #openNext(): void {
    if (this.#opening !== undefined || this.#stopped) return;
    const nowMs = this.#host.ports.clock.monotonicMs();
    for (const id of this.#host.isCalm() ? this.#wanted : []) {
      const untilMs = this.#setbacks.get(id)?.untilMs ?? 0;
      if (this.#copies.has(id) || this.#host.holds(id) || nowMs < untilMs) continue;
      const done = this.#open(id).finally(() => {
        this.#opening = undefined;
        this.#openNext();
      });
      this.#opening = { id, done };
      return;
    }
    for (const id of this.#copies.keys()) if (!this.#followed.has(id)) this.#again();
  }

  /** Never rejects. */
  async #open(id: PartitionId): Promise<void> {
    try {
      const replica = await this.#build(id);
      // Whoever is about to own it here waits for this.
      if (this.#stopped || !(this.#wanted.has(id) || this.#host.holds(id))) {
        replica.stop();
        return;
      }
      this.#copies.set(id, new StandbyCopy(replica, this.#host.ports.codec));
      this.#host.told?.chronicle.note({ kind: 'copyBuilt', partition: id });
      // Following anew takes a while, so it is not done for each of many; but one that is slow is not to hold up the others.
      if (this.#host.ports.clock.monotonicMs() - this.#followedMs >= this.#host.limits.heartbeat_ms) this.#again();
    } catch (error) {
      if (isBroken(error)) this.#host.distrusted.add(id);
      this.#setBack(id);
      this.#host.ports.log.warn({ partition: id, error }, 'a standby was not built; trying again');
    }
  }

  /** Up to the journal's end as of now: it would make all others wait, if it joined them before. */
  async #build(id: PartitionId): Promise<Replica> {
    const replica = await Replica.open(id, this.#host);
    try {
      const last = await this.#host.ports.journal.last(id);
      if (last !== undefined) await replica.catchUp(last.seq);
      if (this.#host.distrusted.has(id)) throw new Error('damage was found in the local store meanwhile');
      return replica;
    } catch (error) {
      replica.stop();
      throw error;
    }
  }

  #setBack(id: PartitionId): void {
    const times = (this.#setbacks.get(id)?.times ?? 0) + 1;
    const waitMs = Math.min(retry_max_ms, retry_first_ms * 2 ** Math.min(times - 1, 10));
    this.#setbacks.set(id, { times, untilMs: this.#host.ports.clock.monotonicMs() + waitMs });
  }

  #forget(id: PartitionId): void {
    this.#copies.get(id)?.replica.stop();
    this.#letGo(id);
  }

  #letGo(id: PartitionId): void {
    if (!this.#copies.delete(id)) return;
    this.#followed.delete(id);
    this.#idleSinceMs = this.#host.ports.clock.monotonicMs();
  }

  #quarantine(id: PartitionId, why: string): void {
    this.#host.ports.log.error({ partition: id, why }, 'a standby is thrown away and built anew');
    this.#host.ports.probe?.count('standbys_lost', 'quarantined', 1);
    this.#host.told?.chronicle.note({ kind: 'copyLost', partition: id, why: 'it differs or is damaged' });
    this.#host.distrusted.add(id);
    this.#setBack(id);
    this.#forget(id);
  }

  // ---------------------------------------------------------------- following

  /** Follows anew: from where the copies are now, and with those that have come. */
  #again(): void {
    const session = this.#session;
    this.#session = undefined;
    this.#followed = new Set(this.#copies.keys());
    this.#followedMs = this.#host.ports.clock.monotonicMs();
    this.#idleSinceMs = undefined;
    session?.stop();
  }

  async #follow(): Promise<void> {
    const { journal, log } = this.#host.ports;
    let failures = 0;
    while (!this.#stopped) {
      const after = new Map([...this.#copies].map(([id, { seenSeq }]) => [id, seenSeq]));
      const session = journal.follow(after);
      this.#session = session;
      this.#followed = new Set(after.keys());
      try {
        for (;;) {
          await this.#take(await session.next());
          failures = 0;
        }
      } catch (error) {
        if (this.#session === session && !this.#stopped) {
          log.info({ error }, 'following the journal was interrupted; beginning again');
          await this.#pause(Math.min(follow_retry_max_ms, retry_first_ms * 2 ** failures++));
        }
      }
      session.stop();
    }
  }

  async #take(entries: readonly FollowedEntry[]): Promise<void> {
    const { clock } = this.#host.ports;
    let startedMs = clock.monotonicMs();
    for (const entry of entries) {
      const copy = this.#copies.get(entry.partition);
      if (copy === undefined) continue;
      await this.#takeOne(copy, entry);
      if (clock.monotonicMs() - startedMs < slice_ms) continue;
      await this.#pause(0);
      startedMs = clock.monotonicMs();
    }
  }

  async #takeOne(copy: StandbyCopy, entry: FollowedEntry): Promise<void> {
    try {
      copy.take(entry);
    } catch (error) {
      if (isBroken(error)) await this.#mend(copy, entry.seq);
      else this.#quarantine(copy.id, String(error));
    }
    if (this.gatheredBytes > this.#host.limits.standby_gather_bytes_max) await this.#store(copy);
  }

  /** Something was skipped: the journal itself tells what, and whether the copy still fits. */
  async #mend(copy: StandbyCopy, toSeq: number): Promise<void> {
    try {
      await copy.catchUp(toSeq);
    } catch (error) {
      if (this.#copies.get(copy.id) !== copy) return;
      if (isBroken(error)) this.#quarantine(copy.id, String(error));
      else this.#giveUp(copy, String(error));
    }
  }

  // ---------------------------------------------------------------- applying

  /** Applies what has gathered, and has it stored: the sooner, the less memory holds of both. Never rejects. */
  async #store(copy: StandbyCopy): Promise<void> {
    while (this.#copies.get(copy.id) === copy && copy.gatheredBytes > 0) {
      if (!this.#applied(copy, () => copy.applySlice())) return;
      await this.#host.writeBehind.write([copy.replica.partition]);
      this.#hasRoom(copy);
    }
  }

  /** False when it could not be, and is none of the copies any more. */
  #applied(copy: StandbyCopy, apply: () => void): boolean {
    try {
      apply();
      return true;
    } catch (error) {
      this.#quarantine(copy.id, String(error));
      return false;
    }
  }

  /** False when the store takes too little of it, and it is none of the copies any more. */
  #hasRoom(copy: StandbyCopy): boolean {
    if (copy.replica.hasRoom) return true;
    this.#giveUp(copy, 'the local store takes no rows');
    return false;
  }

  /** Nothing is wrong with it, but memory is bounded: it is built again from what the store took. */
  #giveUp(copy: StandbyCopy, why: string): void {
    if (this.#copies.get(copy.id) !== copy) return;
    this.#host.ports.log.warn({ partition: copy.id, why }, 'a standby is given up for now');
    this.#host.ports.probe?.count('standbys_lost', 'given_up', 1);
    this.#host.told?.chronicle.note({ kind: 'copyLost', partition: copy.id, why: 'given up for now' });
    this.#setBack(copy.id);
    this.#forget(copy.id);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#host.ports.timers.after(ms, resolve);
    });
  }
}
