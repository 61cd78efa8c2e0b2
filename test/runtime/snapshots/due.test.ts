import fc from 'fast-check';
import t from 'tap';
import { defaultLimits } from '../../../runtime/index.ts';
import { due, type Progress } from '../../../runtime/snapshots/due.ts';
import type { Manifest } from '../../../runtime/snapshots/manifest.ts';
import { truncationFloor } from '../../../runtime/snapshots/truncation.ts';

const limits = {
  ...defaultLimits,
  snapshot_bytes: 1_000,
  snapshot_records: 100,
  snapshot_first_ms: 500,
  snapshot_span_entries_max: 50,
};

function manifest(seq: number, floorSeq = seq, previousFloorSeq = floorSeq): Manifest {
  const position = {
    epoch: 1,
    number: seq,
    seq,
    chain: 0,
    out: [],
    taken: [],
    outboxFromSeq: floorSeq === seq ? 0 : floorSeq,
  };
  return { position, segments: [], at: 0, floorSeq, previousFloorSeq };
}

function progress(seq: number, more: Partial<Progress> = {}): Progress {
  const position = { epoch: 1, number: seq, seq, chain: 0 };
  return {
    position,
    newBytes: 0,
    oldestMailSeq: undefined,
    servedMs: 0,
    newestSeq: seq,
    manifest: manifest(seq),
    anchoredSeq: undefined,
    ...more,
  };
}

t.test('due: after so many bytes, or records, or when there is none after a while', async (t) => {
  t.equal(due(progress(10, { newBytes: 999 }), limits), 'no');
  t.equal(due(progress(10, { newBytes: 1_000 }), limits), 'now');
  t.equal(due(progress(109, { manifest: manifest(10, 10, 10), newestSeq: 60 }), limits), 'no');
  t.equal(due(progress(110, { manifest: manifest(10, 10, 10), newestSeq: 60 }), limits), 'now');
  const first = { manifest: undefined };
  t.equal(due(progress(10, { ...first, servedMs: 499 }), limits), 'no');
  t.equal(due(progress(10, { ...first, servedMs: 500 }), limits), 'now');
  t.equal(due(progress(100, first), limits), 'now');
});

t.test('due: a partition without news makes two snapshots, once the journal has gone so far', async (t) => {
  const news = (newestSeq: number, of: Manifest, more: Partial<Progress> = {}) =>
    due(progress(of.position.seq, { newestSeq, manifest: of, ...more }), limits);
  t.equal(news(60, manifest(10)), 'no');
  t.equal(news(61, manifest(10)), 'anchor', 'its last record itself lies too far back');
  const anchored = { anchoredSeq: 10 };
  t.equal(news(61, manifest(10), anchored), 'anchor', 'and is not written yet');
  const position = { epoch: 1, number: 11, seq: 62, chain: 0 };
  t.equal(news(62, manifest(10), { ...anchored, position }), 'now');
  t.equal(news(62, manifest(62, 62, 10), { position }), 'now', 'the snapshot before holds the journal up still');
  t.equal(news(62, manifest(62), { position }), 'no');
});

t.test('due: what the journal has not heard of settled mail is told it; mail that nobody takes stays', async (t) => {
  const lagging = { newestSeq: 100, manifest: manifest(99, 10, 10) };
  t.equal(due(progress(99, lagging), limits), 'anchor');
  t.equal(due(progress(99, { ...lagging, oldestMailSeq: 10 }), limits), 'no');
  t.equal(due(progress(99, { ...lagging, oldestMailSeq: 98 }), limits), 'anchor');
});

t.test('truncation: nothing that any partition’s newest snapshot, or the one before, needs', async (t) => {
  t.equal(truncationFloor([]), 0);
  t.equal(truncationFloor([manifest(9, 9, 5), undefined]), 0, 'a partition without a snapshot needs all');
  t.equal(truncationFloor([manifest(9, 9, 5), manifest(20, 12, 0)]), 0, 'and so does one with its first');
  t.equal(truncationFloor([manifest(9, 9, 7), manifest(20, 12, 6), manifest(30)]), 6);
  const seqs = fc
    .tuple(fc.nat(), fc.nat(), fc.nat())
    .map((three) => three.sort((a, b) => a - b) as [number, number, number]);
  fc.assert(
    fc.property(fc.array(seqs, { minLength: 1 }), (all) => {
      const floor = truncationFloor(all.map(([previous, floor, seq]) => manifest(seq, floor, previous)));
      t.ok(all.every((three) => three.every((seq) => floor <= seq)));
    }),
  );
});
