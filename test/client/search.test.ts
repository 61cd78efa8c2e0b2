import t from 'tap';
import type { MessageState } from '../../proto/words.ts';
import { message, online } from './scripted-client.ts';

const state = (seq: number): MessageState => ({
  ...message('bob', seq),
  n: seq,
  delivered: 0,
  read: 0,
  failed: '',
  edited: 0,
  retracted: 0,
  reactions: [],
  pinned: 0,
});

t.test('a search goes on over empty pages, and only as far as the loop does', async (t) => {
  const { client, peer } = await online(t);
  const found = client.search({ words: 'says', from: 'bob', after: 5 });
  const first = found.next();
  const asked = await peer.word('search');
  t.match(asked, { words: 'says', from: 'bob', after: 5, cursor: 0 });
  peer.say({ kind: 'messages', req: asked.req, messages: [], next: 40 });
  const again = await peer.word('search');
  t.match(again, { words: 'says', cursor: 40 });
  peer.say({ kind: 'messages', req: again.req, messages: [state(9), state(7)], next: 6 });
  t.match(await first, { value: { seq: 9 }, done: false });
  t.match(await found.next(), { value: { seq: 7 }, done: false });
  t.same(
    peer.unread().filter(({ kind }) => kind === 'search'),
    [],
    'the next page is not asked for before it is wanted',
  );
  const last = found.next();
  const third = await peer.word('search');
  t.equal(third.cursor, 6);
  peer.say({ kind: 'messages', req: third.req, messages: [], next: 0 });
  t.match(await last, { done: true });
});

t.test('a refusal ends the loop', async (t) => {
  const { client, peer } = await online(t);
  const first = client.search({ words: 'x' }).next();
  const { req } = await peer.word('search');
  peer.say({ kind: 'refused', req, code: 'malformed', reason: 'No.', retry: false });
  await t.rejects(first, { code: 'malformed' });
});

t.test('searches wait for messages, not messages for searches', async (t) => {
  const { client, peer } = await online(t, { pace: { words_per_s_max: 100, words_burst_max: 40 } });
  const searches = ['a', 'b', 'c', 'd'].map((words) =>
    client
      .search({ words })
      .next()
      .catch(() => undefined),
  );
  client.send('bob', 'hello');
  await peer.word('send');
  const [one] = await peer.words('search', 2);
  t.equal(one?.words, 'a');
  t.same(
    peer.unread().filter(({ kind }) => kind === 'search'),
    [],
  );
  await peer.words('search', 2);
  await client.close();
  await Promise.all(searches);
});
