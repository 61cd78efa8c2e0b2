import t from 'tap';
import { partitionOf } from '../../runtime/hash.ts';
import type { FollowedAppend, FollowedTurn, Tracer } from '../../runtime/index.ts';
import { act, failures, list } from './ledger.ts';
import { Stage, type StageOptions } from './stage.ts';

const keys = Array.from({ length: 50 }, (_, i) => `k${i}`);
const inOf = (partition: number): string => keys.find((key) => partitionOf(`list/${key}`, 2) === partition) ?? '';
const [own, other] = [inOf(0), inOf(1)];

class Told implements Tracer {
  readonly turns: (FollowedTurn & { readonly context: string })[] = [];
  readonly appends: (FollowedAppend & { readonly context: string })[] = [];

  left(context: string): string {
    return `${context}>`;
  }

  arrived(context: string): string | undefined {
    return context.endsWith('>') ? context.slice(0, -1) : undefined;
  }

  turned(context: string, turn: FollowedTurn): string {
    this.turns.push({ ...turn, context });
    return `${context}.${this.turns.length}`;
  }

  appended(context: string, append: FollowedAppend): void {
    this.appends.push({ ...append, context });
  }
}

function followed(options: StageOptions = {}) {
  const tracer = new Told();
  const stage = new Stage({ behaviours: [list()], partitions: 2, ...options, tracer });
  const partition = stage.add();
  const whisper = (to: string, body: { readonly kind: string }, trace = 'a') =>
    partition.deliver({ to, body, from: undefined, asker: undefined, origin: undefined, tries: 0, trace });
  return { tracer, stage, partition, whisper };
}

t.test('a context goes from turn to turn, with mail and whispers, and out with what is pushed', async (t) => {
  const { tracer, stage, whisper } = followed();
  whisper(`list/${own}`, act({ add: 'one', tell: [other, 'far'], whisper: [own, 'near'], push: 'bytes' }));
  await stage.commitAll();
  t.strictSame(
    tracer.turns.map(({ context, actor, mail, failed }) => [context, actor, mail, failed]),
    [
      ['a', 'list', 'act', false],
      ['a.1', 'list', 'act', false],
    ],
  );
  t.strictSame(
    stage.sent.map(({ trace }) => trace),
    ['a.1'],
  );
  t.strictSame(
    stage.released.map((output) => (output.kind === 'push' ? output.trace : undefined)),
    ['a.1'],
  );
});

t.test('A1: the append of a followed turn is told of when its record is durable', async (t) => {
  const { tracer, stage, whisper } = followed();
  whisper(`list/${own}`, act({ add: 'one' }));
  await stage.turns();
  await stage.time.pass(30);
  t.strictSame(tracer.appends, []);
  await stage.commitAll();
  const [append] = tracer.appends;
  t.match(append, { context: 'a.1', turns: 1, records: 1, bytes: stage.journal.logs.get(0)?.[0]?.bytes.byteLength });
  t.equal((append?.endMs ?? 0) - (append?.startMs ?? 0), 30);
});

t.test('a turn that changes nothing has no append', async (t) => {
  const { tracer, stage, whisper } = followed();
  whisper(`list/${own}`, { kind: 'list' });
  await stage.commitAll();
  t.equal(tracer.turns.length, 1);
  t.strictSame(tracer.appends, []);
});

t.test('a record is the same, byte for byte, whether its turns are followed or not', async (t) => {
  const records = await Promise.all(
    [true, false].map(async (isFollowed) => {
      const stage = new Stage({ behaviours: [list()], partitions: 2, ...(isFollowed && { tracer: new Told() }) });
      const partition = stage.add();
      const trace = isFollowed ? { trace: 'a>' } : {};
      partition.receive(1, [{ ...stage.mail(1, `list/${own}`, act({ add: 'one', tell: [other, 'far'] })), ...trace }]);
      await stage.commitAll();
      return stage.journal.logs.get(0)?.map(({ bytes }) => Buffer.from(bytes).toString('hex'));
    }),
  );
  t.equal(records[0]?.length, 1);
  t.strictSame(records[0], records[1]);
});

t.test('mail of a channel is followed by what came along with it, and only then', async (t) => {
  const { tracer, stage, partition } = followed();
  const to = `list/${own}`;
  partition.receive(1, [
    { ...stage.mail(1, to, act({ add: 'one' })), trace: 'b>' },
    stage.mail(2, to, act({ add: 'two' })),
    { ...stage.mail(3, to, act({ add: 'three' })), trace: 'no context' },
  ]);
  await stage.commitAll();
  t.strictSame(
    tracer.turns.map(({ context }) => context),
    ['b'],
  );
  t.equal(partition.overlay.range(to, 'words', {}).length, 3, 'and all have their turns');
});

t.test('mail to a neighbour that went into a record keeps its context', async (t) => {
  const failing = failures('boom');
  const { tracer, stage, whisper } = followed({ behaviours: [list(failing)], limits: { turn_retry_ms: 10 } });
  stage.ask(stage.open.get(0)!, `list/${own}`, act({ fail: 'boom' }));
  whisper('list/@0', { ...act({ add: 'cause', tell: [own, 'effect'] }) });
  await stage.commitAll();
  t.strictSame(
    tracer.turns.map(({ context, failed }) => [context, failed]),
    [
      ['a', false],
      ['a.1', false],
    ],
  );
});

t.test('A10: a turn that throws is told of as that, and its mail is followed still', async (t) => {
  const failing = failures('once');
  const { tracer, stage, partition } = followed({ behaviours: [list(failing)], limits: { turn_retry_ms: 1 } });
  partition.receive(1, [{ ...stage.mail(1, `list/${own}`, act({ add: 'x', fail: 'once' })), trace: 'a>' }]);
  await stage.turns();
  failing.throwing.clear();
  await stage.time.pass(100);
  await stage.commitAll();
  t.strictSame(
    tracer.turns.map(({ context, failed }) => [context, failed]),
    [
      ['a', true],
      ['a', false],
    ],
  );
});

t.test('A9: of what one turn sends no more than followed_sends_max is followed, and all of it is sent', async (t) => {
  const { stage, whisper } = followed({ limits: { followed_sends_max: 2 } });
  whisper(`list/${own}`, act({ add: 'one', tell: [other, 'far'], whisper: [other, 'far'], push: 'bytes' }));
  await stage.commitAll();
  t.equal(stage.sent.length, 1);
  const traces = [...stage.sent, ...stage.released].map((sent) => ('trace' in sent ? sent.trace : undefined));
  t.strictSame(traces, ['a.1', 'a.1', undefined]);
});

t.test('where nobody follows, what came along is passed over', async (t) => {
  const stage = new Stage({ behaviours: [list()], partitions: 2 });
  const partition = stage.add();
  const mail = stage.mail(1, `list/${own}`, act({ add: 'one', tell: [other, 'far'] }));
  partition.receive(1, [{ ...mail, trace: 'a>' }]);
  await stage.commitAll();
  t.strictSame(
    stage.sent.map(({ trace }) => trace),
    [undefined],
  );
});
