import t from 'tap';
import { ManifestUnreadable } from '../../../runtime/snapshots/manifest.ts';
import { Snapshots } from '../../../runtime/snapshots/snapshots.ts';
import { SnapshotAbandoned } from '../../../runtime/snapshots/tenure.ts';
import { History, id, keyOf, type Reader } from './history.ts';

const limits = {
  snapshot_look_ms: 100,
  snapshot_first_ms: 500,
  snapshot_records: 20,
  snapshot_span_entries_max: 50,
  snapshot_garbage_ms: 1_000,
  truncate_ms: 200,
};

/** A node that serves the one partition. */
class Node {
  readonly history = new History(limits);
  readonly owner: Reader;
  readonly snapshots: Snapshots;
  serves = true;

  constructor() {
    const { history } = this;
    this.owner = history.reader('owner');
    this.snapshots = new Snapshots({
      ports: this.owner.ports,
      limits: history.limits,
      partitions: id + 1,
      served: () => (this.serves && this.owner.replica !== undefined ? [this.owner.replica.partition] : []),
      damaged() {},
    });
  }

  async write(records: number, rows = 3): Promise<void> {
    for (let i = 0; i < records; i++) {
      this.history.write({ rows: Array.from({ length: rows }, (_, n) => [keyOf(i * rows + n), `w${i}`]) });
    }
    await this.history.until(this.owner.follow());
  }
}

async function started(): Promise<Node> {
  const node = new Node();
  node.history.bump();
  await node.write(5);
  node.snapshots.start();
  return node;
}

t.test('it makes the first after a while, and the next after so many records', async (t) => {
  const { history, snapshots, ...node } = await started();
  t.equal(snapshots.status(id), undefined);
  await history.time.pass(450);
  t.equal(await history.manifest(), undefined);
  await history.time.pass(500);
  t.equal((await history.manifest())?.position.seq, history.endSeq);
  t.match(snapshots.status(id), { seq: history.endSeq, segments: 1, floorSeq: 0, failures: 0 });
  t.ok((snapshots.status(id)?.bytes ?? 0) > 100);
  t.ok((snapshots.status(id)?.at ?? 0) > 1_800_000_000_000);
  const first = history.endSeq;
  for (let i = 0; i < 19; i++) history.write({ rows: [['list/a words x', i]] });
  await history.until(node.owner.follow());
  await history.time.pass(1_000);
  t.equal((await history.manifest())?.position.seq, first);
  history.write();
  await history.until(node.owner.follow());
  await history.time.pass(1_000);
  t.equal((await history.manifest())?.position.seq, history.endSeq);
  t.equal(snapshots.status(id)?.floorSeq, first);
});

t.test('an operator gets one at once, of a partition that is served here', async (t) => {
  const node = await started();
  const { history, snapshots } = node;
  await history.until(snapshots.now(id));
  t.equal(snapshots.status(id)?.seq, history.endSeq);
  await t.rejects(history.until(snapshots.now(0)), SnapshotAbandoned);
  history.archive.faults.unavailable = 1;
  await node.write(1);
  await t.rejects(history.until(snapshots.now(id)), /does not answer/);
  node.serves = false;
  await t.rejects(history.until(snapshots.now(id)), SnapshotAbandoned);
});

t.test('one at a time, whoever asks for it', async (t) => {
  const node = await started();
  const { history, snapshots, owner } = node;
  const { archive } = owner.ports;
  const { put, pointer } = archive;
  let underWay = 0;
  let most = 0;
  const counted = async <T>(work: Promise<T>): Promise<T> => {
    most = Math.max(most, ++underWay);
    return await work.finally(() => underWay--);
  };
  archive.put = (...args) => counted(put(...args));
  archive.pointer = (...args) => counted(pointer(...args));
  await node.write(30);
  await history.until(Promise.all([snapshots.now(id), snapshots.now(id), history.time.passed(300)]));
  t.equal(most, 1);
  t.equal((await history.manifest())?.position.seq, history.endSeq);
});

t.test('a journal of any length is folded, and never are many segments read at once', async (t) => {
  const node = new Node();
  const { history, snapshots, owner } = node;
  Object.assign(history.limits, { snapshot_fold_bytes_max: 2_000 });
  history.bump();
  await node.write(400, 10);
  const { archive } = owner.ports;
  const { get, put } = archive;
  let merged = 0;
  let most = 0;
  archive.get = (name) => {
    merged++;
    return get(name);
  };
  archive.put = async (...args) => {
    merged = 0;
    await put(...args);
    most = Math.max(most, merged);
  };
  await history.until(snapshots.now(id));
  t.ok(most > 10 && most <= 16, `${most} at once`);
  t.equal((await history.manifest())?.position.seq, history.endSeq);
  t.strictSame((await history.rebuilt()).rows().size, history.rows.size + 1);
});

t.test('what fails is told and tried again, ever more rarely, and the rest is not kept waiting', async (t) => {
  const node = await started();
  const { history, snapshots, owner } = node;
  history.archive.faults.unavailable = 1;
  await history.time.pass(60_000);
  const { length } = owner.said;
  t.ok(length >= 4 && length <= 8, `told ${length} times in a minute`);
  t.match(owner.said, [/a snapshot was not made/]);
  history.archive.faults.unavailable = 0;
  await history.time.pass(65_000);
  t.equal((await history.manifest())?.position.seq, history.endSeq);
  t.equal(snapshots.status(id)?.failures, 0);
});

t.test('a pointer that is not readable is left as it is, and told', async (t) => {
  const node = await started();
  const { history, snapshots, owner } = node;
  await history.until(snapshots.now(id));
  const pointer = history.archive.pointers.get(id);
  for (let at = 0; at < (pointer?.bytes.length ?? 0); at++) {
    const bytes = Uint8Array.from(pointer?.bytes ?? []);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    history.archive.pointers.set(id, { version: 100 + at, bytes });
    await t.rejects(history.rebuilt(), ManifestUnreadable, `byte ${at}`);
  }
  const late = new Snapshots({
    ports: owner.ports,
    limits: history.limits,
    partitions: id + 1,
    served: () => (owner.replica ? [owner.replica.partition] : []),
    damaged() {},
  });
  await t.rejects(history.until(late.now(id)), ManifestUnreadable);
  t.equal(history.archive.pointers.get(id)?.version, 99 + (pointer?.bytes.length ?? 0));
});

t.test('a partition that was lost and has come back is looked at anew', async (t) => {
  const node = await started();
  const { history, snapshots, owner } = node;
  await history.until(snapshots.now(id));
  owner.replica?.stop();
  await history.time.pass(300);
  t.equal(snapshots.status(id), undefined, 'it is no longer served here');
  owner.replica = undefined;
  // Another owner has made one meanwhile.
  history.bump();
  const other = await history.until(history.reader('other').maker());
  await history.until(other.renew());
  history.bump();
  await node.write(30);
  await history.time.pass(1_000);
  t.equal((await history.manifest())?.position.seq, history.endSeq);
  t.equal(snapshots.status(id)?.seq, history.endSeq);
  t.strictSame(owner.said, []);
});

t.test('once it is stopped it makes none', async (t) => {
  const { history, snapshots } = await started();
  snapshots.stop();
  await history.time.pass(5_000);
  t.equal(await history.manifest(), undefined);
  const node = await started();
  await node.history.time.pass(590);
  node.snapshots.stop();
  await node.history.time.pass(5_000);
  t.equal(node.history.archive.pointers.size, 0, 'nor finishes what it had begun');
});

t.test('old segments are removed in time, though there is no news', async (t) => {
  const node = await started();
  const { history, snapshots } = node;
  for (let i = 0; i < 6; i++) {
    await node.write(10);
    await history.until(snapshots.now(id));
  }
  t.ok((await history.unnamed()).length > 3);
  await history.time.pass(900);
  t.ok((await history.unnamed()).length > 3, 'somebody may be reading them');
  await history.time.pass(1_000);
  t.strictSame(await history.unnamed(), []);
  t.strictSame((await history.rebuilt()).rows().size, history.rows.size + 1);
});
