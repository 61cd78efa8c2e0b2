import fc from 'fast-check';
import t from 'tap';
import type { Archive } from '../../../runtime/ports.ts';
import { merged, mergeFrom } from '../../../runtime/snapshots/merge.ts';
import { Batch, packBlock, type Rows } from '../../../runtime/snapshots/rows.ts';
import {
  readSegment,
  type Segment,
  SegmentDamaged,
  verifySegment,
  writeSegment,
} from '../../../runtime/snapshots/segment.ts';
import { simCodec } from '../../../sim/codec.ts';

t.setTimeout(120_000);

type Value = Uint8Array | undefined;
type Row = readonly [key: string, value: Value];

/** Segments in memory, whose parts are as large as the test says. */
class MemoryArchive implements Archive {
  readonly segments = new Map<string, Uint8Array>();
  partBytes = 1_000;

  async put(name: string, parts: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
    const all: Uint8Array[] = [];
    for await (const part of parts) all.push(part);
    // A copy: slices of a Buffer would be views.
    this.segments.set(name, Uint8Array.from(Buffer.concat(all)));
  }

  async *get(name: string): AsyncIterable<Uint8Array> {
    const bytes = this.segments.get(name);
    if (bytes === undefined) throw new Error(`no segment ${name}`);
    for (let at = 0; at < bytes.length; at += this.partBytes) yield bytes.slice(at, at + this.partBytes);
  }

  async names(): Promise<readonly string[]> {
    return [...this.segments.keys()];
  }

  async remove(name: string): Promise<void> {
    this.segments.delete(name);
  }

  async pointer(): Promise<{ version: number; bytes: undefined }> {
    return { version: 0, bytes: undefined };
  }

  async point(): Promise<undefined> {}

  async close(): Promise<void> {}
}

class Bench {
  readonly archive = new MemoryArchive();
  readonly codec = simCodec;

  write(rows: readonly Row[], name = 'a'): Promise<Segment> {
    return writeSegment(name, batchesOf(rows), this);
  }

  async read(segment: Segment): Promise<Row[]> {
    return collected(readSegment(segment, this));
  }
}

async function* batchesOf(rows: Iterable<Row>): AsyncIterable<Rows> {
  let batch = new Batch();
  for (const [key, value] of rows) {
    batch.add(key, value);
    if (!batch.full) continue;
    yield batch;
    batch = new Batch();
  }
  yield batch;
}

function columnsOf(rows: readonly Row[]): Rows {
  return { keys: rows.map(([key]) => key), values: rows.map(([, value]) => value), bytes: 0 };
}

async function collected(batches: AsyncIterable<Rows>): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const { keys, values } of batches)
    for (const [i, key] of keys.entries()) rows.push([key, plain(values[i])]);
  return rows;
}

function plain(value: Value): Value {
  return value && Uint8Array.from(value);
}

function inOrder(rows: ReadonlyMap<string, Value>): Row[] {
  return [...rows].sort(([a], [b]) => (a < b ? -1 : 1));
}

const key = fc.string({
  unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
  minLength: 1,
  maxLength: 30,
});
const value = fc.option(fc.uint8Array({ maxLength: 300 }), { nil: undefined });
const rowsOf = fc
  .array(fc.tuple(key, value), { maxLength: 200 })
  .map((rows): ReadonlyMap<string, Value> => new Map(rows));

t.test('a segment reads as it was written, in parts of any size', async (t) => {
  const property = fc.asyncProperty(rowsOf, fc.integer({ min: 1, max: 5_000 }), async (rows, partBytes) => {
    const bench = new Bench();
    const segment = await bench.write(inOrder(rows));
    bench.archive.partBytes = partBytes;
    t.strictSame(await bench.read(segment), inOrder(rows));
    t.equal(segment.bytes, bench.archive.segments.get('a')?.length);
    t.equal(segment.rows, rows.size);
  });
  await fc.assert(property, { numRuns: 50 });
});

t.test('rows of every size, up to what a record holds', async (t) => {
  const bench = new Bench();
  const lengths = [0, 1, 64 * 1024, 300_000, 1_000_000];
  const rows = lengths.map(
    (length, i): Row => [`k${i}`.padEnd(i === 2 ? 1_000 : 2, '~'), new Uint8Array(length).fill(i)],
  );
  t.strictSame(await bench.read(await bench.write(rows)), rows);
  await t.rejects(bench.write([['k', new Uint8Array(5_000_000)]]), RangeError);
});

t.test('keys that nobody would find again are refused', async (t) => {
  const bench = new Bench();
  const one = Uint8Array.of(1);
  await t.rejects(bench.write([['ключ', one]]), TypeError);
  await t.rejects(
    bench.write([
      ['b', one],
      ['a', one],
    ]),
    /sorted/,
  );
  await t.rejects(
    bench.write([
      ['a', one],
      ['a', one],
    ]),
    /sorted/,
  );
});

t.test('every flipped bit, every cut, and every byte too many is noticed', async (t) => {
  const bench = new Bench();
  const rows = Array.from(
    { length: 12 },
    (_, i): Row => [`key ${i + 10}`, i % 4 === 3 ? undefined : new Uint8Array(i).fill(7)],
  );
  const segment = await bench.write(rows);
  const sound = bench.archive.segments.get('a') ?? new Uint8Array();
  const damaged: [string, Uint8Array][] = [['with a byte more', Uint8Array.of(...sound, 0)]];
  for (let at = 0; at < sound.length; at++) {
    damaged.push([`cut at ${at}`, sound.slice(0, at)]);
    for (let bit = 0; bit < 8; bit++) {
      const flipped = sound.slice();
      flipped[at] = (flipped[at] ?? 0) ^ (1 << bit);
      damaged.push([`bit ${bit} of byte ${at}`, flipped]);
    }
  }
  for (const [what, bytes] of damaged) {
    bench.archive.segments.set('a', bytes);
    const error = await bench.read(segment).catch((reason: unknown) => reason);
    if (!(error instanceof SegmentDamaged)) t.fail(`${what}: ${String(error)}`);
    await t.rejects(
      verifySegment(segment, bench, async () => {}),
      SegmentDamaged,
    );
  }
  t.ok(damaged.length > 500);
  bench.archive.segments.delete('a');
  await t.rejects(bench.read(segment), /no segment a/);
});

t.test('another segment under the name, or blocks in another order, are noticed', async (t) => {
  const bench = new Bench();
  const rows = Array.from(
    { length: 3_000 },
    (_, i): Row => [`key ${String(i).padStart(6, '0')}`, Uint8Array.of(i & 255)],
  );
  const segment = await bench.write(rows);
  await bench.write(
    rows.map(([key]) => [key, Uint8Array.of(9)]),
    'b',
  );
  const [a, b] = [bench.archive.segments.get('a'), bench.archive.segments.get('b')] as [Uint8Array, Uint8Array];
  t.equal(a.length, b.length);
  bench.archive.segments.set('a', b);
  await t.rejects(bench.read(segment), SegmentDamaged);
  const blockBytes = packBlock(columnsOf(rows.slice(0, 1_000)), simCodec).length;
  const [first, second] = [a.subarray(4, 4 + blockBytes), a.subarray(4 + blockBytes, 4 + 2 * blockBytes)];
  bench.archive.segments.set('a', Buffer.concat([a.subarray(0, 4), second, first, a.subarray(4 + 2 * blockBytes)]));
  await t.rejects(bench.read(segment), SegmentDamaged);
});

t.test('merged: the newest version of each row, in order, and no deletions in the oldest', async (t) => {
  const property = fc.asyncProperty(fc.array(rowsOf, { maxLength: 6 }), fc.boolean(), async (sources, keepDeleted) => {
    const all = new Map<string, Value>();
    for (const rows of sources) for (const [key, value] of rows) all.set(key, value);
    const expected = inOrder(all).filter(([, value]) => value !== undefined || keepDeleted);
    const batches = sources.map((rows) => batchesOf(inOrder(rows)));
    t.strictSame(await collected(merged(batches, keepDeleted)), expected);
  });
  await fc.assert(property, { numRuns: 100 });
});

t.test('merged: a source that breaks off breaks it off', async (t) => {
  async function* broken(): AsyncIterable<Rows> {
    yield { keys: ['a'], values: [undefined], bytes: 1 };
    throw new Error('broken off');
  }
  await t.rejects(collected(merged([batchesOf([['b', Uint8Array.of(1)]]), broken()], true)), /broken off/);
});

t.test('merging keeps segments few, and writes a byte again as often as there are doublings', async (t) => {
  const property = fc.property(
    fc.array(fc.integer({ min: 1, max: 1_000 }), { minLength: 1, maxLength: 400 }),
    (added) => {
      let sizes: number[] = [];
      let written = 0;
      for (const bytes of added) {
        sizes.push(bytes);
        written += bytes;
        const segments = sizes.map((bytes) => ({ name: '', bytes, rows: 0, digest: 0 }));
        const from = mergeFrom(segments, 50);
        if (from === undefined) continue;
        const merged = sizes.slice(from).reduce((a, b) => a + b);
        written += merged;
        sizes = [...sizes.slice(0, from), merged];
        t.equal(
          mergeFrom(
            sizes.map((bytes) => ({ name: '', bytes, rows: 0, digest: 0 })),
            50,
          ),
          undefined,
          'once is enough',
        );
      }
      const all = added.reduce((a, b) => a + b);
      t.ok(sizes.length <= 2 + Math.log2(all), `${sizes.length} segments of ${all} bytes`);
      t.ok(written <= all * (2 + Math.log(all) / Math.log(1.5)), `${written} bytes written for ${all}`);
    },
  );
  fc.assert(property);
});
