import t from 'tap';
import { RingpostClient, RingpostError } from '../../client/index.ts';
import { closeCodes } from '../../proto/words.ts';
import { heard, memoryStorage, message, next, online, scene, settled, until } from './scripted-client.ts';
import { grant, refusal, scriptedServer } from './scripted-server.ts';

t.test('the first hello has no place; the next one resumes where the events ended', async (t) => {
  const { server, client, peer } = await online(t);
  t.equal(client.state, 'online');
  t.ok(peer.token.startsWith('access-'));
  t.match(peer.frames[0], [{ kind: 'hello', epoch: '', cursor: 0, client: 'ringpost-sdk/0.1', dial: 1 }]);
  peer.say({ kind: 'events', from: 1, list: [message('bob', 1), message('bob', 2)] });
  await peer.word('received');
  peer.cut();
  const again = await server.peer();
  const hello = await again.welcome();
  const [first] = peer.frames[0] ?? [];
  t.match(hello, { epoch: 'e1', cursor: 2, run: first?.kind === 'hello' ? first.run : '', dial: 2 });
  t.equal(client.cursor, 2);
});

t.test('JSON says the same words', async (t) => {
  const { client, peer } = await online(t, { encoding: 'json' });
  const sent = client.send('bob', 'hé');
  t.match(await peer.word('send'), { id: sent.id, to: 'bob', body: 'hé' });
});

t.test('a server that has lost the place: the client begins anew and says reset', async (t) => {
  const { server, client, peer } = await online(t);
  const resets = heard(client, 'reset');
  const messages = heard(client, 'message');
  peer.say({ kind: 'events', from: 1, list: [message('bob', 1)] });
  await peer.word('received');
  peer.cut();
  const again = await server.peer();
  await again.welcome({ recovered: false, epoch: 'e2', cursor: 40 });
  again.say({ kind: 'events', from: 41, list: [message('bob', 9)] });
  await again.word('received');
  t.strictSame(resets, [{ kind: 'reset', epoch: 'e2', cursor: 40 }]);
  t.strictSame(
    messages.map(({ n, seq }) => [n, seq]),
    [
      [1, 1],
      [41, 9],
    ],
  );
});

t.test('urls are tried in turn', async (t) => {
  const dead = await scriptedServer();
  await dead.close();
  const server = await scriptedServer();
  t.teardown(() => server.close());
  const client = await RingpostClient.register({
    urls: [dead.url, server.url],
    user: 'alice',
    password: 'correct horse',
    device: 'test',
  });
  t.teardown(() => client.close());
  const states = heard(client, 'state');
  const connected = client.connect();
  const peer = await server.peer();
  await peer.welcome();
  await connected;
  t.strictSame(
    states.map(({ state, url }) => [state, url]),
    [
      ['connecting', dead.url],
      ['waiting', dead.url],
      ['connecting', server.url],
      ['online', server.url],
    ],
  );
  t.match(states[1], { error: { code: 'unreachable', reason: /connection refused/ } });
});

t.test('without patience connect rejects once each url was tried, and may be called again', async (t) => {
  const { server, client } = await scene(t);
  const { port } = server;
  await server.close();
  await t.rejects(client.connect({ keepTrying: false }), { code: 'unreachable', retry: true });
  t.equal(client.state, 'idle');
  const back = await scriptedServer(port);
  t.teardown(() => back.close());
  const connected = client.connect({ keepTrying: false });
  await (await back.peer()).welcome();
  await connected;
  t.equal(client.state, 'online');
});

t.test('CON8 go-away: not before its time, then the next connection is opened before this one is closed', async (t) => {
  const { server, client, peer } = await online(t);
  const states = heard(client, 'state');
  const from = Date.now();
  peer.say({ kind: 'goaway', reason: 'drain', afterMs: 120 });
  const next = await server.peer();
  t.ok(Date.now() - from >= 118, 'not before');
  t.ok(Date.now() - from < 1_000, 'and not much later');
  t.equal(await peer.closed, 1000, 'left politely');
  const late = client.send('bob', 'said between two connections');
  await settled();
  t.same(
    next.unread().map(({ kind }) => kind),
    ['hello'],
    'nothing is said before the welcome',
  );
  await next.welcome();
  t.match(await next.word('send'), { id: late.id });
  t.same(
    states.map(({ state }) => state),
    ['online'],
    'the application hears of no gap',
  );
});

t.test('CON8 until the next connection is open, the old one serves on', async (t) => {
  const elsewhere = await scriptedServer();
  t.teardown(() => elsewhere.close());
  elsewhere.hold = true;
  const server = await scriptedServer();
  t.teardown(() => server.close());
  const urls = [server.url, elsewhere.url];
  const client = await RingpostClient.login({ urls, user: 'alice', password: 'p', device: 'test' });
  t.teardown(() => client.close());
  const connected = client.connect();
  const peer = await server.peer();
  await peer.welcome();
  await connected;
  peer.say({ kind: 'goaway', reason: 'drain', afterMs: 0 });
  await until(() => elsewhere.held === 1);
  const served = client.send('bob', 'by the old one');
  const word = await peer.word('send');
  peer.say({ kind: 'accepted', id: word.id, n: 1, seq: 1, at: 1 });
  t.match(await served.accepted, { n: 1 });
  peer.say({ kind: 'resync' });
  t.match(await peer.welcome(), { cursor: 1, dial: 1 }, 'even when the account moves meanwhile');
  const flying = [client.send('bob', 'two'), client.send('bob', 'three')];
  await peer.words('send', 2);
  elsewhere.release();
  const next = await elsewhere.peer();
  t.match(await next.welcome(), { cursor: 1, dial: 2 }, 'the newer one, whichever hello comes last');
  t.same(
    (await next.words('send', 2)).map(({ id }) => id),
    flying.map(({ id }) => id),
    'what had no answer is said again, in order',
  );
  await until(() => client.state === 'online');
  t.equal(await peer.closed, 1000);
  next.say({ kind: 'goaway', reason: 'drain', afterMs: 0 });
  t.match(await (await server.peer()).word('hello'), { cursor: 1 }, 'and so from one server to the next');
});

t.test('CON8 a leaving server that closes before there is another: a lost connection like any other', async (t) => {
  const { server, client, peer } = await online(t);
  server.refuse = 503;
  peer.say({ kind: 'goaway', reason: 'drain', afterMs: 0 });
  await settled();
  t.equal(client.state, 'online', 'nobody takes it, but here it is still served');
  const waiting = next(client, 'state');
  peer.close(closeCodes.goaway, 'goaway');
  t.match(await waiting, { state: 'waiting', error: { code: 'goaway' } });
  const sent = client.send('bob', 'meanwhile');
  server.refuse = 0;
  const again = await server.peer();
  await again.welcome();
  t.match(await again.word('send'), { id: sent.id });
});

t.test('CON8 the end of the session counts, whichever connection it comes by', async (t) => {
  const { server, client, peer } = await online(t);
  server.refuse = 503;
  peer.say({ kind: 'goaway', reason: 'drain', afterMs: 0 });
  await settled();
  peer.close(closeCodes.revoked, 'revoked');
  await until(() => client.state === 'closed');
  await t.rejects(client.connect(), { code: 'revoked' });
});

t.test('CON4 a server that takes nobody: the next url at once, and a pause when all were tried', async (t) => {
  const servers = await Promise.all([scriptedServer(), scriptedServer(), scriptedServer()]);
  t.teardown(() => Promise.all(servers.map((server) => server.close())));
  for (const server of servers) server.refuse = 503;
  const urls = servers.map(({ url }) => url);
  const client = await RingpostClient.login({ urls, user: 'alice', password: 'p', device: 'test' });
  t.teardown(() => client.close());
  const waits: number[] = [];
  client.on('state', (news) => void (news.state === 'waiting' && waits.push(news.afterMs ?? -1)));
  void client.connect();
  await until(() => waits.length >= 4);
  t.same([waits[0], waits[1]], [0, 0]);
  t.ok(waits[2]! >= 1_000, 'all of them were tried');
  t.equal(waits[3], 0);
});

t.test('ACC12 a request that a leaving server did not carry out goes to the next one', async (t) => {
  const leaving = await scriptedServer();
  const server = await scriptedServer();
  t.teardown(() => Promise.all([leaving.close(), server.close()]));
  const away = () => refusal(503, 'leaving', 'Leaving.', true, 10);
  leaving.routes.set('POST /v1/sessions', away);
  const account = { user: 'alice', password: 'p', device: 'test' };
  const client = await RingpostClient.login({ ...account, urls: [leaving.url, server.url] });
  t.equal(client.user, 'alice');
  let refused = 0;
  server.routes.set('POST /v1/sessions', ({ user, device }) => (++refused < 3 ? away() : [200, grant(user!, device!)]));
  await RingpostClient.login({ ...account, url: server.url });
  t.equal(refused, 3, 'with one url, in a moment');
  await t.rejects(RingpostClient.login({ ...account, url: leaving.url }), { code: 'leaving', retry: true });
});

t.test('a server that closes earlier than its go-away said is still given its time', async (t) => {
  const { server, peer } = await online(t);
  const from = Date.now();
  peer.say({ kind: 'goaway', reason: 'drain', afterMs: 300 });
  await settled();
  peer.close(closeCodes.goaway, 'goaway');
  await server.peer();
  t.ok(Date.now() - from >= 298);
});

t.test('CON6 replaced: once it may be a ghost, so the client comes back; a second time it stays away', async (t) => {
  const { server, client, peer } = await online(t);
  peer.close(closeCodes.replaced, 'replaced');
  const again = await server.peer();
  await again.welcome();
  await until(() => client.state === 'online');
  again.close(closeCodes.replaced, 'replaced');
  t.match(await next(client, 'state'), { state: 'closed', error: { code: 'replaced', retry: false } });
  await settled();
  t.equal(server.waiting, 0);
});

t.test('closed as revoked: for good, with the reason', async (t) => {
  const { server, client, peer } = await online(t);
  const sent = client.send('bob', 'too late');
  await peer.word('send');
  peer.close(closeCodes.revoked, 'revoked');
  t.match(await next(client, 'state'), { state: 'closed', error: { code: 'revoked', retry: false } });
  await t.rejects(sent.accepted, { code: 'revoked' });
  await t.rejects(client.connect(), { code: 'revoked' });
  t.throws(() => client.send('bob', 'x'), { code: 'revoked' });
  await settled();
  t.equal(server.waiting, 0);
});

t.test(
  'a token that is not taken is renewed once; a renewed one that is not taken either ends the client',
  async (t) => {
    const { server, client, peer } = await online(t);
    peer.close(closeCodes.unauthorised, 'unauthorised');
    const second = await server.peer();
    t.not(second.token, peer.token);
    await second.welcome();
    await until(() => client.state === 'online');
    second.close(closeCodes.unauthorised, 'unauthorised');
    const third = await server.peer();
    third.close(closeCodes.unauthorised, 'unauthorised');
    t.match(await next(client, 'state'), { state: 'closed', error: { code: 'login_needed' } });
    t.equal(server.asked.filter((name) => name.endsWith('/refresh')).length, 2);
  },
);

t.test('a handshake refused over HTTP is tried again later', async (t) => {
  const { server, client } = await scene(t);
  server.refuse = 503;
  const waiting = next(client, 'state');
  const connected = client.connect();
  t.match(await waiting, { state: 'connecting' });
  t.match(await next(client, 'state'), { state: 'waiting', error: { code: 'unreachable', reason: /503/ } });
  server.refuse = 0;
  await (await server.peer()).welcome();
  await connected;
});

t.test('an expired session is renewed before the handshake, once for all who ask, and stored before use', async (t) => {
  const server = await scriptedServer();
  t.teardown(() => server.close());
  const storage = memoryStorage();
  server.routes.set('POST /v1/sessions', ({ user, device }) => [200, grant(user!, device!, 1_000)]);
  const seen: (string | undefined)[] = [];
  server.routes.set('GET /v1/devices', (_, bearer) => {
    seen.push(bearer, storage.saved?.tokens.accessToken);
    return [200, { devices: [{ device: 'test', since: 1, seen: 2, online: true, current: true }] }];
  });
  const client = await RingpostClient.login({ url: server.url, user: 'alice', password: 'p', device: 'test', storage });
  t.teardown(() => client.close());
  const connected = client.connect();
  const [devices] = await Promise.all([client.account.devices(), client.account.devices()]);
  const peer = await server.peer();
  await peer.welcome();
  await connected;
  t.strictSame(devices, [{ device: 'test', since: 1, seen: 2, online: true, current: true }]);
  t.equal(server.asked.filter((name) => name.endsWith('/refresh')).length, 1);
  t.equal(new Set([...seen, peer.token]).size, 1, 'one token, in use and in store');
});

t.test('an access token that the server calls expired is renewed, whatever the clock says', async (t) => {
  const { server, client } = await scene(t);
  let calls = 0;
  server.routes.set('DELETE /v1/devices/old', () =>
    ++calls === 1 ? refusal(401, 'expired_token', 'Refresh.') : [200, { removed: 'old' }],
  );
  await client.account.revoke('old');
  t.equal(calls, 2);
});

t.test('a session that cannot be renewed: login_needed', async (t) => {
  const { server, client, peer } = await online(t);
  server.routes.set('POST /v1/sessions/refresh', () => refusal(401, 'bad_refresh', 'Log in again.'));
  peer.say({ kind: 'refused', code: 'expired_token', reason: 'Refresh.', retry: false });
  const state = next(client, 'state');
  t.match(await state, { state: 'waiting' });
  await until(() => client.state === 'closed');
  await t.rejects(client.connect(), { code: 'login_needed', reason: /Log in again/ });
});

t.test('restored from its storage, a client goes on: same session, same place', async (t) => {
  const storage = memoryStorage();
  const { server, client, peer } = await online(t, { storage });
  peer.say({ kind: 'events', from: 1, list: [message('bob', 1)] });
  await peer.word('received');
  await client.close();
  await peer.closed;
  const restored = await RingpostClient.restore({ url: server.url, storage });
  t.teardown(() => restored?.close());
  void restored?.connect();
  const hello = await (await server.peer()).welcome();
  t.match(hello, { epoch: 'e1', cursor: 1 });
  t.equal(await RingpostClient.restore({ url: server.url, storage: memoryStorage() }), undefined);
});

t.test('errors of the HTTP API keep their code, reason and retry', async (t) => {
  const server = await scriptedServer();
  t.teardown(() => server.close());
  const options = { url: server.url, user: 'alice', password: 'p', device: 'd' };
  server.routes.set('POST /v1/accounts', () => refusal(409, 'taken', 'This user name is taken.'));
  await t.rejects(RingpostClient.register(options), {
    code: 'taken',
    reason: 'This user name is taken.',
    retry: false,
  });
  server.routes.set('POST /v1/sessions', () => [200, { hello: 'world' }]);
  await t.rejects(RingpostClient.login(options), { code: 'bad_answer' });
  await t.rejects(RingpostClient.login({ ...options, url: 'ftp://x' }), { code: 'malformed' });
  await t.rejects(RingpostClient.login({ ...options, url: 'http://127.0.0.1:1' }), {
    code: 'unreachable',
    reason: /127\.0\.0\.1:1 \(/,
  });
});

t.test('what is not a word ends the connection, and the client comes back', async (t) => {
  const { server, client, peer } = await online(t);
  peer.blurt('{"kind":');
  t.match(await next(client, 'state'), { state: 'waiting', error: { code: 'bad_answer' } });
  await (await server.peer()).welcome();
  await until(() => client.state === 'online');
  t.ok(client.send('bob', 'x') && !(client.send('bob', 'y').outcome instanceof RingpostError));
});

t.test('close: handles reject, streams end, and the server sees a proper close', async (t) => {
  const { client, peer } = await online(t);
  const stream = client.events();
  const sent = client.send('bob', 'x');
  const ignored = client.send('bob', 'y');
  await peer.word('send');
  await client.close();
  await client.close();
  t.equal(await peer.closed, 1000);
  await t.rejects(sent.accepted, { code: 'closed' });
  t.match(ignored.outcome, { code: 'closed' });
  const kinds: string[] = [];
  for await (const event of stream) kinds.push(event.kind);
  t.strictSame(kinds, ['state']);
});

t.test('ACC13 a client goes home first, and elsewhere when home does not answer', async (t) => {
  const door = await scriptedServer();
  const home = await scriptedServer();
  t.teardown(() => Promise.all([door.close(), home.close()]));
  door.routes.set('POST /v1/accounts', ({ user, device }) => [201, { ...grant(user!, device!), home: home.url }]);
  const client = await RingpostClient.register({
    url: door.url,
    user: 'alice',
    password: 'correct horse',
    device: 'test',
  });
  t.teardown(() => client.close());
  const states = heard(client, 'state');
  const connected = client.connect();
  await (await home.peer()).welcome();
  await connected;
  await home.close();
  await (await door.peer()).welcome();
  await until(() => client.state === 'online');
  t.strictSame(
    states.filter(({ state }) => state === 'online').map(({ url }) => url),
    [home.url, door.url],
  );
});
