/** Rows on their way into a snapshot or out of it: sorted by key, in batches, each of which is one block of a segment. */
import type { Codec } from '../ports.ts';

/** Columns, so that all keys of a block are encoded and decoded at once. A value that is undefined: deleted. */
export interface Rows {
  readonly keys: readonly string[];
  readonly values: readonly (Uint8Array | undefined)[];
  /** Of keys and values, or a little more. */
  readonly bytes: number;
}

/** A batch is closed at the first of these; handling one takes less than half a millisecond. */
const batch_rows_max = 1_000;
const batch_bytes = 64 * 1024;

/** Gathers rows into batches. */
export class Batch implements Rows {
  readonly keys: string[] = [];
  readonly values: (Uint8Array | undefined)[] = [];
  bytes = 0;

  add(key: string, value: Uint8Array | undefined): void {
    this.keys.push(key);
    this.values.push(value);
    this.bytes += key.length + (value?.byteLength ?? 0);
  }

  get full(): boolean {
    return this.keys.length >= batch_rows_max || this.bytes >= batch_bytes;
  }
}

// A block: length of what follows the head (4 bytes, big-endian, as all numbers here), its CRC-32 (4), and then: number of rows (4);
// of each row the length of its key (2) and of its value plus one, 0 for deleted (4); all keys; all values.
export const block_head_bytes = 8;
const count_bytes = 4;
const lengths_bytes = 6;
/** A row is at most a record, and a record at most a message of the journal: 1 MiB. */
export const block_bytes_max = 4 * 1024 * 1024;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Throws when keys are not in order or not ASCII: nothing reads what such a segment means. */
export function packBlock({ keys, values }: Rows, codec: Codec): Uint8Array {
  const text = keys.join('');
  const encodedKeys = encoder.encode(text);
  if (encodedKeys.byteLength !== text.length) throw new TypeError("a row's key is not ASCII");
  const valuesBytes = values.reduce((sum, value) => sum + (value?.byteLength ?? 0), 0);
  const keysAt = block_head_bytes + count_bytes + keys.length * lengths_bytes;
  const block = new Uint8Array(keysAt + encodedKeys.byteLength + valuesBytes);
  if (block.byteLength > block_bytes_max) throw new RangeError(`a block of ${block.byteLength} bytes`);
  const view = new DataView(block.buffer);
  view.setUint32(block_head_bytes, keys.length);
  block.set(encodedKeys, keysAt);
  let lengthsAt = block_head_bytes + count_bytes;
  let valueAt = keysAt + encodedKeys.byteLength;
  for (const [i, key] of keys.entries()) {
    const before = keys[i - 1];
    if (before !== undefined && before >= key) throw new Error('invariant: rows of a segment are sorted');
    const value = values[i];
    view.setUint16(lengthsAt, key.length);
    view.setUint32(lengthsAt + 2, value === undefined ? 0 : value.byteLength + 1);
    lengthsAt += lengths_bytes;
    if (value === undefined) continue;
    block.set(value, valueAt);
    valueAt += value.byteLength;
  }
  const packed = block.subarray(block_head_bytes);
  view.setUint32(0, packed.byteLength);
  view.setUint32(4, codec.crc32(packed));
  return block;
}

/** What follows a block's head. The values are views into it. Undefined when its lengths don't add up. */
export function unpackRows(packed: Uint8Array): Rows | undefined {
  if (packed.byteLength < count_bytes) return undefined;
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const count = view.getUint32(0);
  const keysAt = count_bytes + count * lengths_bytes;
  if (keysAt > packed.byteLength) return undefined;
  let keysEnd = keysAt;
  for (let i = 0; i < count; i++) keysEnd += view.getUint16(count_bytes + i * lengths_bytes);
  if (keysEnd > packed.byteLength) return undefined;
  const text = decoder.decode(packed.subarray(keysAt, keysEnd));
  const keys: string[] = [];
  const values: (Uint8Array | undefined)[] = [];
  let keyAt = 0;
  let valueAt = keysEnd;
  for (let at = count_bytes; at < keysAt; at += lengths_bytes) {
    const keyEnd = keyAt + view.getUint16(at);
    keys.push(text.slice(keyAt, keyEnd));
    keyAt = keyEnd;
    const length = view.getUint32(at + 2);
    values.push(length === 0 ? undefined : packed.subarray(valueAt, valueAt + length - 1));
    if (length !== 0) valueAt += length - 1;
  }
  return valueAt === packed.byteLength && keyAt === text.length
    ? { keys, values, bytes: packed.byteLength }
    : undefined;
}
