import { setTimeout as pause } from 'node:timers/promises';
import t from 'tap';
import { stage } from './stage.ts';

const password = 'correct horse';
const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });

t.test('register, log in, refresh: each answers the whole session', async (t) => {
  const { call, door } = await stage(t);
  const first = await call('POST', '/v1/accounts', { user: 'alice', device: 'phone', password });
  t.equal(first.status, 201);
  t.match(first.body, { user: 'alice', device: 'phone', session: /^[\w-]{22}$/, accessToken: String });
  t.ok(first.body.accessUntil > Date.now() && first.body.accessUntil <= Date.now() + 15 * 60_000);
  t.equal(first.headers.get('cache-control'), 'no-store');

  const second = await call('POST', '/v1/sessions', { user: 'alice', device: 'laptop', password });
  t.equal(second.status, 200);
  t.not(second.body.session, first.body.session);

  const third = await call('POST', '/v1/sessions/refresh', { refreshToken: second.body.refreshToken });
  t.equal(third.status, 200);
  t.match(third.body, { user: 'alice', device: 'laptop', session: second.body.session });
  t.not(third.body.refreshToken, second.body.refreshToken);

  t.notMatch(JSON.stringify(door.asked), second.body.refreshToken, 'an account never sees a refresh token');
  t.notMatch(JSON.stringify(door.asked), password, 'nor a password');
});

t.test('ACC13 a login tells where the account lives, when that is known', async (t) => {
  const { call, door } = await stage(t);
  t.notOk('home' in (await call('POST', '/v1/accounts', { user: 'alice', device: 'phone', password })).body);
  door.home = 'http://127.0.0.1:7481';
  const { body } = await call('POST', '/v1/sessions', { user: 'alice', device: 'phone', password });
  t.equal(body.home, 'http://127.0.0.1:7481');
});

t.test('a device may go without a name, and gets one', async (t) => {
  const { call } = await stage(t);
  const { body } = await call('POST', '/v1/accounts', { user: 'alice', password });
  t.match(body.device, /^device-[0-9a-f]{12}$/);
});

t.test('a refresh token works once, and no part of it can be exchanged', async (t) => {
  const { call, register } = await stage(t);
  const { refreshToken } = await register('alice');
  for (const forged of [
    refreshToken.replace('~phone~', '~tablet~'),
    refreshToken.replace('alice', 'bob'),
    refreshToken.slice(1),
    'a~b',
    '',
    '~~~~~~',
  ]) {
    const answer = await call('POST', '/v1/sessions/refresh', { refreshToken: forged });
    t.equal(answer.status, 401, forged);
    t.equal(answer.body.error.code, 'bad_refresh');
  }
  const other = await register('carol');
  const next = await call('POST', '/v1/sessions/refresh', { refreshToken: other.refreshToken });
  t.equal(next.status, 200);
  t.equal(
    (await call('POST', '/v1/sessions/refresh', { refreshToken: other.refreshToken })).status,
    401,
    'used before',
  );
  t.equal(
    (await call('POST', '/v1/sessions/refresh', { refreshToken: next.body.refreshToken })).status,
    401,
    'all end',
  );
});

t.test('a wrong password and an unknown or deactivated account get the same answer, after the same work', async (t) => {
  const { call, register, door } = await stage(t, {
    scrypt_cost: 2 ** 14,
    scrypt_block_size: 8,
    logins_per_peer_burst: 100,
  });
  await register('alice');
  await register('gone');
  door.accounts.get('gone')!.active = false;
  const timed = async (user: string): Promise<{ ms: number; answer: unknown; status: number }> => {
    const start = performance.now();
    const { status, body } = await call('POST', '/v1/sessions', { user, password: 'wrong horse', device: 'phone' });
    return { ms: performance.now() - start, answer: body, status };
  };
  const wrong = await timed('alice');
  t.equal(wrong.status, 401);
  t.match(wrong.answer, { error: { code: 'bad_login', retry: false } });
  for (const user of ['nobody', 'gone']) {
    const answers = [await timed(user), await timed(user), await timed(user)];
    t.strictSame(answers[0]?.answer, wrong.answer);
    // Not a race against a clock: a lookup without scrypt takes a small part of this.
    t.ok(Math.max(...answers.map(({ ms }) => ms)) > wrong.ms / 4, `${user}: scrypt is computed all the same`);
  }
  t.equal(
    (await call('POST', '/v1/sessions', { user: 'gone', password, device: 'phone' })).body.error.code,
    'bad_login',
  );
});

t.test('what is not a name or a password is refused before anybody is asked', async (t) => {
  const { call, door } = await stage(t, { registers_per_peer_burst: 1_000 });
  const refused = async (body: unknown, code: string): Promise<void> => {
    const answer = await call('POST', '/v1/accounts', body);
    t.equal(answer.status, 400, JSON.stringify(body));
    t.equal(answer.body.error.code, code, JSON.stringify(body));
    t.type(answer.body.error.reason, 'string');
    t.equal(answer.body.error.retry, false);
  };
  for (const user of ['', 'Alice', '-a', '../etc', 'a/b', 'a~b', 'é', 'a'.repeat(33), 7, null, undefined]) {
    await refused({ user, password, device: 'phone' }, 'bad_user');
  }
  for (const device of ['', 'my phone', 'a/b', 'x'.repeat(33), 7, null]) {
    await refused({ user: 'alice', password, device }, 'bad_device');
  }
  await refused({ user: 'alice', password: 'short', device: 'phone' }, 'bad_password');
  await refused({ user: 'alice', password: 'x'.repeat(129), device: 'phone' }, 'bad_password');
  await refused({ user: 'alice', password: ['correct horse'], device: 'phone' }, 'malformed');
  t.equal(door.asked.length, 0);
});

t.test('malformed bodies and addresses', async (t) => {
  const { call } = await stage(t, { registers_per_peer_burst: 1_000 });
  for (const body of ['', '{', '[]', 'null', '"x"', '7', '{"user":"a"}{}', '\u0000']) {
    const answer = await call('POST', '/v1/accounts', body, { 'content-type': 'application/json' });
    t.equal(answer.status, 400, JSON.stringify(body));
  }
  const proto = `{"__proto__":{"user":"alice"},"password":"${password}"}`;
  t.equal((await call('POST', '/v1/accounts', proto)).body.error.code, 'bad_user');
  t.equal((await call('POST', '/v1/accounts', '[['.repeat(2_000))).status, 400, 'deep');
  const long = await call('POST', '/v1/accounts', { user: 'alice', password: 'x'.repeat(4096), device: 'phone' });
  t.equal(long.status, 413);
  t.equal(long.body.error.code, 'too_long');
  const form = await call('POST', '/v1/accounts', 'user=alice', {
    'content-type': 'application/x-www-form-urlencoded',
  });
  t.equal(form.status, 415);
  t.equal((await call('GET', '/v1/nothing')).status, 404);
  const method = await call('GET', '/v1/accounts');
  t.equal(method.status, 405);
  t.equal(method.headers.get('allow'), 'POST');
  t.strictSame((await call('GET', '/v1/health')).body, { status: 'ok' });
});

t.test('devices: listed and removed by a token of the account, which ends with its device', async (t) => {
  const { call, register } = await stage(t);
  const phone = await register('alice');
  const laptop = (await call('POST', '/v1/sessions', { user: 'alice', device: 'laptop', password })).body;
  const listed = await call('GET', '/v1/devices', undefined, bearer(phone.accessToken));
  t.equal(listed.status, 200);
  t.match(listed.body.devices, [{ device: 'phone' }, { device: 'laptop' }]);

  const missing = await call('DELETE', '/v1/devices/tablet', undefined, bearer(phone.accessToken));
  t.match([missing.status, missing.body.error.code], [404, 'unknown_device']);
  const strange = await call('DELETE', '/v1/devices/a%20b', undefined, bearer(phone.accessToken));
  t.match([strange.status, strange.body.error.code], [400, 'bad_device']);
  const removed = await call('DELETE', '/v1/devices/laptop', undefined, bearer(phone.accessToken));
  t.match([removed.status, removed.body], [200, { removed: 'laptop' }]);
  const late = await call('DELETE', '/v1/account', undefined, bearer(laptop.accessToken));
  t.match([late.status, late.body.error.code], [401, 'revoked']);

  t.equal((await call('DELETE', '/v1/account', undefined, bearer(phone.accessToken))).status, 200);
  t.equal((await call('GET', '/v1/devices', undefined, bearer(phone.accessToken))).status, 401);
  const again = await call('POST', '/v1/accounts', { user: 'alice', device: 'phone', password });
  t.match([again.status, again.body.error.code], [409, 'taken'], 'a name is never given twice');
});

t.test('no token, a broken one, an expired one', async (t) => {
  const { call, register } = await stage(t, { access_token_ms: 1_000 });
  const { accessToken } = await register('alice');
  for (const headers of [{}, bearer('x'), bearer(`${accessToken.slice(0, -2)}AA`), { authorization: accessToken }]) {
    const answer = await call('GET', '/v1/devices', undefined, headers);
    t.match([answer.status, answer.body.error.code], [401, 'unauthorised']);
    t.equal(answer.headers.get('www-authenticate'), 'Bearer');
  }
  await pause(1_100);
  const late = await call('GET', '/v1/devices', undefined, bearer(accessToken));
  t.match([late.status, late.body.error.code], [401, 'expired_token']);
});

t.test('when the account can not be asked, that is said in words', async (t) => {
  const { call, door } = await stage(t);
  const body = { user: 'alice', device: 'phone', password };
  for (const [instead, code] of [
    [{ kind: 'refused', why: 'moved' }, 'unavailable'],
    [{ kind: 'refused', why: 'full' }, 'overloaded'],
    [{ kind: 'unknown', why: 'the owner died' }, 'unknown_outcome'],
  ] as const) {
    door.instead = instead;
    const answer = await call('POST', '/v1/accounts', body);
    t.equal(answer.status, 503);
    t.match(answer.body.error, { code, retry: true, reason: String });
    t.equal(answer.headers.get('retry-after'), '1');
  }
  door.instead = undefined;
  door.ask = async () => {
    throw new Error('a bug');
  };
  const failed = await call('POST', '/v1/accounts', body);
  t.match([failed.status, failed.body.error.code], [500, 'internal']);
});
