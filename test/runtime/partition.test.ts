import t from 'tap';
import type { Partition } from '../../runtime/partition.ts';
import { partitionRows } from '../../runtime/turn.ts';
import { act, failures, list } from './ledger.ts';
import { Stage } from './stage.ts';

async function wordsOf(stage: Stage, partition: Partition, to: string): Promise<unknown> {
  stage.ask(partition, to, { kind: 'list' });
  await stage.commitAll();
  return stage.replies.at(-1);
}

function deadLetters(partition: Partition): { to: string; body: object; why: string }[] {
  return partition.overlay
    .range<{ to: string; body: object; why: string }>(partitionRows, 'dead', {})
    .map(([, letter]) => letter);
}

t.test('A10: a turn that throws changes nothing', async (t) => {
  const stage = new Stage({ behaviours: [list(failures('boom'))], partitions: 1 });
  const partition = stage.add();
  stage.ask(partition, 'list/a', act({ add: 'kept' }));
  await stage.commitAll();
  const before = { released: stage.released.length, records: stage.records().length };
  stage.ask(
    partition,
    'list/a',
    act({
      add: 'gone',
      tell: ['b', 'gone'],
      whisper: ['c', 'gone'],
      timer: ['x', stage.clock.wallMs() + 5, 'gone'],
      later: [5, 'gone'],
      push: 'gone',
      fail: 'boom',
    }),
  );
  await stage.commitAll();
  await stage.time.pass(1_000);
  t.strictSame(stage.released.slice(before.released), [
    { kind: 'refusal', node: 'n1', incarnation: 'x', ask: 1, why: 'failed' },
  ]);
  t.equal(stage.records().length, before.records, 'nothing to write down');
  t.strictSame(stage.sent, []);
  t.strictSame(await wordsOf(stage, partition, 'list/a'), ['kept']);
  stage.ask(partition, 'list/a', { kind: 'memory' });
  await stage.commitAll();
  t.strictSame(stage.replies.at(-1), ['kept'], 'the memory that it spoilt is rebuilt');
  for (const other of ['list/b', 'list/c']) t.strictSame(await wordsOf(stage, partition, other), []);
});

t.test('A10: durable mail whose turn throws is tried again, later each time, and in its place', async (t) => {
  const failing = failures('twice');
  const stage = new Stage({ behaviours: [list(failing)], limits: { turn_retry_ms: 100, turn_tries_max: 5 } });
  const partition = stage.add();
  partition.receive(3, [
    stage.mail(1, 'list/a', act({ add: 'first', fail: 'twice' })),
    stage.mail(2, 'list/a', act({ add: 'second' })),
    stage.mail(3, 'list/b', act({ add: 'neighbour' })),
  ]);
  await stage.commitAll();
  t.equal(failing.thrown.get('twice'), 1);
  t.strictSame(await wordsOf(stage, partition, 'list/b'), ['neighbour'], 'the actor beside it never notices');
  t.strictSame(partition.inbox.channel(3).taken(), { source: 3, watermark: 0, above: [3] });
  await stage.time.pass(99);
  t.equal(failing.thrown.get('twice'), 1);
  await stage.time.pass(2);
  t.equal(failing.thrown.get('twice'), 2);
  failing.throwing.clear();
  await stage.time.pass(201);
  await stage.commitAll();
  t.strictSame(await wordsOf(stage, partition, 'list/a'), ['first', 'second']);
  t.strictSame(partition.committedTaken.get(3), { source: 3, watermark: 3, above: [] });
});

t.test('A10: after the last try mail is a dead letter, and its channel goes on', async (t) => {
  const stage = new Stage({ behaviours: [list(failures('always'))], limits: { turn_retry_ms: 10, turn_tries_max: 3 } });
  const partition = stage.add();
  const poison = act({ add: 'poison', fail: 'always' });
  partition.receive(3, [stage.mail(1, 'list/a', poison), stage.mail(2, 'list/a', act({ add: 'after' }))]);
  await stage.commitAll();
  await stage.time.pass(100);
  await stage.commitAll();
  t.strictSame(await wordsOf(stage, partition, 'list/a'), ['after']);
  t.strictSame(partition.committedTaken.get(3), { source: 3, watermark: 2, above: [] }, 'its sender is released');
  const [letter, ...more] = deadLetters(partition);
  t.strictSame(more, []);
  t.match(letter, { to: 'list/a', from: 'other/one', body: poison, why: 'Error: told to fail: always' });
  t.ok(
    stage.records().some(({ rows }) => rows.some((key) => String(key).startsWith(' dead '))),
    'in the journal',
  );
});

t.test('A10: mail for an unknown kind of actor, or of an unknown kind, is refused or a dead letter', async (t) => {
  const stage = new Stage({ behaviours: [list()], limits: { turn_retry_ms: 1, turn_tries_max: 2 } });
  const partition = stage.add();
  stage.ask(partition, 'stranger/a', { kind: 'act' });
  stage.ask(partition, 'list/a', { kind: 'dance' });
  stage.ask(partition, 'list/a', { kind: 'toString' });
  await stage.commitAll();
  t.strictSame(stage.refusals, ['failed', 'failed', 'failed']);
  partition.receive(3, [stage.mail(1, 'stranger/a', { kind: 'act' })]);
  await stage.time.pass(50);
  await stage.commitAll();
  t.match(deadLetters(partition), [{ to: 'stranger/a', why: 'TypeError: no behaviour for stranger' }]);
});

t.test('A10: an error that is no Error makes a dead letter too', async (t) => {
  const odd = {
    ...list(),
    turns: {
      act() {
        throw Object.create(null);
      },
    },
  };
  const stage = new Stage({ behaviours: [odd], limits: { turn_retry_ms: 1, turn_tries_max: 1 } });
  const partition = stage.add();
  partition.receive(3, [stage.mail(1, 'list/a', { kind: 'act' })]);
  await stage.commitAll();
  t.match(deadLetters(partition), [{ why: 'threw a object' }]);
  t.strictSame(stage.brokenBy, []);
});

t.test('A10: a handler that returns a promise, or keeps its turn for later, has done nothing', async (t) => {
  let kept: { put(table: string, value: unknown): void } | undefined;
  const late = {
    ...list(),
    turns: {
      async act(_memory: never, _mail: never, turn: { put(table: string, value: unknown): void }) {
        turn.put('x', 1);
        await Promise.resolve();
        turn.put('x', 2);
      },
      keep(_memory: never, _mail: never, turn: { put(table: string, value: unknown): void }) {
        kept = turn;
      },
    },
  };
  const stage = new Stage({ behaviours: [late] });
  const partition = stage.add();
  stage.ask(partition, 'list/a', { kind: 'act' });
  stage.ask(partition, 'list/a', { kind: 'keep' });
  await stage.commitAll();
  t.strictSame(stage.refusals, ['failed']);
  t.equal(partition.overlay.get('list/a', 'x', ''), undefined);
  t.throws(() => kept?.put('x', 3), /the turn is over/);
});

t.test('A10: a turn that would not fit a record or a datagram fails, and the others go on', async (t) => {
  const stage = new Stage({ behaviours: [list()], limits: { turn_bytes_max: 10_000, datagram_bytes_max: 40_000 } });
  const partition = stage.add();
  stage.ask(partition, 'list/a', act({ add: 'x'.repeat(10_001) }));
  stage.ask(partition, 'list/a', act({ tell: ['b', 'x'.repeat(10_001)] }));
  stage.ask(partition, 'list/a', act({ push: 'x'.repeat(20_001) }));
  stage.ask(partition, 'list/a', act({ reply: 'é'.repeat(9_000) }));
  stage.ask(partition, 'list/a', act({ reply: () => 1 }));
  stage.ask(partition, 'list/a', act({ add: 'short' }));
  await stage.commitAll();
  t.strictSame(stage.refusals, ['failed', 'failed', 'failed', 'failed', 'failed']);
  t.strictSame(await wordsOf(stage, partition, 'list/a'), ['short']);
});

t.test('A9: a full mailbox, and a full partition, are told to whoever asks', async (t) => {
  const stage = new Stage({ behaviours: [list()], limits: { mailbox_mails_max: 3, partition_mails_max: 5 } });
  const partition = stage.add();
  const answers = Array.from({ length: 4 }, () => stage.ask(partition, 'list/a', act({ add: 'x' })));
  t.strictSame(answers, ['ok', 'ok', 'ok', 'full']);
  t.strictSame([stage.ask(partition, 'list/b', act({})), stage.ask(partition, 'list/b', act({}))], ['ok', 'ok']);
  t.equal(stage.ask(partition, 'list/c', act({})), 'full');
  partition.receive(3, [stage.mail(1, 'list/c', act({ add: 'y' }))]);
  t.equal(partition.inbox.channel(3).received, 0, 'durable mail stays with its sender');
  await stage.commitAll();
  t.strictSame(await wordsOf(stage, partition, 'list/a'), ['x', 'x', 'x']);
  partition.receive(3, [stage.mail(1, 'list/c', act({ add: 'y' }))]);
  t.strictSame(await wordsOf(stage, partition, 'list/c'), ['y']);
});

t.test('A9: a record is sealed early when it is full', async (t) => {
  const stage = new Stage({ behaviours: [list()], limits: { record_bytes_max: 20_000, turn_bytes_max: 10_000 } });
  const partition = stage.add();
  for (let i = 0; i < 60; i++) stage.ask(partition, `list/a${i % 2}`, act({ add: 'x'.repeat(2_000) }));
  await stage.commitAll();
  t.equal(stage.replies.length, 60);
  const log = stage.journal.logs.get(0) ?? [];
  t.ok(log.length >= 4);
  for (const { bytes } of log) t.ok(bytes.length < 45_000, `${bytes.length} bytes`);
});

t.test('A6: an actor’s ask comes back to it as a reply with its tag', async (t) => {
  const stage = new Stage({ behaviours: [list()] });
  const partition = stage.add();
  stage.ask(partition, 'list/a', act({ ask: ['b', 'question'] }));
  await stage.commitAll();
  // Both actors live in this partition: its channel to itself.
  for (const mail of stage.sent.splice(0)) partition.receive(0, [mail]);
  await stage.commitAll();
  for (const mail of stage.sent.splice(0)) partition.receive(0, [mail]);
  t.strictSame(await wordsOf(stage, partition, 'list/a'), ['question:question']);
});

t.test('§3: an actor that sleeps forgets its memory and keeps its rows', async (t) => {
  const stage = new Stage({ behaviours: [list()] });
  const partition = stage.add();
  stage.ask(partition, 'list/a', act({ add: 'one', later: [10, 'late'], sleep: true }));
  await stage.commitAll();
  t.equal(partition.mailboxes.cells.size, 0);
  await stage.time.pass(50);
  t.strictSame(await wordsOf(stage, partition, 'list/a'), ['one'], 'what it put off until later went with it');
});

t.test('A10: an invariant that breaks stops its partition and no other', async (t) => {
  const stage = new Stage({ behaviours: [list()], partitions: 2 });
  const [one, other] = [stage.add(0), stage.add(1)];
  stage.ask(one, 'list/a', act({ add: 'x' }));
  stage.ask(other, 'list/b', act({ add: 'y' }));
  one.seal = () => {
    throw new Error('invariant: made up');
  };
  await stage.commitAll();
  t.strictSame(stage.brokenBy.map(String), ['Error: invariant: made up']);
  t.strictSame(stage.replies, [1], 'the other one goes on');
  t.equal(stage.records(1).length, 1);
});

t.test('A9: while too many rows wait for the store, no mail is taken, from nobody, and none is lost', async (t) => {
  const stage = new Stage({ behaviours: [list()], limits: { store_rows_waiting_max: 3 } });
  const partition = stage.add();
  for (const word of ['one', 'two', 'three']) stage.ask(partition, 'list/a', act({ add: word }));
  await stage.commitAll();
  t.equal(stage.ask(partition, 'list/a', act({ add: 'four' })), 'full');
  const mails = [stage.mail(1, 'list/b', act({ add: 'five' }))];
  partition.receive(7, mails);
  t.equal(partition.mailboxes.waiting, 0);
  await stage.time.until(stage.writeBehind.write([partition]));
  t.equal(stage.ask(partition, 'list/a', act({ add: 'four' })), 'ok');
  partition.receive(7, mails);
  await stage.commitAll();
  t.strictSame(partition.overlay.range('list/b', 'words', {}), [['000001', 'five']], 'it comes again');
});
