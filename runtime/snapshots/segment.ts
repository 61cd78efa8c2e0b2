/**
 * Segments: immutable files of the archive with rows sorted by key, each key once. Layout: a head that says so and in which layout, then
 * blocks (`rows.ts`). The digest chains the checksums of all blocks, so a reader knows that it has had all of them and in their order.
 */
import type { Archive, Codec, PartitionId, Ports } from '../ports.ts';
import type { Pace } from './pace.ts';
import { block_bytes_max, block_head_bytes, packBlock, type Rows, unpackRows } from './rows.ts';

export interface Segment {
  readonly name: string;
  readonly bytes: number;
  readonly rows: number;
  readonly digest: number;
}

/** What the archive has under a segment's name is not what was put there. */
export class SegmentDamaged extends Error {
  constructor(name: string, what: string) {
    super(`segment ${name} is damaged: ${what}`);
    this.name = 'SegmentDamaged';
  }
}

type SegmentPorts = Pick<Ports, 'archive' | 'codec'>;
/** What it takes to read one. */
type SegmentReader = { readonly archive: Pick<Archive, 'get'>; readonly codec: Codec };

/** `RPS`, and the layout of all that follows. */
const head = Uint8Array.of(0x52, 0x50, 0x53, 1);

/** A name that was never used. One whose `put` failed is never used again. */
export function segmentName(
  partition: PartitionId,
  epoch: number,
  seq: number,
  { random }: Pick<Ports, 'random'>,
): string {
  return `${partition}/${epoch}-${seq}-${random.id()}`;
}

/** Each batch becomes a block. Rejects as the archive and the batches do; then the name is spoilt. */
export async function writeSegment(name: string, batches: AsyncIterable<Rows>, ports: SegmentPorts): Promise<Segment> {
  const { archive, codec } = ports;
  let bytes = head.byteLength;
  let rows = 0;
  let digest = codec.crc32(head);
  async function* parts(): AsyncIterable<Uint8Array> {
    yield head.slice();
    for await (const batch of batches) {
      if (batch.keys.length === 0) continue;
      const block = packBlock(batch, codec);
      bytes += block.byteLength;
      rows += batch.keys.length;
      digest = chained(digest, block, codec);
      yield block;
    }
  }
  await archive.put(name, parts());
  return { name, bytes, rows, digest };
}

/** Its rows, a batch a block. Throws `SegmentDamaged`, also at the very end, or as the archive does: nothing of it counts before it is over. */
export async function* readSegment(segment: Segment, ports: SegmentReader): AsyncIterable<Rows> {
  let count = 0;
  for await (const packed of blocksOf(segment, ports)) {
    const rows = unpackRows(packed);
    if (rows === undefined) throw new SegmentDamaged(segment.name, 'a block is not one of rows');
    count += rows.keys.length;
    yield rows;
  }
  if (count !== segment.rows) throw new SegmentDamaged(segment.name, `it has ${count} rows, not ${segment.rows}`);
}

/** Checking a block takes this share of the time that handling its rows takes. */
const check_share = 0.2;

/** Reads it whole and throws `SegmentDamaged` if that is not what was written. */
export async function verifySegment(segment: Segment, ports: SegmentPorts, pace: Pace): Promise<void> {
  for await (const packed of blocksOf(segment, ports)) await pace(packed.byteLength * check_share);
}

/** What follows the head of each block, checked. */
async function* blocksOf(
  { name, bytes, digest }: Segment,
  { archive, codec }: SegmentReader,
): AsyncIterable<Uint8Array> {
  const parts = new Parts(name, archive.get(name));
  try {
    const begin = await parts.take(head.byteLength);
    if (begin.some((byte, i) => byte !== head[i])) throw new SegmentDamaged(name, 'it begins like none of this layout');
    let read = begin.byteLength;
    let chain = codec.crc32(begin);
    while (read < bytes) {
      const blockHead = await parts.take(block_head_bytes);
      const length = new DataView(blockHead.buffer).getUint32(0);
      if (length > block_bytes_max) throw new SegmentDamaged(name, `a block of ${length} bytes`);
      const packed = await parts.take(length);
      const crc = codec.crc32(packed);
      if (crc !== new DataView(blockHead.buffer).getUint32(4))
        throw new SegmentDamaged(name, `the checksum of a block does not fit, ${read} bytes in`);
      chain = chained(chain, blockHead, codec);
      read += block_head_bytes + length;
      yield packed;
    }
    if (read !== bytes || chain !== digest || !(await parts.isAtEnd()))
      throw new SegmentDamaged(name, 'it is not what was put there');
  } finally {
    parts.close();
  }
}

function chained(digest: number, block: Uint8Array, codec: Codec): number {
  const link = new Uint8Array(4 + block_head_bytes);
  new DataView(link.buffer).setUint32(0, digest);
  link.set(block.subarray(0, block_head_bytes), 4);
  return codec.crc32(link);
}

/** Parts that are asked for ahead of their use; the archive chooses how large they are. */
const parts_ahead_max = 4;

/** The archive's parts, taken in other pieces. */
class Parts {
  readonly #name: string;
  readonly #iterator: AsyncIterator<Uint8Array>;
  readonly #coming: Promise<IteratorResult<Uint8Array>>[] = [];
  #asked: Promise<unknown> = Promise.resolve();
  #part: Uint8Array = new Uint8Array(0);
  #used = 0;

  constructor(name: string, parts: AsyncIterable<Uint8Array>) {
    this.#name = name;
    this.#iterator = parts[Symbol.asyncIterator]();
    for (let i = 0; i < parts_ahead_max; i++) this.#ask();
  }

  /** The next so many bytes, as the caller's own. */
  async take(length: number): Promise<Uint8Array> {
    const taken = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      if (this.#used === this.#part.byteLength && !(await this.#next()))
        throw new SegmentDamaged(this.#name, 'it is cut short');
      const piece = this.#part.subarray(this.#used, this.#used + length - filled);
      taken.set(piece, filled);
      filled += piece.byteLength;
      this.#used += piece.byteLength;
    }
    return taken;
  }

  async isAtEnd(): Promise<boolean> {
    return this.#used === this.#part.byteLength && !(await this.#next());
  }

  /** No more is wanted. */
  close(): void {
    this.#iterator.return?.().then(
      () => {},
      () => {},
    );
  }

  /** Steps to the next part that is not empty. */
  async #next(): Promise<boolean> {
    for (;;) {
      const next = await this.#coming.shift();
      if (next === undefined || next.done === true) return false;
      this.#ask();
      this.#part = next.value;
      this.#used = 0;
      if (next.value.byteLength > 0) return true;
    }
  }

  /** One at a time: not every iterator answers several questions in their order. */
  #ask(): void {
    const part = this.#asked.then(() => this.#iterator.next());
    // Who takes it hears of its failure.
    part.catch(() => {});
    this.#asked = part;
    this.#coming.push(part);
  }
}
