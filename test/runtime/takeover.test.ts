import t from 'tap';
import type { Partition } from '../../runtime/partition.ts';
import { encodeRecord, type PartitionRecord } from '../../runtime/record.ts';
import { TakeoverFailed, takeOver } from '../../runtime/takeover.ts';
import { readStoredPosition } from '../../runtime/write-behind.ts';
import { simCodec } from '../../sim/codec.ts';
import { act, list } from './ledger.ts';
import { Stage } from './stage.ts';

const blank: PartitionRecord = {
  type: 'turns',
  partition: 0,
  epoch: 1,
  number: 1,
  writer: 'n0.w',
  previousSeq: 0,
  at: 0,
  rows: [],
  outbox: [],
  taken: [],
  settled: [],
};

function row(word: string): (string | Uint8Array)[] {
  return [`list/a words ${word}`, simCodec.pack(word)];
}

class Succession extends Stage {
  constructor() {
    super({ behaviours: [list()] });
    this.journal.answersItself = true;
  }

  /** Where each reading of the journal from now on begins. */
  readsFrom(): number[] {
    const reads: number[] = [];
    const read = this.journal.read.bind(this.journal);
    this.journal.read = (id, from, to) => {
      reads.push(from);
      return read(id, from, to);
    };
    return reads;
  }

  /** A record of some owner, as it stands in the journal. */
  wrote(record: Partial<PartitionRecord>): number {
    return this.journal.put(0, encodeRecord({ ...blank, ...record }, simCodec));
  }

  words(partition: Partition): string[] {
    return partition.overlay.range<string>('list/a', 'words', {}).map(([, word]) => word);
  }

  store(partition: Partition): Promise<void> {
    return this.time.until(this.writeBehind.write([partition]));
  }
}

t.test('A4: an owner’s first record is its bump, with its epoch and the end of what was before', async (t) => {
  const stage = new Succession();
  const partition = await stage.takeOver(4);
  t.match(stage.records(), [{ type: 'bump', epoch: 4, number: 1, writer: 'n1.x', previousSeq: 0 }]);
  t.match(partition.position, { epoch: 4, number: 1, seq: 1 });
  const next = await stage.takeOver(5);
  t.match(stage.records()[1], { type: 'bump', epoch: 5, number: 2, previousSeq: 1 });
  t.match(next.position, { epoch: 5, number: 2, seq: 2 });
  t.not(next.position.chain, partition.position.chain);
});

t.test('A4: all before the bump is applied, from the journal alone', async (t) => {
  const stage = new Succession();
  const mails = [stage.mail(1, 'list/z', act({})), stage.mail(2, 'list/z', act({}))];
  const first = stage.wrote({ rows: row('one'), outbox: [{ to: 9, mails }] });
  stage.wrote({
    number: 2,
    previousSeq: first,
    rows: row('two'),
    taken: [{ source: 7, watermark: 3, above: [5] }],
    settled: [[9, 1]],
  });
  const partition = await stage.takeOver(2);
  t.strictSame(stage.words(partition), ['one', 'two']);
  t.strictSame(partition.inbox.channel(7).taken(), { source: 7, watermark: 3, above: [5] });
  const channel = partition.outbox.channel(9);
  t.strictSame([channel.settled, channel.nextSeq, channel.waiting], [1, 3, 1]);
});

t.test('A5: what the store has is not read again, but for mail that is not settled', async (t) => {
  const stage = new Succession();
  const one = stage.wrote({ rows: row('one'), outbox: [{ to: 9, mails: [stage.mail(1, 'list/z', act({}))] }] });
  const before = await stage.takeOver(2);
  await stage.store(before);
  stage.wrote({ epoch: 2, number: 3, previousSeq: before.position.seq, rows: row('two') });
  const reads = stage.readsFrom();
  const partition = await stage.takeOver(3);
  t.strictSame(reads, [one, before.position.seq + 1], 'from the oldest record with mail of the outbox');
  t.strictSame(stage.words(partition), ['one', 'two']);
  t.strictSame(partition.outbox.channel(9).waiting, 1);
  partition.settled(9, 1);
  await stage.store(partition);
  reads.length = 0;
  await stage.takeOver(4);
  t.strictSame(reads, [partition.position.seq], 'only the record that the store stands at');
});

t.test('A3: records of lower epochs are passed over, wherever they stand', async (t) => {
  const stage = new Succession();
  const one = stage.wrote({ epoch: 5, rows: row('one') });
  // Two that a journal without conditions would have let a zombie write.
  stage.wrote({ epoch: 4, number: 2, previousSeq: one, rows: row('zombie') });
  const late = stage.wrote({ epoch: 3, number: 2, previousSeq: 0, rows: row('older zombie') });
  stage.wrote({ epoch: 5, number: 2, previousSeq: one, rows: row('two') });
  t.strictSame(stage.words(await stage.takeOver(6)), ['one', 'two']);
  const again = new Succession();
  const first = again.wrote({ epoch: 5, rows: row('one') });
  again.wrote({ epoch: 4, number: 2, previousSeq: first, rows: row('zombie') });
  // The next owner found the zombie's record last.
  t.strictSame(again.words(await again.takeOver(6)), ['one']);
  t.ok(late > one);
});

t.test('A3: a record missing from the chain is noticed', async (t) => {
  const stage = new Succession();
  const one = stage.wrote({ rows: row('one') });
  stage.wrote({ number: 3, previousSeq: one + 1, rows: row('three') });
  await t.rejects(stage.takeOver(2), TakeoverFailed);
  const tailless = new Succession();
  tailless.wrote({ number: 9, previousSeq: 8, rows: row('nine') });
  await t.rejects(tailless.takeOver(2), /does not continue/);
});

t.test('A5: a store that is ahead of the journal, or of another history, is thrown away', async (t) => {
  for (const seq of [1, 2, 99]) {
    const stage = new Succession();
    stage.wrote({ rows: row('other') });
    const before = await stage.takeOver(7);
    before.standing.position.seq = seq;
    await stage.store(before);
    stage.journal.restart();
    const one = stage.wrote({ rows: row('one') });
    stage.wrote({ number: 2, previousSeq: one, rows: row('two') });
    t.strictSame(stage.words(await stage.takeOver(8)), ['one', 'two']);
  }
});

t.test('A5: a store whose position is missing or not readable is thrown away', async (t) => {
  for (const value of [undefined, new Uint8Array([9, 9])]) {
    const stage = new Succession();
    stage.wrote({ rows: row('one') });
    const writes = [
      { partition: 0, key: 'list/a words zero', value: simCodec.pack('zero') },
      { partition: 0, key: ' meta ', value },
    ];
    await stage.time.until(stage.ports.store.write(writes));
    t.strictSame(stage.words(await stage.takeOver(2)), ['one']);
  }
});

t.test('A3: a corrupt record is no end of the journal', async (t) => {
  const stage = new Succession();
  stage.wrote({ rows: row('one') });
  const bytes = encodeRecord({ ...blank, number: 2, previousSeq: 1, rows: row('two') }, simCodec);
  bytes[20] = (bytes[20] ?? 0) ^ 1;
  const two = stage.journal.put(0, bytes);
  stage.wrote({ number: 3, previousSeq: two, rows: row('three') });
  await t.rejects(stage.takeOver(2), /corrupt.*sequence 2/);
});

t.test('A2: a later owner’s record ends a takeover', async (t) => {
  const stage = new Succession();
  stage.wrote({ type: 'bump', epoch: 9 });
  for (const epoch of [8, 9]) {
    const failed = await stage.takeOver(epoch).catch((error: unknown) => error);
    t.ok(failed instanceof TakeoverFailed && failed.superseded, `epoch ${epoch}`);
  }
  t.equal(stage.records().length, 1, 'and nothing is written');
});

t.test('A2: the register naming another owner ends a takeover', async (t) => {
  const stage = new Succession();
  stage.mine = false;
  const failed = await stage.takeOver(1).catch((error: unknown) => error);
  t.ok(failed instanceof TakeoverFailed && failed.superseded);
  t.equal(stage.records().length, 0);
});

t.test('A2: a bump is tried until the journal has it, and stands there once', async (t) => {
  const stage = new Succession();
  stage.journal.script.push({ kind: 'busy', reason: 'made up' }, { kind: 'unknown', reason: 'made up' }, 'held');
  const taken = takeOver(0, 3, stage, undefined);
  await stage.time.pass(1_000);
  // The third lands, and nobody says so.
  stage.journal.land();
  stage.journal.answer({ kind: 'unknown', reason: 'made up' });
  await stage.time.until(taken);
  t.match(stage.records(), [{ type: 'bump', epoch: 3 }]);
});

t.test('A4: a takeover that could not read the journal finds its own bump when it is tried again', async (t) => {
  const stage = new Succession();
  stage.wrote({ rows: row('one') });
  stage.journal.readFails = 1;
  await t.rejects(stage.takeOver(2), /does not answer/);
  const partition = await stage.takeOver(2);
  t.strictSame(stage.words(partition), ['one']);
  t.equal(stage.records().length, 2);
});

t.test('A5: a long replay is stored as it goes, and what is left in memory is bounded', async (t) => {
  const stage = new Succession();
  Object.assign(stage.limits, { store_flush_rows_max: 10 });
  let previousSeq = 0;
  for (let i = 1; i <= 100; i++) {
    previousSeq = stage.wrote({ number: i, previousSeq, rows: row(`w${String(i).padStart(3, '0')}`) });
  }
  const partition = await stage.takeOver(2);
  t.ok(partition.overlay.committedRows <= 10);
  t.equal(stage.words(partition).length, 100);
  const stored = readStoredPosition(stage.ports.store, 0, simCodec);
  t.ok((stored?.seq ?? 0) >= 90 && (stored?.seq ?? 0) <= partition.position.seq);
});

t.test('A5: what this node still writes of an earlier ownership is in the store before that is read', async (t) => {
  const stage = new Succession();
  stage.wrote({ rows: row('one') });
  const before = await stage.takeOver(2);
  stage.disk.faults.commitMs = [30, 30];
  const writing = stage.writeBehind.write([before]);
  const reads = stage.readsFrom();
  const partition = await stage.takeOver(3);
  await writing;
  t.strictSame(reads, [before.position.seq], 'only the record that the store stands at');
  t.strictSame(stage.words(partition), ['one']);
});

t.test('A3: a journal that ends before its end is not believed', async (t) => {
  const stage = new Succession();
  stage.wrote({ rows: row('one') });
  const read = stage.journal.read.bind(stage.journal);
  stage.journal.read = (id, from, to) => read(id, from, to - 1);
  await t.rejects(stage.takeOver(2), /ends before 2/);
});
