/**
 * Two codecs for simulated worlds. One is JSON, so that bytes can be read, and strict, so that what only the real codec would take by luck is
 * found; the other is MessagePack as clients speak it, at a tenth of the time.
 */
import { crc32 as nativeCrc32 } from 'node:zlib';
import { msgpack } from '../proto/msgpack.ts';
import type { Codec } from '../runtime/ports.ts';

/** For worlds of many events. */
export const quickCodec: Codec = {
  pack: (value) => msgpack.pack(value),
  unpack: (bytes): unknown => msgpack.unpack(bytes),
  crc32: (bytes) => nativeCrc32(bytes),
};

/** Throws TypeError on values that are not plain: dates, maps, instances of classes, big integers, functions, symbols. */
export const simCodec: Codec = {
  pack: (value) => new TextEncoder().encode(JSON.stringify(marked(value)) + end),
  unpack(bytes) {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    if (!text.endsWith(end)) throw new Error('not a whole packed value');
    return unmarked(JSON.parse(text.slice(0, -end.length)));
  },
  crc32,
};

/** A number cut short would be a number still. */
const end = '\n';
/** The only key of an object that stands for what JSON doesn't have. */
const mark = '$';

function marked(value: unknown): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      return Number.isFinite(value) ? value : { [mark]: ['number', String(value)] };
    case 'undefined':
      return { [mark]: ['undefined'] };
    case 'object':
      return value === null ? null : markedObject(value);
    default:
      throw new TypeError(`not a plain value: ${typeof value}`);
  }
}

function markedObject(value: object): unknown {
  if (value instanceof Uint8Array) return { [mark]: ['bytes', Buffer.from(value).toString('base64')] };
  if (Array.isArray(value)) return value.map(marked);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null)
    throw new TypeError(`not a plain object: ${value.constructor.name}`);
  const entries = Object.entries(value).map(([key, inner]): [string, unknown] => [key, marked(inner)]);
  if (Object.hasOwn(value, '__proto__')) throw new TypeError('not a plain object: it has a key __proto__');
  return mark in value ? { [mark]: ['object', ...entries] } : Object.fromEntries(entries);
}

function unmarked(value: unknown): unknown {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(unmarked);
  if (!(mark in value)) return objectOf(Object.entries(value));
  const [kind, ...rest] = value[mark] as [string, ...unknown[]];
  if (kind === 'undefined') return undefined;
  if (kind === 'number') return Number(rest[0]);
  if (kind === 'bytes') return new Uint8Array(Buffer.from(rest[0] as string, 'base64'));
  return objectOf(rest as [string, unknown][]);
}

function objectOf(entries: readonly (readonly [string, unknown])[]): object {
  if (entries.some(([key]) => key === '__proto__')) throw new Error('not a packed value: it has a key __proto__');
  return Object.fromEntries(entries.map(([key, inner]) => [key, unmarked(inner)]));
}

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let word = byte;
  for (let bit = 0; bit < 8; bit++) word = word & 1 ? (word >>> 1) ^ 0xedb88320 : word >>> 1;
  return word;
});

/** IEEE 802.3, a table look-up a byte. */
function crc32(bytes: Uint8Array): number {
  let word = 0xffffffff;
  for (const byte of bytes) word = (word >>> 8) ^ (table[(word ^ byte) & 0xff] as number);
  return (word ^ 0xffffffff) >>> 0;
}
