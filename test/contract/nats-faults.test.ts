import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { connectNats, plainHeaders } from '../../runtime/io/nats.ts';
import { journalStream, openNatsJournal } from '../../runtime/io/nats-journal.ts';
import { askJetStream } from '../../runtime/io/nats-stream.ts';
import type { AppendOutcome } from '../../runtime/ports.ts';
import { type NatsCluster, startNats } from '../../scripts/nats-cluster.ts';
import { collect } from './journal.ts';
import { append, batch, link, persist, quiet } from './nats-world.ts';

t.setTimeout(240_000);

const everything = Number.MAX_SAFE_INTEGER;

t.test('a nats-server that is too old, or can’t hold a journal, is refused in words', async (t) => {
  const infos: [info: object, words: RegExp][] = [
    [{ version: '2.9.10', jetstream: true, max_payload: 1_048_576 }, /2\.9\.10 .* too old: Ringpost needs 2\.12/],
    [{ version: '2.11.99', jetstream: true, max_payload: 1_048_576 }, /too old/],
    [{ version: '2.12.0', max_payload: 1_048_576 }, /without JetStream/],
    [{ version: '3.0.1', jetstream: true, max_payload: 65_536 }, /max_payload 65536/],
  ];
  for (const [info, words] of infos) {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.write(`INFO ${JSON.stringify({ server_id: 'x', headers: true, proto: 1, ...info })}\r\n`);
      socket.on('data', (data) => data.includes('PING') && socket.write('PONG\r\n'));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    await t.rejects(connectNats({ servers: [`127.0.0.1:${port}`], name: 'test', log: quiet }), { message: words });
    server.close();
  }
});

t.test('waiting for the first server has an end', async (t) => {
  const refused = connectNats({ servers: ['127.0.0.1:9'], name: 'test', log: quiet, connectWaitMs: 600 });
  await t.rejects(refused, /no nats-server answers at 127\.0\.0\.1:9/);
});

t.test('one server', { timeout: 120_000 }, async (t) => {
  const nats = await startNats({ servers: 1, folder: t.testdir() });
  t.teardown(() => nats.stop());
  streamTests(t, nats);
  answerTests(t, nats);
  outageTest(t, nats);
});

function streamTests(t: Test, nats: NatsCluster): void {
  t.test('many nodes make the stream at once; one made otherwise is refused in words', async (t) => {
    const one = await link(t, nats.urls);
    const open = (replicas: number) => openNatsJournal({ link: one, cluster: 'many', replicas, writer: 'w' });
    await Promise.all(Array.from({ length: 8 }, () => open(1)));
    await askJetStream(one, 'STREAM.UPDATE.RP_many_JOURNAL', { ...journalStream('many', 1), allow_direct: true });
    await t.rejects(open(1), /exists with other settings: allow_direct is true and must be false/);
    await askJetStream(one, 'STREAM.UPDATE.RP_many_JOURNAL', { ...journalStream('many', 1), max_age: 3600e9 });
    await t.rejects(open(1), /exists with other settings: max_age is 3600000000000 and must be 0/);
    await t.rejects(
      openNatsJournal({ link: one, cluster: 'more', replicas: 3, writer: 'w' }),
      /replicas > 1 not supported/,
    );
  });
}

function answerTests(t: Test, nats: NatsCluster): void {
  const open = async (t: Test, cluster: string, appendWaitMs = 3_000) => {
    const one = await link(t, nats.urls);
    return { one, journal: await openNatsJournal({ link: one, cluster, replicas: 1, writer: cluster, appendWaitMs }) };
  };
  const kindAnd = (outcome: AppendOutcome) => `${outcome.kind}: ${'reason' in outcome ? outcome.reason : ''}`;

  t.test('too many open batches: busy, and nothing is appended', async (t) => {
    const { one, journal } = await open(t, 'open');
    for (let i = 0; i < 50; i++) {
      one.publish(
        'rp.open.j.9',
        Buffer.from('x'),
        plainHeaders(`Nats-Batch-Id: open${i}\r\nNats-Batch-Sequence: 1\r\n`),
      );
    }
    await one.connection.flush();
    const outcome = await journal.append(batch(1, [0, 0]));
    t.match(kindAnd(outcome), /^busy: .*\(10(176|210)\)/);
    t.equal(await journal.last(0), undefined);
  });

  t.test('more than a thousand: busy, and nothing is appended', async (t) => {
    const { journal } = await open(t, 'thousand');
    t.match(kindAnd(await journal.append(batch(1, new Array<number>(1_001).fill(0)))), /^busy: .*\(10199\)/);
    t.equal(await journal.last(0), undefined);
  });

  t.test('a stream that is full: unknown, because only the leader may have refused', async (t) => {
    const { one, journal } = await open(t, 'full');
    await persist(journal, batch(1, [0, 0]));
    await askJetStream(one, 'STREAM.UPDATE.RP_full_JOURNAL', { ...journalStream('full', 1), max_msgs: 2 });
    for (const appends of [[append(5, 0, 1)], [append(6, 0, 1), append(7, 0, 1)]]) {
      t.match(kindAnd(await journal.append(appends)), /^unknown: maximum messages exceeded \(10077\)/);
    }
  });

  t.test('no stream: busy; larger than the server takes: busy', async (t) => {
    const { one, journal } = await open(t, 'gone');
    t.match(kindAnd(await journal.append([append(0, 0, 1, 'x'.repeat(1_100_000))])), /^busy: /);
    await askJetStream(one, 'STREAM.DELETE.RP_gone_JOURNAL');
    t.match(kindAnd(await journal.append([append(0, 0, 1)])), /^busy: the journal has no leader/);
    t.match(kindAnd(await journal.append(batch(1, [0, 0]))), /^busy: the journal has no leader/);
    await t.rejects(journal.last(0), /stream not found|not available/);
  });

  t.test('A2: a server that is paused: unknown; the same bytes again settle it', async (t) => {
    const { journal } = await open(t, 'paused', 300);
    const [a = 0, b = 0] = await persist(journal, batch(1, [0, 0]));
    await nats.servers[0]?.kill('SIGSTOP');
    const second = batch(2, [a, b]);
    t.match(kindAnd(await journal.append(second)), /^unknown: no answer in 300 ms/);
    t.match(kindAnd(await journal.append(second)), /^unknown: /);
    await nats.servers[0]?.kill('SIGCONT');
    await persist(journal, second);
    for (const partition of [0, 1]) {
      const entries = await collect(journal.read(partition, 0, everything));
      t.same(
        entries.map(({ bytes }) => Buffer.from(bytes).toString()),
        [`${partition}/1`, `${partition}/2`],
      );
    }
  });
}

function outageTest(t: Test, nats: NatsCluster): void {
  t.test('A2: a server killed under way: the writer and the reader are told; all settles after', async (t) => {
    const one = await link(t, nats.urls);
    const journal = await openNatsJournal({ link: one, cluster: 'outage', replicas: 1, writer: 'w' });
    let seqs: readonly number[] = [0, 0];
    const padding = ' '.repeat(8_000);
    const records = (number: number) =>
      seqs.map((seq, partition) => append(partition, seq, number, `${number}${padding}`));
    // More than a reader fetches ahead.
    for (let i = 1; i <= 900; i++) seqs = await persist(journal, records(i));
    const reading = (async () => {
      let read = 0;
      for await (const _entry of journal.read(0, 0, everything)) if (++read === 100) await nats.servers[0]?.kill();
      return read;
    })();
    await t.rejects(reading, /interrupted/);
    const last = records(901);
    const outcome = await journal.append(last);
    t.ok(outcome.kind === 'busy' || outcome.kind === 'unknown');
    await t.rejects(journal.last(0));
    await nats.servers[0]?.restart();
    await persist(journal, last);
    const entries = await collect(journal.read(1, 0, everything));
    t.same(
      entries.map(({ bytes }) => Number(Buffer.from(bytes))),
      Array.from({ length: 901 }, (_, i) => i + 1),
    );
  });
}

t.test('A2: three servers, killed or paused one after the other: each append once, in order', async (t) => {
  t.setTimeout(200_000);
  const nats = await startNats({ servers: 3, folder: t.testdir() });
  t.teardown(() => nats.stop());
  const open = async (writer: string) =>
    openNatsJournal({ link: await link(t, nats.urls), cluster: 'three', replicas: 3, writer });
  const [journal, reader] = await Promise.all([open('w'), open('r')]);
  let seqs: readonly number[] = [0, 0, 0];
  let number = 0;
  let running = true;
  const kinds: string[] = [];
  const writing = (async () => {
    while (running) seqs = await persist(journal, batch(++number, seqs), kinds);
  })();
  for (const [i, server] of nats.servers.entries()) {
    await goOn();
    await server.kill(i === 1 ? 'SIGSTOP' : 'SIGKILL');
    await sleep(3_000);
    if (i === 1) await server.kill('SIGCONT');
    else await server.restart();
    await nats.ready();
  }
  await goOn();
  running = false;
  await writing;
  t.ok(kinds.length > number, `there were faults: ${[...new Set(kinds)]}`);
  for (const partition of [0, 1, 2]) {
    const entries = await collect(reader.read(partition, 0, everything));
    const found = entries.map(({ bytes }) => Buffer.from(bytes).toString());
    t.same(
      found,
      Array.from({ length: number }, (_, i) => `${partition}/${i + 1}`),
    );
  }

  /** Appends succeed again, within an election of JetStream and some. */
  async function goOn(): Promise<void> {
    const until = number + 50;
    for (let waited = 0; number < until; waited += 100) {
      if (waited > 30_000) throw new Error('appends do not go on');
      await sleep(100);
    }
  }
});
