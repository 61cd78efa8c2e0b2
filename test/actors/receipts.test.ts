import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { User } from '../../actors/index.ts';
import type { ReceiptEvent } from '../../proto/words.ts';
import { connect, logIn, messenger, register, type Socket, standing, type World } from './harness.ts';

t.test('RCP1 RCP2 read is clamped to what there is, implies delivered, and says nothing twice', async (t) => {
  const world = messenger();
  const alice = connect(world, register(world, 'alice'));
  const bob = connect(world, register(world, 'bob'));
  alice.say({ kind: 'send', id: 'm1', to: 'bob', body: '1' }, { kind: 'send', id: 'm2', to: 'bob', body: '2' });
  world.settle();
  bob.say({ kind: 'read', with: 'alice', upTo: 99 });
  bob.say({ kind: 'read', with: 'alice', upTo: 1 }, { kind: 'received', upTo: 2 }, { kind: 'received', upTo: 1 });
  bob.say({ kind: 'read', with: 'nobody', upTo: 5 }, { kind: 'read', with: 'bob', upTo: 5 });
  world.settle();
  t.match(receiptsOf(alice), [{ delivered: 2, read: 2 }]);
  t.equal(world.rowsOf('user/bob', 'conv').size, 1);
});

t.test('RCP2 A11 what was read stays delivered, though the device says so later', async (t) => {
  const world = messenger();
  const alice = connect(world, register(world, 'alice'));
  const bob = connect(world, register(world, 'bob'));
  alice.say({ kind: 'send', id: 'm1', to: 'bob', body: '1' }, { kind: 'send', id: 'm2', to: 'bob', body: '2' });
  world.settle();
  bob.say({ kind: 'read', with: 'alice', upTo: 2 }, { kind: 'received', upTo: 1 });
  bob.say({ kind: 'history', req: 1, with: 'alice', before: 0, limit: 2 });
  world.settle();
  t.ok(bob.last('page').messages.every(({ delivered }) => delivered > 0));
  t.equal(receiptsOf(alice).length, 1);
});

t.test('DEL3 a device cannot have received what it was not sent', async (t) => {
  const world = messenger({ window_events_max: 2 });
  const alice = connect(world, register(world, 'alice'));
  const bob = connect(world, register(world, 'bob'));
  for (let i = 1; i <= 5; i++) alice.say({ kind: 'send', id: `m${i}`, to: 'bob', body: '' });
  world.settle();
  alice.say({ kind: 'received', upTo: 5 });
  bob.say({ kind: 'received', upTo: 5 });
  world.settle();
  t.match(receiptsOf(alice), [{ delivered: 2, read: 0 }]);
});

t.test('DEL4 delivered is what the first device has; later devices change nothing', async (t) => {
  const world = messenger();
  const alice = connect(world, register(world, 'alice'));
  const phone = connect(world, register(world, 'bob'));
  const tablet = connect(world, logIn(world, 'bob', 'tablet'));
  alice.say({ kind: 'send', id: 'm1', to: 'bob', body: '1' }, { kind: 'send', id: 'm2', to: 'bob', body: '2' });
  world.settle();
  tablet.say({ kind: 'received', upTo: 1 });
  world.settle();
  phone.say({ kind: 'received', upTo: 2 });
  world.settle();
  tablet.say({ kind: 'received', upTo: 2 });
  world.settle();
  t.match(receiptsOf(alice), [{ delivered: 1 }, { delivered: 2 }]);
  t.equal(receiptsOf(alice).length, 2);
});

t.test('RCP4 the other devices hear what was read', async (t) => {
  const world = messenger();
  const alice = connect(world, register(world, 'alice'));
  const phone = connect(world, register(world, 'bob'));
  const tablet = connect(world, logIn(world, 'bob', 'tablet'));
  alice.say({ kind: 'send', id: 'm1', to: 'bob', body: '1' });
  world.settle();
  phone.say({ kind: 'read', with: 'alice', upTo: 1 });
  world.settle();
  for (const socket of [phone, tablet]) t.match(socket.timeline()[1], { kind: 'seen', with: 'alice', upTo: 1 });
});

t.test('A11 RCP3 receipts in any order never take a mark back', async (t) => {
  const world = messenger();
  const alice = connect(world, register(world, 'alice'));
  for (let i = 1; i <= 4; i++) alice.say({ kind: 'send', id: `m${i}`, to: 'bob', body: '' });
  world.settle();
  const receipt = (delivered: number, read: number) => {
    world.whisper(User.ref('alice'), { kind: 'receipt', from: 'bob', delivered, read, at: world.now });
    world.settle();
  };
  for (const [delivered, read] of [
    [2, 0],
    [1, 0],
    [2, 1],
    [1, 1],
    [1, 3],
    [99, 0],
    [0, 99],
    [4, 4],
  ] as const) {
    receipt(delivered, read);
  }
  t.match(receiptsOf(alice), [
    { delivered: 2, read: 0 },
    { delivered: 2, read: 1 },
    { delivered: 3, read: 3 },
    { delivered: 4, read: 3 },
    { delivered: 4, read: 4 },
  ]);
});

function receiptsOf(socket: Socket): ReceiptEvent[] {
  return socket.timeline().filter((event): event is ReceiptEvent => event.kind === 'receipt');
}

// ---------------------------------------------------------------- any history

const names = ['alice', 'bob', 'carol'] as const;
const who = fc.constantFrom(...names);
const operation = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('send' as const), who, to: who, again: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('received' as const), who, back: fc.nat({ max: 3 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('read' as const), who, to: who, upTo: fc.nat({ max: 8 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reconnect' as const), who, back: fc.nat({ max: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('move' as const), who }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.nat({ max: 20_000 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('deliver' as const), mails: fc.nat({ max: 12 }) }) },
);
type Operation = typeof operation extends fc.Arbitrary<infer O> ? O : never;

/** People who do what comes to their minds, over mail that is delivered in any order between pairs of actors. */
class Town {
  readonly world: World;
  readonly sockets: Map<string, Socket>;
  readonly #ids = new Map<string, string>();

  constructor(order: fc.Stream<number>) {
    this.world = messenger({ window_events_max: 4, recent_events_max: 2, conversations_cached_max: 1 });
    this.sockets = new Map(names.map((name) => [name, connect(this.world, register(this.world, name))]));
    this.world.pick = (count) => (order.next().value as number) % count;
    this.world.fail = () => (order.next().value as number) % 16 === 0;
  }

  act(operation: Operation): void {
    const { world } = this;
    if (operation.do === 'pass') world.pass(operation.ms);
    else if (operation.do === 'deliver') for (let i = 0; i < operation.mails; i++) world.deliverOne();
    else this.#actOn(operation);
  }

  #actOn(operation: Exclude<Operation, { do: 'pass' | 'deliver' }>): void {
    const { world } = this;
    const socket = this.sockets.get(operation.who) as Socket;
    switch (operation.do) {
      case 'send': {
        const last = this.#ids.get(operation.who);
        const id = operation.again && last !== undefined ? last : `m${world.nextId()}`;
        this.#ids.set(operation.who, id);
        socket.say({ kind: 'send', id, to: operation.to, body: id });
        break;
      }
      case 'received':
        socket.say({ kind: 'received', upTo: Math.max(0, socket.cursor() - operation.back) });
        break;
      case 'read':
        socket.say({ kind: 'read', with: operation.to, upTo: operation.upTo });
        break;
      case 'move':
        world.move(operation.who);
        this.#greet(socket, 0);
        break;
      case 'reconnect':
        socket.hangUp();
        this.sockets.set(operation.who, connect(world, socket.claims, this.#standing(socket, operation.back)));
    }
  }

  #greet(socket: Socket, back: number): void {
    socket.say({ kind: 'hello', ...this.#standing(socket, back) });
  }

  #standing(socket: Socket, back: number): { epoch: string; cursor: number } {
    if (socket.all('welcome').length === 0) return { epoch: '', cursor: 0 };
    const { epoch, cursor } = standing(socket);
    return { epoch, cursor: Math.max(0, cursor - back) };
  }

  /** Everybody gets everything. */
  settle(): void {
    for (let i = 0; i < 20; i++) {
      this.world.settle();
      for (const socket of this.sockets.values()) {
        if (socket.words.at(-1)?.kind === 'resync') this.#greet(socket, 0);
        socket.say({ kind: 'received', upTo: socket.cursor() });
      }
    }
    this.world.settle();
  }
}

t.test('A10 A11 DEL1 any history, with failing turns: receipts only grow, timelines have no gaps', async () => {
  fc.assert(
    fc.property(
      fc.array(operation, { maxLength: 60, size: 'large' }),
      fc.infiniteStream(fc.nat()),
      (operations, order) => {
        const town = new Town(order);
        for (const operation of operations) town.act(operation);
        town.settle();
        assert.deepEqual(town.world.deadLetters, []);
        town.world.fail = undefined;
        for (const name of names) {
          const socket = town.sockets.get(name) as Socket;
          // Throws on gaps and repetitions.
          socket.timeline();
          const whole = connect(town.world, socket.claims);
          town.sockets.set(name, whole);
          town.settle();
          checkTimeline(name, whole);
        }
        checkDelivery(town);
      },
    ),
    { numRuns: 200 },
  );
});

/** One timeline by itself. */
function checkTimeline(name: string, socket: Socket): void {
  const sent = new Map<string, number>();
  const came = new Map<string, number>();
  const marks = new Map<string, ReceiptEvent>();
  for (const event of socket.timeline()) {
    if (event.kind === 'message') {
      const [numbers, peer] = event.from === name ? [sent, event.to] : [came, event.from];
      assert.equal(event.seq, (numbers.get(peer) ?? 0) + 1, 'SND7 dense, in order');
      numbers.set(peer, event.seq);
    } else if (event.kind === 'receipt') {
      const before = marks.get(event.with);
      assert.ok(event.read <= event.delivered && event.delivered <= (sent.get(event.with) ?? 0));
      assert.ok(event.read >= (before?.read ?? 0) && event.delivered >= (before?.delivered ?? 0));
      assert.ok(
        event.read > (before?.read ?? 0) || event.delivered > (before?.delivered ?? 0),
        'no receipt says nothing',
      );
      marks.set(event.with, event);
    }
  }
}

/** What was accepted has come, once, and is known as delivered to its sender. */
function checkDelivery(town: Town): void {
  const timelines = new Map(names.map((name) => [name, (town.sockets.get(name) as Socket).timeline()]));
  for (const from of names) {
    for (const to of names) {
      const both = [timelines.get(from) ?? [], timelines.get(to) ?? []].map((events) =>
        events.flatMap((event) => (event.kind === 'message' && event.from === from && event.to === to ? [event] : [])),
      );
      assert.deepEqual(both[0], both[1]);
      const receipts = timelines.get(from)?.filter((event) => event.kind === 'receipt' && event.with === to);
      const last = receipts?.at(-1) as ReceiptEvent | undefined;
      assert.equal(last?.delivered ?? 0, both[0]?.length, 'delivered');
    }
  }
}
