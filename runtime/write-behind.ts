import type { Limits } from './limits.ts';
import type { Partition } from './partition.ts';
import {
  type Cancel,
  type Codec,
  type PartitionId,
  type Ports,
  type Store,
  StoreDamaged,
  type StoreWrite,
} from './ports.ts';
import { packPosition, type StoredPosition, unpackPosition } from './standing.ts';

/** Leaves nothing behind; large enough to need room. */
const probe: readonly StoreWrite[] = [
  { partition: 0, key: ' probe ', value: new Uint8Array(16 * 1024) },
  { partition: 0, key: ' probe ', value: undefined },
];

/** The partition's own row: where it stood when the rows beside it were written (A5). */
export const meta_key = ' meta ';

export function readStoredPosition(store: Store, partition: PartitionId, codec: Codec): StoredPosition | undefined {
  const bytes = store.get(partition, meta_key);
  return bytes === undefined ? undefined : unpackPosition(bytes, codec);
}

/** The write that makes rows beside it the state as of a position. */
export function positionRow(partition: PartitionId, position: StoredPosition, codec: Codec): StoreWrite {
  return { partition, key: meta_key, value: packPosition(position, codec) };
}

/**
 * Writes committed rows to the local store, some time after their records are durable: rows that are written often are stored once.
 * One transaction holds a partition's rows and its position, so the store is never ahead of the journal nor torn.
 */
export class WriteBehind {
  readonly #ports: Ports;
  readonly #limits: Limits;
  readonly #partitions: () => Iterable<Partition>;
  readonly #damaged: (error: StoreDamaged) => void;
  readonly #storedSeq = new WeakMap<Partition, number>();
  #writing: Promise<void> | undefined;
  #cancel: Cancel | undefined;
  #refusedSinceMs: number | undefined;
  #attempts = 0;
  #stopped = false;

  /** `damaged`: what stands in the store where a partition's rows were to go is not readable; the partition is to be built anew. */
  constructor(
    ports: Ports,
    limits: Limits,
    partitions: () => Iterable<Partition>,
    damaged: (error: StoreDamaged) => void = () => {},
  ) {
    this.#ports = ports;
    this.#limits = limits;
    this.#partitions = partitions;
    this.#damaged = damaged;
  }

  start(): void {
    this.#cancel = this.#ports.timers.after(this.#limits.store_flush_ms, () => {
      void this.#round().finally(() => {
        if (!this.#stopped) this.start();
      });
    });
  }

  /** For how long the store has taken nothing, ms; 0 while it does. */
  get refusedMs(): number {
    return this.#refusedSinceMs === undefined ? 0 : this.#ports.clock.monotonicMs() - this.#refusedSinceMs;
  }

  /** Writes what is committed in these partitions now. Never rejects: what the store refuses is tried again with the next write. */
  async write(partitions: readonly Partition[]): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
    this.#writing = this.#write(partitions);
    await this.#writing;
    this.#writing = undefined;
  }

  /** After this nothing more is written but by `write`. */
  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  async #round(): Promise<void> {
    const refusedSinceMs = this.#refusedSinceMs;
    const before = this.#attempts;
    await this.write([...this.#partitions()]);
    if (refusedSinceMs === undefined || this.#attempts > before) return;
    // Others may have all that was left to write, and still it should be known when there is room again.
    const takes = await this.#ports.store.write(probe).then(
      () => true,
      () => false,
    );
    if (takes) this.#refusedSinceMs = undefined;
  }

  async #write(partitions: readonly Partition[]): Promise<void> {
    const writes: StoreWrite[] = [];
    const taken: { partition: Partition; seq: number }[] = [];
    for (const partition of partitions) {
      const { id, position, overlay, standing } = partition;
      if (this.#storedSeq.get(partition) === position.seq || partition.stopped) continue;
      const { written, replayed } = overlay.takeCommitted();
      for (const [key, { bytes }] of written) writes.push({ partition: id, key, value: bytes ?? undefined });
      for (const [key, bytes] of replayed) writes.push({ partition: id, key, value: bytes ?? undefined });
      writes.push(positionRow(id, standing.stored(), this.#ports.codec));
      taken.push({ partition, seq: position.seq });
    }
    if (writes.length === 0) return;
    this.#attempts++;
    try {
      await this.#ports.store.write(writes);
    } catch (error) {
      this.#ports.log.error({ error, rows: writes.length }, 'the local store refused a write; it will be tried again');
      for (const { partition } of taken) partition.overlay.putBack();
      this.#ports.probe?.count('store_errors', '', 1);
      this.#refusedSinceMs ??= this.#ports.clock.monotonicMs();
      if (error instanceof StoreDamaged) this.#damaged(error);
      return;
    }
    this.#refusedSinceMs = undefined;
    for (const { partition, seq } of taken) {
      partition.overlay.stored();
      this.#storedSeq.set(partition, seq);
    }
  }
}
