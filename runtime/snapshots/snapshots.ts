/**
 * A node's work on snapshots: of the partitions that it serves it makes those that are due, one at a time, and while it serves the first
 * partition it truncates the journal.
 */
import type { VerifyReport } from '../inspection.ts';
import type { Limits } from '../limits.ts';
import type { Partition } from '../partition.ts';
import { type Cancel, type PartitionId, type Ports, StoreDamaged } from '../ports.ts';
import type { Told } from '../told.ts';
import { due } from './due.ts';
import { PartitionSnapshot } from './partition-snapshot.ts';
import { SnapshotAbandoned } from './tenure.ts';
import { Truncation } from './truncation.ts';
import { SnapshotTooOld, Verification } from './verification.ts';

export interface SnapshotsHost {
  readonly ports: Ports;
  readonly limits: Limits;
  /** Of the cluster. */
  readonly partitions: number;
  /** What operators are told of; absent: nobody is. */
  readonly told?: Told;
  /** Those that this node owns now. */
  served(): Iterable<Partition>;
  /** What the local store holds of a partition is not to be relied on: it is dropped, and built anew. */
  damaged(error: StoreDamaged): void;
}

/** What operators read. */
export interface SnapshotStatus {
  /** The partition's records up to this sequence are in it. */
  readonly seq: number;
  /** Wall time of its making, ms. */
  readonly at: number;
  readonly bytes: number;
  readonly segments: number;
  /** The journal's entries from here on are kept for it and the one before. */
  readonly floorSeq: number;
  /** Failures in a row to make the next. */
  readonly failures: number;
}

const retry_first_ms = 1_000;
const retry_max_ms = 60_000;
/** A verification begins anew when its snapshot was replaced underneath, or is too old to begin from. */
const verify_tries_max = 3;

export class Snapshots {
  readonly #host: SnapshotsHost;
  readonly #truncation: Truncation;
  readonly #snapshots = new Map<PartitionId, PartitionSnapshot>();
  /** One snapshot at a time. */
  #turn: Promise<void> = Promise.resolve();
  #newestSeq = 0;
  /** The partition whose end was looked at last. */
  #probed: PartitionId = 0;
  #cutMs: number;
  #cancel: Cancel | undefined;
  #stopped = false;

  constructor(host: SnapshotsHost) {
    this.#host = host;
    this.#truncation = new Truncation(host.ports, host.partitions);
    this.#cutMs = host.ports.clock.monotonicMs();
  }

  start(): void {
    const { ports, limits } = this.#host;
    this.#cancel = ports.timers.after(limits.snapshot_look_ms, () => {
      void this.#look().finally(() => {
        if (!this.#stopped) this.start();
      });
    });
  }

  /** What is under way ends at its next step, and has changed nothing that was. */
  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  /** Makes the snapshot of a partition that is served here, whether due or not. Rejects when it is not served here, or could not be made. */
  async now(id: PartitionId): Promise<void> {
    const snapshot = this.#snapshotOf(id);
    await this.#exclusively(() => this.#renew(snapshot));
  }

  async #renew(snapshot: PartitionSnapshot): Promise<void> {
    await snapshot.renew();
    this.#host.told?.chronicle.note({ kind: 'snapshotMade', partition: snapshot.partition.id });
  }

  /**
   * Replays a partition that is served here from its snapshot and its journal, and compares that with what is held here. It takes a snapshot's turn, so
   * that neither is replaced, nor the journal cut, under it. Rejects with `SnapshotAbandoned` or `SourceSilent`, or as `now` does.
   */
  verify(id: PartitionId): Promise<VerifyReport> {
    const snapshot = this.#snapshotOf(id);
    return this.#exclusively(() => this.#verify(snapshot));
  }

  /** What is held here of a partition is thrown away, and it is built anew from its snapshot and journal. */
  rebuild(id: PartitionId): void {
    this.#host.damaged(new StoreDamaged(id, 'an operator has it built anew'));
  }

  async #verify(snapshot: PartitionSnapshot): Promise<VerifyReport> {
    const { partition } = snapshot;
    const { ports, limits } = this.#host;
    for (let tries = 1; ; tries++) {
      const verification = new Verification(partition, { ports, limits, stopped: () => this.#stopped });
      try {
        const report = await verification.run();
        if (verification.damage !== undefined) this.#host.damaged(verification.damage);
        const isInDoubt = report.broken === 'journal' || report.broken === 'snapshot';
        if (!isInDoubt || tries >= verify_tries_max || !(await verification.isOutdated())) return report;
      } catch (error) {
        if (!(error instanceof SnapshotTooOld) || tries >= verify_tries_max) throw error;
        await this.#renew(snapshot);
      }
    }
  }

  /** Undefined when the partition is not served here, or has no snapshot, or this node has not looked yet. */
  status(id: PartitionId): SnapshotStatus | undefined {
    const snapshot = this.#snapshots.get(id);
    const manifest = snapshot?.manifest;
    if (snapshot === undefined || manifest === undefined || snapshot.partition.stopped) return undefined;
    const { position, at, segments, previousFloorSeq } = manifest;
    return {
      seq: position.seq,
      at,
      bytes: segments.reduce((sum, { bytes }) => sum + bytes, 0),
      segments: segments.length,
      floorSeq: previousFloorSeq,
      failures: snapshot.failures,
    };
  }

  // ---------------------------------------------------------------- looking

  /** Never rejects. */
  async #look(): Promise<void> {
    const snapshots = this.#current();
    if (snapshots.length === 0) return;
    await this.#probe();
    for (const snapshot of snapshots) {
      if (this.#stopped) return;
      if (!snapshot.partition.stopped) await this.#exclusively(() => this.#lookAt(snapshot));
    }
    if (snapshots.some(({ partition }) => partition.id === 0)) await this.#cut();
  }

  /** Never rejects. */
  async #lookAt(snapshot: PartitionSnapshot): Promise<void> {
    const { partition } = snapshot;
    const { ports, limits } = this.#host;
    if (ports.clock.monotonicMs() < snapshot.notBeforeMs) return;
    try {
      await snapshot.load();
      switch (this.#due(snapshot)) {
        case 'now':
          await this.#renew(snapshot);
          ports.probe?.count('snapshots', 'made', 1);
          break;
        case 'anchor':
          if (snapshot.anchoredSeq !== undefined) break;
          snapshot.anchoredSeq = partition.position.seq;
          partition.anchor();
          break;
        case 'no':
          break;
      }
      if (snapshot.hasOldGarbage) await snapshot.sweep();
      snapshot.failures = 0;
    } catch (error) {
      if (error instanceof SnapshotAbandoned || this.#stopped || partition.stopped) return;
      const waitMs = Math.min(retry_max_ms, retry_first_ms * 2 ** snapshot.failures++);
      snapshot.notBeforeMs = ports.clock.monotonicMs() + Math.max(waitMs, limits.snapshot_look_ms);
      ports.probe?.count('snapshots', 'failed', 1);
      this.#host.told?.chronicle.note({ kind: 'snapshotFailed', partition: partition.id });
      const about = { partition: partition.id, failures: snapshot.failures, error };
      ports.log.error(about, 'a snapshot was not made; trying again later');
    }
  }

  #due(snapshot: PartitionSnapshot): ReturnType<typeof due> {
    const { partition, coveredBytes, manifest, anchoredSeq, sinceMs } = snapshot;
    const progress = {
      position: partition.position,
      newBytes: partition.written.bytes - coveredBytes,
      oldestMailSeq: partition.outbox.oldestRecordSeq,
      servedMs: this.#host.ports.clock.monotonicMs() - sinceMs,
      newestSeq: this.#newestSeq,
      manifest,
      anchoredSeq,
    };
    return due(progress, this.#host.limits);
  }

  #snapshotOf(id: PartitionId): PartitionSnapshot {
    const snapshot = this.#current().find(({ partition }) => partition.id === id);
    if (snapshot === undefined) throw new SnapshotAbandoned();
    return snapshot;
  }

  /** Those of the partitions that are served now. A partition that was lost and has come back is another: what was known of it is not. */
  #current(): PartitionSnapshot[] {
    const { limits, ports } = this.#host;
    const current: PartitionSnapshot[] = [];
    for (const partition of this.#host.served()) {
      let snapshot = this.#snapshots.get(partition.id);
      if (snapshot?.partition !== partition) {
        snapshot = new PartitionSnapshot(partition, { ports, limits, stopped: () => this.#stopped });
        this.#snapshots.set(partition.id, snapshot);
      }
      current.push(snapshot);
      this.#newestSeq = Math.max(this.#newestSeq, partition.position.seq);
    }
    return current;
  }

  /** A node whose partitions have no news hears from one of the others, in turn, how far the journal has come. */
  async #probe(): Promise<void> {
    this.#probed = (this.#probed + 1) % this.#host.partitions;
    if (this.#snapshots.get(this.#probed)?.partition.running === true) return;
    try {
      const last = await this.#host.ports.journal.last(this.#probed);
      this.#newestSeq = Math.max(this.#newestSeq, last?.seq ?? 0);
    } catch (error) {
      this.#host.ports.log.info({ error }, 'the end of the journal was not to be known');
    }
  }

  /** Never rejects. */
  async #cut(): Promise<void> {
    const { ports, limits } = this.#host;
    const nowMs = ports.clock.monotonicMs();
    if (nowMs - this.#cutMs < limits.truncate_ms || this.#stopped) return;
    this.#cutMs = nowMs;
    try {
      await this.#truncation.cut();
    } catch (error) {
      ports.log.warn({ error }, 'the journal was not truncated; trying again later');
    }
  }

  #exclusively<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn.then(
      () => {},
      () => {},
    );
    return turn;
  }
}
