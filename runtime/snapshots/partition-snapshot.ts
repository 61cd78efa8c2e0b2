/**
 * The snapshot of one partition, as its owner keeps it up: made of the journal and the snapshot before, and of nothing else, so that nothing
 * that went wrong in memory or in the local store can get into it. Each step ends with a compare-and-set of the archive's pointer; whoever is
 * interrupted before it, or comes second, has changed nothing.
 */
import type { Partition } from '../partition.ts';
import type { Ports } from '../ports.ts';
import { floorOf, type StoredPosition } from '../standing.ts';
import { type Folded, fold, inOrder } from './fold.ts';
import { type Manifest, type Pointer, packManifest, readPointer } from './manifest.ts';
import { merged, mergeFrom } from './merge.ts';
import type { Rows } from './rows.ts';
import { readSegment, type Segment, segmentName, verifySegment, writeSegment } from './segment.ts';
import { SnapshotAbandoned, Tenure, type TenureHost } from './tenure.ts';

/** Of a snapshot that is still growing towards the end of a long journal: merging reads all of them at once. */
const segments_max = 16;

export interface PartitionSnapshotHost extends TenureHost {
  readonly ports: Ports;
}

export class PartitionSnapshot {
  readonly partition: Partition;
  /** When it was first seen here, monotonic ms. */
  readonly sinceMs: number;
  /** `partition.written.bytes` as of the last snapshot made here. */
  coveredBytes = 0;
  /** Where the partition stood when it was told to write a record for the snapshot's sake. */
  anchoredSeq: number | undefined;
  failures = 0;
  /** Not to be tried before, monotonic ms. */
  notBeforeMs = 0;
  readonly #host: PartitionSnapshotHost;
  readonly #tenure: Tenure;
  #pointer: Pointer | undefined;
  /** Segments that no snapshot names, and when that was first seen, monotonic ms. */
  readonly #garbage = new Map<string, number>();

  constructor(partition: Partition, host: PartitionSnapshotHost) {
    this.partition = partition;
    this.#host = host;
    this.#tenure = new Tenure(partition, host);
    this.sinceMs = host.ports.clock.monotonicMs();
  }

  /** As far as it is known here. */
  get manifest(): Manifest | undefined {
    return this.#pointer?.manifest;
  }

  async load(): Promise<Pointer> {
    this.#pointer ??= await readPointer(this.partition.id, this.#host.ports);
    return this.#pointer;
  }

  /** Brings it up to what the partition has committed by now. Rejects with `SnapshotAbandoned`, or as journal and archive do. */
  async renew(): Promise<void> {
    const { partition } = this;
    const toSeq = partition.position.seq;
    const committedBytes = partition.written.bytes;
    // However many steps it takes, the snapshot before is the one that was there before the first.
    const previousFloorSeq = (await this.load()).manifest?.floorSeq ?? 0;
    for (let complete = false; !complete; ) {
      const { manifest } = await this.load();
      this.#tenure.mustLast();
      if (manifest !== undefined && manifest.position.seq > toSeq) throw this.#overtaken(manifest);
      complete = await this.#advance(manifest, toSeq, previousFloorSeq);
      if ((this.manifest?.segments.length ?? 0) >= segments_max) await this.#merge();
    }
    this.coveredBytes = committedBytes;
    this.anchoredSeq = undefined;
    await this.#merge();
    await this.noteGarbage();
  }

  /** Looks which segments no snapshot names: those of snapshots before, and of attempts that failed. */
  async noteGarbage(): Promise<void> {
    const { archive, clock } = this.#host.ports;
    const { manifest } = await this.load();
    const named = new Set(manifest?.segments.map(({ name }) => name));
    const names = new Set(await archive.names(this.partition.id));
    for (const name of this.#garbage.keys()) if (!names.has(name) || named.has(name)) this.#garbage.delete(name);
    for (const name of names) {
      if (!named.has(name) && !this.#garbage.has(name)) this.#garbage.set(name, clock.monotonicMs());
    }
  }

  get hasOldGarbage(): boolean {
    const nowMs = this.#host.ports.clock.monotonicMs();
    for (const sinceMs of this.#garbage.values()) if (this.#isOld(sinceMs, nowMs)) return true;
    return false;
  }

  /**
   * Removes segments that have gone unnamed for long enough. Another maker may have written one of them and be about to name it; so the
   * pointer is moved first, which makes it come second.
   */
  async sweep(): Promise<void> {
    const { clock, archive } = this.#host.ports;
    const { manifest } = await this.load();
    if (manifest === undefined || !(await this.#point(manifest))) return;
    const named = new Set(manifest.segments.map(({ name }) => name));
    for (const [name, sinceMs] of [...this.#garbage]) {
      this.#tenure.mustLast();
      if (named.has(name)) this.#garbage.delete(name);
      if (named.has(name) || !this.#isOld(sinceMs, clock.monotonicMs())) continue;
      await archive.remove(name);
      this.#garbage.delete(name);
    }
  }

  // ---------------------------------------------------------------- steps

  /** The snapshot is further than the partition here. */
  #overtaken({ position }: Manifest): Error {
    if (position.epoch > this.partition.position.epoch) return new SnapshotAbandoned();
    return new Error(`the archive has a snapshot of another history: it is at sequence ${position.seq}`);
  }

  /** True when nothing up to `toSeq` is left out. */
  async #advance(before: Manifest | undefined, toSeq: number, previousFloorSeq: number): Promise<boolean> {
    const { ports, limits } = this.#host;
    const folded = await fold(this.partition.id, before?.position, toSeq, { ports, limits, pace: this.#tenure.pace });
    const older = before?.segments ?? [];
    const added = await this.#segmentOf(folded, older.length > 0);
    const { position } = folded;
    const moved = await this.#point({
      position,
      segments: [...older, ...added],
      at: ports.clock.wallMs(),
      floorSeq: floorOf(position),
      previousFloorSeq: Math.max(previousFloorSeq, before?.previousFloorSeq ?? 0),
    });
    return moved && folded.complete;
  }

  async #segmentOf({ rows, position }: Folded, keepDeleted: boolean): Promise<Segment[]> {
    if (rows.size === 0) return [];
    return this.#write(position, inOrder(rows, keepDeleted, this.#tenure.pace));
  }

  async #merge(): Promise<void> {
    const { ports, limits } = this.#host;
    for (;;) {
      const { manifest } = await this.load();
      if (manifest === undefined) return;
      const { segments, position } = manifest;
      const from = mergeFrom(segments, limits.snapshot_merge_percent);
      if (from === undefined) return;
      const sources = segments.slice(from).map((segment) => readSegment(segment, ports));
      const written = await this.#write(position, this.#inSlices(merged(sources, from > 0)));
      await this.#point({ ...manifest, segments: [...segments.slice(0, from), ...written] });
    }
  }

  /** Written, and read back whole before it counts. Nothing when there were no rows. */
  async #write({ epoch, seq }: StoredPosition, batches: AsyncIterable<Rows>): Promise<Segment[]> {
    const { ports } = this.#host;
    this.#tenure.mustLast();
    const segment = await writeSegment(segmentName(this.partition.id, epoch, seq, ports), batches, ports);
    await verifySegment(segment, ports, this.#tenure.pace);
    return segment.rows === 0 ? [] : [segment];
  }

  /** False when another has moved it first. */
  async #point(manifest: Manifest): Promise<boolean> {
    const { archive, codec } = this.#host.ports;
    const { id } = this.partition;
    const before = await this.load();
    this.#tenure.mustLast();
    // Whatever comes of it, what is known now is out of date.
    this.#pointer = undefined;
    const bytes = packManifest(manifest, codec);
    let version: number | undefined;
    try {
      version = await archive.point(id, before.version, bytes);
    } catch (error) {
      // It may have been moved all the same.
      const now = await archive.pointer(id);
      if (now.version === before.version || !isSame(now.bytes, bytes)) throw error;
      version = now.version;
    }
    if (version === undefined) return false;
    this.#pointer = { version, manifest };
    return true;
  }

  #isOld(sinceMs: number, nowMs: number): boolean {
    return nowMs - sinceMs >= this.#host.limits.snapshot_garbage_ms;
  }

  // ---------------------------------------------------------------- slices

  async *#inSlices(batches: AsyncIterable<Rows>): AsyncIterable<Rows> {
    for await (const batch of batches) {
      yield batch;
      await this.#tenure.pace(batch.bytes);
    }
  }
}

function isSame(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && a.byteLength === b.byteLength && a.every((byte, i) => byte === b[i]);
}
