/** When a partition's snapshot is to be made anew. */
import type { Limits } from '../limits.ts';
import type { JournalPosition } from '../standing.ts';
import type { Manifest } from './manifest.ts';

/** What is known of a partition that is served here. */
export interface Progress {
  readonly position: Readonly<JournalPosition>;
  /** Bytes that were committed here and that no snapshot made here covers. */
  readonly newBytes: number;
  /** Journal sequence of its oldest record with mail that its receiver has not committed. */
  readonly oldestMailSeq: number | undefined;
  /** How long it has been served here, ms. */
  readonly servedMs: number;
  /** The newest sequence of the whole journal, as far as this node knows. */
  readonly newestSeq: number;
  readonly manifest: Manifest | undefined;
  /** Where it stood when it was last told to write a record for the snapshot's sake. */
  readonly anchoredSeq: number | undefined;
}

/** `anchor`: only once the partition has written another record. */
export type Due = 'no' | 'now' | 'anchor';

export function due(progress: Progress, limits: Limits): Due {
  const { position, newBytes, servedMs, manifest } = progress;
  if (newBytes >= limits.snapshot_bytes) return 'now';
  const records = position.number - (manifest?.position.number ?? 0);
  if (records >= limits.snapshot_records) return 'now';
  if (manifest === undefined) return servedMs >= limits.snapshot_first_ms ? 'now' : 'no';
  return dueBySpan(progress, manifest, limits);
}

/**
 * The journal is cut where the snapshot before the newest begins to need it, and all partitions share one sequence. So one that has no news
 * makes two snapshots anew once it holds up too much of the others' past. Its last record may itself lie that far back, and so may the last word
 * of its journal on what mail is settled; a new record mends both.
 */
function dueBySpan(progress: Progress, manifest: Manifest, { snapshot_span_entries_max: span }: Limits): Due {
  const { newestSeq, position, oldestMailSeq, anchoredSeq } = progress;
  const lags = (seq: number): boolean => newestSeq - seq > span;
  if (!lags(manifest.previousFloorSeq)) return 'no';
  if (!lags(manifest.floorSeq)) return 'now';
  // Mail that nobody has taken for so long: its records stay.
  if (oldestMailSeq !== undefined && lags(oldestMailSeq)) return 'no';
  return anchoredSeq !== undefined && position.seq > anchoredSeq ? 'now' : 'anchor';
}
