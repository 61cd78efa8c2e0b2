import t from 'tap';
import type { ErrorCode } from '../../client/index.ts';
import { RingpostError } from '../../client/index.ts';
import { heard, online, settled, until } from './scripted-client.ts';

const day_ms = 86_400_000;
const nothing = { name: '', about: '', email: '', phone: '' };

async function codeOf(promise: Promise<unknown>): Promise<ErrorCode> {
  return promise.then(
    () => 'resolved',
    (error: RingpostError) => error.code,
  );
}

t.test('PPL1 PPL3 deeds for oneself are said as they are meant, and what can be no word is not said', async (t) => {
  const { client, peer } = await online(t);
  const set = client.people.setProfile({ name: 'Alice' });
  const word = await peer.word('self');
  t.match(word.deed, { what: 'profile', ...nothing, name: 'Alice' });
  peer.say({ kind: 'accepted', id: word.id, n: 0, seq: 0, at: 1 });
  t.match(await set, { n: 0 });
  for (const bad of [
    client.people.setProfile({ email: 'nobody' }),
    client.people.setProfile({ name: 'x'.repeat(129) }),
    client.people.setPrivacy({ found: 'friends' as never }),
    client.people.report('Mallory', 'spam'),
    client.people.report('mallory', 'boring' as never),
    client.people.profiles([]),
    client.people.profiles(['#group']),
    client.people.find('email', 'nobody'),
    client.people.block('#group'),
  ]) {
    t.equal(await codeOf(bad), 'malformed');
  }
  t.equal(await codeOf(client.people.profiles(Array.from({ length: 65 }, (_, i) => `u${i}`))), 'too_long');
  t.equal(peer.frames.flat().filter(({ kind }) => kind === 'self' || kind === 'profiles').length, 1);
});

t.test('PPL2 PPL8 questions about others', async (t) => {
  const { client, peer } = await online(t);
  const asked = client.people.profiles(['bob', 'carol']);
  const { req, users } = await peer.word('profiles');
  t.same(users, ['bob', 'carol']);
  const place = { north: 1, east: -1, name: 'here' };
  peer.say({
    kind: 'profiled',
    req,
    list: [
      { user: 'bob', state: 'here', ...nothing, place },
      { user: 'carol', state: 'unavailable', ...nothing },
    ],
  });
  t.match(await asked, [{ user: 'bob', place }, { state: 'unavailable' }]);
  const sought = client.people.find('phone', '+49 170 1234');
  const find = await peer.word('find');
  t.match(find, { by: 'phone', text: '+49 170 1234' });
  peer.say({ kind: 'found', req: find.req, list: [] });
  t.same(await sought, []);
});

t.test('PPL10 PPL12 PPL16 what is over for the day is told at once, and nothing waits behind it', async (t) => {
  const { client, peer } = await online(t);
  const over = { retry: true, afterMs: day_ms, reason: 'Tomorrow.' } as const;
  const sought = client.people.find('user', 'bob');
  const find = await peer.word('find');
  peer.say({ kind: 'refused', req: find.req, code: 'too_many_finds', ...over });
  const error = await sought.catch((thrown) => thrown);
  t.ok(error instanceof RingpostError);
  t.match(error, { code: 'too_many_finds', retry: true, afterMs: day_ms });

  const news = heard(client, 'refused');
  const [one, two] = [client.send('stranger', 'hello'), client.send('bob', 'hi')];
  await peer.words('send', 2);
  peer.say({ kind: 'refused', id: one.id, code: 'too_many_strangers', ...over });
  peer.say({ kind: 'accepted', id: two.id, n: 1, seq: 1, at: 1 });
  await until(() => one.outcome !== undefined && two.outcome !== undefined);
  t.match(one.outcome, { code: 'too_many_strangers', retry: true, afterMs: day_ms });
  t.match(two.outcome, { seq: 1 });
  t.equal(news.length, 1);
  const later = client.send('bob', 'again');
  await peer.word('send');
  peer.say({ kind: 'accepted', id: later.id, n: 2, seq: 2, at: 1 });
  await later.accepted;
  await settled();
  t.same(client.unsent(), []);
  t.equal(peer.frames.flat().filter((word) => word.kind === 'send' && word.id === one.id).length, 1, 'not said again');
});

t.test('PPL14 somebody leaves', async (t) => {
  const { client, peer } = await online(t);
  const gone = heard(client, 'gone');
  peer.say({ kind: 'events', from: 1, list: [{ kind: 'gone', user: 'bob', at: 7 }] });
  await until(() => gone.length === 1);
  t.match(gone, [{ user: 'bob', at: 7, n: 1 }]);
  t.equal(client.cursor, 1);
});
