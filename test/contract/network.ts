/** What every Network promises, whatever it is made of. */
import type { Test } from 'tap';
import type { Network, NodeId } from '../../runtime/ports.ts';

export interface NetworkWorld {
  /** Plugs a node in. */
  join(node: NodeId): Promise<Network>;
  /** Waits; where time is simulated, lets it pass. */
  settle<T>(promise: Promise<T>): Promise<T>;
  /** Until the transport has been up for long enough to know who is there. */
  acquaint(): Promise<void>;
  /** Until what was sent has arrived. */
  arrive(): Promise<void>;
  close(): Promise<void>;
}

interface Hearing {
  readonly network: Network;
  readonly heard: Uint8Array[];
}

type Nodes = readonly [a: Hearing, b: Hearing, c: Hearing];

export function networkContract(t: Test, open: () => Promise<NetworkWorld>): void {
  t.test('network contract', async (t) => {
    const world = await open();
    t.teardown(() => world.close());
    const join = async (node: NodeId): Promise<Hearing> => {
      const network = await world.join(node);
      const heard: Uint8Array[] = [];
      network.listen((bytes) => heard.push(bytes));
      return { network, heard };
    };
    const nodes: Nodes = [await join('a'), await join('b'), await join('c')];
    await world.arrive();
    t.afterEach(() => {
      for (const { heard } of nodes) heard.length = 0;
    });
    addressTests(t, world, nodes);
    streamTests(t, world, nodes);
    listensTest(t, world, nodes);
    closeTest(t, world, nodes);
  });
}

function addressTests(t: Test, { arrive }: NetworkWorld, [a, b, c]: Nodes): void {
  t.test('a datagram reaches its node only', async (t) => {
    a.network.send('b', words('to b'));
    a.network.send('nobody', words('to nobody'));
    await arrive();
    t.same(texts(b), ['to b']);
    t.same([...texts(a), ...texts(c)], []);
    t.same([a.network.self, b.network.self], ['a', 'b']);
  });

  t.test('a broadcast reaches all but its sender', async (t) => {
    a.network.broadcast(words('to all'));
    await arrive();
    t.same([texts(a), texts(b), texts(c)], [[], ['to all'], ['to all']]);
  });

  t.test('what a node sends itself arrives, but not within the call', async (t) => {
    a.network.send('a', words('to me'));
    t.same(texts(a), []);
    await arrive();
    t.same(texts(a), ['to me']);
  });
}

function streamTests(t: Test, { arrive }: NetworkWorld, [a, b, c]: Nodes): void {
  t.test('of one sender, in order', async (t) => {
    const sent = Array.from({ length: 200 }, (_, i) => `${i}`);
    for (const text of sent) {
      a.network.send('c', words(text));
      b.network.send('c', words(`b${text}`));
    }
    await arrive();
    t.same(
      texts(c).filter((text) => !text.startsWith('b')),
      sent,
    );
    t.equal(c.heard.length, 400);
  });

  t.test('512 KiB, every byte', async (t) => {
    const large = new Uint8Array(512 * 1024).map((_, i) => (i * 31) % 256);
    a.network.send('b', large);
    a.network.send('b', words('next'));
    await arrive();
    t.equal(Buffer.compare(b.heard[0] ?? words('none'), large), 0);
    t.equal(b.heard.length, 2);
  });
}

function listensTest(t: Test, { settle, acquaint, arrive }: NetworkWorld, [a, b, c]: Nodes): void {
  t.test('whether somebody listens is known, and asking disturbs nobody', async (t) => {
    await acquaint();
    const asked = ['a', 'b', 'c', 'nobody'].map((node) => a.network.listens(node));
    t.same(await settle(Promise.all(asked)), [true, true, true, false]);
    t.equal(await settle(b.network.listens('a')), true);
    await arrive();
    t.same([...a.heard, ...b.heard, ...c.heard], []);
  });
}

function closeTest(t: Test, { settle, arrive }: NetworkWorld, [a, , c]: Nodes): void {
  t.test('a closed node neither sends nor hears, and says so; the others know', async (t) => {
    t.equal(c.network.connected(), true);
    await c.network.close();
    t.equal(c.network.connected(), false);
    t.equal(await settle(c.network.listens('a')), true, 'it can’t tell');
    await arrive();
    t.equal(await settle(a.network.listens('c')), false);
    t.equal(await settle(a.network.listens('b')), true);
    c.network.send('a', words('from c'));
    c.network.broadcast(words('from c'));
    a.network.send('c', words('to c'));
    await arrive();
    t.same([...texts(a), ...texts(c)], []);
  });
}

function words(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function texts({ heard }: Hearing): string[] {
  return heard.map((bytes) => Buffer.from(bytes).toString());
}
