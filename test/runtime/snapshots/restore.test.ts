import t from 'tap';
import { restoreSnapshot } from '../../../runtime/snapshots/restore.ts';
import { SegmentDamaged } from '../../../runtime/snapshots/segment.ts';
import { readStoredPosition } from '../../../runtime/write-behind.ts';
import { simCodec } from '../../../sim/codec.ts';
import { History, id, keyOf, type Reader } from './history.ts';

t.setTimeout(120_000);

/** A snapshot of several thousand rows in more than one segment, and some records after it. */
async function snapshotted(): Promise<{ history: History; whole: Map<string, unknown> }> {
  const history = new History({ snapshot_fold_bytes_max: 200_000 });
  history.bump();
  const owner = history.reader('owner');
  const rows = (from: number, to: number, word: string) =>
    Array.from({ length: to - from }, (_, n) => [keyOf(from + n), word] as const);
  for (let i = 0; i < 50; i++) history.write({ rows: rows(i * 100, i * 100 + 100, `first ${i}`.padEnd(80)) });
  const maker = await history.until(owner.maker());
  await history.until(maker.renew());
  for (let i = 0; i < 12; i++) history.write({ rows: rows(i * 400, i * 400 + 100, `second ${i}`), mail: [[2, 1]] });
  await history.until(owner.follow());
  await history.until(maker.renew());
  for (let i = 0; i < 3; i++) history.write({ rows: [[keyOf(i), undefined]] });
  const seq = maker.manifest?.previousFloorSeq ?? 0;
  await history.until(owner.ports.journal.truncate(seq));
  await history.until(owner.follow());
  await history.until(owner.store());
  return { history, whole: owner.rows() };
}

function position({ ports }: Reader) {
  return readStoredPosition(ports.store, id, simCodec);
}

t.test('where no snapshot was ever made there is none', async (t) => {
  const history = new History();
  const { ports } = history.reader('heir');
  t.equal(await history.until(restoreSnapshot(id, ports)), undefined);
});

t.test('it is what the owner had, and its position comes last', async (t) => {
  const { history, whole } = await snapshotted();
  t.ok(((await history.manifest())?.segments.length ?? 0) > 1);
  const heir = history.reader('heir');
  const { store } = heir.ports;
  const write = store.write.bind(store);
  const written: string[] = [];
  let sizes = 0;
  store.write = (writes) => {
    sizes = Math.max(sizes, writes.length);
    for (const { key } of writes) written.push(key);
    return write(writes);
  };
  const restored = await history.until(restoreSnapshot(id, heir.ports));
  t.strictSame(position(heir), restored);
  t.equal(written.indexOf(' meta '), written.length - 1);
  t.equal(new Set(written).size, written.length, 'each row is written once');
  t.strictSame(written.slice(0, -1), written.slice(0, -1).sort());
  t.ok(sizes <= 3_000, `${sizes} rows in one write`);
  store.write = write;
  t.strictSame((await history.rebuilt()).rows(), whole);
});

t.test('a segment that is damaged, cut or missing is never restored in silence', async (t) => {
  const { history, whole } = await snapshotted();
  const { segments } = history.archive;
  for (const name of [...((await history.manifest())?.segments ?? [])].map((segment) => segment.name)) {
    const sound = Uint8Array.from(segments.get(name) ?? []);
    for (let i = 0; i < 8; i++) {
      segments.set(name, sound.slice());
      if (i === 0) segments.delete(name);
      else if (i === 1) segments.set(name, sound.slice(0, sound.length >> 1));
      else history.archive.damage(name);
      const heir = history.reader(`heir ${i}`);
      const restoring = history.until(restoreSnapshot(id, heir.ports));
      await t.rejects(restoring, i === 0 ? /no segment/ : SegmentDamaged);
      t.equal(position(heir), undefined, 'and counts for nothing');
      segments.set(name, sound);
      await history.until(heir.follow());
      await history.until(heir.store());
      t.strictSame(heir.rows(), whole, 'mended, it is restored to the same place');
    }
  }
});

t.test('a restore that is broken off, or whose process dies, is begun anew', async (t) => {
  const { history, whole } = await snapshotted();
  for (let ms = 1; ms < 120; ms += 4) {
    const heir = history.reader('heir');
    const opened = heir.follow();
    opened.catch(() => {});
    await history.time.pass(ms);
    heir.kill();
    const next = history.reader('heir', heir.disk);
    await history.until(next.follow());
    await history.until(next.store());
    t.strictSame(next.rows(), whole, `killed after ${ms} ms`);
  }
  const heir = history.reader('heir');
  heir.disk.faults.refused = 0.3;
  await t.rejects(history.until(restoreSnapshot(id, heir.ports)), /no space left/);
  t.equal(position(heir), undefined);
  heir.disk.faults.refused = 0;
  history.archive.faults.getBroken = 1;
  await t.rejects(history.until(heir.follow()), /broke off/);
  t.equal(position(heir), undefined);
  history.archive.faults.getBroken = 0;
  await history.until(heir.follow());
  await history.until(heir.store());
  t.strictSame(heir.rows(), whole);
});

t.test('once it has failed nothing more of it reaches the store', async (t) => {
  const { history } = await snapshotted();
  const [, newest] = (await history.manifest())?.segments ?? [];
  const bytes = history.archive.segments.get(newest?.name ?? '') ?? new Uint8Array();
  history.archive.segments.set(newest?.name ?? '', bytes.slice(0, -100));
  const heir = history.reader('heir');
  heir.disk.faults.commitMs = [500, 500];
  await t.rejects(history.until(restoreSnapshot(id, heir.ports)), SegmentDamaged);
  const { size } = heir.rows();
  t.ok(size > 0, 'some was written');
  await history.time.pass(60_000);
  t.equal(heir.rows().size, size);
});

t.test('segments that a newer snapshot replaced are there until a reader is through with them', async (t) => {
  const { history } = await snapshotted();
  const owner = history.reader('owner');
  const slow = history.reader('slow');
  history.archive.faults.delayMs = [50, 50];
  const restoring = restoreSnapshot(id, slow.ports);
  await history.time.pass(200);
  history.archive.faults.delayMs = [0, 1];
  for (let i = 0; i < 3; i++) {
    history.write({ rows: [[keyOf(i), 'third']] });
    const maker = await history.until(owner.maker());
    await history.until(maker.renew());
    if (maker.hasOldGarbage) await history.until(maker.sweep());
  }
  t.ok((await history.unnamed()).length > 0);
  t.ok(await history.until(restoring));
});
