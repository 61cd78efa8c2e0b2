/** What every Store promises, whatever it is made of. */
import fc from 'fast-check';
import type { Test } from 'tap';
import type { Store, StoreRange, StoreWrite } from '../../runtime/ports.ts';

export interface StoreWorld {
  /** Of at least 4 partitions, empty. */
  readonly store: Store;
  /** Waits; where time is simulated, lets it pass. */
  readonly settle: <T>(promise: Promise<T>) => Promise<T>;
  /** How often the property is tried. */
  readonly runs: number;
  close(): Promise<void>;
}

export function bytesOf(words: string): Uint8Array {
  return new TextEncoder().encode(words);
}

export function wordsOf(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : Buffer.from(bytes).toString();
}

function put(partition: number, key: string, words: string = key): StoreWrite {
  return { partition, key, value: bytesOf(words) };
}

function keysOf(store: Store, partition: number, range: StoreRange): string {
  return [...store.range(partition, range)].map(([key]) => key).join(' ');
}

export function storeContract(t: Test, open: () => Promise<StoreWorld>): void {
  const test = (title: string, body: (t: Test, world: StoreWorld) => Promise<void>) =>
    t.test(title, async (t) => {
      const world = await open();
      t.teardown(() => world.close());
      await body(t, world);
    });
  test('rows are put, replaced and deleted, each partition by itself', rowsTest);
  test('the order of writes in a call, and of calls, counts', orderTest);
  test('a range', rangeTest);
  test('values are what they were, whatever is written later', valuesTest);
  test('a write that is not right changes nothing', refusalTest);
  test('a partition is dropped whole, and alone', dropTest);
  test('rows are checked in slices', verifyTest);
  test('twenty thousand rows in one write', largeTest);
  test('a closed store says so', closedTest);
  test('any course of writes and ranges is that of a sorted map', propertyTest);
}

async function rowsTest(t: Test, { store, settle }: StoreWorld): Promise<void> {
  t.equal(store.get(0, 'a'), undefined);
  await settle(store.write([put(0, 'a', 'one'), put(1, 'a', 'other')]));
  t.equal(wordsOf(store.get(0, 'a')), 'one');
  await settle(store.write([put(0, 'a', 'two'), { partition: 0, key: 'never there', value: undefined }]));
  t.equal(wordsOf(store.get(0, 'a')), 'two');
  await settle(store.write([{ partition: 0, key: 'a', value: undefined }]));
  t.equal(store.get(0, 'a'), undefined);
  t.equal(wordsOf(store.get(1, 'a')), 'other');
  await settle(store.write([]));
  await settle(store.flushed());
  t.equal(wordsOf(store.get(1, 'a')), 'other');
}

async function orderTest(t: Test, { store, settle }: StoreWorld): Promise<void> {
  const remove = { partition: 0, key: 'a', value: undefined };
  await settle(store.write([put(0, 'a', '1'), remove, put(0, 'a', '2'), put(0, 'b'), { ...remove, key: 'b' }]));
  t.equal(wordsOf(store.get(0, 'a')), '2');
  t.equal(store.get(0, 'b'), undefined);
  const writes = Array.from({ length: 50 }, (_, i) => store.write([put(0, 'n', `${i}`), put(0, `n${i}`)]));
  await settle(writes[20] as Promise<void>);
  t.ok(Number(wordsOf(store.get(0, 'n'))) >= 20, 'what has resolved is visible');
  await settle(Promise.all(writes));
  t.equal(wordsOf(store.get(0, 'n')), '49');
}

async function rangeTest(t: Test, { store, settle }: StoreWorld): Promise<void> {
  const keys = ['a', 'b', 'b/1', 'b/10', 'b/2', 'b0', 'c', '~'];
  await settle(store.write([...keys].reverse().map((key) => put(1, key))));
  await settle(store.write([put(0, '~~~'), put(2, '!')]));
  const all = keys.join(' ');
  t.equal(keysOf(store, 1, { from: '', to: '\x7f' }), all, 'byte order, and no other partition');
  t.equal(keysOf(store, 1, { from: '', to: '\x7f', reverse: true }), [...keys].reverse().join(' '));
  t.equal(keysOf(store, 1, { from: 'b/', to: 'b0' }), 'b/1 b/10 b/2', 'from is in, to is not');
  t.equal(keysOf(store, 1, { from: 'b/1', to: 'b/2' }), 'b/1 b/10');
  t.equal(keysOf(store, 1, { from: 'b/1', to: 'b/2', reverse: true }), 'b/10 b/1');
  t.equal(keysOf(store, 1, { from: 'b', to: 'c', limit: 2 }), 'b b/1');
  t.equal(keysOf(store, 1, { from: 'b', to: 'c', limit: 2, reverse: true }), 'b0 b/2');
  t.equal(keysOf(store, 1, { from: 'b', to: 'c', limit: 0 }), '');
  t.equal(keysOf(store, 1, { from: 'c', to: 'b' }), '');
  t.equal(keysOf(store, 1, { from: 'x', to: 'y', reverse: true }), '');
  t.equal(keysOf(store, 3, { from: '', to: '~' }), '');
  for (const [key] of store.range(1, { from: 'a', to: 'c' })) if (key === 'b') break;
  t.equal(keysOf(store, 1, { from: '', to: '\x7f' }), all, 'a range left early does no harm');
}

async function valuesTest(t: Test, { store, settle }: StoreWorld): Promise<void> {
  const sizes = [0, 1, 63, 64, 4_095, 4_096, 40_000, 300_000];
  const bytesFor = (size: number, salt: number) => Uint8Array.from({ length: size }, (_, i) => (i * 7 + salt) % 256);
  const keyOf = (size: number) => `value/${String(size).padStart(7, '0')}`;
  const writeAll = (salt: number) =>
    settle(store.write(sizes.map((size) => ({ partition: 0, key: keyOf(size), value: bytesFor(size, salt) }))));
  await writeAll(1);
  const got = sizes.map((size) => store.get(0, keyOf(size)));
  const ranged = [...store.range(0, { from: '', to: '~' })];
  await writeAll(2);
  await settle(store.drop(0));
  await writeAll(3);
  for (const [i, size] of sizes.entries()) {
    t.equal(Buffer.compare(got[i] ?? bytesOf('none'), bytesFor(size, 1)), 0, `get of ${size} bytes`);
    t.equal(Buffer.compare(ranged[i]?.[1] ?? bytesOf('none'), bytesFor(size, 1)), 0, `range with ${size} bytes`);
    t.equal(got[i]?.length, size);
  }
  store.get(0, keyOf(4_096))?.fill(0);
  t.equal(
    Buffer.compare(store.get(0, keyOf(4_096)) ?? bytesOf('none'), bytesFor(4_096, 3)),
    0,
    'a value is the reader’s',
  );
}

async function refusalTest(t: Test, { store, settle }: StoreWorld): Promise<void> {
  const longest = 'k'.repeat(1_000);
  await settle(store.write([put(0, longest, 'long')]));
  t.equal(wordsOf(store.get(0, longest)), 'long');
  t.equal(keysOf(store, 0, { from: longest, to: `${longest}~` }), longest);
  for (const key of ['', `${longest}k`]) {
    await t.rejects(settle(store.write([put(0, 'first'), put(0, key)])), RangeError);
  }
  t.equal(store.get(0, 'first'), undefined);
}

async function dropTest(t: Test, { store, settle }: StoreWorld): Promise<void> {
  await settle(
    store.write([0, 1, 2].flatMap((partition) => Array.from({ length: 500 }, (_, i) => put(partition, `k${i}`)))),
  );
  const dropped = store.drop(1);
  const written = store.write([put(1, 'new')]);
  await settle(Promise.all([dropped, written]));
  t.equal(keysOf(store, 1, { from: '', to: '~' }), 'new');
  for (const partition of [0, 2]) t.equal([...store.range(partition, { from: '', to: '~' })].length, 500);
  await settle(store.drop(3));
}

async function verifyTest(t: Test, { store, settle }: StoreWorld): Promise<void> {
  t.equal(store.verify(0, undefined, 10), undefined, 'nothing');
  const keys = Array.from({ length: 25 }, (_, i) => `k/${i + 10}`);
  await settle(store.write(keys.map((key) => put(0, key))));
  await settle(store.write([put(1, 'a'), put(1, 'z')]));
  t.equal(store.verify(0, undefined, 10), 'k/19');
  t.equal(store.verify(0, 'k/19', 10), 'k/29');
  // The end may be told with the last rows, or when it is asked what follows them.
  for (const [after, rowsMax] of [['k/29', 10] as const, [undefined, 25] as const, ['k/33', 1] as const])
    t.ok([undefined, 'k/34'].includes(store.verify(0, after, rowsMax)));
  t.equal(store.verify(0, 'k/34', 10), undefined);
  t.equal(store.verify(0, undefined, 24), 'k/33');
  await settle(store.write([{ partition: 0, key: 'k/29', value: undefined }]));
  t.equal(store.verify(0, 'k/29', 4), 'k/33', 'after a row that is gone');
  t.equal(store.verify(0, 'zzz', 4), undefined);
  t.equal(store.verify(1, undefined, 1), 'a');
}

async function largeTest(t: Test, { store, settle }: StoreWorld): Promise<void> {
  const keyOf = (i: number) => `row/${String(i).padStart(6, '0')}`;
  const value = bytesOf('x'.repeat(100));
  await settle(store.write(Array.from({ length: 20_000 }, (_, i) => ({ partition: i % 4, key: keyOf(i), value }))));
  for (const partition of [0, 1, 2, 3]) {
    const rows = [...store.range(partition, { from: '', to: '~' })];
    t.equal(rows.length, 5_000);
    t.equal(rows[1]?.[0], keyOf(4 + partition));
  }
}

async function closedTest(t: Test, { store, settle }: StoreWorld): Promise<void> {
  const writes = [store.write([put(0, 'a')]), store.write([put(0, 'b')])];
  await settle(Promise.all([...writes, store.close()]));
  await settle(store.close());
  t.throws(() => store.get(0, 'a'), /closed/);
  t.throws(() => [...store.range(0, { from: '', to: '~' })], /closed/);
  t.throws(() => store.verify(0, undefined, 1), /closed/);
  await t.rejects(settle(store.write([put(0, 'c')])), /closed/);
  await t.rejects(settle(store.drop(0)), /closed/);
}

const key = fc.string({ unit: fc.constantFrom('a', 'b', '/', '0', '~', ' '), minLength: 1, maxLength: 4 });
const bound = fc.string({ unit: fc.constantFrom('a', 'b', '/', '0', '~', ' '), maxLength: 3 });
const course = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        writes: fc.array(
          fc.record({
            partition: fc.nat({ max: 1 }),
            key,
            value: fc.option(fc.string({ maxLength: 6 }), { nil: undefined }),
          }),
        ),
      }),
    },
    { weight: 1, arbitrary: fc.record({ drop: fc.nat({ max: 1 }) }) },
  ),
  { maxLength: 5 },
);
const ranges = fc.array(
  fc.record(
    { from: bound, to: bound, limit: fc.nat({ max: 5 }), reverse: fc.boolean() },
    { requiredKeys: ['from', 'to'] },
  ),
  { minLength: 1, maxLength: 6 },
);

async function propertyTest(_t: Test, { store, settle, runs }: StoreWorld): Promise<void> {
  await fc.assert(
    fc.asyncProperty(course, ranges, async (changes, asked) => {
      await settle(Promise.all([store.drop(0), store.drop(1)]));
      const model = [new Map<string, string>(), new Map<string, string>()];
      for (const change of changes) {
        if ('drop' in change) {
          model[change.drop]?.clear();
          await settle(store.drop(change.drop));
          continue;
        }
        for (const { partition, key, value } of change.writes) {
          if (value === undefined) model[partition]?.delete(key);
          else model[partition]?.set(key, value);
        }
        await settle(
          store.write(
            change.writes.map((row) => ({ ...row, value: row.value === undefined ? undefined : bytesOf(row.value) })),
          ),
        );
      }
      for (const range of asked) {
        for (const [partition, rows] of model.entries()) {
          const found = [...store.range(partition, range)].map(([key, value]) => [key, wordsOf(value)]);
          const right = rangeOf(rows, range);
          if (JSON.stringify(found) !== JSON.stringify(right)) throw new Error(JSON.stringify({ range, found, right }));
        }
      }
    }),
    { numRuns: runs },
  );
}

function rangeOf(rows: ReadonlyMap<string, string>, { from, to, limit, reverse }: StoreRange): [string, string][] {
  const sorted = [...rows].filter(([key]) => key >= from && key < to).sort(([a], [b]) => (a < b ? -1 : 1));
  if (reverse) sorted.reverse();
  return sorted.slice(0, limit);
}
