import fc from 'fast-check';
import t from 'tap';
import { msgpackCodec } from '../../runtime/io/codec.ts';
import {
  CorruptRecord,
  decodeRecord,
  encodeRecord,
  type PartitionRecord,
  packTaken,
  recordId,
  unpackTaken,
} from '../../runtime/record.ts';
import { simCodec } from '../../sim/codec.ts';

/** Objects as literals make them. */
const shape = { noNullPrototype: true } as const;
const text = fc.stringMatching(/^[a-z]{1,8}\/[a-z0-9]{1,12}$/);
const counter = fc.nat(2 ** 31);
const mail = fc.record(
  {
    seq: counter,
    to: text,
    from: text,
    body: fc.record({ kind: fc.string(), n: fc.integer(), text: fc.string() }, shape),
    asker: fc.option(fc.record({ to: text, tag: fc.string() }, shape), { nil: undefined }),
    // In no record: it comes back as none.
    trace: fc.constant(undefined),
  },
  shape,
);
const taken = fc
  .record({ source: fc.nat(255), watermark: counter, offsets: fc.uniqueArray(fc.integer({ min: 1, max: 4_096 })) })
  .map(({ source, watermark, offsets }) => ({
    source,
    watermark,
    above: offsets.map((offset) => watermark + offset).sort((a, b) => a - b),
  }));
const row = fc.tuple(fc.string({ minLength: 1 }), fc.option(fc.uint8Array({ maxLength: 40 })));
const records: fc.Arbitrary<PartitionRecord> = fc.record(
  {
    type: fc.constantFrom('turns' as const, 'bump' as const),
    partition: fc.nat(255),
    epoch: counter,
    number: counter,
    writer: fc.string(),
    previousSeq: counter,
    at: counter,
    rows: fc.array(row, { maxLength: 6 }).map((rows) => rows.flat()),
    outbox: fc.array(fc.record({ to: fc.nat(255), mails: fc.array(mail, { maxLength: 3 }) }, shape), { maxLength: 3 }),
    taken: fc.array(taken, { maxLength: 3 }),
    settled: fc.array(fc.tuple(fc.nat(255), counter), { maxLength: 3 }),
  },
  shape,
);

/** Byte arrays compare by content, whatever class the codec gives them. */
function plain(record: PartitionRecord): unknown {
  return { ...record, rows: record.rows.map((value) => (value instanceof Uint8Array ? [...value] : value)) };
}

for (const [name, codec] of [
  ['the real codec', msgpackCodec],
  ['the simulated codec', simCodec],
] as const) {
  t.test(`A3: what a record says comes back, with ${name}`, async (t) => {
    fc.assert(
      fc.property(records, (record) => {
        t.strictSame(plain(decodeRecord(encodeRecord(record, codec), codec)), plain(record));
      }),
      { numRuns: 60 },
    );
  });
}

t.test('A3: any byte of a record changed, or its end missing, is noticed', async (t) => {
  const [record] = fc.sample(records, { numRuns: 1, seed: 3 });
  const bytes = encodeRecord(record as PartitionRecord, msgpackCodec);
  for (let at = 0; at < bytes.length; at++) {
    for (let bit = 0; bit < 8; bit++) {
      const wrong = bytes.slice();
      wrong[at] = (wrong[at] ?? 0) ^ (1 << bit);
      if (!isRefused(wrong)) t.fail(`bit ${bit} of byte ${at}`);
    }
    if (!isRefused(bytes.subarray(0, at))) t.fail(`cut at ${at}`);
  }
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, by) => {
      const wrong = bytes.slice();
      wrong[at] = ((wrong[at] ?? 0) + by) & 0xff;
      return isRefused(wrong);
    }),
  );
  t.ok(isRefused(new Uint8Array([...bytes, 0])), 'something appended');
});

function isRefused(bytes: Uint8Array): boolean {
  try {
    decodeRecord(bytes, msgpackCodec);
    return false;
  } catch (error) {
    return error instanceof CorruptRecord;
  }
}

t.test('A3: a record of another layout is refused in words', async (t) => {
  const [record] = fc.sample(records, { numRuns: 1, seed: 3 });
  const bytes = encodeRecord(record as PartitionRecord, msgpackCodec);
  bytes[4] = 99;
  new DataView(bytes.buffer).setUint32(0, msgpackCodec.crc32(bytes.subarray(4)));
  t.throws(() => decodeRecord(bytes, msgpackCodec), /layout 99/);
});

t.test('A3: a record’s id names its partition, epoch and number', async (t) => {
  const [record] = fc.sample(records, { numRuns: 1 });
  t.equal(recordId({ ...(record as PartitionRecord), partition: 3, epoch: 7, number: 12 }), '3/7/12');
});

t.test('A6: what was handled out of order takes a bit a mail in the record, not a number', async (t) => {
  const above = Array.from({ length: 2_048 }, (_, i) => 1_000_002 + 2 * i);
  const one = { source: 1, watermark: 1_000_000, above };
  const packed = packTaken(one);
  t.ok(msgpackCodec.pack(packed).length < 600);
  t.strictSame(unpackTaken(packed), one);
});
