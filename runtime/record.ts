/**
 * The journal's records: one group commit of one partition each (A3). Layout, numbers big-endian: CRC-32 of the rest (4 bytes), version of this
 * layout (1), type (1), epoch (4), number and previousSeq (8 each, IEEE 754), and the rest as a packed array. The head is what a reader needs to
 * follow the chain of records without unpacking them.
 */
import type { Address, ReplyTo } from './actor.ts';
import type { Codec, PartitionId } from './ports.ts';

const layout = 3;
const at = { crc: 0, layout: 4, type: 5, epoch: 6, number: 10, previousSeq: 18, rest: 26 };

/** Durable mail as it stands in the sender's record and travels in a channel. */
export interface ChannelMail {
  readonly seq: number;
  readonly to: Address;
  readonly from: Address;
  readonly body: { readonly kind: string };
  readonly asker: ReplyTo | undefined;
  /** Where it is followed; in no record. */
  readonly trace?: string | undefined;
}

/** How much of the channel from `source` has been handled: all up to `watermark`, and besides those in `above`. */
export interface Taken {
  readonly source: PartitionId;
  readonly watermark: number;
  readonly above: readonly number[];
}

export interface RecordHead {
  /** `turns`: the effects of one or more turns. `bump`: a new owner's first record, with nothing else in it (A4). */
  readonly type: 'turns' | 'bump';
  readonly epoch: number;
  /** Counts the partition's records from 1, over all its owners. */
  readonly number: number;
  /** Journal sequence of the record before, 0 for none: the chain that readers check. */
  readonly previousSeq: number;
}

export interface PartitionRecord extends RecordHead {
  readonly partition: PartitionId;
  /** Node and incarnation of the owner. */
  readonly writer: string;
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
  const rest = codec.pack([
    record.partition,
    record.writer,
    record.at,
    record.rows,
    ...packOutbox(record.outbox),
    record.taken.map(packTaken),
    record.settled,
  ]);
  const bytes = new Uint8Array(at.rest + rest.byteLength);
  bytes.set(rest, at.rest);
  const head = new DataView(bytes.buffer);
  head.setUint8(at.layout, layout);
  head.setUint8(at.type, record.type === 'bump' ? 1 : 0);
  head.setUint32(at.epoch, record.epoch);
  head.setFloat64(at.number, record.number);
  head.setFloat64(at.previousSeq, record.previousSeq);
  head.setUint32(at.crc, codec.crc32(bytes.subarray(at.layout)));
  return bytes;
}

/** Throws `CorruptRecord` on anything but a whole record of a known layout. */
export function decodeHead(bytes: Uint8Array, codec: Codec): RecordHead {
  if (bytes.byteLength <= at.rest) throw new CorruptRecord('too short');
  const head = new DataView(bytes.buffer, bytes.byteOffset, at.rest);
  if (head.getUint32(at.crc) !== codec.crc32(bytes.subarray(at.layout)))
    throw new CorruptRecord('its checksum does not fit');
  const found = head.getUint8(at.layout);
  if (found !== layout) throw new CorruptRecord(`it has layout ${found}, this version reads ${layout}`);
  return {
    type: head.getUint8(at.type) === 1 ? 'bump' : 'turns',
    epoch: head.getUint32(at.epoch),
    number: head.getFloat64(at.number),
    previousSeq: head.getFloat64(at.previousSeq),
  };
}

/** As `decodeHead`. */
export function decodeRecord(bytes: Uint8Array, codec: Codec): PartitionRecord {
  const head = decodeHead(bytes, codec);
  const rest = codec.unpack(bytes.subarray(at.rest)) as PackedRest;
  const [partition, writer, atMs, rows, bodies, outbox, taken, settled] = rest;
  return {
    ...head,
    partition,
    writer,
    at: atMs,
    rows,
    outbox: outbox.map(([to, mails]) => ({ to, mails: mails.map((mail) => unpackMail(mail, bodies[mail[3]]!)) })),
    taken: taken.map(unpackTaken),
    settled,
  };
}

/** The checksum that a record carries. */
export function recordCrc(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, at.layout).getUint32(at.crc);
}

const corrupt = 'a journal record is corrupt';

export class CorruptRecord extends Error {
  constructor(why: string) {
    super(why.startsWith(corrupt) ? why : `${corrupt}: ${why}`);
    this.name = 'CorruptRecord';
  }
}

type PackedRest = readonly [
  partition: number,
  writer: string,
  at: number,
  rows: readonly (string | Uint8Array | null)[],
  bodies: readonly Body[],
  outbox: PackedOutbox,
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

type Body = ChannelMail['body'];

/** `B`: what it says, or where that stands. */
export type PackedMail<B = Body> = readonly [seq: number, to: Address, from: Address, body: B, asker?: ReplyTo];

export function packMail<B>({ seq, to, from, asker }: ChannelMail, body: B): PackedMail<B> {
  return asker === undefined ? [seq, to, from, body] : [seq, to, from, body, asker];
}

export function unpackMail([seq, to, from, , asker]: PackedMail<unknown>, body: Body): ChannelMail {
  return { seq, to, from, body, asker, trace: undefined };
}

type PackedOutbox = readonly (readonly [to: PartitionId, mails: readonly PackedMail<number>[]])[];

/** What several mails say in the same object stands there once: a fan-out is as long as its names. */
function packOutbox(outbox: PartitionRecord['outbox']): readonly [bodies: readonly Body[], outbox: PackedOutbox] {
  const places = new Map<Body, number>();
  const placeOf = (body: Body): number => {
    const place = places.get(body) ?? places.size;
    places.set(body, place);
    return place;
  };
  const packed = outbox.map(({ to, mails }) => [to, mails.map((mail) => packMail(mail, placeOf(mail.body)))] as const);
  return [[...places.keys()], packed];
}
