// Truncating a journal of three servers, one of which is away, or which nobody leads.
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { openNatsJournal } from '../../runtime/io/nats-journal.ts';
import { askState } from '../../runtime/io/nats-stream.ts';
import { startNats } from '../../scripts/nats-cluster.ts';
import { seqsOf } from './journal-log.ts';
import { append, batch, link, makeLeader, persist } from './nats-world.ts';

t.setTimeout(120_000);

const stream = 'RP_cut_JOURNAL';

t.test('three servers', { timeout: 110_000 }, async (t) => {
  const nats = await startNats({ servers: 3, folder: t.testdir() });
  t.teardown(() => nats.stop());
  const one = await link(t, nats.urls);
  const journal = await openNatsJournal({ link: one, cluster: 'cut', replicas: 3, writer: 'w' });
  const written: number[][] = [[], [], []];

  async function write(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const number = (written[0]?.length ?? 0) + 1;
      const seqs = await persist(
        journal,
        batch(
          number,
          written.map((seqs) => seqs.at(-1) ?? 0),
        ),
      );
      for (const [partition, seq] of seqs.entries()) written[partition]?.push(seq);
    }
  }

  t.test('one that was away when the journal was truncated has what the others have when it leads', async (t) => {
    await write(40);
    const away = nats.servers.find(({ url }) => !url.endsWith(one.connection.getServer()));
    if (away === undefined) throw new Error('no other server');
    await away.kill();
    await write(5);
    const beforeSeq = written[1]?.[30] ?? 0;
    for (;;) {
      // While there is no leader the outcome is not known.
      const outcome = await journal.truncate(beforeSeq).catch((error: Error) => error);
      if (outcome === undefined) break;
      await sleep(200);
    }
    await away.restart();
    await nats.ready();
    // Until something is appended it may not know what it lacks, and can't be elected.
    await write(5);
    for (const server of nats.servers) {
      await makeLeader(one, stream, server.name);
      for (const [partition, seqs] of written.entries()) {
        t.same(
          await seqsOf(journal, partition),
          seqs.filter((seq) => seq >= beforeSeq),
          `${server.name}, partition ${partition}`,
        );
      }
    }
    await write(1);
  });

  t.test('without a leader truncation rejects, and what it may have done is done by the next', async (t) => {
    const others = nats.servers.filter(({ url }) => !url.endsWith(one.connection.getServer()));
    for (const server of others) await server.kill('SIGSTOP');
    // On a busy machine a process stops when it is its turn to run.
    await sleep(500);
    await t.rejects(journal.truncate(Number.MAX_SAFE_INTEGER));
    for (const server of others) await server.kill('SIGCONT');
    await nats.ready();
    for (let waited = 0; waited < 30_000; waited += 200) {
      if ((await journal.truncate(Number.MAX_SAFE_INTEGER).catch((error: Error) => error)) === undefined) break;
      await sleep(200);
    }
    // A batch is written in one piece: the first partition's last entry is the oldest that has to stay.
    t.equal((await askState(one, stream)).first_seq, written[0]?.at(-1));
    for (const [partition, seqs] of written.entries()) t.same(await seqsOf(journal, partition), seqs.slice(-1));
  });

  t.test('a partition with an old last entry holds the others back', async (t) => {
    const cold = await persist(journal, [append(7, 0, 1)]);
    await write(10);
    await journal.truncate(Number.MAX_SAFE_INTEGER);
    t.same(await seqsOf(journal, 7), cold);
    t.equal((await askState(one, stream)).first_seq, cold[0]);
    for (const partition of [0, 1, 2]) t.equal((await seqsOf(journal, partition)).length, 10);
  });
});
