/** The simulated local store: a disk that outlives its process, and the store that a process opens on it. */
import { type PartitionId, type Store, StoreDamaged, type StoreRange, type StoreWrite } from '../runtime/ports.ts';
import type { SimRandom, SimTime } from './clock.ts';

/** May be changed while the world runs. */
export interface StoreFaults {
  /** A write is committed after this long. */
  commitMs: readonly [least: number, most: number];
  /** A committed write is on disk after this long. */
  flushMs: readonly [least: number, most: number];
  /** Odds that a write is not committed and rejects (a full disk). */
  refused: number;
}

const key_chars_max = 1_000;

/** Rows in the order of their keys. */
class Rows {
  readonly #keys: string[] = [];
  readonly #values = new Map<string, Uint8Array>();

  get size(): number {
    return this.#keys.length;
  }

  get(key: string): Uint8Array | undefined {
    return this.#values.get(key);
  }

  put(key: string, value: Uint8Array | undefined): void {
    const known = this.#values.has(key);
    if (value === undefined) {
      if (known) this.#keys.splice(this.place(key), 1);
      this.#values.delete(key);
      return;
    }
    if (!known) this.#keys.splice(this.place(key), 0, key);
    this.#values.set(key, value);
  }

  keys(from: string, to: string): string[] {
    return this.#keys.slice(this.place(from), this.place(to));
  }

  /** Of the first key that is not before this one. */
  place(key: string): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#keys[middle] as string) < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

type Change = { readonly drop: PartitionId } | { readonly writes: readonly StoreWrite[] };
type Image = Map<PartitionId, Rows>;

function apply(image: Image, change: Change): void {
  if ('drop' in change) {
    image.delete(change.drop);
    return;
  }
  for (const { partition, key, value } of change.writes) {
    let rows = image.get(partition);
    if (rows === undefined) {
      rows = new Rows();
      image.set(partition, rows);
    }
    rows.put(key, value);
  }
}

export class SimDisk {
  readonly faults: StoreFaults = { commitMs: [0, 1], flushMs: [1, 10], refused: 0 };
  readonly time: SimTime;
  readonly random: SimRandom;
  /** What a read sees: survives the process, not the machine. */
  committed: Image = new Map();
  /** Committed and not yet on disk, oldest first. */
  unflushed: Change[] = [];
  /** Values whose bytes are no longer those that were written. */
  readonly #damaged = new WeakSet<Uint8Array>();
  #flushed: Image = new Map();
  #store: SimStore | undefined;

  constructor(time: SimTime, random: SimRandom) {
    this.time = time;
    this.random = random.stream('store');
  }

  /** As a process does when it starts; one that has the disk open must be closed or killed first. */
  open(): SimStore {
    if (this.#store?.isOpen === true) throw new Error('the disk is in use by another running process');
    this.#store = new SimStore(this);
    return this.#store;
  }

  /** `kill -9`: what is committed stays. */
  kill(): void {
    this.#store?.crash();
  }

  /**
   * Power loss. What was not on disk is lost; the real store then throws all away (A5), which `wiped` says.
   * Without it the store comes back older than it was, as after the loss of a disk's cache.
   */
  powerLoss(wiped = true): void {
    this.kill();
    this.unflushed = [];
    if (wiped) this.#flushed = new Map();
    this.committed = copyOf(this.#flushed);
  }

  /** Bits flip in rows of a partition, wherever they are kept: of all of them, or of one key. Writing a row anew makes it good. */
  damage(partition: PartitionId, key?: string): void {
    for (const rows of [this.committed.get(partition), this.#flushed.get(partition)]) {
      if (rows === undefined) continue;
      for (const each of rows.keys('', '\uffff')) {
        if (key !== undefined && each !== key) continue;
        const broken = (rows.get(each) as Uint8Array).slice();
        this.#damaged.add(broken);
        rows.put(each, broken);
      }
    }
  }

  /** For the store's use: a row's value, as the caller's own bytes. */
  read(partition: PartitionId, key: string): Uint8Array | undefined {
    const value = this.committed.get(partition)?.get(key);
    if (value !== undefined && this.#damaged.has(value)) {
      throw new StoreDamaged(partition, `the checksum of row ${JSON.stringify(key)} does not fit`);
    }
    return value?.slice();
  }

  /** For the store's use. */
  commit(change: Change): void {
    apply(this.committed, change);
    this.unflushed.push(change);
  }

  /** For the store's use: what was committed up to now is on disk. */
  flush(): void {
    for (const change of this.unflushed.splice(0)) apply(this.#flushed, change);
  }
}

function copyOf(image: Image): Image {
  const copy: Image = new Map();
  for (const [partition, rows] of image) {
    for (const key of rows.keys('', '\uffff')) {
      apply(copy, { writes: [{ partition, key, value: rows.get(key) }] });
    }
  }
  return copy;
}

export class SimStore implements Store {
  readonly #disk: SimDisk;
  #open = true;
  /** Changes are committed in the order of their calls. */
  #last: Promise<void> = Promise.resolve();

  constructor(disk: SimDisk) {
    this.#disk = disk;
  }

  get isOpen(): boolean {
    return this.#open;
  }

  get(partition: PartitionId, key: string): Uint8Array | undefined {
    this.#mustBeOpen();
    return this.#disk.read(partition, key);
  }

  *range(partition: PartitionId, { from, to, limit, reverse }: StoreRange): Iterable<readonly [string, Uint8Array]> {
    this.#mustBeOpen();
    const rows = this.#disk.committed.get(partition);
    if (rows === undefined || from >= to) return;
    const keys = rows.keys(from, to);
    if (reverse) keys.reverse();
    // As of now, whatever is committed while the caller iterates.
    const found = keys.slice(0, limit).map((key) => [key, this.#disk.read(partition, key) as Uint8Array] as const);
    yield* found;
  }

  verify(partition: PartitionId, after: string | undefined, rowsMax: number): string | undefined {
    this.#mustBeOpen();
    const rows = this.#disk.committed.get(partition)?.keys(after ?? '', '\uffff') ?? [];
    const keys = (rows[0] === after ? rows.slice(1) : rows).slice(0, rowsMax);
    for (const key of keys) this.#disk.read(partition, key);
    return keys.at(-1);
  }

  async write(writes: readonly StoreWrite[]): Promise<void> {
    this.#mustBeOpen();
    for (const { key } of writes) {
      if (key === '' || key.length > key_chars_max) throw new RangeError(`a key has 1 to ${key_chars_max} characters`);
    }
    if (writes.length === 0) return;
    await this.#commit({ writes: writes.map(({ value, ...write }) => ({ ...write, value: value?.slice() })) });
  }

  async drop(partition: PartitionId): Promise<void> {
    this.#mustBeOpen();
    await this.#commit({ drop: partition });
  }

  #commit(change: Change): Promise<void> {
    const { time, random, faults } = this.#disk;
    const done = this.#last.then(async () => {
      await time.passed(random.between(...faults.commitMs));
      // A process that is gone neither commits nor hears of it.
      if (!this.#open) return await new Promise<never>(() => {});
      if (random.chance(faults.refused))
        throw new Error('the local database did not take a write: no space left on device');
      this.#disk.commit(change);
      void time.passed(random.between(...faults.flushMs)).then(() => this.#disk.flush());
    });
    this.#last = done.catch(() => {});
    return done;
  }

  async flushed(): Promise<void> {
    this.#mustBeOpen();
    await this.#last;
    await this.#disk.time.passed(this.#disk.random.between(...this.#disk.faults.flushMs));
    if (!this.#open) return await new Promise<never>(() => {});
    this.#disk.flush();
  }

  async close(): Promise<void> {
    if (!this.#open) return;
    await this.#last;
    this.#disk.flush();
    this.#open = false;
  }

  /** For the disk's use. */
  crash(): void {
    this.#open = false;
  }

  #mustBeOpen(): void {
    if (!this.#open) throw new Error('the store is closed');
  }
}
