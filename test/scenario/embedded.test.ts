import t, { type Test } from 'tap';
import type { TransportName } from '../../client/index.ts';
import { freePort } from '../../scripts/free-ports.ts';
import { pause, ServerProcess, signIn, startAlone, until } from './cluster.ts';
import { startProxy } from './proxy.ts';
import { slowReader } from './slow-reader.ts';

t.setTimeout(90_000);

t.test('one process, no server beside it', async (t) => {
  const { server, folder, url } = await startAlone(t);

  for (const transport of ['websocket', 'events', 'poll'] as const) {
    t.test(
      `A1, A8: killed again and again while messages flow over ${transport}, it loses, doubles and reorders nothing`,
      (t) => killedAgainAndAgain(t, server, transport),
    );
  }

  t.test('HTS: where no WebSocket gets through, a client goes on with what does', async (t) => {
    for (const lets of ['events', 'poll'] as const) {
      const proxy = await startProxy(url, lets === 'events');
      t.teardown(() => proxy.close());
      const gail = await signIn(`gail-${lets}`, 'phone', { url: proxy.url });
      t.teardown(() => gail.close());
      const states: string[] = [];
      gail.on('state', ({ state }) => void states.push(state));
      await gail.connect();
      await gail.send('alice', `through a proxy that lets ${lets} through`).accepted;
      t.equal((await gail.history('alice')).messages.length, 1);
      t.equal(proxy.upgrades(), 1, 'a WebSocket was tried first');
      t.equal(states.filter((state) => state === 'connecting').length, lets === 'events' ? 2 : 3);
    }
  });

  t.test('RES: a device that was away goes on where it was, and is told each event once', async (t) => {
    const carol = await signIn('carol', 'phone', { url });
    const dave = await signIn('dave', 'phone', { url });
    t.teardown(() => Promise.all([carol.close(), dave.close()]));
    await carol.connect();
    const heard: string[] = [];
    const resets: unknown[] = [];
    dave.on('message', (message) => void heard.push(message.body));
    dave.on('reset', (reset) => void resets.push(reset));
    await dave.connect();
    await carol.send('dave', 'first').accepted;
    await until('the first has come', () => heard.length === 1);
    await server.signal('SIGTERM');
    await server.start();
    await carol.send('dave', 'second').accepted;
    await until('the second has come', () => heard.length === 2);
    t.same(heard, ['first', 'second']);
    t.same(resets, [], 'its place was recovered');
  });

  t.test('LIM: a device that reads nothing holds up nobody, and loses nothing', (t) =>
    slowReader(t, (user, options) => signIn(user, 'phone', { url, ...options })),
  );

  t.test('ACC11: a device that is removed loses its socket within a second, and hears why', async (t) => {
    const phone = await signIn('erin', 'phone', { url });
    const laptop = await signIn('erin', 'laptop', { url });
    t.teardown(() => Promise.all([phone.close(), laptop.close()]));
    const states: (string | undefined)[] = [];
    laptop.on('state', ({ state, error }) => void (state === 'closed' && states.push(error?.code)));
    await Promise.all([phone.connect(), laptop.connect()]);
    await phone.account.revoke('laptop');
    await until('the laptop is cut off', () => states.length > 0, 1_000);
    t.same(states, ['revoked']);
  });

  t.test('ERR: a second process in the same folder is refused in words', async (t) => {
    const second = new ServerProcess('second', await freePort(), ['start', '--data', folder]);
    await t.rejects(second.start());
    t.match(second.said, /is used by another process|in use/i);
  });
});

async function killedAgainAndAgain(t: Test, server: ServerProcess, transport: TransportName): Promise<void> {
  const { url } = server;
  const alice = await signIn(`alice-${transport}`, 'phone', { url, transport });
  const bob = await signIn(`bob-${transport}`, 'phone', { url, transport });
  t.teardown(() => Promise.all([alice.close(), bob.close()]));
  const heard: string[] = [];
  let read = 0;
  bob.on('message', (message) => {
    heard.push(message.body);
    bob.read(alice.user, message.seq);
  });
  alice.on('receipt', (receipt) => {
    t.ok(receipt.read >= read && receipt.read <= receipt.delivered, 'receipts never go back (A11)');
    ({ read } = receipt);
  });
  await alice.connect();
  await bob.connect();
  let going = true;
  const sent: string[] = [];
  const sending = (async () => {
    for (let n = 0; going; n++) {
      const body = `message ${n}`;
      const { accepted } = alice.send(bob.user, body);
      sent.push(body);
      if (n % 8 === 7) await accepted;
    }
  })();
  for (let kills = 0; kills < 3; kills++) {
    await pause(700);
    await server.signal('SIGKILL');
    await server.start();
  }
  await pause(700);
  going = false;
  await sending;
  await until('all has been read', () => read === sent.length, 30_000);
  t.same(heard, sent);
  t.ok(sent.length > 100, `${sent.length} messages`);
}
