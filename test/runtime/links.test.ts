import fc from 'fast-check';
import t from 'tap';
import { defaultLimits } from '../../runtime/limits.ts';
import { Links } from '../../runtime/links.ts';
import { Members } from '../../runtime/members.ts';
import type { Datagram, Parcel } from '../../runtime/parcel.ts';
import { SimRandom } from '../../sim/clock.ts';
import { simCodec } from '../../sim/codec.ts';
import { Stage } from './stage.ts';

/** One end of a link: what it sends waits in `wire`, for the test to carry over or lose. */
class End {
  readonly node: string;
  readonly incarnation: string;
  readonly members = new Members(1_000);
  readonly links: Links;
  readonly wire: Uint8Array[] = [];
  readonly got: unknown[] = [];
  /** How often it noticed that something was lost. */
  missed = 0;
  /** How often the other end said so. */
  toldOfLoss = 0;

  constructor(node: string, incarnation: string) {
    this.node = node;
    this.incarnation = incarnation;
    const { ports } = new Stage();
    const network = { ...ports.network, send: (_to: string, bytes: Uint8Array) => void this.wire.push(bytes) };
    this.links = new Links({
      ports: { ...ports, network: network as typeof ports.network },
      limits: { ...defaultLimits, datagram_bytes_max: 4_000 },
      node,
      incarnation,
      members: this.members,
      parcel: (_from, parcel) => {
        if (parcel[0] === 'missed') this.toldOfLoss++;
        else this.got.push(parcel[0] === 'reply' ? parcel[2] : parcel[0]);
      },
      missed: () => this.missed++,
    });
  }

  hears(other: End): void {
    const { node, incarnation, links } = other;
    const heartbeat = {
      node,
      incarnation,
      role: 'owner',
      notice: '',
      leaving: false,
      fitness: 'fit',
      view: 0,
      format: 1,
      owns: 0,
      copies: [],
      sent: links.sent(),
    } as const;
    this.members.heard(heartbeat, 0);
    this.links.heard(heartbeat);
  }

  takes(bytes: Uint8Array): void {
    const datagram = simCodec.unpack(bytes) as Datagram;
    if (datagram[0] === 'parcels') this.links.receive(datagram);
  }

  say(to: string, word: unknown, only?: string): boolean {
    return this.links.send(to, ['reply', 1, word], 100, only);
  }
}

function pair(): [End, End] {
  const [a, b] = [new End('a', 'a1'), new End('b', 'b1')];
  a.hears(b);
  b.hears(a);
  return [a, b];
}

function carry(from: End, to: End): void {
  from.links.flush();
  for (const bytes of from.wire.splice(0)) to.takes(bytes);
}

t.test('A7: all that one slice has for a node is one datagram, in order', async (t) => {
  const [a, b] = pair();
  for (const word of [1, 2, 3]) a.say('b', word);
  a.links.flush();
  t.equal(a.wire.length, 1);
  carry(a, b);
  t.strictSame([b.got, b.missed], [[1, 2, 3], 0]);
});

t.test('A9: datagrams keep to their bound', async (t) => {
  const [a, b] = pair();
  for (let i = 0; i < 50; i++) a.links.send('b', ['reply', 1, 'x'.repeat(300)], 348);
  a.links.flush();
  for (const bytes of a.wire) t.ok(bytes.length <= 4_000, `${bytes.length} bytes`);
  carry(a, b);
  t.equal(b.got.length, 50);
  t.notOk(a.links.send('b', ['reply', 1, 'x'.repeat(3_000)], 3_048), 'a parcel that is larger is not queued');
});

t.test('A7: nobody is sent to that is not known to be alive, nor another process than was meant', async (t) => {
  const [a, b] = pair();
  t.notOk(a.say('nobody', 1));
  t.notOk(a.say('b', 'for the process before', 'b0'));
  t.ok(a.say('b', 'for this one', 'b1'));
  carry(a, b);
  t.strictSame([b.got, b.missed], [['for this one'], 0]);
});

t.test('A7: a lost datagram is noticed by the next, on both ends', async (t) => {
  const [a, b] = pair();
  a.say('b', 1);
  carry(a, b);
  a.say('b', 2);
  a.links.flush();
  a.wire.length = 0;
  a.say('b', 3);
  carry(a, b);
  t.strictSame([b.got, b.missed], [[1, 3], 1]);
  carry(b, a);
  t.equal(a.toldOfLoss, 1);
  a.say('b', 4);
  carry(a, b);
  t.equal(b.missed, 1, 'once');
});

t.test('A7: the loss of the last datagram is noticed by heartbeats', async (t) => {
  const [a, b] = pair();
  a.say('b', 1);
  a.links.flush();
  a.wire.length = 0;
  b.hears(a);
  t.equal(b.missed, 0, 'the first may have overtaken it');
  b.hears(a);
  t.equal(b.missed, 1);
  b.hears(a);
  a.say('b', 2);
  carry(a, b);
  t.strictSame([b.got, b.missed], [[2], 1]);
});

t.test('A7: what was thrown away while a node was taken for dead is noticed when it is back', async (t) => {
  const [a, b] = pair();
  a.say('b', 1);
  carry(a, b);
  a.say('b', 'queued when it fell silent');
  a.members.forget('b');
  a.links.drop('b');
  a.hears(b);
  b.hears(a);
  b.hears(a);
  t.equal(b.missed, 1);
  a.say('b', 2);
  carry(a, b);
  t.strictSame([b.got, b.missed], [[1, 2], 1]);
  a.members.forget('b');
  t.notOk(a.say('b', 'said while it was silent'));
  t.notOk(a.say('b', 'and more'));
  a.hears(b);
  b.hears(a);
  b.hears(a);
  t.equal(b.missed, 2);
  a.say('b', 3);
  carry(a, b);
  t.strictSame([b.got, b.missed], [[1, 2, 3], 2]);
});

t.test('A7: what could not be sent to a node that was not heard of yet is noticed too', async (t) => {
  const [a, b] = [new End('a', 'a1'), new End('b', 'b1')];
  t.notOk(a.say('b', 'a push to a socket of b', 'b1'));
  a.hears(b);
  b.hears(a);
  b.hears(a);
  t.equal(b.missed, 1);
});

t.test('A7: a restarted process has links of its own', async (t) => {
  const [a, b] = pair();
  for (let i = 0; i < 5; i++) {
    a.say('b', i);
    carry(a, b);
  }
  const again = new End('b', 'b2');
  // Heartbeats that still count what the process before was sent.
  for (let i = 0; i < 3; i++) again.hears(a);
  a.say('b', 'for the process before');
  a.hears(again);
  for (let i = 0; i < 3; i++) again.hears(a);
  a.say('b', 'one');
  a.links.flush();
  for (const bytes of a.wire.splice(0)) again.takes(bytes);
  t.strictSame([again.got, again.missed], [['one'], 0]);
});

t.test('A7: what is meant for a process that is gone does not upset the link to the one that lives', async (t) => {
  const [a, b] = pair();
  for (let i = 0; i < 5; i++) {
    a.say('b', i);
    carry(a, b);
  }
  a.members.forget('b');
  t.notOk(a.say('b', 'for the process before', 'b0'));
  a.hears(b);
  a.say('b', 5);
  carry(a, b);
  t.strictSame([b.got, b.missed], [[0, 1, 2, 3, 4, 5], 0]);
  // A late heartbeat of the process before.
  a.hears(new End('b', 'b0'));
  a.hears(b);
  a.say('b', 6);
  carry(a, b);
  t.strictSame([b.got, b.missed], [[0, 1, 2, 3, 4, 5, 6], 0]);
});

t.test('A10: a parcel that nobody can read does not take its datagram with it', async (t) => {
  const [a, b] = pair();
  const take = b.got.push.bind(b.got);
  b.got.push = (word) => {
    if (word === 'bad') throw new Error('made up');
    return take(word);
  };
  for (const word of ['one', 'bad', 'two']) a.say('b', word);
  carry(a, b);
  t.strictSame([...b.got], ['one', 'two']);
});

t.test('A7: a node that says goodbye leaves nothing behind', async (t) => {
  const [a, b] = pair();
  a.say('b', 1);
  carry(a, b);
  t.strictSame(Object.keys(a.links.sent()), ['b']);
  a.members.forget('b');
  a.links.forget('b');
  t.strictSame(a.links.sent(), {});
});

t.test('A7: whatever is lost or thrown away, what comes is in order, once, and no loss goes unnoticed', async () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const random = new SimRandom(seed);
      const [a, b] = pair();
      let word = 0;
      let losses = 0;
      let noticed = 0;
      for (let i = 0; i < 60; i++) {
        if (random.chance(0.1)) {
          a.members.forget('b');
          a.links.drop('b');
        } else if (random.chance(0.3)) a.hears(b);
        const before = { got: b.got.length, missed: b.missed };
        const sent = random.between(0, 3);
        for (let n = 0; n < sent; n++) a.say('b', word++);
        a.links.flush();
        for (const bytes of a.wire.splice(0)) if (!random.chance(0.2)) b.takes(bytes);
        if (b.got.length - before.got < sent) losses++;
        if (random.chance(0.3)) b.hears(a);
        if (b.missed > before.missed) noticed = losses;
      }
      a.hears(b);
      for (let i = 0; i < 3; i++) {
        const { missed } = b;
        b.hears(a);
        if (b.missed > missed) noticed = losses;
      }
      if (losses > noticed) throw new Error(`${losses} losses, ${noticed} noticed`);
      if (b.got.some((got, i) => i > 0 && Number(got) <= Number(b.got[i - 1]))) throw new Error('out of order');
    }),
    { numRuns: 300 },
  );
});

t.test('A10: a parcel that can’t be packed does not stop the others', async (t) => {
  const [a, b] = pair();
  a.links.send('b', ['reply', 1, () => 1] as Parcel, 100);
  a.links.flush();
  a.say('b', 1);
  carry(a, b);
  t.strictSame([b.got, b.missed], [[1], 1], 'and its loss is noticed');
});
