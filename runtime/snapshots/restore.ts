/** Building a partition's rows anew from its snapshot. */
import type { PartitionId, Ports, Store, StoreWrite } from '../ports.ts';
import type { StoredPosition } from '../standing.ts';
import { positionRow } from '../write-behind.ts';
import { readPointer } from './manifest.ts';
import { merged } from './merge.ts';
import type { Rows } from './rows.ts';
import { readSegment } from './segment.ts';

/** Of one write to the store. */
const write_rows_max = 1_000;
const write_bytes_max = 1024 * 1024;
/** Writes under way while the archive is read on. */
const writes_max = 8;

/**
 * Writes the rows of a partition's snapshot to the local store, where the partition must be empty, and then its position; answers that, or
 * undefined where no snapshot was ever made. Until the position is written the rows count for nothing: if this is interrupted, drop them and
 * begin again. Rejects with `SegmentDamaged` or `ManifestUnreadable`, or as archive and store do.
 */
export async function restoreSnapshot(id: PartitionId, ports: Ports): Promise<StoredPosition | undefined> {
  const { store, codec, clock, log } = ports;
  const { manifest } = await readPointer(id, ports);
  if (manifest === undefined) return undefined;
  const startedMs = clock.monotonicMs();
  // Each row is written once, and in the order in which the store keeps them.
  const sources = manifest.segments.map((segment) => readSegment(segment, ports));
  const rows = await writeAll(id, merged(sources, false), store);
  await store.write([positionRow(id, manifest.position, codec)]);
  const ms = Math.round(clock.monotonicMs() - startedMs);
  const { seq } = manifest.position;
  log.info({ partition: id, seq, rows, ms }, 'a partition was restored from its snapshot');
  return manifest.position;
}

/** Answers how many; they are in the store then. */
async function writeAll(partition: PartitionId, batches: AsyncIterable<Rows>, store: Store): Promise<number> {
  const underWay: Promise<void>[] = [];
  let writes: StoreWrite[] = [];
  let bytes = 0;
  let rows = 0;
  const write = async (): Promise<void> => {
    if (underWay.length >= writes_max) await underWay.shift();
    const writing = store.write(writes);
    // Whoever waits for it hears of its failure.
    writing.catch(() => {});
    underWay.push(writing);
    rows += writes.length;
    writes = [];
    bytes = 0;
  };
  try {
    for await (const { keys, values } of batches) {
      for (const [i, key] of keys.entries()) {
        const value = values[i];
        writes.push({ partition, key, value });
        bytes += value?.byteLength ?? 0;
      }
      if (writes.length >= write_rows_max || bytes >= write_bytes_max) await write();
    }
    if (writes.length > 0) await write();
    await Promise.all(underWay);
    return rows;
  } catch (error) {
    // Nothing is written any more once this has ended.
    await Promise.allSettled(underWay);
    throw error;
  }
}
