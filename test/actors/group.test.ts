import t from 'tap';
import { Group } from '../../actors/index.ts';
import { arrange, entriesOf, eventsOf, makeGroup, people, receive, send, told } from './groups.ts';
import { connect, messenger, standing } from './harness.ts';

t.test('GRP: a group is made, and what is said in it reaches every member in one order', async (t) => {
  const world = messenger();
  const all = people(world, 'alice', 'bob', 'carol', 'dave', 'erin');
  const group = makeGroup(world, all, 'alice', 'bob', 'carol', 'dave', 'erin');
  for (const name of ['alice', 'bob', 'carol']) send(world, all[name]!, group, `hello from ${name}`);
  const said = ['alice: hello from alice', 'bob: hello from bob', 'carol: hello from carol'];
  for (const [name, socket] of Object.entries(all)) {
    const own = `${name}: hello from ${name}`;
    const expected = ['added bob,carol,dave,erin', ...said.filter((words) => words !== own)];
    t.same(told(socket, group), expected, `${name} was told of all that others did`);
  }
  t.same(
    all.dave!.timeline().map((event) => 'seq' in event && event.seq),
    [2, 3, 4, 5],
    'numbered by the group',
  );
  t.same(world.deadLetters, []);
});

t.test(
  'GRP: what a member sends is answered when the group has numbered it, and is in its place for another device',
  async (t) => {
    const world = messenger();
    const all = people(world, 'alice', 'bob');
    const group = makeGroup(world, all, 'alice', 'bob');
    all.bob!.say({ kind: 'send', id: 'm', to: group, body: 'hi' });
    world.settle();
    const [accepted] = all.bob!.all('accepted');
    t.match(accepted, { id: 'm', seq: 3, with: group });
    all.bob!.say({ kind: 'send', id: 'm', to: group, body: 'again' });
    world.settle();
    t.same(all.bob!.all('accepted')[1], accepted, 'the same id gets the same answer (A8)');
    t.same(told(all.alice!, group), ['added bob', 'bob: hi']);

    const later = connect(world, all.bob!.claims, { epoch: standing(all.bob!).epoch, cursor: 0 });
    t.same(told(later, group), ['added bob', 'bob: hi']);
  },
);

t.test('A8: what was refused stays refused under its id, also to a device that had no connection then', async (t) => {
  const world = messenger({ denials_max: 2 });
  const all = people(world, 'alice', 'bob');
  const group = makeGroup(world, all, 'alice', 'bob');
  arrange(world, all.alice!, group, { what: 'mode', announce: true, shared: false });
  all.bob!.say({ kind: 'send', id: 'm', to: group, body: 'may I?' });
  while (world.rowsOf('user/bob', 'wait').size === 0) world.deliverOne();
  all.bob!.hangUp();
  world.pass(100);
  arrange(world, all.alice!, group, { what: 'mode', announce: false, shared: false });
  const bob = connect(world, all.bob!.claims, standing(all.bob!));
  const say = (): string => {
    bob.say({ kind: 'send', id: 'm', to: group, body: 'may I?' });
    world.pass(100);
    return bob.words.at(-1)?.kind === 'refused' ? bob.last('refused').code : (bob.words.at(-1)?.kind ?? '');
  };
  t.equal(say(), 'announcements_only');
  t.equal(send(world, bob, group, 'now?'), 'accepted');
  t.equal(say(), 'announcements_only', 'a copy of it may still be on its way');
  arrange(world, bob, group, { what: 'title', title: 'Mine' });
  world.pass(24 * 60 * 60_000);
  t.equal(say(), 'announcements_only', 'however long');
  arrange(world, bob, group, { what: 'title', title: 'Mine, too' });
  t.equal(say(), 'accepted', 'until so many others were refused');
});

t.test('A12: who is removed gets nothing after, who is new nothing before', async (t) => {
  const world = messenger();
  const all = people(world, 'alice', 'bob', 'carol');
  const group = makeGroup(world, all, 'alice', 'bob');
  send(world, all.alice!, group, 'before carol');
  arrange(world, all.alice!, group, { what: 'add', users: ['carol'] });
  send(world, all.alice!, group, 'with carol');
  arrange(world, all.alice!, group, { what: 'remove', users: ['bob'] });
  send(world, all.alice!, group, 'without bob');
  t.same(told(all.carol!, group), ['added carol', 'alice: with carol', 'removed bob', 'alice: without bob']);
  t.same(told(all.bob!, group), [
    'added bob',
    'alice: before carol',
    'added carol',
    'alice: with carol',
    'removed bob',
  ]);
  t.equal(send(world, all.bob!, group, 'let me in'), 'not_a_member');
  t.equal(arrange(world, all.alice!, group, { what: 'add', users: ['bob'] }), 'accepted');
  t.same(told(all.bob!, group).slice(-1), ['added bob'], 'and back');
});

t.test('GRP: roles: what each may do', async (t) => {
  const world = messenger();
  const all = people(world, 'owner', 'admin', 'member', 'other', 'stranger');
  const group = makeGroup(world, all, 'owner', 'admin', 'member', 'other');
  t.equal(arrange(world, all.owner!, group, { what: 'role', user: 'admin', role: 'admin' }), 'accepted');
  const forbidden = [
    { what: 'title', title: 'Mine' },
    { what: 'about', about: 'mine' },
    { what: 'add', users: ['stranger'] },
    { what: 'remove', users: ['other'] },
    { what: 'role', user: 'member', role: 'owner' },
    { what: 'mode', announce: true, shared: true },
    { what: 'link', link: 'abcdefghijklmnop', uses: 1, forMs: 0 },
    { what: 'unlink', link: 'abcdefghijklmnop' },
  ] as const;
  for (const deed of forbidden) {
    t.equal(arrange(world, all.member!, group, deed), 'not_an_admin', `a member: ${deed.what}`);
    t.equal(arrange(world, all.stranger!, group, deed), 'not_a_member', `a stranger: ${deed.what}`);
  }
  t.equal(arrange(world, all.stranger!, group, { what: 'leave' }), 'not_a_member');
  t.equal(arrange(world, all.admin!, group, { what: 'role', user: 'owner', role: 'member' }), 'unauthorised');
  t.equal(arrange(world, all.admin!, group, { what: 'role', user: 'admin', role: 'owner' }), 'unauthorised');
  t.equal(arrange(world, all.admin!, group, { what: 'remove', users: ['owner'] }), 'unauthorised');
  t.equal(arrange(world, all.admin!, group, { what: 'role', user: 'stranger', role: 'admin' }), 'not_a_member');
  t.same(told(all.other!, group).slice(1), ['role admin admin'], 'nothing of that changed anything');

  t.equal(arrange(world, all.admin!, group, { what: 'title', title: 'Ours' }), 'accepted');
  t.equal(arrange(world, all.admin!, group, { what: 'title', title: 'Ours' }), 'accepted', 'again, without an entry');
  t.equal(arrange(world, all.admin!, group, { what: 'mode', announce: true, shared: false }), 'accepted');
  t.equal(send(world, all.member!, group, 'hm'), 'announcements_only');
  t.equal(send(world, all.admin!, group, 'hear'), 'accepted');
  t.equal(arrange(world, all.owner!, group, { what: 'role', user: 'admin', role: 'owner' }), 'accepted');
  t.equal(arrange(world, all.owner!, group, { what: 'leave' }), 'accepted');
  t.equal(arrange(world, all.admin!, group, { what: 'leave' }), 'accepted');
  t.same(told(all.other!, group).slice(2), [
    'titled',
    'mode',
    'admin: hear',
    'role admin owner',
    'removed owner',
    'removed admin',
    'role member owner',
  ]);
  t.same(world.deadLetters, []);
});

t.test('GRP: who can’t be added is told of, by name', async (t) => {
  const world = messenger({ groups_max: 1 });
  const all = people(world, 'alice', 'bob', 'carol');
  makeGroup(world, all, 'bob');
  const group = makeGroup(world, all, 'alice', 'bob', 'nobody', 'carol');
  t.same(
    eventsOf(all.alice!, 'declined').map(({ user, code }) => [user, code]),
    [
      ['bob', 'too_many_groups'],
      ['nobody', 'unknown_user'],
    ],
  );
  t.same(told(all.carol!, group), ['added carol']);
  t.equal(arrange(world, all.alice!, '', { what: 'create', title: 'x', about: '', users: [] }), 'too_many_groups');
});

t.test('GRP: a full group takes nobody', async (t) => {
  const world = messenger({ group_members_max: 2 });
  const all = people(world, 'alice', 'bob', 'carol');
  const group = makeGroup(world, all, 'alice', 'bob');
  const link = 'abcdefghijklmnop';
  t.equal(arrange(world, all.alice!, group, { what: 'add', users: ['carol'] }), 'group_full');
  t.equal(arrange(world, all.alice!, group, { what: 'link', link, uses: 0, forMs: 0 }), 'accepted');
  t.equal(arrange(world, all.carol!, group, { what: 'join', link }), 'group_full');
});

t.test('GRP: links lead in until they end, are used up or taken back', async (t) => {
  const world = messenger();
  const all = people(world, 'alice', 'bob', 'carol', 'dave');
  const group = makeGroup(world, all, 'alice');
  const [once, brief, open] = ['once-aaaaaaaaaaaa', 'brief-aaaaaaaaaaa', 'open-aaaaaaaaaaaa'] as const;
  arrange(world, all.alice!, group, { what: 'link', link: once, uses: 1, forMs: 0 });
  arrange(world, all.alice!, group, { what: 'link', link: brief, uses: 0, forMs: 1_000 });
  arrange(world, all.alice!, group, { what: 'link', link: open, uses: 0, forMs: 0 });
  t.equal(arrange(world, all.bob!, group, { what: 'join', link: once }), 'accepted');
  t.equal(arrange(world, all.bob!, group, { what: 'join', link: open }), 'accepted', 'a member already');
  t.equal(arrange(world, all.carol!, group, { what: 'join', link: once }), 'unknown_link');
  world.pass(1_000);
  t.equal(arrange(world, all.carol!, group, { what: 'join', link: brief }), 'unknown_link');
  t.equal(arrange(world, all.carol!, group, { what: 'join', link: open }), 'accepted');
  t.equal(arrange(world, all.alice!, group, { what: 'unlink', link: open }), 'accepted');
  t.equal(arrange(world, all.dave!, group, { what: 'join', link: open }), 'unknown_link');
  t.equal(arrange(world, all.dave!, '#no-such', { what: 'join', link: open }), 'unknown_group');
  t.same(told(all.alice!, group), ['added bob', 'added carol']);
  t.same(told(all.bob!, group), ['added carol'], 'its own coming was the answer to its word');
});

t.test('RCP: two ticks when all others have it, blue when all have read it; never back', async (t) => {
  const world = messenger();
  const all = people(world, 'alice', 'bob', 'carol');
  const group = makeGroup(world, all, 'alice', 'bob', 'carol');
  for (const socket of Object.values(all)) receive(world, socket);
  send(world, all.alice!, group, 'hi');
  receive(world, all.bob!);
  t.same(eventsOf(all.alice!, 'receipt').slice(-1)[0]?.delivered ?? 0, 0, 'not while one has it not');
  receive(world, all.carol!);
  t.match(eventsOf(all.alice!, 'receipt').at(-1), { with: group, delivered: 3, read: 0 });
  all.bob!.say({ kind: 'read', with: group, upTo: 3 });
  all.carol!.say({ kind: 'read', with: group, upTo: 3 });
  world.pass(1_000);
  t.match(eventsOf(all.alice!, 'receipt').at(-1), { with: group, delivered: 3, read: 3 });
  t.same(eventsOf(all.bob!, 'receipt'), [], 'who has sent nothing hears nothing');

  all.alice!.say({ kind: 'reach', req: 7, with: group, seq: 3, after: '', limit: 1 });
  world.settle();
  t.match(all.alice!.last('reached'), { req: 7, count: 2, delivered: 2, read: 2, next: 'bob' });
  t.equal(all.alice!.last('reached').list[0]?.user, 'bob');
  all.alice!.say({ kind: 'reach', req: 8, with: group, seq: 99, after: '', limit: 10 });
  world.settle();
  t.match(all.alice!.last('refused'), { req: 8, code: 'unknown_message' });
});

t.test('A7: clocks that jump hold up neither members nor receipts', async (t) => {
  const world = messenger();
  const all = people(world, 'alice', 'bob', 'carol');
  for (const socket of Object.values(all)) receive(world, socket);
  const group = makeGroup(world, all, 'alice', 'bob');
  for (const jump of [3_600_000, -7_200_000, 3_600_000]) {
    send(world, all.alice!, group, 'hi');
    all.bob!.say({ kind: 'received', upTo: all.bob!.cursor() });
    world.settle();
    world.jump(jump);
    world.pass(1_000);
    const seq = Math.max(...eventsOf(all.bob!, 'message').map((message) => message.seq));
    t.equal(eventsOf(all.alice!, 'receipt').at(-1)?.delivered, seq);
  }
  all.alice!.say({ kind: 'group', id: 'add', with: group, deed: { what: 'add', users: ['carol'] } });
  world.settle();
  world.jump(-3_600_000);
  world.pass(1_000);
  t.match(told(all.carol!, group), ['added carol']);
});

t.test('RCP: who leaves is not waited for', async (t) => {
  const world = messenger();
  const all = people(world, 'alice', 'bob', 'carol');
  const group = makeGroup(world, all, 'alice', 'bob', 'carol');
  send(world, all.alice!, group, 'hi');
  receive(world, all.bob!);
  arrange(world, all.carol!, group, { what: 'leave' });
  world.pass(1_000);
  t.equal((eventsOf(all.alice!, 'receipt').at(-1)?.delivered ?? 0) >= 3, true);
});

t.test('GRP: members and history come in pages', async (t) => {
  const world = messenger();
  const all = people(world, 'alice', 'bob', 'carol');
  const group = makeGroup(world, all, 'alice', 'bob');
  for (const body of ['one', 'two', 'three']) send(world, all.alice!, group, body);
  arrange(world, all.alice!, group, { what: 'add', users: ['carol'] });
  all.bob!.say({ kind: 'roster', req: 1, with: group, after: '', limit: 2 });
  world.settle();
  const first = all.bob!.last('members');
  t.match(first, { title: 'Friends', count: 3, next: 'bob' });
  t.same(
    first.list.map(({ user, role }) => [user, role]),
    [
      ['alice', 'owner'],
      ['bob', 'member'],
    ],
  );
  all.bob!.say({ kind: 'roster', req: 2, with: group, after: 'bob', limit: 2 });
  all.bob!.say({ kind: 'history', req: 3, with: group, before: 0, limit: 2 });
  world.settle();
  t.match(all.bob!.last('members'), { next: '', list: [{ user: 'carol' }] });
  const page = all.bob!.last('page');
  t.same(
    page.messages.map(({ body }) => body),
    ['three', 'two'],
  );
  all.bob!.say({ kind: 'history', req: 4, with: group, before: page.next, limit: 2 });
  all.carol!.say({ kind: 'history', req: 5, with: group, before: 0, limit: 10 });
  world.settle();
  t.match(all.bob!.last('page'), { messages: [{ body: 'one' }], next: 0 });
  t.same(all.carol!.last('page').messages, [], 'A12: before her time');
  arrange(world, all.alice!, group, { what: 'mode', announce: false, shared: true });
  all.carol!.say({ kind: 'history', req: 6, with: group, before: 0, limit: 10 });
  world.settle();
  t.equal(all.carol!.last('page').messages.length, 3, 'unless the group shares it');
});

t.test('GRP: a member that fetches nothing in time misses it, and the author hears of it by name', async (t) => {
  const world = messenger({ message_lifetime_ms: 10_000 });
  const all = people(world, 'alice', 'bob', 'carol');
  const group = makeGroup(world, all, 'alice', 'bob', 'carol');
  receive(world, all.bob!);
  const place = standing(all.bob!);
  all.bob!.hangUp();
  send(world, all.alice!, group, 'soon gone');
  receive(world, all.carol!);
  world.pass(20_000);
  t.match(eventsOf(all.alice!, 'failed'), [{ to: group, seq: 3, code: 'expired', member: 'bob' }]);
  const back = connect(world, all.bob!.claims, place);
  t.match(
    back.timeline().map(({ kind }) => kind),
    ['expired'],
  );
});

t.test('GRP: who deactivates the account leaves its groups', async (t) => {
  const world = messenger();
  const all = people(world, 'alice', 'bob');
  const group = makeGroup(world, all, 'alice', 'bob');
  const { User } = await import('../../actors/index.ts');
  world.ask(User.ref('alice'), { kind: 'deactivate' });
  t.same(told(all.bob!, group), ['added bob', 'removed alice', 'role bob owner']);
  t.equal(send(world, all.bob!, group, 'alone'), 'accepted');
  t.equal(arrange(world, all.bob!, group, { what: 'add', users: ['alice'] }), 'accepted');
  t.match(eventsOf(all.bob!, 'declined'), [{ user: 'alice', code: 'deactivated' }]);
});

t.test('GRP: typing reaches the others and is forgotten', async (t) => {
  const world = messenger();
  const all = people(world, 'alice', 'bob', 'carol');
  const group = makeGroup(world, all, 'alice', 'bob');
  all.alice!.say({ kind: 'typing', to: group, on: true, recording: true });
  all.carol!.say({ kind: 'typing', to: group, on: true });
  world.settle();
  t.same(all.bob!.all('typing'), [{ kind: 'typing', from: 'alice', on: true, recording: true, in: group }]);
  t.same([all.alice!.all('typing'), all.carol!.all('typing')], [[], []]);
});

t.test('GRP: moves and failures of turns change nothing of it', async (t) => {
  const world = messenger();
  const all = people(world, 'alice', 'bob', 'carol', 'dave');
  const group = makeGroup(world, all, 'alice', 'bob', 'carol');
  const { partitionOf } = await import('../../runtime/hash.ts');
  world.fail = ({ to }) => to.startsWith('branch/') || to.startsWith('group/');
  for (let i = 0; i < 6; i++) {
    send(world, all.alice!, group, `a${i}`);
    for (const affinity of ['alice', 'bob', group, `@${partitionOf('user/bob', 4)}`]) world.move(affinity);
    world.settle();
    for (const name of ['alice', 'bob']) {
      const socket = all[name]!;
      socket.say({ kind: 'hello', ...standing(socket) });
    }
    world.settle();
  }
  world.fail = undefined;
  const expected = ['added bob,carol', ...Array.from({ length: 6 }, (_, i) => `alice: a${i}`)];
  t.same(told(all.carol!, group), expected);
  const anew = connect(world, all.bob!.claims);
  t.same(told(anew, group), expected);
  t.equal(entriesOf(anew, group).length, 7);
  t.same(world.deadLetters, []);
});

t.test('An operator sees the size, roles and modes of a group, and nothing that was said in it', async (t) => {
  const world = messenger();
  const all = people(world, 'alice', 'bob', 'carol');
  const group = makeGroup(world, all, 'alice', 'bob', 'carol');
  t.match(world.ask(Group.ref(group), { kind: 'summary' }), {
    ...{ title: 'Friends', about: '', announce: false, shared: false, vanishMs: 0 },
    ...{ roles: { owner: 1, admin: 0, member: 2 }, owners: ['alice'], asked: 0, links: 0, head: 2 },
  });
  arrange(world, all.alice!, group, { what: 'role', user: 'bob', role: 'admin' });
  arrange(world, all.alice!, group, { what: 'mode', announce: true, shared: true });
  arrange(world, all.bob!, group, { what: 'link', link: 'a-secret-of-22-letters', uses: 0, forMs: 0 });
  send(world, all.bob!, group, 'canary');
  const seen = world.ask(Group.ref(group), { kind: 'summary' });
  t.match(seen, { announce: true, shared: true, roles: { owner: 1, admin: 1, member: 1 }, links: 1, head: 5 });
  t.notMatch(JSON.stringify(seen), /canary|secret/);
  t.equal(world.ask(Group.ref('#nobody-made-this'), { kind: 'summary' }), null);
});
