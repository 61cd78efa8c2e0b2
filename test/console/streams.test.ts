import t from 'tap';
import { User } from '../../actors/index.ts';
import { AdminClient, type AdminError } from '../../console/client.ts';
import { event } from '../../console/event-words.ts';
import { toldBy } from '../../console/node-events.ts';
import { watchers_max } from '../../console/streaming.ts';
import { EventQueue, shownAddress } from '../../console/streams.ts';
import type { EventWords, MailSampleWords } from '../../console/words.ts';
import type { NodeEvent } from '../../runtime/index.ts';
import { stage } from './stage.ts';

/** The status that the first answer of a stream ends with. */
async function refusal(stream: AsyncGenerator<unknown>): Promise<string> {
  try {
    await stream.next();
    return 'OK';
  } catch (error) {
    return (error as AdminError).status;
  }
}

t.test('What happened to several partitions in the same way is one event', async (t) => {
  const served = (partition: number, more: Partial<NodeEvent>): NodeEvent => {
    return { kind: 'served', seq: partition, at: 5_000, partition, epoch: 3, from: 'n2', planned: true, ...more };
  };
  const told: NodeEvent[] = [
    served(4, { pausedMs: 20 }),
    served(3, { pausedMs: 40, epoch: 7 }),
    served(9, { planned: false, pausedMs: 900 }),
    { kind: 'deadLetter', seq: 5, at: 5_001, partition: 1, why: 'take' },
    { kind: 'deadLetter', seq: 6, at: 5_001, partition: 1, why: 'take' },
    { kind: 'nodeLost', seq: 7, at: 5_002, about: 'n2' },
  ];
  const words = (isAnswering: boolean): string[] => toldBy('n1', isAnswering, told).map((one) => one.words);
  const others = [
    'partitions 3 4 moved n2 → n1, as planned; paused 40 ms at most',
    'partition 9 moved n2 → n1, for it had failed; paused 900 ms at most',
    'partition 1: a dead letter, take',
    'partition 1: a dead letter, take',
  ];
  t.strictSame(words(true), [...others, 'node n2 lost']);
  t.strictSame(words(false), others, 'of other nodes one tells, the others are not heard');
  t.match(toldBy('n1', false, told)[0], {
    partitions: [3, 4],
    epochs: [7, 3],
    handover: 'PLANNED',
    node: 'n1',
    from: 'n2',
  });
});

t.test('Who reads slowly is told how much was left out, and holds no more than a bound', async (t) => {
  const queue = new EventQueue(10);
  t.equal(queue.take(), undefined);
  const one = event('SNAPSHOT_MADE', { partitions: [1] });
  for (let i = 0; i < 25; i++) queue.add([{ ...one, at: i }], 0);
  queue.add([], 2);
  const news = queue.take();
  t.equal(news?.missed, 17);
  t.strictSame(
    news?.events.map(({ at }) => at),
    Array.from({ length: 10 }, (_, i) => 15 + i),
  );
  t.equal(queue.take(), undefined);
});

t.test('Names are for admins', async (t) => {
  t.equal(shownAddress('user/alice', true), 'user/alice');
  t.equal(shownAddress('user/alice', false), 'user/<5 characters>');
  t.equal(shownAddress('connection/alice/n1.17', false), 'connection/<11 characters>');
  t.equal(shownAddress('', false), '');
});

t.test('A node tells what happens at it, to so many and no more, and stops when they have left', async (t) => {
  const staged = await stage({ access: { kind: 'open' }, tls: undefined });
  t.teardown(() => staged.close());
  const client = new AdminClient({ nodes: [`127.0.0.1:${staged.port}`] });
  t.teardown(() => client.close());
  const leaving = new AbortController();
  const seen: EventWords[] = [];
  let begun = (): void => {};
  const hasBegun = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const watching = (async () => {
    try {
      for await (const { events } of client.stream('WatchEvents', { sinceMs: 60_000 }, leaving.signal)) {
        seen.push(...events);
        begun();
        if (seen.some(({ kind, why }) => kind === 'CHANGE' && why.startsWith('done'))) leaving.abort();
      }
    } catch (error) {
      if (!leaving.signal.aborted) throw error;
    }
  })();
  await hasBegun;
  t.ok(
    seen.some(({ kind, node }) => kind === 'PARTITION_MOVED' && node === 'solo'),
    'what was before, too',
  );
  await client.call('SnapshotPartition', { partition: 2, reason: 'a test' });
  await watching;
  t.match(
    seen.find(({ kind }) => kind === 'SNAPSHOT_MADE'),
    { node: 'solo', partitions: [2] },
  );
  const changes = seen.filter(({ kind }) => kind === 'CHANGE');
  t.match(changes[0], { who: 'local', method: 'SnapshotPartition', node: 'solo', why: 'begun', audit: 1 });
  const many = Array.from({ length: watchers_max }, () => client.stream('WatchEvents', { sinceMs: 0 }));
  for (const stream of many) t.strictSame((await stream.next()).value, { events: [], missed: 0 });
  t.equal(await refusal(client.stream('WatchMail', { kind: '', share: 1 })), 'RESOURCE_EXHAUSTED');
  await Promise.all(many.map((stream) => stream.return(undefined)));
  let free = false;
  for (let tries = 0; !free && tries < 50; tries++) {
    const stream = client.stream('WatchEvents', { sinceMs: 0 });
    free = (await refusal(stream)) === 'OK';
    await stream.return(undefined);
  }
  t.ok(free, 'their places are free again');
});

t.test('Mail is seen while somebody watches; what makes no sense is refused', async (t) => {
  const staged = await stage({ access: { kind: 'open' }, tls: undefined });
  t.teardown(() => staged.close());
  const client = new AdminClient({ nodes: [`127.0.0.1:${staged.port}`] });
  t.teardown(() => client.close());
  for (const request of [
    { kind: '', share: 2 },
    { kind: '', share: -1 },
    { kind: 'no kind!', share: 1 },
  ])
    t.equal(await refusal(client.stream('WatchMail', request)), 'INVALID_ARGUMENT');
  t.equal(await refusal(client.stream('WatchMail', { kind: '', share: 1, partition: 4 })), 'NOT_FOUND');
  t.equal(await refusal(client.stream('WatchEvents', { sinceMs: -1 })), 'INVALID_ARGUMENT');
  const mails: MailSampleWords[] = [];
  for await (const news of client.stream('WatchMail', { kind: 'user', share: 1 })) {
    mails.push(...news.mails);
    t.equal(news.redacted, false);
    if (mails.length >= 2) break;
    for (const name of ['alice', 'bob']) await staged.node.ask(User.ref(name), { kind: 'devices', session: '' });
  }
  t.strictSame(mails.map(({ to }) => to).slice(0, 2), ['user/alice', 'user/bob']);
  t.match(mails[0], { word: 'devices', node: 'solo', from: '' });
  t.ok(mails.every(({ turnUs, bytes }) => turnUs >= 0 && bytes > 0));
});

t.test('One process alone says how it is backed up', async (t) => {
  const staged = await stage({ access: { kind: 'open' }, tls: undefined });
  t.teardown(() => staged.close());
  const client = new AdminClient({ nodes: [`127.0.0.1:${staged.port}`] });
  t.teardown(() => client.close());
  await t.rejects(client.stream('Backup', { reason: 'a test' }).next(), /stop it, and copy its folder/);
  t.equal(await refusal(client.stream('Backup', { reason: 'a test' })), 'FAILED_PRECONDITION');
  const { entries } = await client.call('ListAudit', { after: 0, limit: 10 });
  t.strictSame(entries, [], 'nothing was begun');
});
