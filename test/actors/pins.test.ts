import fc from 'fast-check';
import t from 'tap';
import type { Amendment, MessageState } from '../../proto/words.ts';
import { answerIn, arrange, eventsOf, makeGroup, people, receive, send } from './groups.ts';
import { connect, logIn, messenger, type Socket, type World } from './harness.ts';

let ids = 0;

function amend(
  world: World,
  socket: Socket,
  other: string,
  of: { from: string; seq: number },
  deed: Amendment,
): string {
  const id = `p-${++ids}`;
  socket.say({ kind: 'amend', id, with: other, of, deed });
  world.pass(100);
  return answerIn(socket, id);
}

function pin(world: World, socket: Socket, other: string, from: string, seq: number, on = true): string {
  return amend(world, socket, other, { from, seq }, { what: 'pin', on });
}

/** All pages of what is pinned. */
function pinned(world: World, socket: Socket, other: string, limit = 100): MessageState[] {
  const found: MessageState[] = [];
  let before = 0;
  do {
    socket.say({ kind: 'pinned', req: ++ids, with: other, before, limit });
    world.pass(10);
    const answer = socket.last('messages');
    if (answer.req !== ids) throw new Error(`no answer: ${JSON.stringify(socket.words.at(-1))}`);
    found.push(...answer.messages);
    before = answer.next;
  } while (before > 0);
  return found;
}

const bodiesOf = (messages: readonly MessageState[]) => messages.map(({ body }) => body);

function two(limits = {}) {
  const world = messenger(limits);
  const { alice, bob } = people(world, 'alice', 'bob') as { alice: Socket; bob: Socket };
  for (const body of ['one', 'two', 'three']) {
    alice.say({ kind: 'send', id: `m-${++ids}`, to: 'bob', body });
    world.pass(10);
  }
  bob.say({ kind: 'send', id: `m-${++ids}`, to: 'alice', body: 'four' });
  world.pass(10);
  for (const socket of [alice, bob]) receive(world, socket);
  return { world, alice, bob };
}

t.test('PIN1 PIN2 either of two pins and unpins, and both see it', async (t) => {
  const { world, alice, bob } = two({ pins_max: 3, frame_body_chars_max: 6 });
  t.equal(pin(world, alice, 'bob', 'alice', 1), 'accepted');
  t.equal(pin(world, bob, 'alice', 'alice', 2), 'accepted');
  t.equal(pin(world, bob, 'alice', 'alice', 2), 'accepted');
  t.equal(pin(world, alice, 'bob', 'bob', 1), 'accepted');
  t.equal(pin(world, alice, 'bob', 'alice', 3), 'too_many_pins');
  for (const limit of [1, 2, 100]) {
    t.same(bodiesOf(pinned(world, alice, 'bob', limit)), ['four', 'two', 'one']);
    t.same(bodiesOf(pinned(world, bob, 'alice', limit)), ['four', 'two', 'one']);
  }
  const expected = [true, true, true].map((on) => ({ what: 'pin', on }));
  for (const socket of [alice, bob]) {
    const tablet = connect(world, logIn(world, socket.claims.user, 'tablet'));
    t.same(
      eventsOf(tablet, 'amended').map(({ deed }) => deed),
      expected,
      'what was so already is no event',
    );
  }
  t.equal(pin(world, bob, 'alice', 'alice', 1, false), 'accepted');
  t.equal(pin(world, alice, 'bob', 'alice', 1, false), 'accepted');
  t.same(bodiesOf(pinned(world, alice, 'bob')), ['four', 'two']);
  t.equal(pin(world, alice, 'bob', 'alice', 3), 'accepted');
  t.same(bodiesOf(pinned(world, bob, 'alice')), ['three', 'four', 'two']);
  alice.say({ kind: 'history', req: ++ids, with: 'bob', before: 0, limit: 10 });
  world.pass(10);
  t.same(
    alice.last('page').messages.map(({ body, pinned: at }) => [body, at > 0]),
    [['four', true]],
    'pages say so, too',
  );
  t.equal(pin(world, alice, 'bob', 'alice', 9), 'unknown_message');
  t.same(world.deadLetters, []);
});

t.test('PIN3 a message that is gone is pinned no more', async (t) => {
  const { world, alice, bob } = two();
  for (const seq of [1, 2, 3]) pin(world, bob, 'alice', 'alice', seq);
  amend(world, alice, 'bob', { from: 'alice', seq: 1 }, { what: 'retract' });
  t.equal(pin(world, bob, 'alice', 'alice', 1), 'retracted');
  bob.say({ kind: 'self', id: `f-${++ids}`, deed: { what: 'forget', with: 'alice', of: { from: 'alice', seq: 2 } } });
  const vanish = { afterMs: 5_000, since: 'sent' } as const;
  alice.say({ kind: 'send', id: `m-${++ids}`, to: 'bob', body: 'fleeting', more: { vanish } });
  world.pass(10);
  pin(world, bob, 'alice', 'alice', 4);
  t.same(bodiesOf(pinned(world, bob, 'alice')), ['fleeting', 'three'], 'deleted for oneself');
  t.same(bodiesOf(pinned(world, alice, 'bob')), ['fleeting', 'three', 'two']);
  world.pass(6_000);
  t.same(bodiesOf(pinned(world, bob, 'alice')), ['three']);
  t.same(bodiesOf(pinned(world, alice, 'bob')), ['three', 'two']);
  t.equal(world.rowsOf('user/alice', 'pinned').size, 2);
  t.same(world.deadLetters, []);
});

t.test('PIN4 whatever both sides do at once, they end alike', async (t) => {
  const step = fc.record({
    by: fc.boolean(),
    seq: fc.integer({ min: 1, max: 2 }),
    on: fc.boolean(),
    turns: fc.nat({ max: 6 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), fc.infiniteStream(fc.nat()), (steps, picks) => {
      const { world, alice, bob } = two();
      world.pick = (count) => picks.next().value % count;
      for (const { by, seq, on, turns } of steps) {
        const [socket, other] = by ? [alice, 'bob'] : [bob, 'alice'];
        socket.say({
          kind: 'amend',
          id: `p-${++ids}`,
          with: other,
          of: { from: 'alice', seq },
          deed: { what: 'pin', on },
        });
        for (let turn = 0; turn < turns; turn++) world.deliverOne();
      }
      world.settle();
      const [one, other] = [alice, bob].map((socket) => {
        const to = socket === alice ? 'bob' : 'alice';
        const told = new Map(
          eventsOf(connect(world, logIn(world, socket.claims.user, 'new')), 'amended').map(({ of, deed }) => [
            of.seq,
            deed,
          ]),
        );
        const now = pinned(world, socket, to).map(({ seq, pinned: at }) => `${seq} ${at}`);
        const byEvents = [...told].filter(([, deed]) => deed.what === 'pin' && deed.on).map(([seq]) => seq);
        t.same(
          byEvents.sort(),
          pinned(world, socket, to)
            .map(({ seq }) => seq)
            .sort(),
          'events say the same',
        );
        return now.sort();
      });
      t.same(one, other);
      t.same(world.deadLetters, []);
    }),
    { numRuns: 300 },
  );
});

t.test('PIN1 PIN2 PIN3 in a group admins pin, and all members see it', async (t) => {
  const world = messenger({ pins_max: 2 });
  const all = people(world, 'alice', 'bob', 'carol', 'dave');
  const { alice, bob, carol, dave } = all as { [name: string]: Socket };
  const group = makeGroup(world, all, 'alice', 'bob', 'carol');
  for (const body of ['one', 'two', 'three']) send(world, bob!, group, body);
  const seqOf = (body: string) => eventsOf(alice!, 'message').find((event) => event.body === body)!.seq;
  t.equal(pin(world, bob!, group, 'bob', seqOf('one')), 'not_an_admin');
  t.equal(pin(world, alice!, group, 'bob', seqOf('one')), 'accepted');
  t.equal(pin(world, alice!, group, 'bob', seqOf('two')), 'accepted');
  t.equal(pin(world, alice!, group, 'bob', seqOf('two')), 'accepted');
  t.equal(pin(world, alice!, group, 'bob', seqOf('three')), 'too_many_pins');
  t.equal(pin(world, alice!, group, 'carol', seqOf('three')), 'unknown_message', 'whose it is not');
  t.equal(pin(world, dave!, group, 'bob', seqOf('three')), 'not_a_member');
  for (const socket of [alice!, bob!, carol!]) {
    t.same(bodiesOf(pinned(world, socket, group, 1)), ['two', 'one']);
  }
  t.match(eventsOf(carol!, 'amended'), [{ deed: { what: 'pin', on: true } }, { deed: { what: 'pin', on: true } }]);
  arrange(world, alice!, group, { what: 'add', users: ['dave'] });
  world.pass(200);
  t.same(pinned(world, dave!, group), [], 'not what was before it came');
  arrange(world, alice!, group, { what: 'mode', announce: false, shared: true });
  t.same(bodiesOf(pinned(world, dave!, group)), ['two', 'one'], 'but where it is shared');
  amend(world, bob!, group, { from: 'bob', seq: seqOf('two') }, { what: 'retract' });
  t.same(bodiesOf(pinned(world, carol!, group)), ['one']);
  t.equal(pin(world, alice!, group, 'bob', seqOf('one'), false), 'accepted');
  t.same(pinned(world, carol!, group), []);
  t.same(world.deadLetters, []);
});

t.test('SLF9 stars are found again, in pages, the newest star first', async (t) => {
  const world = messenger({ frame_body_chars_max: 11 });
  const all = people(world, 'alice', 'bob', 'carol');
  const { alice, bob } = all as { [name: string]: Socket };
  const group = makeGroup(world, all, 'alice', 'bob');
  for (let i = 1; i <= 3; i++) {
    alice!.say({ kind: 'send', id: `s-${++ids}`, to: 'bob', body: `one ${i}` });
    world.pass(10);
    send(world, alice!, group, `all ${i}`);
  }
  const star = (other: string, seq: number, on = true): string => {
    const id = `s-${++ids}`;
    bob!.say({ kind: 'self', id, deed: { what: 'star', with: other, of: { from: 'alice', seq }, on } });
    world.settle();
    return answerIn(bob!, id);
  };
  const starred = (limit = 100): string[] => {
    const found: string[] = [];
    let before = 0;
    do {
      bob!.say({ kind: 'starred', req: ++ids, before, limit });
      world.settle();
      found.push(...bodiesOf(bob!.last('messages').messages));
      before = bob!.last('messages').next;
    } while (before > 0);
    return found;
  };
  const seqOf = (body: string) => eventsOf(bob!, 'message').find((event) => event.body === body)!.seq;
  const places: [string, number][] = [
    ['alice', 2],
    [group, seqOf('all 1')],
    ['alice', 1],
    [group, seqOf('all 3')],
    ['alice', 3],
  ];
  // All in the same millisecond.
  for (const [other, seq] of places) t.equal(star(other, seq), 'accepted');
  for (const limit of [1, 2, 3, 100]) t.same(starred(limit), ['one 3', 'all 3', 'one 1', 'all 1', 'one 2']);
  t.equal(star(group, 1), 'unknown_message', 'no message');
  t.equal(star('alice', 1, false), 'accepted');
  amend(world, alice!, 'bob', { from: 'alice', seq: 2 }, { what: 'edit', body: 'one two' });
  amend(world, alice!, group, { from: 'alice', seq: seqOf('all 1') }, { what: 'edit', body: 'all one' });
  t.same(starred(), ['one 3', 'all 3', 'all one', 'one two'], 'with the text of now');
  amend(world, alice!, 'bob', { from: 'alice', seq: 3 }, { what: 'retract' });
  amend(world, alice!, group, { from: 'alice', seq: seqOf('all 3') }, { what: 'retract' });
  t.same(starred(), ['all one', 'one two']);
  t.equal(world.rowsOf('user/bob', 'star').size, 2, 'a star goes with its message');
  arrange(world, alice!, group, { what: 'remove', users: ['bob'] });
  t.same(starred(), ['all 1', 'one two'], 'of a group that it has left as it was at first');
  world.move('bob');
  bob!.say({ kind: 'hello', epoch: '', cursor: 0 });
  t.same(starred(2), ['all 1', 'one two']);
  t.same(world.deadLetters, []);
});

t.test('AMD7 who reacted, in pages', async (t) => {
  const world = messenger();
  const names = ['ann', 'ann.b', 'anna', 'bob', 'carol'];
  const all = people(world, ...names, 'zoe');
  const group = makeGroup(world, all, 'ann', ...names.slice(1));
  send(world, all.bob!, group, 'hello');
  const of = { from: 'bob', seq: eventsOf(all.ann!, 'message')[0]!.seq };
  for (const name of names) amend(world, all[name]!, group, of, { what: 'react', text: name });
  amend(world, all.carol!, group, of, { what: 'react', text: '' });
  const reacted = (socket: Socket, other: string, message: { from: string; seq: number }, limit: number) => {
    const found: string[] = [];
    let after = '';
    do {
      socket.say({ kind: 'reactions', req: ++ids, with: other, of: message, after, limit });
      world.settle();
      const answer = socket.words.findLast((word) => 'req' in word && word.req === ids);
      if (answer?.kind !== 'reacted') return answer?.kind === 'refused' ? answer.code : 'nothing';
      found.push(...answer.list.map(({ user, text }) => `${user} ${text}`));
      after = answer.next;
    } while (after !== '');
    return found;
  };
  for (const limit of [1, 2, 3, 4, 100]) {
    t.same(reacted(all.ann!, group, of, limit), ['ann ann', 'ann.b ann.b', 'anna anna', 'bob bob']);
  }
  t.equal(reacted(all.zoe!, group, of, 10), 'not_a_member');
  t.equal(reacted(all.ann!, group, { from: 'ann', seq: of.seq }, 10), 'unknown_message');
  arrange(world, all.ann!, group, { what: 'add', users: ['zoe'] });
  world.pass(200);
  t.equal(reacted(all.zoe!, group, of, 10), 'unknown_message', 'from before it came');
  all.ann!.say({ kind: 'send', id: `m-${++ids}`, to: 'bob', body: 'to you' });
  world.pass(10);
  for (const [name, other] of [
    ['ann', 'bob'],
    ['bob', 'ann'],
  ] as const) {
    amend(world, all[name]!, other, { from: 'ann', seq: 1 }, { what: 'react', text: '👍' });
  }
  t.same(reacted(all.bob!, 'ann', { from: 'ann', seq: 1 }, 1), ['ann 👍', 'bob 👍']);
  t.equal(reacted(all.bob!, 'ann', { from: 'ann', seq: 2 }, 1), 'unknown_message');
  t.same(world.deadLetters, []);
});
