/**
 * In which record a row was written first, as the journal tells it afterwards: so that operators can follow one message without a word more being kept
 * of it. Records of a partition are in order of time, as far as owners' clocks agree, so the place to begin is found by bisection.
 */
import type { Address } from './actor.ts';
import type { RowOrigin } from './inspection.ts';
import type { Journal, JournalEntry, PartitionId, Ports } from './ports.ts';
import type { PartitionRecord } from './record.ts';
import { recordOf } from './standing.ts';

/** A row, and about when it was written, wall ms. */
export interface SoughtRow {
  readonly address: Address;
  readonly table: string;
  readonly key: string;
  readonly at: number;
}

/** By how much clocks may differ: so much earlier it is looked for. */
const early_ms = 10_000;
/** And so much later, as a partition may have had to change its owner first. */
const late_ms = 120_000;
/** Of one search. */
const read_records_max = 4_096;
const read_bytes_max = 32 * 1024 * 1024;
/** The rest is read in a row. */
const bisect_least = 32;
/** Of one record that are told. */
const mails_told_max = 32;

/** Undefined where the journal no longer has it, or not near that time. Rejects when the journal does not answer, or a record is damaged. */
export async function originOf(
  partition: PartitionId,
  { address, table, key, at }: SoughtRow,
  { journal, codec }: Pick<Ports, 'journal' | 'codec'>,
): Promise<RowOrigin | undefined> {
  const last = await journal.last(partition);
  if (last === undefined) return undefined;
  const from = await firstSince(partition, at - early_ms, last.seq, { journal, codec });
  const wanted = `${address} ${table} ${key}`;
  let [records, left] = [0, read_bytes_max];
  for await (const entry of journal.read(partition, from, last.seq)) {
    const record = recordOf(entry, codec);
    left -= entry.bytes.byteLength;
    if (record.at > at + late_ms || ++records > read_records_max || left < 0) return undefined;
    if (writes(record, wanted)) return told(record, entry, address);
  }
  return undefined;
}

/** A sequence before which all records are older. */
async function firstSince(
  partition: PartitionId,
  atMs: number,
  lastSeq: number,
  { journal, codec }: Pick<Ports, 'journal' | 'codec'>,
): Promise<number> {
  let [before, since] = [0, lastSeq];
  while (since - before > bisect_least) {
    const middle = Math.floor((before + since) / 2);
    const entry = await firstFrom(journal, partition, middle, lastSeq);
    if (entry === undefined || recordOf(entry, codec).at >= atMs) since = middle;
    else before = Math.max(entry.seq, middle);
  }
  return before;
}

async function firstFrom(journal: Pick<Journal, 'read'>, partition: PartitionId, fromSeq: number, toSeq: number) {
  for await (const entry of journal.read(partition, fromSeq, toSeq)) return entry;
  return undefined;
}

function writes({ rows }: PartitionRecord, key: string): boolean {
  // Keys and values take turns.
  for (let i = 0; i < rows.length; i += 2) if (rows[i] === key && rows[i + 1] !== null) return true;
  return false;
}

function told(record: PartitionRecord, { seq, bytes }: JournalEntry, address: Address): RowOrigin {
  const { number, epoch, writer, at, rows, outbox } = record;
  const mails = outbox.flatMap(({ to: partition, mails }) =>
    mails.filter(({ from }) => from === address).map(({ to, body, seq }) => ({ to, partition, kind: body.kind, seq })),
  );
  const node = writer.slice(0, writer.lastIndexOf('.'));
  return {
    number,
    epoch,
    seq,
    node,
    at,
    bytes: bytes.byteLength,
    rows: rows.length / 2,
    mails: mails.slice(0, mails_told_max),
  };
}
