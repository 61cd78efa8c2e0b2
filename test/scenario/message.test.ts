import { createECDH, randomBytes } from 'node:crypto';
import t, { type Test } from 'tap';
import { RingpostClient, type TransportName } from '../../client/index.ts';
import { type ClusterUnderTest, pause, startCluster, until } from './cluster.ts';
import { Receiver, verified } from './receiver.ts';
import { slowReader } from './slow-reader.ts';

const transports = ['websocket', 'events', 'poll'] as const;

/** What one device was told, in order. */
class Diary {
  readonly bodies: string[] = [];
  readonly receipts: { delivered: number; read: number }[] = [];
  readonly failed: string[] = [];
  constructor(client: RingpostClient, reads = false) {
    client.on('message', (message) => {
      if (message.from === client.user) return;
      this.bodies.push(message.body);
      if (reads) client.read(message.from, message.seq);
    });
    client.on('receipt', ({ delivered, read }) => void this.receipts.push({ delivered, read }));
    client.on('failed', ({ code }) => void this.failed.push(code));
  }
}

t.setTimeout(170_000);
t.test('three nodes, three nats-servers', async (t) => {
  const cluster: ClusterUnderTest = await startCluster();
  t.teardown(() => cluster.stop());

  for (const transport of transports) {
    t.test(`SND, DEL, RCP: one message, its whole life, over ${transport}`, (t) => wholeLife(t, cluster, transport));
  }

  t.test('DEL: who was away gets all in order, on each device', async (t) => {
    const carol = await cluster.client('carol');
    const dave = await cluster.client('dave');
    await carol.connect();
    const bodies = Array.from({ length: 700 }, (_, i) => `while you were away ${i}`);
    const handles = bodies.map((body) => carol.send('dave', body));
    await Promise.all(handles.map((handle) => handle.accepted));
    const heard = new Diary(dave);
    await dave.connect();
    await until('the phone has all', () => heard.bodies.length >= bodies.length);
    t.same(heard.bodies, bodies);
    const tablet = await cluster.client('dave', { device: 'tablet' });
    const onTablet = new Diary(tablet);
    await tablet.connect();
    await until('the tablet has all', () => onTablet.bodies.length >= bodies.length);
    t.same(onTablet.bodies, bodies);
  });

  t.test('SND: the same id twice is one message, and the second hears the first answer', async (t) => {
    const erin = await cluster.client('erin');
    const frank = await cluster.client('frank');
    const heard = new Diary(frank);
    await erin.connect();
    await frank.connect();
    const first = await erin.send('frank', 'once', { id: 'the-same' }).accepted;
    const again = await erin.send('frank', 'once', { id: 'the-same' }).accepted;
    t.same(again, first);
    await erin.send('frank', 'after').accepted;
    await until('both have come', () => heard.bodies.includes('after'));
    t.same(heard.bodies, ['once', 'after']);
  });

  t.test('LIM: a device that reads nothing holds up nobody, and loses nothing', (t) =>
    slowReader(t, (user, options) => cluster.client(user, options)),
  );

  t.test('HOK, HTW, SRC: nodes die, and what comes is posted in order, sent by one request, and found again', (t) =>
    builtUpon(t, cluster),
  );

  t.test('PSH: whoever is away is woken up, whichever node dies', (t) => wokenUp(t, cluster));

  t.test('A1, A6: messages sent while a node is killed arrive exactly once, in order', async (t) => {
    const pairs = await Promise.all(
      Array.from({ length: 12 }, async (_, i) => {
        const sender = await cluster.client(`sender-${i}`, { transport: transports[i % 3]! });
        const recipient = await cluster.client(`recipient-${i}`, { transport: transports[Math.floor(i / 3) % 3]! });
        const heard = new Diary(recipient, true);
        const told = new Diary(sender);
        await sender.connect();
        await recipient.connect();
        return { sender, i, heard, told, sent: [] as string[] };
      }),
    );
    let going = true;
    const sending = pairs.map(async ({ sender, i, sent }) => {
      for (let n = 0; going; n++) {
        const body = `${i}: ${n}`;
        const { accepted } = sender.send(`recipient-${i}`, body);
        await accepted;
        sent.push(body);
        await pause(5);
      }
    });
    await cluster.killEach();
    going = false;
    await Promise.all(sending);
    for (const { heard, told, sent } of pairs) {
      await until('all has been read', () => told.receipts.some((receipt) => receipt.read === sent.length), 30_000);
      t.same(heard.bodies, sent, `${sent.length} messages`);
    }
    t.ok(
      pairs.every(({ sent }) => sent.length > 100),
      'enough was sent to mean something',
    );
  });
});

async function wholeLife(t: Test, cluster: ClusterUnderTest, transport: TransportName): Promise<void> {
  const alice = await cluster.client(`alice-${transport}`, { transport });
  const bob = await cluster.client(`bob-${transport}`, { transport });
  const told = new Diary(alice);
  const heard = new Diary(bob, true);
  await alice.connect();
  await bob.connect();
  const sent = alice.send(bob.user, 'hello');
  const accepted = await sent.accepted;
  t.equal(accepted.seq, 1);
  await until('read comes back', () => told.receipts.some((receipt) => receipt.read === 1));
  t.same(heard.bodies, ['hello']);
  for (const { delivered, read } of told.receipts) t.ok(read <= delivered, 'never read before delivered (A11)');
  const state = await alice.inquire(accepted.id);
  t.ok(state.at > 0 && state.delivered >= state.at && state.read >= state.delivered, 'with all its times');
  alice.send('nobody-of-that-name', 'hello?');
  await until('the failure comes back', () => told.failed.length === 1);
  t.same(told.failed, ['unknown_user']);
}

async function builtUpon(t: Test, cluster: ClusterUnderTest): Promise<void> {
  const receiver = new Receiver();
  await receiver.start();
  t.teardown(() => receiver.stop());
  const owner = await cluster.client('owner');
  const token = await owner.account.makeBot('clerk');
  const clerk = await RingpostClient.bot({ urls: cluster.urls, token });
  t.teardown(() => clerk.close());
  const secret = await clerk.account.setWebhook(receiver.url, ['message']);
  const said: string[] = [];
  let going = true;
  /** By whichever node takes it: with its id it may be asked again. */
  const say = async (n: number): Promise<void> => {
    const headers = { authorization: `Bearer ${ownerToken}`, 'content-type': 'application/json' };
    const body = JSON.stringify({ kind: 'send', id: `w${n}`, to: 'clerk', body: `order ${n}` });
    for (let tries = 0; ; tries++) {
      const url = cluster.urls[(n + tries) % cluster.urls.length]!;
      const response = await fetch(`${url}/v1/word`, { method: 'POST', headers, body }).catch(() => undefined);
      if (response?.status === 200) return;
      if (response !== undefined && response.status < 429) throw new Error(await response.text());
      await pause(100);
    }
  };
  const ownerToken = owner.saved().tokens.accessToken;
  const sending = (async () => {
    for (let n = 0; going; n++) {
      await say(n);
      said.push(`order ${n}`);
      await pause(20);
    }
  })();
  await cluster.killEach();
  going = false;
  await sending;
  const posted = new Map<number, string>();
  const count = (): number => {
    for (const received of receiver.all.splice(0)) {
      for (const { n, body = '' } of verified(received, secret).events) posted.set(n, body);
    }
    return posted.size;
  };
  await until('all is posted', () => count() >= said.length, 90_000);
  t.same([...posted.values()], said, `${said.length} messages, in order`);
  t.ok(said.length > 50, 'enough to mean something');
  await clerk.connect();
  const found: string[] = [];
  for await (const { body } of clerk.search({ words: 'order 7', with: 'owner' })) found.push(body);
  t.same(found.sort(), said.filter((body) => /^order 7/.test(body)).sort());
}

async function wokenUp(t: Test, cluster: ClusterUnderTest): Promise<void> {
  const receiver = new Receiver();
  await receiver.start();
  t.teardown(() => receiver.stop());
  receiver.status = () => 201;
  const alice = await cluster.client('alice');
  await alice.connect();
  const sleepers = Array.from({ length: 12 }, (_, i) => `sleeper-${i}`);
  for (const user of sleepers) {
    const device = createECDH('prime256v1');
    device.generateKeys();
    const keys = { p256dh: device.getPublicKey('base64url'), auth: randomBytes(16).toString('base64url') };
    const sleeper = await cluster.client(user);
    await sleeper.account.subscribePush({ endpoint: `${receiver.url}/${user}`, keys });
    await sleeper.close();
  }
  const woken = (): string[] => [...new Set(receiver.all.map(({ path }) => path.slice(1)))].sort();
  for (const victim of cluster.nodes) {
    receiver.all.length = 0;
    await victim.signal('SIGKILL');
    // Some of them are nobody's at this moment.
    await Promise.all(sleepers.map((user) => alice.send(user, `${victim.name} has died`).accepted));
    await until('all are woken up', () => woken().length === sleepers.length);
    t.same(woken(), [...sleepers].sort(), `without ${victim.name}`);
    await victim.start();
    await pause(1_500);
  }
}
