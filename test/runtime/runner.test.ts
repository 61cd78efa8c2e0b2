import t from 'tap';
import { act, list } from './ledger.ts';
import { Stage } from './stage.ts';

t.test('§4: an actor’s backlog does not keep the others waiting', async (t) => {
  const stage = new Stage({ behaviours: [list()], limits: { turns_in_a_row_max: 10 } });
  const partition = stage.add();
  for (let i = 0; i < 1_000; i++) stage.ask(partition, 'list/busy', act({ reply: 'busy' }));
  for (let i = 0; i < 10; i++) stage.ask(partition, `list/idle${i}`, act({ reply: 'idle' }));
  await stage.turns();
  const last = stage.replies.lastIndexOf('idle');
  t.equal(stage.replies.filter((reply) => reply === 'idle').length, 10);
  t.ok(last < 30, `the last of the others had its turn after ${last}`);
  t.equal(stage.replies.length, 1_010);
});

t.test('§4: turns of one actor are in the order of its mail', async (t) => {
  const stage = new Stage({ behaviours: [list()], limits: { turns_in_a_row_max: 3 } });
  const partition = stage.add();
  for (let i = 0; i < 100; i++)
    for (const key of ['a', 'b', 'c']) stage.ask(partition, `list/${key}`, act({ reply: `${key}${i}` }));
  await stage.turns();
  for (const key of ['a', 'b', 'c']) {
    const own = stage.replies.filter((reply) => String(reply).startsWith(key));
    t.strictSame(
      own,
      Array.from({ length: 100 }, (_, i) => `${key}${i}`),
    );
  }
});

t.test('§4: a slice ends when its time is used up, and the next one goes on', async (t) => {
  const stage = new Stage({ behaviours: [list()], limits: { run_slice_ms: 10, turns_in_a_row_max: 1 } });
  const partition = stage.add();
  let nowMs = 0;
  stage.clock.monotonicMs = () => nowMs;
  const runOne = partition.runOne.bind(partition);
  partition.runOne = (cell, wallMs) => {
    nowMs += 1;
    runOne(cell, wallMs);
  };
  for (let i = 0; i < 200; i++) stage.ask(partition, `list/a${i}`, act({}));
  stage.runner.run();
  t.ok(stage.replies.length < 100, `${stage.replies.length} turns in one slice`);
  await stage.turns();
  t.equal(stage.replies.length, 200);
});

t.test('A9: a partition whose record is full waits, and the others go on', async (t) => {
  const limits = { record_bytes_max: 1_000, turn_bytes_max: 900, turns_in_a_row_max: 64 };
  const stage = new Stage({ behaviours: [list()], partitions: 2, limits });
  const [one, other] = [stage.add(0), stage.add(1)];
  for (let i = 0; i < 20; i++) stage.ask(one, 'list/a', act({ add: 'x'.repeat(200) }));
  await stage.turns();
  for (let i = 0; i < 50; i++) stage.ask(one, 'list/a', act({ add: 'x'.repeat(200) }));
  await stage.turns();
  const turns = stage.runner.turns;
  t.ok(turns < 12, `${turns} turns while nothing was appended`);
  stage.ask(other, 'list/b', act({}));
  await stage.turns();
  t.strictSame(stage.replies, [0]);
  await stage.commitAll();
  t.equal(stage.replies.length, 71);
});

t.test('A10: an exception that is no turn’s stops that partition only', async (t) => {
  const stage = new Stage({ behaviours: [list()], partitions: 2 });
  const [one, other] = [stage.add(0), stage.add(1)];
  one.runOne = () => {
    throw new Error('invariant: made up');
  };
  stage.ask(one, 'list/a', act({}));
  stage.ask(other, 'list/b', act({}));
  await stage.turns();
  t.strictSame(stage.brokenBy.map(String), ['Error: invariant: made up']);
  t.strictSame(stage.replies, [0]);
});
