import t from 'tap';
import { StoreDamaged } from '../../runtime/ports.ts';
import { readStoredPosition, WriteBehind } from '../../runtime/write-behind.ts';
import { simCodec } from '../../sim/codec.ts';
import { act, list } from './ledger.ts';
import { Stage } from './stage.ts';

function storedWords(stage: Stage, key = 'list/a'): unknown[] {
  const { store } = stage.ports;
  return [...store.range(0, { from: `${key} words `, to: `${key} words!` })].map(([, bytes]) => simCodec.unpack(bytes));
}

function position(stage: Stage) {
  return readStoredPosition(stage.ports.store, 0, simCodec);
}

t.test('A5: nothing is stored before the journal has it', async (t) => {
  const stage = new Stage({ behaviours: [list()] });
  const partition = stage.add();
  stage.ask(partition, 'list/a', act({ add: 'one' }));
  await stage.turns();
  await stage.time.until(stage.writeBehind.write([partition]));
  t.strictSame(storedWords(stage), []);
  stage.journal.answer();
  await stage.turns();
  stage.ask(partition, 'list/a', act({ add: 'two' }));
  await stage.turns();
  await stage.time.until(stage.writeBehind.write([partition]));
  t.strictSame(storedWords(stage), ['one']);
  t.match(position(stage), { epoch: 1, number: 1, seq: 1 });
});

t.test('A5: rows and position are stored in one transaction', async (t) => {
  const stage = new Stage({ behaviours: [list()], partitions: 2 });
  const partition = stage.add();
  for (let i = 0; i < 5; i++) {
    stage.ask(partition, `list/a${i}`, act({ add: 'w', tell: ['@1', `m${i}`] }));
    partition.receive(4, [stage.mail(i + 1, 'list/b', act({ add: `b${i}` }))]);
    await stage.commitAll();
  }
  const write = stage.ports.store.write.bind(stage.ports.store);
  const sizes: number[] = [];
  stage.ports.store.write = (writes) => {
    sizes.push(writes.length);
    return write(writes);
  };
  await stage.time.until(stage.writeBehind.write([partition]));
  t.strictSame(sizes, [11]);
  const { seq } = partition.position;
  t.match(position(stage), { seq, number: 5, out: [[1, 6, 0]], taken: [[4, 5, null]], outboxFromSeq: 1 });
  await stage.time.until(stage.writeBehind.write([partition]));
  t.strictSame(sizes, [11], 'nothing new, nothing written');
});

t.test('A5: what the store refuses is stored with the next write, unless it was written anew', async (t) => {
  const stage = new Stage({ behaviours: [list()] });
  const partition = stage.add();
  stage.ask(partition, 'list/a', act({ add: 'one' }));
  await stage.commitAll();
  const { overlay } = partition;
  stage.disk.faults.refused = 1;
  const refused = stage.writeBehind.write([partition]);
  // The same row again, while the store has not answered.
  overlay.put('list/a', 'words', '000001', 'one anew');
  overlay.keep();
  await stage.commitAll();
  partition.seal();
  partition.committed(stage.journal.put(0, new Uint8Array([0])));
  await stage.time.until(refused);
  t.match(stage.errors, [/refused a write/]);
  t.equal(position(stage), undefined);
  stage.disk.faults.refused = 0;
  await stage.time.until(stage.writeBehind.write([partition]));
  t.strictSame(storedWords(stage), ['one anew']);
  t.equal(position(stage)?.seq, partition.position.seq);
});

t.test('A5: rows leave memory once they are stored, and an actor’s tables with them', async (t) => {
  const stage = new Stage({ behaviours: [list()] });
  const partition = stage.add();
  for (let i = 0; i < 100; i++) stage.ask(partition, `list/a${i}`, act({ add: 'w', sleep: true }));
  await stage.commitAll();
  t.equal(partition.overlay.committedRows, 100);
  await stage.time.until(stage.writeBehind.write([partition]));
  t.equal(partition.overlay.committedRows, 0);
  t.equal(partition.overlay.actorsInMemory, 0);
  stage.ask(partition, 'list/a7', { kind: 'list' });
  await stage.commitAll();
  t.strictSame(stage.replies.at(-1), ['w']);
});

t.test('A5: a partition that its node has let go of is stored no more', async (t) => {
  const stage = new Stage({ behaviours: [list()] });
  const partition = stage.add();
  stage.ask(partition, 'list/a', act({ add: 'one' }));
  await stage.commitAll();
  partition.stopped = true;
  await stage.time.until(stage.writeBehind.write([partition]));
  t.equal(position(stage), undefined);
});

t.test('A5: writes take turns, so that who waits for one finds all before it stored', async (t) => {
  const stage = new Stage({ behaviours: [list()] });
  const partition = stage.add();
  stage.disk.faults.commitMs = [20, 20];
  stage.ask(partition, 'list/a', act({ add: 'one' }));
  await stage.commitAll();
  const first = stage.writeBehind.write([partition]);
  const others = [stage.writeBehind.write([]), stage.writeBehind.write([partition])];
  let done = 0;
  for (const one of [first, ...others]) void one.then(() => done++);
  await stage.time.pass(10);
  t.equal(done, 0);
  await stage.time.until(Promise.all([first, ...others]));
  t.strictSame(storedWords(stage), ['one']);
});

t.test('A5: it writes by itself, until it is stopped', async (t) => {
  const stage = new Stage({ behaviours: [list()], limits: { store_flush_ms: 50 } });
  const partition = stage.add();
  stage.writeBehind.start();
  stage.ask(partition, 'list/a', act({ add: 'one' }));
  await stage.commitAll();
  await stage.time.pass(60);
  t.strictSame(storedWords(stage), ['one']);
  stage.writeBehind.stop();
  stage.ask(partition, 'list/a', act({ add: 'two' }));
  await stage.commitAll();
  await stage.time.pass(500);
  t.strictSame(storedWords(stage), ['one']);
});

t.test('§5: it is known for how long the store has refused, and when it takes something again', async (t) => {
  const stage = new Stage({ behaviours: [list()], limits: { store_flush_ms: 50 } });
  const partition = stage.add();
  const { writeBehind } = stage;
  writeBehind.start();
  stage.open.set(0, partition);
  stage.ask(partition, 'list/a', act({ add: 'one' }));
  await stage.commitAll();
  await stage.time.pass(500);
  t.equal(writeBehind.refusedMs, 0);
  stage.disk.faults.refused = 1;
  await stage.time.pass(500);
  t.equal(writeBehind.refusedMs, 0, 'there was nothing to refuse');
  stage.ask(partition, 'list/a', act({ add: 'two' }));
  await stage.commitAll();
  await stage.time.pass(1_000);
  t.ok(writeBehind.refusedMs > 900, `${writeBehind.refusedMs} ms`);
  // Another node has it now: nothing is left to write here.
  stage.open.delete(0);
  await stage.time.pass(1_000);
  t.ok(writeBehind.refusedMs > 1_900, `${writeBehind.refusedMs} ms`);
  stage.disk.faults.refused = 0;
  await stage.time.pass(150);
  t.equal(writeBehind.refusedMs, 0);
  t.strictSame(
    [...(stage.disk.committed.get(0)?.keys('', ' n') ?? [])],
    [' meta '],
    'and trying has left nothing behind',
  );
  writeBehind.stop();
});

t.test('A5: a write that meets damage has the partition built anew', async (t) => {
  const stage = new Stage({ behaviours: [list()] });
  const found: number[] = [];
  const writeBehind = new WriteBehind(
    stage.ports,
    stage.limits,
    () => [],
    ({ partition }) => void found.push(partition),
  );
  const partition = stage.add();
  stage.ask(partition, 'list/a', act({ add: 'one' }));
  await stage.commitAll();
  const write = stage.ports.store.write.bind(stage.ports.store);
  stage.ports.store.write = () => Promise.reject(new StoreDamaged(0, 'made up'));
  await stage.time.until(writeBehind.write([partition]));
  t.strictSame(found, [0]);
  stage.ports.store.write = () => Promise.reject(new Error('made up'));
  await stage.time.until(writeBehind.write([partition]));
  t.strictSame(found, [0], 'but not one that is only refused');
  stage.ports.store.write = write;
  await stage.time.until(writeBehind.write([partition]));
  t.strictSame(storedWords(stage), ['one']);
});

t.test('§5: a store that has room for a little, and not for what waits, still refuses', async (t) => {
  const stage = new Stage({ behaviours: [list()], limits: { store_flush_ms: 50 } });
  const partition = stage.add();
  stage.open.set(0, partition);
  for (let i = 0; i < 20; i++) stage.ask(partition, `list/a${i}`, act({ add: 'w' }));
  await stage.commitAll();
  const write = stage.ports.store.write.bind(stage.ports.store);
  stage.ports.store.write = (writes) =>
    writes.length > 10 ? Promise.reject(new Error('made up: no space left')) : write(writes);
  stage.writeBehind.start();
  await stage.time.pass(2_000);
  t.ok(stage.writeBehind.refusedMs > 1_800, `${stage.writeBehind.refusedMs} ms`);
  stage.ports.store.write = write;
  await stage.time.pass(100);
  t.equal(stage.writeBehind.refusedMs, 0);
  stage.writeBehind.stop();
});
