import t from 'tap';
import { partitionOf } from '../../runtime/hash.ts';
import type { Partition } from '../../runtime/partition.ts';
import { Fan, fan, Peeker, peeker } from './fan.ts';
import { act, failures, list } from './ledger.ts';
import { Stage } from './stage.ts';

const [own, other] = neighbours();

/** A key whose actor lives in partition 0 of 2, and one whose actor does not. */
function neighbours(): readonly [string, string] {
  const keys = Array.from({ length: 50 }, (_, i) => `k${i}`);
  const inOf = (partition: number): string => keys.find((key) => partitionOf(`list/${key}`, 2) === partition)!;
  return [inOf(0), inOf(1)];
}

/** The partition's next owner, which has sent nothing yet. */
async function successor(stage: Stage): Promise<Partition> {
  stage.journal.answersItself = true;
  const fresh = await stage.takeOver(2);
  stage.open.set(0, fresh);
  return fresh;
}

t.test('A6: mail to a neighbour has its turn in the same record, which need not hold it', async (t) => {
  const stage = new Stage({ behaviours: [list()], partitions: 2 });
  const partition = stage.add();
  stage.ask(partition, 'list/@0', act({ add: 'cause', tell: [own, 'effect'] }));
  await stage.commitAll();
  const [record, ...more] = stage.records();
  t.equal(more.length, 0, 'one record');
  t.strictSame([record?.outbox, record?.taken], [[], []], 'without mail in it');
  t.strictSame(partition.overlay.range(`list/${own}`, 'words', {}), [['000001', 'effect']]);
  t.strictSame(stage.sent, []);
  t.equal(partition.dirty, false);
});

t.test('A6: mail to a neighbour that has had no turn by then is in the record, and is taken once', async (t) => {
  const stage = new Stage({ behaviours: [list(failures('boom'))], partitions: 2, limits: { turn_retry_ms: 1_000 } });
  const partition = stage.add();
  partition.receive(1, [stage.mail(1, `list/${own}`, act({ add: 'late', fail: 'boom' }))]);
  stage.ask(partition, 'list/@0', act({ add: 'cause', tell: [own, 'effect'] }));
  await stage.commitAll();
  const [first] = stage.records();
  t.strictSame(
    first?.outbox.map(({ to, mails }) => [to, mails.map(({ seq }) => seq)]),
    [[0, [1]]],
  );
  t.match(stage.sent, [{ seq: 1, to: `list/${own}` }]);
  partition.receive(0, stage.sent);

  const fresh = await successor(stage);
  fresh.receive(0, stage.sent);
  await stage.commitAll();
  const words = fresh.overlay.range(`list/${own}`, 'words', {});
  t.strictSame(words, [['000001', 'effect']], 'a successor has it in its record');
});

t.test('A6: mail to a neighbour overtakes none that is in the channel', async (t) => {
  const stage = new Stage({ behaviours: [list(failures('boom'))], partitions: 2, limits: { turn_retry_ms: 1_000 } });
  const partition = stage.add();
  partition.receive(1, [stage.mail(1, `list/${own}`, act({ fail: 'boom' }))]);
  stage.ask(partition, 'list/@0', act({ tell: [own, 'first'] }));
  await stage.commitAll();
  const [first] = stage.sent;
  const fresh = await successor(stage);
  stage.ask(fresh, 'list/@0', act({ tell: [own, 'second'] }));
  await stage.commitAll();
  const second = stage.sent.find(({ seq }) => seq === 2);
  if (first === undefined || second === undefined) throw new Error('both go by the channel');
  t.strictSame(fresh.overlay.range(`list/${own}`, 'words', {}), []);
  fresh.receive(0, [first, second]);
  await stage.commitAll();
  t.strictSame(
    fresh.overlay.range<string>(`list/${own}`, 'words', {}).map(([, word]) => word),
    ['first', 'second'],
  );
});

t.test('A1: what mail to a neighbour sends on waits for the record of its cause', async (t) => {
  const stage = new Stage({ behaviours: [list()], partitions: 2 });
  const partition = stage.add();
  stage.ask(partition, 'list/@0', act({ add: 'cause', tell: [own, 'effect'], push: 'out' }));
  await stage.turns();
  t.strictSame(stage.released, [], 'not before');
  await stage.commitAll();
  t.equal(stage.released.filter(({ kind }) => kind === 'push').length, 1);
});

t.test('A6: what a fan-out says is in its record once', async (t) => {
  const body = act({ add: 'x'.repeat(10_000) });
  const stage = new Stage({ behaviours: [list(), fan(body)], partitions: 2 });
  const partition = stage.add();
  stage.ask(partition, Fan.ref('@0').address, { kind: 'out', keys: Array(20).fill(other) } as never);
  await stage.commitAll();
  const [record] = stage.records();
  t.equal(record?.outbox[0]?.mails.length, 20);
  const bytes = stage.journal.logs.get(0)?.[0]?.bytes.byteLength ?? 0;
  t.ok(bytes < 12_000, `${bytes} bytes`);
});

t.test('§6: a turn reads rows of neighbours, and of nobody else', async (t) => {
  const stage = new Stage({ behaviours: [list(), peeker()], partitions: 2 });
  const partition = stage.add();
  stage.ask(partition, `list/${own}`, act({ add: 'seen' }));
  await stage.commitAll();
  stage.ask(partition, Peeker.ref('@0').address, { kind: 'look', at: `list/${own}` } as never);
  stage.ask(partition, Peeker.ref('@0').address, { kind: 'look', at: `list/${other}` } as never);
  await stage.commitAll();
  t.equal(stage.replies.at(-1), 'seen');
  t.strictSame(stage.refusals, ['failed']);
});

t.test('§1: an affinity can be a partition’s number', async (t) => {
  t.equal(partitionOf('branch/@3/x', 8), 3);
  t.equal(partitionOf('branch/@11', 8), 3);
  t.equal(partitionOf('branch/@x', 8), partitionOf('other/@x', 8), 'all else is hashed');
});
