/** What the two LMDB environments of a node have in common. */
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Database, open, type RootDatabase, type RootDatabaseOptionsWithPath } from 'lmdb';

/** Address space, not memory and not disk: the file grows with what is in it. */
const map_bytes = 64 * 2 ** 30;

export type Bytes = Uint8Array;
export type Root<K extends string | Uint8Array> = RootDatabase<Bytes, K>;
export type Table<K extends string | Uint8Array> = Database<Bytes, K>;

/**
 * Never among the settings: noSync, useWritemap, mapAsync. They trade the file's soundness for speed.
 * Every write is a `batch` of its own, so nothing is gained by waiting for the event loop's next turn.
 */
export function openEnvironment<K extends string | Uint8Array>(
  folder: string,
  settings: RootDatabaseOptionsWithPath,
): Root<K> {
  return open<Bytes, K>({
    path: folder,
    noSubdir: false,
    mapSize: map_bytes,
    eventTurnBatching: false,
    encoder: plainBytes,
    ...settings,
  });
}

/**
 * A value as it is. lmdb-js hands its reused buffer to `decode`, so this copies; from Node's pool, which for values of 64
 * to 4,096 bytes costs a third of an allocation (0.4 against 1.4 µs).
 */
const plainBytes = {
  encode: (value: Bytes) => value,
  decode(buffer: Bytes, length: number | undefined = buffer.length): Bytes {
    const copy = Buffer.allocUnsafe(length);
    copy.set(buffer.subarray(0, length));
    return copy;
  },
};

/** One transaction: all or nothing. Resolves when it is committed; rejects in words when it is not. */
export async function commit<K extends string | Uint8Array>(root: Root<K>, writes: () => void): Promise<void> {
  try {
    await root.batch(writes);
  } catch (error) {
    // The reason is a promise that also rejects; nobody else looks at it, and unhandled it would end the process.
    const { commitError } = error as { commitError?: Promise<never> };
    const cause: unknown = commitError === undefined ? error : await commitError.catch((reason: unknown) => reason);
    throw new Error(
      `the local database did not take a write: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
}

/** What LMDB answers when a page is not what it must be, which then is all it knows: it checks little of what it reads. */
const damages: ReadonlySet<unknown> = new Set([
  -30797, // MDB_PAGE_NOTFOUND
  -30796, // MDB_CORRUPTED
  -30795, // MDB_PANIC
  -30793, // MDB_INVALID
  -30787, // MDB_CURSOR_FULL: a tree that is too deep
  -30786, // MDB_PAGE_FULL
  -30784, // MDB_INCOMPATIBLE
  -30782, // MDB_BAD_TXN
  -30781, // MDB_BAD_VALSIZE
  -30779, // MDB_PROBLEM
  27, // EFBIG: a page beyond any file
]);

/** In words, where an error of lmdb-js says that the file is damaged. */
export function damageIn(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, message } = error as Error & { readonly code?: unknown };
  // lmdb-js's own check of a key's length, and of a value's.
  const unreal = message.startsWith('Invalid key size') || error instanceof RangeError;
  return unreal || damages.has(code) ? message : undefined;
}

export const dataFile = 'data.mdb';

/** In the meta pages of the LMDB that lmdb-js 3.5 carries; version 0.9.90 with a transaction number in each page's head. */
const meta = {
  at: [0, 4_096],
  bytes: 168,
  magicAt: 24,
  magic: 0xbeefc0de,
  pageSizeAt: 48,
  lastPageAt: 144,
  transactionAt: 152,
};

/**
 * What is wrong with an environment's file, as far as its first pages tell; undefined where nothing is, or no file. LMDB
 * maps the file and believes it: opening a damaged one, or reading one cut short, ends the process with a signal, which no
 * `catch` sees (seen with 3.5.6: SIGSEGV on a foreign file, SIGBUS on a cut one).
 */
export function damageOf(folder: string): 'foreign' | 'cut short' | undefined {
  const path = join(folder, dataFile);
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size === 0) return undefined;
  const metas = readMetas(path);
  if (metas.some((page) => page.readUInt32LE(meta.magicAt) !== meta.magic)) return 'foreign';
  const [newest] = metas.sort((a, b) =>
    Number(b.readBigUInt64LE(meta.transactionAt) - a.readBigUInt64LE(meta.transactionAt)),
  );
  if (newest === undefined) return undefined;
  const pages = Number(newest.readBigUInt64LE(meta.lastPageAt)) + 1;
  return pages * newest.readUInt32LE(meta.pageSizeAt) > size ? 'cut short' : undefined;
}

function readMetas(path: string): Buffer[] {
  const file = openSync(path, 'r');
  const pages = meta.at.map((at) => {
    const page = Buffer.alloc(meta.bytes);
    readSync(file, page, 0, meta.bytes, at);
    return page;
  });
  closeSync(file);
  return pages;
}
