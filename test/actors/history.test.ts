import assert from 'node:assert/strict';
import t from 'tap';
import type { MessageState } from '../../proto/words.ts';
import { connect, messenger, register, type Socket, type World } from './harness.ts';

/** Alice and bob write to each other by turns, and alice to carol in between. */
function talked(world: World, rounds: number) {
  const alice = connect(world, register(world, 'alice'));
  const bob = connect(world, register(world, 'bob'));
  register(world, 'carol');
  for (let i = 1; i <= rounds; i++) {
    alice.say(
      { kind: 'send', id: `a${i}`, to: 'bob', body: `a${i}` },
      { kind: 'send', id: `c${i}`, to: 'carol', body: '' },
    );
    world.settle();
    bob.say({ kind: 'received', upTo: bob.cursor() }, { kind: 'send', id: `b${i}`, to: 'alice', body: `b${i}` });
    world.settle();
    alice.say({ kind: 'received', upTo: alice.cursor() });
    world.pass(10);
  }
  return { alice, bob };
}

function pages(world: World, socket: Socket, peer: string, limit: number, before = 0): MessageState[][] {
  const found: MessageState[][] = [];
  for (let req = 1; req < 1_000; req++) {
    socket.say({ kind: 'history', req, with: peer, before, limit });
    world.settle();
    const page = socket.last('page');
    assert.equal(page.req, req);
    found.push([...page.messages]);
    before = page.next;
    if (before === 0) return found;
  }
  throw new Error('the history never ends');
}

t.test('HIS1 HIS2 pages hold one conversation, newest first, to its beginning', async (t) => {
  const world = messenger();
  const { alice } = talked(world, 7);
  const expected = Array.from({ length: 7 }, (_, i) => [`b${7 - i}`, `a${7 - i}`]).flat();
  for (const limit of [1, 3, 14, 100]) {
    const found = pages(world, alice, 'bob', limit);
    t.strictSame(
      found.flat().map(({ id }) => id),
      expected,
      `by ${limit}`,
    );
    t.ok(found.every((page) => page.length <= limit));
  }
  t.strictSame(pages(world, alice, 'nobody', 10), [[]]);
  t.strictSame(pages(world, alice, 'alice', 10), [[]]);
});

t.test('HIS1 HIS2 any number will do as `before`, and a long way costs more pages, not longer turns', async (t) => {
  const world = messenger({ sweep_rows_max: 4, recent_events_max: 2 });
  const { alice } = talked(world, 7);
  const all = pages(world, alice, 'bob', 100).flat();
  t.equal(all.length, 14);
  const head = alice.cursor();
  for (let before = 1; before <= head + 3; before++) {
    const below = all.filter(({ n }) => n < before).map(({ n }) => n);
    t.strictSame(
      pages(world, alice, 'bob', 5, before)
        .flat()
        .map(({ n }) => n),
      below,
      `before ${before}`,
    );
  }
});

t.test('HIS3 each message has its state', async (t) => {
  const world = messenger();
  const { alice, bob } = talked(world, 3);
  bob.say({ kind: 'read', with: 'alice', upTo: 2 });
  world.settle();
  const at = world.now;
  const mine = pages(world, alice, 'bob', 10)
    .flat()
    .filter(({ from }) => from === 'alice');
  t.strictSame(
    mine.map(({ seq, read }) => [seq, read]),
    [
      [3, 0],
      [2, at],
      [1, at],
    ],
  );
  t.ok(
    mine.every((message) => message.delivered === message.at),
    'each was delivered in its own round',
  );
  const his = pages(world, bob, 'alice', 10)
    .flat()
    .filter(({ from }) => from === 'alice');
  t.strictSame(
    his.map(({ seq, read }) => [seq, read]),
    [
      [3, 0],
      [2, at],
      [1, at],
    ],
  );
  t.ok(his.every(({ delivered }) => delivered > 0));
});

t.test('HIS2 a page holds no more text than fits a frame, but always one message', async (t) => {
  const world = messenger({ frame_body_chars_max: 10 });
  const alice = connect(world, register(world, 'alice'));
  for (const [i, body] of ['123456', '123456', 'x'.repeat(50), '1'].entries()) {
    alice.say({ kind: 'send', id: `m${i}`, to: 'bob', body });
  }
  world.settle();
  t.strictSame(
    pages(world, alice, 'bob', 10).map((page) => page.length),
    [1, 1, 1, 1],
  );
});

t.test('HIS5 ERR8 only what this account sent can be inquired of', async (t) => {
  const world = messenger();
  const { alice, bob } = talked(world, 1);
  alice.say({ kind: 'inquire', req: 4, id: 'b1' });
  bob.say({ kind: 'inquire', req: 5, id: 'b1' });
  world.settle();
  t.match(alice.last('refused'), { req: 4, code: 'unknown_message' });
  t.match(bob.last('answer'), { req: 5, message: { id: 'b1', from: 'bob', seq: 1 } });
});
