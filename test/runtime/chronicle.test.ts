import t from 'tap';
import { Chronicle, type NodeEvent } from '../../runtime/chronicle.ts';
import { MailSamples } from '../../runtime/mail-samples.ts';
import { SimClock, SimRandom, SimTime } from '../../sim/clock.ts';
import { List, list } from './ledger.ts';
import { replyOf, World } from './world.ts';

t.setTimeout(60_000);

const self = { node: 'n1', incarnation: 'i1' };
const beat = { incarnation: 'x', leaving: false, fitness: 'fit' as const };

function chronicleOf() {
  const time = new SimTime();
  return { time, chronicle: new Chronicle({ clock: new SimClock(time), self, isMember: () => true }) };
}

t.test('The newest events are kept, in order, and pages go on where the last one ended', async (t) => {
  const { chronicle } = chronicleOf();
  for (let partition = 0; partition < 5_000; partition++) chronicle.note({ kind: 'snapshotMade', partition });
  const seen: number[] = [];
  for (let after = 0; ; ) {
    const { events, last, incarnation } = chronicle.page({ incarnation: 'i1', after });
    t.equal(incarnation, 'i1');
    t.equal(last, 5_000);
    if (events.length === 0) break;
    seen.push(...events.map(({ seq }) => seq));
    after = seen.at(-1) ?? 0;
  }
  t.strictSame(
    seen,
    Array.from({ length: 1_000 }, (_, i) => 4_001 + i),
  );
  t.equal(chronicle.page({ incarnation: 'before', after: 5_000 }).events[0]?.seq, 4_001, 'another process counts anew');
});

t.test('Of other nodes, what is new is told once', async (t) => {
  const { chronicle } = chronicleOf();
  const kinds = (): string[] => chronicle.page({ incarnation: '', after: 0 }).events.map(({ kind }) => kind);
  for (let i = 0; i < 3; i++) chronicle.heard({ ...beat, node: 'n2' });
  chronicle.heard({ ...beat, node: 'n2', leaving: true });
  chronicle.heard({ ...beat, node: 'n2' });
  chronicle.heard({ ...beat, node: 'n2', fitness: 'no store' });
  chronicle.gone('n2', true);
  chronicle.gone('n2', true);
  chronicle.heard({ ...beat, node: 'n1' });
  for (const isSo of [false, true, true, false, false]) chronicle.trouble('journalStuck', isSo);
  t.strictSame(kinds(), [
    ...['nodeCame', 'nodeDraining', 'nodeResumed', 'nodeUnfit', 'nodeLost'],
    ...['journalStuck', 'journalTakes'],
  ]);
});

t.test('A world: who served a partition before is told, and whether that gave it away', async (t) => {
  const world = new World({ seed: 5, behaviours: [list()], partitions: 8 });
  await world.cluster('n1', 'n2', 'n3');
  await world.pass(2_000);
  const served = async (name: string): Promise<NodeEvent[]> => {
    const page = await world.until(world.node(name).inspect({ kind: 'events', incarnation: '', after: 0 }, name));
    if (page.kind === 'none') throw new Error(page.words);
    return page.value.events.filter(({ kind, from }) => kind === 'served' && from !== '');
  };
  await world.until(world.node('n2').drain());
  await world.pass(1_000);
  const given = [...(await served('n1')), ...(await served('n3'))];
  t.ok(given.length > 0);
  for (const { from, planned, why } of given)
    t.match({ from, planned, why }, { from: 'n2', planned: true, why: 'from a copy' });
  world.node('n2').resume();
  await world.pass(5_000);
  const before = (await served('n1')).length + (await served('n2')).length;
  world.kill('n3');
  await world.pass(3_000);
  const all = [...(await served('n1')), ...(await served('n2'))];
  const taken = all.filter(({ from, planned }) => from === 'n3' && planned === false);
  t.ok(taken.length > 0);
  t.ok(all.length > before);
  for (const { pausedMs = 0 } of taken) t.ok(pausedMs > 0, 'since it was heard of last');
});

t.test('Mail is sampled only while somebody watches, and only so much of it', async (t) => {
  const time = new SimTime();
  const samples = new MailSamples(new SimClock(time), new SimRandom(1));
  const take = (to: string, partition = 1): void => {
    if (samples.active) samples.take(partition, { to, from: 'user/alice', body: { kind: 'word' } }, 0);
  };
  t.equal(samples.active, false);
  const ask = { watch: 'w', actorKind: 'user', share: 1 };
  t.same(samples.news(ask), { kind: 'answer', value: { samples: [], missed: 0 } });
  t.equal(samples.active, true);
  take('user/bob');
  take('group/g');
  const first = samples.news({ ...ask, only: 2 });
  t.match(first, {
    value: { missed: 0, samples: [{ to: 'user/bob', from: 'user/alice', word: 'word', partition: 1 }] },
  });
  t.notOk(Object.keys(first).includes('body'));
  take('user/bob', 1);
  take('user/bob', 2);
  t.match(samples.news(ask), { value: { samples: [{ partition: 2 }] } });
  for (let i = 0; i < 1_000; i++) take('user/bob');
  const many = samples.news(ask);
  if (many.kind === 'none') throw new Error(many.words);
  t.ok(many.value.samples.length <= 100, 'of a second');
  t.equal(many.value.samples.length + many.value.missed, 1_000);
  await time.pass(1_000);
  samples.take(1, { to: 'user/bob', from: undefined, body: { kind: 'odd', when: new Date(0) } as never }, 0);
  t.match(
    samples.news(ask),
    { value: { samples: [{ word: 'odd', bytes: 0 }] } },
    'what it can not measure does no harm',
  );
  for (let i = 0; i < 15; i++) samples.news({ ...ask, watch: `w${i}` });
  t.match(samples.news({ ...ask, watch: 'one too many' }), { kind: 'none', words: /watch the mail/ });
  await time.pass(5_001);
  take('user/bob');
  t.equal(samples.active, false, 'whoever has not asked for so long is forgotten');
});

t.test('In a world, mail is seen by whoever asks its node', async (t) => {
  const world = new World({ seed: 6, behaviours: [list()], partitions: 8 });
  await world.cluster('n1', 'n2');
  await world.pass(1_000);
  const news = async () => {
    const found = [];
    for (const name of ['n1', 'n2']) {
      const ask = { kind: 'mail', watch: 'w', actorKind: 'list', share: 1 } as const;
      const answer = await world.until(world.node('n1').inspect(ask, name));
      if (answer.kind === 'none') throw new Error(answer.words);
      found.push(...answer.value.samples);
    }
    return found;
  };
  t.strictSame(await news(), []);
  for (let i = 0; i < 6; i++) {
    replyOf(await world.until(world.node('n1').ask(List.ref(`a${i}`), { kind: 'act', add: 'secret' })));
  }
  const seen = await news();
  t.strictSame(
    seen.map(({ to }) => to).sort(),
    Array.from({ length: 6 }, (_, i) => `list/a${i}`),
  );
  t.notMatch(JSON.stringify(seen), /secret/);
});
