import t from 'tap';
import { connect, logIn, messenger, register, standing } from './harness.ts';

const day = 24 * 3_600_000;

t.test('DEL6 a message that nobody fetches expires, and its sender hears of it', async (t) => {
  const world = messenger();
  const alice = connect(world, register(world, 'alice'));
  const bob = register(world, 'bob');
  alice.say({ kind: 'send', id: 'm1', to: 'bob', body: 'one' });
  world.pass(day);
  alice.say({ kind: 'send', id: 'm2', to: 'bob', body: 'two' });
  world.pass(29 * day - 1);
  t.equal(alice.timeline().length, 2);
  world.pass(1);
  t.match(alice.timeline()[2], { kind: 'failed', id: 'm1', to: 'bob', seq: 1, code: 'expired', at: world.now });

  const socket = connect(world, bob);
  t.match(socket.timeline(), [
    { kind: 'expired', id: 'm1', from: 'alice', seq: 1 },
    { kind: 'message', id: 'm2', seq: 2 },
  ]);
  socket.say({ kind: 'received', upTo: 2 }, { kind: 'history', req: 1, with: 'alice', before: 0, limit: 10 });
  world.settle();
  alice.say({ kind: 'history', req: 1, with: 'bob', before: 0, limit: 10 });
  world.settle();
  t.match(socket.last('page').messages, [{ id: 'm2' }], 'HIS4');
  t.match(alice.last('page').messages, [
    { id: 'm2', failed: '', delivered: world.now },
    { id: 'm1', failed: 'expired', delivered: 0 },
  ]);
  world.pass(40 * day);
  t.notOk(alice.timeline().some((event) => event.kind === 'failed' && event.id === 'm2'));
  t.strictSame(world.timersOf('user/bob'), []);
});

t.test('DEL6 the lifetime is a setting; a message that arrives too late fails at once', async (t) => {
  const world = messenger({ message_lifetime_ms: 1_000 });
  const alice = connect(world, register(world, 'alice'));
  register(world, 'bob');
  alice.say({ kind: 'send', id: 'm1', to: 'bob', body: '' });
  world.drop = (mail) => mail.body.kind === 'message';
  world.settle();
  world.drop = undefined;
  const expiresAt = world.now + 1_000;
  world.pass(1_000);
  const mail = { kind: 'message', id: 'm1', from: 'alice', seq: 1, at: world.now, expiresAt, body: '' } as const;
  world.whisper({ address: 'user/bob' }, mail as never);
  world.settle();
  t.match(alice.timeline().at(-1), { kind: 'failed', id: 'm1', code: 'expired' });
});

t.test('DEL6 one timer a user, whatever comes in; delivered messages do not expire', async (t) => {
  const world = messenger({ sweep_rows_max: 3 });
  const alice = connect(world, register(world, 'alice'));
  const bob = connect(world, register(world, 'bob'));
  for (let i = 1; i <= 10; i++) {
    alice.say({ kind: 'send', id: `m${i}`, to: 'bob', body: '' }, { kind: 'send', id: `c${i}`, to: 'carol', body: '' });
  }
  world.settle();
  t.strictSame(
    world.timersOf('user/bob').map(({ name }) => name),
    ['expire'],
  );
  const writes = world.rowsWritten;
  alice.say({ kind: 'send', id: 'm11', to: 'bob', body: '' });
  world.settle();
  t.equal(world.rowsWritten - writes, 5, 'no write of a timer');
  bob.say({ kind: 'received', upTo: 7 });
  world.settle();
  bob.hangUp();
  world.pass(30 * day);
  const failed = alice
    .timeline()
    .flatMap((event) => (event.kind === 'failed' && event.to === 'bob' ? [event.seq] : []));
  t.strictSame(failed, [8, 9, 10, 11], 'in several turns of three rows');
  t.strictSame(world.timersOf('user/bob'), []);
  t.strictSame(
    connect(world, bob.claims, { ...standing(bob), cursor: 7 })
      .timeline()
      .map(({ kind }) => kind),
    ['expired', 'expired', 'expired', 'expired'],
  );
});

t.test('DEL6 after an expiry the timer is set anew for what comes', async (t) => {
  const world = messenger();
  const alice = connect(world, register(world, 'alice'));
  register(world, 'bob');
  for (const id of ['m1', 'm2', 'm3']) {
    alice.say({ kind: 'send', id, to: 'bob', body: '' });
    world.pass(31 * day);
    t.match(alice.timeline().at(-1), { kind: 'failed', id, code: 'expired' });
  }
});

t.test('A8 SND4 ids are remembered for 30 days, and then forgotten by one sweep', async (t) => {
  const world = messenger({ sweep_rows_max: 2 });
  const alice = connect(world, register(world, 'alice'));
  const bob = connect(world, register(world, 'bob'));
  for (let i = 1; i <= 5; i++) alice.say({ kind: 'send', id: `m${i}`, to: 'bob', body: '' });
  world.settle();
  bob.say({ kind: 'received', upTo: 5 });
  world.pass(15 * day);
  alice.say({ kind: 'send', id: 'm6', to: 'bob', body: '' });
  world.pass(15 * day);
  alice.say({ kind: 'send', id: 'm1', to: 'bob', body: '' });
  world.settle();
  t.equal(bob.timeline().length, 6, 'after 30 days still the first answer');
  t.equal(world.rowsOf('user/alice', 'mid').size, 6);
  world.pass(2 * day);
  t.strictSame([...world.rowsOf('user/alice', 'mid').keys()], ['m6']);
  t.equal(world.timersOf('user/alice').filter(({ name }) => name === 'tidy').length, 1);
  world.pass(15 * day);
  t.equal(world.rowsOf('user/alice', 'mid').size, 0);
  t.strictSame(
    world.timersOf('user/alice').filter(({ name }) => name === 'tidy'),
    [],
  );
  logIn(world, 'alice', 'other');
});
