/** Snapshots on the real drivers: a node's journal is cut while it works, then its local store is thrown away. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { defaultLimits, type Limits, type Log, Node } from '../../../runtime/index.ts';
import { embeddedPorts, natsPorts, type OpenPorts } from '../../../runtime/io/index.ts';
import { startNats } from '../../../scripts/nats-cluster.ts';
import { act, List, list } from '../ledger.ts';
import { replyOf } from '../world.ts';

t.setTimeout(120_000);

const partitions = 4;
const keys = Array.from({ length: 16 }, (_, i) => `k${i}`);
const limits: Limits = {
  ...defaultLimits,
  snapshot_look_ms: 20,
  snapshot_first_ms: 50,
  snapshot_records: 40,
  snapshot_span_entries_max: 200,
  snapshot_fold_bytes_max: 50_000,
  snapshot_garbage_ms: 500,
  truncate_ms: 50,
};

interface Place {
  readonly folder: string;
  open(log: Log): Promise<OpenPorts>;
}

/** All that is in the journal, and its first sequence. */
async function journalOf(ports: OpenPorts): Promise<{ entries: number; first: number }> {
  let entries = 0;
  let first = Number.POSITIVE_INFINITY;
  for (let id = 0; id < partitions; id++) {
    for await (const { seq } of ports.journal.read(id, 0, Number.MAX_SAFE_INTEGER)) {
      entries++;
      first = Math.min(first, seq);
    }
  }
  return { entries, first };
}

class Running {
  readonly node: Node;
  readonly ports: OpenPorts;

  constructor(ports: OpenPorts) {
    this.ports = ports;
    this.node = new Node({ ports, limits, behaviours: [list()], partitions, settleMs: 0 });
    this.node.start();
  }

  async stop(): Promise<void> {
    await this.node.stop();
    await this.ports.close();
  }
}

async function start(place: Place, said: string[]): Promise<Running> {
  const say = (_fields: object, words: string): void => void said.push(words);
  const running = new Running(await place.open({ info() {}, warn() {}, error: say }));
  await running.node.ready();
  return running;
}

async function cutAndRebuilt(t: Test, place: Place): Promise<void> {
  const said: string[] = [];
  let running = await start(place, said);
  t.teardown(() => running.stop());
  const expected = new Map<string, string[]>();
  const add = async (key: string, word: string): Promise<void> => {
    replyOf(await running.node.ask(List.ref(key), act({ add: word, tell: [keys[word.length % 16] as string, '!'] })));
    expected.set(key, [...(expected.get(key) ?? []), word]);
  };
  for (let round = 0; round < 120; round++) await Promise.all(keys.map((key) => add(key, `word ${round} of ${key}`)));
  const endMs = performance.now() + 30_000;
  let journal = await journalOf(running.ports);
  while ((journal.first === 1 || journal.entries > 500) && performance.now() < endMs) {
    await sleep(100);
    journal = await journalOf(running.ports);
  }
  t.ok(journal.first > 1, `the journal begins at ${journal.first}`);
  t.ok(journal.entries <= 500, `${journal.entries} entries are kept`);
  await running.stop();
  rmSync(join(place.folder, 'store'), { recursive: true });
  running = await start(place, said);
  for (const [key, words] of expected) {
    const there = replyOf(await running.node.ask(List.ref(key), { kind: 'list' }, 20_000)) as string[];
    t.strictSame(
      there.filter((word) => word !== '!'),
      words,
    );
  }
  t.strictSame(said, []);
}

function freshFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'ringpost-snapshots-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

t.test('one process: the journal is cut, and a lost store is built from archive and journal', async (t) => {
  const folder = freshFolder(t);
  const open = (log: Log) => embeddedPorts({ node: 'n1', partitions, dataFolder: folder, log });
  await cutAndRebuilt(t, { folder, open });
});

t.test('on a nats-server: the same', async (t) => {
  const folder = freshFolder(t);
  const nats = await startNats({ servers: 1, folder: join(folder, 'nats') });
  t.teardown(() => nats.stop());
  const shared = { cluster: 'test', replicas: 1, servers: nats.urls };
  const open = (log: Log) => natsPorts({ ...shared, node: 'n1', partitions, dataFolder: folder, log });
  await cutAndRebuilt(t, { folder, open });
});
