import t from 'tap';
import { User } from '../../actors/index.ts';
import { eventsOf, makeGroup, people, receive, send } from './groups.ts';
import { messenger, type Socket, type World } from './harness.ts';
import { want } from './self.ts';

const alice = User.ref('alice');

interface Line {
  readonly part: string;
  readonly [field: string]: unknown;
}

function page(world: World, cursor: string, ticket = 'one') {
  return world.ask(alice, { kind: 'export', ticket, cursor });
}

/** All lines, and how many pages they came in. */
function all(world: World, between = (_: number) => {}): { readonly lines: Line[]; readonly pages: number } {
  const lines: Line[] = [];
  let cursor = '';
  for (let pages = 1; ; pages++) {
    const reply = page(world, cursor);
    if (!reply.ok) throw new Error(reply.code);
    lines.push(...reply.lines.map((text) => JSON.parse(text)));
    if (reply.next === '') return { lines, pages };
    cursor = reply.next;
    between(pages);
  }
}

const of = (lines: readonly Line[], part: string): Line[] => lines.filter((line) => line.part === part);

function scene(limits = {}) {
  const world = messenger(limits);
  const sockets = people(world, 'alice', 'bob') as { readonly [name: string]: Socket };
  const { alice, bob } = sockets as { readonly alice: Socket; readonly bob: Socket };
  const say = (from: Socket, to: string, body: string) => {
    from.say({ kind: 'send', id: `x-${world.nextId()}`, to, body });
    world.pass(10);
  };
  return { world, sockets, alice, bob, say };
}

t.test('PPL15 an export holds all that there is of an account, in pages', async (t) => {
  const { world, sockets, alice, bob, say } = scene({ export_rows_max: 4, frame_body_chars_max: 700 });
  const profile = { name: 'Alice', about: 'two\nlines', email: '', phone: '' };
  for (const deed of [
    { what: 'profile', ...profile },
    { what: 'privacy', seen: 'nobody' },
    { what: 'block', user: 'mallory', on: true },
  ] as const) {
    want(world, alice, deed);
  }
  for (let i = 0; i < 11; i++) want(world, alice, { what: 'contact', user: `c${i}`, name: `n${i}`, on: true });
  for (let i = 1; i <= 9; i++) say(bob, 'alice', `b${i}`);
  for (let i = 1; i <= 3; i++) say(alice, 'bob', `a${i}`);
  receive(world, bob);
  receive(world, alice);
  bob.say({ kind: 'read', with: 'alice', upTo: 2 });
  const deed = { what: 'edit', body: 'edited' } as const;
  bob.say({ kind: 'amend', id: 'e1', with: 'alice', of: { from: 'bob', seq: 9 }, deed });
  say(alice, 'nobody', 'in vain');
  const group = makeGroup(world, sockets, 'alice', 'bob');
  send(world, bob, group, 'in the group');
  want(world, alice, { what: 'star', with: 'bob', of: { from: 'bob', seq: 3 }, on: true });
  want(world, alice, { what: 'pin', with: group, on: true });

  const { lines, pages } = all(world);
  t.ok(pages > 12, `${pages} pages`);
  t.match(of(lines, 'account'), [{ user: 'alice', events: alice.cursor() }]);
  t.same(of(lines, 'profile'), [{ part: 'profile', ...profile }]);
  t.match(of(lines, 'privacy'), [{ seen: 'nobody', receipts: true }]);
  t.match(of(lines, 'device'), [{ device: 'phone', online: true }]);
  t.equal(of(lines, 'contact').length, 11);
  t.equal(new Set(of(lines, 'contact').map(({ user }) => user)).size, 11);
  t.match(of(lines, 'blocked'), [{ user: 'mallory' }]);
  t.match(of(lines, 'group'), [{ group, title: 'Friends' }]);
  t.match(
    of(lines, 'conversation').find((line) => line.with === 'bob'),
    { sent: 3, sentDelivered: 3, sentRead: 2, received: 9, delivered: 9 },
  );
  t.match(of(lines, 'star'), [{ with: 'bob', from: 'bob', seq: 3, since: Number }]);
  t.match(of(lines, 'pin'), [{ with: group }]);
  const messages = of(lines, 'message');
  t.same(
    messages.map(({ body }) => body),
    [...[1, 2, 3, 4, 5, 6, 7, 8].map((i) => `b${i}`), 'edited', 'a1', 'a2', 'a3', 'in vain', 'in the group'],
  );
  const withState = (body: string) => messages.find((message) => message.body === body);
  t.match(withState('a2'), { delivered: Number, read: Number, failed: '' });
  t.ok(Number(withState('a2')?.read) > 0 && withState('a3')?.read === 0);
  t.ok(Number(withState('edited')?.edited) > 0);
  t.match(withState('in vain'), { failed: 'unknown_user' });
  t.match(withState('in the group'), { to: group, from: 'bob' });
  t.match(
    of(lines, 'event').map((line) => (line.change as { what: string }).what),
    ['created', 'added'],
  );
  t.same(lines.at(-1), { part: 'end' });
  t.same(of(lines, 'end').length, 1);
  t.same(world.deadLetters, []);
});

t.test('PPL15 what happens meanwhile is not part of it, and it goes on after a move', async (t) => {
  const { world, bob, say } = scene({ export_rows_max: 4 });
  for (let i = 1; i <= 10; i++) say(bob, 'alice', `b${i}`);
  const { lines, pages } = all(world, (count) => {
    if (count % 3 === 0) world.move('alice');
    say(bob, 'alice', 'late');
  });
  t.ok(pages > 5);
  t.same(
    of(lines, 'message').map(({ seq }) => seq),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  );
});

t.test('PPL15 A9 one export of an account at a time; one that is given up, or lapses, makes room', async (t) => {
  const { world } = scene({ export_lease_ms: 5_000 });
  const first = page(world, '');
  if (!first.ok) throw new Error(first.code);
  t.strictSame(page(world, '', 'two'), { ok: false, code: 'exporting' });
  world.pass(4_000);
  t.match(page(world, first.next), { ok: true }, 'goes on');
  world.pass(4_000);
  t.strictSame(page(world, '', 'two'), { ok: false, code: 'exporting' });
  world.pass(1_001);
  t.match(page(world, '', 'two'), { ok: true });
  t.strictSame(page(world, first.next), { ok: false, code: 'exporting' }, 'and the first is over');
  t.match(page(world, 'over', 'two'), { ok: true, next: '' });
  t.match(page(world, ''), { ok: true });
  all(world);
  t.match(page(world, '', 'three'), { ok: true }, 'nor does a whole one stand in the way');
  for (const cursor of ['x', '99 1 ', '7 -1 ', '0', '__proto__ 1 1'])
    t.match(page(world, cursor, 'three'), { ok: true });
});

t.test('PPL15 ACC11 of no account, and of one that ends meanwhile, there is nothing', async (t) => {
  const { world, bob, say } = scene({ export_rows_max: 2 });
  say(bob, 'alice', 'hi');
  const first = page(world, '');
  if (!first.ok) throw new Error(first.code);
  world.ask(alice, { kind: 'deactivate' });
  t.strictSame(page(world, first.next), { ok: false, code: 'deactivated' });
  const none = world.ask(User.ref('nobody'), { kind: 'export', ticket: 'x', cursor: '' });
  t.strictSame(none, { ok: false, code: 'no_account' });
  t.same(eventsOf(bob, 'failed').length, 0);
});
