import t from 'tap';
import type { More, Timer } from '../../proto/words.ts';
import { answerIn, arrange, eventsOf, makeGroup, people, receive, send } from './groups.ts';
import { connect, logIn, messenger, type Socket, type World } from './harness.ts';

const minute_ms = 60_000;
let ids = 0;

function couple(): { world: World; alice: Socket; bob: Socket } {
  const world = messenger();
  const { alice, bob } = people(world, 'alice', 'bob') as { alice: Socket; bob: Socket };
  return { world, alice, bob };
}

function want(world: World, socket: Socket, other: string, timer: Timer): string {
  const id = `v-${++ids}`;
  socket.say({ kind: 'vanish', id, with: other, timer });
  world.pass(10);
  return answerIn(socket, id);
}

function say(world: World, socket: Socket, to: string, body: string, more?: More): void {
  socket.say({ kind: 'send', id: `m-${++ids}`, to, body, ...(more && { more }) });
  world.pass(10);
}

function bodies(world: World, socket: Socket, other: string): string[] {
  socket.say({ kind: 'history', req: ++ids, with: other, before: 0, limit: 100 });
  world.pass(10);
  return socket
    .last('page')
    .messages.map(({ body }) => body)
    .reverse();
}

/** Nothing that the server still holds for this user has these words. */
function forgotten(world: World, ...names: string[]): boolean {
  return names.every((name) => {
    const device = connect(world, logIn(world, name, `d${++ids}`));
    world.pass(10);
    return !/secret/.test(JSON.stringify(device.words));
  });
}

t.test('VAN1 VAN2 either side sets the timer, and what is sent from then on vanishes on both', async (t) => {
  const { world, alice, bob } = couple();
  say(world, alice, 'bob', 'stays');
  t.equal(want(world, bob, 'alice', { afterMs: 5 * minute_ms, since: 'read' }), 'accepted');
  t.match(eventsOf(alice, 'vanishing'), [{ with: 'bob', by: 'bob', timer: { since: 'read' } }]);
  say(world, alice, 'bob', 'secret one');
  say(world, bob, 'alice', 'secret two');
  t.match(eventsOf(bob, 'message').at(-1), { more: { vanish: { afterMs: 5 * minute_ms, since: 'read' } } });
  receive(world, bob);
  world.pass(20 * minute_ms);
  t.same(bodies(world, bob, 'alice'), ['stays', 'secret one', 'secret two'], 'nobody has read it yet');
  bob.say({ kind: 'read', with: 'alice', upTo: 2 });
  world.pass(4 * minute_ms);
  t.equal(eventsOf(alice, 'vanished').length, 0);
  world.pass(2 * minute_ms);
  const expected = [{ list: [{ from: 'alice', seq: 2 }] }];
  t.match(eventsOf(bob, 'vanished'), expected);
  t.match(eventsOf(alice, 'vanished'), expected);
  t.same(bodies(world, alice, 'bob'), ['stays', 'secret two']);
  alice.say({ kind: 'read', with: 'bob', upTo: 1 });
  world.pass(6 * minute_ms);
  for (const [socket, other] of [[alice, 'bob'] as const, [bob, 'alice'] as const]) {
    t.same(bodies(world, socket, other), ['stays']);
  }
  t.ok(forgotten(world, 'alice', 'bob'));
  t.equal(want(world, alice, 'bob', { afterMs: 0, since: 'never' }), 'accepted');
  say(world, alice, 'bob', 'stays, too');
  t.same(eventsOf(bob, 'message').at(-1)?.more, undefined);
  t.same(world.deadLetters, []);
});

t.test('VAN3 a message has its own timer, where it says so; one that is seen once goes when it is read', async (t) => {
  const { world, alice, bob } = couple();
  say(world, alice, 'bob', 'secret', { vanish: { afterMs: 0, since: 'read' }, forwarded: true });
  t.match(eventsOf(bob, 'message'), [{ body: 'secret', more: { forwarded: true } }]);
  receive(world, bob);
  bob.say({ kind: 'read', with: 'alice', upTo: 1 });
  world.pass(100);
  t.match(eventsOf(alice, 'vanished'), [{ list: [{ from: 'alice', seq: 1 }] }]);
  t.ok(forgotten(world, 'alice', 'bob'));
  t.match(eventsOf(alice, 'receipt').at(-1), { read: 1 }, 'that it was read is known all the same');
  say(world, alice, 'bob', 'secret, too', { vanish: { afterMs: minute_ms, since: 'delivered' } });
  receive(world, bob);
  world.pass(minute_ms);
  t.equal(eventsOf(bob, 'vanished').length, 2);
  want(world, alice, 'bob', { afterMs: minute_ms, since: 'sent' });
  say(world, alice, 'bob', 'stays', { vanish: { afterMs: 0, since: 'never' } });
  receive(world, bob);
  world.pass(10 * minute_ms);
  t.same(bodies(world, bob, 'alice'), ['stays']);
});

t.test('VAN4 what nobody had fetched when its time was over fails, and what fails does not stay either', async (t) => {
  const { world, alice, bob } = couple();
  want(world, alice, 'bob', { afterMs: minute_ms, since: 'sent' });
  bob.hangUp();
  world.pass(10);
  say(world, alice, 'bob', 'secret');
  world.pass(2 * minute_ms);
  t.match(eventsOf(alice, 'failed'), [{ seq: 1, code: 'expired' }]);
  t.equal(eventsOf(alice, 'vanished').length, 1);
  t.ok(forgotten(world, 'alice', 'bob'));
  want(world, alice, 'nobody', { afterMs: minute_ms, since: 'read' });
  say(world, alice, 'nobody', 'secret to nobody');
  t.match(eventsOf(alice, 'failed').at(-1), { code: 'unknown_user' });
  world.pass(2 * minute_ms);
  t.ok(forgotten(world, 'alice'));
  t.same(world.deadLetters, []);
});

t.test('VAN2 AMD edits and reactions vanish with their message, and none come after', async (t) => {
  const { world, alice, bob } = couple();
  want(world, alice, 'bob', { afterMs: minute_ms, since: 'delivered' });
  say(world, alice, 'bob', 'secret');
  const of = { from: 'alice', seq: 1 };
  alice.say({ kind: 'amend', id: 'e', with: 'bob', of, deed: { what: 'edit', body: 'another secret' } });
  bob.say({ kind: 'amend', id: 'r', with: 'alice', of, deed: { what: 'react', text: '👍' } });
  receive(world, bob);
  world.pass(2 * minute_ms);
  t.ok(forgotten(world, 'alice', 'bob'));
  for (const name of ['alice', 'bob']) {
    for (const table of ['amend', 'react', 'wane', 'waning', 'fade']) {
      t.equal(world.rowsOf(`user/${name}`, table).size, 0, `${name} ${table}`);
    }
  }
  bob.say({ kind: 'amend', id: 'late', with: 'alice', of, deed: { what: 'react', text: '👎' } });
  world.pass(10);
  t.equal(answerIn(bob, 'late'), 'unknown_message');
});

t.test('VAN1 when both want something at once, both end with the same', async (t) => {
  const { world, alice, bob } = couple();
  alice.say({ kind: 'vanish', id: 'a', with: 'bob', timer: { afterMs: 10_000, since: 'read' } });
  bob.say({ kind: 'vanish', id: 'b', with: 'alice', timer: { afterMs: 20_000, since: 'sent' } });
  world.settle();
  const rows = ['alice', 'bob'].map((name) => [...world.rowsOf(`user/${name}`, 'timer').values()]);
  t.strictSame(rows[0], rows[1]);
  t.match(rows[0], [{ by: 'bob', timer: { afterMs: 20_000 } }]);
  alice.say({ kind: 'vanish', id: 'again', with: 'bob', timer: { afterMs: 30_000, since: 'read' } });
  world.settle();
  const later = ['alice', 'bob'].map((name) => [...world.rowsOf(`user/${name}`, 'timer').values()]);
  t.strictSame(later[0], later[1]);
  t.match(later[0], [{ by: 'alice', timer: { afterMs: 30_000 } }], 'whoever is later, if only by what it knows');
  t.equal(want(world, alice, 'alice', { afterMs: 10_000, since: 'read' }), 'to_self');
  alice.say({ kind: 'vanish', id: 'c', with: 'bob', timer: { afterMs: 4_999, since: 'read' } });
  world.pass(10);
  t.equal(answerIn(alice, 'c'), 'malformed');
});

t.test('VAN2 however many are read at once, each has its time', async (t) => {
  const { world, alice, bob } = couple();
  want(world, alice, 'bob', { afterMs: minute_ms, since: 'read' });
  for (let i = 1; i <= 300; i++) {
    say(world, alice, 'bob', `secret ${i}`);
    if (i % 100 === 0) receive(world, bob);
  }
  bob.say({ kind: 'read', with: 'alice', upTo: 300 });
  world.pass(2 * minute_ms);
  t.same(bodies(world, alice, 'bob'), []);
  t.same(bodies(world, bob, 'alice'), []);
  t.equal(world.rowsOf('user/bob', 'waning').size, 0);
  t.same(world.deadLetters, []);
});

t.test(
  'VAN5 an admin sets the timer of a group; it counts from the sending, and no branch keeps what has vanished',
  async (t) => {
    const world = messenger();
    const all = people(world, 'alice', 'bob', 'carol');
    const { alice, bob, carol } = all as { alice: Socket; bob: Socket; carol: Socket };
    const group = makeGroup(world, all, 'alice', 'bob', 'carol');
    t.equal(arrange(world, bob, group, { what: 'vanish', afterMs: minute_ms }), 'not_an_admin');
    t.equal(arrange(world, alice, group, { what: 'vanish', afterMs: minute_ms }), 'accepted');
    t.match(eventsOf(bob, 'group').at(-1), { change: { what: 'vanishing', afterMs: minute_ms } });
    send(world, bob, group, 'secret one');
    const [said] = eventsOf(carol, 'message');
    t.match(said, { more: { vanish: { afterMs: minute_ms, since: 'sent' } } });
    const of = { from: 'bob', seq: said!.seq };
    bob.say({ kind: 'amend', id: 'e', with: group, of, deed: { what: 'edit', body: 'secret two' } });
    carol.say({ kind: 'amend', id: 'r', with: group, of, deed: { what: 'react', text: '👍' } });
    world.pass(1_000);
    t.same(bodies(world, alice, group), ['secret two']);
    world.pass(minute_ms);
    for (const socket of [alice, bob, carol]) {
      t.match(eventsOf(socket, 'vanished'), [{ with: group, list: [of] }]);
      t.same(bodies(world, socket, group), []);
    }
    t.ok(forgotten(world, 'alice', 'bob', 'carol'));
    t.equal(world.rowsOf(`group/${group}`, 'amend').size, 0);
    t.equal(world.rowsOf(`group/${group}`, 'fade').size, 0);
    arrange(world, alice, group, { what: 'vanish', afterMs: 0 });
    send(world, bob, group, 'stays');
    world.pass(10 * minute_ms);
    t.same(bodies(world, carol, group), ['stays']);
    t.same(world.deadLetters, []);
  },
);
