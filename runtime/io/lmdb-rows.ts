/**
 * A partition's rows: one LMDB table, in which each value carries a checksum of its row. LMDB believes the file that it maps, and disks
 * and memory flip bits; what is read here is either what was written, or `StoreDamaged`.
 */
import { type PartitionId, StoreDamaged, type StoreRange } from '../ports.ts';
import { damageIn, type Table } from './lmdb.ts';
import { rowChecksum } from './row-checksum.ts';

const checksum_bytes = 4;
/** After every key. */
const key_end = '\x7f';

type Row = readonly [key: string, value: Uint8Array];
type Cursor = Iterator<{ readonly key: string; readonly value: Uint8Array }>;

/** In the file: the value, then its row's checksum, little-endian. */
class SealedValue {
  /** Of the value that was decoded last; undefined when it was too short for one. */
  checksum: number | undefined;

  readonly encode = (sealed: Uint8Array): Uint8Array => sealed;

  /** lmdb-js hands over its own buffer; the copy comes from Node's pool (0.4 µs, where an allocation takes 1.4). */
  decode(buffer: Uint8Array, length: number = buffer.length): Uint8Array {
    const end = length - checksum_bytes;
    if (end < 0) {
      this.checksum = undefined;
      return Buffer.alloc(0);
    }
    const low = (buffer[end] as number) | ((buffer[end + 1] as number) << 8) | ((buffer[end + 2] as number) << 16);
    this.checksum = (low | ((buffer[end + 3] as number) << 24)) >>> 0;
    const value = Buffer.allocUnsafe(end);
    value.set(buffer.subarray(0, end));
    return value;
  }
}

/** The encoder of every table of rows; what it decodes is checked before the next is decoded. */
export const sealedValue = new SealedValue();

export class Rows {
  readonly #partition: PartitionId;
  readonly #table: Table<string>;
  readonly #found: () => void;
  /** Of a table that an earlier process left, all has been read since and was sound: what is not found is not there. */
  #proven: boolean;
  /** As far as `verify` has come without a gap. */
  #provenTo: string | undefined;

  /** `fresh`: the file was begun by this process. `found` is called whenever damage is. */
  constructor(partition: PartitionId, table: Table<string>, fresh: boolean, found: () => void) {
    this.#partition = partition;
    this.#table = table;
    this.#proven = fresh;
    this.#found = found;
  }

  /** In the transaction of the caller, whose promise is this one's. */
  put(key: string, value: Uint8Array): void {
    const { length } = value;
    const sealed = Buffer.allocUnsafe(length + checksum_bytes);
    sealed.set(value);
    sealed.writeUInt32LE(rowChecksum(this.#partition, key, value), length);
    void this.#table.put(key, sealed);
  }

  /** As `put`. */
  remove(key: string): void {
    void this.#table.remove(key);
  }

  /** As `put`; call `cleared` once it is committed. */
  clear(): void {
    void this.#table.clearAsync();
  }

  /** All that the table will hold is of this process. */
  cleared(): void {
    this.#proven = true;
  }

  /** Throws StoreDamaged. */
  get(key: string): Uint8Array | undefined {
    try {
      const value = this.#table.get(key);
      if (value !== undefined) this.#check(key, value);
      else if (!this.#proven) this.#checkAbsent(key);
      return value;
    } catch (error) {
      throw this.#named(error);
    }
  }

  /** Throws StoreDamaged. */
  *range({ from, to, limit = Number.POSITIVE_INFINITY, reverse = false }: StoreRange): Generator<Row> {
    if (from >= to || limit <= 0) return;
    let left = limit;
    for (const row of this.#walk(reverse ? to : from, reverse, this.#proven)) {
      // The row that ends the range is checked too: a damaged key must not end it early.
      if (reverse ? row[0] < from : row[0] >= to) return;
      yield row;
      left--;
      if (left === 0) return;
    }
  }

  /** See `Store.verify`. */
  verify(after: string | undefined, rowsMax: number): string | undefined {
    const unbroken = after === undefined || after === this.#provenTo;
    let last = after;
    let left = rowsMax;
    for (const [key] of this.#walk(after ?? '', false, false)) {
      if (key === after) continue;
      if (left === 0) {
        this.#provenTo = unbroken ? last : undefined;
        return last;
      }
      left--;
      last = key;
    }
    this.#proven ||= unbroken;
    return undefined;
  }

  /**
   * A search goes astray where it meets a damaged key, and then ends beside that one, or among rows that don't enclose what it looked
   * for. So a row is not there when its neighbours are sound and each on its side. Without this, the row of a key with a flipped bit
   * would read as never written; with it a miss takes 7 µs, not 1, so it is done until the table is proven.
   */
  #checkAbsent(key: string): void {
    const before = this.#nearest(key, true)?.[0];
    const after = this.#nearest(key, false)?.[0];
    if (before === key || after === key) throw this.#damaged('a search misses a row');
    if (after === undefined) this.#checkEnd(before, false);
    if (before === undefined) this.#checkEnd(after, true);
  }

  /** A walk ended with this row, or met none. lmdb-js also ends it, in silence, at a key that has lost its length. */
  #checkEnd(last: string | undefined, reverse: boolean): void {
    const outermost = this.#nearest(reverse ? '' : key_end, !reverse)?.[0];
    if (outermost === undefined || outermost === last) return;
    // The caller may have let rows be written, or removed, since the walk began.
    const changed =
      last !== undefined && (outermost < last !== reverse || this.#nearest(last, reverse, true) !== undefined);
    if (!changed) throw this.#damaged('rows are missing');
  }

  /** All rows from `start` on: ascending and `start` included, or descending and excluded. */
  *#walk(start: string, reverse: boolean, proven: boolean): Generator<Row> {
    let last = proven ? undefined : this.#nearest(start, !reverse)?.[0];
    const cursor = this.#open(start, reverse, reverse);
    try {
      let row = this.#next(cursor, start, reverse, reverse);
      if (!reverse && last === start && row?.[0] !== start) throw this.#damaged('a search misses a row');
      while (row !== undefined) {
        last = row[0];
        yield row;
        row = this.#next(cursor, last, reverse, true);
      }
      if (!proven) this.#checkEnd(last, reverse);
    } finally {
      cursor.return?.();
    }
  }

  /** The first row at `start`, unless it is to lie beyond, or on the one side of it or the other. */
  #nearest(start: string, reverse: boolean, beyond = false): Row | undefined {
    // Before the first key there is nothing, but LMDB takes it for no bound.
    if (reverse && start === '') return undefined;
    const cursor = this.#open(start, reverse, beyond);
    try {
      return this.#next(cursor, start, reverse, beyond);
    } finally {
      cursor.return?.();
    }
  }

  #open(start: string, reverse: boolean, beyond: boolean): Cursor {
    return this.#table.getRange({ start, end: '', reverse, exclusiveStart: beyond })[Symbol.iterator]();
  }

  /** The next row, which must be at or, as the case may be, beyond `bound`. */
  #next(cursor: Cursor, bound: string, reverse: boolean, beyond: boolean): Row | undefined {
    try {
      const { done, value: row } = cursor.next();
      if (done === true) return undefined;
      this.#check(row.key, row.value);
      const inOrder = row.key === bound ? !beyond : row.key < bound === reverse;
      if (!inOrder) throw this.#damaged('a row is out of order');
      return [row.key, row.value];
    } catch (error) {
      throw this.#named(error);
    }
  }

  #check(key: string, value: Uint8Array): void {
    if (sealedValue.checksum !== rowChecksum(this.#partition, key, value))
      throw this.#damaged('the checksum of a row does not fit');
  }

  /** What LMDB says of a damaged page, in our words. */
  #named(error: unknown): unknown {
    const damage = error instanceof StoreDamaged ? undefined : damageIn(error);
    if (damage === undefined) return error;
    // Its read transaction takes no more questions, of other tables neither.
    this.#table.resetReadTxn();
    return this.#damaged(damage);
  }

  #damaged(what: string): StoreDamaged {
    this.#proven = false;
    this.#provenTo = undefined;
    this.#found();
    return new StoreDamaged(this.#partition, what);
  }
}
