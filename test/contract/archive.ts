/** What every Archive promises, whatever it is made of. */
import { createHash, randomBytes } from 'node:crypto';
import type { Test } from 'tap';
import type { Archive } from '../../runtime/ports.ts';

export interface ArchiveWorld {
  /** The same archive through two nodes, empty. */
  readonly archive: Archive;
  readonly other: Archive;
  /** Waits; where time is simulated, lets it pass. */
  readonly settle: <T>(promise: Promise<T>) => Promise<T>;
  /** Of a big segment: at least four of the archive's own parts. */
  readonly bigBytes: number;
  close(): Promise<void>;
}

export async function whole(parts: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const part of parts) all.push(part);
  return Buffer.concat(all);
}

/** `whole` once more, in few bytes. */
export async function digestOf(parts: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  for await (const part of parts) hash.update(part);
  return hash.digest('hex');
}

export function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Each part is in the same memory, so it holds only until the next is asked for. */
export async function* inParts(bytes: Uint8Array, partBytes: number): AsyncIterable<Uint8Array> {
  const part = Buffer.alloc(partBytes);
  for (let at = 0; at < bytes.length; at += partBytes) {
    part.set(bytes.subarray(at, at + partBytes));
    yield part.subarray(0, bytes.length - at);
  }
}

export function archiveContract(t: Test, open: () => Promise<ArchiveWorld>): void {
  const test = (title: string, body: (t: Test, world: ArchiveWorld) => Promise<void>) =>
    t.test(title, { timeout: 120_000 }, async (t) => {
      const world = await open();
      t.teardown(() => world.close());
      await body(t, world);
    });
  test('a segment comes back as it was put, whatever its parts', partsTest);
  test('a name is written once', onceTest);
  test('of two puts of one name at once, at most one is kept, whole', bothTest);
  test('what is not there is not read', absentTest);
  test('a put whose parts break off leaves nothing that can be read', tornTest);
  test('names of a partition, and no other’s; removed ones are gone', namesTest);
  test('a segment that is removed while it is read never ends early in silence', removedTest);
  test('a get that is left early does no harm', leftTest);
  test('a pointer is changed by who knows the last', pointerTest);
  test('of many who know the last, one comes first', racesTest);
  test('a pointer has 0 to 256 KiB', pointerSizesTest);
}

const bytesOf = (words: string) => Buffer.from(words);
const wordsOf = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString();

async function partsTest(t: Test, { archive, other, settle, bigBytes }: ArchiveWorld): Promise<void> {
  const big = randomBytes(bigBytes);
  const segments: [string, Uint8Array, number][] = [
    ['1/empty', new Uint8Array(), 1],
    ['1/small', bytesOf('small'), 2],
    ['1/odd', big.subarray(0, bigBytes / 2 + 1), 70_001],
    ['1/one-part', big.subarray(0, bigBytes / 4), bigBytes],
    ['1/big', big, 250_000],
  ];
  for (const [name, bytes, partBytes] of segments) {
    await settle(archive.put(name, inParts(bytes, partBytes)));
    t.equal(await settle(digestOf(other.get(name))), digest(bytes), name);
  }
  await settle(archive.put('1/array', [bytesOf('a'), bytesOf(''), bytesOf('b')]));
  t.equal(wordsOf(await settle(whole(archive.get('1/array')))), 'ab');
  await settle(archive.put('1/none', []));
  t.equal(wordsOf(await settle(whole(other.get('1/none')))), '');
  t.equal(await settle(digestOf(archive.get('1/big'))), digest(big), 'and once more');
}

async function onceTest(t: Test, { archive, other, settle, bigBytes }: ArchiveWorld): Promise<void> {
  for (const [name, length] of [['2/small', 10] as const, ['2/big', bigBytes / 2] as const, ['2/empty', 0] as const]) {
    const first = randomBytes(length);
    await settle(archive.put(name, inParts(first, 100_000)));
    await t.rejects(settle(other.put(name, inParts(randomBytes(bigBytes / 2), 100_000))), name);
    await t.rejects(settle(archive.put(name, inParts(first, 100_000))), 'not even the same bytes');
    t.equal(await settle(digestOf(other.get(name))), digest(first), 'the first is as it was');
  }
}

async function bothTest(t: Test, { archive, other, settle, bigBytes }: ArchiveWorld): Promise<void> {
  const segments = [archive, other, archive].map((node) => ({ node, bytes: randomBytes(bigBytes / 2) }));
  const puts = segments.map(({ node, bytes }) => node.put('3/both', inParts(bytes, 100_000)));
  const done = await settle(Promise.allSettled(puts));
  const kept = segments.filter((_, i) => done[i]?.status === 'fulfilled');
  t.equal(kept.length, 1);
  t.equal(await settle(digestOf(archive.get('3/both'))), digest(kept[0]?.bytes ?? Buffer.alloc(0)));
}

async function absentTest(t: Test, { archive, other, settle }: ArchiveWorld): Promise<void> {
  await t.rejects(settle(whole(archive.get('4/absent'))), /4\/absent/);
  await settle(archive.remove('4/absent'));
  t.same(await settle(archive.names(4)), []);
  await settle(archive.put('4/present', [bytesOf('x')]));
  await t.rejects(settle(whole(other.get('4/presen'))), /4\/presen/);
  await t.rejects(settle(whole(other.get('40/present'))), /40\/present/);
}

async function tornTest(t: Test, { archive, other, settle, bigBytes }: ArchiveWorld): Promise<void> {
  const torn = async function* (length: number) {
    yield* inParts(randomBytes(length), 50_000);
    throw new Error('made up');
  };
  for (const length of [0, 100, bigBytes / 2]) {
    await t.rejects(settle(archive.put('5/torn', torn(length))), /made up/);
    await t.rejects(settle(whole(other.get('5/torn'))));
  }
  await settle(archive.remove('5/torn'));
  t.same(await settle(archive.names(5)), []);
}

async function namesTest(t: Test, { archive, other, settle }: ArchiveWorld): Promise<void> {
  const names = ['6/a', '6/A', '6/b_-9', `6/${'long-'.repeat(40)}`];
  for (const name of [...names, '66/c']) await settle(archive.put(name, [bytesOf(name)]));
  t.same([...(await settle(other.names(6)))].sort(), [...names].sort());
  t.same(await settle(other.names(66)), ['66/c']);
  await settle(archive.remove('6/a'));
  t.same([...(await settle(other.names(6)))].sort(), names.slice(1).sort());
  await t.rejects(settle(whole(other.get('6/a'))));
  await settle(other.remove('6/a'));
  for (const name of names.slice(1)) t.equal(wordsOf(await settle(whole(other.get(name)))), name);
  t.same(await settle(archive.names(777)), []);
}

async function removedTest(t: Test, { archive, other, settle, bigBytes }: ArchiveWorld): Promise<void> {
  const big = randomBytes(bigBytes);
  await settle(archive.put('7/removed', inParts(big, 100_000)));
  const parts = other.get('7/removed')[Symbol.asyncIterator]();
  const hash = createHash('sha256');
  const first = await settle(parts.next());
  hash.update(first.value as Uint8Array);
  await settle(archive.remove('7/removed'));
  const rest = async () => {
    for (let next = await parts.next(); next.done !== true; next = await parts.next()) hash.update(next.value);
    return hash.digest('hex');
  };
  t.match(await settle(rest().catch(() => 'broke off')), new RegExp(`^${digest(big)}$|^broke off$`));
}

async function leftTest(t: Test, { archive, settle, bigBytes }: ArchiveWorld): Promise<void> {
  const big = randomBytes(bigBytes);
  await settle(archive.put('8/left', inParts(big, 100_000)));
  const begin = async () => {
    for await (const part of archive.get('8/left')) return part;
    return undefined;
  };
  const first = await settle(begin());
  t.equal(Buffer.compare(first ?? Buffer.alloc(0), big.subarray(0, first?.byteLength)), 0);
  first?.fill(0);
  t.equal(await settle(digestOf(archive.get('8/left'))), digest(big), 'parts are the reader’s');
}

async function pointerTest(t: Test, { archive, other, settle }: ArchiveWorld): Promise<void> {
  t.same(await settle(archive.pointer(9)), { version: 0, bytes: undefined });
  t.equal(await settle(archive.point(9, 7, bytesOf('x'))), undefined, 'a version that never was');
  const first = (await settle(archive.point(9, 0, bytesOf('one')))) ?? 0;
  t.ok(first > 0);
  t.equal(await settle(other.point(9, 0, bytesOf('other'))), undefined);
  const read = await settle(other.pointer(9));
  t.same([read.version, wordsOf(read.bytes)], [first, 'one'], 'seen by another node at once');
  const second = (await settle(other.point(9, first, bytesOf('two')))) ?? 0;
  t.ok(second > first);
  t.equal(await settle(archive.point(9, first, bytesOf('three'))), undefined);
  const now = await settle(archive.pointer(9));
  t.same([now.version, wordsOf(now.bytes)], [second, 'two']);
  t.same(await settle(archive.pointer(10)), { version: 0, bytes: undefined }, 'each partition has its own');
  t.same(await settle(archive.names(9)), [], 'and it is no segment');
}

async function racesTest(t: Test, { archive, other, settle }: ArchiveWorld): Promise<void> {
  let version = 0;
  for (let round = 0; round < 20; round++) {
    const tries = [archive, other, archive].map((one, i) =>
      one.point(11, version, bytesOf(`${round} ${i}`)).catch(() => undefined),
    );
    const versions = await settle(Promise.all(tries));
    const won = versions.findIndex((one) => one !== undefined);
    t.equal(versions.filter((one) => one !== undefined).length, 1, 'of several at once one');
    version = versions[won] ?? version;
    const now = await settle(other.pointer(11));
    t.same([now.version, wordsOf(now.bytes)], [version, `${round} ${won}`]);
  }
}

async function pointerSizesTest(t: Test, { archive, other, settle }: ArchiveWorld): Promise<void> {
  let version = 0;
  for (const length of [0, 1, 256 * 1024]) {
    const bytes = randomBytes(length);
    version = (await settle(archive.point(12, version, bytes))) ?? 0;
    const now = await settle(other.pointer(12));
    t.same([now.version, digest(now.bytes ?? bytesOf('none'))], [version, digest(bytes)]);
  }
  await t.rejects(settle(archive.point(12, version, randomBytes(256 * 1024 + 1))), RangeError);
  t.equal((await settle(other.pointer(12))).version, version);
}
