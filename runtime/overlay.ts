/**
 * A partition's state as its turns see it: rows written and not yet in the local store, over the store. Rows go through three
 * stages: open (written by turns of the record that is still gathering), committed (their record is durable; waiting for the
 * write-behind), stored. A turn that throws is rolled back by an undo log.
 */
import type { Address, RangeOptions } from './actor.ts';
import type { Codec, PartitionId, Store } from './ports.ts';
import { roughBytes } from './size.ts';

/** One version of one row. A later record's write makes a new version; a later turn of the same record changes it in place. */
export interface Row {
  readonly key: string;
  readonly rowKey: string;
  readonly table: Map<string, Row>;
  /** undefined: deleted. */
  value: unknown;
  /** Packed when its record is sealed; null: deleted. */
  bytes: Uint8Array | null | undefined;
  /** False while `value` is still to be unpacked from `bytes` (a replayed row). */
  known: boolean;
  open: boolean;
}

/** Rows on their way to the store. */
export interface Committed {
  readonly written: ReadonlyMap<string, Row>;
  /** Of records that were read back; null: deleted. */
  readonly replayed: ReadonlyMap<string, Uint8Array | null>;
}

/** The rows of one actor that are not yet in the store, by table. */
export type ActorRows = Map<string, Map<string, Row>>;

interface Undo {
  readonly row: Row;
  readonly before: Row | undefined;
  readonly value: unknown;
}

/** What the store takes: a row that it refused would hold up the rows of all partitions. */
const key_chars_max = 1_000;
const keyShape = /^[\x20-\x7e]*$/;
const tableShape = /^[\x21-\x7e]+$/;
/** Actor, table, key. */
const rowShape = /^[\x21-\x7e]* [\x21-\x7e]+ [\x20-\x7e]*$/;

/** Sorts after every row of a table: `!` follows the blank that ends the table's prefix. */
const afterTable = '!';

export class Overlay {
  readonly #partition: PartitionId;
  readonly #store: Store;
  readonly #codec: Codec;
  readonly #actors = new Map<Address, ActorRows>();
  #undo: Undo[] = [];
  #openRows: Row[] = [];
  #committed = new Map<string, Row>();
  /** Committed rows of records that were read back, until the first turn looks at any: most copies are never looked at. */
  #replayed = new Map<string, Uint8Array | null>();
  #storing: Committed | undefined;
  #writtenBytes = 0;

  constructor(partition: PartitionId, store: Store, codec: Codec) {
    this.#partition = partition;
    this.#store = store;
    this.#codec = codec;
  }

  get<V>(actor: Address, table: string, rowKey: string): V | undefined {
    this.#unfold();
    const row = this.#actors.get(actor)?.get(table)?.get(rowKey);
    if (row !== undefined) return this.#valueOf(row) as V | undefined;
    const bytes = this.#store.get(this.#partition, `${actor} ${table} ${rowKey}`);
    return bytes === undefined ? undefined : (this.#codec.unpack(bytes) as V);
  }

  /** `value` undefined deletes the row. Throws TypeError on what can't be stored. */
  put(actor: Address, table: string, rowKey: string, value: unknown): void {
    if (!keyShape.test(rowKey) || actor.length + table.length + rowKey.length + 2 > key_chars_max) {
      throw new TypeError(
        `not a row's key: ${key_chars_max} characters of printable ASCII at most, with actor and table`,
      );
    }
    this.#unfold();
    this.#writtenBytes += actor.length + table.length + rowKey.length + 8 + roughBytes(value);
    const rows = this.#tableOf(actor, table);
    const before = rows.get(rowKey);
    if (before?.open) {
      this.#undo.push({ row: before, before, value: before.value });
      before.value = value;
      return;
    }
    const key = `${actor} ${table} ${rowKey}`;
    const row: Row = { key, rowKey, table: rows, value, bytes: undefined, known: true, open: true };
    this.#undo.push({ row, before, value: undefined });
    rows.set(rowKey, row);
    this.#openRows.push(row);
  }

  /** Rows of one table in key order, open and committed ones over those of the store. */
  range<V>(actor: Address, table: string, options: RangeOptions): (readonly [string, V])[] {
    this.#unfold();
    const prefix = `${actor} ${table} `;
    const reverse = options.reverse === true;
    const fresh = this.#freshRows(actor, table, options);
    const stored = this.#store.range(this.#partition, {
      from: prefix + (options.from ?? ''),
      to: options.to === undefined ? `${actor} ${table}${afterTable}` : prefix + options.to,
      reverse,
    });
    return this.#merge<V>(fresh, stored, prefix.length, reverse, options.limit ?? Number.POSITIVE_INFINITY);
  }

  /** Actors with rows that the store may not have yet. */
  *freshActors(): Iterable<Address> {
    this.#unfold();
    for (const [actor, tables] of this.#actors) {
      if ([...tables.values()].some((rows) => this.#hasSome(rows))) yield actor;
    }
  }

  /** Tables of an actor with rows that the store may not have yet. */
  freshTables(actor: Address): string[] {
    this.#unfold();
    return [...(this.#actors.get(actor) ?? [])].flatMap(([name, rows]) => (this.#hasSome(rows) ? [name] : []));
  }

  #hasSome(rows: ReadonlyMap<string, Row>): boolean {
    for (const row of rows.values()) if (this.#valueOf(row) !== undefined) return true;
    return false;
  }

  // ---------------------------------------------------------------- turns

  /** How often rows were written since the last call of `keep` or `rollBack`. */
  get writes(): number {
    return this.#undo.length;
  }

  /** Keeps what was written since the last call of this or `rollBack`. */
  keep(): void {
    if (this.#undo.length > 0) this.#undo = [];
  }

  /** Takes back what was written since the last call of this or `keep`. */
  rollBack(): void {
    for (let i = this.#undo.length - 1; i >= 0; i--) {
      const undo = this.#undo[i];
      if (undo === undefined) continue;
      if (undo.before === undo.row) {
        undo.row.value = undo.value;
        continue;
      }
      if (undo.before === undefined) undo.row.table.delete(undo.row.rowKey);
      else undo.row.table.set(undo.row.rowKey, undo.before);
      this.#openRows.pop();
    }
    this.#undo = [];
  }

  // ---------------------------------------------------------------- records

  /** About how much was written since the last call. */
  takeWrittenBytes(): number {
    const bytes = this.#writtenBytes;
    this.#writtenBytes = 0;
    return bytes;
  }

  get openRows(): number {
    return this.#openRows.length;
  }

  /** Ends the open record's writes: packs each row once, however often it was written. */
  seal(): Row[] {
    const rows = this.#openRows;
    this.#openRows = [];
    for (const row of rows) {
      row.bytes = row.value === undefined ? null : this.#codec.pack(row.value);
      row.open = false;
    }
    return rows;
  }

  /** The record of these sealed rows is durable: they may go to the store. */
  commit(rows: readonly Row[]): void {
    for (const row of rows) this.#committed.set(row.key, row);
  }

  /** Rows of a record read back from the journal; before the first turn. Throws TypeError on what turns could not have written. */
  replay(flat: readonly (string | Uint8Array | null)[]): void {
    for (let i = 0; i + 1 < flat.length; i += 2) {
      const key = flat[i] as string;
      if (key.length > key_chars_max || !rowShape.test(key))
        throw new TypeError(`not a row's key: ${JSON.stringify(key)}`);
      this.#replayed.set(key, flat[i + 1] as Uint8Array | null);
    }
  }

  // ---------------------------------------------------------------- write-behind

  /** Rows that are durable and not yet in the store. */
  get committedRows(): number {
    const storing = this.#storing;
    const onTheirWay = storing === undefined ? 0 : storing.written.size + storing.replayed.size;
    return this.#committed.size + this.#replayed.size + onTheirWay;
  }

  /** Actors with rows that are not only in the store; for figures. */
  get actorsInMemory(): number {
    return this.#actors.size;
  }

  /** Rows as of the last committed record that the store may not have yet, those with `from <= key < to`, in no order; null: deleted. */
  committedBetween(from: string, to: string): Map<string, Uint8Array | null> {
    const found = new Map<string, Uint8Array | null>();
    const storing = this.#storing;
    const isWithin = (key: string): boolean => key >= from && key < to;
    // Newer ones come later.
    for (const rows of [storing?.replayed, this.#replayed])
      for (const [key, bytes] of rows ?? []) if (isWithin(key)) found.set(key, bytes);
    for (const rows of [storing?.written, this.#committed])
      for (const [key, { bytes }] of rows ?? []) if (isWithin(key)) found.set(key, bytes ?? null);
    return found;
  }

  /** Hands over the committed rows; then call `stored` or `putBack`. */
  takeCommitted(): Committed {
    const committed = { written: this.#committed, replayed: this.#replayed };
    this.#storing = committed;
    this.#committed = new Map();
    this.#replayed = new Map();
    return committed;
  }

  /** The store failed to take what was handed over: committed rows again, unless written anew meanwhile. */
  putBack(): void {
    const storing = this.#storing;
    if (storing === undefined) return;
    this.#storing = undefined;
    for (const [key, row] of storing.written) if (!this.#committed.has(key)) this.#committed.set(key, row);
    for (const [key, bytes] of storing.replayed) if (!this.#replayed.has(key)) this.#replayed.set(key, bytes);
  }

  /** The store has what was handed over: rows not written again since are read from there from now on. */
  stored(): void {
    const storing = this.#storing;
    if (storing === undefined) return;
    this.#storing = undefined;
    for (const row of storing.written.values()) {
      if (row.table.get(row.rowKey) !== row) continue;
      row.table.delete(row.rowKey);
      // Its actor may be asleep, and a partition has more actors than memory.
      if (row.table.size === 0) this.release(row.key.slice(0, row.key.indexOf(' ')));
    }
  }

  /** Forgets the empty tables of an actor. */
  release(actor: Address): void {
    const tables = this.#actors.get(actor);
    if (tables === undefined) return;
    for (const [name, rows] of tables) if (rows.size === 0) tables.delete(name);
    if (tables.size === 0) this.#actors.delete(actor);
  }

  /** A turn looks: what was read back becomes rows like those that turns write. */
  #unfold(): void {
    const storing = this.#storing?.replayed;
    if (this.#replayed.size === 0 && (storing === undefined || storing.size === 0)) return;
    // What is on its way is not to be read from the store yet; it goes there once more.
    for (const [key, bytes] of [...(storing ?? []), ...this.#replayed]) {
      const [actor = '', table = '', ...rest] = key.split(' ');
      const rowKey = rest.join(' ');
      const rows = this.#tableOf(actor, table);
      const row: Row = { key, rowKey, table: rows, value: undefined, bytes, known: bytes === null, open: false };
      rows.set(rowKey, row);
      this.#committed.set(key, row);
    }
    this.#replayed = new Map();
    if (this.#storing !== undefined) this.#storing = { ...this.#storing, replayed: new Map() };
  }

  #valueOf(row: Row): unknown {
    if (!row.known) {
      row.value = row.bytes ? this.#codec.unpack(row.bytes) : undefined;
      row.known = true;
    }
    return row.value;
  }

  #tableOf(actor: Address, table: string): Map<string, Row> {
    let tables = this.#actors.get(actor);
    if (tables === undefined) {
      tables = new Map();
      this.#actors.set(actor, tables);
    }
    let rows = tables.get(table);
    if (rows === undefined) {
      if (!tableShape.test(table)) throw new TypeError(`not a table's name: ${JSON.stringify(table)}`);
      rows = new Map();
      tables.set(table, rows);
    }
    return rows;
  }

  #freshRows(actor: Address, table: string, { from, to, reverse }: RangeOptions): Row[] {
    const rows = this.#actors.get(actor)?.get(table);
    if (rows === undefined || rows.size === 0) return [];
    const within: Row[] = [];
    for (const row of rows.values()) {
      if ((from === undefined || row.rowKey >= from) && (to === undefined || row.rowKey < to)) within.push(row);
    }
    const sign = reverse ? -1 : 1;
    return within.sort((a, b) => (a.rowKey < b.rowKey ? -sign : sign));
  }

  #merge<V>(
    fresh: readonly Row[],
    stored: Iterable<readonly [string, Uint8Array]>,
    prefixLength: number,
    reverse: boolean,
    limit: number,
  ): (readonly [string, V])[] {
    const merged: (readonly [string, V])[] = [];
    let next = 0;
    const takeFresh = (row: Row): void => {
      const value = this.#valueOf(row);
      if (value !== undefined) merged.push([row.rowKey, value as V]);
      next++;
    };
    if (limit <= 0) return merged;
    for (const [key, bytes] of stored) {
      const rowKey = key.slice(prefixLength);
      let row = fresh[next];
      while (row !== undefined && merged.length < limit && (reverse ? row.rowKey > rowKey : row.rowKey < rowKey)) {
        takeFresh(row);
        row = fresh[next];
      }
      if (merged.length >= limit) return merged;
      if (row?.rowKey === rowKey) takeFresh(row);
      else merged.push([rowKey, this.#codec.unpack(bytes) as V]);
      if (merged.length >= limit) return merged;
    }
    for (let row = fresh[next]; row !== undefined && merged.length < limit; row = fresh[next]) takeFresh(row);
    return merged;
  }
}
