/** The local store of a node: all its partitions' rows in one LMDB environment, one table a partition. */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RootDatabaseOptions } from 'lmdb';
import type { Log, PartitionId, Store, StoreRange, StoreWrite } from '../ports.ts';
import { bootId, lockFolder, type Mark, makeFolder, readMark, writeMark } from './folder.ts';
import { type Bytes, commit, damageOf, dataFile, openEnvironment, plainBytes, type Root, type Table } from './lmdb.ts';

export interface LmdbStoreOptions {
  /** Used by one process at a time; made if need be. */
  readonly folder: string;
  /** Of the cluster; fixed for the life of the folder. */
  readonly partitions: number;
  readonly log: Log;
}

const limits = {
  key_chars_max: 1_000,
  /** Processes in a row that died young on the same data: it may be the data. */
  deaths_max: 3,
  /** A process that lived so long with the data did not die of it. */
  young_ms_max: 30_000,
  /** For a disk that takes no more. */
  close_wait_ms_max: 5_000,
};

/**
 * Opens the store, empty when what the folder holds can't be trusted: it is a cache of the journal (A5), so doubt is reason
 * enough. Bytes given to `write` are read until it resolves; bytes read are the caller's.
 * @throws FolderInUse
 */
export async function openLmdbStore({ folder, partitions, log }: LmdbStoreOptions): Promise<Store> {
  await makeFolder(folder);
  const unlock = await lockFolder(folder);
  try {
    const mark = readMark(folder);
    const doubt = doubtOf(folder, mark);
    if (doubt !== undefined) {
      log.warn({ folder }, `local store thrown away: ${doubt}; it is rebuilt from the journal`);
      for (const name of [dataFile, 'lock.mdb']) rmSync(join(folder, name), { force: true });
    }
    const deaths = doubt === undefined && mark?.state === 'open' ? mark.deaths + 1 : 0;
    // On disk before the first write, or a loss of power would leave an old `closed` beside half-written pages.
    writeMark(folder, 'opening', deaths);
    const [root, tables] = openTables(folder, partitions);
    writeMark(folder, 'open', deaths);
    const noteDown = (state: Mark['state']) => {
      try {
        writeMark(folder, state, 0);
      } catch (error) {
        log.warn({ folder, error }, `the local store is ${state}, but that could not be written down`);
      }
    };
    const grown = setTimeout(() => deaths > 0 && noteDown('open'), limits.young_ms_max);
    grown.unref();
    return new LmdbStore(root, tables, async (flushed) => {
      clearTimeout(grown);
      if (flushed) noteDown('closed');
      await unlock();
    });
  } catch (error) {
    await unlock();
    throw error;
  }
}

function doubtOf(folder: string, mark: Mark | undefined): string | undefined {
  if (!existsSync(join(folder, dataFile))) return undefined;
  if (mark === undefined) return 'nothing says how it was left';
  if (mark.boot !== bootId() && mark.state !== 'closed') return 'the machine stopped without closing it';
  // LMDB ends the process on a damaged file; without these two it would do so at every start.
  if (mark.state === 'opening') return 'the last process died opening it';
  if (mark.deaths >= limits.deaths_max) return `its last ${mark.deaths} processes died soon after they had opened it`;
  const damage = damageOf(folder);
  return damage && `its file is ${damage}`;
}

/**
 * A table a partition, not a prefix: dropping one is a single short transaction (7 ms against 25 ms for 9,400 rows, and
 * nothing half done after a crash). Opening them all now is on purpose: a table opened later would stall the event loop
 * behind the transaction in progress and cut off the readers.
 */
function openTables(folder: string, partitions: number): [Root<string>, Table<string>[]] {
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
  readonly #closed: (flushed: boolean) => Promise<void>;
  /** The last transaction failed. */
  #refused = false;
  #closing: Promise<void> | undefined;

  constructor(root: Root<string>, tables: readonly Table<string>[], closed: (flushed: boolean) => Promise<void>) {
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
    await this.#commit(() => {
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
    await this.#flush();
  }

  async drop(partition: PartitionId): Promise<void> {
    const table = this.#table(partition);
    await this.#commit(() => void table.clearAsync());
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const flushed = this.#flush().then(() => this.#root.close());
    const done = await Promise.race([
      flushed.then(
        () => true,
        () => false,
      ),
      sleep(limits.close_wait_ms_max, false, { ref: false }),
    ]);
    await this.#closed(done);
  }

  async #commit(writes: () => void): Promise<void> {
    try {
      await commit(this.#root, writes);
      this.#refused = false;
    } catch (error) {
      this.#refused = true;
      throw error;
    }
  }

  async #flush(): Promise<void> {
    // After a transaction that failed (a full disk), lmdb-js's `flushed` waits for ever, until one succeeds.
    if (this.#refused) await this.#commit(() => void this.#root.remove('\x01'));
    await this.#root.flushed;
  }

  #target(partition: PartitionId, key: string): Table<string> {
    if (key === '' || key.length > limits.key_chars_max)
      throw new RangeError(`a key has 1 to ${limits.key_chars_max} characters, not ${key.length}`);
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
