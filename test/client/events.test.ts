import t from 'tap';
import { sdkLimits } from '../../client/index.ts';
import { clientLimits } from '../../proto/words.ts';
import { heard, message, next, online, receipt, scene, settled, until } from './scripted-client.ts';

t.test('each event once and in order, whatever comes twice', async (t) => {
  const { client, peer } = await online(t);
  const seen: unknown[] = [];
  for (const kind of ['message', 'receipt', 'failed', 'seen', 'expired'] as const) {
    client.on(kind, (event) => seen.push([event.n, event.kind]));
  }
  const failed = { kind: 'failed', id: 'x', to: 'bob', seq: 1, code: 'unknown_user', reason: 'No.', at: 1 } as const;
  const expired = { kind: 'expired', id: 'y', from: 'bob', to: 'alice', seq: 3, at: 1 } as const;
  const list = [
    message('bob', 1),
    receipt('bob', 1, 0),
    failed,
    { kind: 'seen', with: 'bob', upTo: 1, at: 1 } as const,
  ];
  peer.say({ kind: 'events', from: 1, list: list.slice(0, 2) });
  peer.say({ kind: 'events', from: 1, list: list.slice(0, 3) }, { kind: 'events', from: 2, list: list.slice(1) });
  peer.say({ kind: 'events', from: 5, list: [{ kind: 'other', was: 'reaction' }, expired] });
  await until(() => client.cursor === 6);
  t.strictSame(seen, [
    [1, 'message'],
    [2, 'receipt'],
    [3, 'failed'],
    [4, 'seen'],
    [6, 'expired'],
  ]);
});

t.test('RES3 two hellos of a new device, both answered as new: the place is kept, and no reset is told', async (t) => {
  const { client, peer } = await online(t);
  const resets = heard(client, 'reset');
  const messages = heard(client, 'message');
  peer.say({ kind: 'events', from: 1, list: [message('bob', 1), message('bob', 2)] });
  await peer.word('received');
  peer.say({ kind: 'resync' });
  await peer.welcome({ recovered: false, epoch: 'e1', cursor: 0, head: 3 });
  peer.say({ kind: 'events', from: 1, list: [message('bob', 1), message('bob', 2), message('bob', 3)] });
  await until(() => messages.length === 3);
  t.strictSame(
    messages.map(({ n }) => n),
    [1, 2, 3],
  );
  t.same(resets, []);
  peer.say({ kind: 'resync' });
  await peer.welcome({ recovered: false, epoch: 'e1', cursor: 0, head: 2 });
  await until(() => resets.length === 1);
  t.match(resets[0], { epoch: 'e1', cursor: 0 }, 'events that the server does not have are none');
});

t.test('RES3 events that come before the answer to hello are left to that answer', async (t) => {
  const { client, peer } = await online(t);
  const messages = heard(client, 'message');
  peer.say({ kind: 'resync' });
  await peer.word('hello');
  peer.say({ kind: 'events', from: 1, list: [message('bob', 1)] });
  await settled();
  t.same(messages, []);
  peer.say({ kind: 'resync' });
  await peer.welcome({ recovered: true, cursor: 0, head: 2 });
  peer.say({ kind: 'events', from: 1, list: [message('bob', 1), message('bob', 2)] });
  await until(() => messages.length === 2);
});

t.test('a gap: hello again, and only what is missing is passed on', async (t) => {
  const { server, client, peer } = await online(t);
  const messages = heard(client, 'message');
  peer.say({ kind: 'events', from: 1, list: [message('bob', 1)] });
  peer.say({ kind: 'events', from: 3, list: [message('bob', 3)] });
  peer.say({ kind: 'events', from: 4, list: [message('bob', 4)] });
  t.match(await peer.welcome(), { cursor: 1 });
  t.equal(client.state, 'online');
  peer.say({ kind: 'events', from: 2, list: [2, 3, 4].map((seq) => message('bob', seq)) });
  await until(() => messages.length === 4);
  t.strictSame(
    messages.map(({ n }) => n),
    [1, 2, 3, 4],
  );
  peer.say({ kind: 'events', from: 9, list: [message('bob', 9)] });
  t.match(await peer.welcome(), { cursor: 4 });
  peer.say({ kind: 'events', from: 9, list: [message('bob', 9)] });
  t.match(await next(client, 'state'), { state: 'waiting', error: { code: 'bad_answer' } });
  await (await server.peer()).welcome();
});

t.test('accepted stands for its event where that is the next; otherwise the event is still to come', async (t) => {
  const { client, peer } = await online(t);
  const messages = heard(client, 'message');
  const [one, two] = [client.send('bob', 'one'), client.send('bob', 'two')];
  await peer.words('send', 2);
  peer.say({ kind: 'accepted', id: one.id, n: 1, seq: 1, at: 1 });
  peer.say({ kind: 'accepted', id: two.id, n: 3, seq: 2, at: 1 });
  await two.accepted;
  t.equal(client.cursor, 1);
  const own = message('alice', 2, { id: two.id, to: 'bob' });
  peer.say({ kind: 'events', from: 2, list: [message('bob', 1), own, message('bob', 2)] });
  await until(() => client.cursor === 4);
  t.strictSame(
    messages.map(({ n }) => n),
    [2, 4],
  );
});

t.test('received: at once for messages, one a turn; by the dozen for what nobody waits for', async (t) => {
  const { client, peer } = await online(t);
  for (let n = 1; n <= 5; n++) peer.say({ kind: 'events', from: n, list: [message('bob', n)] });
  await until(() => client.cursor === 5);
  await settled();
  const said = peer.unread().flatMap((word) => (word.kind === 'received' ? [word.upTo] : []));
  t.equal(said.at(-1), 5);
  t.ok(said.length <= 5);
  const frames = peer.frames.length;
  const receipts = Array.from({ length: sdkLimits.received_lag_events_max - 1 }, (_, at) => receipt('bob', at, at));
  peer.say({ kind: 'events', from: 6, list: receipts });
  await settled();
  t.equal(peer.frames.length, frames, 'receipts alone are not worth a frame');
  peer.say({ kind: 'events', from: 6 + receipts.length, list: [receipt('bob', 99, 99)] });
  await until(() => peer.frames.length === frames + 1);
  t.strictSame(peer.frames.at(-1), [{ kind: 'received', upTo: client.cursor }]);
});

t.test('received by hand: nothing is said but what the application says', async (t) => {
  const { client, peer } = await online(t, { autoReceived: false });
  peer.say({ kind: 'events', from: 1, list: [1, 2, 3].map((seq) => message('bob', seq)) });
  await until(() => client.cursor === 3);
  await settled();
  t.strictSame(peer.unread(), []);
  client.received(2);
  t.match(await peer.word('received'), { upTo: 2 });
  client.received(99);
  t.match(await peer.word('received'), { upTo: 3 }, 'never beyond what came');
});

t.test('the event stream: in order, and a slow reader is what the server sees', async (t) => {
  const { client, peer } = await online(t);
  const stream = client.events();
  peer.say({ kind: 'events', from: 1, list: [1, 2, 3].map((seq) => message('bob', seq)) });
  await until(() => client.cursor === 3);
  await settled();
  t.strictSame(peer.unread(), [], 'nothing is consumed yet');
  t.match((await stream.next()).value, { kind: 'message', n: 1 });
  await settled();
  t.strictSame(peer.unread(), [], 'the reader is still at it');
  t.match((await stream.next()).value, { n: 2 });
  t.match(await peer.word('received'), { upTo: 1 });
  t.equal(client.saved().cursor, 1, 'a crash here would bring the second one again');
  await stream.return();
  t.match(await peer.word('received'), { upTo: 3 });
  t.strictSame(await stream.next(), { done: true, value: undefined });
});

t.test(
  'a reader that is behind when the socket breaks: hello names what it has had, and nothing comes twice',
  async (t) => {
    const { server, client, peer } = await online(t);
    const stream = client.events();
    const list = [1, 2, 3].map((seq) => message('bob', seq));
    peer.say({ kind: 'events', from: 1, list });
    await until(() => client.cursor === 3);
    for (const n of [1, 2]) t.match((await stream.next()).value, { n });
    peer.cut();
    const again = await server.peer();
    t.match(await again.welcome({ head: 4 }), { cursor: 1 });
    again.say({ kind: 'events', from: 2, list: [...list.slice(1), message('bob', 4)] });
    await until(() => client.cursor === 4);
    t.equal(client.head, 4);
    const rest: unknown[] = [];
    for await (const event of stream) {
      if ('n' in event) rest.push(event.n);
      if (rest.length === 2) break;
    }
    t.strictSame(rest, [3, 4]);
    t.match(await again.word('received'), { upTo: 4 });
  },
);

t.test('two readers: the slower one counts; volatile news do not pile up', async (t) => {
  const { client, peer } = await online(t);
  const slow = client.events();
  const fast = client.events();
  const news = Array.from({ length: 300 }, (_, at) => ({ kind: 'typing', from: `u${at}`, on: true }) as const);
  peer.say(...news);
  peer.say({ kind: 'events', from: 1, list: [message('bob', 1)] });
  for await (const event of fast) if (event.kind === 'message') break;
  await settled();
  t.strictSame(peer.unread(), []);
  const kinds: string[] = [];
  for await (const event of slow) {
    kinds.push(event.kind);
    if (event.kind === 'message') break;
  }
  t.equal(kinds.length, sdkLimits.stream_volatile_max + 1);
  t.match(await peer.word('received'), { upTo: 1 });
});

t.test('a listener that throws stays loud, and harms neither the others nor the client', async (t) => {
  const { client, peer } = await online(t);
  const loud: unknown[] = [];
  process.once('uncaughtException', (error) => loud.push(error));
  client.on('message', () => {
    throw new Error('a bug');
  });
  const messages = heard(client, 'message');
  peer.say({ kind: 'events', from: 1, list: [message('bob', 1)] });
  await peer.word('received');
  t.equal(messages.length, 1);
  t.match(loud, [{ message: 'a bug' }]);
});

t.test('read marks: the furthest of a turn, and again after the socket broke', async (t) => {
  const { server, client, peer } = await online(t);
  client.read('bob', 1);
  client.read('bob', 3);
  client.read('bob', 2);
  client.read('carol', 7);
  t.strictSame(await peer.words('read', 2), [
    { kind: 'read', with: 'bob', upTo: 3 },
    { kind: 'read', with: 'carol', upTo: 7 },
  ]);
  peer.cut();
  await next(client, 'state');
  client.read('bob', 4);
  const again = await server.peer();
  await again.welcome();
  t.strictSame(await again.words('read', 2), [
    { kind: 'read', with: 'bob', upTo: 4 },
    { kind: 'read', with: 'carol', upTo: 7 },
  ]);
  client.read('bob', 4);
  client.read('bob', 1);
  await settled();
  t.strictSame(again.unread(), [], 'nothing new, nothing said');
});

t.test('typing is not repeated at each key; watch is renewed on each connection', async (t) => {
  const { server, client, peer } = await online(t);
  client.watch(['bob', 'carol']);
  t.match(await peer.word('watch'), { users: ['bob', 'carol'] });
  for (let key = 0; key < 5; key++) client.typing('bob', true);
  client.typing('bob', false);
  client.typing('bob', false);
  t.match(await peer.word('typing'), { on: true });
  t.match(await peer.word('typing'), { on: false });
  const presence = next(client, 'presence');
  peer.say({ kind: 'presence', user: 'bob', online: true, lastSeen: 5 });
  t.match(await presence, { user: 'bob', online: true });
  peer.cut();
  const again = await server.peer();
  await again.welcome();
  t.match(await again.word('watch'), { users: ['bob', 'carol'] });
  t.strictSame(peer.unread(), []);
});

t.test('questions: answered, refused, refused for now, and asked before there is a connection', async (t) => {
  const { server, client } = await scene(t);
  const early = client.history('bob', { limit: 5 });
  void client.connect();
  const peer = await server.peer();
  await peer.welcome();
  const asked = await peer.word('history');
  t.match(asked, { with: 'bob', before: 0, limit: 5 });
  const changes = { edited: 0, retracted: 0, reactions: [], pinned: 0 };
  const state = { ...message('bob', 1), ...changes, n: 7, delivered: 2, read: 0, failed: '' } as const;
  peer.say({ kind: 'page', req: asked.req, with: 'bob', messages: [state], next: 7 });
  t.match(await early, { messages: [{ n: 7 }], next: 7 });

  const inquiry = client.inquire('m1');
  const { req } = await peer.word('inquire');
  peer.say({ kind: 'refused', req, code: 'overloaded', reason: 'Full.', retry: true, afterMs: 5 });
  t.equal((await peer.word('inquire')).req, req);
  peer.say({ kind: 'answer', req, message: state });
  t.match(await inquiry, { n: 7, delivered: 2 });

  const unknown = client.inquire('m2');
  const second = await peer.word('inquire');
  peer.say({ kind: 'refused', req: second.req, code: 'unknown_message', reason: 'No.', retry: false });
  await t.rejects(unknown, { code: 'unknown_message' });
  const cut = client.inquire('m3');
  await client.close();
  await t.rejects(cut, { code: 'closed' });
  await t.rejects(client.history('bob'), { code: 'closed' });
});

t.test(
  'the window of the server fits the SDK: what it holds back is acknowledged before the window is full',
  async (t) => {
    t.ok(sdkLimits.received_lag_events_max * 2 <= clientLimits.window_events_max);
    const heldBack = sdkLimits.received_lag_events_max * (3 * sdkLimits.received_lag_chars_max + 256);
    t.ok(heldBack * 2 <= clientLimits.window_bytes_max);
  },
);
