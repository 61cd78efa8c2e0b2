import t from 'tap';
import { Holdings } from '../../runtime/holdings.ts';
import type { View } from '../../runtime/ownership-view.ts';
import type { Partition } from '../../runtime/partition.ts';
import { encodeRecord, type PartitionRecord } from '../../runtime/record.ts';
import { Replica, type ReplicaHost } from '../../runtime/replica.ts';
import { positionRow } from '../../runtime/write-behind.ts';
import { simCodec } from '../../sim/codec.ts';
import { act, list } from './ledger.ts';
import { Stage, type StageOptions } from './stage.ts';

/** A node's partitions, and a register that says what the test says. */
class House extends Stage {
  readonly holdings: Holdings;
  readonly notOpened: number[] = [];
  readonly copies = new Map<number, Replica>();
  onTrusted: (id: number) => void = () => {};
  doubts = 0;
  epochs: number[];
  owned: Set<number>;
  readonly ends: (readonly [number, number])[] = [];

  constructor(options: StageOptions = {}) {
    super({ behaviours: [list()], ...options });
    this.journal.answersItself = true;
    this.epochs = Array.from({ length: this.partitions }, () => 1);
    this.owned = new Set(this.epochs.keys());
    this.holdings = new Holdings({
      ports: this.ports,
      limits: this.limits,
      writer: this.writer,
      writeBehind: this.writeBehind,
      distrusted: this.distrusted,
      trusted: (id) => this.onTrusted(id),
      storeLost: () => {},
      copyOf: async (id) => this.copies.get(id),
      isMine: (id) => this.owned.has(id),
      epochOf: (id) => this.epochs[id] ?? 0,
      push: () => this.runner.run(),
      ended: (ends) => void this.ends.push(...ends),
      opened: (partition) => void this.open.set(partition.id, partition),
      notOpened: (id) => void this.notOpened.push(id),
      doubtView: () => this.doubts++,
      behaviourOf: (address) => this.behaviourOf(address),
      partitionOf: (address) => this.partitionOf(address),
      ready: (partition, cell) => this.ready(partition, cell),
      release: (outputs) => this.release(outputs),
      transmit: (from, to, mails) => this.transmit(from, to, mails),
      settle: (at, from, upTo) => this.settle(at, from, upTo),
    });
  }

  get view(): View {
    return { version: 1, owners: [], epochs: this.epochs, formats: [], pins: [] };
  }

  async follow(): Promise<void> {
    this.holdings.follow(this.view);
    await this.time.pass(5_000);
  }

  bumps(id = 0): number {
    return this.records(id).filter(({ type }) => type === 'bump').length;
  }
}

t.test('A4: what becomes its own is opened, what does not stay so is dropped', async (t) => {
  const house = new House({ partitions: 4 });
  house.owned = new Set([1, 3]);
  await house.follow();
  t.strictSame(house.holdings.ids, [1, 3]);
  house.owned = new Set([3]);
  house.epochs[1] = 2;
  await house.follow();
  t.strictSame(house.holdings.ids, [3]);
  house.owned.add(1);
  house.epochs[1] = 3;
  await house.follow();
  t.strictSame(house.holdings.ids, [1, 3]);
  t.equal(house.holdings.serving(1)?.position.epoch, 3);
});

t.test('A2: an epoch is served by one partition only, whatever became of it', async (t) => {
  const house = new House();
  await house.follow();
  const partition = house.holdings.serving(0);
  if (partition === undefined) throw new Error('not open');
  house.holdings.broken(partition, new Error('made up'));
  t.notOk(house.holdings.holds(0), 'so that it is claimed anew');
  await house.follow();
  t.strictSame([house.holdings.ids, house.bumps()], [[], 1]);
  house.epochs[0] = 2;
  await house.follow();
  t.equal(house.holdings.serving(0)?.position.epoch, 2);
});

t.test('A2: a node that was fenced looks at the register, and lets go', async (t) => {
  const house = new House();
  await house.follow();
  const partition = house.holdings.serving(0);
  if (partition === undefined) throw new Error('not open');
  house.holdings.fenced(partition);
  t.strictSame([partition.stopped, house.holdings.ids, house.doubts], [true, [], 1]);
});

t.test('A4: an epoch that changes while a partition is being opened is the one that counts', async (t) => {
  const house = new House();
  house.journal.script.push('held');
  house.holdings.follow(house.view);
  await house.turns();
  t.ok(house.holdings.isOpening(0));
  house.epochs[0] = 2;
  house.holdings.follow(house.view);
  house.journal.answer();
  await house.time.pass(5_000);
  t.equal(house.holdings.serving(0)?.position.epoch, 2);
});

t.test('A4: a partition that another node gets meanwhile is not opened, and who waits for it is told', async (t) => {
  const house = new House();
  house.journal.script.push('held');
  house.holdings.follow(house.view);
  await house.turns();
  house.owned.clear();
  house.journal.answer();
  await house.time.pass(5_000);
  t.strictSame([house.holdings.ids, house.holdings.opening, house.notOpened], [[], 0, [0]]);
});

t.test('A4: a stopped node opens nothing', async (t) => {
  for (const how of ['stop', 'halt'] as const) {
    const house = new House();
    house.journal.script.push('held');
    house.holdings.follow(house.view);
    await house.turns();
    house.holdings[how]();
    house.journal.answer();
    await house.time.pass(5_000);
    t.strictSame([house.holdings.ids, house.open.size], [[], 0], how);
  }
});

t.test('A4: what can’t be read now is tried again, in the same epoch', async (t) => {
  const house = new House();
  house.journal.readFails = 3;
  await house.follow();
  t.equal(house.holdings.serving(0)?.position.epoch, 1);
  t.equal(house.bumps(), 1);
});

t.test('A7: asks in the mailboxes of a partition that is dropped hear that it has moved', async (t) => {
  const house = new House({ limits: { record_bytes_max: 1 } });
  await house.follow();
  const partition = house.holdings.serving(0);
  if (partition === undefined) throw new Error('not open');
  house.journal.answersItself = false;
  // The first fills the record, so the others wait.
  for (let i = 0; i < 4; i++) house.ask(partition, `list/a${i}`, act({ add: 'w' }));
  partition.receive(3, [house.mail(1, 'list/b', act({ add: 'w' }))]);
  await house.turns();
  house.holdings.drop(0);
  t.ok(house.refusals.length >= 2);
  t.ok(house.refusals.every((why) => why === 'moved'));
  t.strictSame(house.replies, []);
});

t.test('A6: a hand-over waits until what was begun is durable, stores it, and then lets go', async (t) => {
  const house = new House({ partitions: 2 });
  house.owned = new Set([0]);
  await house.follow();
  const partition = house.holdings.serving(0);
  if (partition === undefined) throw new Error('not open');
  house.journal.answersItself = false;
  house.ask(partition, 'list/a', act({ add: 'begun', tell: ['@1', 'x'] }));
  await house.turns();
  let handed = false;
  void house.holdings.handOver([0, 7]).then(() => {
    handed = true;
  });
  await house.time.pass(100);
  t.notOk(handed);
  t.equal(house.holdings.serving(0), undefined, 'no more mail for it');
  house.journal.answer();
  await house.time.pass(100);
  t.strictSame([handed, house.replies, house.holdings.ids], [true, [1], []]);
  t.strictSame(house.ends, [[0, house.records(0).at(-1)?.number]], 'the next owner is told how far it goes');
});

t.test('A7: a hand-over ends though the journal is silent', async (t) => {
  const house = new House({ limits: { suspect_ms: 500 } });
  await house.follow();
  const partition = house.holdings.serving(0);
  if (partition === undefined) throw new Error('not open');
  house.journal.answersItself = false;
  house.ask(partition, 'list/a', act({ add: 'begun' }));
  await house.turns();
  const handed = house.holdings.handOver([0]);
  await house.time.pass(600);
  await house.time.until(handed);
  t.strictSame(house.holdings.ids, []);
  house.journal.answer();
  await house.turns();
  t.strictSame(house.replies, [], 'what became durable too late is not answered here');
});

t.test('A6: mail that goes unanswered is sent again, and mail for a partition that moved at once', async (t) => {
  const house = new House({ limits: { channel_resend_ms: 1_000 }, partitions: 2 });
  house.owned = new Set([0]);
  await house.follow();
  const partition = house.holdings.serving(0);
  if (partition === undefined) throw new Error('not open');
  house.ask(partition, 'list/a', act({ tell: ['@1', 'x'] }));
  await house.turns();
  t.equal(house.sent.length, 1);
  house.holdings.resendOverdue();
  t.equal(house.sent.length, 1);
  await house.time.pass(1_001);
  house.holdings.resendOverdue();
  t.equal(house.sent.length, 2);
  house.holdings.resend((to) => to !== 1);
  t.equal(house.sent.length, 2);
  house.holdings.resend((to) => to === 1);
  t.equal(house.sent.length, 3);
  partition.settled(1, 1);
  await house.time.pass(5_000);
  house.holdings.resendOverdue();
  house.holdings.resend(() => true);
  t.equal(house.sent.length, 3, 'but not what was settled');
});

t.test('A4: a standby’s copy is served as it is, and stopped where it is of no use', async (t) => {
  const house = new House();
  await house.follow();
  const build = async (): Promise<Replica> => {
    const host = { ...house, ports: house.ports, broken: () => {}, trusted: () => {} } as unknown as ReplicaHost;
    const replica = await house.time.until(Replica.open(0, host));
    await house.time.until(replica.catchUp(house.journal.logs.get(0)?.at(-1)?.seq ?? 0));
    return replica;
  };
  const copy = await build();
  house.copies.set(0, copy);
  house.epochs[0] = 2;
  await house.follow();
  t.equal(house.holdings.serving(0), copy.partition);
  const next = await build();
  house.copies.set(0, next);
  house.epochs[0] = 3;
  house.journal.script.push('held');
  house.holdings.follow(house.view);
  await house.turns();
  house.owned.clear();
  house.journal.answer();
  await house.time.pass(5_000);
  t.strictSame([house.holdings.ids, next.partition.stopped], [[], true], 'the register has named another');
  house.owned.add(0);
  const unused = await build();
  house.copies.set(0, unused);
  house.epochs[0] = 4;
  house.journal.script.push(...Array.from({ length: 1_000 }, () => ({ kind: 'busy', reason: 'made up' }) as const));
  await house.follow();
  house.owned.clear();
  await house.time.pass(5_000);
  t.strictSame([house.holdings.ids, unused.partition.stopped], [[], true], 'and before the journal took the bump');
  house.journal.script.length = 0;
  house.owned.add(0);
  const damaged = await build();
  house.copies.set(0, damaged);
  house.distrusted.add(0);
  house.epochs[0] = 5;
  await house.follow();
  t.ok(damaged.partition.stopped, 'or the store that it began with is damaged');
  t.equal(house.holdings.serving(0)?.position.epoch, 5);
  t.strictSame([...house.distrusted], []);
});

t.test('A5: damage that is found while a partition is being opened has it built anew before it serves', async (t) => {
  const house = new House();
  await house.follow();
  const partition = house.holdings.serving(0);
  if (partition === undefined) throw new Error('not open');
  house.ask(partition, 'list/a', act({ add: 'one' }));
  await house.turns();
  await house.time.until(house.writeBehind.write([partition]));
  let dropped = 0;
  const drop = house.ports.store.drop.bind(house.ports.store);
  house.ports.store.drop = (id) => {
    dropped++;
    return drop(id);
  };
  house.onTrusted = (id) => void house.distrusted.add(id);
  house.epochs[0] = 2;
  await house.follow();
  t.equal(dropped, 1);
  t.strictSame([...house.distrusted], []);
  const rebuilt = house.holdings.serving(0);
  t.strictSame(rebuilt?.overlay.range('list/a', 'words', {}), [['000001', 'one']]);
  t.equal(house.bumps(), 2, 'in the same epoch');
});

t.test('A5: nothing of a partition that could not be opened is written to the store any more', async (t) => {
  const house = new House({ limits: { store_flush_rows_max: 2 } });
  await house.follow();
  const partition = house.holdings.serving(0);
  if (partition === undefined) throw new Error('not open');
  for (let i = 0; i < 20; i++) {
    house.ask(partition, 'list/a', act({ add: `w${i}` }));
    await house.turns();
  }
  const written = new Set<Partition>();
  const write = house.writeBehind.write.bind(house.writeBehind);
  house.writeBehind.write = (partitions) => {
    for (const one of partitions) written.add(one);
    return write(partitions);
  };
  // Breaks off in the midst of the replay, the first time.
  const read = house.journal.read.bind(house.journal);
  let fails = true;
  house.journal.read = async function* (...range) {
    let entries = 0;
    for await (const entry of read(...range)) {
      if (fails && ++entries > 12) {
        fails = false;
        throw new Error('made up');
      }
      yield entry;
    }
  };
  house.epochs[0] = 2;
  await house.follow();
  const serving = house.holdings.serving(0);
  t.equal(serving?.position.epoch, 2);
  t.ok(written.size > 1);
  for (const one of written) t.equal(one.stopped, one !== serving);
});

t.test('§5: it is known for how long an epoch bump has been waited for', async (t) => {
  const house = new House();
  t.equal(house.holdings.bumplessMs, 0);
  house.journal.script.push('held');
  house.holdings.follow(house.view);
  await house.time.pass(700);
  t.equal(house.holdings.bumplessMs, 700);
  house.journal.answer();
  // The epoch is another before the partition is open.
  house.epochs[0] = 2;
  house.journal.lastFails = 1_000;
  house.holdings.follow(house.view);
  await house.time.pass(3_000);
  t.ok(house.holdings.bumplessMs > 2_900, 'however often it is tried');
  house.owned.clear();
  await house.time.pass(3_000);
  t.equal(house.holdings.bumplessMs, 0);
});

function bumpOf(epoch: number): PartitionRecord {
  const nothing = { rows: [], outbox: [], taken: [], settled: [] };
  return { type: 'bump', partition: 0, epoch, number: 1, writer: 'n0.w', previousSeq: 0, at: 0, ...nothing };
}

t.test('A4: what can’t be opened for long is let go of, to be claimed by whoever can', async (t) => {
  const house = new House();
  house.journal.put(0, encodeRecord(bumpOf(0), simCodec));
  house.journal.readFails = 1_000;
  await house.follow();
  t.ok(house.holdings.isOpening(0));
  await house.time.pass(14_000);
  t.notOk(house.holdings.holds(0));
  t.strictSame(house.notOpened, [0]);
  const { readFails } = house.journal;
  await house.follow();
  t.equal(house.journal.readFails, readFails, 'not again in the same epoch');
  house.journal.readFails = 0;
  house.epochs[0] = 2;
  await house.follow();
  t.equal(house.holdings.serving(0)?.position.epoch, 2);
});

t.test('A5: mail that waits for a partition which turns out to be damaged is turned away', async (t) => {
  const house = new House();
  await house.follow();
  const partition = house.holdings.serving(0);
  if (partition === undefined) throw new Error('not open');
  const atMs = house.clock.wallMs() + 60_000;
  house.ask(partition, 'list/a', act({ timer: ['x', atMs, 'due'] }));
  await house.turns();
  await house.time.until(house.writeBehind.write([partition]));
  house.disk.damage(0);
  house.disk.committed.get(0)?.put(' meta ', positionRow(0, partition.standing.stored(), simCodec).value);
  house.epochs[0] = 2;
  await house.follow();
  t.strictSame([house.holdings.holds(0), house.notOpened, [...house.distrusted]], [false, [0], [0]]);
  house.epochs[0] = 3;
  await house.follow();
  t.equal(house.holdings.serving(0)?.overlay.range('', 'timer', {}).length, 1);
});
