import t from 'tap';
import { defaultLimits } from '../../runtime/index.ts';
import { CorruptRecord, encodeRecord, type PartitionRecord } from '../../runtime/record.ts';
import { ChainBroken, packPosition, Standing, unpackPosition } from '../../runtime/standing.ts';
import { simCodec } from '../../sim/codec.ts';

const blank: PartitionRecord = {
  type: 'turns',
  partition: 3,
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

interface Entry {
  readonly seq: number;
  readonly bytes: Uint8Array;
}

function entry(seq: number, record: Partial<PartitionRecord>): Entry {
  return { seq, bytes: encodeRecord({ ...blank, number: seq, previousSeq: seq - 1, ...record }, simCodec) };
}

function mail(seq: number) {
  return { seq, to: 'list/z', from: 'list/a', body: { kind: 'act' }, asker: undefined };
}

function standing(...entries: readonly Entry[]): Standing {
  const made = new Standing(3, defaultLimits);
  for (const one of entries) made.take(one, simCodec);
  return made;
}

/** As it is after its process has died: from what was stored, and the journal. */
function reborn(before: Standing, journal: readonly Entry[]): Standing {
  const stored = unpackPosition(packPosition(before.stored(), simCodec), simCodec);
  if (stored === undefined) throw new Error('not readable');
  const made = new Standing(3, defaultLimits, stored);
  for (const one of journal) if (one.seq >= made.recallFromSeq && one.seq <= stored.seq) made.recall(one, simCodec);
  made.mustJoin();
  return made;
}

t.test('A3: each entry is taken once, in the order of its chain', async (t) => {
  const one = standing();
  t.equal(one.take(entry(1, {}), simCodec)?.number, 1);
  t.equal(one.take(entry(1, {}), simCodec), undefined, 'a second time it is nothing new');
  t.equal(one.take(entry(2, {}), simCodec)?.number, 2);
  t.equal(one.take(entry(1, {}), simCodec), undefined);
  t.match(one.position, { epoch: 1, number: 2, seq: 2 });
  t.throws(() => one.take(entry(4, {}), simCodec), ChainBroken);
  t.match(one.position, { number: 2, seq: 2 }, 'what does not follow changes nothing');
  t.equal(one.take(entry(3, {}), simCodec)?.number, 3, 'and what does can still come');
});

t.test('A3: what is skipped at the beginning is noticed, too', async (t) => {
  t.throws(() => standing(entry(7, {})), ChainBroken);
});

t.test('A3: records of lower epochs are passed over, and the chain may go by them or past them', async (t) => {
  const one = standing(entry(1, { epoch: 5 }));
  const { chain } = one.position;
  t.equal(one.take(entry(2, { epoch: 4 }), simCodec), undefined);
  t.equal(one.take(entry(3, { epoch: 3 }), simCodec), undefined);
  t.strictSame([one.position.seq, one.seenSeq, one.position.chain], [1, 3, chain]);
  t.ok(one.take(entry(4, { epoch: 5, number: 2, previousSeq: 1 }), simCodec), 'its owner did not see them');
  one.take(entry(5, { epoch: 4 }), simCodec);
  t.ok(one.take(entry(6, { epoch: 6, number: 3, previousSeq: 5 }), simCodec), 'the next owner did');
  t.match(one.position, { epoch: 6, number: 3, seq: 6 });
});

t.test('A3: what is no record is no end of the journal', async (t) => {
  const one = standing(entry(1, {}));
  const broken = entry(2, {}).bytes.slice();
  broken[9] = (broken[9] ?? 0) ^ 1;
  t.throws(() => one.take({ seq: 2, bytes: broken }, simCodec), CorruptRecord);
  t.throws(() => one.take({ seq: 2, bytes: new Uint8Array([1]) }, simCodec), /sequence 2/);
  t.ok(one.take(entry(2, {}), simCodec));
});

t.test('A3: the rolling hash is that of the records, whoever applied them, and in how many lives', async (t) => {
  const journal = [1, 2, 3, 4].map((seq) => entry(seq, { rows: [`list/a words ${seq}`, new Uint8Array([seq])] }));
  const owner = standing();
  for (const one of journal) owner.committed({ ...blank, number: one.seq }, one);
  t.equal(standing(...journal).position.chain, owner.position.chain);
  const again = reborn(standing(...journal.slice(0, 2)), journal);
  for (const one of journal) again.take(one, simCodec);
  t.equal(again.position.chain, owner.position.chain);
  const other = [...journal.slice(0, 3), entry(4, { rows: ['list/a words 4', new Uint8Array([9])] })];
  t.not(standing(...other).position.chain, owner.position.chain);
});

t.test('A6: both ends of the channels are as the journal tells them', async (t) => {
  const journal = [
    entry(1, { outbox: [{ to: 9, mails: [mail(1), mail(2)] }] }),
    entry(2, { outbox: [{ to: 9, mails: [mail(3)] }], taken: [{ source: 7, watermark: 3, above: [5, 9] }] }),
    entry(3, { settled: [[9, 1]], taken: [{ source: 7, watermark: 6, above: [9] }] }),
  ];
  for (const one of [standing(...journal), reborn(standing(...journal), journal)]) {
    const out = one.outbox.channel(9);
    t.strictSame([out.settled, out.nextSeq, out.waiting, out.oldestRecordSeq], [1, 4, 2, 1]);
    t.strictSame(
      out.takeSendable(10, 0).map(({ seq }) => seq),
      [2, 3],
    );
    t.strictSame(one.inbox.channel(7).taken(), { source: 7, watermark: 6, above: [9] });
    t.equal(one.inbox.channel(7).accept(7), 'new');
    t.equal(one.inbox.channel(7).accept(8), 'new');
    t.equal(one.inbox.channel(7).accept(9), 'old');
  }
});

t.test('A6: what is stored is taken up from the oldest record with mail that is not settled', async (t) => {
  const journal = [
    entry(1, { outbox: [{ to: 9, mails: [mail(1)] }] }),
    entry(2, { outbox: [{ to: 8, mails: [mail(1)] }] }),
    entry(3, { settled: [[9, 1]] }),
  ];
  const before = standing(...journal);
  t.equal(new Standing(3, defaultLimits, before.stored()).recallFromSeq, 2);
  before.outbox.channel(8).settle(1, 0);
  t.equal(new Standing(3, defaultLimits, before.stored()).recallFromSeq, 3, 'only the record that it stands at');
  t.equal(new Standing(3, defaultLimits).recallFromSeq, 0);
});

t.test('A5: what is stored must join the journal: its record is there, and all mail that is not settled', async (t) => {
  const first = entry(1, { outbox: [{ to: 9, mails: [mail(1)] }] });
  const before = standing(first, entry(2, {}));
  t.doesNotThrow(() => reborn(before, [first, entry(2, {})]));
  t.throws(() => reborn(before, [first]), ChainBroken, 'its record is gone');
  t.throws(() => reborn(before, [first, entry(2, { number: 5 })]), ChainBroken, 'it is another');
  t.throws(() => reborn(before, [first, entry(2, { epoch: 2 })]), ChainBroken, 'or of another epoch');
  t.throws(() => reborn(before, [entry(2, {})]), ChainBroken, 'its mail is gone');
  t.throws(() => reborn(before, [entry(1, {}), entry(2, {})]), ChainBroken, 'or never was');
});

t.test('A3: a zombie’s mail is not taken up again', async (t) => {
  const journal = [
    entry(1, { epoch: 5, outbox: [{ to: 9, mails: [mail(1)] }] }),
    entry(2, { epoch: 4, outbox: [{ to: 9, mails: [mail(2)] }] }),
    entry(3, { epoch: 5, number: 2, previousSeq: 1, outbox: [{ to: 9, mails: [mail(2)] }] }),
  ];
  const out = reborn(standing(...journal), journal).outbox.channel(9);
  t.strictSame([out.waiting, out.nextSeq], [2, 3]);
});

t.test('A5: a position of another layout is none', async (t) => {
  t.equal(unpackPosition(simCodec.pack([1, 2, 3, 4, [], [], 0]), simCodec), undefined);
  t.match(unpackPosition(packPosition(standing(entry(1, {})).stored(), simCodec), simCodec), { number: 1, seq: 1 });
});
