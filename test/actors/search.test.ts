import fc from 'fast-check';
import t from 'tap';
import { folded, holds, termsOf } from '../../actors/search-terms.ts';
import type { MessageState, Search } from '../../proto/words.ts';
import { arrange, eventsOf, makeGroup, people, receive, send } from './groups.ts';
import { connect, logIn, messenger, type Socket, startMs, type World } from './harness.ts';

type Asked = Partial<Omit<Search, 'kind' | 'req'>>;
let ids = 0;

/** All pages of one search, and how many they were. */
function searched(world: World, socket: Socket, asked: Asked): { pages: number; messages: MessageState[] } {
  const messages: MessageState[] = [];
  let cursor = 0;
  for (let pages = 1; pages < 1_000; pages++) {
    const req = ++ids;
    socket.say({ kind: 'search', req, words: '', limit: 100, ...asked, cursor });
    world.settle();
    const answer = socket.last('messages');
    if (answer.req !== req) throw new Error(`no answer: ${JSON.stringify(socket.words.at(-1))}`);
    messages.push(...answer.messages);
    cursor = answer.next;
    if (cursor === 0) return { pages, messages };
  }
  throw new Error('the search never ends');
}

function bodies(world: World, socket: Socket, words: string, asked: Asked = {}): string[] {
  return searched(world, socket, { words, ...asked }).messages.map(({ body }) => body);
}

function say(world: World, socket: Socket, to: string, body: string): string {
  const id = `s-${++ids}`;
  socket.say({ kind: 'send', id, to, body });
  world.pass(10);
  return id;
}

function amend(world: World, socket: Socket, other: string, seq: number, deed: object): void {
  const of = { from: socket.claims.user, seq };
  socket.say({ kind: 'amend', id: `a-${++ids}`, with: other, of, deed: deed as { what: 'retract' } });
  world.pass(100);
}

t.test('SRC2 words: case, accents and scripts', async (t) => {
  const rows: readonly (readonly [text: string, words: string, found: boolean])[] = [
    ['Shall we meet?', 'MEET shall', true],
    ['Shall we meet?', 'eet', false],
    ['Shall we meet?', 'mee', true],
    ['Shall we meet?', 'meet them', false],
    ['Crème brûlée', 'creme brulee', true],
    ['creme', 'Crème', true],
    ['Straße', 'STRASSE', true],
    ['ΟΔΥΣΣΕΥΣ', 'οδυσσευς', true],
    ['Ёлка', 'елка', true],
    ['İstanbul', 'istanbul', true],
    ['ﬁne', 'fine', true],
    ['２０２６年', '2026', true],
    ['明日は東京へ行きます', '東京', true],
    ['明日は東京へ行きます', '京都', false],
    ['ไปกินข้าวกัน', 'ข้าว', true],
    ['東京abc', 'abc', true],
    ['한국어 공부', '공부', true],
    ['한국어 공부', '국어', false],
    ['we won!', 'won!', true],
    ["don't", "don't", true],
    ['well done 👍🏽', '👍', true],
    ['well done', '👍', false],
    ['a-b_c.d', 'c', true],
    ['𝒳enon', 'xenon', true],
    ['𐐀𐐁', '𐐁', false],
    ['anything', '', true],
    ['anything', '   ', true],
  ];
  for (const [text, words, found] of rows) t.equal(holds(text, termsOf(words)), found, `${words} in ${text}`);
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      // Whatever a message says is found by that.
      return folded(folded(text)) === folded(text) && holds(text, termsOf(text)) && termsOf(text).length <= 16;
    }),
    { numRuns: 2_000 },
  );
});

t.test('SRC1 SRC3 all of a conversation, an author, a time', async (t) => {
  const world = messenger();
  const all = people(world, 'alice', 'bob', 'carol');
  const { alice, bob, carol } = all as { [name: string]: Socket };
  const group = makeGroup(world, all, 'alice', 'bob');
  say(world, alice!, 'bob', 'one red apple');
  say(world, bob!, 'alice', 'two red apples');
  say(world, carol!, 'alice', 'three Red pears');
  const between = world.now;
  send(world, bob!, group, 'red in the group');
  say(world, alice!, 'carol', 'no colour');
  t.same(bodies(world, alice!, 'red'), ['red in the group', 'three Red pears', 'two red apples', 'one red apple']);
  t.same(bodies(world, alice!, 'red apple'), ['two red apples', 'one red apple']);
  t.same(bodies(world, alice!, 'red', { with: 'bob' }), ['two red apples', 'one red apple']);
  t.same(bodies(world, alice!, 'red', { with: group }), ['red in the group']);
  t.same(bodies(world, alice!, '', { with: 'dora' }), []);
  t.same(bodies(world, alice!, 'red', { from: 'bob' }), ['red in the group', 'two red apples']);
  t.same(bodies(world, alice!, '', { from: 'alice' }), ['no colour', 'one red apple']);
  t.same(bodies(world, alice!, 'red', { after: between }), ['red in the group']);
  t.same(bodies(world, alice!, '', { before: between, after: startMs, from: 'carol' }), ['three Red pears']);
  t.same(bodies(world, carol!, 'red'), ['three Red pears'], 'nobody finds what is not theirs');
  const [message] = searched(world, alice!, { words: 'apples' }).messages;
  t.match(message, { kind: 'message', from: 'bob', to: 'alice', seq: 1, failed: '' });
  t.ok((message?.n ?? 0) > 0);
  t.same(world.deadLetters, []);
});

t.test('SRC3 SRC4 pages of every size hold the same, and a turn reads no more than it may', async (t) => {
  for (const limits of [{}, { search_rows_max: 3 }, { search_chars_max: 10 }, { frame_body_chars_max: 12 }]) {
    const world = messenger({ words_per_s_max: 1_000_000, words_burst_max: 1_000_000, ...limits });
    const all = people(world, 'alice', 'bob');
    const { alice, bob } = all as { [name: string]: Socket };
    const group = makeGroup(world, all, 'alice', 'bob');
    const said: string[] = [];
    for (let i = 0; i < 20; i++) {
      const body = `${i % 3 === 0 ? 'yes' : 'no'} ${i}`;
      if (i % 4 === 3) send(world, bob!, group, body);
      else say(world, i % 2 ? alice! : bob!, i % 2 ? 'bob' : 'alice', body);
      said.unshift(body);
    }
    for (const socket of [alice!, bob!]) receive(world, socket);
    const yes = said.filter((body) => body.startsWith('yes'));
    for (const limit of [1, 2, 7, 100]) {
      t.same(bodies(world, alice!, 'yes', { limit }), yes, `${limit} ${JSON.stringify(limits)}`);
      t.same(bodies(world, alice!, '', { limit }), said);
    }
    // A cursor of the client's making, wherever it lies.
    for (let cursor = 1; cursor < alice!.cursor() + 3; cursor++) {
      alice!.say({ kind: 'search', req: ++ids, words: 'yes', with: 'bob', cursor, limit: 100 });
      world.settle();
      const { messages } = alice!.last('messages');
      t.ok(messages.every(({ n, body }) => n < cursor && yes.includes(body)));
    }
    t.same(world.deadLetters, []);
  }
  const world = messenger({ search_rows_max: 4 });
  const { alice } = people(world, 'alice', 'bob') as { [name: string]: Socket };
  for (let i = 0; i < 12; i++) say(world, alice!, 'bob', `m${i}`);
  t.same(searched(world, alice!, { words: 'nowhere' }), { pages: 3, messages: [] }, 'pages may be empty');
});

t.test('SRC5 what is gone is not found, and an edited message by its text of now', async (t) => {
  const world = messenger();
  const all = people(world, 'alice', 'bob');
  const { alice, bob } = all as { [name: string]: Socket };
  const group = makeGroup(world, all, 'alice', 'bob');
  for (const other of ['bob', group]) {
    const reader = bob!;
    const to = other === group ? group : 'bob';
    const seqOf = (body: string) =>
      eventsOf(reader, 'message').find((event) => event.body === body && event.to === to)!.seq;
    for (const body of ['first secret', 'second secret', 'third secret', 'fourth secret']) {
      if (other === group) send(world, alice!, group, body);
      else say(world, alice!, other, body);
    }
    amend(world, alice!, other, seqOf('second secret'), { what: 'edit', body: 'a plain text' });
    amend(world, alice!, other, seqOf('third secret'), { what: 'edit', body: 'a plain secret' });
    amend(world, alice!, other, seqOf('third secret'), { what: 'edit', body: 'another secret' });
    amend(world, alice!, other, seqOf('fourth secret'), { what: 'retract' });
    const inIt = { with: other === group ? group : 'alice' };
    t.same(bodies(world, reader, 'secret', inIt), ['another secret', 'first secret'], other);
    t.same(bodies(world, reader, 'plain', inIt), ['a plain text'], other);
    t.same(bodies(world, alice!, 'secret', { with: other }), ['another secret', 'first secret'], other);
    const [edited] = searched(world, reader, { words: 'plain', ...inIt }).messages;
    t.ok((edited?.edited ?? 0) > 0, 'its state says so');
    reader.say({
      kind: 'self',
      id: `f-${++ids}`,
      deed: { what: 'forget', with: inIt.with, of: { from: 'alice', seq: seqOf('first secret') } },
    });
    world.pass(10);
    t.same(bodies(world, reader, 'first', inIt), [], 'deleted for oneself');
    t.same(bodies(world, alice!, 'first', { with: other }), ['first secret']);
    const vanish = { afterMs: 5_000, since: 'sent' } as const;
    alice!.say({ kind: 'send', id: `v-${++ids}`, to: other, body: 'a fleeting word', more: { vanish } });
    world.pass(100);
    t.same(bodies(world, reader, 'fleeting'), ['a fleeting word']);
    world.pass(6_000);
    for (const socket of [alice!, reader]) t.same(bodies(world, socket, 'fleeting'), []);
  }
  t.same(world.deadLetters, []);
});

t.test('SRC5 what came while somebody was blocked is not found, nor what was never delivered', async (t) => {
  const world = messenger({ message_lifetime_ms: 60_000 });
  const { alice, bob } = people(world, 'alice', 'bob') as { [name: string]: Socket };
  alice!.say({ kind: 'self', id: 'b1', deed: { what: 'block', user: 'bob', on: true } });
  world.pass(10);
  say(world, bob!, 'alice', 'let me in');
  alice!.say({ kind: 'self', id: 'b2', deed: { what: 'block', user: 'bob', on: false } });
  world.pass(10);
  t.same(bodies(world, alice!, 'let'), []);
  t.same(bodies(world, bob!, 'let'), ['let me in'], 'who has sent it still has it');
  alice!.hangUp();
  say(world, bob!, 'alice', 'too late');
  world.pass(70_000);
  const again = connect(world, logIn(world, 'alice', 'tablet'));
  t.same(bodies(world, again, 'late'), []);
  t.same(world.deadLetters, []);
});

t.test('SRC6 who has left a group finds what it had, as it was, and nothing that came later', async (t) => {
  const world = messenger();
  const all = people(world, 'alice', 'bob', 'carol');
  const { alice, bob } = all as { [name: string]: Socket };
  const group = makeGroup(world, all, 'alice', 'bob', 'carol');
  send(world, alice!, group, 'plan one');
  const { seq } = eventsOf(bob!, 'message').at(-1)!;
  arrange(world, alice!, group, { what: 'remove', users: ['bob'] });
  amend(world, alice!, group, seq, { what: 'edit', body: 'plan two' });
  send(world, alice!, group, 'plan three');
  t.same(bodies(world, bob!, 'plan'), ['plan one']);
  t.same(bodies(world, all.carol!, 'plan'), ['plan three', 'plan two']);
  arrange(world, alice!, group, { what: 'add', users: ['bob'] });
  world.pass(200);
  t.same(bodies(world, bob!, 'plan'), ['plan one'], 'what was edited between is as it was');
  t.same(world.deadLetters, []);
});

t.test('SRC7 a search costs as much as several words', async (t) => {
  const world = messenger({ words_per_s_max: 10, words_burst_max: 31 });
  const { alice } = people(world, 'alice') as { [name: string]: Socket };
  for (let req = 1; req <= 4; req++) alice!.say({ kind: 'search', req, words: 'x', cursor: 0, limit: 1 });
  world.settle();
  t.same(
    alice!.all('messages').map(({ req }) => req),
    [1, 2, 3],
  );
  t.match(alice!.last('refused'), { req: 4, code: 'too_fast', retry: true, afterMs: 1_000 });
});
