/** Three real nodes, and an operator who finds what is wrong with them, and mends it. */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { freePort } from '../../scripts/free-ports.ts';
import { pause, startCluster } from './cluster.ts';
import { ringpost, seenBy, tokensFile } from './operator.ts';
import { talk } from './pairs.ts';

interface VerifiedSeen {
  readonly partition: number;
  readonly node: string;
  readonly sound: boolean;
  readonly rows: number;
  readonly broken: string;
}

t.setTimeout(120_000);
t.test('three nodes, three nats-servers, and an operator', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'ringpost-repair-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const tokens = join(folder, 'tokens');
  writeFileSync(tokens, tokensFile);
  const at: Record<string, string> = {};
  const cluster = await startCluster(3, [], async (name) => {
    const port = await freePort();
    at[name] = `127.0.0.1:${port}`;
    return ['--admin-port', String(port), '--admin-tokens', tokens];
  });
  t.teardown(() => cluster.stop());
  const [n1 = '', n2 = '', n3 = ''] = [at.n1, at.n2, at.n3];

  await t.test('All partitions are verified under load, from any node', async (t) => {
    const talking = await talk((user) => cluster.client(user), 'repair', 2, 50);
    const all = await seenBy<readonly VerifiedSeen[]>('operator', n1, 'verify', '--all', '--reason', 'each night');
    t.equal(all.length, 32);
    t.strictSame([...new Set(all.map(({ node }) => node))].sort(), ['n1', 'n2', 'n3']);
    t.ok(all.every(({ sound }) => sound));
    t.ok(all.reduce((sum, { rows }) => sum + rows, 0) > 100);
    await talking.end(t);
    t.same(
      talking.pairs.flatMap(({ troubles }) => troubles),
      [],
    );
    const log = await seenBy<readonly { method: string; target: string; outcome: string }[]>('viewer', n2, 'audit');
    t.match(log.slice(-2), [
      { method: 'VerifyPartition', target: '{"partition":31}', outcome: 'begun' },
      { method: 'VerifyPartition', outcome: /^done \(63\): sound$/ },
    ]);
  });

  await t.test('A bit that flips in an owner’s store is found, and mended', async (t) => {
    const [alice, bob] = [await cluster.client('alice'), await cluster.client('bob')];
    await Promise.all([alice.connect(), bob.connect()]);
    await alice.send('bob', 'canary words of the test').accepted;
    const { partition, node } = await seenBy<VerifiedSeen>('viewer', n1, 'actor', 'user/alice');
    const store = join(cluster.folder, node, 'store', 'data.mdb');
    await flip(store, 'canary words', 'conary words');
    const verify = ['verify', String(partition), '--reason', 'a doubt'];
    const found = await ringpost('operator', n3, ...verify);
    t.match(found, { code: 1, out: /store damaged: .*checksum of a row/ });
    t.notMatch(found.out, /canary/);
    let again = await ringpost('operator', n2, ...verify);
    for (let tries = 0; again.code !== 0 && tries < 20; tries++) {
      await pause(300);
      again = await ringpost('operator', n2, ...verify);
    }
    t.match(again, { code: 0, out: /: sound\n/ });
    const read = await ringpost('admin', n2, 'actor', 'user/alice', 'tl');
    t.match(read.out, /canary words of the test/);
    await Promise.all([alice.close(), bob.close()]);
  });

  await t.test('A partition is built anew on an admin’s word alone', async (t) => {
    const words = ['rebuild', '7', '--yes', '--reason', 'to be sure'];
    t.equal((await ringpost('operator', n1, ...words)).code, 4);
    const before = await seenBy<{ partition: { epoch: number } }>('viewer', n1, 'partitions', '7');
    const rebuilt = await seenBy<VerifiedSeen>('admin', n1, ...words);
    t.match(rebuilt, { partition: 7, sound: true });
    let again: VerifiedSeen | undefined;
    for (let tries = 0; again === undefined && tries < 20; tries++) {
      again = await seenBy<VerifiedSeen>('operator', n1, 'verify', '7', '--reason', 'after it').catch(() => undefined);
    }
    t.match(again, { sound: true, rows: rebuilt.rows });
    const after = await seenBy<{ partition: { epoch: number } }>('viewer', n1, 'partitions', '7');
    t.ok(after.partition.epoch > before.partition.epoch);
  });
});

/** Changes a letter of a text in a file that a process has open and mapped, once it is there. */
async function flip(file: string, text: string, other: string): Promise<void> {
  for (let tries = 0; tries < 50; tries++) {
    const bytes = readFileSync(file);
    if (!bytes.includes(text)) {
      await pause(100);
      continue;
    }
    const open = openSync(file, 'r+');
    for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) writeSync(open, other, at, 'latin1');
    closeSync(open);
    return;
  }
  throw new Error(`${file} has no such text`);
}
