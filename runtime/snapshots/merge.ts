/** Merging segments: several sorted runs of rows become one, in which the newest version of each row stands. */
import { Batch, type Rows } from './rows.ts';
import type { Segment } from './segment.ts';

/**
 * The first of the segments (oldest first) that is to be merged with all newer ones; undefined when none is. Size-tiered, as log-structured
 * merge trees are (O'Neil et al. 1996): as long as each segment is at least twice as large (`percent` 50) as all newer ones together, their
 * number, and how often a row is written again, grow with the logarithm of what there is.
 */
export function mergeFrom(segments: readonly Segment[], percent: number): number | undefined {
  let from: number | undefined;
  let newerBytes = 0;
  for (let i = segments.length - 1; i >= 0; i--) {
    const { bytes } = segments[i] as Segment;
    if (i < segments.length - 1 && newerBytes * 100 >= bytes * percent) from = i;
    newerBytes += bytes;
  }
  return from;
}

/**
 * Rows of all sources, which are sorted, oldest source first, in the order of their keys and each key once: what the newest says of it.
 * `keepDeleted`: there are older rows still, which the deletions must go on to hide. Throws as the sources do, all of which it reads to
 * their ends.
 */
export async function* merged(sources: readonly AsyncIterable<Rows>[], keepDeleted: boolean): AsyncIterable<Rows> {
  const cursors = sources.map((source) => new Cursor(source));
  try {
    await Promise.all(cursors.map((cursor) => cursor.load()));
    let batch = new Batch();
    for (;;) {
      const newest = leastOf(cursors);
      if (newest?.key === undefined) break;
      const { key, value } = newest;
      if (value !== undefined || keepDeleted) batch.add(key, value);
      for (const cursor of cursors) if (cursor.key === key && !cursor.step()) await cursor.load();
      if (!batch.full) continue;
      yield batch;
      batch = new Batch();
    }
    yield batch;
  } finally {
    for (const cursor of cursors) cursor.close();
  }
}

/** The cursor with the least key; of several, the newest. */
function leastOf(cursors: readonly Cursor[]): Cursor | undefined {
  let least: Cursor | undefined;
  for (const cursor of cursors) {
    if (cursor.key !== undefined && (least?.key === undefined || cursor.key <= least.key)) least = cursor;
  }
  return least;
}

class Cursor {
  /** Undefined before the first row and after the last. */
  key: string | undefined;
  value: Uint8Array | undefined;
  readonly #iterator: AsyncIterator<Rows>;
  #rows: Rows | undefined;
  #at = 0;

  constructor(source: AsyncIterable<Rows>) {
    this.#iterator = source[Symbol.asyncIterator]();
  }

  /** False when the batch is used up: `load` the next. */
  step(): boolean {
    this.#at++;
    return this.#show();
  }

  async load(): Promise<void> {
    do {
      const next = await this.#iterator.next();
      this.#rows = next.done === true ? undefined : next.value;
      this.#at = 0;
    } while (!this.#show() && this.#rows !== undefined);
  }

  close(): void {
    this.#iterator.return?.().then(
      () => {},
      () => {},
    );
  }

  #show(): boolean {
    this.key = this.#rows?.keys[this.#at];
    this.value = this.#rows?.values[this.#at];
    return this.key !== undefined;
  }
}
