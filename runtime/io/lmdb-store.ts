/** The local store of a node: all its partitions' rows in one LMDB environment, one table a partition. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { RootDatabaseOptions } from 'lmdb';
import type { Log, PartitionId, Store, StoreRange, StoreWrite } from '../ports.ts';
import { bootId, lockFolder, makeFolder, readMark, writeMark } from './folder.ts';
import { type Bytes, commit, openEnvironment, plainBytes, type Root, type Table } from './lmdb.ts';

const key_chars_max = 1_000;

export interface LmdbStoreOptions {
  /** Used by one process at a time; made if need be. */
  readonly folder: string;
  /** Of the cluster; fixed for the life of the folder. */
  readonly partitions: number;
  readonly log: Log;
}

/**
 * Opens the store, empty when what the folder holds can't be trusted: the machine lost its page cache since (A5), or LMDB
 * can't open the file. Bytes given to `write` are read until it resolves; bytes read are the caller's.
 * @throws FolderInUse
 */
export async function openLmdbStore({ folder, partitions, log }: LmdbStoreOptions): Promise<Store> {
  await makeFolder(folder);
  const unlock = await lockFolder(folder);
  try {
    const mark = readMark(folder);
    if (mark !== undefined && mark.boot !== bootId() && !mark.clean) {
      wipe(folder);
      log.warn(
        { folder },
        'local store thrown away: the machine stopped without closing it; it is rebuilt from the journal',
      );
    } else if (mark === undefined) {
      wipe(folder);
    }
    // On disk before the first write, or a loss of power would leave an old "clean" beside half-written pages.
    writeMark(folder, false);
    const [root, tables] = openTables(folder, partitions, log);
    return new LmdbStore(root, tables, async () => {
      writeMark(folder, true);
      await unlock();
    });
  } catch (error) {
    await unlock();
    throw error;
  }
}

function wipe(folder: string): void {
  for (const name of ['data.mdb', 'lock.mdb']) rmSync(join(folder, name), { force: true });
}

function openTables(folder: string, partitions: number, log: Log): [Root<string>, Table<string>[]] {
  try {
    return tablesOf(folder, partitions);
  } catch (error) {
    wipe(folder);
    log.warn({ folder, error }, 'local store thrown away: it cannot be opened; it is rebuilt from the journal');
    return tablesOf(folder, partitions);
  }
}

/**
 * A table a partition, not a prefix: dropping one is a single short transaction (7 ms against 25 ms for 9,400 rows, and
 * nothing half done after a crash). Opening them all now is on purpose: a table opened later would stall the event loop
 * behind the transaction in progress and cut off the readers.
 */
function tablesOf(folder: string, partitions: number): [Root<string>, Table<string>[]] {
  const root = openEnvironment<string>(folder, { maxDbs: partitions + 1, keyEncoder: asciiKey });
  const settings: RootDatabaseOptions = { encoder: plainBytes, keyEncoder: asciiKey };
  const tables = Array.from({ length: partitions }, (_, partition) =>
    root.openDB<Bytes, string>(partition.toString(16).padStart(2, '0'), settings),
  );
  return [root, tables];
}

/** Keys are ASCII, so their bytes are in the order of the strings. */
const asciiKey = {
  writeKey(key: string, target: Buffer, start: number): number {
    const length = key.length;
    // A call into native code costs more than a few bytes.
    if (length > 40) return start + target.write(key, start, 'latin1');
    for (let i = 0; i < length; i++) target[start + i] = key.charCodeAt(i);
    return start + length;
  },
  readKey: (source: Buffer, start: number, end: number): string => source.toString('latin1', start, end),
};

class LmdbStore implements Store {
  readonly #root: Root<string>;
  readonly #tables: readonly Table<string>[];
  readonly #closed: () => Promise<void>;
  #closing: Promise<void> | undefined;

  constructor(root: Root<string>, tables: readonly Table<string>[], closed: () => Promise<void>) {
    this.#root = root;
    this.#tables = tables;
    this.#closed = closed;
  }

  get(partition: PartitionId, key: string): Uint8Array | undefined {
    return this.#table(partition).get(key);
  }

  *range(partition: PartitionId, { from, to, limit, reverse }: StoreRange): Iterable<readonly [string, Uint8Array]> {
    const table = this.#table(partition);
    if (from >= to || limit === 0) return;
    const bounds = reverse
      ? { start: to, end: from, reverse, exclusiveStart: true, inclusiveEnd: true }
      : { start: from, end: to };
    for (const { key, value } of table.getRange(limit === undefined ? bounds : { ...bounds, limit }))
      yield [key, value];
  }

  async write(writes: readonly StoreWrite[]): Promise<void> {
    if (writes.length === 0) return;
    // Before the transaction: one that throws halfway would commit its first half.
    const targets = writes.map(({ partition, key }) => this.#target(partition, key));
    await commit(this.#root, () => {
      for (const [i, table] of targets.entries()) {
        const { key, value } = writes[i] as StoreWrite;
        // Their promises are the transaction's.
        if (value === undefined) void table.remove(key);
        else void table.put(key, value);
      }
    });
  }

  async flushed(): Promise<void> {
    this.#mustBeOpen();
    await this.#root.flushed;
  }

  async drop(partition: PartitionId): Promise<void> {
    const table = this.#table(partition);
    await commit(this.#root, () => void table.clearAsync());
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#root.flushed;
    await this.#root.close();
    await this.#closed();
  }

  #target(partition: PartitionId, key: string): Table<string> {
    if (key === '' || key.length > key_chars_max)
      throw new RangeError(`a key has 1 to ${key_chars_max} characters, not ${key.length}`);
    return this.#table(partition);
  }

  #table(partition: PartitionId): Table<string> {
    this.#mustBeOpen();
    const table = this.#tables[partition];
    if (table === undefined)
      throw new RangeError(`no partition ${partition}: the store was opened with ${this.#tables.length}`);
    return table;
  }

  #mustBeOpen(): void {
    if (this.#closing !== undefined) throw new Error('the store is closed');
  }
}
