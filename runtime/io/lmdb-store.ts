/** The local store of a node: all its partitions' rows in one LMDB environment, one table a partition. */
import { existsSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RootDatabaseOptions } from 'lmdb';
import { type Log, type PartitionId, type Store, StoreLost, type StoreRange, type StoreWrite } from '../ports.ts';
import { bootId, lockFolder, type Mark, makeFolder, readMark, writeMark } from './folder.ts';
import { type Bytes, commit, damageIn, damageOf, dataFile, openEnvironment, type Root } from './lmdb.ts';
import { Rows, sealedValue } from './lmdb-rows.ts';

export interface LmdbStoreOptions {
  /** Used by one process at a time; made if need be. */
  readonly folder: string;
  /** Of the cluster; fixed for the life of the folder. */
  readonly partitions: number;
  readonly log: Log;
}

/** Of rows in the file: 2 since each carries a checksum. */
const layout = 2;

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
    const left = readMark(folder);
    const doubt = doubtOf(folder, left);
    if (doubt !== undefined) throwAway(folder, log, doubt);
    const deaths = doubt === undefined && left?.state === 'open' ? left.deaths + 1 : 0;
    const notes = new Notes(folder, log, deaths);
    // On disk before the first write, or a loss of power would leave an old `closed` beside half-written pages.
    notes.write({});
    const damaged = () => notes.damaged();
    const [root, tables] = await openTables(folder, partitions, damaged).catch(async (error: Error) => {
      const damage = damageIn(error);
      if (damage === undefined) throw error;
      throwAway(folder, log, damage);
      return await openTables(folder, partitions, damaged);
    });
    notes.write({ state: 'open' });
    const grown = setTimeout(() => deaths > 0 && notes.tryWrite({ deaths: 0 }), limits.young_ms_max);
    grown.unref();
    return new LmdbStore(root, tables, notes, async (flushed) => {
      clearTimeout(grown);
      if (flushed) notes.tryWrite({ state: 'closed', deaths: 0 });
      await unlock();
    });
  } catch (error) {
    await unlock();
    throw error;
  }
}

function throwAway(folder: string, log: Log, doubt: string): void {
  log.warn({ folder }, `local store thrown away: ${doubt}; it is rebuilt from the journal`);
  for (const name of [dataFile, 'lock.mdb']) rmSync(join(folder, name), { force: true });
}

/** What this process leaves word of. Damage, once found, stays noted. */
class Notes {
  readonly #folder: string;
  readonly #log: Log;
  #mark: Omit<Mark, 'boot'>;

  constructor(folder: string, log: Log, deaths: number) {
    this.#folder = folder;
    this.#log = log;
    this.#mark = { state: 'opening', deaths, layout };
  }

  /** On disk when it returns. */
  write(changes: Partial<Pick<Mark, 'state' | 'deaths'>>): void {
    const { state } = this.#mark;
    this.#mark = { ...this.#mark, ...changes, ...(state === 'damaged' && { state }) };
    writeMark(this.#folder, this.#mark);
  }

  tryWrite(changes: Partial<Pick<Mark, 'state' | 'deaths'>>): void {
    try {
      this.write(changes);
    } catch (error) {
      const { state } = this.#mark;
      this.#log.warn(
        { folder: this.#folder, error },
        `the local store is ${state}, but that could not be written down`,
      );
    }
  }

  /** One page of LMDB's gone wrong may have led it to others: only a new file is beyond doubt. */
  damaged(): void {
    if (this.#mark.state === 'damaged') return;
    this.#log.error(
      { folder: this.#folder },
      'damage was found in the local store; the next start begins with an empty one',
    );
    this.tryWrite({ state: 'damaged' });
  }
}

function doubtOf(folder: string, mark: Mark | undefined): string | undefined {
  const size = statSync(join(folder, dataFile), { throwIfNoEntry: false })?.size ?? 0;
  if (size === 0) return mark === undefined || mark.state === 'opening' ? undefined : 'its file is gone';
  if (mark === undefined) return 'nothing says how it was left';
  if (mark.layout !== layout)
    return `its rows are written in layout ${mark.layout}, and this version reads layout ${layout}, in which they carry checksums`;
  if (mark.boot !== bootId() && mark.state !== 'closed') return 'the machine stopped without closing it';
  if (mark.state === 'damaged') return 'damage was found in it';
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
async function openTables(folder: string, partitions: number, damaged: () => void): Promise<[Root<string>, Rows[]]> {
  const fresh = !existsSync(join(folder, dataFile));
  const root = openEnvironment<string>(folder, { maxDbs: partitions + 1, keyEncoder: asciiKey });
  const settings: RootDatabaseOptions = { encoder: sealedValue, keyEncoder: asciiKey };
  try {
    const tables = Array.from({ length: partitions }, (_, partition) => {
      const table = root.openDB<Bytes, string>(partition.toString(16).padStart(2, '0'), settings);
      return new Rows(partition, table, fresh, damaged);
    });
    return [root, tables];
  } catch (error) {
    await root.close();
    throw error;
  }
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
  readonly #tables: readonly Rows[];
  readonly #notes: Notes;
  readonly #closed: (flushed: boolean) => Promise<void>;
  /** The last transaction failed. */
  #refused = false;
  #closing: Promise<void> | undefined;

  constructor(root: Root<string>, tables: readonly Rows[], notes: Notes, closed: (flushed: boolean) => Promise<void>) {
    this.#root = root;
    this.#tables = tables;
    this.#notes = notes;
    this.#closed = closed;
  }

  get(partition: PartitionId, key: string): Uint8Array | undefined {
    return this.#table(partition).get(key);
  }

  range(partition: PartitionId, range: StoreRange): Iterable<readonly [string, Uint8Array]> {
    return this.#table(partition).range(range);
  }

  verify(partition: PartitionId, after: string | undefined, rowsMax: number): string | undefined {
    return this.#table(partition).verify(after, rowsMax);
  }

  async write(writes: readonly StoreWrite[]): Promise<void> {
    if (writes.length === 0) return;
    // Before the transaction: one that throws halfway would commit its first half.
    const targets = writes.map(({ partition, key }) => this.#target(partition, key));
    const commit = this.#commit(() => {
      for (const [i, table] of targets.entries()) {
        const { key, value } = writes[i] as StoreWrite;
        if (value === undefined) table.remove(key);
        else table.put(key, value);
      }
    });
    await commit.catch((error: Error) => {
      // A damaged page refuses the whole transaction: looked for in the same places, the read that fails tells whose page it is.
      if (damageIn(error.cause) !== undefined)
        for (const [i, table] of targets.entries()) table.get((writes[i] as StoreWrite).key);
      throw error;
    });
  }

  async flushed(): Promise<void> {
    this.#mustBeOpen();
    await this.#flush();
  }

  async drop(partition: PartitionId): Promise<void> {
    const table = this.#table(partition);
    try {
      await this.#commit(() => table.clear());
    } catch (error) {
      throw damageIn((error as Error).cause) === undefined ? error : new StoreLost((error as Error).cause);
    }
    table.cleared();
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
      if (damageIn((error as Error).cause) !== undefined) this.#notes.damaged();
      throw error;
    }
  }

  async #flush(): Promise<void> {
    // After a transaction that failed (a full disk), lmdb-js's `flushed` waits for ever, until one succeeds.
    if (this.#refused) await this.#commit(() => void this.#root.remove('\x01'));
    await this.#root.flushed;
  }

  #target(partition: PartitionId, key: string): Rows {
    if (key === '' || key.length > limits.key_chars_max)
      throw new RangeError(`a key has 1 to ${limits.key_chars_max} characters, not ${key.length}`);
    return this.#table(partition);
  }

  #table(partition: PartitionId): Rows {
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
