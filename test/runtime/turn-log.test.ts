import t from 'tap';
import type { ActorReport } from '../../runtime/index.ts';
import { act, failures, List, list } from './ledger.ts';
import { replyOf, World } from './world.ts';

t.setTimeout(60_000);

async function look(world: World, key: string): Promise<ActorReport['turns']> {
  const address = `list/${key}`;
  const partition = world.node('n1').partitionOf(address);
  const answer = await world.until(world.node('n1').inspect({ kind: 'actor', partition, address }));
  if (answer.kind === 'none') throw new Error(answer.words);
  return answer.value.turns;
}

async function tell(world: World, key: string, what: Parameters<typeof act>[0]): Promise<void> {
  replyOf(await world.until(world.node('n1').ask(List.ref(key), act(what))));
}

t.test('Turns are kept from the first look on, a few of them, for a minute after the last', async (t) => {
  const world = new World({ seed: 1, behaviours: [list()], partitions: 4 });
  await world.cluster('n1', 'n2');
  await tell(world, 'a', { add: 'before anybody looked' });
  t.strictSame(await look(world, 'a'), []);
  await tell(world, 'a', { add: 'one', tell: ['b', 'told by a'], push: 'x' });
  await world.pass(500);
  const [first, ...others] = await look(world, 'a');
  t.strictSame(others, []);
  t.match(first, { mail: 'act', from: '', by: 'volatile', rows: 1, mails: 1, outputs: 2, threw: '' });
  t.ok(Math.abs((first?.at ?? 0) - (world.processes.get('n1')?.clock.wallMs() ?? 0)) < 60_000);
  t.notMatch(JSON.stringify(first), /one|told/, 'nothing of what was said');
  t.strictSame(await look(world, 'b'), []);
  await tell(world, 'a', { tell: ['b', 'again'] });
  await world.pass(500);
  t.match(await look(world, 'b'), [{ mail: 'act', from: 'list/a', rows: 1, mails: 0 }]);
  for (let n = 0; n < 40; n++) await tell(world, 'a', { add: `w${n}` });
  t.equal((await look(world, 'a')).length, 16);
  // It sleeps, and wakes, and is watched all the same.
  await tell(world, 'a', { add: 'good night', sleep: true });
  await tell(world, 'a', { add: 'awake', tell: ['b', 'x'] });
  t.match((await look(world, 'a')).at(-1), { rows: 1, mails: 1 });
  await world.pass(61_000);
  await tell(world, 'a', { add: 'unseen' });
  t.strictSame(await look(world, 'a'), []);
});

t.test('A10: a turn that throws is kept with its error, though nobody has looked', async (t) => {
  const failing = failures('always');
  const world = new World({ seed: 2, behaviours: [list(failing)], partitions: 4 });
  await world.cluster('n1');
  await tell(world, 'a', { timer: ['now', 0, 'due'] });
  const asked = await world.until(world.node('n1').ask(List.ref('a'), act({ add: 'no', fail: 'always' })));
  t.equal(asked.kind, 'refused');
  const turns = await look(world, 'a');
  t.match(turns[0], { mail: 'act', by: 'volatile', rows: 0, mails: 0, threw: 'Error: told to fail: always' });
  failing.throwing.clear();
  await tell(world, 'a', { add: 'yes', fail: 'always' });
  t.match((await look(world, 'a')).at(-1), { rows: 1, threw: '' });
});
