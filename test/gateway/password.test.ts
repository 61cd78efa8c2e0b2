import t from 'tap';
import { stage } from './stage.ts';

const password = 'correct horse';
const newPassword = 'battery staple';
const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });
const path = '/v1/account/password';

t.test('ACC14 ACC15 the new password is the only one, and other sessions end', async (t) => {
  const { call, register, door } = await stage(t);
  const phone = await register('alice');
  const laptop = (await call('POST', '/v1/sessions', { user: 'alice', device: 'laptop', password })).body;
  const changed = await call('POST', path, { password, newPassword }, bearer(phone.accessToken));
  t.match([changed.status, changed.body], [200, { changed: 'alice' }]);
  const late = await call('GET', '/v1/devices', undefined, bearer(laptop.accessToken));
  t.match([late.status, late.body.error.code], [401, 'revoked']);
  t.equal((await call('POST', '/v1/sessions/refresh', { refreshToken: laptop.refreshToken })).status, 401);
  t.equal((await call('GET', '/v1/devices', undefined, bearer(phone.accessToken))).status, 200);
  t.equal((await call('POST', '/v1/sessions', { user: 'alice', password, device: 'x' })).status, 401);
  const login = await call('POST', '/v1/sessions', { user: 'alice', password: newPassword, device: 'x' });
  t.equal(login.status, 200);
  t.notMatch(JSON.stringify(door.asked), newPassword, 'no actor ever sees a password');
});

t.test('ACC14 what is refused changes nothing', async (t) => {
  const { call, register, door } = await stage(t);
  const { accessToken } = await register('alice');
  const tried = async (body: unknown, headers = bearer(accessToken)) => {
    const answer = await call('POST', path, body, headers);
    return [answer.status, answer.body.error.code];
  };
  t.same(await tried({ password: 'wrong horse', newPassword }), [403, 'wrong_password']);
  t.same(await tried({ password: 'x', newPassword }), [403, 'wrong_password']);
  t.same(await tried({ password: 'x'.repeat(200), newPassword }), [403, 'wrong_password']);
  t.same(await tried({ password, newPassword: 'short' }), [400, 'bad_password']);
  t.same(await tried({ password, newPassword: 'x'.repeat(129) }), [400, 'bad_password']);
  t.same(await tried({ password, newPassword: 7 }), [400, 'malformed']);
  t.same(await tried({ newPassword }), [400, 'malformed']);
  t.same(await tried([]), [400, 'malformed']);
  t.same(await tried({ password, newPassword }, {}), [401, 'unauthorised']);
  t.same(await tried({ password, newPassword: 'x'.repeat(5_000) }), [413, 'too_long']);
  t.equal(door.asked.filter(({ kind }) => kind === 'password').length, 0);
  const wrong = await call('GET', path, undefined, bearer(accessToken));
  t.match([wrong.status, wrong.headers.get('allow')], [405, 'POST']);
});

t.test('ACC15 tries are counted with logins', async (t) => {
  const { call, register } = await stage(t, { logins_per_peer_burst: 3, logins_per_peer_per_minute: 1 });
  const { accessToken } = await register('alice');
  await call('POST', '/v1/sessions', { user: 'alice', password: 'wrong horse', device: 'x' });
  const statuses: number[] = [];
  for (let i = 0; i < 3; i++) {
    statuses.push((await call('POST', path, { password: 'wrong horse', newPassword }, bearer(accessToken))).status);
  }
  t.same(statuses, [403, 403, 429]);
});
