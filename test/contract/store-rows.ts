/** A store with rows that are known in advance, and what is found in it after it was damaged. */
import { openLmdbStore } from '../../runtime/io/lmdb-store.ts';
import { type Store, StoreDamaged } from '../../runtime/ports.ts';

export const partitions = 4;
export const rows = 400;

export function keyOf(row: number): string {
  return `user/u${String(row % 20).padStart(3, '0')} tl ${String(row).padStart(8, '0')}`;
}

/** No two alike, in any partition; some have pages of their own. */
export function valueAt(partition: number, row: number): Uint8Array {
  const length = row % 97 === 7 ? 9_000 : [16, 20, 40, 120, 300][(row + partition) % 5];
  const value = Buffer.alloc(length ?? 0, `${partition}/${row};`);
  value.writeUInt32BE(partition * rows + row);
  return value;
}

/** Closed. */
export async function fillStore(folder: string): Promise<void> {
  const { store } = await openQuietly(folder);
  for (let first = 0; first < rows; first += 40) {
    const writes = Array.from({ length: 40 * partitions }, (_, i) => {
      const [partition, row] = [i % partitions, ((first + Math.floor(i / partitions)) * 7) % rows];
      return { partition, key: keyOf(row), value: valueAt(partition, row) };
    });
    await store.write(writes);
  }
  await store.close();
}

export async function openQuietly(folder: string): Promise<{ store: Store; thrownAway: string | undefined }> {
  let thrownAway: string | undefined;
  const say = (_: object, words: string) => {
    if (words.includes('thrown away')) thrownAway = words;
  };
  const store = await openLmdbStore({ folder, partitions, log: { info() {}, warn: say, error() {} } });
  return { store, thrownAway };
}

export interface Verdict {
  /** Why the store is empty, which then is as it must be. */
  readonly thrownAway: string | undefined;
  /** What was read other than it was written, and nothing said so. */
  readonly wrong: readonly string[];
  /** `partition key` of the rows that can't be read, and `partition`s of those that can't be walked through. */
  readonly damaged: readonly string[];
}

/** Reads all there is to read, in every way. */
export async function inspect(folder: string): Promise<Verdict> {
  const { store, thrownAway } = await openQuietly(folder);
  const wrong: string[] = [];
  const damaged: string[] = [];
  const read = (partition: number, place: string, sound: () => boolean) => {
    try {
      if (!sound()) wrong.push(place);
    } catch (error) {
      if (!(error instanceof StoreDamaged && error.partition === partition)) throw error;
      damaged.push(place);
    }
  };
  for (let partition = 0; partition < partitions; partition++) {
    for (let row = 0; row < rows; row++) {
      const value = thrownAway === undefined ? valueAt(partition, row) : undefined;
      read(partition, `${partition} ${keyOf(row)}`, () => same(store.get(partition, keyOf(row)), value));
    }
    const all = thrownAway === undefined ? rows : 0;
    for (const reverse of [false, true])
      read(
        partition,
        `${partition}`,
        () => [...store.range(partition, { from: ' ', to: '~', reverse })].length === all,
      );
    read(partition, `${partition}`, () => verified(store, partition) <= all / 50);
  }
  await store.close();
  return { thrownAway, wrong, damaged: [...new Set(damaged)] };
}

function same(found: Uint8Array | undefined, value: Uint8Array | undefined): boolean {
  if (found === undefined || value === undefined) return found === value;
  return Buffer.compare(found, value) === 0;
}

/** How many slices of 50 rows come before the last one. */
function verified(store: Store, partition: number): number {
  let slices = 0;
  for (let after: string | undefined; ; slices++) {
    after = store.verify(partition, after, 50);
    if (after === undefined || slices > rows) return slices;
  }
}
