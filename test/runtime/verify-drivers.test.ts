/** A partition verified on the real drivers: whatever is changed on the disk, be it in the store, the journal or the archive, is found. */
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { defaultLimits, Node, type VerifyReport } from '../../runtime/index.ts';
import { embeddedPorts } from '../../runtime/io/index.ts';
import { act, List, list } from './ledger.ts';
import { replyOf } from './world.ts';

t.setTimeout(60_000);

const partitions = 2;
const silent = { info() {}, warn() {}, error() {} };

/** Files of a folder that have a text in them. */
function filesWith(folder: string, text: string): string[] {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((file) => file.isFile());
  return files
    .map((file) => join(file.parentPath, file.name))
    .filter((path) => readFileSync(path).includes(text) && !path.endsWith('lock.mdb'));
}

/** Changes one letter of a text wherever it stands in these files, and back again when called again. */
function flip(files: readonly string[], text: string, other: string): void {
  for (const file of files) {
    const bytes = readFileSync(file);
    // In place: a node has it open, and mapped.
    const open = openSync(file, 'r+');
    for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) writeSync(open, other, at, 'latin1');
    closeSync(open);
  }
}

t.test('On LMDB and a folder of segments', async (t) => {
  const dataFolder = mkdtempSync(join(tmpdir(), 'ringpost-verify-'));
  const ports = await embeddedPorts({ node: 'n1', partitions, dataFolder, log: silent });
  const node = new Node({ ports, limits: defaultLimits, behaviours: [list()], partitions, settleMs: 0 });
  t.teardown(async () => {
    await node.stop();
    await ports.close();
    rmSync(dataFolder, { recursive: true, force: true });
  });
  node.start();
  await node.ready();
  const add = async (key: string, word: string) => replyOf(await node.ask(List.ref(key), act({ add: word })));
  const partition = node.partitionOf('list/canary');
  const verified = async (id = partition): Promise<VerifyReport> => {
    const answer = await node.inspect({ kind: 'verify', partition: id });
    if (answer.kind === 'none') throw new Error(answer.words);
    return answer.value;
  };
  const mustBeSound = async (when: string, id = partition): Promise<VerifyReport> => {
    const report = await verified(id);
    t.match(report, { missing: 0, extra: 0, different: 0, broken: '', expected: report.found }, when);
    return report;
  };
  /** Once it has been written there. */
  const found = async (place: string, text: string): Promise<string[]> => {
    for (let tries = 0; tries < 100; tries++) {
      const files = filesWith(join(dataFolder, place), text);
      if (files.length > 0) return files;
      await sleep(50);
    }
    throw new Error(`${place} has no ${text}`);
  };

  await add('canary', 'first canary');
  let loading = true;
  const load = (async () => {
    for (let n = 0; loading; n++) await Promise.all(Array.from({ length: 20 }, (_, i) => add(`k${i}`, `word ${n}`)));
  })();
  await node.inspect({ kind: 'snapshot', partition });
  for (let round = 0; round < 6; round++) {
    for (let id = 0; id < partitions; id++) await mustBeSound('under load', id);
    await sleep(100);
  }
  loading = false;
  await load;
  await add('canary', 'second canary');
  const { records, rows, snapshot } = await mustBeSound('at rest');
  t.ok(records > 10 && rows > 20 && (snapshot?.number ?? 0) > 0, 'snapshot and journal were both read');

  await t.test('in the journal', async (t) => {
    const files = await found('journal', 'second canary');
    flip(files, 'second canary', 'secund canary');
    t.match(await verified(), { broken: 'journal', why: /checksum does not fit \(sequence \d+\)/ });
    flip(files, 'secund canary', 'second canary');
    await mustBeSound('as it was');
  });
  await t.test('in the archive', async (t) => {
    const files = await found('archive', 'first canary');
    flip(files, 'first canary', 'furst canary');
    t.match(await verified(), { broken: 'snapshot', why: /segment .* is damaged/ });
    flip(files, 'furst canary', 'first canary');
    await mustBeSound('as it was');
  });
  await t.test('in the store, whole and as if it had been written so', async (t) => {
    await found('store', 'first canary');
    const key = 'list/canary words 000001';
    const was = ports.store.get(partition, key);
    await ports.store.write([{ partition, key, value: ports.codec.pack('another word') }]);
    const named = [{ how: 'different', actor: 'list/canary', table: 'words' }];
    t.match(await verified(), { different: 1, broken: '', named });
    await ports.store.write([{ partition, key, value: was }]);
    await mustBeSound('as it was');
  });
  await t.test('in the store, a bit: then the partition is built anew by itself', async (t) => {
    flip(await found('store', 'first canary'), 'first canary', 'furst canary');
    t.match(await verified(), { broken: 'store', why: /checksum of a row/ });
    await node.ready();
    for (let tries = 0; !node.owned.includes(partition) && tries < 100; tries++) await sleep(50);
    await mustBeSound('built anew');
    t.strictSame(replyOf(await node.ask(List.ref('canary'), { kind: 'list' })), ['first canary', 'second canary']);
  });
});
