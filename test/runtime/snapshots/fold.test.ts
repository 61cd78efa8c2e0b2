import t from 'tap';
import { CorruptRecord } from '../../../runtime/record.ts';
import { fold, inOrder } from '../../../runtime/snapshots/fold.ts';
import { ChainBroken, type StoredPosition } from '../../../runtime/standing.ts';
import { History, id, keyOf } from './history.ts';

function folded(history: History, from: StoredPosition | undefined, toSeq = history.endSeq) {
  const { ports } = history.reader('owner');
  const { limits } = history;
  return history.until(fold(id, from, toSeq, { ports, limits, pace: async () => {} }));
}

function text(bytes: Uint8Array | undefined): string | undefined {
  return bytes && Buffer.from(bytes).toString('latin1');
}

t.test('the last value of each row, and where the partition stands then', async (t) => {
  const history = new History();
  history.bump();
  history.write({
    rows: [
      [keyOf(1), 'a'],
      [keyOf(2), 'b'],
    ],
    mail: [[6, 3]],
  });
  history.write({
    rows: [
      [keyOf(1), 'c'],
      [keyOf(2), undefined],
      [keyOf(3), 'd'],
    ],
    settled: [[6, 1]],
    taken: [{ source: 4, watermark: 9, above: [12] }],
  });
  history.zombie({
    rows: [
      [keyOf(1), 'zombie'],
      [keyOf(9), 'zombie'],
    ],
  });
  const { rows, position, complete } = await folded(history, undefined, history.endSeq - 1);
  t.ok(complete);
  t.strictSame(
    [...rows].map(([key, value]) => [key, text(value)]),
    [
      [keyOf(1), '"c"\n'],
      [keyOf(2), undefined],
      [keyOf(3), '"d"\n'],
    ],
  );
  t.match(position, { epoch: 2, number: 3, seq: 3, out: [[6, 4, 1]], outboxFromSeq: 2 });
  history.bump();
  history.write({ rows: [[keyOf(3), 'e']], settled: [[6, 3]] });
  const next = await folded(history, position);
  t.strictSame(
    [...next.rows].map(([key, value]) => [key, text(value)]),
    [[keyOf(3), '"e"\n']],
    'only what is new',
  );
  t.match(next.position, { epoch: 3, number: 5, seq: 6, out: [[6, 4, 3]], outboxFromSeq: 0 });
});

t.test('memory is bounded: it ends early, in a place to go on from', async (t) => {
  const history = new History({ snapshot_fold_bytes_max: 2_000 });
  history.bump();
  for (let i = 0; i < 60; i++)
    history.write({ rows: [[keyOf(i), 'x'.repeat(100)]], mail: [[6, 1]], settled: i > 3 ? [[6, i - 2]] : [] });
  const all = new Map<string, string | undefined>();
  let position: StoredPosition | undefined;
  let parts = 0;
  for (let complete = false; !complete; parts++) {
    const part = await folded(history, position);
    t.ok(part.rows.size <= 12, `${part.rows.size} rows`);
    for (const [key, value] of part.rows) all.set(key, text(value));
    ({ position, complete } = part);
  }
  t.ok(parts >= 5, `${parts} parts`);
  t.equal(all.size, 60);
  t.strictSame(position, (await folded(new Unbounded(history), undefined)).position);
});

/** The same journal, read by somebody with more memory. */
class Unbounded extends History {
  constructor({ log, endSeq }: History) {
    super();
    Object.assign(this, { log, time: log.time, endSeq });
  }
}

t.test('a journal that does not continue the snapshot is noticed', async (t) => {
  const history = new History();
  history.bump();
  for (let i = 0; i < 20; i++) history.write({ rows: [[keyOf(i), 'x']], mail: i === 4 ? [[6, 1]] : [] });
  const { position } = await folded(history, undefined, 12);
  t.equal(position.outboxFromSeq, 6);

  await t.rejects(folded(history, { ...position, epoch: 7 }), ChainBroken, 'another history');
  await t.rejects(folded(history, position, history.endSeq + 1), ChainBroken, 'a journal that ends early');
  history.log.truncate(7);
  await t.rejects(folded(history, position), ChainBroken, 'mail that is not settled was cut away');
  await t.rejects(folded(history, undefined), ChainBroken, 'a journal without its beginning');
  history.log.truncate(15);
  await t.rejects(
    folded(history, { ...position, out: [], outboxFromSeq: 0 }),
    ChainBroken,
    'the record that it stands at is gone',
  );
});

t.test('a damaged record is no end of the journal', async (t) => {
  const history = new History();
  history.bump();
  for (let i = 0; i < 5; i++) history.write({ rows: [[keyOf(i), 'x']] });
  const bytes = history.log.entries(id)[3]?.bytes ?? new Uint8Array();
  bytes[20] = (bytes[20] ?? 0) ^ 1;
  await t.rejects(folded(history, undefined), CorruptRecord);
});

t.test('rows are sorted, however many, and deletions stay where they hide something', async (t) => {
  const rows = new Map<string, Uint8Array | undefined>();
  const random = new History().random;
  for (let i = 0; i < 10_500; i++)
    rows.set(keyOf(random.between(0, 1_000_000)), i % 10 === 0 ? undefined : Uint8Array.of(i & 255));
  for (const keepDeleted of [true, false]) {
    const keys: string[] = [];
    let longest = 0;
    let done = 0;
    const pace = async (bytes: number): Promise<void> => {
      longest = Math.max(longest, bytes);
      done += bytes;
    };
    for await (const batch of inOrder(rows, keepDeleted, pace)) {
      for (const [i, key] of batch.keys.entries()) {
        keys.push(key);
        if (batch.values[i] !== rows.get(key)) t.fail(key);
      }
    }
    t.strictSame(keys, [...rows.keys()].filter((key) => keepDeleted || rows.get(key) !== undefined).sort());
    t.ok(longest <= 128 * 1024 && done > rows.size * 150, `${done} in all, at most ${longest} at once`);
  }
});
