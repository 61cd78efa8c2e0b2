import type { Limits } from './limits.ts';
import type { Row } from './overlay.ts';
import type { Partition } from './partition.ts';
import type { Cancel, Codec, PartitionId, Ports, Store, StoreWrite } from './ports.ts';
import { type PackedTaken, packTaken } from './record.ts';

/** The partition's own row: where it stood when the rows beside it were written (A5). */
const meta_key = ' meta ';
const meta_layout = 1;

/** Where a partition stands in its local store. */
export interface StoredPosition {
  readonly epoch: number;
  readonly number: number;
  readonly seq: number;
  /** Sending ends: destination, next number, settled. */
  readonly out: readonly (readonly [to: PartitionId, nextSeq: number, settled: number])[];
  readonly taken: readonly PackedTaken[];
  /** Journal sequence from which unsettled mail must be read again; 0 when there is none. */
  readonly outboxFromSeq: number;
}

export function readStoredPosition(store: Store, partition: PartitionId, codec: Codec): StoredPosition | undefined {
  const bytes = store.get(partition, meta_key);
  if (bytes === undefined) return undefined;
  const [layout, epoch, number, seq, out, taken, outboxFromSeq] = codec.unpack(bytes) as [
    number,
    number,
    number,
    number,
    StoredPosition['out'],
    StoredPosition['taken'],
    number,
  ];
  return layout === meta_layout ? { epoch, number, seq, out, taken, outboxFromSeq } : undefined;
}

function packPosition(partition: Partition, codec: Codec): Uint8Array {
  const { epoch, number, seq } = partition.position;
  const out = [...partition.outbox.all()].map((channel) => [channel.to, channel.committedNextSeq, channel.settled]);
  const taken = [...partition.committedTaken.values()].map(packTaken);
  return codec.pack([meta_layout, epoch, number, seq, out, taken, partition.outbox.oldestRecordSeq ?? 0]);
}

/**
 * Writes committed rows to the local store, some time after their records are durable: rows that are written often are stored once.
 * One transaction holds a partition's rows and its position, so the store is never ahead of the journal nor torn.
 */
export class WriteBehind {
  readonly #ports: Ports;
  readonly #limits: Limits;
  readonly #partitions: () => Iterable<Partition>;
  readonly #storedSeq = new WeakMap<Partition, number>();
  #writing: Promise<void> | undefined;
  #cancel: Cancel | undefined;
  #stopped = false;

  constructor(ports: Ports, limits: Limits, partitions: () => Iterable<Partition>) {
    this.#ports = ports;
    this.#limits = limits;
    this.#partitions = partitions;
  }

  start(): void {
    this.#cancel = this.#ports.timers.after(this.#limits.store_flush_ms, () => {
      void this.write([...this.#partitions()]).finally(() => {
        if (!this.#stopped) this.start();
      });
    });
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

  async #write(partitions: readonly Partition[]): Promise<void> {
    const writes: StoreWrite[] = [];
    const taken: { partition: Partition; rows: Map<string, Row>; seq: number }[] = [];
    for (const partition of partitions) {
      const { seq } = partition.position;
      if (this.#storedSeq.get(partition) === seq || partition.stopped) continue;
      const rows = partition.overlay.takeCommitted();
      for (const [key, row] of rows) writes.push({ partition: partition.id, key, value: row.bytes ?? undefined });
      writes.push({ partition: partition.id, key: meta_key, value: packPosition(partition, this.#ports.codec) });
      taken.push({ partition, rows, seq });
    }
    if (writes.length === 0) return;
    try {
      await this.#ports.store.write(writes);
    } catch (error) {
      this.#ports.log.error({ error, rows: writes.length }, 'the local store refused a write; it will be tried again');
      for (const { partition, rows } of taken) partition.overlay.putBack(rows);
      return;
    }
    for (const { partition, rows, seq } of taken) {
      partition.overlay.stored(rows);
      this.#storedSeq.set(partition, seq);
    }
  }
}
