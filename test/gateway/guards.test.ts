// What keeps one client, page or neighbour from harming the others over HTTP.
import { once } from 'node:events';
import t from 'tap';
import { defaultGatewayLimits } from '../../gateway/limits.ts';
import { originAllowed } from '../../gateway/origins.ts';
import { passwords } from '../../gateway/passwords.ts';
import { subnet } from '../../gateway/peers.ts';
import { rate } from '../../gateway/rates.ts';
import { tally } from '../../gateway/tally.ts';
import { accessTokens } from '../../gateway/tokens.ts';
import { cheap, raw, rawSocket, secret, stage } from './stage.ts';

const password = 'correct horse';

t.test('scrypt: so many run, so many wait, one more is refused', async (t) => {
  const bounded = passwords({
    ...defaultGatewayLimits,
    ...cheap,
    scrypt_cost: 2 ** 12,
    scrypt_running_max: 1,
    scrypt_waiting_max: 2,
  });
  const all = await Promise.all(Array.from({ length: 5 }, () => bounded.hash(password)));
  t.equal(all.filter((hash) => hash === 'busy').length, 2);
  const again = await bounded.hash(password);
  t.not(again, 'busy', 'and the slots come back');
});

t.test('scrypt: the default cost is one that OWASP gives, and it works', async (t) => {
  const { hash, matches } = passwords(defaultGatewayLimits);
  const kept = await hash(password);
  if (kept === 'busy') throw new Error('busy');
  t.match(kept, { cost: 2 ** 15, blockSize: 8, parallelism: 3 });
  t.equal(kept.hash.length, 32);
  t.equal(await matches(password, kept), true);
  t.equal(await matches('correct horsf', kept), false);
  t.equal(await matches(password, undefined), false);
});

t.test('scrypt: letters that look the same are the same, however they are composed', async (t) => {
  const { hash, matches } = passwords({ ...defaultGatewayLimits, ...cheap });
  const kept = await hash('caf\u00e9 caf\u00e9');
  t.equal(kept !== 'busy' && (await matches('cafe\u0301 cafe\u0301', kept)), true);
});

t.test('beyond the bound on scrypt a login is refused with a word', async (t) => {
  const { call } = await stage(t, {
    scrypt_cost: 2 ** 14,
    scrypt_block_size: 8,
    scrypt_running_max: 1,
    scrypt_waiting_max: 0,
  });
  const login = { user: 'alice', password, device: 'phone' };
  const answers = await Promise.all([1, 2, 3].map(() => call('POST', '/v1/sessions', login)));
  t.strictSame(answers.map(({ status }) => status).sort(), [401, 503, 503]);
  const refused = answers.find(({ status }) => status === 503);
  t.match(refused?.body.error, { code: 'overloaded', retry: true, afterMs: Number });
});

t.test('rates: registering and logging in are counted by address', async (t) => {
  const { call } = await stage(
    t,
    { registers_per_peer_burst: 2, registers_per_peer_per_minute: 6, logins_per_peer_burst: 1 },
    { trustedProxies: 1 },
  );
  const from = (address: string, path: string) =>
    call('POST', path, { user: 'alice', password, device: 'phone' }, { 'x-forwarded-for': address });
  t.equal((await from('10.0.0.1', '/v1/accounts')).status, 201);
  t.equal((await from('10.0.0.1', '/v1/accounts')).status, 409);
  const third = await from('10.0.0.1', '/v1/accounts');
  t.equal(third.status, 429);
  t.match(third.body.error, { code: 'too_fast', retry: true });
  t.ok(third.body.error.afterMs > 5_000 && third.body.error.afterMs <= 10_000);
  t.equal(third.headers.get('retry-after'), '10');
  t.equal(
    (await from('1.2.3.4, 10.0.0.1', '/v1/accounts')).status,
    429,
    'the words of the client itself are not believed',
  );
  t.equal((await from('10.0.0.2', '/v1/accounts')).status, 409, 'a neighbour is not affected');
  t.equal((await from('10.0.0.1', '/v1/sessions')).status, 200, 'another table');
  t.equal((await from('10.0.0.1', '/v1/sessions')).status, 429);
});

t.test('rates: without a trusted proxy X-Forwarded-For is not believed', async (t) => {
  const { call } = await stage(t, { registers_per_peer_burst: 1 });
  const from = (address: string) =>
    call('POST', '/v1/accounts', { user: 'alice', password, device: 'phone' }, { 'x-forwarded-for': address });
  t.equal((await from('10.0.0.1')).status, 201);
  t.equal((await from('10.0.0.2')).status, 429);
});

t.test('a rate refills, and remembers only so many', async (t) => {
  const calls = rate(2, 60, 2);
  t.strictSame([calls.take('a', 0), calls.take('a', 0)], [0, 0]);
  t.equal(calls.take('a', 0), 1_000);
  t.equal(calls.take('a', 500), 500);
  t.equal(calls.take('a', 1_000), 0);
  calls.take('b', 1_000);
  calls.take('c', 1_000);
  t.equal(calls.take('a', 1_000), 0, 'a was forgotten, as the one longest unheard of');
});

t.test('a tally keeps both its bounds', async (t) => {
  const counts = tally(2, 3);
  t.strictSame([counts.take('a'), counts.take('a'), counts.take('a')], ['taken', 'taken', 'key_full']);
  t.strictSame([counts.take('b'), counts.take('b')], ['taken', 'all_full']);
  counts.give('a');
  t.equal(counts.take('b'), 'taken');
  counts.give('a');
  t.throws(() => counts.give('a'));
});

t.test('peers: one IPv4 address, or one /64', async (t) => {
  t.equal(subnet('::ffff:10.0.0.1'), '10.0.0.1');
  t.equal(subnet('10.0.0.1'), '10.0.0.1');
  t.equal(subnet('2001:db8::1'), '2001:db8:0:0::/64');
  t.equal(subnet('2001:db8:0:0:1:2:3:4'), '2001:db8:0:0::/64');
  t.equal(subnet('fe80::1%eth0'), 'fe80:0:0:0::/64');
  t.equal(subnet('::1'), '0:0:0:0::/64');
  t.equal(subnet(''), '');
});

t.test('origins: whole strings, or the own host', async (t) => {
  const host = 'chat.example:7000';
  const own = (origin: string): boolean => originAllowed({ origin, host }, 'same-host');
  t.ok(own('http://chat.example:7000'));
  t.ok(own('https://chat.example:7000'));
  t.ok(originAllowed({ host }, 'same-host'), 'not from a page');
  for (const bad of [
    'null',
    '',
    'https://chat.example',
    'https://chat.example:7001',
    'https://chat.example:7000.evil.net',
    'https://evil.net/chat.example:7000',
    'https://evilchat.example:7000',
    'ftp://chat.example:7000',
  ]) {
    t.notOk(own(bad), bad);
  }
  t.ok(originAllowed({ origin: 'https://a.example', host }, ['https://a.example']));
  t.notOk(originAllowed({ origin: 'https://a.example.evil.net', host }, ['https://a.example']));
  t.notOk(originAllowed({ origin: `http://${host}`, host }, ['https://a.example']), 'a list replaces the own host');
});

t.test('CORS: only for allowed origins', async (t) => {
  const { call } = await stage(t, {}, { allowedOrigins: ['https://a.example'] });
  const good = await call('GET', '/v1/health', undefined, { origin: 'https://a.example' });
  t.equal(good.status, 200);
  t.equal(good.headers.get('access-control-allow-origin'), 'https://a.example');
  const preflight = await call('OPTIONS', '/v1/accounts', undefined, { origin: 'https://a.example' });
  t.equal(preflight.status, 204);
  t.match(preflight.headers.get('access-control-allow-headers'), /authorization/);
  for (const origin of ['https://evil.example', 'null']) {
    for (const method of ['GET', 'OPTIONS']) {
      const bad = await call(method, '/v1/health', undefined, { origin });
      t.match([bad.status, bad.body.error.code], [403, 'forbidden_origin']);
      t.equal(bad.headers.get('access-control-allow-origin'), null);
    }
  }
});

t.test('tokens: of other keys, algorithms and issuers are not valid; of former secrets they are', async (t) => {
  const claims = { user: 'alice', device: 'phone', session: 'a'.repeat(22) };
  const former = new Uint8Array(32).fill(1);
  const old = await accessTokens({ secret: former });
  const now = await accessTokens({ secret, formerSecrets: [former] });
  const until = Date.now() + 60_000;
  t.strictSame(await now.verify(await old.sign(claims, until)), { kind: 'valid', claims });
  t.strictSame(await old.verify(await now.sign(claims, until)), { kind: 'invalid' });
  t.strictSame(await now.verify(await now.sign(claims, Date.now() - 2_000)), { kind: 'expired' });
  t.strictSame(await now.verify(await now.sign({ ...claims, user: '../x' }, until)), { kind: 'invalid' });
  const [, payload] = (await now.sign(claims, until)).split('.');
  const none = Buffer.from('{"alg":"none"}').toString('base64url');
  t.strictSame(await now.verify(`${none}.${payload}.`), { kind: 'invalid' });
  for (const text of ['', '.', '..', 'x.y.z', 'a'.repeat(5_000)]) {
    t.strictSame(await now.verify(text), { kind: 'invalid' }, JSON.stringify(text.slice(0, 8)));
  }
  await t.rejects(accessTokens({ secret: new Uint8Array(31) }), TypeError);
});

t.test('HTTP: half-open and half-said connections are hung up on, wild ones answered', async (t) => {
  const { gateway, call } = await stage(t, { headers_ms_max: 300, request_ms_max: 600, sweep_ms: 50 });
  const silent = rawSocket(gateway);
  const half = rawSocket(gateway);
  half.write('GET /v1/health HTTP/1.1\r\nHost: x\r\n');
  const dripping = rawSocket(gateway);
  dripping.write(
    'POST /v1/sessions HTTP/1.1\r\nHost: x\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{',
  );
  await Promise.all([silent, half, dripping].map((socket) => once(socket.resume(), 'close')));
  t.match(await raw(gateway, 'NONSENSE\r\n\r\n'), /^HTTP\/1.1 400/);
  t.match(await raw(gateway, `GET / HTTP/1.1\r\nHost: x\r\nx: ${'y'.repeat(9_000)}\r\n\r\n`), /^HTTP\/1.1 431/);
  t.equal((await call('GET', '/v1/health')).status, 200);
});

t.test('HTTP: one address has so many connections', async (t) => {
  const { gateway } = await stage(t, { sockets_per_peer_max: 1, http_connections_per_peer_max: 1 });
  const sockets = [rawSocket(gateway), rawSocket(gateway)];
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  const third = rawSocket(gateway);
  await once(third.resume(), 'close');
  t.notOk(sockets.some(({ destroyed }) => destroyed));
  for (const socket of sockets) socket.destroy();
});

t.test('no secret, password or token is ever logged', async (t) => {
  const { call, register, door, logged } = await stage(t);
  const { accessToken } = await register('alice');
  door.ask = async () => {
    throw new Error('a bug');
  };
  await call('POST', '/v1/sessions', { user: 'alice', device: 'phone', password });
  await call('GET', '/v1/devices', undefined, { authorization: `Bearer ${accessToken}` });
  t.equal(logged.length, 2);
  t.notMatch(logged.join('\n'), accessToken);
  t.notMatch(logged.join('\n'), password);
});
