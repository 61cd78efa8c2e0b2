import t from 'tap';
import { SegmentDamaged } from '../../../runtime/snapshots/segment.ts';
import { SnapshotAbandoned } from '../../../runtime/snapshots/tenure.ts';
import { History, id, keyOf, type Reader } from './history.ts';
import { Interrupted, type Mishap, mishaps } from './interrupted.ts';

t.setTimeout(120_000);

const limits = { snapshot_fold_bytes_max: 2_500, snapshot_garbage_ms: 1_000 };

/** Writes some records that put, change and delete rows, and send and settle mail. */
function write(history: History, records: number, from = 0): void {
  for (let i = from; i < from + records; i++) {
    const rows = [0, 1, 2, 3].map((n) => [keyOf(i * 3 + n), n === 3 && i % 2 === 0 ? undefined : `v${i}`] as const);
    const settled = i % 5 === 4 ? [[1, history.sentTo(1) - 1] as const] : [];
    history.write({ rows, mail: [[1, 1]], settled });
    if (i % 10 === 0) history.elsewhere();
  }
}

/** Two snapshots of a partition with rows in several segments, and news. */
async function withSnapshots(): Promise<{ history: History; owner: Reader }> {
  const history = new History(limits);
  const owner = history.reader('owner');
  history.bump();
  for (let i = 0; i < 2; i++) {
    write(history, 12, i * 12);
    const maker = await history.until(owner.maker());
    await history.until(maker.renew());
  }
  write(history, 18, 24);
  return { history, owner };
}

/** All that is done for a snapshot. */
async function upkeep(history: History, owner: Reader, ports = owner.ports): Promise<void> {
  const maker = await owner.maker(ports);
  await maker.renew();
  await history.time.passed(limits.snapshot_garbage_ms + 1);
  if (maker.hasOldGarbage) await maker.sweep();
  const seq = maker.manifest?.previousFloorSeq ?? 0;
  if (seq > 0) await ports.journal.truncate(seq);
}

async function expected(history: History): Promise<Map<string, unknown>> {
  const whole = history.reader('whole');
  await history.until(whole.follow());
  await history.until(whole.store());
  return whole.rows();
}

async function strike(
  at: number,
  how: Mishap,
): Promise<{ history: History; owner: Reader; struck: string | undefined }> {
  const { history, owner } = await withSnapshots();
  await history.until(owner.follow());
  const interrupted = new Interrupted(owner.ports, at, how);
  upkeep(history, owner, interrupted.ports).catch(() => {});
  await history.time.pass(60_000);
  return { history, owner, struck: interrupted.struck };
}

for (const how of mishaps) {
  t.test(`wherever making a snapshot ends (${how}), it can be read, and the journal goes on from it`, async (t) => {
    const struck = new Map<string, number>();
    const { history: sound } = await withSnapshots();
    const whole = await expected(sound);
    for (let at = 0; ; at++) {
      const { history, owner, struck: what } = await strike(at, how);
      if (what === undefined) break;
      struck.set(what, (struck.get(what) ?? 0) + 1);
      const about = `call ${at}, ${what}`;
      t.strictSame((await history.rebuilt()).rows(), whole, about);
      // The next attempt, of this process or of another, gets it done, and leaves nothing behind.
      const next = how.startsWith('dead') ? history.reader('next') : owner;
      await history.until(upkeep(history, next));
      t.strictSame((await history.rebuilt()).rows(), whole, `${about}: and afterwards`);
      t.equal((await history.manifest())?.position.seq, history.endSeq);
      t.strictSame(await history.unnamed(), [], `${about}: no segment is left over`);
      t.ok((history.log.entries(id)[0]?.seq ?? 0) > 1, `${about}: the journal is cut`);
    }
    for (const what of ['put', 'get', 'point', 'pointer', 'read', 'names', 'remove', 'truncate'])
      t.ok(struck.has(what), `${what} went wrong once at least`);
  });
}

t.test('two makers at once: one comes second, and nothing is lost by it', async (t) => {
  let second = 0;
  for (let headstartMs = 0; headstartMs < 120; headstartMs += 3) {
    const { history, owner } = await withSnapshots();
    const zombie = history.reader('zombie');
    const late = await history.until(zombie.maker());
    history.bump();
    write(history, 10, 100);
    const maker = await history.until(owner.maker());
    for (const { archive } of [zombie.ports, owner.ports]) {
      const point = archive.point.bind(archive);
      archive.point = async (...args) => {
        const version = await point(...args);
        if (version === undefined) second++;
        return version;
      };
    }
    const [lateEnds, makerEnds] = [late.renew(), history.time.passed(headstartMs).then(() => maker.renew())];
    // It hears that it is no longer the owner, or ends before the other begins.
    const overtaken = lateEnds.catch((error: unknown) => t.ok(error instanceof SnapshotAbandoned, String(error)));
    await history.until(Promise.all([overtaken, makerEnds]));
    t.strictSame((await history.rebuilt()).rows(), await expected(history));
    t.equal((await history.manifest())?.position.seq, history.endSeq);
  }
  t.ok(second > 0, `${second} came second`);
});

t.test('a maker that comes back after a newer owner has made one changes nothing', async (t) => {
  const { history, owner } = await withSnapshots();
  const zombie = await history.until(history.reader('zombie').maker());
  history.bump();
  write(history, 10, 100);
  const maker = await history.until(owner.maker());
  await history.until(maker.renew());
  const { version } = history.archive.pointers.get(id) ?? {};
  await t.rejects(history.until(zombie.renew()), SnapshotAbandoned);
  t.equal(history.archive.pointers.get(id)?.version, version);
});

t.test('a snapshot of another history is neither continued nor replaced', async (t) => {
  const { history } = await withSnapshots();
  const before = history.archive.pointers.get(id);
  // The journal was begun anew, and the archive was not.
  const other = new History(limits);
  other.bump();
  other.write();
  const owner = other.reader('owner');
  const maker = await other.until(owner.maker());
  other.archive.pointers.set(id, { version: before?.version ?? 0, bytes: before?.bytes ?? new Uint8Array() });
  await t.rejects(other.until(maker.renew()), /another history/);
  for (let i = 0; i < 100; i++) other.write();
  const later = await other.until(owner.maker());
  await t.rejects(other.until(later.renew()), /does not continue/);
  t.equal(other.archive.pointers.get(id)?.version, before?.version);
});

t.test('a segment that another is about to name is not swept from under it', async (t) => {
  const { history, owner } = await withSnapshots();
  const late = history.reader('zombie');
  const zombie = await history.until(late.maker());
  await history.until(zombie.load());
  const before = await history.unnamed();
  // Its segment is written, and then it is stopped.
  const point = late.ports.archive.point;
  let goOn = () => {};
  const stopped = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  late.ports.archive.point = async (...args) => {
    await stopped;
    return point(...args);
  };
  const renewed = zombie.renew();
  await history.time.pass(5_000);
  const written = (await history.unnamed()).filter((name) => !before.includes(name));
  t.equal(written.length, 1);
  // The owner sees it, and sees it still after the time of grace. It has made no snapshot meanwhile.
  const sweeper = await history.until(owner.maker());
  await history.until(sweeper.noteGarbage());
  await history.time.pass(limits.snapshot_garbage_ms);
  t.ok(sweeper.hasOldGarbage);
  await history.until(sweeper.sweep());
  t.notOk(history.archive.segments.has(written[0] ?? ''));
  goOn();
  await history.until(renewed);
  t.equal((await history.manifest())?.position.seq, history.endSeq, 'it comes second, and writes another');
  t.strictSame((await history.rebuilt()).rows(), await expected(history));
});

t.test('a partition that is lost in the middle ends the work at its next step', async (t) => {
  const { history, owner } = await withSnapshots();
  const maker = await history.until(owner.maker());
  const before = history.archive.pointers.get(id)?.version;
  const renewed = maker.renew();
  await history.time.pass(5);
  maker.partition.stop();
  await t.rejects(history.until(renewed), SnapshotAbandoned);
  t.equal(history.archive.pointers.get(id)?.version, before);
  t.strictSame((await history.rebuilt()).rows(), await expected(history));
});

t.test('what the archive kept otherwise than it was put is noticed before it counts', async (t) => {
  const { history, owner } = await withSnapshots();
  const maker = await history.until(owner.maker());
  const { archive } = owner.ports;
  const put = archive.put.bind(archive);
  archive.put = async (name, parts) => {
    await put(name, parts);
    history.archive.damage(name);
  };
  const before = history.archive.pointers.get(id)?.version;
  await t.rejects(history.until(maker.renew()), SegmentDamaged);
  t.equal(history.archive.pointers.get(id)?.version, before);
  archive.put = put;
  await history.until(maker.renew());
  t.strictSame((await history.rebuilt()).rows(), await expected(history));
});
