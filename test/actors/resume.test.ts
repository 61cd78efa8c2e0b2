import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { acknowledge, flowFrom, pass, room, wanted } from '../../actors/connection/flow.ts';
import type { ServerWord } from '../../proto/words.ts';
import { connect, logIn, messenger, register, standing, type World } from './harness.ts';

/** Alice with a socket, and `count` messages for bob, who has been there and is gone. */
function waiting(world: World, count: number) {
  const alice = connect(world, register(world, 'alice'));
  const bob = connect(world, register(world, 'bob'));
  alice.say({ kind: 'send', id: 'm0', to: 'bob', body: 'first' });
  world.settle();
  bob.say({ kind: 'received', upTo: 1 });
  world.settle();
  bob.hangUp();
  for (let i = 1; i < count; i++) {
    alice.say({ kind: 'send', id: `m${i}`, to: 'bob', body: `${i}` }, { kind: 'received', upTo: alice.cursor() });
    world.settle();
  }
  return { alice, bob };
}

t.test('RES3 a device that comes back gets what it missed, in order, and nothing twice', async (t) => {
  const world = messenger();
  const { alice, bob } = waiting(world, 20);
  t.equal(bob.timeline().length, 1);
  world.pass(3_600_000);
  const again = connect(world, bob.claims, standing(bob));
  t.match(again.last('welcome'), { recovered: true, cursor: 1, head: 20, user: 'bob', device: 'phone' });
  t.strictSame(
    again.timeline().map((event) => event.kind === 'message' && event.seq),
    Array.from({ length: 19 }, (_, i) => i + 2),
  );
  again.say({ kind: 'received', upTo: 20 });
  world.settle();
  t.match(alice.timeline().at(-1), { kind: 'receipt', delivered: 20 });
});

t.test('RES3 a long timeline is read back in its order after a rest', async (t) => {
  const world = messenger();
  const { alice, bob } = waiting(world, 80);
  t.ok(world.rest('user/bob'));
  alice.say({ kind: 'send', id: 'last', to: 'bob', body: '' });
  world.settle();
  t.ok(world.rest('user/bob'));
  const again = connect(world, bob.claims, standing(bob));
  t.strictSame(
    again.timeline().map((event) => event.kind === 'message' && event.seq),
    Array.from({ length: 80 }, (_, i) => i + 2),
  );
});

t.test('RES4 a new device gets all; a foreign epoch or a cursor beyond the end starts anew', async (t) => {
  const world = messenger();
  const { bob } = waiting(world, 5);
  const tablet = connect(world, logIn(world, 'bob', 'tablet'));
  t.match(tablet.last('welcome'), { recovered: false, cursor: 0, head: 5 });
  t.equal(tablet.timeline().length, 5);
  const { epoch } = standing(bob);
  for (const from of [
    { epoch: 'other', cursor: 3 },
    { epoch: '', cursor: 3 },
    { epoch, cursor: 6 },
  ]) {
    const again = connect(world, bob.claims, from);
    t.match(again.last('welcome'), { recovered: false, cursor: 0, epoch });
    t.equal(again.timeline().length, 5);
  }
});

t.test('RES5 the cursor of a hello counts as received', async (t) => {
  const world = messenger();
  const { alice, bob } = waiting(world, 3);
  connect(world, bob.claims, { ...standing(bob), cursor: 3 });
  t.match(alice.timeline().at(-1), { kind: 'receipt', delivered: 3 });
});

t.test('RES6 a device may say an older cursor than before', async (t) => {
  const world = messenger();
  const { bob } = waiting(world, 3);
  const { epoch } = standing(bob);
  connect(world, bob.claims, { epoch, cursor: 3 });
  const again = connect(world, bob.claims, { epoch, cursor: 1 });
  t.equal(again.timeline().length, 2);
});

t.test('LIM8 DEL5 no more than the window is sent beyond what was received, and answers all the same', async (t) => {
  const world = messenger({ window_events_max: 4, frame_events_max: 3 });
  const { bob } = waiting(world, 12);
  const again = connect(world, bob.claims, standing(bob));
  t.equal(again.last('welcome').limits.window_events_max, 4);
  t.equal(again.timeline().length, 4);
  again.say({ kind: 'send', id: 'b1', to: 'alice', body: 'hi' });
  world.settle();
  t.match(again.last('accepted'), { n: 13 }, 'an answer does not wait for the window');
  t.equal(again.timeline().length, 4);
  for (let round = 0; round < 4; round++) {
    again.say({ kind: 'received', upTo: again.cursor() });
    world.settle();
  }
  const events = again.timeline();
  t.equal(events.length, 12);
  t.match(
    events.at(-1),
    { kind: 'message', id: 'b1', from: 'bob' },
    'SND5 the own message comes as an event in its turn',
  );
});

t.test(
  'LIM8 the window counts bytes too: long messages wait for `received`, each in its turn, and none is lost',
  async (t) => {
    const world = messenger({ window_bytes_max: 100_000 });
    const alice = connect(world, register(world, 'alice'));
    const claims = register(world, 'bob');
    const bob = connect(world, claims);
    t.equal(bob.last('welcome').limits.window_bytes_max, 100_000);
    const long = 'ж'.repeat(15_000);
    for (let i = 1; i <= 12; i++) alice.say({ kind: 'send', id: `m${i}`, to: 'bob', body: long });
    alice.say({ kind: 'send', id: 'short', to: 'bob', body: 'and one more' });
    world.settle();
    t.equal(bob.timeline().length, 4, 'the fourth passes the bound, a fifth does not go out');
    t.equal(alice.all('accepted').length, 13);
    bob.say({ kind: 'received', upTo: 1 });
    world.settle();
    t.equal(bob.timeline().length, 5);
    for (let round = 0; round < 4; round++) {
      bob.say({ kind: 'received', upTo: bob.cursor() });
      world.settle();
    }
    t.strictSame(
      bob.timeline().map((event) => event.kind === 'message' && event.id),
      [...Array.from({ length: 12 }, (_, i) => `m${i + 1}`), 'short'],
    );
    const again = connect(world, claims, { ...standing(bob), cursor: 0 });
    t.equal(again.timeline().length, 4, 'and for a device that comes back');
  },
);

t.test('LIM9 a frame holds no more text than fits, but always one event', async (t) => {
  const world = messenger({ frame_body_chars_max: 10 });
  const alice = connect(world, register(world, 'alice'));
  const bob = register(world, 'bob');
  for (const [i, body] of ['12345', '12345', '1', 'x'.repeat(100), '1', '2'].entries()) {
    alice.say({ kind: 'send', id: `m${i}`, to: 'bob', body });
  }
  world.settle();
  const socket = connect(world, bob);
  t.strictSame(
    socket.all('events').map(({ list }) => list.length),
    [2, 1, 1, 2],
  );
});

t.test('CON10 after a move the client says hello on the same socket, and nothing is missing', async (t) => {
  const world = messenger();
  const { alice, bob } = waiting(world, 1);
  const again = connect(world, bob.claims, standing(bob));
  world.move('bob');
  alice.say({ kind: 'send', id: 'during', to: 'bob', body: 'x' });
  world.settle();
  t.equal(again.last('resync').kind, 'resync');
  t.equal(again.all('events').length, 0, 'nothing comes before the new hello');
  again.say({ kind: 'hello', ...standing(again) });
  world.settle();
  t.match(again.timeline(), [{ id: 'during' }]);
});

t.test('CON10 a user that forgot its connection asks it for its hello again', async (t) => {
  const world = messenger();
  const { alice, bob } = waiting(world, 1);
  const again = connect(world, bob.claims, standing(bob));
  world.whisper({ address: 'user/bob' }, { kind: 'detach', connection: again.ref.address } as never);
  alice.say({ kind: 'send', id: 'unheard', to: 'bob', body: 'x' });
  world.settle();
  again.say({ kind: 'typing', to: 'alice', on: true }, { kind: 'typing', to: 'alice', on: true });
  world.settle();
  t.equal(again.all('resync').length, 1, 'once, though two words came');
  again.say({ kind: 'hello', ...standing(again) });
  world.settle();
  t.match(again.timeline(), [{ id: 'unheard' }]);
});

t.test('DEL1 events that nobody told the connection of are found when it looks', async (t) => {
  const world = messenger({ check_ms: 60_000 });
  const { alice, bob } = waiting(world, 1);
  const again = connect(world, bob.claims, standing(bob));
  world.drop = (mail) => mail.body.kind === 'news';
  alice.say({ kind: 'send', id: 'lost', to: 'bob', body: 'x' });
  world.settle();
  world.drop = undefined;
  t.equal(again.timeline().length, 0);
  world.pass(60_000);
  t.match(again.timeline(), [{ id: 'lost' }]);
});

t.test('DEL1 events that were asked for and did not come are asked for again', async (t) => {
  const world = messenger();
  const { bob } = waiting(world, 3);
  let lost = 0;
  world.drop = (mail) => mail.body.kind === 'pull' && lost++ === 0;
  const again = connect(world, bob.claims, standing(bob));
  t.equal(again.timeline().length, 0);
  world.pass(2_000);
  t.equal(again.timeline().length, 2);
});

t.test('DEL1 LIM8 any news: a flow passes each event once, in order, within the window', async () => {
  const news = fc.record({
    n: fc.integer({ min: 1, max: 12 }),
    count: fc.integer({ min: 1, max: 5 }),
    own: fc.boolean(),
  });
  const act = fc.oneof(
    news.map((what) => ({ do: 'news' as const, ...what })),
    fc.nat({ max: 15 }).map((upTo) => ({ do: 'received' as const, upTo })),
  );
  fc.assert(
    fc.property(
      fc.array(act),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 2_000 }),
      (acts, events, bytes) => {
        const window = { window_events_max: events, window_bytes_max: bytes };
        const flow = flowFrom(0, 0);
        let sent = 0;
        for (const act of acts) {
          if (act.do === 'received') {
            assert.ok(acknowledge(flow, act.upTo) <= sent);
            continue;
          }
          const { n, count, own } = act;
          const words: ServerWord[] = own
            ? [{ kind: 'accepted', id: 'm', n, seq: 1, at: 1 }]
            : [
                {
                  kind: 'events',
                  from: n,
                  list: Array.from({ length: count }, (_, i) => ({ kind: 'other', was: `${n + i}` })),
                },
              ];
          const before = room(flow, window);
          for (const word of pass(flow, n, words, window)) {
            if (word.kind === 'accepted') {
              if (word.n === sent + 1) sent++;
            } else if (word.kind === 'events') {
              assert.equal(word.from, sent + 1);
              assert.ok(word.list.length <= before);
              for (const event of word.list) assert.equal(event.kind === 'other' && event.was, `${++sent}`);
            }
          }
          assert.equal(flow.sent, sent);
          assert.ok(flow.head >= sent);
          assert.equal(flow.weights.length, flow.sent - flow.acked);
          assert.equal(
            flow.weights.reduce((sum, weight) => sum + weight, 0),
            flow.bytes,
          );
          if (flow.sent > flow.acked && !own) assert.ok(flow.bytes - flow.weights.at(-1)! < bytes || before === 0);
          assert.equal(wanted(flow, window) > 0 && wanted(flow, window) > 0, false, 'asked for once');
        }
      },
    ),
  );
});
