import t from 'tap';
import { User } from '../../actors/index.ts';
import { connect, logIn, messenger, register, sessionFor, standing } from './harness.ts';

const alice = User.ref('alice');

t.test('ACC1 ACC11 a name is taken once, for ever', async (t) => {
  const world = messenger();
  register(world, 'alice');
  t.throws(() => register(world, 'alice'), { message: 'taken' });
  world.ask(alice, { kind: 'deactivate' });
  t.throws(() => register(world, 'alice'), { message: 'taken' });
  for (const kind of ['credentials', 'devices', 'deactivate'] as const) {
    t.strictSame(world.ask(alice, { kind, session: '' }), { ok: false, code: 'deactivated' });
    t.strictSame(world.ask(User.ref('nobody'), { kind, session: '' }), { ok: false, code: 'no_account' });
  }
  t.throws(() => logIn(world, 'alice', 'phone'), { message: 'deactivated' });
  t.notMatch(JSON.stringify([...world.rowsOf('user/alice', 'account')]), /password/, 'the password is forgotten');
});

t.test('ACC2 credentials give back what was registered', async (t) => {
  const world = messenger();
  register(world, 'alice');
  t.match(world.ask(alice, { kind: 'credentials' }), { ok: true, password: { cost: 1, blockSize: 8 } });
});

t.test('ACC7 a login on a device replaces its session and closes its socket; devices are bounded', async (t) => {
  const world = messenger({ devices_max: 2 });
  const phone = connect(world, register(world, 'alice'));
  const old = logIn(world, 'alice', 'tablet', { refreshForMs: 1_000 });
  t.throws(() => logIn(world, 'alice', 'watch'), { message: 'too_many_devices' });
  const again = logIn(world, 'alice', 'phone');
  world.settle();
  t.match(phone.last('refused'), { code: 'unauthorised' });
  t.match(phone.closed, { code: 4401 });
  const socket = connect(world, phone.claims);
  t.match(socket.closed, { code: 4401 }, 'the old session is worth nothing');
  t.equal(connect(world, again).closed, undefined);

  world.pass(2_000);
  logIn(world, 'alice', 'watch');
  t.match(connect(world, old).closed, { code: 4403 }, 'a device whose refresh token ended made room');
});

t.test('ACC4 the devices of an account', async (t) => {
  const world = messenger();
  const phone = connect(world, register(world, 'alice'));
  world.pass(5_000);
  logIn(world, 'alice', 'tablet');
  phone.say({ kind: 'typing', to: 'bob', on: true });
  world.pass(1_000);
  t.strictSame(world.ask(alice, { kind: 'devices', session: phone.claims.session }), {
    ok: true,
    devices: [
      { device: 'phone', since: world.now - 6_000, seen: world.now - 1_000, online: true, current: true },
      { device: 'tablet', since: world.now - 1_000, seen: world.now - 1_000, online: false, current: false },
    ],
  });
});

t.test('ACC5 ERR6 a device that is removed loses its socket at once, and its token is worth nothing', async (t) => {
  const world = messenger();
  const phone = connect(world, register(world, 'alice'));
  const tablet = connect(world, logIn(world, 'alice', 'tablet'));
  t.strictSame(world.ask(alice, { kind: 'revoke', device: 'radio' }), { ok: false, code: 'unknown_device' });
  t.strictSame(world.ask(alice, { kind: 'revoke', device: 'tablet' }), { ok: true });
  t.match(tablet.last('refused'), { code: 'revoked', retry: false });
  t.strictSame(tablet.closed, { code: 4403, word: 'revoked' });
  t.equal(phone.closed, undefined);
  const again = connect(world, tablet.claims, standing(tablet));
  t.strictSame(again.closed, { code: 4403, word: 'revoked' });
  t.equal(again.all('welcome').length, 0);
});

t.test('A10 ACC5 a removal whose turn fails the first time still closes the socket', async (t) => {
  const world = messenger();
  const phone = connect(world, register(world, 'alice'));
  const tablet = connect(world, logIn(world, 'alice', 'tablet'));
  world.fail = ({ body }) => body.kind === 'revoke';
  t.strictSame(world.ask(alice, { kind: 'revoke', device: 'tablet' }), { ok: true });
  t.match(tablet.closed, { code: 4403 });
  t.equal(phone.closed, undefined);
});

t.test('ACC5 what a removed device has received stays received', async (t) => {
  const world = messenger();
  const bob = connect(world, register(world, 'bob'));
  const phone = connect(world, register(world, 'alice'));
  logIn(world, 'alice', 'tablet');
  bob.say({ kind: 'send', id: 'm1', to: 'alice', body: '' });
  world.settle();
  phone.say({ kind: 'received', upTo: 1 });
  world.settle();
  world.ask(alice, { kind: 'revoke', device: 'phone' });
  t.strictSame([...world.rowsOf('user/alice', 'cursor')], [['', 1]]);
  world.pass(40 * 24 * 3_600_000);
  t.notOk(bob.timeline().some(({ kind }) => kind === 'failed'));
});

t.test('ACC11 deactivation closes every socket', async (t) => {
  const world = messenger();
  const phone = connect(world, register(world, 'alice'));
  const tablet = connect(world, logIn(world, 'alice', 'tablet'));
  t.strictSame(world.ask(alice, { kind: 'deactivate' }), { ok: true });
  for (const socket of [phone, tablet]) t.match(socket.closed, { code: 4403 });
  t.match(connect(world, phone.claims).closed, { code: 4403 });
});

t.test('ACC9 ERR7 a session that ran out hears and says nothing more; a refresh keeps its socket', async (t) => {
  const world = messenger();
  const bob = connect(world, register(world, 'bob'));
  register(world, 'alice', 'desk');
  const short = { accessForMs: 60_000, refreshForMs: 1e9 };
  const phone = connect(world, logIn(world, 'alice', 'phone', short));
  world.pass(59_000);
  const { session } = phone.claims;
  const next = { ...sessionFor(world, 'phone', short), session };
  t.strictSame(world.ask(alice, { kind: 'refresh', session, refreshHash: `hash of ${session}`, next }), { ok: true });
  world.pass(30_000);
  phone.say({ kind: 'send', id: 'm1', to: 'bob', body: '' });
  world.settle();
  t.equal(phone.all('accepted').length, 1);

  world.pass(40_000);
  bob.say({ kind: 'send', id: 'b1', to: 'alice', body: 'secret' });
  world.settle();
  t.equal(phone.all('events').length, 0, 'no event leaves for it');
  t.match(phone.last('refused'), { code: 'expired_token' });
  t.match(phone.closed, { code: 4401, word: 'unauthorised' });
  t.match(connect(world, phone.claims).last('refused'), { code: 'expired_token' });
});

t.test('ACC9 where the clock of the account’s node jumps ahead, one refresh is enough', async (t) => {
  const world = messenger();
  register(world, 'alice', 'desk');
  const times = { accessForMs: 15 * 60_000, refreshForMs: 1e9 };
  const phone = connect(world, logIn(world, 'alice', 'phone', times));
  world.pass(60 * 60_000);
  phone.say({ kind: 'typing', to: 'bob', on: true });
  world.settle();
  t.match(phone.last('refused'), { code: 'expired_token' });
  const { session } = phone.claims;
  const next = { ...sessionFor(world, 'phone', times), session };
  t.strictSame(world.ask(alice, { kind: 'refresh', session, refreshHash: `hash of ${session}`, next }), { ok: true });
  t.equal(connect(world, phone.claims).closed, undefined);
});

t.test('ERR7 a word of a session that ran out is not carried out', async (t) => {
  const world = messenger();
  register(world, 'alice', 'desk');
  register(world, 'bob');
  const phone = connect(world, logIn(world, 'alice', 'phone', { accessForMs: 1_000 }));
  world.pass(7_000);
  phone.say({ kind: 'send', id: 'm1', to: 'bob', body: '' });
  world.settle();
  t.equal(phone.all('accepted').length, 0);
  t.match(phone.closed, { code: 4401 });
  t.equal(world.rowsOf('user/bob', 'tl').size, 0);
});

t.test('ACC10 a refresh token used twice ends its session', async (t) => {
  const world = messenger();
  const phone = connect(world, register(world, 'alice'));
  const { session } = phone.claims;
  const next = { ...sessionFor(world, 'phone'), session, refreshHash: 'second' };
  const refresh = (refreshHash: string) => world.ask(alice, { kind: 'refresh', session, refreshHash, next });
  t.strictSame(refresh(`hash of ${session}`), { ok: true });
  world.pass(59_000);
  t.strictSame(refresh(`hash of ${session}`), { ok: true }, 'for a while: its answer may have been lost');
  t.equal(phone.closed, undefined);
  world.pass(2_000);
  t.strictSame(refresh(`hash of ${session}`), { ok: false, code: 'bad_refresh' }, 'counted from its first use');
  t.match(phone.closed, { code: 4403 });
  t.strictSame(refresh('second'), { ok: false, code: 'bad_refresh' }, 'the newer token is dead, too');
});

/** A phone, its first refresh token, and the use of one token for the next. */
function refreshing() {
  const world = messenger();
  const phone = connect(world, register(world, 'alice'));
  const { session } = phone.claims;
  const refresh = (refreshHash: string, newHash: string) => {
    const next = { ...sessionFor(world, 'phone'), session, refreshHash: newHash };
    return world.ask(alice, { kind: 'refresh', session, refreshHash, next });
  };
  return { phone, first: `hash of ${session}`, refresh };
}

t.test('ACC10 a refresh token whose successor was used is dead', async (t) => {
  const { phone, first, refresh } = refreshing();
  t.strictSame(refresh(first, 'second'), { ok: true });
  t.strictSame(refresh(first, 'another second'), { ok: true });
  t.strictSame(refresh('another second', 'third'), { ok: true });
  t.strictSame(refresh(first, 'fourth'), { ok: false, code: 'bad_refresh' });
  t.match(phone.closed, { code: 4403 });
});

t.test('ACC10 of two that the same token has brought only the later is good', async (t) => {
  const { phone, first, refresh } = refreshing();
  refresh(first, 'second');
  refresh(first, 'another second');
  t.strictSame(refresh('second', 'third'), { ok: false, code: 'bad_refresh' }, 'two have held the first');
  t.match(phone.closed, { code: 4403 });
});

t.test('ACC10 a refresh token of another session, or past its end, is refused and ends nothing', async (t) => {
  const world = messenger();
  register(world, 'alice', 'desk');
  const claims = logIn(world, 'alice', 'phone', { refreshForMs: 1_000 });
  const phone = connect(world, claims);
  const refresh = (session: string) => {
    const next = { ...sessionFor(world, 'phone'), session };
    return world.ask(alice, { kind: 'refresh', session, refreshHash: `hash of ${claims.session}`, next });
  };
  t.strictSame(refresh('another'), { ok: false, code: 'bad_refresh' });
  world.pass(2_000);
  t.strictSame(refresh(claims.session), { ok: false, code: 'bad_refresh' });
  t.equal(phone.closed, undefined);
});

t.test('CON4 a token of an account that is not there is refused', async (t) => {
  const world = messenger();
  const socket = connect(world, { user: 'ghost', device: 'phone', session: 's' });
  t.match(socket.words, [{ kind: 'refused', code: 'unauthorised' }]);
  t.match(socket.closed, { code: 4401 });
});

t.test('ACC15 a change of the password ends all other sessions, and their sockets', async (t) => {
  const world = messenger();
  const phone = connect(world, register(world, 'alice'));
  const tablet = connect(world, logIn(world, 'alice', 'tablet'));
  const kept = world.ask(alice, { kind: 'credentials' });
  if (!kept.ok) throw new Error(kept.code);
  const before = kept.password;
  const password = { ...before, salt: new Uint8Array(16).fill(1) };
  const { device, session } = phone.claims;
  const change = { kind: 'password', device, session, before, password } as const;
  t.strictSame(world.ask(alice, { ...change, session: 'other' }), { ok: false, code: 'unknown_device' });
  t.strictSame(world.ask(alice, { ...change, before: password }), { ok: false, code: 'wrong_password' });
  t.equal(tablet.closed, undefined);
  world.fail = ({ body }) => body.kind === 'password';
  t.strictSame(world.ask(alice, change), { ok: true });
  t.strictSame(tablet.closed, { code: 4403, word: 'revoked' });
  t.equal(phone.closed, undefined);
  t.strictSame(world.ask(alice, change), { ok: false, code: 'wrong_password' }, 'of two at a time one');
  t.strictSame(world.ask(alice, { kind: 'credentials' }), { ok: true, password });
  const refreshed = world.ask(alice, {
    kind: 'refresh',
    session: tablet.claims.session,
    refreshHash: `hash of ${tablet.claims.session}`,
    next: sessionFor(world, 'tablet'),
  });
  t.strictSame(refreshed, { ok: false, code: 'bad_refresh' });
  world.ask(alice, { kind: 'deactivate' });
  t.strictSame(world.ask(alice, change), { ok: false, code: 'deactivated' });
});
