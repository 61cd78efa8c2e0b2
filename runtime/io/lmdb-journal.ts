/**
 * The journal of a node that is alone: an LMDB environment in which every append is one transaction, on disk before it is
 * answered. The register of ownership lives beside it, so that the node's epochs survive it.
 *
 * Keys: partition (2 bytes), sequence (6 bytes), both big-endian. Values: length of the id (1 byte), id, record. Sequences
 * count all appends of the folder, as those of a stream do.
 */
import type {
  Append,
  AppendOutcome,
  FollowedEntry,
  Following,
  Journal,
  JournalEntry,
  Ownership,
  OwnershipRegister,
  PartitionId,
} from '../ports.ts';
import { lockFolder, makeFolder, syncFolder } from './folder.ts';
import { commit, damageOf, openEnvironment, type Root } from './lmdb.ts';
import { ownershipOf, type PlainOwnership, plainOwnership } from './ownership-json.ts';

const limits = {
  read_entries_max: 256,
  read_bytes_max: 4 * 1024 * 1024,
  /** Of one transaction: appends wait behind it, and LMDB keeps a list of the pages that it frees. */
  truncate_entries_max: 256,
};
/** Beyond every partition; also ends the entries' range. */
const registerKey = Buffer.from([0xff, 0xff]);
const seq_max = 2 ** 48 - 1;

export interface LmdbJournal {
  readonly journal: Journal;
  readonly ownership: OwnershipRegister;
  /** Of both. */
  close(): Promise<void>;
}

/**
 * Opens the journal in a folder, which is made if need be and used by one process at a time.
 * @throws FolderInUse
 */
export async function openLmdbJournal(folder: string): Promise<LmdbJournal> {
  await makeFolder(folder);
  const unlock = await lockFolder(folder);
  try {
    if (damageOf(folder) === 'foreign') throw new Error(`the journal in ${folder} is damaged: restore it from a copy`);
    // Without overlapping, a transaction is answered when LMDB has synced its pages and then its root (seen with strace:
    // fdatasync, then a write through O_DSYNC), which also is LMDB's own, oldest way to survive a loss of power.
    const root = openEnvironment<Uint8Array>(folder, { keyEncoding: 'binary', overlappingSync: false });
    syncFolder(folder);
    let closing: Promise<void> | undefined;
    const closeRoot = () => {
      closing ??= root.close().then(unlock);
      return closing;
    };
    const journal = new EmbeddedJournal(root, closeRoot);
    const close = () => journal.close();
    return { journal, ownership: new EmbeddedRegister(root, close), close };
  } catch (error) {
    await unlock();
    throw error;
  }
}

/** The end of a partition's log. */
interface Tail {
  seq: number;
  id: string;
  /** An append is on its way to the disk. */
  inFlight: boolean;
}

class EmbeddedJournal implements Journal {
  readonly #root: Root<Uint8Array>;
  readonly #tails: Map<PartitionId, Tail>;
  readonly #followings = new Set<EmbeddedFollowing>();
  readonly #close: () => Promise<void>;
  #seq: number;
  #closed = false;

  constructor(root: Root<Uint8Array>, close: () => Promise<void>) {
    this.#root = root;
    this.#close = close;
    this.#tails = readTails(root);
    this.#seq = Math.max(0, ...[...this.#tails.values()].map((tail) => tail.seq));
  }

  async append(batch: readonly Append[]): Promise<AppendOutcome> {
    if (this.#closed) return { kind: 'busy', reason: 'the journal is closed' };
    const tails = batch.map(({ partition }) => this.#tail(partition));
    if (tails.some((tail) => tail.inFlight))
      return { kind: 'busy', reason: 'another append of the partition is in flight' };
    if (batch.some((append, i) => append.id === tails[i]?.id)) return { kind: 'duplicate' };
    if (batch.some((append, i) => append.expectedSeq !== tails[i]?.seq)) return { kind: 'mismatch' };
    const seqs = batch.map(() => ++this.#seq);
    for (const tail of tails) tail.inFlight = true;
    try {
      await commit(this.#root, () => {
        for (const [i, { partition, id, bytes }] of batch.entries()) {
          void this.#root.put(keyOf(partition, seqs[i] as number), packed(id, bytes));
        }
      });
    } catch (error) {
      // After a failed sync nobody knows what the disk has; what the file shows is what a restart would show.
      for (const { partition } of batch) this.#tails.set(partition, tailOf(this.#root, partition));
      this.#tell(batch);
      return { kind: 'unknown', reason: (error as Error).message };
    }
    for (const [i, tail] of tails.entries()) {
      tail.seq = seqs[i] as number;
      tail.id = (batch[i] as Append).id;
      tail.inFlight = false;
    }
    this.#tell(batch);
    return { kind: 'appended', seqs };
  }

  #tell(batch: readonly Append[]): void {
    for (const following of this.#followings) following.grown(batch);
  }

  async last(partition: PartitionId): Promise<JournalEntry | undefined> {
    this.#mustBeOpen();
    return lastOf(this.#root, partition)?.entry;
  }

  async *read(partition: PartitionId, fromSeq: number, toSeq: number): AsyncIterable<JournalEntry> {
    const end = keyOf(partition, Math.min(toSeq, seq_max - 1) + 1);
    let from = Math.max(fromSeq, 0);
    for (;;) {
      this.#mustBeOpen();
      const part = readPart(this.#root, keyOf(partition, from), end);
      yield* part.entries;
      const last = part.entries.at(-1);
      if (part.complete || last === undefined) return;
      from = last.seq + 1;
    }
  }

  follow(after: ReadonlyMap<PartitionId, number>): Following {
    const following = new EmbeddedFollowing(this.#root, after, () => this.#followings.delete(following));
    if (this.#closed) following.interrupt('the journal is closed');
    else this.#followings.add(following);
    return following;
  }

  async truncate(beforeSeq: number): Promise<void> {
    this.#mustBeOpen();
    for (const partition of [...this.#tails.keys()]) {
      let more = true;
      while (more) {
        this.#mustBeOpen();
        // What is last now; an append on its way to the disk only comes after it.
        const endSeq = Math.min(beforeSeq, lastOf(this.#root, partition)?.entry.seq ?? 0);
        more = await dropPart(this.#root, keyOf(partition, 0), keyOf(partition, Math.max(endSeq, 0)));
      }
    }
  }

  close(): Promise<void> {
    this.#closed = true;
    for (const following of this.#followings) following.interrupt('the journal is closed');
    return this.#close();
  }

  #tail(partition: PartitionId): Tail {
    const known = this.#tails.get(partition);
    if (known !== undefined) return known;
    const tail: Tail = { seq: 0, id: '', inFlight: false };
    this.#tails.set(partition, tail);
    return tail;
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new Error('the journal is closed');
  }
}

/** What has grown is read when it is asked for, so nothing waits in memory. */
class EmbeddedFollowing implements Following {
  readonly #root: Root<Uint8Array>;
  /** The last sequence that was handed over, or not wanted. */
  readonly #seen: Map<PartitionId, number>;
  readonly #ended: () => void;
  /** Partitions that may have more. */
  readonly #grown: Set<PartitionId>;
  #interruption: Error | undefined;
  /** Of the call of `next` that waits. */
  #wake: (() => void) | undefined;

  constructor(root: Root<Uint8Array>, after: ReadonlyMap<PartitionId, number>, ended: () => void) {
    this.#root = root;
    this.#seen = new Map(after);
    this.#grown = new Set(after.keys());
    this.#ended = ended;
  }

  async next(): Promise<readonly FollowedEntry[]> {
    if (this.#wake !== undefined) throw new Error('one call of next at a time');
    for (;;) {
      if (this.#interruption !== undefined) throw this.#interruption;
      const entries = this.#take();
      if (entries.length > 0) return entries;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }

  #take(): FollowedEntry[] {
    const taken: FollowedEntry[] = [];
    let bytes = 0;
    for (const partition of this.#grown) {
      if (taken.length >= limits.read_entries_max || bytes > limits.read_bytes_max) break;
      this.#grown.delete(partition);
      const seenSeq = this.#seen.get(partition) ?? 0;
      const from = keyOf(partition, Math.min(seenSeq + 1, seq_max));
      const { entries, complete } = readPart(this.#root, from, keyOf(partition, seq_max));
      // Behind the others, for its next turn.
      if (!complete) this.#grown.add(partition);
      this.#seen.set(partition, entries.at(-1)?.seq ?? seenSeq);
      for (const entry of entries) {
        taken.push({ ...entry, partition });
        bytes += entry.bytes.length;
      }
    }
    return taken;
  }

  stop(): void {
    this.interrupt('stopped');
  }

  /** For the journal's use: more of these is durable. */
  grown(batch: readonly Append[]): void {
    for (const { partition } of batch) if (this.#seen.has(partition)) this.#grown.add(partition);
    if (this.#grown.size > 0) this.#wake?.();
  }

  /** For the journal's use: `next` rejects from now on. */
  interrupt(why: string): void {
    this.#interruption ??= new Error(`following was interrupted: ${why}`);
    this.#ended();
    this.#wake?.();
  }
}

/** One read transaction's worth: an iterator held while the caller works would keep LMDB from reusing pages. */
function readPart(root: Root<Uint8Array>, start: Buffer, end: Buffer): { entries: JournalEntry[]; complete: boolean } {
  const entries: JournalEntry[] = [];
  let bytes = 0;
  for (const { key, value } of root.getRange({ start, end })) {
    if (entries.length === limits.read_entries_max || bytes > limits.read_bytes_max)
      return { entries, complete: false };
    bytes += value.length;
    entries.push({ seq: seqOf(key), bytes: recordOf(value) });
  }
  return { entries, complete: true };
}

/** One transaction's worth of the entries from `start` to before `end`; whether there are more. */
async function dropPart(root: Root<Uint8Array>, start: Buffer, end: Buffer): Promise<boolean> {
  const limit = limits.truncate_entries_max;
  const keys = [...root.getKeys({ start, end, limit })];
  if (keys.length > 0) {
    await commit(root, () => {
      for (const key of keys) void root.remove(key);
    });
  }
  return keys.length === limit;
}

function lastOf(root: Root<Uint8Array>, partition: PartitionId): { entry: JournalEntry; id: string } | undefined {
  const range = { start: keyOf(partition, seq_max), end: keyOf(partition, 0), reverse: true, limit: 1 };
  for (const { key, value } of root.getRange(range)) {
    return {
      entry: { seq: seqOf(key), bytes: recordOf(value) },
      id: Buffer.from(value.subarray(1, 1 + idLength(value))).toString('latin1'),
    };
  }
  return undefined;
}

function tailOf(root: Root<Uint8Array>, partition: PartitionId): Tail {
  const last = lastOf(root, partition);
  return { seq: last?.entry.seq ?? 0, id: last?.id ?? '', inFlight: false };
}

/** Steps from partition to partition by their last entries, not through the log. */
function readTails(root: Root<Uint8Array>): Map<PartitionId, Tail> {
  const tails = new Map<PartitionId, Tail>();
  let before: Uint8Array = registerKey;
  for (;;) {
    const [key] = root.getKeys({ start: before, end: Buffer.from([0]), reverse: true, exclusiveStart: true, limit: 1 });
    if (key === undefined) return tails;
    const partition = view(key).getUint16(0);
    tails.set(partition, tailOf(root, partition));
    before = keyOf(partition, 0);
  }
}

function keyOf(partition: PartitionId, seq: number): Buffer {
  const key = Buffer.allocUnsafe(8);
  key.writeUInt16BE(partition, 0);
  key.writeUIntBE(seq, 2, 6);
  return key;
}

function seqOf(key: Uint8Array): number {
  const bytes = view(key);
  return bytes.getUint16(2) * 2 ** 32 + bytes.getUint32(4);
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function packed(id: string, bytes: Uint8Array): Buffer {
  if (id.length === 0 || id.length > 255)
    throw new RangeError(`an append's id has 1 to 255 characters, not ${id.length}`);
  const value = Buffer.allocUnsafe(1 + id.length + bytes.length);
  value[0] = id.length;
  value.write(id, 1, 'latin1');
  value.set(bytes, 1 + id.length);
  return value;
}

function idLength(value: Uint8Array): number {
  return value[0] ?? 0;
}

function recordOf(value: Uint8Array): Uint8Array {
  return value.subarray(1 + idLength(value));
}

class EmbeddedRegister implements OwnershipRegister {
  readonly #root: Root<Uint8Array>;
  readonly #close: () => Promise<void>;
  /** Writes take turns. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(root: Root<Uint8Array>, close: () => Promise<void>) {
    this.#root = root;
    this.#close = close;
  }

  async read(): Promise<{ version: number; value: Ownership | undefined }> {
    const bytes = this.#root.get(registerKey);
    if (bytes === undefined) return { version: 0, value: undefined };
    const stored = JSON.parse(Buffer.from(bytes).toString()) as StoredOwnership;
    return { version: stored.version, value: ownershipOf(stored) };
  }

  write(version: number, value: Ownership): Promise<number | undefined> {
    const written = this.#turn.then(() => this.#compareAndSet(version, value));
    this.#turn = written.catch(() => {});
    return written;
  }

  async #compareAndSet(version: number, value: Ownership): Promise<number | undefined> {
    if ((await this.read()).version !== version) return undefined;
    const stored: StoredOwnership = { version: version + 1, ...plainOwnership(value) };
    await commit(this.#root, () => void this.#root.put(registerKey, Buffer.from(JSON.stringify(stored))));
    return version + 1;
  }

  close(): Promise<void> {
    return this.#close();
  }
}

interface StoredOwnership extends PlainOwnership {
  readonly version: number;
}
