import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { partitionOf } from '../../runtime/hash.ts';
import { natsPorts } from '../../runtime/io/index.ts';
import { decodeRecord } from '../../runtime/record.ts';
import { startNats } from '../../scripts/nats-cluster.ts';
import { pause } from './cluster.ts';
import type { Hammered } from './ledger-host.ts';
import { LedgerHost } from './ledger-hosts.ts';

t.setTimeout(60_000);
t.test('A2, A3, A4: an owner that is paused and resumed never writes again', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'ringpost-fencing-'));
  const nats = await startNats({ servers: 3, folder: join(folder, 'nats') });
  const servers = nats.urls;
  const hosts = ['n1', 'n2', 'n3'].map((node) => new LedgerHost({ node, servers, dataFolder: join(folder, node) }));
  t.teardown(async () => {
    await Promise.all(hosts.map((host) => host.end()));
    await nats.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  await Promise.all(hosts.map((host) => host.up));

  const key = 'contended';
  const serving = await Promise.all(hosts.map((host) => host.call<boolean>({ kind: 'serves', key })));
  const owner = hosts[serving.indexOf(true)];
  const others = hosts.filter((host) => host !== owner);
  const [other] = others;
  if (owner === undefined || other === undefined) throw new Error('some node owns the ledger, and others do not');

  // The owner and another node both write; the owner has turns under way at whatever instant it is stopped.
  for (const host of [owner, other]) await host.call({ kind: 'hammer', key, prefix: host.name, inFlight: 16 });
  await pause(1_000);
  owner.signal('SIGSTOP');
  await pause(5_000);
  const moved = await Promise.all(others.map((host) => host.call<boolean>({ kind: 'serves', key })));
  t.ok(moved.includes(true), 'another node has taken the ledger over');
  const beforeResume = await other.call<string[]>({ kind: 'list', key });
  owner.signal('SIGCONT');
  await pause(3_000);

  const results = await Promise.all([owner, other].map((host) => host.call<Hammered>({ kind: 'rest' })));
  const entries = await other.call<string[]>({ kind: 'list', key });
  t.equal(new Set(entries).size, entries.length, 'nothing is there twice');
  t.same(entries.slice(0, beforeResume.length), beforeResume, 'what was there before the owner resumed is unchanged');
  const there = new Set(entries);
  const replied = results.flatMap((result) => result.replied);
  t.ok(replied.length > 100, `enough was acknowledged to mean something (${replied.length})`);
  t.same(
    replied.filter((id) => !there.has(id)),
    [],
    'everything acknowledged is there',
  );
  const accounted = new Set([...replied, ...results.flatMap((result) => result.unknown)]);
  t.same(
    entries.filter((id) => !accounted.has(id)),
    [],
    'nothing is there that was refused',
  );

  const epochs = await epochsInJournal(servers, join(folder, 'reader'), partitionOf(`ledger/${key}`, 8));
  t.ok(new Set(epochs).size >= 2, 'the journal has records of two owners at least');
  t.same(
    epochs,
    [...epochs].sort((a, b) => a - b),
    'and their records never interleave',
  );
});

/** Epochs of a partition's records in the order of the journal; checks the chain on the way. */
async function epochsInJournal(servers: readonly string[], dataFolder: string, partition: number): Promise<number[]> {
  const log = { info() {}, warn() {}, error() {} };
  const ports = await natsPorts({
    node: 'reader',
    servers,
    cluster: 'ledgers',
    partitions: 8,
    replicas: 3,
    dataFolder,
    log,
  });
  const last = await ports.journal.last(partition);
  const epochs: number[] = [];
  let previousSeq = 0;
  for await (const entry of ports.journal.read(partition, 1, last?.seq ?? 0)) {
    const record = decodeRecord(entry.bytes, ports.codec);
    if (record.previousSeq !== previousSeq) throw new Error(`the chain is broken at ${entry.seq}`);
    previousSeq = entry.seq;
    epochs.push(record.epoch);
  }
  await ports.close();
  return epochs;
}
