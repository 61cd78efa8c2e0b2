import fc from 'fast-check';
import t from 'tap';
import { Truncation } from '../../../runtime/snapshots/truncation.ts';
import { History, id, keyOf, type Reader } from './history.ts';

t.setTimeout(120_000);

type Step =
  | {
      readonly kind: 'write';
      readonly rows: readonly (readonly [number, string | undefined])[];
      readonly mail: number;
      readonly settle: number;
      readonly take: number;
    }
  | { readonly kind: 'bump' }
  | { readonly kind: 'zombie'; readonly rows: readonly (readonly [number, string])[]; readonly back: number }
  | { readonly kind: 'elsewhere' }
  | { readonly kind: 'snapshot' };

const value = fc.string({ maxLength: 40 });
const keys = fc.nat({ max: 60 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      rows: fc.array(fc.tuple(keys, fc.option(value, { nil: undefined })), { maxLength: 12 }),
      mail: fc.nat({ max: 3 }),
      settle: fc.nat({ max: 4 }),
      take: fc.nat({ max: 2 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'bump' as const }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('zombie' as const),
      rows: fc.array(fc.tuple(keys, value), { maxLength: 4 }),
      back: fc.integer({ min: 1, max: 2 }),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ kind: 'elsewhere' as const }) },
  { weight: 3, arbitrary: fc.constant({ kind: 'snapshot' as const }) },
);

function carryOut(history: History, step: Exclude<Step, { kind: 'snapshot' }>): void {
  switch (step.kind) {
    case 'write': {
      const to = step.rows.length % 3;
      const settled = Math.min(history.settledOf(to) + step.settle, history.sentTo(to));
      history.watermark += step.take;
      const { watermark } = history;
      history.write({
        rows: step.rows.map(([key, word]) => [keyOf(key), word]),
        mail: step.mail === 0 ? [] : [[to, step.mail]],
        taken: step.take === 0 ? [] : [{ source: 5, watermark, above: step.take === 2 ? [watermark + 2] : [] }],
        settled: settled === history.settledOf(to) ? [] : [[to, settled]],
      });
      return;
    }
    case 'bump':
      history.bump();
      return;
    case 'zombie':
      history.zombie({ rows: step.rows.map(([key, word]) => [keyOf(key), word]), mail: [[1, 1]] }, step.back);
      return;
    case 'elsewhere':
      history.elsewhere();
  }
}

async function catchUp(history: History, reader: Reader): Promise<void> {
  await history.until(reader.follow());
  await history.until(reader.store());
}

t.test('folded, merged and restored, with a cut journal: the same as the whole journal replayed', async (t) => {
  let snapshots = 0;
  let merges = 0;
  let cut = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 10, maxLength: 80 }),
      fc.integer({ min: 400, max: 20_000 }),
      async (steps, foldBytes) => {
        const history = new History({ snapshot_fold_bytes_max: foldBytes });
        history.bump();
        const owner = history.reader('owner');
        // Its store is as old as the snapshot before the newest: it must never have to begin anew.
        const lagging = history.reader('lagging').disk;
        const cutter = new Truncation(owner.ports, 1);
        for (const one of steps) {
          if (one.kind !== 'snapshot') {
            carryOut(history, one);
            continue;
          }
          const before = (await history.manifest())?.segments.length ?? 0;
          const maker = await history.until(owner.maker());
          await history.until(maker.renew());
          snapshots++;
          const manifest = await history.manifest();
          if ((manifest?.segments.length ?? 0) <= before) merges++;
          if (manifest?.segments.length === 1) t.equal(manifest.segments[0]?.rows, history.rows.size, 'no deletions');
          // Of a cluster of one partition, which the test's is not.
          const seq = manifest?.previousFloorSeq ?? 0;
          if (seq > 0) await history.until(owner.ports.journal.truncate(seq));
          t.equal(cutter.cutSeq, 0);
          lagging.kill();
          const late = history.reader('lagging', lagging);
          await catchUp(history, late);
          t.strictSame(late.said, []);
          late.kill();
        }
        if ((history.log.entries(id)[0]?.seq ?? 0) > 1) cut++;
        await catchUp(history, owner);
        const heir = await history.rebuilt();
        const expected = owner.rows();
        t.strictSame(heir.rows(), expected);
        expected.delete(' meta ');
        t.strictSame(expected, new Map([...history.rows].sort(([a], [b]) => (a < b ? -1 : 1))));
      },
    ),
    { numRuns: 60 },
  );
  t.ok(
    snapshots > 120 && merges > 50 && cut > 20,
    `${snapshots} snapshots, ${merges} with merges, ${cut} cut journals`,
  );
});
