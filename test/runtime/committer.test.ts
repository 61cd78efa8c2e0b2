import t from 'tap';
import type { AppendOutcome } from '../../runtime/ports.ts';
import { encodeRecord } from '../../runtime/record.ts';
import { simCodec } from '../../sim/codec.ts';
import { act, list } from './ledger.ts';
import { Stage, type StageOptions } from './stage.ts';

const busy: AppendOutcome = { kind: 'busy', reason: 'made up' };
const unknown: AppendOutcome = { kind: 'unknown', reason: 'made up' };
const mismatch: AppendOutcome = { kind: 'mismatch' };
const duplicate: AppendOutcome = { kind: 'duplicate' };

/** A word added in each of some partitions, and their one append held. */
async function staged(partitions: number, limits: StageOptions['limits'] = {}): Promise<Stage> {
  const stage = new Stage({ behaviours: [list()], partitions, limits });
  for (let id = 0; id < partitions; id++) {
    const key = Array.from({ length: 99 }, (_, i) => `k${i}`).find((k) => stage.partitionOf(`list/${k}`) === id);
    stage.ask(stage.add(id), `list/${key}`, act({ add: 'w' }));
  }
  await stage.turns();
  return stage;
}

/** The journal's log as another owner of a later epoch left it. */
function usurp(stage: Stage, id: number, epoch = 2): void {
  const record = {
    type: 'bump' as const,
    partition: id,
    epoch,
    number: 1,
    writer: 'n2.y',
    previousSeq: stage.open.get(id)?.position.seq ?? 0,
    at: 0,
    rows: [],
    outbox: [],
    taken: [],
    settled: [],
  };
  stage.journal.put(id, encodeRecord(record, simCodec));
}

t.test(
  'A2: an append carries the sequence of the last record, and one of a partition is in flight at a time',
  async (t) => {
    const stage = await staged(2, { appends_in_flight_max: 3 });
    t.strictSame(
      stage.journal.oldest.batch.map(({ partition, expectedSeq, id }) => [partition, expectedSeq, id]),
      [
        [0, 0, '0/1/1'],
        [1, 0, '1/1/1'],
      ],
    );
    const partition = stage.open.get(0);
    if (partition === undefined) return;
    for (let i = 0; i < 5; i++) {
      stage.ask(partition, 'list/x', act({ add: `w${i}` }));
      await stage.turns();
    }
    t.equal(stage.journal.waiting.length, 1);
    stage.journal.answer();
    await stage.turns();
    t.equal(stage.journal.waiting.length, 1, 'all that gathered meanwhile is one record');
    t.strictSame(
      stage.journal.oldest.batch.map(({ expectedSeq, id }) => [expectedSeq, id]),
      [[1, '0/1/2']],
    );
  },
);

t.test('A2: no more appends than the limit are in flight', async (t) => {
  const stage = await staged(4, { append_batch_max: 1, appends_in_flight_max: 2 });
  t.equal(stage.journal.waiting.length, 2);
  stage.journal.answer();
  await stage.turns();
  t.equal(stage.journal.waiting.length, 2);
});

for (const outcome of [busy, unknown]) {
  t.test(`A2: after "${outcome.kind}" the same bytes are sent again, and the next record waits`, async (t) => {
    const stage = await staged(1);
    const first = stage.journal.oldest.batch[0];
    for (let i = 0; i < 4; i++) {
      stage.journal.answer(outcome);
      await stage.time.pass(2_000);
      t.strictSame(stage.journal.oldest.batch[0], first);
      t.strictSame(stage.released, []);
    }
    await stage.commitAll();
    t.strictSame(stage.replies, [1]);
    t.equal(stage.records().length, 1);
  });
}

t.test('A2: an append that landed unheard counts once, however the journal says so', async (t) => {
  for (const second of [duplicate, mismatch]) {
    const stage = await staged(2);
    stage.journal.land();
    stage.journal.answer(unknown);
    await stage.time.pass(2_000);
    stage.journal.answer(second);
    await stage.time.pass(2_000);
    t.equal(stage.journal.waiting.length, 0, second.kind);
    t.strictSame(stage.replies, [1, 1]);
    t.strictSame([stage.open.get(0)?.position.seq, stage.open.get(1)?.position.seq], [1, 2]);
    t.strictSame([stage.records(0).length, stage.records(1).length], [1, 1]);
  }
});

t.test('A2: a mismatch that is another owner’s doing fences for good', async (t) => {
  const stage = await staged(1);
  usurp(stage, 0);
  stage.journal.answer(mismatch);
  await stage.time.pass(5_000);
  t.strictSame(stage.fencedOff, [stage.open.get(0)]);
  t.strictSame([stage.released, stage.journal.waiting], [[], []]);
  stage.committer.kick();
  t.strictSame(stage.journal.waiting, [], 'it never appends again');
});

t.test('A2: another process of the same epoch and number is another owner all the same', async (t) => {
  const stage = await staged(1);
  usurp(stage, 0, 1);
  stage.journal.answer(mismatch);
  await stage.time.pass(100);
  t.equal(stage.fencedOff.length, 1);
});

t.test('A2: a journal that has lost its end fences too', async (t) => {
  const stage = await staged(1);
  stage.journal.answer();
  await stage.turns();
  const partition = stage.open.get(0);
  if (partition === undefined) return;
  stage.ask(partition, 'list/x', act({ add: 'x' }));
  await stage.turns();
  stage.journal.logs.clear();
  stage.journal.answer(mismatch);
  await stage.time.pass(100);
  t.equal(stage.fencedOff.length, 1);
});

t.test('A2: of a batch that is refused, the fenced partition is dropped and the others are sent again', async (t) => {
  const stage = await staged(4);
  const before = stage.journal.oldest.batch;
  usurp(stage, 2);
  stage.journal.answer(mismatch);
  await stage.time.pass(100);
  t.strictSame(stage.fencedOff, [stage.open.get(2)]);
  t.strictSame(
    stage.journal.oldest.batch,
    before.filter(({ partition }) => partition !== 2),
  );
  stage.journal.answer();
  await stage.turns();
  t.equal(stage.replies.length, 3);
});

t.test('A2: what can’t be read back is asked again, and nothing is given up', async (t) => {
  const stage = await staged(2);
  stage.journal.land();
  stage.journal.lastFails = 3;
  stage.journal.answer(duplicate);
  for (let i = 0; i < 20 && stage.replies.length < 2; i++) {
    await stage.time.pass(500);
    if (stage.journal.waiting.length > 0) stage.journal.answer(duplicate);
  }
  t.strictSame(stage.replies, [1, 1]);
  t.strictSame(stage.fencedOff, []);
});

t.test('A3: a last record that is not readable fences, and takes nobody down with it', async (t) => {
  const stage = await staged(2);
  stage.journal.put(0, new Uint8Array([1, 2, 3, 4, 5, 6]));
  stage.journal.answer(mismatch);
  await stage.time.pass(100);
  t.strictSame(stage.fencedOff, [stage.open.get(0)]);
  stage.journal.answer();
  await stage.turns();
  t.strictSame(stage.replies, [1]);
});

t.test('A2: a driver that throws leaves the outcome unknown', async (t) => {
  const stage = await staged(1);
  const { batch } = stage.journal.oldest;
  const append = stage.journal.append.bind(stage.journal);
  stage.journal.append = () => Promise.reject(new Error('made up'));
  stage.journal.answer(busy);
  await stage.time.pass(1_000);
  stage.journal.append = append;
  await stage.time.pass(1_000);
  t.strictSame(stage.journal.oldest.batch, batch);
});

t.test('A2: after a stop nothing is sent again', async (t) => {
  const stage = await staged(1);
  stage.committer.stop();
  stage.journal.answer(busy);
  await stage.time.pass(5_000);
  t.strictSame([stage.journal.waiting, stage.released], [[], []]);
});

t.test('§5: it is known for how long the journal has taken nothing of what it was to take', async (t) => {
  const stage = await staged(1);
  t.equal(stage.committer.stuckMs, 0);
  stage.journal.script.push(unknown, busy, unknown, 'held');
  await stage.time.pass(1_000);
  t.equal(stage.committer.stuckMs, 0, 'an append that is under way is none that was refused');
  stage.journal.answer(unknown);
  await stage.time.pass(5_000);
  t.ok(stage.committer.stuckMs > 4_900, `${stage.committer.stuckMs} ms`);
  stage.journal.answer();
  await stage.turns();
  t.equal(stage.committer.stuckMs, 0);
  await stage.time.pass(5_000);
  t.equal(stage.committer.stuckMs, 0, 'nothing is to be taken');
});

t.test('§5: what is no longer to be appended from here is not waited for', async (t) => {
  const stage = await staged(1);
  stage.journal.answer(unknown);
  await stage.time.pass(10);
  t.ok(stage.committer.stuckMs > 0);
  stage.open.get(0)?.stop();
  await stage.time.pass(1_000);
  t.equal(stage.committer.stuckMs, 0);
  t.equal(stage.journal.waiting.length, 0);
});
