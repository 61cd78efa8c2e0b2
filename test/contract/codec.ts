/** What every Codec promises, whatever it is made of. */
import fc from 'fast-check';
import type { Test } from 'tap';
import type { Codec } from '../../runtime/ports.ts';

const text = fc.string({ unit: 'grapheme' });
const number = fc.oneof(
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double().map((n) => (Object.is(n, -0) ? 0 : n)),
  fc.constantFrom(
    2 ** 31,
    2 ** 32 - 1,
    2 ** 32,
    -(2 ** 31) - 1,
    2 ** 48,
    Number.MAX_SAFE_INTEGER,
    Number.MIN_SAFE_INTEGER,
  ),
);
const bytes = fc.uint8Array({ maxLength: 300 });
const key = text.filter((word) => word !== '__proto__');
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(null, true, false, undefined),
    number,
    text,
    bytes,
    fc.array(tie('value'), { maxLength: 20 }),
    fc.dictionary(key, tie('value'), { maxKeys: 20, noNullPrototype: true }),
  ),
}));

/** Byte arrays may come back as a subclass. */
function alike(a: unknown, b: unknown): boolean {
  if (a instanceof Uint8Array) return b instanceof Uint8Array && Buffer.compare(a, b) === 0;
  if (a === null || typeof a !== 'object') return Object.is(a, b);
  if (b === null || typeof b !== 'object' || Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = Object.keys(a);
  const pairs = (one: object) => one as Record<string, unknown>;
  return keys.length === Object.keys(b).length && keys.every((key) => alike(pairs(a)[key], pairs(b)[key]));
}

export function codecContract(t: Test, codec: Codec): void {
  t.test('every plain value comes back', async () => {
    fc.assert(
      fc.property(value, (value) => {
        const packed = codec.pack(value);
        return packed instanceof Uint8Array && alike(value, codec.unpack(packed));
      }),
      {
        numRuns: 500,
        examples: [[{ $: 1 }], [{ $: ['bytes', ''] }], [{ constructor: 1, toString: null }], [[]], [{}]],
      },
    );
  });

  t.test('equal values make equal bytes, and packing leaves earlier bytes alone', async () => {
    fc.assert(
      fc.property(value, value, (one, two) => {
        const first = codec.pack(one);
        const copy = first.slice();
        codec.pack(two);
        return Buffer.compare(first, copy) === 0 && Buffer.compare(codec.pack(one), first) === 0;
      }),
      { numRuns: 200 },
    );
  });

  t.test('bytes that are not a whole value throw', async (t) => {
    fc.assert(
      fc.property(value, fc.nat(), (value, cut) => {
        const packed = codec.pack(value);
        return throws(codec, packed.slice(0, cut % packed.length)) && throws(codec, Buffer.concat([packed, packed]));
      }),
      { numRuns: 500 },
    );
    for (const wrong of [
      [],
      [0xc1],
      [0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
      [0xdf, 0xff, 0xff, 0xff, 0xff],
      [0xc6, 0xff, 0xff, 0xff, 0xff],
    ]) {
      t.ok(throws(codec, Uint8Array.from(wrong)), wrong.join(' '));
    }
  });

  t.test('what is unpacked can’t reach the prototype of objects', async (t) => {
    const packed = codec.pack({ __prot0__: { polluted: true }, ok: 1 });
    const evil = Buffer.from(Buffer.from(packed).toString('latin1').replace('__prot0__', '__proto__'), 'latin1');
    let unpacked: unknown;
    try {
      unpacked = codec.unpack(evil);
    } catch {
      unpacked = { ok: 'refused' };
    }
    t.equal((unpacked as { polluted?: unknown }).polluted, undefined);
    t.equal(Object.getPrototypeOf(unpacked), Object.prototype);
  });

  t.test('CRC-32 of IEEE 802.3', async (t) => {
    const crcOf = (words: string) => codec.crc32(new TextEncoder().encode(words));
    t.equal(crcOf('123456789'), 0xcbf43926);
    t.equal(crcOf(''), 0);
    t.equal(crcOf('The quick brown fox jumps over the lazy dog'), 0x414fa339);
  });
}

function throws(codec: Codec, bytes: Uint8Array): boolean {
  try {
    codec.unpack(bytes);
    return false;
  } catch {
    return true;
  }
}
