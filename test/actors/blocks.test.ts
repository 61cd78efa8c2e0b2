import t from 'tap';
import { answerIn, eventsOf, makeGroup, people } from './groups.ts';
import { connect, logIn, messenger } from './harness.ts';

t.test('SLF1 SLF2 nothing of a blocked user comes, and it learns nothing, not even that', async (t) => {
  const world = messenger();
  const all = people(world, 'alice', 'mallory');
  const { alice, mallory } = all as { readonly alice: (typeof all)[string]; readonly mallory: (typeof all)[string] };
  const say = (id: string) => {
    mallory.say({ kind: 'send', id, to: 'alice', body: id });
    world.settle();
  };
  say('before');
  alice.say({ kind: 'self', id: 'b1', deed: { what: 'block', user: 'mallory', on: true } });
  world.settle();
  t.equal(answerIn(alice, 'b1'), 'accepted');
  say('during');
  mallory.say({ kind: 'typing', to: 'alice', on: true }, { kind: 'watch', users: ['alice'] });
  alice.say({ kind: 'received', upTo: 2 }, { kind: 'read', with: 'mallory', upTo: 1 });
  world.pass(1_000);
  t.same(
    eventsOf(alice, 'message').map(({ body }) => body),
    ['before'],
  );
  t.same(alice.all('typing'), []);
  t.same(mallory.last('presence'), { kind: 'presence', user: 'alice', online: false, lastSeen: 0 });
  t.same(eventsOf(mallory, 'receipt'), []);
  t.same(eventsOf(mallory, 'failed'), []);
  t.equal(answerIn(mallory, 'during'), 'accepted', 'as if alice were away');
  alice.say({ kind: 'send', id: 'm', to: 'mallory', body: 'no' });
  world.settle();
  t.equal(answerIn(alice, 'm'), 'blocked');
  makeGroup(world, all, 'mallory', 'alice');
  t.match(eventsOf(mallory, 'declined'), [{ user: 'alice', code: 'not_allowed' }]);

  alice.say({ kind: 'self', id: 'b2', deed: { what: 'block', user: 'mallory', on: false } });
  world.settle();
  t.match(
    eventsOf(mallory, 'failed').map(({ id, seq, code }) => [id, seq, code]),
    [['during', 2, 'expired']],
    'no later mark can stand for it',
  );
  say('after');
  t.same(
    eventsOf(alice, 'message').map(({ body, seq }) => [body, seq]),
    [
      ['before', 1],
      ['after', 3],
    ],
  );
  alice.say({ kind: 'received', upTo: alice.cursor() });
  world.settle();
  t.match(eventsOf(mallory, 'receipt').at(-1), { delivered: 3 });
  t.same(world.deadLetters, []);
});

t.test('SLF2 however much came meanwhile, all of it has failed', async (t) => {
  const world = messenger({ sweep_rows_max: 4 });
  const all = people(world, 'alice', 'mallory');
  all.alice!.say({ kind: 'self', id: 'on', deed: { what: 'block', user: 'mallory', on: true } });
  world.settle();
  for (let i = 0; i < 10; i++) all.mallory!.say({ kind: 'send', id: `m${i}`, to: 'alice', body: '' });
  world.settle();
  all.alice!.say({ kind: 'self', id: 'off', deed: { what: 'block', user: 'mallory', on: false } });
  world.pass(1_000);
  t.equal(eventsOf(all.mallory!, 'failed').length, 10);
  t.equal(world.rowsOf('user/alice', 'held').size, 0);
});

t.test('SLF3 A8 all devices hear of it; the same again is done already; the same id is the same answer', async (t) => {
  const world = messenger({ blocked_max: 1 });
  const { alice } = people(world, 'alice') as { readonly alice: ReturnType<typeof connect> };
  const tablet = connect(world, logIn(world, 'alice', 'tablet'));
  const block = (id: string, user: string, on = true) => {
    alice.say({ kind: 'self', id, deed: { what: 'block', user, on } });
    world.settle();
    return answerIn(alice, id);
  };
  t.equal(block('b1', 'bob'), 'accepted');
  const first = alice.last('accepted');
  t.same(
    eventsOf(tablet, 'self').map(({ deed }) => deed),
    [{ what: 'block', user: 'bob', on: true }],
  );
  t.equal(block('b2', 'bob'), 'accepted');
  t.match(alice.last('accepted'), { n: 0 });
  block('b1', 'carol');
  t.same(alice.last('accepted'), first, 'whatever else it says');
  t.equal(block('b3', 'carol'), 'too_many_blocked');
  t.equal(block('b4', 'alice'), 'to_self');
  t.equal(block('b5', 'bob', false), 'accepted');
  world.move('alice');
  world.settle();
  t.equal(world.rowsOf('user/alice', 'blocked').size, 0);
});
