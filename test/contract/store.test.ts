import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { FolderInUse } from '../../runtime/io/folder.ts';
import { openLmdbStore } from '../../runtime/io/lmdb-store.ts';
import type { Log, Store } from '../../runtime/ports.ts';
import { SimRandom, SimTime } from '../../sim/clock.ts';
import { SimDisk } from '../../sim/store.ts';
import { bytesOf, storeContract, wordsOf } from './store.ts';

function quiet(): Log & { readonly said: string[] } {
  const said: string[] = [];
  const say = (_fields: object, words: string) => said.push(words);
  return { said, info: say, warn: say, error: say };
}

function openAt(folder: string, log: Log = quiet()): Promise<Store> {
  return openLmdbStore({ folder, partitions: 4, log });
}

const write = (store: Store, words: string) => store.write([{ partition: 2, key: 'a', value: bytesOf(words) }]);

t.test('on LMDB', (t) => {
  const root = t.testdir();
  let folders = 0;
  storeContract(t, async () => {
    const store = await openAt(join(root, String(folders++)));
    return { store, settle: (promise) => promise, runs: 60, close: () => store.close() };
  });
  t.end();
});

function simulated(): { time: SimTime; disk: SimDisk } {
  const random = new SimRandom(11);
  const time = new SimTime(random.stream('ties'));
  return { time, disk: new SimDisk(time, random) };
}

t.test('simulated', (t) => {
  storeContract(t, async () => {
    const { time, disk } = simulated();
    const store = disk.open();
    return { store, settle: (promise) => time.until(promise), runs: 100, close: () => time.until(store.close()) };
  });
  t.end();
});

t.test('on LMDB, a range may be held up while rows come and go', async (t) => {
  const store = await openAt(t.testdir());
  const rows = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, i) => ({ partition: 1, key: `k${from + i}`, value: bytesOf('x') }));
  await store.write(rows(100, 110));
  for (const reverse of [false, true]) {
    const range = store.range(1, { from: 'k', to: 'l', reverse })[Symbol.iterator]();
    range.next();
    await store.write([...rows(90, 99), ...rows(200, 210)]);
    await store.write(rows(100, 105).map((row) => ({ ...row, value: undefined })));
    await store.write(rows(105, 110).map((row) => ({ ...row, value: undefined })));
    for (let n = 1; n < 10; n++) t.ok(range.next().done !== true);
    t.equal(range.next().done, true);
    await store.write(rows(100, 110));
    await store.write([...rows(90, 99), ...rows(200, 210)].map((row) => ({ ...row, value: undefined })));
  }
  await store.close();
});

t.test('on LMDB, what was written is there after a restart', async (t) => {
  const folder = t.testdir();
  const store = await openAt(folder);
  await write(store, 'kept');
  await store.close();
  const log = quiet();
  const again = await openAt(folder, log);
  t.equal(wordsOf(again.get(2, 'a')), 'kept');
  t.same(log.said, []);
  await again.close();
});

function changeMark(folder: string, changes: object): void {
  const path = join(folder, 'mark.json');
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...changes }));
}

t.test('A5: after a boot of the machine a store is kept if it was closed, and thrown away if not', async (t) => {
  const folder = t.testdir();
  await openAt(folder).then(async (store) => {
    await write(store, 'closed');
    await store.close();
  });
  changeMark(folder, { boot: 'another boot' });
  const kept = await openAt(folder);
  t.equal(wordsOf(kept.get(2, 'a')), 'closed');
  await kept.close();
  changeMark(folder, { boot: 'another boot', state: 'open' });
  const log = quiet();
  const wiped = await openAt(folder, log);
  t.equal(wiped.get(2, 'a'), undefined);
  t.match(log.said, [/thrown away/]);
  await wiped.close();
});

const damages: readonly [words: string, damage: (folder: string) => void][] = [
  ['its file is foreign', (folder) => writeFileSync(join(folder, 'data.mdb'), Buffer.alloc(65_536, 'not a database '))],
  ['its file is foreign', (folder) => writeFileSync(join(folder, 'data.mdb'), 'short')],
  ['its file is cut short', (folder) => truncateSync(join(folder, 'data.mdb'), 16_384)],
  ['nothing says how it was left', (folder) => rmSync(join(folder, 'mark.json'))],
  ['nothing says how it was left', (folder) => writeFileSync(join(folder, 'mark.json'), '{')],
  ['the last process died opening it', (folder) => changeMark(folder, { state: 'opening' })],
  ['its rows are written in layout 1', (folder) => changeMark(folder, { layout: undefined })],
  ['its rows are written in layout 3', (folder) => changeMark(folder, { layout: 3 })],
  ['its file is gone', (folder) => rmSync(join(folder, 'data.mdb'))],
  ['its file is gone', (folder) => truncateSync(join(folder, 'data.mdb'), 0)],
  ['damage was found in it', (folder) => changeMark(folder, { state: 'damaged' })],
  ['its last 3 processes died soon', (folder) => changeMark(folder, { state: 'open', deaths: 3 })],
];

for (const [words, damage] of damages) {
  t.test(`A5: a store in doubt is thrown away, with a word: ${words}`, async (t) => {
    const folder = t.testdir();
    const store = await openAt(folder);
    await write(store, 'x'.repeat(100_000));
    await store.close();
    damage(folder);
    const log = quiet();
    const again = await openAt(folder, log);
    t.match(log.said, [new RegExp(words)]);
    t.equal(again.get(2, 'a'), undefined);
    await write(again, 'new');
    t.equal(wordsOf(again.get(2, 'a')), 'new');
    await again.close();
    const once = quiet();
    await openAt(folder, once).then((store) => store.close());
    t.same(once.said, []);
  });
}

t.test('a folder is one process’s at a time, and free again after kill -9', async (t) => {
  const folder = join(t.testdir(), 'a rather long name for a folder '.repeat(4));
  const child = await holder(t, folder);
  await t.rejects(openAt(folder), FolderInUse);
  await t.rejects(openAt(folder), /in use by another running process/);
  child.kill('SIGKILL');
  await once(child, 'exit');
  t.ok(existsSync(join(folder, 'lock.sock')), 'it had no chance to clean up');
  const store = await openAt(folder);
  t.equal(wordsOf(store.get(2, 'a')), 'by the child', 'what was committed survives its process');
  await t.rejects(openAt(folder), FolderInUse, 'also within one process');
  await store.close();
});

/** Another process that opens the store, writes, and stays. */
async function holder(t: Test, folder: string) {
  const program = fileURLToPath(new URL('./store-holder.js', import.meta.url));
  const child = spawn(process.execPath, [program, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child;
}

t.test('simulated: kill -9 keeps what was committed; loss of power, at most what was flushed', async (t) => {
  for (const wiped of [true, false]) {
    const { time, disk } = simulated();
    disk.faults.flushMs = [1_000, 1_000];
    const first = disk.open();
    t.throws(() => disk.open(), /in use/);
    await time.until(write(first, 'flushed'));
    await time.until(first.flushed());
    await time.until(write(first, 'committed'));
    let heard = false;
    void write(first, 'under way').then(() => {
      heard = true;
    });
    disk.kill();
    await time.pass(10);
    t.equal(heard, false, 'a process that is gone hears nothing');
    t.equal(wordsOf(disk.open().get(2, 'a')), 'committed');
    disk.powerLoss(wiped);
    t.equal(wordsOf(disk.open().get(2, 'a')), wiped ? undefined : 'flushed');
  }
});

t.test('simulated: a full disk refuses the whole write', async (t) => {
  const { time, disk } = simulated();
  const store = disk.open();
  disk.faults.refused = 1;
  await t.rejects(time.until(write(store, 'x')), /no space/);
  t.equal(store.get(2, 'a'), undefined);
});
