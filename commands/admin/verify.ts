/** Partitions, replayed against what their owners hold; and built anew. */
import type { VerifiedWords } from '../../console/index.ts';
import { UsageError } from '../options.ts';
import { partitionOf } from './cluster.ts';
import { type Errand, failed, isAdminError, isMeant, reasonOf } from './connect.ts';
import { bytes, duration, table, time } from './table.ts';

/** The server itself gives up after ten minutes. */
const verify_wait_ms = 620_000;

/** What would be the same for every partition. */
const endsAll: readonly string[] = [
  'PERMISSION_DENIED',
  'UNAUTHENTICATED',
  'UNREACHABLE',
  'INVALID_ARGUMENT',
  'RESOURCE_EXHAUSTED',
];

/** What came of one partition: how it is, or why that could not be told. */
type Outcome = VerifiedWords | { readonly partition: number; readonly failed: string };

/** `verify NUMBER`, `verify --all`: one after the other. */
export async function verify(errand: Errand): Promise<number> {
  const { client, terminal, json, words, options } = errand;
  const [text] = words;
  if ((text === undefined) === (options.all !== true))
    throw new UsageError('Which partition? ringpost admin verify 7, or verify --all');
  const reason = await reasonOf(errand);
  if (text !== undefined) {
    const verified = await client.call('VerifyPartition', { partition: partitionOf(text), reason }, verify_wait_ms);
    terminal.say(json ? JSON.stringify(verified, null, 2) : wordsOf(verified));
    return verified.sound ? 0 : 1;
  }
  const { partitions } = await client.call('ListPartitions', {});
  const outcomes: Outcome[] = [];
  for (const { id } of partitions) {
    try {
      outcomes.push(await client.call('VerifyPartition', { partition: id, reason }, verify_wait_ms));
    } catch (error) {
      // One that has no owner just now does not keep the others from being verified; a wrong role would.
      if (!isAdminError(error) || endsAll.includes(error.status)) throw error;
      failed(error, terminal);
      outcomes.push({ partition: id, failed: `${error.status}: ${error.message}` });
    }
  }
  terminal.say(json ? JSON.stringify(outcomes, null, 2) : outcomeTable(outcomes));
  const wrong = outcomes.filter((one) => !('sound' in one && one.sound));
  if (!json)
    terminal.tell(
      wrong.length === 0
        ? `All ${outcomes.length} are sound.`
        : `Not sound, or not verified: ${wrong.map(({ partition }) => partition).join(', ')}. "verify NUMBER" tells more.`,
    );
  return wrong.length === 0 ? 0 : 1;
}

function outcomeTable(outcomes: readonly Outcome[]): string {
  const of = (tell: (verified: VerifiedWords) => string | number) => (one: Outcome) =>
    'failed' in one ? '-' : tell(one);
  return table(outcomes, [
    { head: 'PARTITION', of: ({ partition }) => partition },
    { head: 'NODE', of: of(({ node }) => node) },
    { head: 'VERDICT', of: (one) => ('failed' in one ? 'not verified' : verdictOf(one)) },
    { head: 'RECORD', of: of(({ number }) => number) },
    { head: 'REPLAYED', of: of(({ records }) => records) },
    { head: 'ROWS', of: of(({ rows }) => rows) },
    { head: 'READ', of: of((one) => bytes(one.bytes)) },
    { head: 'TOOK', of: of(({ tookMs }) => `${tookMs} ms`) },
  ]);
}

function verdictOf({ sound, broken, missing, extra, different, expectedHash, foundHash }: VerifiedWords): string {
  if (sound) return 'sound';
  if (broken !== '') return `${broken} damaged`;
  const hash = expectedHash === foundHash ? '' : 'another hash, ';
  return `${hash}${missing + extra + different} rows differ`;
}

function hex(hash: number): string {
  return hash.toString(16).padStart(8, '0');
}

function wordsOf(verified: VerifiedWords): string {
  const { partition, node, epoch, number, expectedHash, foundHash, snapshotNumber, snapshotAt, records } = verified;
  const { missing, extra, different, named, broken, why } = verified;
  const from =
    snapshotNumber === 0 ? "the journal's beginning" : `the snapshot of ${time(snapshotAt)} (record ${snapshotNumber})`;
  const lines = [
    `partition ${partition} on ${node}, epoch ${epoch}, up to record ${number}: ${verdictOf(verified)}`,
    `  from ${from}, ${records} records replayed; ${verified.rows} rows compared; ${bytes(verified.bytes)} read in ${duration(verified.tookMs)}`,
  ];
  if (broken !== '') lines.push(`  ${broken} damaged: ${why}`, '  what comes after that was not compared');
  else lines.push(`  hash ${hex(expectedHash)} at the owner, ${hex(foundHash)} replayed`);
  if (missing + extra + different > 0)
    lines.push(`  the owner lacks ${missing} rows, has ${extra} too many, and ${different} that are other ones`);
  for (const { how, actor, table: name } of named)
    lines.push(`    ${how} in ${name} of ${actor === '' ? 'the partition itself' : actor}`);
  return lines.join('\n');
}

/** `rebuild NUMBER`. */
export async function rebuild(errand: Errand): Promise<number> {
  const { client, terminal, json, words } = errand;
  const [text] = words;
  if (text === undefined) throw new UsageError('Which partition? ringpost admin rebuild 7');
  const partition = partitionOf(text);
  const warning = `What the owner of partition ${partition} holds of it is thrown away, and built anew from its snapshot and journal; its mail waits.`;
  if (!(await isMeant(errand, warning, text))) return 1;
  const done = await client.call('RebuildPartition', { partition, reason: await reasonOf(errand) }, verify_wait_ms);
  terminal.say(
    json
      ? JSON.stringify(done, null, 2)
      : `It was so before:\n${wordsOf(done)}\nIt is being built anew; verify it when it is there.`,
  );
  return 0;
}
