import t from 'tap';
import { connect, logIn, messenger, register, startMs } from './harness.ts';

t.test('PRS2 PRS3 a watcher hears who is online, and of each change', async (t) => {
  const world = messenger();
  const alice = connect(world, register(world, 'alice'));
  const bob = connect(world, register(world, 'bob'));
  alice.say({ kind: 'watch', users: ['bob', 'nobody'] });
  world.settle();
  t.match(alice.all('presence'), [
    { user: 'bob', online: true, lastSeen: startMs },
    { user: 'nobody', online: false, lastSeen: 0 },
  ]);
  world.pass(9_999);
  t.equal(alice.all('presence').length, 2);
  world.pass(1);
  t.match(alice.last('presence'), { user: 'bob', online: false, lastSeen: startMs }, 'an open socket does not count');
  bob.say({ kind: 'received', upTo: 0 });
  world.settle();
  t.equal(alice.all('presence').length, 3, 'nor does what a device says by itself');
  bob.say({ kind: 'typing', to: 'carol', on: true });
  world.settle();
  t.match(alice.last('presence'), { user: 'bob', online: true, lastSeen: world.now });
  for (let i = 0; i < 5; i++) {
    world.pass(8_000);
    bob.say({ kind: 'typing', to: 'carol', on: true });
  }
  world.settle();
  t.equal(alice.all('presence').length, 4, 'and nothing while it stays so, though the watch was renewed');
});

t.test('PRS1 a watch goes on until it is replaced or its socket ends', async (t) => {
  const world = messenger();
  const alice = connect(world, register(world, 'alice'));
  const tablet = connect(world, logIn(world, 'alice', 'tablet'));
  const bob = connect(world, register(world, 'bob'));
  alice.say({ kind: 'watch', users: ['bob'] });
  world.pass(600_000);
  bob.say({ kind: 'typing', to: 'carol', on: true });
  world.settle();
  t.match(alice.last('presence'), { user: 'bob', online: true }, 'after ten minutes still');
  t.equal(tablet.all('presence').length, 0, 'another device did not ask');
  const heard = alice.all('presence').length;
  alice.say({ kind: 'watch', users: ['carol'] });
  world.pass(60_000);
  bob.say({ kind: 'typing', to: 'carol', on: true });
  world.settle();
  t.equal(alice.all('presence').filter(({ user }) => user === 'bob').length, heard);
});

t.test('PRS1 a watch survives the rest and the move of the user that is watched', async (t) => {
  const world = messenger();
  const alice = connect(world, register(world, 'alice'));
  const bob = connect(world, register(world, 'bob'));
  alice.say({ kind: 'watch', users: ['bob'] });
  bob.hangUp();
  world.pass(20_000);
  t.ok(world.rest('user/bob'));
  world.pass(60_000);
  const again = connect(world, bob.claims);
  t.match(alice.last('presence'), { user: 'bob', online: true });
  again.hangUp();
  world.move('bob');
  world.pass(60_000);
  t.match(alice.last('presence'), { user: 'bob', online: false });
});

t.test('A10 PRS3 after a turn that failed a user still goes offline', async (t) => {
  const world = messenger();
  const alice = connect(world, register(world, 'alice'));
  const bob = connect(world, register(world, 'bob'));
  alice.say({ kind: 'watch', users: ['bob'] });
  world.pass(20_000);
  world.fail = ({ to, body }) => to === 'user/bob' && body.kind === 'words';
  bob.say({ kind: 'send', id: 'm1', to: 'alice', body: '' });
  world.pass(30_000);
  t.strictSame(
    alice.all('presence').map(({ online }) => online),
    [true, false, true, false],
  );
});

t.test('PRS1 a lease that nobody renews ends', async (t) => {
  const world = messenger();
  const alice = connect(world, register(world, 'alice'));
  const bob = connect(world, register(world, 'bob'));
  alice.say({ kind: 'watch', users: ['bob'] });
  world.settle();
  alice.hangUp();
  world.pass(61_000);
  let told = 0;
  world.drop = ({ to }) => to === 'user/alice' && told++ >= 0;
  bob.say({ kind: 'typing', to: 'carol', on: true });
  world.settle();
  t.equal(told, 0);
});

t.test('PRS4 last seen survives a rest, to the minute', async (t) => {
  const world = messenger();
  const alice = connect(world, register(world, 'alice'));
  const bob = connect(world, register(world, 'bob'));
  for (let i = 0; i < 10; i++) {
    world.pass(20_000);
    bob.say({ kind: 'typing', to: 'carol', on: true });
    world.settle();
  }
  const seen = world.now;
  bob.hangUp();
  world.pass(3_600_000);
  t.ok(world.rest('user/bob'));
  alice.say({ kind: 'watch', users: ['bob'] });
  world.settle();
  const { lastSeen, online } = alice.last('presence');
  t.notOk(online);
  t.ok(lastSeen <= seen && lastSeen > seen - 60_000);
});

t.test('PRS5 typing comes to the sockets of the other, and costs no row', async (t) => {
  const world = messenger();
  const alice = connect(world, register(world, 'alice'));
  const bob = connect(world, register(world, 'bob'));
  const rows = world.rowsWritten;
  alice.say({ kind: 'typing', to: 'bob', on: true }, { kind: 'typing', to: 'bob', on: false });
  alice.say({ kind: 'typing', to: 'alice', on: true }, { kind: 'typing', to: 'nobody', on: true });
  world.settle();
  t.strictSame(bob.words.slice(1), [
    { kind: 'typing', from: 'alice', on: true },
    { kind: 'typing', from: 'alice', on: false },
  ]);
  t.equal(alice.all('typing').length, 0);
  t.equal(world.rowsWritten, rows);
});

t.test('A9 watchers are bounded, and who finds no room still gets an answer', async (t) => {
  const world = messenger({ watchers_max: 2 });
  const bob = connect(world, register(world, 'bob'));
  const watchers = ['a', 'b', 'c'].map((name) => connect(world, register(world, name)));
  for (const watcher of watchers) watcher.say({ kind: 'watch', users: ['bob'] });
  world.settle();
  t.ok(watchers.every((watcher) => watcher.all('presence').length === 1));
  world.pass(10_000);
  t.strictSame(
    watchers.map((watcher) => watcher.all('presence').length),
    [2, 2, 1],
  );
  bob.hangUp();
});
