/** What every Archive promises, whatever it is made of. */
import { createHash, randomBytes } from 'node:crypto';
import type { Test } from 'tap';
import type { Archive } from '../../runtime/ports.ts';

export interface ArchiveWorld {
  /** The same archive through two nodes. */
  readonly archive: Archive;
  readonly other: Archive;
  /** Waits; where time is simulated, lets it pass. */
  readonly settle: <T>(promise: Promise<T>) => Promise<T>;
  /** Of a big segment. */
  readonly bigBytes: number;
  close(): Promise<void>;
}

async function whole(parts: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const part of parts) all.push(part);
  return Buffer.concat(all);
}

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function* inParts(bytes: Uint8Array, partBytes: number): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += partBytes) yield bytes.subarray(at, at + partBytes);
}

export function archiveContract(t: Test, openWorld: () => Promise<ArchiveWorld>): void {
  t.test('archive contract', async (t) => {
    const world = await openWorld();
    t.teardown(() => world.close());
    segmentTests(t, world);
    pointerTests(t, world);
  });
}

function segmentTests(t: Test, { archive, other, settle, bigBytes }: ArchiveWorld): void {
  t.test('a segment comes back as it was put, whatever its parts', async (t) => {
    const big = randomBytes(bigBytes);
    const segments: [string, Uint8Array, number][] = [
      ['1/empty', new Uint8Array(), 1],
      ['1/small', Buffer.from('small'), 2],
      ['1/big', big, 70_001],
      ['1/one-part', big.subarray(0, bigBytes / 2), bigBytes],
    ];
    for (const [name, bytes, partBytes] of segments) {
      await settle(archive.put(name, inParts(bytes, partBytes)));
      t.equal(digest(await settle(whole(other.get(name)))), digest(bytes), name);
    }
    await settle(archive.put('1/array', [Buffer.from('a'), Buffer.from('b')]));
    t.equal((await settle(whole(archive.get('1/array')))).toString(), 'ab');
  });

  t.test('a name is written once', async (t) => {
    await settle(archive.put('2/once', [Buffer.from('first')]));
    await t.rejects(settle(other.put('2/once', [Buffer.from('second')])));
    t.equal((await settle(whole(archive.get('2/once')))).toString(), 'first');
  });

  t.test('what is not there is not read', async (t) => {
    await t.rejects(settle(whole(archive.get('3/absent'))));
    await settle(archive.remove('3/absent'));
  });

  t.test('a put whose parts break off leaves nothing that can be read', async (t) => {
    const parts = async function* () {
      yield randomBytes(1_000_000);
      throw new Error('made up');
    };
    await t.rejects(settle(archive.put('4/torn', parts())), /made up/);
    await t.rejects(settle(whole(other.get('4/torn'))));
    await settle(archive.remove('4/torn'));
    t.strictSame(await settle(archive.names(4)), []);
  });

  t.test('names of a partition, and no other’s; removed ones are gone', async (t) => {
    for (const name of ['5/a', '5/b_-9', '55/c']) await settle(archive.put(name, [Buffer.from(name)]));
    t.strictSame([...(await settle(other.names(5)))].sort(), ['5/a', '5/b_-9']);
    await settle(archive.remove('5/a'));
    t.strictSame(await settle(other.names(5)), ['5/b_-9']);
    await t.rejects(settle(whole(other.get('5/a'))));
    t.equal((await settle(whole(other.get('5/b_-9')))).toString(), '5/b_-9');
    t.strictSame(await settle(archive.names(777)), []);
  });
}

function pointerTests(t: Test, { archive, other, settle }: ArchiveWorld): void {
  t.test('a pointer is changed by who knows the last', async (t) => {
    t.strictSame(await settle(archive.pointer(9)), { version: 0, bytes: undefined });
    const first = await settle(archive.point(9, 0, Buffer.from('one')));
    t.ok(first !== undefined && first > 0);
    t.equal(await settle(other.point(9, 0, Buffer.from('other'))), undefined);
    const read = await settle(other.pointer(9));
    t.strictSame([read.version, Buffer.from(read.bytes ?? []).toString()], [first, 'one']);
    const second = await settle(other.point(9, first ?? 0, Buffer.from('two')));
    t.ok((second ?? 0) > (first ?? 0));
    t.equal((await settle(archive.pointer(10))).version, 0, 'each partition has its own');
  });

  t.test('of two who know the last, one comes first', async (t) => {
    const tries = [archive, other].map((one, i) => one.point(11, 0, Buffer.from(`${i}`)));
    const versions = await settle(Promise.all(tries));
    t.equal(versions.filter((version) => version !== undefined).length, 1);
  });
}
