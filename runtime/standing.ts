/**
 * Where a partition stands as its journal tells it: its place in the log and both ends of its channels. Whoever reads the journal keeps one: an
 * owner, a standby, the maker of snapshots. What the records say of rows is not part of it.
 */
import { Inbox, Outbox } from './channel.ts';
import type { Limits } from './limits.ts';
import type { Codec, Journal, JournalEntry, PartitionId } from './ports.ts';
import {
  CorruptRecord,
  decodeHead,
  decodeRecord,
  type PackedTaken,
  type PartitionRecord,
  packTaken,
  type RecordHead,
  recordCrc,
  type Taken,
  unpackTaken,
} from './record.ts';

export interface JournalPosition {
  readonly epoch: number;
  /** Number and journal sequence of the last record. */
  readonly number: number;
  readonly seq: number;
  /** Rolling hash of the partition's records up to it, 32 bits: equal on all that have applied the same ones. */
  readonly chain: number;
}

/** A place in a partition's journal, and the rule by which an entry continues it. */
export class Place implements JournalPosition {
  epoch: number;
  number: number;
  seq: number;
  chain: number;
  /** Sequence of the last entry that was read, passed over or not. */
  seenSeq: number;
  readonly #id: PartitionId;

  constructor(id: PartitionId, at?: JournalPosition, seenSeq = at?.seq ?? 0) {
    this.#id = id;
    this.epoch = at?.epoch ?? 0;
    this.number = at?.number ?? 0;
    this.seq = at?.seq ?? 0;
    this.chain = at?.chain ?? 0;
    this.seenSeq = seenSeq;
  }

  /**
   * Goes to the next entry, whose head is known. False: its record is passed over, because a later owner had written before (A3). Throws
   * `ChainBroken`, and then stays.
   */
  follow(head: RecordHead, entry: JournalEntry): boolean {
    if (head.epoch < this.epoch) {
      this.seenSeq = entry.seq;
      return false;
    }
    // What was passed over may be what an owner found last; it is no link of the chain that is applied.
    if (head.previousSeq !== this.seenSeq && head.previousSeq !== this.seq) {
      throw new ChainBroken(
        this.#id,
        `sequence ${entry.seq} follows ${head.previousSeq}, and this stands at ${this.seenSeq}`,
      );
    }
    this.moveTo(head, entry);
    return true;
  }

  moveTo({ epoch, number }: RecordHead, { seq, bytes }: JournalEntry): void {
    this.epoch = epoch;
    this.number = number;
    this.seq = seq;
    this.chain = linked(this.chain, bytes);
    this.seenSeq = seq;
  }
}

/** A `Standing` as plain data, as it is stored beside the rows it belongs to. */
export interface StoredPosition extends Readonly<JournalPosition> {
  /** Sending ends: destination, next number, settled. */
  readonly out: readonly (readonly [to: PartitionId, nextSeq: number, settled: number])[];
  readonly taken: readonly PackedTaken[];
  /** Journal sequence from which unsettled mail must be read again; 0 when there is none. */
  readonly outboxFromSeq: number;
}

/** An entry does not follow what was read before: some are missing, or it is another history. */
export class ChainBroken extends Error {
  constructor(partition: PartitionId, what: string) {
    super(`the journal of partition ${partition} does not continue what is here: ${what}`);
    this.name = 'ChainBroken';
  }
}

export class Standing {
  readonly id: PartitionId;
  readonly position: Place;
  readonly outbox: Outbox;
  readonly inbox = new Inbox();
  /** Watermarks as of the last committed record: what the local store may know. */
  readonly taken = new Map<PartitionId, Taken>();
  /** Journal sequence from which to `recall`; 0 when there is nothing to. */
  readonly recallFromSeq: number;
  /** Highest epoch among the entries that were recalled. */
  #recalledEpoch = 0;
  /** The record that it says it stands at was there. */
  #anchored: boolean;

  constructor(id: PartitionId, limits: Limits, stored?: StoredPosition) {
    this.id = id;
    this.outbox = new Outbox(limits);
    this.position = new Place(id, stored);
    this.#anchored = this.position.seq === 0;
    this.recallFromSeq = stored === undefined ? 0 : floorOf(stored);
    for (const [to, nextSeq, settled] of stored?.out ?? []) this.outbox.channel(to).restore(nextSeq, settled);
    for (const packed of stored?.taken ?? []) this.#took(unpackTaken(packed));
  }

  get seenSeq(): number {
    return this.position.seenSeq;
  }

  /** An entry up to the stored position: its rows are there already, only its unsettled mail is taken up again. */
  recall(entry: JournalEntry, codec: Codec): void {
    const record = recordOf(entry, codec);
    if (record.epoch < this.#recalledEpoch) return;
    this.#recalledEpoch = record.epoch;
    const { epoch, number, seq } = this.position;
    if (entry.seq === seq) this.#anchored = record.epoch === epoch && record.number === number;
    for (const { to, mails } of record.outbox) this.outbox.channel(to).committed(mails, entry.seq);
  }

  /** Throws `ChainBroken` unless the journal holds what this stands on: the record at its position, and all mail that is not settled. */
  mustJoin(): void {
    if (!this.#anchored) throw new ChainBroken(this.id, `its sequence ${this.position.seq} is another record, or gone`);
    for (const channel of this.outbox.all())
      if (!channel.whole) throw new ChainBroken(this.id, `mail to partition ${channel.to} is missing`);
  }

  /**
   * The next entry: answers its record once it is part of this, for its rows to be applied; undefined when it is passed over, because a later
   * owner had written before (A3), or was seen already. Throws `ChainBroken`, or `CorruptRecord`.
   */
  take(entry: JournalEntry, codec: Codec): PartitionRecord | undefined {
    if (entry.seq <= this.seenSeq) return undefined;
    const record = recordOf(entry, codec);
    if (!this.position.follow(record, entry)) return undefined;
    for (const { to, mails } of record.outbox) this.outbox.channel(to).committed(mails, entry.seq);
    for (const taken of record.taken) this.#took(taken);
    for (const [to, upTo] of record.settled) {
      this.outbox.channel(to).settle(upTo, 0);
      this.outbox.channel(to).settledInJournal = upTo;
    }
    return record;
  }

  /** The owner's own record is durable: only its place is news. */
  committed(record: PartitionRecord, entry: JournalEntry): void {
    this.position.moveTo(record, entry);
  }

  stored(): StoredPosition {
    const out = [...this.outbox.all()].map(
      ({ to, committedNextSeq, settled }) => [to, committedNextSeq, settled] as const,
    );
    const taken = [...this.taken.values()].map(packTaken);
    const { epoch, number, seq, chain } = this.position;
    return { epoch, number, seq, chain, out, taken, outboxFromSeq: this.outbox.oldestRecordSeq ?? 0 };
  }

  #took(taken: Taken): void {
    this.taken.set(taken.source, taken);
    this.inbox.channel(taken.source).restore(taken);
  }
}

/** Journal sequence from which a reader of rows as of this position needs the partition's entries: the record there, and unsettled mail. */
export function floorOf({ seq, outboxFromSeq }: StoredPosition): number {
  return Math.min(outboxFromSeq || seq, seq);
}

/** What it takes to read a journal. */
export interface JournalReader {
  readonly journal: Pick<Journal, 'read'>;
  readonly codec: Codec;
}

/**
 * Stands where rows were stored, with the mail that was not settled by then; `each` is awaited after each entry that was read. Rejects as
 * `mustJoin` throws, and as the journal does.
 */
export async function standAt(
  id: PartitionId,
  stored: StoredPosition | undefined,
  limits: Limits,
  { journal, codec }: JournalReader,
  each?: (entry: JournalEntry) => Promise<void>,
): Promise<Standing> {
  const standing = new Standing(id, limits, stored);
  if (stored === undefined) return standing;
  for await (const entry of journal.read(id, standing.recallFromSeq, stored.seq)) {
    standing.recall(entry, codec);
    await each?.(entry);
  }
  standing.mustJoin();
  return standing;
}

/** Throws `CorruptRecord`. */
export function recordOf(entry: JournalEntry, codec: Codec): PartitionRecord {
  return naming(entry, () => decodeRecord(entry.bytes, codec));
}

/** Throws `CorruptRecord`. */
export function headOf(entry: JournalEntry, codec: Codec): RecordHead {
  return naming(entry, () => decodeHead(entry.bytes, codec));
}

function naming<T>({ seq }: JournalEntry, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    throw new CorruptRecord(`${error instanceof Error ? error.message : String(error)} (sequence ${seq})`);
  }
}

/** The chain with one more record: a multiplicative hash over the records' own checksums. */
function linked(chain: number, bytes: Uint8Array): number {
  const mixed = Math.imul(chain ^ recordCrc(bytes), 0x9e3779b1);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}

const layout = 2;

export function packPosition(stored: StoredPosition, codec: Codec): Uint8Array {
  const { epoch, number, seq, chain, out, taken, outboxFromSeq } = stored;
  return codec.pack([layout, epoch, number, seq, chain, out, taken, outboxFromSeq]);
}

/** Undefined where it was written by another version of this. */
export function unpackPosition(bytes: Uint8Array, codec: Codec): StoredPosition | undefined {
  const fields = codec.unpack(bytes) as readonly [
    number,
    number,
    number,
    number,
    number,
    StoredPosition['out'],
    StoredPosition['taken'],
    number,
  ];
  if (fields[0] !== layout) return undefined;
  const [, epoch, number, seq, chain, out, taken, outboxFromSeq] = fields;
  return { epoch, number, seq, chain, out, taken, outboxFromSeq };
}
