/**
 * The journal's records: one group commit of one partition each (A3). Layout: CRC-32 of the rest (4 bytes, big-endian), then a packed
 * array whose first element is the version of this layout.
 */
import type { Address, ReplyTo } from './actor.ts';
import type { Codec, PartitionId } from './ports.ts';

const layout = 1;

/** Durable mail as it stands in the sender's record and travels in a channel. */
export interface ChannelMail {
  readonly seq: number;
  readonly to: Address;
  readonly from: Address;
  readonly body: { readonly kind: string };
  readonly asker: ReplyTo | undefined;
}

/** How much of the channel from `source` has been handled: all up to `watermark`, and besides those in `above`. */
export interface Taken {
  readonly source: PartitionId;
  readonly watermark: number;
  readonly above: readonly number[];
}

export interface PartitionRecord {
  /** `turns`: the effects of one or more turns. `bump`: a new owner's first record, with nothing else in it (A4). */
  readonly type: 'turns' | 'bump';
  readonly partition: PartitionId;
  readonly epoch: number;
  /** Counts the partition's records from 1, over all its owners. */
  readonly number: number;
  /** Node and incarnation of the owner. */
  readonly writer: string;
  /** Journal sequence of the record before, 0 for none: the chain that readers check. */
  readonly previousSeq: number;
  /** Wall time at which it was sealed, ms. */
  readonly at: number;
  /** State deltas: key, then its packed value, or null for a deletion, and so on. */
  readonly rows: readonly (string | Uint8Array | null)[];
  /** The outbox: mail to other partitions, by destination. */
  readonly outbox: readonly { readonly to: PartitionId; readonly mails: readonly ChannelMail[] }[];
  readonly taken: readonly Taken[];
  /** Outgoing mail that its receivers have committed: destination and sequence, cumulative. */
  readonly settled: readonly (readonly [to: PartitionId, upTo: number])[];
}

/** Names one record for ever: its partition, epoch and number; a zombie of an older epoch can't write under it. */
export function recordId(record: PartitionRecord): string {
  return `${record.partition}/${record.epoch}/${record.number}`;
}

export function encodeRecord(record: PartitionRecord, codec: Codec): Uint8Array {
  const packed = codec.pack([
    layout,
    record.type === 'bump' ? 1 : 0,
    record.partition,
    record.epoch,
    record.number,
    record.writer,
    record.previousSeq,
    record.at,
    record.rows,
    record.outbox.map(({ to, mails }) => [to, mails.map(packMail)]),
    record.taken.map(packTaken),
    record.settled,
  ]);
  const bytes = new Uint8Array(4 + packed.byteLength);
  new DataView(bytes.buffer).setUint32(0, codec.crc32(packed));
  bytes.set(packed, 4);
  return bytes;
}

/** Throws `CorruptRecord` on anything but a whole record of a known layout. */
export function decodeRecord(bytes: Uint8Array, codec: Codec): PartitionRecord {
  if (bytes.byteLength < 5) throw new CorruptRecord('too short');
  const packed = bytes.subarray(4);
  const crc = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0);
  if (crc !== codec.crc32(packed)) throw new CorruptRecord('its checksum does not fit');
  const fields = codec.unpack(packed) as PackedRecord;
  if (fields[0] !== layout) throw new CorruptRecord(`it has layout ${fields[0]}, this version reads ${layout}`);
  const [, type, partition, epoch, number, writer, previousSeq, at, rows, outbox, taken, settled] = fields;
  return {
    type: type === 1 ? 'bump' : 'turns',
    partition,
    epoch,
    number,
    writer,
    previousSeq,
    at,
    rows,
    outbox: outbox.map(([to, mails]) => ({ to, mails: mails.map(unpackMail) })),
    taken: taken.map(unpackTaken),
    settled,
  };
}

const corrupt = 'a journal record is corrupt';

export class CorruptRecord extends Error {
  constructor(why: string) {
    super(why.startsWith(corrupt) ? why : `${corrupt}: ${why}`);
    this.name = 'CorruptRecord';
  }
}

type PackedRecord = readonly [
  layout: number,
  type: number,
  partition: number,
  epoch: number,
  number: number,
  writer: string,
  previousSeq: number,
  at: number,
  rows: readonly (string | Uint8Array | null)[],
  outbox: readonly (readonly [number, readonly PackedMail[]])[],
  taken: readonly PackedTaken[],
  settled: readonly (readonly [number, number])[],
];

/** `above` as bits, the first for the watermark + 1: it may be as long as a channel's window, for each channel. */
export type PackedTaken = readonly [source: PartitionId, watermark: number, above: Uint8Array | null];

export function packTaken({ source, watermark, above }: Taken): PackedTaken {
  if (above.length === 0) return [source, watermark, null];
  const highest = above.reduce((high, seq) => Math.max(high, seq));
  const bits = new Uint8Array(Math.ceil((highest - watermark) / 8));
  for (const seq of above) {
    const at = seq - watermark - 1;
    bits[at >> 3] = (bits[at >> 3] ?? 0) | (1 << (at & 7));
  }
  return [source, watermark, bits];
}

export function unpackTaken([source, watermark, bits]: PackedTaken): Taken {
  const above: number[] = [];
  if (bits !== null) {
    for (let at = 0; at < bits.length * 8; at++) {
      if (((bits[at >> 3] ?? 0) >> (at & 7)) & 1) above.push(watermark + 1 + at);
    }
  }
  return { source, watermark, above };
}

export type PackedMail = readonly [
  seq: number,
  to: Address,
  from: Address,
  body: { readonly kind: string },
  asker?: ReplyTo | undefined,
];

export function packMail(mail: ChannelMail): PackedMail {
  return mail.asker === undefined
    ? [mail.seq, mail.to, mail.from, mail.body]
    : [mail.seq, mail.to, mail.from, mail.body, mail.asker];
}

export function unpackMail([seq, to, from, body, asker]: PackedMail): ChannelMail {
  return { seq, to, from, body, asker };
}
