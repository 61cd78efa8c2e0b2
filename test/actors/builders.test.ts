import t from 'tap';
import { Desk, User } from '../../actors/index.ts';
import type { HookSettings, PushOrder, Subscription } from '../../proto/builder-mail.ts';
import type { Claims } from '../../proto/mail.ts';
import type { ClientWord } from '../../proto/words.ts';
import { makeGroup, people } from './groups.ts';
import { connect, logIn, messenger, register, type Socket, sessionFor, standing, type World } from './harness.ts';

const alice = User.ref('alice');
const bob = User.ref('bob');
let ids = 0;

function send(world: World, from: Socket, to: string, body: string): void {
  from.say({ kind: 'send', id: `m-${++ids}`, to, body });
  world.settle();
}

/** What was signalled since the last look, by its name. */
function signalled(world: World, name: string): { readonly from: string; readonly value: unknown }[] {
  const all = world.signals.filter((signal) => signal.name === name);
  world.signals.length = 0;
  return all.map(({ from, value }) => ({ from, value }));
}

// ---------------------------------------------------------------- bots

t.test('BOT1 a bot belongs to its owner, has one session, and no password', async (t) => {
  const world = messenger({ bots_max: 2 });
  register(world, 'alice');
  register(world, 'bob');
  const make = (owner: string, bot: string, session = sessionFor(world, 'bot')) => {
    const noted = world.ask(User.ref(owner), { kind: 'addBot', bot });
    return noted.ok ? world.ask(User.ref(bot), { kind: 'registerBot', owner, session }) : noted;
  };
  const first = sessionFor(world, 'bot');
  t.strictSame(make('alice', 'echo', first), { ok: true });
  t.strictSame(world.ask(User.ref('echo'), { kind: 'credentials' }), { ok: false, code: 'no_account' });
  t.strictSame(make('bob', 'echo'), { ok: false, code: 'taken' });
  t.strictSame(make('alice', 'bob'), { ok: false, code: 'taken' }, 'people are nobody’s');
  const claims = { user: 'echo', device: 'bot', session: first.session };
  const socket = connect(world, claims);
  t.equal(socket.closed, undefined);
  t.strictSame(make('alice', 'echo'), { ok: true }, 'another token');
  t.match(socket.closed, { code: 4401 });
  t.match(connect(world, claims).closed, { code: 4401 }, 'the one before is worth nothing');
  t.strictSame(make('alice', 'third'), { ok: false, code: 'too_many_bots' });
  t.strictSame(world.ask(User.ref('echo'), { kind: 'addBot', bot: 'fourth' }), { ok: false, code: 'no_account' });
  t.strictSame(world.ask(alice, { kind: 'retireBot', bot: 'fourth' }), { ok: false, code: 'unknown_bot' });
  t.strictSame(world.ask(bob, { kind: 'retireBot', bot: 'echo' }), { ok: true }, 'it was noted, in vain');
  t.match(world.ask(User.ref('echo'), { kind: 'devices', session: '' }), { ok: true }, 'and is none of his');
  t.strictSame(world.ask(alice, { kind: 'retireBot', bot: 'echo' }), { ok: true });
  t.strictSame(world.ask(User.ref('echo'), { kind: 'devices', session: '' }), { ok: false, code: 'deactivated' });
});

t.test('BOT1 bots end with their owner', async (t) => {
  const world = messenger();
  register(world, 'alice');
  world.ask(alice, { kind: 'addBot', bot: 'echo' });
  world.ask(User.ref('echo'), { kind: 'registerBot', owner: 'alice', session: sessionFor(world, 'bot') });
  t.strictSame(world.ask(alice, { kind: 'bots' }), { ok: true, bots: ['echo'] });
  world.ask(alice, { kind: 'deactivate' });
  t.strictSame(world.ask(User.ref('echo'), { kind: 'devices', session: '' }), { ok: false, code: 'deactivated' });
  t.same(world.deadLetters, []);
});

// ---------------------------------------------------------------- words over HTTP

function word(world: World, claims: Claims, said: ClientWord) {
  const desk = Desk.ref(`${claims.user}/n1.${++ids}`);
  try {
    return world.ask(desk, { kind: 'word', claims, word: said });
  } finally {
    t.ok(world.rest(desk.address), 'a desk does not stay awake');
  }
}

t.test('HTW1 a word over HTTP is answered like one on a socket', async (t) => {
  const world = messenger();
  const claims = register(world, 'alice');
  const socket = connect(world, claims);
  const other = connect(world, register(world, 'bob'));
  const said: ClientWord = { kind: 'send', id: 'm1', to: 'bob', body: 'by curl' };
  t.match(word(world, claims, said), { kind: 'accepted', id: 'm1', n: 1, seq: 1 });
  t.match(word(world, claims, { ...said, body: 'again' }), { kind: 'accepted', n: 1 }, 'A8');
  t.equal(socket.closed, undefined, 'the socket of the same device stays');
  t.match(socket.timeline(), [{ kind: 'message', body: 'by curl' }], 'and is told');
  t.match(other.timeline(), [{ kind: 'message', body: 'by curl' }]);
  t.match(word(world, claims, { kind: 'history', req: 1, with: 'bob', before: 0, limit: 5 }), {
    kind: 'page',
    messages: [{ body: 'by curl' }],
  });
  t.match(word(world, claims, { kind: 'send', id: 'm2', to: 'alice', body: '' }), { code: 'to_self' });
  t.match(word(world, claims, { kind: 'inquire', req: 9, id: 'none' }), { kind: 'refused', code: 'unknown_message' });
  t.equal(word(world, { ...claims }, { kind: 'read', with: 'bob', upTo: 0 }), null);
  t.match(word(world, { ...claims, session: 'gone' }, said), { kind: 'refused', code: 'unauthorised' });
  t.match(word(world, { ...claims, device: 'gone' }, said), { kind: 'refused', code: 'revoked' });
  t.match(world.ask(alice, { kind: 'devices', session: claims.session }), { devices: [{ online: true }] });
  socket.hangUp();
  world.settle();
  word(world, claims, { ...said, id: 'm3' });
  t.match(world.ask(alice, { kind: 'devices', session: claims.session }), { devices: [{ online: false }] });
  t.ok(world.rest('user/alice'), 'nothing of the desks is left');
  t.same(world.deadLetters, []);
});

t.test('HTW1 groups answer a desk, too', async (t) => {
  const world = messenger();
  const all = people(world, 'alice', 'bob');
  const group = makeGroup(world, all, 'alice', 'bob');
  const { claims } = all.bob!;
  t.match(word(world, claims, { kind: 'send', id: 'g1', to: group, body: 'hi' }), { kind: 'accepted', id: 'g1' });
  t.match(word(world, claims, { kind: 'send', id: 'g2', to: '#none', body: 'hi' }), { code: 'not_a_member' });
  t.match(word(world, claims, { kind: 'history', req: 4, with: group, before: 0, limit: 5 }), {
    messages: [{ body: 'hi' }],
  });
});

t.test('HTW1 a desk whose user is lost meanwhile gives up, and leaves nothing behind', async (t) => {
  const world = messenger({ desk_wait_ms: 1_000 });
  const claims = register(world, 'alice');
  world.drop = ({ body }) => body.kind === 'aside';
  const desk = Desk.ref('alice/n1.1');
  const said: ClientWord = { kind: 'inquire', req: 1, id: 'x' };
  t.throws(() => world.ask(desk, { kind: 'word', claims, word: said }), { message: /no reply/ });
  t.notOk(world.rest(desk.address));
  world.pass(1_000);
  t.ok(world.rest(desk.address));
  t.ok(world.rest('user/alice'));
});

// ---------------------------------------------------------------- webhooks

const hook: HookSettings & { readonly secret: string } = { url: 'https://example.org/', secret: 'c2VjcmV0' };

t.test('HOK1 HOK3 a webhook gets what follows, in order; what it has taken counts as received', async (t) => {
  const world = messenger();
  const told = connect(world, register(world, 'bob'));
  register(world, 'alice');
  send(world, told, 'alice', 'before');
  t.strictSame(world.ask(alice, { kind: 'hook' }), { ok: true, hook: null });
  t.equal(world.ask(alice, { kind: 'hookBatch' }), null);
  t.strictSame(world.ask(alice, { kind: 'setHook', hook }), { ok: true });
  t.equal(signalled(world, 'hook').length, 0, 'nothing new');
  send(world, told, 'alice', 'one');
  send(world, told, 'alice', 'two');
  t.strictSame(
    signalled(world, 'hook'),
    [{ from: 'user/alice', value: null }],
    'once, until it is said what became of it',
  );
  const batch = world.ask(alice, { kind: 'hookBatch' });
  t.match(batch, {
    ...hook,
    from: 2,
    upTo: 3,
    events: [
      { n: 2, event: { body: 'one' } },
      { n: 3, event: { body: 'two' } },
    ],
  });
  t.strictSame(world.ask(alice, { kind: 'hookBatch' }), batch, 'the same until it is taken');
  send(world, told, 'alice', 'three');
  t.equal(world.ask(alice, { kind: 'hookTook', upTo: 3 }), true, 'there is more');
  t.match(told.timeline().at(-1), { kind: 'receipt', delivered: 3 });
  t.equal(world.ask(alice, { kind: 'hookTook', upTo: 4 }), false);
  t.equal(world.ask(alice, { kind: 'hookBatch' }), null);
  t.same(
    world.timersOf('user/alice').filter(({ name }) => name === 'hook'),
    [],
  );
  t.match(world.ask(alice, { kind: 'hook' }), { hook: { url: hook.url, taken: 4, head: 4, failures: 0 } });
  t.notMatch(JSON.stringify(world.ask(alice, { kind: 'hook' })), /c2VjcmV0/, 'the secret is told once');
});

t.test('HOK4 what fails is tried again later and later, also by the next owner; and given up in the end', async (t) => {
  const world = messenger({ hook_retry_ms_min: 1_000, hook_retry_ms_max: 4_000, hook_give_up_ms: 20_000 });
  const told = connect(world, register(world, 'bob'));
  register(world, 'alice');
  world.ask(alice, { kind: 'setHook', hook });
  send(world, told, 'alice', 'one');
  t.equal(signalled(world, 'hook').length, 1);
  const waits: number[] = [];
  for (let tries = 0; tries < 4; tries++) {
    world.ask(alice, { kind: 'hookFailed', why: 'status 500' });
    send(world, told, 'alice', 'more');
    t.equal(signalled(world, 'hook').length, 0, 'news do not hurry it');
    if (tries === 1) world.move('alice');
    const from = world.now;
    while (world.signals.length === 0 && world.now - from < 10_000) world.pass(100);
    waits.push(world.now - from);
    t.equal(signalled(world, 'hook').length, 1);
  }
  t.strictSame(waits, [1_000, 2_000, 4_000, 4_000]);
  t.match(world.ask(alice, { kind: 'hook' }), { hook: { failures: 4, failure: 'status 500', taken: 0 } });
  world.pass(20_000);
  signalled(world, 'hook');
  world.ask(alice, { kind: 'hookFailed', why: 'ECONNREFUSED' });
  t.match(world.ask(alice, { kind: 'hook' }), { hook: { failures: 5, failure: 'ECONNREFUSED', nextAt: 0 } });
  world.pass(100_000);
  send(world, told, 'alice', 'last');
  t.equal(signalled(world, 'hook').length, 0, 'given up');
  world.ask(alice, { kind: 'setHook', hook: { ...hook, url: 'https://example.org/other' } });
  t.equal(signalled(world, 'hook').length, 1, 'set again, it goes on where it was');
  t.match(world.ask(alice, { kind: 'hookBatch' }), { from: 1, url: 'https://example.org/other' });
});

t.test('HOK4 a signal that nobody acts upon is given again', async (t) => {
  const world = messenger({ hook_lease_ms: 5_000 });
  const told = connect(world, register(world, 'bob'));
  register(world, 'alice');
  world.ask(alice, { kind: 'setHook', hook });
  send(world, told, 'alice', 'one');
  t.equal(signalled(world, 'hook').length, 1);
  world.move('alice');
  world.pass(5_000);
  t.equal(signalled(world, 'hook').length, 1);
  world.ask(alice, { kind: 'setHook', hook: null });
  world.pass(50_000);
  t.equal(signalled(world, 'hook').length, 0);
  t.equal(world.ask(alice, { kind: 'hookBatch' }), null);
});

t.test('HOK2 only the kinds that are wanted, and nothing of its own', async (t) => {
  const world = messenger();
  const told = connect(world, register(world, 'bob'));
  const mine = connect(world, register(world, 'alice'));
  world.ask(alice, { kind: 'setHook', hook: { ...hook, kinds: ['message'] } });
  send(world, mine, 'bob', 'own');
  told.say({ kind: 'received', upTo: 1 });
  world.settle();
  const own = world.ask(alice, { kind: 'hookBatch' });
  t.match(own, { events: [] }, 'its own message, and a receipt');
  t.equal(world.ask(alice, { kind: 'hookTook', upTo: own!.upTo }), false);
  send(world, told, 'alice', 'theirs');
  t.match(world.ask(alice, { kind: 'hookBatch' }), { events: [{ event: { kind: 'message', body: 'theirs' } }] });
  world.ask(alice, { kind: 'deactivate' });
  t.equal(world.ask(alice, { kind: 'hookBatch' }), null);
});

// ---------------------------------------------------------------- pushes

const subscription: Subscription = { endpoint: 'https://push.example/1', p256dh: 'p', auth: 'a', content: false };

function orders(world: World): PushOrder[] {
  return signalled(world, 'push').map(({ value }) => value as PushOrder);
}

t.test('PSH2 a device without a socket is pushed to, at once and then no more often than it may be', async (t) => {
  const world = messenger({ push_pause_ms: 5_000 });
  const told = connect(world, register(world, 'bob'));
  const phone = connect(world, register(world, 'alice'));
  const tablet = logIn(world, 'alice', 'tablet');
  for (const device of ['phone', 'tablet']) {
    t.strictSame(
      world.ask(alice, { kind: 'subscribe', device, subscription: { ...subscription, content: device === 'tablet' } }),
      { ok: true },
    );
  }
  t.strictSame(world.ask(alice, { kind: 'subscribe', device: 'radio', subscription }), {
    ok: false,
    code: 'unknown_device',
  });
  send(world, told, 'alice', 'one');
  const [first, ...rest] = orders(world);
  t.same(rest, [], 'the phone is there');
  t.match(first, {
    device: 'tablet',
    news: { user: 'alice', count: 1, message: { from: 'bob', to: 'alice', body: 'one' } },
  });
  phone.hangUp();
  send(world, told, 'alice', 'two');
  send(world, told, 'alice', `${'ü'.repeat(500)}`);
  const second = orders(world);
  t.strictSame(
    second.map(({ device, news }) => [device, news]),
    [['phone', { kind: 'news', user: 'alice', n: 2, count: 1 }]],
    'no content unless asked for',
  );
  world.pass(5_000);
  const third = orders(world);
  t.strictSame(
    third.map(({ device, news }) => [device, news.count, news.n]),
    [
      ['tablet', 2, 3],
      ['phone', 1, 3],
    ],
  );
  t.equal([...third[0]!.news.message!.body].length, 240);
  connect(world, tablet, standing(phone));
  send(world, told, 'alice', 'four');
  world.pass(5_000);
  t.strictSame(
    orders(world).map(({ device }) => device),
    ['phone'],
  );
});

t.test('PSH3 what an owner that is gone may not have pushed is pushed by the next', async (t) => {
  const world = messenger({ push_pause_ms: 5_000 });
  const told = connect(world, register(world, 'bob'));
  const phone = connect(world, register(world, 'alice'));
  logIn(world, 'alice', 'tablet');
  for (const device of ['phone', 'tablet']) world.ask(alice, { kind: 'subscribe', device, subscription });
  const pushed = (): unknown[] => orders(world).map(({ device, news }) => [device, news.n, news.count]);
  send(world, told, 'alice', 'one');
  t.strictSame(pushed(), [['tablet', 1, 1]], 'lost with the process that was to post it');
  send(world, told, 'alice', 'two');
  t.strictSame(pushed(), [], 'gathered');
  phone.say({ kind: 'received', upTo: 2 });
  world.settle();
  phone.hangUp();
  world.move('alice');
  world.pass(5_000);
  t.strictSame(pushed(), [['tablet', 2, 2]], 'the phone has them');
  world.pass(5_000);
  t.strictSame(pushed(), [], 'not again by the same owner');
  world.move('alice');
  world.pass(60_000);
  t.strictSame(pushed(), [], 'nor when it moves much later');
});

t.test('PSH2 own messages, receipts and words of the blocked push nothing', async (t) => {
  const world = messenger();
  const told = connect(world, register(world, 'bob'));
  const mine = connect(world, register(world, 'alice'));
  world.ask(alice, { kind: 'subscribe', device: 'phone', subscription });
  send(world, mine, 'bob', 'mine');
  mine.say({ kind: 'self', id: 'b', deed: { what: 'block', user: 'bob', on: true } });
  world.settle();
  mine.hangUp();
  told.say({ kind: 'received', upTo: 1 });
  send(world, told, 'alice', 'unheard');
  world.pass(10_000);
  t.same(orders(world), []);
});

t.test('PSH4 a subscription ends with its device, when its service says so, and when it is ended', async (t) => {
  const world = messenger({ push_pause_ms: 0 });
  const told = connect(world, register(world, 'bob'));
  register(world, 'alice');
  logIn(world, 'alice', 'tablet');
  const pushes = (): string[] => {
    send(world, told, 'alice', 'hi');
    return orders(world).map(({ device }) => device);
  };
  const subscribe = (device: string, endpoint: string) =>
    world.ask(alice, { kind: 'subscribe', device, subscription: { ...subscription, endpoint } });
  subscribe('phone', 'https://push.example/1');
  subscribe('tablet', 'https://push.example/2');
  t.strictSame(pushes(), ['phone', 'tablet']);
  world.move('alice');
  t.strictSame(pushes(), ['phone', 'tablet'], 'kept');
  world.ask(alice, { kind: 'pushLapsed', device: 'phone', endpoint: 'https://push.example/old' });
  t.strictSame(pushes(), ['phone', 'tablet'], 'it has another one by now');
  world.ask(alice, { kind: 'pushLapsed', device: 'phone', endpoint: 'https://push.example/1' });
  t.strictSame(pushes(), ['tablet']);
  world.ask(alice, { kind: 'revoke', device: 'tablet' });
  t.strictSame(pushes(), []);
  subscribe('phone', 'https://push.example/1');
  world.ask(alice, { kind: 'subscribe', device: 'phone', subscription: null });
  t.strictSame(pushes(), []);
  world.move('alice');
  t.strictSame(pushes(), []);
});

t.test('PSH2 messages of groups are pushed, too', async (t) => {
  const world = messenger();
  const all = people(world, 'alice', 'bob');
  const group = makeGroup(world, all, 'alice', 'bob');
  world.ask(bob, { kind: 'subscribe', device: 'phone', subscription: { ...subscription, content: true } });
  all.bob!.hangUp();
  world.settle();
  signalled(world, 'push');
  send(world, all.alice!, group, 'to all');
  world.pass(100);
  t.match(orders(world), [{ device: 'phone', news: { message: { from: 'alice', to: group, body: 'to all' } } }]);
});
