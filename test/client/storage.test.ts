import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { RingpostClient, type Saved } from '../../client/index.ts';
import { fileStorage } from '../../client/node.ts';

const saved: Saved = {
  tokens: {
    user: 'alice',
    device: 'test',
    session: 's',
    accessToken: 'a',
    accessUntil: 1,
    refreshToken: 'r',
    refreshUntil: 2,
  },
  epoch: 'e1',
  cursor: 7,
  outbox: [{ kind: 'send', id: 'm1', to: 'bob', body: 'hé' }],
};

t.test('a file holds the whole state, for its owner alone', async (t) => {
  const path = join(t.testdir(), 'new', 'state.json');
  const storage = fileStorage(path);
  t.equal(await storage.load(), undefined);
  await storage.save({ ...saved, cursor: 6 });
  await storage.save(saved);
  t.strictSame(await storage.load(), saved);
  t.equal(statSync(path).mode & 0o777, 0o600);
  t.strictSame(readdirSync(join(path, '..')), ['state.json'], 'nothing is left lying about');
});

t.test('what is not a state is refused, not guessed at', async (t) => {
  const path = join(t.testdir(), 'state.json');
  for (const text of ['', '{"tokens":', '{}', JSON.stringify({ ...saved, outbox: [{ kind: 'send', id: 1 }] })]) {
    writeFileSync(path, text);
    const restored = RingpostClient.restore({ url: 'http://localhost:1', storage: fileStorage(path) });
    await t.rejects(restored, { code: 'storage', retry: false }, text);
  }
});
