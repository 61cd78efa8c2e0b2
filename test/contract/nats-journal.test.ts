import t from 'tap';
import { connectNats } from '../../runtime/io/nats.ts';
import { openNatsJournal } from '../../runtime/io/nats-journal.ts';
import type { Log } from '../../runtime/ports.ts';
import { startNats } from '../../scripts/nats-cluster.ts';
import { journalContract } from './journal.ts';

t.setTimeout(120_000);

const quiet: Log = { info() {}, warn() {}, error() {} };

for (const servers of [1, 3] as const) {
  t.test(`on NATS, ${servers} server(s)`, { timeout: 120_000 }, async (t) => {
    const nats = await startNats({ servers, folder: t.testdir() });
    t.teardown(() => nats.stop());
    journalContract(t, async () => {
      const links = await Promise.all(
        ['a', 'b'].map((name) => connectNats({ servers: nats.urls, name: `test ${name}`, log: quiet })),
      );
      // At once, as nodes of a new cluster do.
      const [journal, other] = await Promise.all(
        links.map((link, i) => openNatsJournal({ link, cluster: 'test', replicas: servers, writer: `w${i}` })),
      );
      if (journal === undefined || other === undefined) throw new Error('no journals');
      return {
        journal,
        other,
        settle: (promise) => promise,
        // A single server looks at the sequence before the id.
        singleRepeat: servers === 1 ? 'mismatch' : 'duplicate',
        runs: 15,
        close: async () => {
          for (const link of links) await link.close();
        },
      };
    });
  });
}
