import { once } from 'node:events';
import t from 'tap';
import { accessTokens } from '../../gateway/tokens.ts';
import { bearerPrefix, subprotocols } from '../../proto/words.ts';
import { closing, dial, pause, raw, refusal, secret, stage, until } from './stage.ts';
import { opens } from './staged-door.ts';

const { msgpack, json } = subprotocols;

t.test('the subprotocol is the first known one that is offered, never the one with the token', async (t) => {
  const { gateway, register, door } = await stage(t);
  const { accessToken } = await register('alice');
  for (const [offers, chosen, encoding] of [
    [[json, msgpack], json, 'json'],
    [['soap', msgpack, json], msgpack, 'msgpack'],
  ] as const) {
    const ws = dial(gateway, [bearerPrefix + accessToken, ...offers]);
    await once(ws, 'open');
    t.equal(ws.protocol, chosen);
    await until(() => door.connections.at(-1)?.mail.length === 1);
    t.match(door.connections.at(-1)?.mail[0], { kind: 'open', encoding, again: false, nth: 1 });
    ws.terminate();
  }
});

t.test('the token of the Authorization header, and what the actor is told', async (t) => {
  const { gateway, register, door } = await stage(t);
  const { accessToken, session } = await register('alice');
  const ws = dial(gateway, [msgpack], { headers: { authorization: `Bearer ${accessToken}` } });
  await once(ws, 'open');
  await until(() => door.connections.length === 1);
  const [connection] = door.connections;
  t.match(connection?.address, /^connection\/alice\/n1\.1\.[\w-]+$/);
  t.strictSame(connection && opens(connection), [
    {
      kind: 'open',
      socket: { node: 'n1', incarnation: 'test', id: 1 },
      claims: { user: 'alice', device: 'phone', session },
      encoding: 'msgpack',
      again: false,
      nth: 1,
    },
  ] as never);
  t.equal(gateway.connections(), 1);
  ws.close();
  await until(() => gateway.connections() === 0);
});

t.test('a missing, broken, foreign or expired token is said by the close code, and no actor hears of it', async (t) => {
  const { gateway, register, door } = await stage(t, { close_ms: 100 });
  const { accessToken } = await register('alice');
  const claims = { user: 'alice', device: 'phone', session: 'a'.repeat(22) };
  const own = await accessTokens({ secret });
  const foreign = await accessTokens({ secret: new Uint8Array(32).fill(9) });
  const bad = [
    [json],
    [json, `${bearerPrefix}x`],
    [json, `${bearerPrefix}${accessToken.slice(0, -2)}AA`],
    [json, bearerPrefix + (await foreign.sign(claims, Date.now() + 60_000))],
    [json, bearerPrefix + (await own.sign(claims, Date.now() - 2_000))],
  ];
  for (const offers of bad) {
    const ws = dial(gateway, offers);
    ws.on('open', () => ws.send('hello'));
    t.strictSame(await closing(ws), { code: 4401, reason: 'unauthorised' });
  }
  const ws = dial(gateway, [json]);
  ws.terminate();
  const query = await raw(gateway, upgrade({}, `/v1/socket?access_token=${accessToken}&token=${accessToken}`));
  t.match(query, /unauthorised/, 'a token in the address is not looked at');
  t.equal(door.connections.length, 0);
  await until(() => gateway.connections() === 0);
});

t.test('what is wrong with the request is refused over HTTP', async (t) => {
  const { gateway } = await stage(t);
  t.equal(await refusal(dial(gateway, ['soap'])), 400);
  t.equal(await refusal(dial(gateway, [])), 400);
  t.match(await raw(gateway, upgrade({}, '/v1/other')), /^HTTP\/1.1 404.*not_found/s);
  t.match(await raw(gateway, upgrade({ Upgrade: 'h2c' })), /^HTTP\/1.1 400.*not_an_upgrade/s);
  t.match(await raw(gateway, upgrade({ 'Sec-WebSocket-Key': 'short' })), /^HTTP\/1.1 400/);
  t.match(await raw(gateway, upgrade({ 'Sec-WebSocket-Version': '7' })), /^HTTP\/1.1 400/);
  t.match(await raw(gateway, upgrade({ 'Sec-WebSocket-Protocol': `${json}, (` })), /^HTTP\/1.1 400/);
  t.match(await raw(gateway, upgrade({}).replace('GET', 'POST')), /^HTTP\/1.1 405/);
});

t.test('origins: the own host by default, a list if there is one', async (t) => {
  const { gateway, register } = await stage(t);
  const { accessToken } = await register('alice');
  const offers = [json, bearerPrefix + accessToken];
  const host = `127.0.0.1:${gateway.port}`;
  for (const origin of [undefined, `http://${host}`, `https://${host}`]) {
    const ws = dial(gateway, offers, origin === undefined ? {} : { origin });
    await once(ws, 'open');
    ws.terminate();
  }
  for (const origin of [
    'null',
    `http://${host}.evil.net`,
    `http://evil.net`,
    `http://127.0.0.1:1`,
    'http://127.0.0.1',
  ]) {
    t.equal(await refusal(dial(gateway, offers, { origin })), 403, origin);
  }
  const listed = await stage(t, {}, { allowedOrigins: ['https://a.example'] });
  const ws = dial(listed.gateway, offers, { origin: 'https://a.example' });
  await once(ws, 'open');
  ws.terminate();
  t.equal(await refusal(dial(listed.gateway, offers, { origin: `http://127.0.0.1:${listed.gateway.port}` })), 403);
});

t.test('compression is not agreed to', async (t) => {
  const { client, register } = await stage(t);
  const { accessToken } = await register('alice');
  const { ws } = await client(accessToken, { perMessageDeflate: true });
  t.equal(ws.extensions, '');
});

t.test('caps: of all, of one address, of one user', async (t) => {
  const all = await stage(t, { sockets_max: 1 });
  const { accessToken } = await all.register('alice');
  const { ws } = await all.client(accessToken);
  t.equal(await refusal(dial(all.gateway, [json, bearerPrefix + accessToken])), 503);
  ws.close();
  await until(() => all.gateway.connections() === 0);
  (await all.client(accessToken)).ws.terminate();

  const peer = await stage(t, { sockets_per_peer_max: 1 });
  await peer.client(accessToken);
  t.equal(await refusal(dial(peer.gateway, [json, bearerPrefix + accessToken])), 429);

  const user = await stage(t, { sockets_per_user_max: 1 });
  const bob = await user.register('bob');
  await user.client(accessToken);
  t.strictSame(await closing(dial(user.gateway, [json, bearerPrefix + accessToken])), {
    code: 1013,
    reason: 'overloaded',
  });
  await user.client(bob.accessToken);
});

t.test('a handshake that fails is not counted for ever', async (t) => {
  const { gateway, client, register } = await stage(t, { sockets_max: 2, sockets_per_user_max: 1 });
  const { accessToken } = await register('alice');
  for (let tried = 0; tried < 5; tried += 1) {
    await closing(dial(gateway, [json]));
    await raw(gateway, upgrade({ 'Sec-WebSocket-Key': 'short' }));
    const { ws } = await client(accessToken);
    ws.terminate();
    await until(() => gateway.connections() === 0);
  }
});

t.test('handshakes are rated by address', async (t) => {
  const { gateway } = await stage(t, { handshakes_per_peer_burst: 2, handshakes_per_peer_per_minute: 1 });
  await closing(dial(gateway, [json]));
  await closing(dial(gateway, [json]));
  t.equal(await refusal(dial(gateway, [json])), 429);
});

t.test('closing: goaway to all, spread over the grace, and no more clients', async (t) => {
  const { gateway, client, register, door, call } = await stage(t);
  const { accessToken } = await register('alice');
  const clients = [await client(accessToken), await client(accessToken), await client(accessToken)];
  const start = performance.now();
  const times: number[] = [];
  const ends = clients.map(async ({ ws }) => {
    const end = await closing(ws);
    times.push(performance.now() - start);
    return end;
  });
  const health = call('GET', '/v1/health');
  await health;
  const done = gateway.close(500);
  t.equal(gateway.close(1), done, 'closing twice is closing once');
  t.strictSame(
    await Promise.all(ends),
    [1, 2, 3].map(() => ({ code: 1001, reason: 'goaway' })),
  );
  await done;
  t.ok(times[2]! - times[0]! > 100, 'not all at once');
  t.ok(performance.now() - start < 2_000);
  t.ok(door.connections.every(({ closed, mail }) => closed && mail.at(-1)?.kind === 'closed'));
  await t.rejects(call('GET', '/v1/health'));
});

t.test('closing: a client that does not answer is cut off after the grace', async (t) => {
  const { gateway, client, register, door } = await stage(t);
  const { accessToken } = await register('alice');
  const { ws } = await client(accessToken);
  ws.pause();
  door.whispers = () => 'moved';
  const start = performance.now();
  await gateway.close(200);
  t.ok(performance.now() - start < 1_500);
  ws.terminate();
  await pause(50);
  t.equal(gateway.connections(), 0);
});

function upgrade(more: Record<string, string>, path = '/v1/socket'): string {
  const headers = {
    Host: 'x',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Protocol': json,
    ...more,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return [`GET ${path} HTTP/1.1`, ...lines, '', ''].join('\r\n');
}
