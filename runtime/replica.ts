/**
 * A partition's copy, built from its journal: a standby keeps one, and an owner begins with one. It starts from the rows of the local store;
 * where those can't be relied on, from the newest snapshot; where there is none, from the journal's beginning.
 */
import { Partition } from './partition.ts';
import type { PartitionHost } from './partition-host.ts';
import { type JournalEntry, type PartitionId, type Ports, StoreLost } from './ports.ts';
import { CorruptRecord } from './record.ts';
import { restoreSnapshot } from './snapshots/restore.ts';
import { ChainBroken, type Standing, type StoredPosition, standAt } from './standing.ts';
import { readStoredPosition, type WriteBehind } from './write-behind.ts';

export interface ReplicaHost extends PartitionHost {
  readonly writeBehind: WriteBehind;
  /** Partitions of which the local store is known to be wrong: not to be begun from it. */
  readonly distrusted: Set<PartitionId>;
  /** Nothing can be kept in it any more. */
  storeLost(error: StoreLost): void;
  /** A copy was begun from what the local store holds. */
  trusted(id: PartitionId): void;
}

export class Replica {
  readonly partition: Partition;
  readonly #host: ReplicaHost;

  private constructor(standing: Standing, host: ReplicaHost) {
    this.partition = new Partition(standing, host);
    this.#host = host;
  }

  /** Rejects with `ChainBroken` or `CorruptRecord` when not even the snapshot joins the journal, or with the journal's or archive's error. */
  static async open(id: PartitionId, host: ReplicaHost): Promise<Replica> {
    // What this node itself still writes of an earlier ownership must be in the store before it is read.
    await host.writeBehind.write([]);
    const stored = host.distrusted.has(id) ? undefined : storedPosition(id, host.ports);
    if (stored !== undefined) {
      try {
        const replica = await Replica.#standingAt(id, stored, host);
        host.trusted(id);
        return replica;
      } catch (error) {
        if (!(error instanceof ChainBroken)) throw error;
        host.ports.log.warn({ partition: id, seq: stored.seq, error }, 'the local store does not fit the journal');
      }
    }
    return Replica.rebuild(id, host);
  }

  /** As `open`, but from the snapshot: what the local store holds is thrown away. */
  static async rebuild(id: PartitionId, host: ReplicaHost): Promise<Replica> {
    const { ports } = host;
    await host.writeBehind.write([]);
    if (!isEmpty(id, ports)) {
      ports.log.warn({ partition: id }, 'the local store of a partition is built anew');
      await ports.store.drop(id).catch((error: unknown) => {
        if (error instanceof StoreLost) host.storeLost(error);
        throw error;
      });
    }
    host.distrusted.delete(id);
    const restored = await restoreSnapshot(id, ports);
    return Replica.#standingAt(id, restored, host);
  }

  static async #standingAt(id: PartitionId, stored: StoredPosition | undefined, host: ReplicaHost): Promise<Replica> {
    return new Replica(await standAt(id, stored, host.limits, host.ports), host);
  }

  get id(): PartitionId {
    return this.partition.id;
  }

  /** Applies the next entry, unless it was seen before. Throws `ChainBroken`, or `CorruptRecord`. */
  take(entry: JournalEntry): void {
    const { standing, overlay } = this.partition;
    const record = standing.take(entry, this.#host.ports.codec);
    if (record !== undefined) overlay.replay(record.rows);
  }

  /** Reads and applies what the journal has up to `toSeq`. Rejects like `take`, and with the journal's own error when it can't be read. */
  async catchUp(toSeq: number): Promise<void> {
    const { standing } = this.partition;
    if (standing.seenSeq >= toSeq) return;
    for await (const entry of this.#host.ports.journal.read(this.id, standing.seenSeq + 1, toSeq)) {
      this.take(entry);
      await this.settle();
    }
    if (standing.seenSeq < toSeq) throw new ChainBroken(this.id, `it ends before ${toSeq}`);
  }

  /** Writes its rows to the store when many wait, so that memory stays bounded. Rejects when the store takes none. */
  async settle(): Promise<void> {
    if (this.partition.overlay.committedRows <= this.#host.limits.store_flush_rows_max) return;
    await this.#host.writeBehind.write([this.partition]);
    if (!this.hasRoom) throw new Error('the local store takes no rows');
  }

  /** False when too many rows wait for the store. */
  get hasRoom(): boolean {
    return this.partition.overlay.committedRows <= this.#host.limits.store_flush_rows_max * 2;
  }

  /** It is no longer wanted. */
  stop(): void {
    this.partition.stop();
  }
}

/** Undefined when there is none that can be read. */
function storedPosition(id: PartitionId, { store, codec, log }: Ports): StoredPosition | undefined {
  try {
    return readStoredPosition(store, id, codec);
  } catch (error) {
    log.error({ partition: id, error }, 'what the local store holds of a partition is not readable');
    return undefined;
  }
}

function isEmpty(id: PartitionId, { store, log }: Ports): boolean {
  try {
    for (const _ of store.range(id, { from: ' ', to: '~', limit: 1 })) return false;
    return true;
  } catch (error) {
    log.error({ partition: id, error }, 'what the local store holds of a partition is not readable');
    return false;
  }
}

/** True when no trying again of the same will help: the copy must be built anew. */
export function isBroken(error: unknown): boolean {
  return error instanceof ChainBroken || error instanceof CorruptRecord;
}
