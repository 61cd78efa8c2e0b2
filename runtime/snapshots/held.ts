/** What the owner of a partition holds of it: its local store, under the committed rows that are not there yet. */
import type { Partition } from '../partition.ts';
import type { Store } from '../ports.ts';
import { meta_key } from '../write-behind.ts';

/** Of one look. */
const look_bytes_max = 256 * 1024;
/** Sorts after every key. */
export const keysEnd = '\x7f';

/** All rows after one key up to another, as of one moment. */
export interface Held {
  /** In the order of their keys. */
  readonly rows: readonly (readonly [key: string, value: Uint8Array])[];
  /** The last key that it tells of, or `keysEnd`. */
  readonly upTo: string;
  /** Number of the partition's last committed record then. */
  readonly number: number;
  readonly bytes: number;
}

/** The rows after `after`, '' for the first ones, up to the last of at most `rowsMax` that the store has. Throws StoreDamaged. */
export function heldAfter({ id, overlay, position }: Partition, store: Store, after: string, rowsMax: number): Held {
  // A blank is the least of all characters: the next key there can be.
  const from = `${after} `;
  const rows = new Map<string, Uint8Array>();
  let bytes = 0;
  let upTo = keysEnd;
  for (const [key, value] of store.range(id, { from, to: keysEnd })) {
    rows.set(key, value);
    bytes += key.length + value.byteLength;
    if (rows.size < rowsMax && bytes < look_bytes_max) continue;
    upTo = key;
    break;
  }
  for (const [key, value] of overlay.committedBetween(from, upTo === keysEnd ? keysEnd : `${upTo} `)) {
    if (value === null) rows.delete(key);
    else rows.set(key, value);
  }
  // The store's own row of where it stands.
  rows.delete(meta_key);
  const sorted = [...rows].sort(([a], [b]) => (a < b ? -1 : 1));
  return { rows: sorted, upTo, number: position.number, bytes };
}
