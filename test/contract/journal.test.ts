import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { openLmdbJournal } from '../../runtime/io/lmdb-journal.ts';
import { SimRandom, SimTime } from '../../sim/clock.ts';
import { SimLog } from '../../sim/journal.ts';
import { entryFor, type JournalWorld, journalContract } from './journal.ts';
import { followContract } from './journal-follow.ts';
import { seqsOf, WrittenLog } from './journal-log.ts';
import { truncateContract } from './journal-truncate.ts';

t.setTimeout(120_000);

t.test('on LMDB', { timeout: 60_000 }, (t) => {
  const folder = t.testdir();
  let worlds = 0;
  const open = async (): Promise<JournalWorld> => {
    const { journal, close } = await openLmdbJournal(join(folder, `${++worlds}`));
    return {
      journal,
      other: journal,
      settle: (promise) => promise,
      pass: (ms) => sleep(ms),
      singleRepeat: 'duplicate',
      runs: 50,
      close,
    };
  };
  journalContract(t, open);
  followContract(t, open);
  truncateContract(t, open);
  t.end();
});

t.test('LMDB: after a truncation and a restart sequences go on, and the next append is on what was last', async (t) => {
  const folder = t.testdir();
  let { journal, close } = await openLmdbJournal(folder);
  let log = new WrittenLog(journal);
  // More than one transaction drops.
  for (let i = 0; i < 700; i++) await log.append([1, 7]);
  await log.append([3]);
  const newest = log.lastSeq(3);
  await journal.truncate(Number.MAX_SAFE_INTEGER);
  await close();
  ({ journal, close } = await openLmdbJournal(folder));
  t.teardown(() => close());
  for (const [partition, kept] of [
    [1, log.lastSeq(1)],
    [7, log.lastSeq(7)],
    [3, newest],
  ] as const) {
    t.same(await seqsOf(journal, partition), [kept]);
    const outcome = await journal.append([entryFor(partition, kept)]);
    t.ok(outcome.kind === 'appended' && (outcome.seqs[0] ?? 0) > newest);
  }
  log = new WrittenLog(journal);
  await log.append([9]);
  t.ok(log.lastSeq(9) > newest + 3);
});

t.test('LMDB: closing the journal interrupts its followers', async (t) => {
  const { journal, close } = await openLmdbJournal(t.testdir());
  const following = journal.follow(new Map([[1, 0]]));
  const waiting = t.rejects(following.next(), /interrupted: the journal is closed/);
  await close();
  await waiting;
  await t.rejects(following.next(), /closed/);
  await t.rejects(journal.follow(new Map([[1, 0]])).next(), /closed/);
  await t.rejects(journal.truncate(1));
});

for (const idsFirst of [true, false]) {
  t.test(`simulated, ${idsFirst ? 'a cluster of servers' : 'one server'}`, (t) => {
    const open = async (): Promise<JournalWorld> => {
      const random = new SimRandom(7);
      const time = new SimTime(random.stream('ties'));
      const log = new SimLog(time, random);
      log.idsFirst = idsFirst;
      return {
        journal: log.connect(),
        other: log.connect(),
        settle: (promise) => time.until(promise),
        pass: (ms) => time.pass(ms),
        singleRepeat: idsFirst ? 'duplicate' : 'mismatch',
        runs: 100,
        close: async () => {},
      };
    };
    journalContract(t, open);
    followContract(t, open);
    truncateContract(t, open);
    t.end();
  });
}
