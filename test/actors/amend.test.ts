import t from 'tap';
import type { Amendment, ConversationId, MessageRef, TimelineEvent } from '../../proto/words.ts';
import { answerIn, arrange, eventsOf, makeGroup, type People, people, receive, send } from './groups.ts';
import { connect, logIn, messenger, type Socket, type World } from './harness.ts';

const minute_ms = 60_000;
const day_ms = 24 * 60 * minute_ms;
let ids = 0;

/** Says it, and lets the world come to rest. Answers with what came for it. */
function amend(world: World, socket: Socket, other: ConversationId, of: MessageRef, deed: Amendment): string {
  const id = `a-${++ids}`;
  socket.say({ kind: 'amend', id, with: other, of, deed });
  world.pass(100);
  return answerIn(socket, id);
}

function say(world: World, socket: Socket, to: string, body: string): void {
  socket.say({ kind: 'send', id: `m-${++ids}`, to, body });
  world.pass(10);
}

function page(world: World, socket: Socket, other: ConversationId) {
  socket.say({ kind: 'history', req: ++ids, with: other, before: 0, limit: 100 });
  world.pass(10);
  return socket.last('page').messages;
}

function couple(settings = {}): { world: World; alice: Socket; bob: Socket } {
  const world = messenger(settings);
  const { alice, bob } = people(world, 'alice', 'bob') as { alice: Socket; bob: Socket };
  return { world, alice, bob };
}

const edit = (body: string): Amendment => ({ what: 'edit', body });
const retract: Amendment = { what: 'retract' };
const react = (text: string): Amendment => ({ what: 'react', text });

t.test('AMD1 AMD2 an edit comes to all devices of both sides, and pages show the text of now', async (t) => {
  const { world, alice, bob } = couple();
  const tablet = connect(world, logIn(world, 'alice', 'tablet'));
  world.settle();
  say(world, alice, 'bob', 'Helo');
  const of = { from: 'alice', seq: 1 };
  t.equal(amend(world, alice, 'bob', of, edit('Hello')), 'accepted');
  t.equal(amend(world, alice, 'bob', of, edit('Hello!')), 'accepted');
  const expected = [
    { with: 'alice', of, by: 'alice', deed: edit('Hello') },
    { with: 'alice', of, by: 'alice', deed: edit('Hello!') },
  ];
  t.match(eventsOf(bob, 'amended'), expected);
  t.match(eventsOf(tablet, 'amended'), [{ with: 'bob', deed: edit('Hello') }, { with: 'bob' }]);
  t.match(eventsOf(bob, 'message'), [{ body: 'Helo' }], 'what was told stays as it was');
  for (const [socket, other] of [[alice, 'bob'] as const, [bob, 'alice'] as const]) {
    const [message] = page(world, socket, other);
    t.match(message, { body: 'Hello!', retracted: 0, reactions: [] });
    t.equal(message?.edited, eventsOf(bob, 'amended').at(-1)?.at);
  }
  const late = connect(world, logIn(world, 'bob', 'late'));
  world.pass(10);
  t.same(eventsOf(late, 'amended'), eventsOf(bob, 'amended'), 'a new device has the same timeline');
});

t.test('AMD3 what was taken back is forgotten, in all its versions, wherever it stood', async (t) => {
  const { world, alice, bob } = couple();
  say(world, alice, 'bob', 'secret one');
  const of = { from: 'alice', seq: 1 };
  amend(world, alice, 'bob', of, edit('secret two'));
  amend(world, bob, 'alice', of, react('👍'));
  t.equal(amend(world, alice, 'bob', of, retract), 'accepted');
  for (const [socket, other] of [[alice, 'bob'] as const, [bob, 'alice'] as const]) {
    const [message] = page(world, socket, other);
    t.match(message, { body: '', edited: 0, reactions: [] });
    t.ok((message?.retracted ?? 0) > 0);
    const again = connect(world, logIn(world, socket.claims.user, 'again'));
    world.pass(10);
    t.notMatch(JSON.stringify(again.words), /secret/);
    t.match(eventsOf(again, 'amended').at(-1), { deed: retract });
  }
  t.equal(amend(world, alice, 'bob', of, edit('again')), 'retracted');
  t.equal(amend(world, bob, 'alice', of, react('👎')), 'retracted');
  const before = eventsOf(bob, 'amended').length;
  t.equal(amend(world, alice, 'bob', of, retract), 'accepted', 'it is so already');
  t.equal(eventsOf(bob, 'amended').length, before);
  receive(world, bob);
  t.match(eventsOf(alice, 'receipt').at(-1), { delivered: 1 }, 'its receipts go on');
});

t.test('AMD4 a reaction of each user, which a later one replaces and an empty one takes back', async (t) => {
  const { world, alice, bob } = couple();
  say(world, alice, 'bob', 'hi');
  say(world, bob, 'alice', 'hi');
  const of = { from: 'bob', seq: 1 };
  amend(world, alice, 'bob', of, react('❤️'));
  amend(world, bob, 'alice', of, react('❤️'));
  t.match(page(world, alice, 'bob')[0], { reactions: [{ text: '❤️', count: 2, own: true }] });
  amend(world, alice, 'bob', of, react('🎉'));
  amend(world, alice, 'bob', of, react('🎉'));
  const both = [
    { text: '❤️', count: 1, own: true },
    { text: '🎉', count: 1, own: false },
  ];
  t.match(page(world, bob, 'alice')[0], { from: 'bob', reactions: both });
  t.equal(eventsOf(bob, 'amended').filter(({ by }) => by === 'alice').length, 2, 'the same again is no news');
  amend(world, alice, 'bob', of, react(''));
  t.match(page(world, bob, 'alice')[0], { reactions: [{ text: '❤️', count: 1, own: true }] });
  t.match(page(world, bob, 'alice')[1], { from: 'alice', reactions: [] });
});

t.test('AMD5 what may not be is refused, changes nothing, and stays refused', async (t) => {
  const { world, alice, bob } = couple();
  say(world, alice, 'bob', 'mine');
  say(world, bob, 'alice', 'yours');
  const mine = { from: 'alice', seq: 1 };
  const words: [MessageRef, Amendment, string][] = [
    [{ from: 'bob', seq: 1 }, edit('x'), 'not_the_author'],
    [{ from: 'bob', seq: 1 }, retract, 'not_the_author'],
    [{ from: 'alice', seq: 2 }, edit('x'), 'unknown_message'],
    [{ from: 'bob', seq: 2 }, react('x'), 'unknown_message'],
    [{ from: 'carol', seq: 1 }, react('x'), 'unknown_message'],
  ];
  for (const [of, deed, code] of words) t.equal(amend(world, alice, 'bob', of, deed), code, `${deed.what} ${code}`);
  t.equal(amend(world, alice, 'carol', { from: 'alice', seq: 1 }, react('x')), 'unknown_message');
  t.same(eventsOf(bob, 'amended'), []);
  const later = { kind: 'amend', id: 'early', with: 'bob', of: { from: 'alice', seq: 2 }, deed: edit('x') } as const;
  alice.say(later);
  world.pass(10);
  say(world, alice, 'bob', 'two');
  alice.say(later);
  world.pass(10);
  t.same(eventsOf(bob, 'amended'), [], 'a word that was refused stays so');
  world.pass(16 * minute_ms);
  t.equal(amend(world, alice, 'bob', mine, edit('x')), 'too_late');
  t.equal(amend(world, alice, 'bob', mine, react('x')), 'accepted');
  world.pass(2 * day_ms);
  t.equal(amend(world, alice, 'bob', mine, retract), 'too_late');
  alice.say({ kind: 'self', id: 'block', deed: { what: 'block', user: 'bob', on: true } });
  world.pass(10);
  t.equal(amend(world, alice, 'bob', mine, react('y')), 'blocked');
  const before = eventsOf(alice, 'amended').length;
  t.equal(amend(world, bob, 'alice', mine, react('y')), 'accepted', 'it is not told');
  t.equal(eventsOf(alice, 'amended').length, before);
  t.same(world.deadLetters, []);
});

t.test(
  'AMD1 the same word again gets the first answer, and the message is found however far it lies back',
  async (t) => {
    const { world, alice, bob } = couple({ amend_rows_max: 150 });
    for (let i = 1; i <= 70; i++) say(world, alice, 'bob', `m${i}`);
    for (let i = 1; i <= 600; i++) {
      say(world, alice, 'bob', `n${i}`);
      if (i % 100 === 0) receive(world, bob);
    }
    const word = {
      kind: 'amend',
      id: 'once',
      with: 'bob',
      of: { from: 'alice', seq: 3 },
      deed: edit('first text'),
    } as const;
    alice.say(word);
    alice.say({ ...word, deed: edit('second text') });
    world.pass(10);
    const answers = alice.all('accepted').filter(({ id }) => id === 'once');
    t.equal(answers.length, 2);
    t.strictSame(answers[0], answers[1]);
    t.match(eventsOf(bob, 'amended'), [{ deed: edit('first text') }]);
    t.equal(amend(world, alice, 'bob', { from: 'alice', seq: 3 }, retract), 'accepted');
    const again = connect(world, logIn(world, 'bob', 'again'));
    world.pass(10);
    while (again.cursor() < 672) {
      again.say({ kind: 'received', upTo: again.cursor() });
      world.pass(10);
    }
    t.notMatch(JSON.stringify(again.words), /m3"|first text/);
  },
);

t.test('SLF3 AMD2 an edit of a message that came while its author was blocked tells nothing of it', async (t) => {
  const { world, alice, bob } = couple();
  say(world, alice, 'bob', 'one');
  bob.say({ kind: 'self', id: 'on', deed: { what: 'block', user: 'alice', on: true } });
  world.pass(10);
  say(world, alice, 'bob', 'two');
  bob.say({ kind: 'self', id: 'off', deed: { what: 'block', user: 'alice', on: false } });
  world.pass(10);
  say(world, alice, 'bob', 'three');
  amend(world, alice, 'bob', { from: 'alice', seq: 2 }, edit('two and a half'));
  amend(world, alice, 'bob', { from: 'alice', seq: 3 }, edit('three and a half'));
  t.match(eventsOf(bob, 'amended'), [{ of: { seq: 3 } }]);
  t.equal(eventsOf(bob, 'amended').length, 1);
});

// ---------------------------------------------------------------- groups

function trio(): { world: World; all: People; group: string } {
  const world = messenger();
  const all = people(world, 'alice', 'bob', 'carol', 'dave');
  return { world, all, group: makeGroup(world, all, 'alice', 'bob', 'carol') };
}

function amendedIn(socket: Socket, group: string): Extract<TimelineEvent, { kind: 'amended' }>[] {
  return eventsOf(socket, 'amended').filter((event) => event.with === group);
}

function seqOf(socket: Socket, body: string): number {
  const found = socket.timeline().find((event) => event.kind === 'message' && event.body === body);
  return found?.kind === 'message' ? found.seq : 0;
}

t.test('AMD1 AMD6 in a group they are entries of its log: everybody has them in the same order', async (t) => {
  const { world, all, group } = trio();
  const { alice, bob, carol } = all as { alice: Socket; bob: Socket; carol: Socket };
  send(world, bob, group, 'Sunday?');
  const of = { from: 'bob', seq: seqOf(alice, 'Sunday?') };
  t.equal(amend(world, bob, group, of, edit('Saturday?')), 'accepted');
  t.equal(amend(world, carol, group, of, react('👍')), 'accepted');
  t.equal(amend(world, alice, group, of, react('👍')), 'accepted');
  t.match(
    amendedIn(alice, group).map(({ by, deed }) => [by, deed.what]),
    [
      ['bob', 'edit'],
      ['carol', 'react'],
    ],
    'what it said itself was answered by accepted',
  );
  t.equal(amendedIn(bob, group).length, 2);
  const [message] = page(world, alice, group);
  t.match(message, { body: 'Saturday?', reactions: [{ text: '👍', count: 2, own: true }] });
  t.match(page(world, bob, group)[0], { reactions: [{ count: 2, own: false }] });
});

t.test('AMD3 AMD6 an author or an admin takes a message of a group back, and no branch keeps it', async (t) => {
  const { world, all, group } = trio();
  const { alice, bob, carol } = all as { alice: Socket; bob: Socket; carol: Socket };
  send(world, bob, group, 'secret one');
  const of = { from: 'bob', seq: seqOf(alice, 'secret one') };
  amend(world, bob, group, of, edit('secret two'));
  amend(world, alice, group, of, react('👍'));
  t.equal(amend(world, carol, group, of, retract), 'not_the_author');
  t.equal(amend(world, alice, group, of, retract), 'accepted', 'an admin may');
  t.match(page(world, carol, group)[0], { body: '', edited: 0, reactions: [] });
  for (const name of ['alice', 'bob', 'carol']) {
    const again = connect(world, logIn(world, name, 'again'));
    world.pass(10);
    t.notMatch(JSON.stringify(again.words), /secret/, name);
  }
  t.equal(amend(world, bob, group, of, edit('again')), 'retracted');
});

t.test('AMD5 AMD6 A12 in a group, what a member may not change is refused', async (t) => {
  const { world, all, group } = trio();
  const { alice, bob, dave } = all as { alice: Socket; bob: Socket; dave: Socket };
  send(world, bob, group, 'before dave');
  const of = { from: 'bob', seq: seqOf(alice, 'before dave') };
  t.equal(amend(world, dave, group, of, react('x')), 'not_a_member');
  arrange(world, alice, group, { what: 'add', users: ['dave'] });
  t.equal(amend(world, dave, group, of, react('x')), 'unknown_message', 'it came before he did');
  t.equal(amend(world, alice, group, { from: 'bob', seq: 1 }, react('x')), 'unknown_message', 'no message');
  t.equal(amend(world, alice, group, { ...of, from: 'alice' }, react('x')), 'unknown_message', 'not hers');
  t.equal(amend(world, alice, group, of, edit('x')), 'not_the_author');
  t.equal(amend(world, alice, '#none', of, edit('x')), 'not_a_member');
  world.pass(16 * minute_ms);
  t.equal(amend(world, bob, group, of, edit('x')), 'too_late');
  t.same(amendedIn(dave, group), []);
  const many = messenger({ reactions_max: 1 });
  const few = people(many, 'alice', 'bob');
  const small = makeGroup(many, few, 'alice', 'bob');
  send(many, few.alice!, small, 'hi');
  const hi = { from: 'alice', seq: seqOf(few.bob!, 'hi') };
  t.equal(amend(many, few.bob!, small, hi, react('a')), 'accepted');
  t.equal(amend(many, few.alice!, small, hi, react('b')), 'too_many_reactions');
  t.equal(amend(many, few.alice!, small, hi, react('a')), 'accepted');
  t.same(world.deadLetters, []);
});

t.test('A8 GRP4 what was refused stays so, whatever the clock does (sim 18148)', async (t) => {
  const { world, alice } = couple();
  const early = { kind: 'amend', id: 'early', with: 'bob', of: { from: 'alice', seq: 1 }, deed: edit('x') } as const;
  alice.say(early);
  world.pass(10);
  t.equal(answerIn(alice, 'early'), 'unknown_message');
  world.jump(60 * minute_ms);
  t.equal(amend(world, alice, 'bob', { from: 'alice', seq: 7 }, edit('x')), 'unknown_message');
  say(world, alice, 'bob', 'now it is there');
  alice.say(early);
  world.pass(10);
  t.equal(alice.all('refused').filter(({ id }) => id === 'early').length, 2);
});
