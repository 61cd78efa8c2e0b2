/** What the journal says since a snapshot, folded into the last value of each row. */
import type { Limits } from '../limits.ts';
import type { PartitionId } from '../ports.ts';
import { ChainBroken, type JournalReader, type StoredPosition, standAt } from '../standing.ts';
import type { Pace } from './pace.ts';
import { Batch, type Rows } from './rows.ts';

export interface FoldHost {
  readonly ports: JournalReader;
  readonly limits: Limits;
  readonly pace: Pace;
}

export interface Folded {
  readonly position: StoredPosition;
  /** Last values, packed as records hold them; undefined: deleted. */
  readonly rows: ReadonlyMap<string, Uint8Array | undefined>;
  /** False when memory's bound came first: the journal goes on. */
  readonly complete: boolean;
}

/**
 * Reads the entries after `from` up to `toSeq`, which must be the last of a committed record. Rejects with `ChainBroken` or `CorruptRecord` where
 * the journal does not continue `from`, or as the journal does.
 */
export async function fold(
  id: PartitionId,
  from: StoredPosition | undefined,
  toSeq: number,
  { ports, limits, pace }: FoldHost,
): Promise<Folded> {
  const { journal, codec } = ports;
  const standing = await standAt(id, from, limits, ports, ({ bytes }) => pace(bytes.byteLength));
  const rows = new Map<string, Uint8Array | undefined>();
  // Values are views into their entries, so what memory holds is at most the entries.
  let held = 0;
  for await (const entry of journal.read(id, standing.seenSeq + 1, toSeq)) {
    const record = standing.take(entry, codec);
    if (record === undefined) continue;
    for (let i = 0; i + 1 < record.rows.length; i += 2) {
      rows.set(record.rows[i] as string, (record.rows[i + 1] as Uint8Array | null) ?? undefined);
    }
    held += entry.bytes.byteLength;
    if (held >= limits.snapshot_fold_bytes_max && entry.seq < toSeq)
      return { position: standing.stored(), rows, complete: false };
    await pace(entry.bytes.byteLength);
  }
  if (standing.seenSeq < toSeq) throw new ChainBroken(id, `it ends before ${toSeq}`);
  return { position: standing.stored(), rows, complete: true };
}

/** In the order of their keys. `keepDeleted`: there are older rows, which the deletions are to hide. */
export async function* inOrder(rows: Folded['rows'], keepDeleted: boolean, pace: Pace): AsyncIterable<Rows> {
  let batch = new Batch();
  for (const key of await sorted([...rows.keys()], pace)) {
    const value = rows.get(key);
    if (value !== undefined || keepDeleted) batch.add(key, value);
    if (!batch.full) continue;
    yield batch;
    await pace(batch.bytes);
    batch = new Batch();
  }
  yield batch;
}

/** Sorted at once: half a millisecond. */
const run_keys = 1_000;
/** Sorting, or merging, a key takes as long as handling so many bytes. */
const sort_cost_bytes = 80;
const merge_cost_bytes = 32;

/** Merge sort in slices: sorting 100,000 keys at once would hold up everything else for 100 ms. */
async function sorted(keys: readonly string[], pace: Pace): Promise<readonly string[]> {
  let runs: (readonly string[])[] = [];
  for (let at = 0; at < keys.length; at += run_keys) {
    runs.push(keys.slice(at, at + run_keys).sort());
    await pace(run_keys * sort_cost_bytes);
  }
  while (runs.length > 1) {
    const longer: (readonly string[])[] = [];
    for (let i = 0; i < runs.length; i += 2) longer.push(await mergedRuns(runs[i] ?? [], runs[i + 1] ?? [], pace));
    runs = longer;
  }
  return runs[0] ?? [];
}

async function mergedRuns(a: readonly string[], b: readonly string[], pace: Pace): Promise<readonly string[]> {
  if (b.length === 0) return a;
  const both: string[] = [];
  let atA = 0;
  let atB = 0;
  while (atA < a.length || atB < b.length) {
    const nextA = a[atA];
    const nextB = b[atB];
    if (nextB === undefined || (nextA !== undefined && nextA < nextB)) {
      both.push(nextA as string);
      atA++;
    } else {
      both.push(nextB);
      atB++;
    }
    if (both.length % run_keys === 0) await pace(run_keys * merge_cost_bytes);
  }
  return both;
}
