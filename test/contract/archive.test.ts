import { existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { FolderInUse } from '../../runtime/io/folder.ts';
import { openFolderArchive } from '../../runtime/io/folder-archive.ts';
import type { Archive } from '../../runtime/ports.ts';
import { SimArchive } from '../../sim/archive.ts';
import { SimRandom, SimTime } from '../../sim/clock.ts';
import { archiveContract, digest, digestOf, inParts, whole } from './archive.ts';

t.setTimeout(120_000);

t.test('the archive in a folder', (t) => {
  const root = t.testdir();
  let folders = 0;
  archiveContract(t, async () => {
    const archive = await openFolderArchive(join(root, String(folders++)));
    return {
      archive,
      other: archive,
      settle: (promise) => promise,
      bigBytes: 64_000_000,
      close: () => archive.close(),
    };
  });
  t.end();
});

t.test('the simulated archive', (t) => {
  archiveContract(t, async () => {
    const random = new SimRandom(1);
    const time = new SimTime(random.stream('ties'));
    const archive = new SimArchive(time, random);
    return {
      archive: archive.connect(),
      other: archive.connect(),
      settle: (promise) => time.until(promise),
      bigBytes: 200_000,
      close: async () => {},
    };
  });
  t.end();
});

async function opened(t: Test): Promise<{ folder: string; archive: Archive }> {
  const folder = t.testdir();
  const archive = await openFolderArchive(folder);
  t.teardown(() => archive.close());
  return { folder, archive };
}

t.test('names never leave the folder', async (t) => {
  const { archive } = await opened(t);
  const wrong = [
    '../x',
    '1/../../x',
    '1/a/b',
    'x/1',
    '1/',
    '/1',
    '1/.',
    '1/..',
    '/etc/passwd',
    '1/a\0',
    '01/a',
    '1/a.b',
  ];
  for (const name of [...wrong, '-1/a', '1', '', ' 1/a', `1/${'a'.repeat(201)}`, '100000/a', '1/ä', '1/a\n']) {
    await t.rejects(archive.put(name, []), TypeError, JSON.stringify(name));
    await t.rejects(whole(archive.get(name)), TypeError);
    await t.rejects(archive.remove(name), TypeError);
  }
});

t.test('what was put is there after a restart, and only that', async (t) => {
  const { folder, archive } = await opened(t);
  await t.rejects(openFolderArchive(folder), FolderInUse);
  await archive.put('1/kept', [Buffer.from('kept')]);
  await archive.point(1, 0, Buffer.from('pointer'));
  let letGo = () => {};
  const slow = async function* () {
    yield Buffer.from('some');
    await new Promise<void>((resolve) => {
      letGo = resolve;
    });
    yield Buffer.from('more');
  };
  const interrupted = archive.put('1/interrupted', slow());
  while (!existsSync(join(folder, 'segments/1/interrupted.new')))
    await new Promise((resolve) => setTimeout(resolve, 5));
  t.same(await archive.names(1), ['1/kept']);
  await t.rejects(archive.put('1/interrupted', []), /already/);
  await archive.close();
  letGo();
  await t.rejects(interrupted, /closed/);
  await t.rejects(archive.put('1/late', []), /closed/);
  await t.rejects(whole(archive.get('1/kept')), /closed/);
  await t.rejects(archive.pointer(1), /closed/);
  // As kill -9 leaves them.
  const leftovers = ['segments/1/left.new', 'pointers/1.new', 'pointers/2.new'].map((path) => join(folder, path));
  for (const path of leftovers) writeFileSync(path, 'half');
  const again = await openFolderArchive(folder);
  t.teardown(() => again.close());
  t.notOk(leftovers.some(existsSync));
  t.same(await again.names(1), ['1/kept']);
  t.equal((await whole(again.get('1/kept'))).toString(), 'kept');
  t.equal((await again.pointer(1)).version, 1);
  await again.put('1/left', [Buffer.from('x')]);
});

t.test('a segment’s file that was changed, cut or made longer is told', async (t) => {
  const { folder, archive } = await opened(t);
  const path = join(folder, 'segments/1/a');
  const bytes = Buffer.alloc(1_500_000, 'segment');
  await archive.put('1/a', inParts(bytes, 99_999));
  const file = readFileSync(path);
  const rejects = async (words: RegExp) => await t.rejects(digestOf(archive.get('1/a')), words);
  for (const at of [
    0,
    700_000,
    1_499_999,
    ...Array.from({ length: file.length - 1_500_000 }, (_, i) => 1_500_000 + i),
  ]) {
    const changed = Buffer.from(file);
    changed[at] = (changed[at] as number) ^ 16;
    writeFileSync(path, changed);
    await rejects(/1\/a is damaged/);
  }
  writeFileSync(path, Buffer.concat([file, Buffer.alloc(1)]));
  await rejects(/not whole/);
  writeFileSync(path, file);
  for (const length of [file.length - 1, 700_000, 10, 9, 0]) {
    truncateSync(path, length);
    await rejects(/not whole/);
  }
  writeFileSync(path, file);
  t.equal(await digestOf(archive.get('1/a')), digest(bytes));
});

t.test('a pointer’s file that was changed is told, and never taken for none', async (t) => {
  const { folder, archive } = await opened(t);
  const path = join(folder, 'pointers/3');
  const version = await archive.point(3, 0, Buffer.from('pointer'));
  const file = readFileSync(path);
  const damaged = [Buffer.alloc(0), Buffer.alloc(10), file.subarray(0, -1), Buffer.concat([file, Buffer.alloc(1)])];
  for (let at = 0; at < file.length; at++) {
    const changed = Buffer.from(file);
    changed[at] = (changed[at] as number) ^ 1;
    damaged.push(changed);
  }
  for (const bytes of damaged) {
    writeFileSync(path, bytes);
    await t.rejects(archive.pointer(3), /pointers\/3 is damaged/);
    for (const known of [0, version ?? 0]) await t.rejects(archive.point(3, known, Buffer.from('x')), /is damaged/);
  }
  writeFileSync(path, file);
  t.equal(Buffer.from((await archive.pointer(3)).bytes ?? []).toString(), 'pointer');
});
