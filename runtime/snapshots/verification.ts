/**
 * A partition's journal, replayed against what its owner holds. The snapshot and the records after it are read anew, with all their checksums, up to
 * the record at which the owner stood when this began; the rows so made are compared, in the order of their keys, with the owner's local store and
 * what waits for it. The owner goes on meanwhile, so a row that is not the same is only a suspect: it was looked at when the owner stood at some later
 * record, and what the journal says of the row up to exactly that record settles it.
 */
import type { Address } from '../actor.ts';
import type { VerifyReport } from '../inspection.ts';
import type { Partition } from '../partition.ts';
import { type Ports, StoreDamaged } from '../ports.ts';
import type { PartitionRecord } from '../record.ts';
import { ChainBroken, type JournalPosition, Place, recordOf } from '../standing.ts';
import { fold, inOrder } from './fold.ts';
import { type Held, heldAfter, keysEnd } from './held.ts';
import type { Pointer } from './manifest.ts';
import { merged } from './merge.ts';
import type { Rows } from './rows.ts';
import { readSegment } from './segment.ts';
import { flawOf, Sources } from './sources.ts';
import { Tenure, type TenureHost } from './tenure.ts';

/** Differences that are named; all are counted. */
const named_max = 10;

export interface VerificationHost extends TenureHost {
  readonly ports: Pick<Ports, 'journal' | 'archive' | 'codec' | 'store' | 'clock' | 'timers' | 'network'>;
}

/** The journal since the snapshot is more than memory is to hold: a newer snapshot is wanted. */
export class SnapshotTooOld extends Error {
  constructor() {
    super('the journal since the last snapshot is too long to be replayed in memory');
    this.name = 'SnapshotTooOld';
  }
}

/** One row that is not the same on both sides, as far as is known. */
interface Suspect {
  /** Where the owner stood when it was looked at. */
  readonly number: number;
  /** Of what the owner holds; undefined: it has none. */
  readonly held: string | undefined;
  /** Of what the journal makes of it, as far as that was read. */
  made: string | undefined;
}

type Differences = Pick<VerifyReport, 'missing' | 'extra' | 'different' | 'named'>;

export class Verification {
  /** Of the local store, where that was found: the partition is to be built anew. */
  damage: StoreDamaged | undefined;
  readonly #partition: Partition;
  readonly #host: VerificationHost;
  readonly #sources: Sources;
  readonly #tenure: Tenure;
  readonly #at: JournalPosition;
  readonly #startedMs: number;
  #pointer: Pointer | undefined;
  /** Of the last record that was replayed. */
  #reached = { number: 0, chain: 0 };
  #found: number | undefined;
  #rows = 0;
  #suspects = new Map<string, Suspect>();
  readonly #differences = { missing: 0, extra: 0, different: 0, named: [] as VerifyReport['named'][number][] };

  /** Begins where the partition stands now. */
  constructor(partition: Partition, host: VerificationHost) {
    const { epoch, number, seq, chain } = partition.position;
    this.#partition = partition;
    this.#host = host;
    this.#at = { epoch, number, seq, chain };
    this.#sources = new Sources(host.ports);
    this.#tenure = new Tenure(partition, host);
    this.#startedMs = host.ports.clock.monotonicMs();
  }

  /**
   * Resolves with what was found, be it sound or not; also where what is read breaks off because it is damaged. Rejects with `SnapshotAbandoned` when
   * the partition is no longer this owner's, with `SourceSilent`, or with `SnapshotTooOld`.
   */
  async run(): Promise<VerifyReport> {
    try {
      await this.#compareAll();
      return this.#report('', '');
    } catch (error) {
      if (error instanceof StoreDamaged) {
        this.damage = error;
        return this.#report('store', error.message);
      }
      const flaw = flawOf(error);
      if (flaw === undefined) throw error;
      this.#tenure.mustLast();
      return this.#report(flaw.where, flaw.words);
    }
  }

  /** The snapshot that it read from is no longer the newest: it, and the journal after it, may be gone. Rejects with `SourceSilent`. */
  async isOutdated(): Promise<boolean> {
    if (this.#pointer === undefined) return false;
    return (await this.#sources.pointer(this.#partition.id)).version !== this.#pointer.version;
  }

  async #compareAll(): Promise<void> {
    const { id } = this.#partition;
    this.#pointer = await this.#sources.pointer(id);
    const { manifest } = this.#pointer;
    this.#tenure.mustLast();
    if (manifest !== undefined && manifest.position.seq > this.#at.seq)
      throw new ChainBroken(id, `the snapshot is at sequence ${manifest.position.seq}, its owner at ${this.#at.seq}`);
    this.#reached = manifest?.position ?? this.#reached;
    const host = { ports: this.#sources, limits: this.#host.limits, pace: this.#tenure.pace };
    const folded = await fold(id, manifest?.position, this.#at.seq, host);
    if (!folded.complete) throw new SnapshotTooOld();
    this.#reached = folded.position;
    this.#found = folded.position.chain;
    const segments = manifest?.segments.map((segment) => readSegment(segment, this.#sources)) ?? [];
    await this.#compare(merged([...segments, inOrder(folded.rows, true, this.#tenure.pace)], false));
    await this.#settle();
  }

  // ---------------------------------------------------------------- comparing

  async #compare(made: AsyncIterable<Rows>): Promise<void> {
    const owner = new Owner(this.#partition, this.#host);
    for await (const { keys, values, bytes } of made) {
      for (const [i, key] of keys.entries()) {
        this.#rows++;
        await this.#goTo(owner, key);
        const held = owner.take(key);
        const value = values[i];
        if (held === undefined || value === undefined || !isSame(held, value)) this.#suspect(owner, key, held, value);
      }
      await this.#tenure.pace(bytes);
    }
    await this.#goTo(owner, keysEnd);
  }

  /** What the owner holds before this key, and nobody has asked for, is too much. */
  async #goTo(owner: Owner, key: string): Promise<void> {
    for (;;) {
      for (const [extra, value] of owner.takeBefore(key)) {
        this.#rows++;
        this.#suspect(owner, extra, value, undefined);
      }
      if (owner.reaches(key)) return;
      if (this.#suspects.size >= this.#host.limits.verify_suspects_max) await this.#settle();
      owner.look();
      await this.#tenure.pace(owner.bytes);
    }
  }

  #suspect({ number }: Owner, key: string, held: Uint8Array | undefined, made: Uint8Array | undefined): void {
    this.#suspects.set(key, { number, held: this.#digest(held), made: this.#digest(made) });
  }

  #digest(value: Uint8Array | null | undefined): string | undefined {
    return value ? `${value.byteLength} ${this.#host.ports.codec.crc32(value)}` : undefined;
  }

  /** Goes on in the journal to where the owner stands now: no suspect was looked at later. */
  async #settle(): Promise<void> {
    const suspects = this.#suspects;
    this.#suspects = new Map();
    if (suspects.size === 0) return;
    const { seq, chain } = this.#partition.position;
    const place = new Place(this.#partition.id, this.#at);
    if (seq > place.seq) {
      for await (const entry of this.#sources.journal.read(this.#partition.id, place.seq + 1, seq)) {
        const record = recordOf(entry, this.#host.ports.codec);
        if (place.follow(record, entry)) this.#tell(suspects, record);
        await this.#tenure.pace(entry.bytes.byteLength);
      }
      if (place.seenSeq < seq) throw new ChainBroken(this.#partition.id, `it ends before ${seq}`);
      if (place.number > this.#reached.number) this.#reached = place;
      if (place.chain !== chain)
        throw new ChainBroken(
          this.#partition.id,
          `up to record ${place.number} it has other records than its owner wrote`,
        );
    }
    for (const [key, { held, made }] of suspects) if (held !== made) this.#differs(key, held, made);
  }

  #tell(suspects: ReadonlyMap<string, Suspect>, { number, rows }: PartitionRecord): void {
    for (let i = 0; i + 1 < rows.length; i += 2) {
      const suspect = suspects.get(rows[i] as string);
      if (suspect !== undefined && number <= suspect.number)
        suspect.made = this.#digest(rows[i + 1] as Uint8Array | null);
    }
  }

  #differs(key: string, held: string | undefined, made: string | undefined): void {
    const how = held === undefined ? 'missing' : made === undefined ? 'extra' : 'different';
    this.#differences[how]++;
    if (this.#differences.named.length < named_max) this.#differences.named.push({ how, ...placeOf(key) });
  }

  // ---------------------------------------------------------------- telling

  #report(broken: VerifyReport['broken'], why: string): VerifyReport {
    const { epoch, number, chain } = this.#at;
    const from = this.#pointer?.manifest;
    const differences: Differences = this.#differences;
    return {
      node: this.#host.ports.network.self,
      partition: this.#partition.id,
      epoch,
      number,
      snapshot: from && { number: from.position.number, at: from.at },
      records: Math.max(0, this.#reached.number - (from?.position.number ?? 0)),
      rows: this.#rows,
      bytes: this.#sources.bytes,
      tookMs: Math.round(this.#host.ports.clock.monotonicMs() - this.#startedMs),
      expected: chain,
      found: this.#found ?? 0,
      broken,
      why,
      ...differences,
    };
  }
}

/** What the owner holds, in the order of keys, each look as late as can be. */
class Owner {
  bytes = 0;
  readonly #partition: Partition;
  readonly #host: VerificationHost;
  #look: Held | undefined;
  #next = 0;

  constructor(partition: Partition, host: VerificationHost) {
    this.#partition = partition;
    this.#host = host;
  }

  /** Where it stood at the last look. */
  get number(): number {
    return this.#look?.number ?? 0;
  }

  /** What was seen at the last look tells of this key. */
  reaches(key: string): boolean {
    return this.#look !== undefined && this.#look.upTo >= key;
  }

  /** At the rows after those of the last look, which must all have been taken. */
  look(): void {
    const { ports, limits } = this.#host;
    this.#look = heldAfter(this.#partition, ports.store, this.#look?.upTo ?? '', limits.verify_look_rows_max);
    this.bytes = this.#look.bytes;
    this.#next = 0;
  }

  /** Rows before this key, of which nobody has asked. */
  takeBefore(key: string): Held['rows'] {
    const rows = this.#look?.rows ?? [];
    const from = this.#next;
    while ((rows[this.#next]?.[0] ?? keysEnd) < key) this.#next++;
    return rows.slice(from, this.#next);
  }

  take(key: string): Uint8Array | undefined {
    const row = this.#look?.rows[this.#next];
    if (row?.[0] !== key) return undefined;
    this.#next++;
    return row[1];
  }
}

/** Whose row it is, and in which table; its own key may be a secret. */
function placeOf(key: string): { readonly actor: Address; readonly table: string } {
  const [actor = '', table = ''] = key.split(' ', 2);
  return { actor, table };
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  if (a.byteLength !== b.byteLength) return false;
  for (let i = 0; i < a.byteLength; i++) if (a[i] !== b[i]) return false;
  return true;
}
