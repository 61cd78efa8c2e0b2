import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { openSecret } from '../../commands/secret.ts';

t.test('the secret is made once, for this user alone, and leaves nothing beside it', async (t) => {
  const folder = t.testdir();
  const file = join(folder, 'secret');
  // Of a process of the same id that died while it wrote.
  writeFileSync(`${file}.${process.pid}`, 'half a sec', { mode: 0o600 });
  const first = openSecret(file);
  t.equal(first.byteLength, 32);
  t.strictSame(openSecret(file), first);
  t.equal(statSync(file).mode & 0o777, 0o600);
  t.strictSame(readdirSync(folder), ['secret']);
});

t.test('a secret that is too short, or stays empty, is refused in words', async (t) => {
  const folder = t.testdir({ short: 'c2hvcnQ=\n', empty: '' });
  t.throws(() => openSecret(join(folder, 'short')), /short must hold at least 32 bytes in base64/);
  t.throws(() => openSecret(join(folder, 'empty')), /empty must hold at least 32 bytes in base64/);
});
