import type { Codec, JournalEntry, PartitionId } from './ports.ts';
import type { Replica } from './replica.ts';
import { headOf, Place } from './standing.ts';

/** Numbers of records whose chain is remembered: what an owner says of itself is a heartbeat old, or ahead. */
const remembered_max = 1_024;
/** Of entries that are applied at once: some milliseconds. */
const slice_bytes = 128 * 1024;
/** Its multiples are spread evenly over the unit interval, however many there are. */
const golden_ratio = 0.618;

/**
 * One standby's copy, and how it compares with its owner. Of an entry that comes only the head is read, and whether it continues the ones before;
 * it is applied later, with those that came meanwhile: most rows are written many times, and what is unpacked is garbage at once.
 */
export class StandbyCopy {
  readonly replica: Replica;
  /** Number of the record after which its owner hands it over; 0 while nothing is known of that. */
  endsWith = 0;
  /** It has not got on for so long that it is not to be promoted. */
  stalled = false;
  readonly #codec: Codec;
  /** As far as entries have come, applied or not. */
  #place: Place;
  #gathered: JournalEntry[] = [];
  #gatheredBytes = 0;
  /** The lap of its clock for which all was applied. */
  #lap = 0;
  readonly #chains = new Map<number, number>();
  /** What an owner has said of itself that is yet to be reached here. */
  #ahead: { readonly number: number; readonly chain: number; readonly sinceMs: number } | undefined;

  constructor(replica: Replica, codec: Codec) {
    this.replica = replica;
    this.#codec = codec;
    this.#place = this.#placeOfReplica();
    this.#note();
  }

  get id(): PartitionId {
    return this.replica.id;
  }

  get number(): number {
    return this.#place.number;
  }

  get chain(): number {
    return this.#place.chain;
  }

  get seenSeq(): number {
    return this.#place.seenSeq;
  }

  /** Bytes of entries that are yet to be applied. */
  get gatheredBytes(): number {
    return this.#gatheredBytes;
  }

  /**
   * To be asked in a steady rhythm: true when a slice is to be applied, and stored; once in `everyMs`, each copy of a node at another time.
   */
  ripe(nowMs: number, everyMs: number): boolean {
    const lap = Math.floor(nowMs / everyMs + this.id * golden_ratio);
    if (lap === this.#lap) return false;
    // What is more than a slice is due when this is asked next.
    if (this.#gatheredBytes <= slice_bytes) this.#lap = lap;
    return true;
  }

  /** Takes the next entry, unless it was seen before. Throws `ChainBroken`, or `CorruptRecord`. */
  take(entry: JournalEntry): void {
    if (entry.seq <= this.seenSeq) return;
    this.#place.follow(headOf(entry, this.#codec), entry);
    this.#gathered.push(entry);
    this.#gatheredBytes += entry.bytes.byteLength;
    this.#note();
  }

  /** Applies what has gathered. Throws as `Replica.take` does. */
  apply(): void {
    this.#apply(Number.POSITIVE_INFINITY);
  }

  /** As `apply`, of some milliseconds. */
  applySlice(): void {
    this.#apply(slice_bytes);
  }

  /** Reads and applies what the journal has up to `toSeq`. Rejects as `Replica.catchUp` does. */
  async catchUp(toSeq: number): Promise<void> {
    this.apply();
    await this.replica.catchUp(toSeq);
    this.#place = this.#placeOfReplica();
    this.#note();
  }

  #apply(bytesMax: number): void {
    let bytes = 0;
    let count = 0;
    for (const entry of this.#gathered) {
      if (bytes >= bytesMax) break;
      this.replica.take(entry);
      bytes += entry.bytes.byteLength;
      count++;
    }
    this.#gathered = this.#gathered.slice(count);
    this.#gatheredBytes -= bytes;
  }

  #placeOfReplica(): Place {
    const { position } = this.replica.partition.standing;
    return new Place(this.id, position, position.seenSeq);
  }

  /** Remembers where the copy stands now. */
  #note(): void {
    this.#chains.set(this.number, this.chain);
    if (this.#chains.size <= remembered_max) return;
    const [oldest] = this.#chains.keys();
    if (oldest !== undefined) this.#chains.delete(oldest);
  }

  /**
   * What the owner says of itself. `other`: it has applied other records. `stalls`, said every `stallMs` from then on: this has not reached for so
   * long what that had.
   */
  compare(number: number, chain: number, nowMs: number, stallMs: number): 'fits' | 'other' | 'stalls' {
    const mine = this.#chains.get(number);
    if (mine !== undefined && mine !== chain) return 'other';
    const ahead = this.#ahead;
    if (ahead === undefined || ahead.number <= this.number) {
      this.stalled = false;
      this.#ahead = number > this.number ? { number, chain, sinceMs: nowMs } : undefined;
      const reached = ahead && this.#chains.get(ahead.number);
      return reached === undefined || reached === ahead?.chain ? 'fits' : 'other';
    }
    if (nowMs - ahead.sinceMs < stallMs) return 'fits';
    this.stalled = true;
    this.#ahead = { ...ahead, sinceMs: nowMs };
    return 'stalls';
  }
}
