import fc from 'fast-check';
import t from 'tap';
import { msgpackCodec } from '../../runtime/io/codec.ts';
import { roughBytes } from '../../runtime/size.ts';
import { simCodec } from '../../sim/codec.ts';

const name = fc.stringMatching(/^[a-zA-Z_][a-zA-Z0-9_]{0,15}$/).filter((one) => one !== '__proto__');
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.string({ unit: 'binary', maxLength: 300 }),
    fc.string({ maxLength: 40 }),
    fc.integer(),
    fc.double(),
    fc.boolean(),
    fc.constantFrom(null, undefined),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie('value'), { maxLength: 20 }),
    fc.dictionary(name, tie('value'), { maxKeys: 20, noNullPrototype: true }),
  ),
}));

t.test('A9: a value is estimated at no less than it takes packed, and not far more', async (t) => {
  fc.assert(
    fc.property(value, (one) => {
      const packed = msgpackCodec.pack(one).byteLength;
      const estimate = roughBytes(one);
      return estimate >= packed && estimate <= 64 + packed * 9;
    }),
    { numRuns: 1_000 },
  );
  const text = { kind: 'message', text: 'x'.repeat(1_000), at: 1_700_000_000_000 };
  t.ok(roughBytes(text) < 1.1 * msgpackCodec.pack(text).byteLength, 'close, where text is most of it');
});

t.test('A10: what the codec would not give back is refused', async (t) => {
  class Point {
    readonly x = 1;
  }
  for (const one of [() => 1, Symbol('s'), 1n, new Map(), new Set(), new Date(), new Point(), [{ deep: [() => 1] }]]) {
    t.throws(() => roughBytes(one), TypeError);
  }
  let deep: unknown = 1;
  for (let i = 0; i < 100; i++) deep = [deep];
  t.throws(() => roughBytes(deep), TypeError);
  const plain = [null, undefined, true, 1.5, 'é', new Uint8Array(3), [1, [2]], { a: { b: 1 } }, Object.create(null)];
  for (const one of plain) {
    t.ok(roughBytes(one) > 0);
    t.doesNotThrow(() => simCodec.pack(one));
  }
});
