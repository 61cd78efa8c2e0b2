import t from 'tap';
import type { SelfDeed } from '../../proto/words.ts';
import { answerIn, eventsOf, makeGroup, people, receive, send } from './groups.ts';
import { connect, logIn, messenger, type Socket, type World } from './harness.ts';

let ids = 0;

function want(world: World, socket: Socket, deed: SelfDeed): string {
  const id = `d-${++ids}`;
  socket.say({ kind: 'self', id, deed });
  world.pass(10);
  return answerIn(socket, id);
}

function bodies(world: World, socket: Socket, other: string): string[] {
  socket.say({ kind: 'history', req: ++ids, with: other, before: 0, limit: 100 });
  world.pass(10);
  return socket.last('page').messages.map(({ body }) => body);
}

function scene(limits = {}) {
  const world = messenger(limits);
  const all = people(world, 'alice', 'bob');
  const { alice, bob } = all as { alice: Socket; bob: Socket };
  const group = makeGroup(world, all, 'alice', 'bob');
  for (const body of ['one', 'two']) {
    alice.say({ kind: 'send', id: `one-${++ids}`, to: 'bob', body });
    world.pass(10);
    send(world, alice, group, body);
  }
  return { world, alice, bob, group };
}

t.test('SLF7 stars and pins are told to all devices of the user, and to nobody else', async (t) => {
  const { world, alice, bob, group } = scene({ starred_max: 2, pinned_max: 1 });
  const star = (on: boolean, seq = 1): SelfDeed => ({ what: 'star', with: 'alice', of: { from: 'alice', seq }, on });
  const before = alice.cursor();
  t.equal(want(world, bob, star(true)), 'accepted');
  t.equal(want(world, bob, star(true)), 'accepted');
  t.equal(want(world, bob, star(true, 2)), 'accepted');
  t.equal(want(world, bob, star(true, 3)), 'unknown_message');
  const entry = eventsOf(bob, 'message').find(({ to }) => to === group)!;
  const inGroup: SelfDeed = { what: 'star', with: group, of: { from: 'alice', seq: entry.seq }, on: true };
  t.equal(want(world, bob, inGroup), 'too_many_starred');
  t.equal(want(world, bob, star(false, 2)), 'accepted');
  t.equal(want(world, bob, inGroup), 'accepted');
  t.equal(want(world, bob, { what: 'pin', with: group, on: true }), 'accepted');
  t.equal(want(world, bob, { what: 'pin', with: 'alice', on: true }), 'too_many_pinned');
  const tablet = connect(world, logIn(world, 'bob', 'tablet'));
  world.pass(10);
  t.same(
    eventsOf(tablet, 'self').map(({ deed }) => `${deed.what} ${'on' in deed && deed.on}`),
    ['star true', 'star true', 'star false', 'star true', 'pin true'],
    'what was so already is no event',
  );
  t.equal(alice.cursor(), before);
  t.same(world.deadLetters, []);
});

t.test('SLF8 what a user does not want to see any more is gone for it, and for nobody else', async (t) => {
  const { world, alice, bob, group } = scene();
  receive(world, bob);
  const of = { from: 'alice', seq: 1 };
  want(world, bob, { what: 'star', with: 'alice', of, on: true });
  t.equal(want(world, bob, { what: 'forget', with: 'alice', of }), 'accepted');
  t.equal(want(world, bob, { what: 'forget', with: 'alice', of }), 'unknown_message');
  const entry = eventsOf(bob, 'message').find(({ to, body }) => to === group && body === 'one')!;
  const inGroup = { from: 'alice', seq: entry.seq };
  t.equal(want(world, bob, { what: 'forget', with: group, of: inGroup }), 'accepted');
  t.equal(want(world, bob, { what: 'forget', with: group, of: { from: 'alice', seq: 99 } }), 'unknown_message');
  for (const other of ['alice', group]) t.same(bodies(world, bob, other), ['two'], other);
  for (const other of ['bob', group]) t.same(bodies(world, alice, other), ['two', 'one'], other);
  t.equal(world.rowsOf('user/bob', 'star').size, 0);
  const tablet = connect(world, logIn(world, 'bob', 'tablet'));
  world.pass(10);
  t.notMatch(JSON.stringify(tablet.words), /"one"/);
  t.match(eventsOf(tablet, 'expired'), [
    { seq: 1, from: 'alice', to: 'bob' },
    { seq: entry.seq, to: group },
  ]);
  t.equal(want(world, alice, { what: 'forget', with: 'bob', of }), 'accepted', 'an own one, too');
  t.same(bodies(world, alice, 'bob'), ['two']);
  t.match(
    eventsOf(alice, 'receipt').findLast((event) => event.with === 'bob'),
    { delivered: 2 },
  );
  t.same(world.deadLetters, []);
});

t.test('SLF8 VAN2 what its recipient has removed before its time still vanishes at its sender', async (t) => {
  const { world, alice, bob } = scene();
  const vanish = { afterMs: 60_000, since: 'delivered' } as const;
  alice.say({ kind: 'send', id: 'v', to: 'bob', body: 'secret', more: { vanish } });
  world.pass(10);
  receive(world, bob);
  t.equal(want(world, bob, { what: 'forget', with: 'alice', of: { from: 'alice', seq: 3 } }), 'accepted');
  t.same(bodies(world, alice, 'bob'), ['secret', 'two', 'one']);
  world.pass(61_000);
  t.same(bodies(world, alice, 'bob'), ['two', 'one']);
  t.same(world.deadLetters, []);
});
