import t from 'tap';
import { User } from '../../actors/index.ts';
import type { TimelineEvent } from '../../proto/words.ts';
import { eventsOf, makeGroup, people, receive, send } from './groups.ts';
import { connect, logIn, messenger, type Socket, type World } from './harness.ts';
import { want } from './self.ts';

let ids = 0;

function say(world: World, from: Socket, to: string, body: string): string {
  const id = `e-${++ids}`;
  from.say({ kind: 'send', id, to, body });
  world.pass(10);
  return id;
}

type Names = 'alice' | 'bob' | 'carol' | 'dave' | 'mallory';

function scene(limits = {}) {
  const world = messenger(limits);
  const all = people(world, 'alice', 'bob', 'carol', 'dave', 'mallory') as { readonly [name in Names]: Socket } & {
    readonly [name: string]: Socket;
  };
  return { world, all, ...(all as { readonly [name in Names]: Socket }) };
}

function deactivate(world: World, user = 'alice'): number {
  const at = world.now;
  t.strictSame(world.ask(User.ref(user), { kind: 'deactivate' }), { ok: true });
  world.pass(1_000);
  return at;
}

const tables = ['account', 'device', 'cursor', 'tl', 'conv', 'mid', 'nth', 'amend', 'react', 'star', 'forgot', 'pin'];
const moreTables = ['timer', 'wane', 'waning', 'fade', 'mark', 'fail', 'seen', 'group', 'wait', 'denied', 'blocked'];
const lastTables = ['contact', 'privacy', 'profile', 'claim', 'quota', 'held', 'expiry', 'tidy'];

function tablesOf(world: World, user: string): string[] {
  return [...tables, ...moreTables, ...lastTables].filter((table) => world.rowsOf(`user/${user}`, table).size > 0);
}

/** Uses about everything that a user can have. */
function live(world: World, all: { readonly [name in Names]: Socket } & { readonly [name: string]: Socket }): void {
  const { alice, bob, mallory } = all;
  logIn(world, 'alice', 'tablet');
  for (let i = 0; i < 70; i++) say(world, alice, 'bob', `secret ${i}`);
  for (let i = 0; i < 70; i++) say(world, bob, 'alice', `b ${i}`);
  receive(world, alice);
  receive(world, bob);
  alice.say({ kind: 'read', with: 'bob', upTo: 70 });
  bob.say({ kind: 'read', with: 'alice', upTo: 70 });
  const group = makeGroup(world, all, 'alice', 'bob');
  send(world, alice, group, 'secret');
  alice.say({ kind: 'group', id: 'no', with: '#nowhere', deed: { what: 'leave' } });
  const of = { from: 'alice', seq: 1 };
  alice.say({ kind: 'amend', id: 'a1', with: 'bob', of, deed: { what: 'edit', body: 'secret too' } });
  alice.say({ kind: 'amend', id: 'a2', with: 'bob', of, deed: { what: 'react', text: 'ok' } });
  alice.say({ kind: 'vanish', id: 'v1', with: 'bob', timer: { afterMs: 60_000, since: 'read' } });
  say(world, alice, 'nobody', 'secret');
  for (const deed of [
    { what: 'star', with: 'bob', of, on: true },
    { what: 'pin', with: 'bob', on: true },
    { what: 'contact', user: 'carol', name: 'secret', on: true },
    { what: 'block', user: 'mallory', on: true },
    { what: 'privacy', found: 'everyone' },
    { what: 'profile', name: 'secret', about: '', email: 'secret@x', phone: '' },
    { what: 'report', user: 'mallory', reason: 'spam', text: 'secret' },
  ] as const) {
    t.equal(want(world, alice, deed), 'accepted', deed.what);
  }
  say(world, mallory, 'alice', 'held');
}

t.test('PPL13 nothing is left of a removed account but its name, however much there was', async (t) => {
  const { world, all } = scene({ sweep_rows_max: 16 });
  live(world, all);
  const had = tablesOf(world, 'alice');
  for (const table of ['tl', 'conv', 'mid', 'nth', 'amend', 'react', 'star', 'pin', 'timer', 'mark', 'fail', 'seen']) {
    t.ok(had.includes(table), table);
  }
  for (const table of ['group', 'denied', 'blocked', 'contact', 'privacy', 'profile', 'claim', 'quota', 'held']) {
    t.ok(had.includes(table), table);
  }
  const at = deactivate(world);
  t.same(tablesOf(world, 'alice'), ['account']);
  t.match([...world.rowsOf('user/alice', 'account').values()], [{ state: 'deactivated', at }]);
  t.same(world.timersOf('user/alice'), []);
  say(world, all.bob, 'alice', 'still there?');
  all.bob.say({ kind: 'amend', id: 'late', with: 'alice', of: { from: 'bob', seq: 1 }, deed: { what: 'retract' } });
  world.pass(100_000);
  t.same(tablesOf(world, 'alice'), ['account'], 'and nothing comes anew');
  world.rest('user/alice');
  t.strictSame(world.ask(User.ref('alice'), { kind: 'devices', session: '' }), { ok: false, code: 'deactivated' });
  t.same(world.deadLetters, []);
});

t.test('PPL14 whoever knew it hears of it once, and nobody else', async (t) => {
  const { world, all, alice, bob, carol, dave, mallory } = scene({ sweep_rows_max: 2 });
  const tablet = connect(world, logIn(world, 'bob', 'tablet'));
  say(world, alice, 'bob', 'hi');
  want(world, alice, { what: 'contact', user: 'bob', name: '', on: true });
  want(world, bob, { what: 'contact', user: 'alice', name: '', on: true });
  want(world, alice, { what: 'contact', user: 'carol', name: '', on: true });
  want(world, carol, { what: 'contact', user: 'alice', name: '', on: true });
  want(world, alice, { what: 'contact', user: 'dave', name: '', on: true });
  say(world, mallory, 'alice', 'hi');
  want(world, alice, { what: 'block', user: 'mallory', on: true });
  makeGroup(world, all, 'alice', 'dave');
  const at = deactivate(world);
  const gone: readonly TimelineEvent[] = [{ kind: 'gone', user: 'alice', at }];
  for (const socket of [bob, tablet, carol]) t.same(eventsOf(socket, 'gone'), gone);
  t.same(eventsOf(dave, 'gone'), [], 'who kept nothing of alice is not told what alice kept');
  t.same(eventsOf(mallory, 'gone'), [], 'whom it had blocked');
  t.ok(eventsOf(dave, 'group').some(({ change }) => change.what === 'removed'));
  t.same(world.deadLetters, []);
});

t.test('PPL14 SLF1 who has blocked it does not hear of it', async (t) => {
  const { world, alice, bob } = scene();
  say(world, alice, 'bob', 'hi');
  want(world, bob, { what: 'block', user: 'alice', on: true });
  deactivate(world);
  t.same(eventsOf(bob, 'gone'), []);
});

t.test('PPL13 DEL6 what waited there has failed, and what was held back, too', async (t) => {
  const { world, alice, bob, mallory } = scene({ sweep_rows_max: 2 });
  say(world, bob, 'alice', 'had');
  receive(world, alice);
  const waits = [say(world, bob, 'alice', 'one'), say(world, bob, 'alice', 'two'), say(world, bob, 'alice', 'three')];
  want(world, alice, { what: 'block', user: 'mallory', on: true });
  const held = say(world, mallory, 'alice', 'held');
  deactivate(world);
  const failed = (socket: Socket) => eventsOf(socket, 'failed').map(({ id, code }) => `${id} ${code}`);
  t.same(
    failed(bob),
    waits.map((id) => `${id} deactivated`),
  );
  t.same(failed(mallory), [`${held} deactivated`]);
  t.same(world.deadLetters, []);
});

t.test(
  'PPL13 VAN2 VAN4 messages that were to vanish are gone at their senders; what was not delivered has its time',
  async (t) => {
    const { world, alice, bob } = scene();
    const vanishing = (id: string, since: 'read' | 'delivered') => {
      bob.say({ kind: 'send', id, to: 'alice', body: id, more: { vanish: { afterMs: 60_000, since } } });
      world.pass(10);
    };
    vanishing('unread', 'read');
    vanishing('begun', 'delivered');
    receive(world, alice);
    vanishing('undelivered', 'read');
    deactivate(world);
    const bodies = () => {
      bob.say({ kind: 'history', req: ++ids, with: 'alice', before: 0, limit: 100 });
      world.settle();
      return bob.last('page').messages.map(({ body }) => body);
    };
    t.same(bodies(), ['undelivered']);
    world.pass(61_000);
    t.same(bodies(), []);
    t.same(world.deadLetters, []);
  },
);

t.test('PPL13 A10 an end whose turns fail, and whose account moves, comes to its end', async (t) => {
  const { world, all } = scene({ sweep_rows_max: 8 });
  live(world, all);
  let turns = 0;
  world.fail = ({ body }) => body.kind === 'clear' && ++turns % 2 === 0;
  t.strictSame(world.ask(User.ref('alice'), { kind: 'deactivate' }), { ok: true });
  world.move('alice');
  world.pass(1_000);
  t.ok(turns > 10);
  t.same(tablesOf(world, 'alice'), ['account']);
  t.equal(eventsOf(all.bob, 'gone').length, 1);
  t.same(world.deadLetters, []);
});

t.test('PPL13 PRS4 watchers see it go, and it was never seen', async (t) => {
  const { world, alice, bob } = scene();
  bob.say({ kind: 'watch', users: ['alice'] });
  alice.say({ kind: 'typing', to: 'bob', on: true });
  world.settle();
  t.match(bob.last('presence'), { online: true });
  deactivate(world);
  t.strictSame(bob.last('presence'), { kind: 'presence', user: 'alice', online: false, lastSeen: 0 });
  world.pass(100_000);
  t.strictSame(bob.last('presence'), { kind: 'presence', user: 'alice', online: false, lastSeen: 0 });
});
