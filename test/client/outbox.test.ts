import t from 'tap';
import { RingpostClient, RingpostError, sdkLimits } from '../../client/index.ts';
import { messageIds } from '../../client/message-id.ts';
import { clientLimits, type Refused } from '../../proto/words.ts';
import { heard, memoryStorage, message, next, online, scene, settled, until } from './scripted-client.ts';
import type { Peer } from './scripted-server.ts';

let n = 0;
function accept(peer: Peer, id: string, more: { n?: number; seq?: number } = {}): void {
  n += 1;
  peer.say({ kind: 'accepted', id, n: more.n ?? 1_000 + n, seq: more.seq ?? n, at: 5 });
}
function refuse(peer: Peer, id: string, more: Partial<Refused> = {}): void {
  peer.say({ kind: 'refused', id, code: 'overloaded', reason: 'Full.', retry: true, afterMs: 30, ...more });
}
function burst(client: RingpostClient, count: number): string[] {
  return Array.from({ length: count }, (_, at) => client.send('bob', `message ${at}`).id);
}

t.test('accepted: the handle resolves, however late somebody looks', async (t) => {
  const { client, peer } = await online(t);
  const accepted = heard(client, 'accepted');
  const one = client.send('bob', 'hello');
  t.equal(one.outcome, undefined);
  await peer.word('send');
  accept(peer, one.id, { n: 1, seq: 1 });
  t.match(await one.accepted, { id: one.id, seq: 1, at: 5 });
  t.equal((await one.accepted).n, 1);
  await until(() => accepted.length === 1);
  const two = client.send('bob', 'again');
  accept(peer, two.id, { n: 2, seq: 2 });
  await until(() => two.outcome !== undefined);
  t.match(await two.accepted, { seq: 2 });
  t.strictSame(client.unsent(), []);
});

t.test('words of one turn share a frame; the limits of words and bytes divide it', async (t) => {
  const { client, peer } = await online(t);
  peer.say({ kind: 'events', from: 1, list: [message('bob', 1)] });
  client.on('message', ({ from, seq }) => {
    client.read(from, seq);
    client.typing(from, true);
    client.send(from, 'thanks');
  });
  await peer.word('send');
  t.strictSame(
    peer.frames[1]?.map(({ kind }) => kind),
    ['received', 'read', 'send', 'typing'],
  );
  burst(client, 70);
  const big = 'x'.repeat(20_000);
  for (let i = 0; i < 4; i++) client.send('bob', big);
  await peer.words('send', 74);
  t.strictSame(
    peer.frames.slice(2).map((words) => words.length),
    [64, 7, 1, 1, 1],
  );
});

t.test('texts are counted in whatever word they stand', async (t) => {
  const { client, peer } = await online(t);
  const before = peer.frames.length;
  const big = 'x'.repeat(20_000);
  for (let seq = 1; seq <= 4; seq++) client.messages.edit({ from: client.user, to: 'bob', seq }, big).catch(() => {});
  await peer.words('amend', 4);
  t.strictSame(
    peer.frames.slice(before).map((words) => words.length),
    [1, 1, 1, 1],
  );
});

t.test('what was not answered is sent again on the next socket, in order, before what came later', async (t) => {
  const { server, client, peer } = await online(t);
  const ids = burst(client, 5);
  await peer.words('send', 5);
  accept(peer, ids[1]!);
  await until(() => client.unsent().length === 4);
  peer.cut();
  await next(client, 'state');
  ids.push(...burst(client, 2));
  const again = await server.peer();
  await again.welcome();
  const sends = await again.words('send', 6);
  t.strictSame(
    sends.map(({ id }) => id),
    ids.filter((_, at) => at !== 1),
  );
});

t.test('resync: hello again on the same socket, then all that is not accepted', async (t) => {
  const { client, peer } = await online(t);
  const ids = burst(client, 3);
  await peer.words('send', 3);
  accept(peer, ids[0]!, { n: 1 });
  peer.say({ kind: 'resync' });
  const history = client.history('bob');
  await peer.welcome();
  const sends = await peer.words('send', 2);
  t.strictSame(
    sends.map(({ id }) => id),
    ids.slice(1),
  );
  const asked = await peer.word('history');
  peer.say({ kind: 'page', req: asked.req, with: 'bob', messages: [], next: 0 });
  t.match(await history, { messages: [], next: 0 });
});

t.test('refused for now: it goes first when the pause is over, and later ones wait', async (t) => {
  const { client, peer } = await online(t);
  const refused = heard(client, 'refused');
  const [one, two, three] = burst(client, 3);
  await peer.words('send', 3);
  const from = Date.now();
  refuse(peer, two!);
  refuse(peer, one!);
  await until(() => refused.length === 2);
  const [four] = burst(client, 1);
  const sends = await peer.words('send', 3);
  t.ok(Date.now() - from >= 20, 'after the pause');
  t.strictSame(
    sends.map(({ id }) => id),
    [one, two, four],
  );
  accept(peer, three!);
  await until(() => client.unsent().length === 3);
});

t.test('refused for good: the handle rejects; one that nobody looks at harms nobody', async (t) => {
  const { client, peer } = await online(t);
  const [ignored, looked] = [client.send('alice', 'to myself'), client.send('alice', 'again')];
  const final = { code: 'to_self', reason: 'A message cannot be sent to its own sender.', retry: false } as const;
  void ignored.accepted;
  await peer.words('send', 2);
  refuse(peer, ignored.id, final);
  refuse(peer, looked.id, final);
  await t.rejects(looked.accepted, final);
  await t.rejects(looked.accepted, RingpostError);
  t.strictSame(client.unsent(), []);
});

t.test('one bad word refuses its whole frame: the messages beside it are said again', async (t) => {
  const { client, peer } = await online(t);
  const ids = burst(client, 3);
  await peer.words('send', 3);
  refuse(peer, ids[1]!, { code: 'malformed', retry: false });
  const sends = await peer.words('send', 2);
  t.strictSame(
    sends.map(({ id }) => id),
    [ids[0], ids[2]],
  );
});

t.test(
  'a refusal of words without a name: they are said again after the pause, and messages are left alone',
  async (t) => {
    const { client, peer } = await online(t);
    client.watch(['bob']);
    peer.say({ kind: 'events', from: 1, list: [message('bob', 1)] });
    client.on('message', ({ from, seq }) => client.read(from, seq));
    const sent = client.send('bob', 'hello');
    await Promise.all([peer.word('read'), peer.word('send'), peer.word('received'), peer.word('watch')]);
    const from = Date.now();
    peer.say({ kind: 'refused', code: 'overloaded', reason: 'Full.', retry: true, afterMs: 50 });
    const [read, received] = await Promise.all([peer.word('read'), peer.word('received'), peer.word('watch')]);
    t.ok(Date.now() - from >= 48);
    t.match([read, received], [{ upTo: 1 }, { upTo: 1 }]);
    await settled();
    t.strictSame(peer.unread(), []);
    accept(peer, sent.id);
    await sent.accepted;
  },
);

t.test('a client keeps its pace: what is too much for now leaves later, in order', async (t) => {
  const { client, peer } = await online(t, { pace: { words_per_s_max: 100, words_burst_max: 10 } });
  const from = Date.now();
  const ids = burst(client, 30);
  const sends = await peer.words('send', 30);
  t.ok(Date.now() - from >= 190, 'no faster than that');
  t.strictSame(
    sends.map(({ id }) => id),
    ids,
  );
});

t.test('too fast: the pause is long enough to be worth it', async (t) => {
  const { client, peer } = await online(t);
  const sent = client.send('bob', 'hello');
  await peer.word('send');
  const from = Date.now();
  refuse(peer, sent.id, { code: 'too_fast', afterMs: 2 });
  await peer.word('send');
  t.ok(Date.now() - from >= sdkLimits.too_fast_wait_ms_min - 2);
});

t.test('a message that the server fails at again and again is given back, and the others go on', async (t) => {
  const { client, peer } = await online(t);
  const poison = client.send('bob', 'poison');
  const other = client.send('bob', 'other');
  for (let times = 0; times < sdkLimits.failed_tries_max; times++) {
    while ((await peer.word('send')).id !== poison.id);
    refuse(peer, poison.id, { code: 'internal', afterMs: 1 });
  }
  await t.rejects(poison.accepted, { code: 'internal', retry: true });
  accept(peer, other.id);
  await other.accepted;
});

t.test('no more than the window is in flight', async (t) => {
  const { client, peer } = await online(t);
  const ids = burst(client, sdkLimits.sends_in_flight_max + 10);
  const sends = await peer.words('send', sdkLimits.sends_in_flight_max);
  await settled();
  t.strictSame(peer.unread(), []);
  peer.say(...sends.slice(0, 3).map(({ id }, at) => ({ kind: 'accepted' as const, id, n: at + 1, seq: at, at: 1 })));
  const more = await peer.words('send', 3);
  t.strictSame(
    more.map(({ id }) => id),
    ids.slice(sdkLimits.sends_in_flight_max, sdkLimits.sends_in_flight_max + 3),
  );
});

t.test('an own message in the timeline is an accepted that was lost', async (t) => {
  const { client, peer } = await online(t);
  const messages = heard(client, 'message');
  const accepted = heard(client, 'accepted');
  const sent = client.send('bob', 'hello');
  await peer.word('send');
  const own = message('alice', 4, { id: sent.id, to: 'bob' });
  const elsewhere = message('alice', 5, { id: 'of-my-phone', to: 'bob' });
  peer.say({ kind: 'events', from: 1, list: [own, elsewhere] });
  t.match(await sent.accepted, { n: 1, seq: 4 });
  accept(peer, sent.id, { n: 1, seq: 4 });
  await settled();
  t.equal(client.cursor, 2);
  t.strictSame(
    messages.map(({ id }) => id),
    ['of-my-phone'],
  );
  t.equal(accepted.length, 1);
});

t.test('bounds: outbox, body, names', async (t) => {
  const { client } = await scene(t);
  burst(client, sdkLimits.outbox_messages_max);
  t.throws(() => client.send('bob', 'one more'), { code: 'outbox_full', retry: true });
  const long = 'é'.repeat(clientLimits.body_bytes_max / 2);
  t.throws(() => client.send('bob', `${long}x`), { code: 'too_long' });
  t.throws(() => client.send('Bob!', 'x'), { code: 'malformed' });
  t.throws(() => client.send('bob', 'x', { id: 'no spaces' }), { code: 'malformed' });
  t.throws(() => client.watch(Array.from({ length: 65 }, (_, at) => `u${at}`)), { code: 'too_long' });
});

t.test('a body that only its frame makes too long is refused here', async (t) => {
  const { client, peer } = await online(t, { encoding: 'json' });
  const sent = client.send('bob', '\u0001'.repeat(20_000));
  await t.rejects(sent.accepted, { code: 'too_long', retry: false });
  client.send('bob', 'fits');
  t.match(await peer.word('send'), { body: 'fits' });
});

t.test('the same id is the same message', async (t) => {
  const { client, peer } = await online(t);
  const one = client.send('bob', 'hello', { id: 'order-17' });
  t.equal(client.send('bob', 'hello', { id: 'order-17' }), one);
  await peer.word('send');
  await settled();
  t.strictSame(peer.unread(), []);
});

t.test('unsent messages outlive their client', async (t) => {
  const storage = memoryStorage();
  const { client, server } = await scene(t, { storage });
  const ids = burst(client, 2);
  await client.close();
  t.strictSame(
    storage.saved?.outbox.map(({ id }) => id),
    ids,
  );
  // A new login of the same device keeps what the old one left.
  const back = await RingpostClient.login({ url: server.url, user: 'alice', password: 'p', device: 'test', storage });
  t.teardown(() => back.close());
  t.strictSame(
    back.unsent().map(({ id }) => id),
    ids,
  );
  void back.connect();
  const peer = await server.peer();
  await peer.welcome();
  for (const { id } of await peer.words('send', 2)) accept(peer, id);
  await until(() => storage.saved?.outbox.length === 0);
});

t.test('a storage that fails is reported, and harms nothing else', async (t) => {
  const storage = memoryStorage();
  const { client, peer } = await online(t, { storage });
  storage.save = () => Promise.reject(new Error('disk full'));
  const trouble = next(client, 'trouble');
  const sent = client.send('bob', 'x');
  t.match(await trouble, { error: { code: 'storage', reason: /disk full/ } });
  accept(peer, sent.id);
  await sent.accepted;
});

t.test('message ids: UUIDv7, rising, unlike between makers', async (t) => {
  let now = 1_700_000_000_000;
  const make = messageIds(() => now);
  const ids = Array.from({ length: 10_000 }, (_, at) => {
    if (at === 5_000) now -= 1_000;
    if (at === 8_000) now += 60_000;
    return make();
  });
  t.ok(ids.every((id) => /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id)));
  t.strictSame([...ids].sort(), ids);
  t.equal(new Set(ids).size, ids.length);
  t.not(messageIds(() => now)().slice(-12), ids[0]?.slice(-12));
});
