import t from 'tap';
import { openLmdbJournal } from '../../runtime/io/lmdb-journal.ts';
import { SimRandom, SimTime } from '../../sim/clock.ts';
import { SimLog } from '../../sim/journal.ts';
import { journalContract } from './journal.ts';

t.test('on LMDB', (t) => {
  journalContract(t, async () => {
    const { journal, close } = await openLmdbJournal(t.testdir());
    return { journal, other: journal, settle: (promise) => promise, singleRepeat: 'duplicate', runs: 50, close };
  });
  t.end();
});

for (const idsFirst of [true, false]) {
  t.test(`simulated, ${idsFirst ? 'a cluster of servers' : 'one server'}`, (t) => {
    journalContract(t, async () => {
      const random = new SimRandom(7);
      const time = new SimTime(random.stream('ties'));
      const log = new SimLog(time, random);
      log.idsFirst = idsFirst;
      return {
        journal: log.connect(),
        other: log.connect(),
        settle: (promise) => time.until(promise),
        singleRepeat: idsFirst ? 'duplicate' : 'mismatch',
        runs: 100,
        close: async () => {},
      };
    });
    t.end();
  });
}
