import t from 'tap';
import { act, list, outlet } from './ledger.ts';
import { Stage } from './stage.ts';

t.test('A1: nothing leaves a partition before its record is durable', async (t) => {
  const stage = new Stage({ behaviours: [list()], partitions: 4 });
  const partition = stage.add(stage.partitionOf('list/a'));
  const other = ['b', 'c', 'd', 'e'].find((key) => stage.partitionOf(`list/${key}`) !== partition.id) as string;
  stage.ask(
    partition,
    'list/a',
    act({ add: 'w', tell: [other, 'w'], whisper: [other, 'w'], push: 'w', signal: ['s', 'w'] }),
  );
  await stage.time.pass(1_000);
  t.equal(stage.journal.waiting.length, 1, 'the record is on its way');
  t.strictSame([stage.released, stage.sent], [[], []]);
  stage.journal.answer();
  await stage.turns();
  t.strictSame(
    stage.released.map(({ kind }) => kind),
    ['whisper', 'push', 'signal', 'reply'],
  );
  t.strictSame(
    stage.sent.map(({ seq, to }) => [seq, to]),
    [[1, `list/${other}`]],
  );
});

t.test('A1: an answer that reads what is not durable yet waits with it', async (t) => {
  const stage = new Stage({ behaviours: [list()] });
  const partition = stage.add();
  stage.ask(partition, 'list/a', act({ add: 'w' }));
  await stage.turns();
  stage.ask(partition, 'list/a', { kind: 'list' });
  await stage.time.pass(1_000);
  t.strictSame(stage.released, []);
  stage.journal.answer();
  await stage.turns();
  t.strictSame(stage.replies, [1, ['w']]);
});

t.test('A1: an answer of a later record waits for its own, not only for the one before', async (t) => {
  const stage = new Stage({ behaviours: [list()] });
  const partition = stage.add();
  stage.ask(partition, 'list/a', act({ add: 'one' }));
  await stage.turns();
  stage.ask(partition, 'list/a', act({ add: 'two' }));
  stage.ask(partition, 'list/a', { kind: 'list' });
  await stage.turns();
  stage.journal.answer();
  await stage.turns();
  t.strictSame(stage.replies, [1]);
  stage.journal.answer();
  await stage.turns();
  t.strictSame(stage.replies, [1, 2, ['one', 'two']]);
});

t.test('A1: a turn that changes nothing waits for nothing', async (t) => {
  const stage = new Stage({ behaviours: [list()] });
  const partition = stage.add();
  stage.ask(partition, 'list/a', { kind: 'list' });
  await stage.turns();
  t.strictSame(stage.replies, [[]]);
  t.equal(stage.journal.waiting.length, 0);
});

t.test('A1: whispers stay behind the gate, but for those within the partition', async (t) => {
  const stage = new Stage({ behaviours: [list()] });
  const partition = stage.add();
  stage.ask(partition, 'list/a', act({ add: 'w', whisper: ['b', 'heard'] }));
  await stage.commitAll();
  t.strictSame(
    stage.released.filter(({ kind }) => kind === 'whisper'),
    [],
  );
  stage.ask(partition, 'list/b', { kind: 'list' });
  await stage.turns();
  t.strictSame(stage.replies.at(-1), ['heard']);
});

t.test('A1, A2: a fenced partition releases nothing, not even when its append turns out to have landed', async (t) => {
  const stage = new Stage({ behaviours: [list()] });
  const partition = stage.add();
  stage.ask(partition, 'list/a', act({ add: 'w', push: 'w' }));
  await stage.turns();
  partition.stopped = true;
  stage.journal.answer();
  await stage.turns();
  t.strictSame([stage.released, stage.sent, partition.position.seq], [[], [], 0]);
});

t.test('A1: outputs leave in the order of their turns', async (t) => {
  const stage = new Stage({ behaviours: [list()] });
  const partition = stage.add();
  for (let i = 0; i < 50; i++) {
    stage.ask(partition, 'list/a', act({ push: `p${i}`, ...(i % 3 === 0 && { add: 'w' }) }));
    if (i % 7 === 0) await stage.turns();
    if (i % 11 === 0 && stage.journal.waiting.length > 0) stage.journal.answer();
  }
  await stage.commitAll();
  const pushed = stage.released.flatMap((output) => (output.kind === 'push' ? [[output.outlet, output.push]] : []));
  t.strictSame(
    pushed,
    Array.from({ length: 50 }, (_, i) => [outlet, `p${i}`]),
  );
});
