import t from 'tap';
import { arrange, eventsOf, makeGroup, people, send } from './groups.ts';
import { connect, logIn, messenger, type Socket, type World } from './harness.ts';
import { want } from './self.ts';

const day_ms = 86_400_000;
let ids = 0;

/** `accepted`, or the code of the refusal. */
function write(world: World, from: Socket, to: string, id = `w-${++ids}`): string {
  const before = from.words.length;
  from.say({ kind: 'send', id, to, body: '' });
  world.settle();
  const answer = from.words.slice(before).find((word) => 'id' in word && word.id === id);
  return answer?.kind === 'refused' ? answer.code : (answer?.kind ?? 'nothing');
}

function scene(limits = {}) {
  const world = messenger({ strangers_max: 2, invited_strangers_max: 3, ...limits });
  const all = people(world, 'alice', 'bob', 'carol', 'dave', 'erin') as { readonly [name: string]: Socket };
  return { world, all, alice: all.alice!, bob: all.bob! };
}

t.test('PPL16 so many strangers a day may be written to; whom one knows does not count', async (t) => {
  const { world, all, alice } = scene();
  for (let i = 0; i < 3; i++) t.equal(write(world, alice, 'bob'), 'accepted');
  t.equal(write(world, all.erin!, 'alice'), 'accepted');
  t.equal(write(world, alice, 'carol'), 'accepted');
  t.equal(write(world, alice, 'dave'), 'too_many_strangers');
  const { retry, afterMs } = alice.last('refused');
  t.ok(retry && afterMs !== undefined && afterMs > day_ms - 1_000 && afterMs <= day_ms);
  t.equal(write(world, alice, 'nobody'), 'too_many_strangers', 'whether or not there is such an account');
  t.same(eventsOf(all.dave!, 'message'), []);
  t.equal(write(world, alice, 'erin'), 'accepted', 'who wrote first');
  t.equal(write(world, alice, 'bob'), 'accepted', 'who is none any more');
  want(world, alice, { what: 'block', user: 'dave', on: true });
  t.equal(write(world, alice, 'dave'), 'blocked');
  t.equal(write(world, alice, 'alice'), 'to_self');
  world.move('alice');
  const tablet = connect(world, logIn(world, 'alice', 'tablet'));
  t.equal(write(world, tablet, 'x1'), 'too_many_strangers', 'it is kept');
  world.pass(day_ms);
  t.equal(write(world, tablet, 'x1'), 'accepted');
  t.same(world.deadLetters, []);
});

t.test('PPL16 A8 the same message again counts once; a refused one may be accepted the day after', async (t) => {
  const { world, alice } = scene();
  t.equal(write(world, alice, 'bob', 'm1'), 'accepted');
  t.equal(write(world, alice, 'bob', 'm1'), 'accepted');
  t.equal(write(world, alice, 'carol', 'm2'), 'accepted');
  t.equal(write(world, alice, 'dave', 'm3'), 'too_many_strangers');
  t.equal(write(world, alice, 'dave', 'm3'), 'too_many_strangers');
  world.pass(day_ms);
  t.equal(write(world, alice, 'dave', 'm3'), 'accepted');
  t.same(
    eventsOf(alice, 'failed').map(({ id }) => id),
    [],
  );
});

t.test('PPL16 a timer for messages is heard of, too', async (t) => {
  const { world, alice, bob } = scene({ strangers_max: 1 });
  const vanish = (id: string, other: string) => {
    const timer = { afterMs: 60_000, since: 'read' } as const;
    alice.say({ kind: 'vanish', id, with: other, timer });
    world.settle();
  };
  vanish('v1', 'bob');
  vanish('v2', 'carol');
  t.equal(eventsOf(bob, 'vanishing').length, 1);
  t.match(alice.last('refused'), { id: 'v2', code: 'too_many_strangers' });
});

t.test('PPL16 strangers who are wanted in groups are counted likewise, all of a deed or none', async (t) => {
  const { world, all, alice } = scene();
  t.equal(write(world, alice, 'bob'), 'accepted');
  const group = makeGroup(world, all, 'alice', 'bob', 'carol');
  t.equal(arrange(world, alice, group, { what: 'add', users: ['dave', 'erin', 'frank'] }), 'too_many_strangers');
  t.equal(arrange(world, alice, group, { what: 'add', users: ['dave', 'erin', 'alice', 'bob'] }), 'accepted');
  t.equal(arrange(world, alice, group, { what: 'add', users: ['frank'] }), 'too_many_strangers');
  t.equal(arrange(world, alice, group, { what: 'add', users: ['bob'] }), 'accepted');
  t.equal(send(world, alice, group, 'hi'), 'accepted', 'a message to a group is to nobody in particular');
  t.equal(eventsOf(all.erin!, 'message').length, 1);
  alice.say({ kind: 'group', id: 'g2', with: '', deed: { what: 'create', title: 'T', about: '', users: ['x1'] } });
  world.pass(100);
  t.match(alice.last('refused'), { id: 'g2', code: 'too_many_strangers', retry: true });
  world.pass(day_ms);
  t.equal(arrange(world, alice, group, { what: 'add', users: ['frank'] }), 'accepted');
  t.same(world.deadLetters, []);
});
