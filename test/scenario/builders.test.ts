import { spawn } from 'node:child_process';
import { createECDH, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { decrypt } from 'http_ece';
import t, { type Test } from 'tap';
import { RingpostClient } from '../../client/index.ts';
import { pause, signIn, startAlone, until } from './cluster.ts';
import { type Received, Receiver, verified } from './receiver.ts';

t.setTimeout(90_000);

t.test('for builders, on one process that is killed', async (t) => {
  const quick = ['hook_retry_ms_min=200', 'hook_lease_ms=1000', 'push_pause_ms=1000'].flatMap((bound) => [
    '--set',
    `messenger.${bound}`,
  ]);
  const { server, folder, url } = await startAlone(t, '--private-targets', ...quick);
  const receiver = new Receiver();
  await receiver.start();
  t.teardown(() => receiver.stop());
  const alice = await signIn('alice', 'phone', { url });
  t.teardown(() => alice.close());
  await alice.connect();

  t.test('BOT: a bot by its token, until there is another one', async (t) => {
    const token = await alice.account.makeBot('echo');
    t.same(await alice.account.bots(), ['echo']);
    const bot = await RingpostClient.bot({ url, token });
    t.teardown(() => bot.close());
    bot.on('message', ({ from, body }) => void (from !== bot.user && bot.send(from, `you said ${body}`)));
    await bot.connect();
    const heard: string[] = [];
    alice.on('message', ({ from, body }) => void (from === 'echo' && heard.push(body)));
    await alice.send('echo', 'hello').accepted;
    await until('it answers', () => heard.length === 1);
    t.same(heard, ['you said hello']);
    await t.rejects(RingpostClient.login({ url, user: 'echo', password: 'password', device: 'x' }), {
      code: 'bad_login',
    });
    await t.rejects(RingpostClient.bot({ url, token: 'nonsense' }), { code: 'malformed' });
    const ended = new Promise<string | undefined>((resolve) => {
      bot.on('state', ({ state, error }) => void (state === 'closed' && resolve(error?.code)));
    });
    const next = await alice.account.makeBot('echo');
    t.equal(await ended, 'login_needed');
    const again = await RingpostClient.bot({ url, token: next });
    await again.connect();
    await again.close();
    await alice.account.removeBot('echo');
    t.same(await alice.account.bots(), []);
    await t.rejects(alice.account.makeBot('echo'), { code: 'taken' }, 'a name is never given out again');
    await t.rejects(alice.account.makeBot('No Name'), { code: 'bad_user' });
    await t.rejects(alice.account.removeBot('alice'), { code: 'unknown_bot' });
  });

  t.test('BOT: the example, which is begun again', async (t) => {
    const heard: string[] = [];
    alice.on('message', ({ from, body }) => void (from === 'parrot' && heard.push(body)));
    const token = await alice.account.makeBot('parrot');
    const main = join(import.meta.dirname, '../../examples/echo-bot/main.js');
    for (const body of ['one', 'two']) {
      // The second is said while it is not there.
      await alice.send('parrot', body).accepted;
      const bot = spawn(process.execPath, [main, token, url, join(folder, 'parrot.json')], { stdio: 'ignore' });
      await until('it answers', () => heard.includes(`alice says: ${body}`));
      await pause(500);
      bot.kill('SIGINT');
      await once(bot, 'exit');
    }
    t.same(heard, ['alice says: one', 'alice says: two']);
  });

  t.test('HTW: one word over HTTP', (t) => oneWord(t, url, alice));

  t.test('HOK: events are posted in order, each at least once, though both sides die', async (t) => {
    const hal = await signIn('hal', 'phone', { url });
    t.teardown(() => hal.close());
    await t.rejects(hal.account.setWebhook('ftp://example.org'), { code: 'bad_url' });
    await t.rejects(hal.account.setWebhook(receiver.url, ['nothing' as 'message']), { code: 'malformed' });
    const secret = await hal.account.setWebhook(`${receiver.url}/hook`, ['message']);
    // One in three fails, and whatever was posted then comes again.
    let asked = 0;
    receiver.status = () => (++asked % 3 === 0 ? 500 : 204);
    const bodies = Array.from({ length: 300 }, (_, n) => `message ${n}`);
    const sending = (async () => {
      for (const body of bodies) {
        void alice.send('hal', body);
        await pause(5);
      }
    })();
    await pause(500);
    await server.signal('SIGKILL');
    await server.start();
    await sending;
    const numbers = new Map<number, string>();
    const seen = (): number => {
      for (const received of receiver.all.splice(0)) {
        for (const { n, body = '' } of verified(received, secret).events) numbers.set(n, body);
      }
      return numbers.size;
    };
    await until('all have been posted', () => seen() >= bodies.length, 30_000);
    t.same(
      [...numbers].sort(([a], [b]) => a - b).map(([, body]) => body),
      bodies,
    );
    t.same([...numbers.values()], bodies, 'and first in their order');
    receiver.status = () => 204;
    await until('it is known', () => asked > 0);
    const state = await hal.account.webhook();
    t.ok(state !== undefined && state.taken <= state.head && state.url.endsWith('/hook'));
    await hal.account.removeWebhook();
    t.equal(await hal.account.webhook(), undefined);
    await alice.send('hal', 'unposted').accepted;
    await pause(300);
    seen();
    t.notOk([...numbers.values()].includes('unposted'));
  });

  t.test('PSH: a device that is away is woken up, by nothing that others can read', async (t) => {
    const pat = await signIn('pat', 'phone', { url });
    t.teardown(() => pat.close());
    const device = createECDH('prime256v1');
    device.generateKeys();
    const auth = randomBytes(16);
    const keys = { p256dh: device.getPublicKey('base64url'), auth: auth.toString('base64url') };
    receiver.status = () => 201;
    await t.rejects(pat.account.subscribePush({ endpoint: `${receiver.url}/push`, keys: { ...keys, auth: 'x' } }), {
      code: 'bad_subscription',
    });
    t.match(await pat.account.pushKey(), /^[A-Za-z0-9_-]{87}$/);
    await pat.account.subscribePush({ endpoint: `${receiver.url}/push`, keys }, { content: true });
    await alice.send('pat', 'wake up').accepted;
    const pushed = (): Received | undefined => receiver.all.find(({ path }) => path === '/push');
    await until('it is pushed', () => pushed() !== undefined);
    const { headers, body } = pushed()!;
    t.notMatch(body.toString(), /wake up/);
    t.match(headers.authorization, /^vapid t=[\w.-]+, *k=/);
    t.match(headers, { ttl: '86400', urgency: 'high', 'content-encoding': 'aes128gcm' });
    const news = JSON.parse(
      decrypt(body, { version: 'aes128gcm', privateKey: device, authSecret: auth.toString('base64url') }).toString(),
    );
    t.match(news, { kind: 'news', user: 'pat', count: 1, message: { from: 'alice', to: 'pat', body: 'wake up' } });
    // The service does not know it any more: it is not asked again.
    let gone = 0;
    receiver.status = () => {
      gone += 1;
      return 410;
    };
    await pause(1_000);
    await alice.send('pat', 'once more').accepted;
    await until('it is told', () => gone === 1);
    await pause(1_200);
    await alice.send('pat', 'and again').accepted;
    await pause(500);
    t.equal(gone, 1);
  });
});

async function oneWord(t: Test, url: string, alice: RingpostClient): Promise<void> {
  const token = await alice.account.makeBot('curl');
  const post = async (body: unknown, bearer = token): Promise<{ status: number; body: Record<string, unknown> }> => {
    const response = await fetch(`${url}/v1/word`, {
      method: 'POST',
      headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const heard: string[] = [];
  alice.on('message', ({ from, body }) => void (from === 'curl' && heard.push(body)));
  t.match(await post({ kind: 'send', to: 'alice', body: 'hi' }), { status: 200, body: { kind: 'accepted', seq: 1 } });
  await until('it comes', () => heard.length === 1);
  const page = await post({ kind: 'history', with: 'alice', before: 0, limit: 10 });
  t.match(page, { status: 200, body: { kind: 'page', messages: [{ body: 'hi' }] } });
  t.match(await post({ kind: 'read', with: 'alice', upTo: 1 }), { status: 202 });
  t.match(await post({ kind: 'send', to: 'curl', body: 'hi' }), { status: 409, body: { error: { code: 'to_self' } } });
  for (const bad of [
    '',
    'x',
    '[]',
    '[{"kind":"send"}]',
    '{}',
    '{"kind":"hello","epoch":"","cursor":0}',
    '{"kind":"send","to":5,"body":"x"}',
  ]) {
    t.match(await post(bad), { status: 400, body: { error: { code: 'malformed', retry: false } } }, bad);
  }
  t.match(await post({ kind: 'send', to: 'alice', body: 'x'.repeat(40_000) }), { status: 413 });
  t.match(await post({ kind: 'send', to: 'alice', body: 'x' }, 'nonsense'), { status: 401 });
  await alice.account.makeBot('curl');
  t.match(await post({ kind: 'send', to: 'alice', body: 'x' }), {
    status: 401,
    body: { error: { code: 'unauthorised' } },
  });
}
