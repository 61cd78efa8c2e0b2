/** Three real nodes, and an operator who finds what is wrong with them, and mends it. */
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { partitionOf } from '../../runtime/hash.ts';
import { pause } from './cluster.ts';
import { seenBy as seen, startOperated, typist } from './operator.ts';
import { talk } from './pairs.ts';

interface VerifiedSeen {
  readonly partition: number;
  readonly node: string;
  readonly sound: boolean;
  readonly rows: number;
  readonly broken: string;
}

t.setTimeout(280_000);
t.test('three nodes, three nats-servers, and an operator', async (t) => {
  // One node is set up wrongly: long messages are more than its turns may write.
  const narrow = (name: string): string[] => (name === 'n3' ? ['--set', 'runtime.turn_bytes_max=8000'] : []);
  const { cluster, folder, at } = await startOperated(t, narrow);
  const [n1, n2, n3] = at;
  const ringpost = typist(folder);
  const seenBy = <T>(as: string, node: string, ...args: string[]): Promise<T> => seen<T>(ringpost, as, node, ...args);

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

  await t.test('Dead letters are read, had once more, and dropped, once what made them is mended', async (t) => {
    const owners = await seenBy<readonly { owner: string }[]>('viewer', n1, 'partitions');
    const nameOn = (prefix: string, isIt: (owner: string | undefined) => boolean): string => {
      const names = Array.from({ length: 1_000 }, (_, i) => `${prefix}-${i}`);
      return names.find((name) => isIt(owners[partitionOf(`user/${name}`, 32)]?.owner)) ?? '';
    };
    const [from, to] = [nameOn('sender', (owner) => owner !== 'n3'), nameOn('recipient', (owner) => owner === 'n3')];
    const [sender, recipient] = [await cluster.client(from), await cluster.client(to)];
    await sender.connect();
    const [first, second] = ['first', 'second'].map((word) => `${word} canary `.repeat(1_000)) as [string, string];
    for (const body of [first, second]) await sender.send(to, body).accepted;
    const letters = async (node: string, count: number): Promise<readonly LetterSeen[]> => {
      for (let tries = 0; ; tries++) {
        const all = await seenBy<readonly LetterSeen[]>('viewer', node, 'dead-letters');
        if (all.length === count || tries >= 40) return all;
        await pause(300);
      }
    };
    const [one, other, ...others] = await letters(n1, 2);
    if (one === undefined || other === undefined) throw new Error('there are two letters');
    t.strictSame(others, []);
    t.match(one, { to: `user/${to}`, from: `user/${from}`, why: /a turn wrote about \d+ bytes/ });
    const turned = await ringpost('viewer', n2, 'actor', `user/${to}`);
    t.match(turned.out, /a turn wrote about \d+ bytes/, 'what threw is among its last turns');
    const viewed = await ringpost('viewer', n2, 'dead-letters', 'show', one.name);
    t.match(viewed, { code: 0, out: /<13000 characters>/ });
    t.notMatch(viewed.out, /canary/);
    t.match(await ringpost('admin', n2, 'dead-letters', 'show', one.name), { code: 0, out: /first canary/ });

    const replay = (name: string) => ringpost('operator', n1, 'dead-letters', 'replay', name, '--reason', 'again');
    const drop = (as: string, name: string) =>
      ringpost(as, n2, 'dead-letters', 'drop', name, '--yes', '--reason', 'nobody wants it');
    t.equal((await replay(one.name)).code, 0);
    const again = (await letters(n3, 2)).find(({ name }) => name !== other.name);
    t.not(again?.name, one.name, 'what is not mended makes another one');
    t.equal((await replay(one.name)).code, 3, 'and the one before is none any longer');
    t.equal((await ringpost('operator', n1, 'drain', 'n3', '--yes', '--reason', 'set up wrongly')).code, 0);
    t.equal((await letters(n2, 2)).length, 2, 'they go with their partition');
    t.equal((await drop('operator', other.name)).code, 4);
    t.equal((await drop('admin', other.name)).code, 0);
    t.equal((await replay(again?.name ?? '')).code, 0);
    t.strictSame(await letters(n1, 0), []);
    const heard = new Promise<string>((resolve) => {
      recipient.on('message', ({ body }) => resolve(body));
    });
    await recipient.connect();
    t.equal(await heard, first);
    const log = await seenBy<readonly { method: string; target: string }[]>('viewer', n1, 'audit');
    const mended = log.filter(({ method }) => method.endsWith('DeadLetter')).map(({ method }) => method);
    t.strictSame(mended, [
      ...['ReplayDeadLetter', 'ReplayDeadLetter', 'DropDeadLetter', 'DropDeadLetter'],
      ...['ReplayDeadLetter', 'ReplayDeadLetter'],
    ]);
  });

  await t.test('ADM4 the audit log is exported, shortened, and verified across', async (t) => {
    const file = join(folder, 'audit.jsonl');
    const exported = await seenBy<{ entries: number; number: number; head: string }>(
      'viewer',
      n1,
      'audit',
      'export',
      file,
    );
    t.equal(readFileSync(file, 'utf8').trimEnd().split('\n').length, exported.entries);
    t.equal((await ringpost('viewer', n1, 'audit', 'export', file)).code, 1, 'what is there is not written over');
    // The newest stays: one more is begun with the order itself.
    const last = `${exported.number}:${exported.head}`;
    const wrong = `${exported.number - 1}:${exported.head}`;
    const trim = (as: string, what: string) =>
      ringpost(as, n2, 'audit', 'trim', what, '--yes', '--reason', 'it is kept elsewhere');
    t.equal((await trim('operator', last)).code, 4);
    t.equal((await trim('admin', wrong)).code, 3);
    t.equal((await trim('admin', last)).code, 3, 'not the newest');
    await ringpost('operator', n1, 'resume', 'n3', '--reason', 'for one more entry');
    t.equal((await trim('admin', last)).code, 0);
    const left = await seenBy<readonly { number: number }[]>('viewer', n1, 'audit');
    t.equal(left[0]?.number, exported.number + 1);
    const noted = ['audit', 'verify', '--noted', last];
    t.match(await ringpost('viewer', n1, ...noted), { code: 0, out: /4 entries, each as it was written/ });
    t.match(await ringpost('viewer', n1, ...noted, '--from', file), {
      code: 0,
      out: new RegExp(`${exported.number + 4} entries`),
    });
    writeFileSync(file, readFileSync(file, 'utf8').replace('each night', 'each month'));
    t.match(await ringpost('viewer', n1, 'audit', 'verify', '--from', file), {
      code: 1,
      err: /entry 1 is not what it was/,
    });
  });
});

interface LetterSeen {
  readonly name: string;
  readonly to: string;
  readonly from: string;
  readonly why: string;
}

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
