import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { connectNats } from '../../runtime/io/nats.ts';
import { openNatsJournal } from '../../runtime/io/nats-journal.ts';
import type { Log } from '../../runtime/ports.ts';
import { startNats } from '../../scripts/nats-cluster.ts';
import { type JournalWorld, journalContract } from './journal.ts';
import { followContract } from './journal-follow.ts';
import { truncateContract } from './journal-truncate.ts';

t.setTimeout(120_000);

const quiet: Log = { info() {}, warn() {}, error() {} };

for (const servers of [1, 3] as const) {
  t.test(`on NATS, ${servers} server(s)`, { timeout: 120_000 }, async (t) => {
    const nats = await startNats({ servers, folder: t.testdir() });
    t.teardown(() => nats.stop());
    let worlds = 0;
    const open = async (): Promise<JournalWorld> => {
      const cluster = `test-${++worlds}`;
      const links = await Promise.all(
        ['a', 'b'].map((name) => connectNats({ servers: nats.urls, name: `test ${name}`, log: quiet })),
      );
      // At once, as nodes of a new cluster do.
      const [journal, other] = await Promise.all(
        links.map((link, i) => openNatsJournal({ link, cluster, replicas: servers, writer: `w${i}` })),
      );
      if (journal === undefined || other === undefined) throw new Error('no journals');
      return {
        journal,
        other,
        settle: (promise) => promise,
        pass: (ms) => sleep(ms),
        // A single server looks at the sequence before the id.
        singleRepeat: servers === 1 ? 'mismatch' : 'duplicate',
        runs: 15,
        close: async () => {
          for (const link of links) await link.close();
        },
      };
    };
    journalContract(t, open);
    followContract(t, open);
    truncateContract(t, open);
  });
}
