/** What every storage of blobs promises. */
import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { Test } from 'tap';
import type { Storage } from '../../gateway/media/storage.ts';

function nameOf(text: string): string {
  return `${createHash('sha256').update(text).digest('hex')}.1-a`;
}

async function read(storage: Storage, name: string, from: number, to: number): Promise<string | undefined> {
  const body = await storage.get(name, from, to);
  return body && (await buffer(body)).toString('latin1');
}

async function all(storage: Storage, limit: number): Promise<string[]> {
  const names: string[] = [];
  let after = '';
  for (;;) {
    const { blobs, next } = await storage.list(after, limit);
    names.push(...blobs.map(({ name }) => name));
    if (next === '') return names;
    after = next;
  }
}

export async function storageContract(t: Test, open: () => Promise<Storage>): Promise<void> {
  const storage = await open();
  t.teardown(() => storage.close());
  await keepsBlobs(t, storage);
  await listsBlobs(t, storage);
}

async function keepsBlobs(t: Test, storage: Storage): Promise<void> {
  await t.test('what was put is there, wholly and in ranges', async (t) => {
    const name = nameOf('ranges');
    t.equal(await storage.size(name), undefined);
    t.equal(await storage.get(name, 0, 9), undefined);
    await storage.put(name, Readable.from([Buffer.from('0123'), Buffer.from('456789')]));
    t.equal(await storage.size(name), 10);
    t.equal(await read(storage, name, 0, 9), '0123456789');
    t.equal(await read(storage, name, 3, 3), '3');
    t.equal(await read(storage, name, 8, 9), '89');
    await storage.put(name, Readable.from([Buffer.from('again')]));
    t.equal(await read(storage, name, 0, 4), 'again');
    await storage.delete(name);
    t.equal(await storage.size(name), undefined);
    await storage.delete(name);
  });

  await t.test('an empty blob, and one of several parts', async (t) => {
    const empty = nameOf('empty');
    await storage.put(empty, Readable.from([]));
    t.equal(await storage.size(empty), 0);
    const large = randomBytes(11 * 1024 * 1024 + 7);
    const name = nameOf('large');
    const chunks = Array.from({ length: 12 }, (_, i) => large.subarray(i * 1024 * 1024, (i + 1) * 1024 * 1024));
    await storage.put(name, Readable.from(chunks));
    t.equal(await storage.size(name), large.length);
    const body = await storage.get(name, 0, large.length - 1);
    t.ok(body && large.equals(await buffer(body)));
    t.equal(await read(storage, name, 5_242_879, 5_242_881), large.subarray(5_242_879, 5_242_882).toString('latin1'));
    await Promise.all([storage.delete(name), storage.delete(empty)]);
  });

  await t.test('of a source that fails nothing is kept', async (t) => {
    const name = nameOf('broken');
    const broken = Readable.from(
      (function* () {
        yield Buffer.alloc(6 * 1024 * 1024);
        throw new Error('the source failed');
      })(),
    );
    // With what words is the storage's affair: the server of the tests can't take back the parts, and says that.
    await t.rejects(storage.put(name, broken));
    t.equal(await storage.size(name), undefined);
    t.same(await all(storage, 100), []);
  });
}

async function listsBlobs(t: Test, storage: Storage): Promise<void> {
  await t.test('pages list all, in the order of names, with their sizes and times', async (t) => {
    const names = Array.from({ length: 12 }, (_, i) => nameOf(`page ${i}`)).sort();
    const before = Date.now();
    for (const name of names) await storage.put(name, Readable.from([Buffer.from(name.slice(0, 7))]));
    t.same(await all(storage, 5), names);
    t.same(await all(storage, 12), names);
    const { blobs } = await storage.list('', 1);
    t.equal(blobs[0]?.bytes, 7);
    // Whole seconds, where the storage has no finer ones.
    t.ok(blobs[0]!.at > before - 2_000 && blobs[0]!.at < Date.now() + 2_000);
    t.same(
      (await storage.list(names[4]!, 2)).blobs.map(({ name }) => name),
      names.slice(5, 7),
    );
    for (const name of names) await storage.delete(name);
    t.same(await all(storage, 5), []);
  });

  await t.test('what is no name is no path', async (t) => {
    for (const name of ['', '../x', 'a', `${'a'.repeat(64)}.`, `${'a'.repeat(64)}./..`, `${'A'.repeat(64)}.1`]) {
      await t.rejects(async () => storage.put(name, Readable.from([])), TypeError, name);
      await t.rejects(async () => storage.get(name, 0, 1), TypeError, name);
      await t.rejects(async () => storage.delete(name), TypeError, name);
    }
  });
}
