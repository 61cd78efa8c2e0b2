/** Nodes and partitions: seen, drained, resumed. */
import { setTimeout as pause } from 'node:timers/promises';
import type { NodeWords, PartitionWords } from '../../console/index.ts';
import { UsageError, wholeNumber } from '../options.ts';
import { type Errand, isMeant, reasonOf } from './connect.ts';
import { bytes, duration, table, time } from './table.ts';

const drain_wait_s = 60;
/** Between looks at whether what was asked for has happened. */
export const look_ms = 300;
/** Looks in a row that find it empty: another node may just be giving it a partition. */
const empty_looks = 3;

export async function nodes({ client, terminal, json }: Errand): Promise<number> {
  const { nodes: list } = await client.call('ListNodes', {});
  terminal.say(json ? JSON.stringify(list, null, 2) : nodeTable(list));
  return 0;
}

function nodeTable(list: readonly NodeWords[]): string {
  const now = Date.now();
  return table(list, [
    { head: 'NODE', of: ({ name }) => name },
    {
      head: 'STATE',
      of: ({ state, fitness }) => `${state.toLowerCase()}${fitness === 'fit' || fitness === '' ? '' : `, ${fitness}`}`,
    },
    { head: 'UP', of: ({ startedAt }) => (startedAt === 0 ? '-' : duration(now - startedAt)) },
    { head: 'OWNS', of: ({ owns }) => owns },
    { head: 'COPIES', of: ({ copies }) => copies },
    { head: 'CLIENTS', of: ({ figures }) => figures.connections ?? 0 },
    { head: 'AWAKE', of: ({ awakeActors }) => awakeActors },
    { head: 'WAITING', of: ({ waitingMails }) => waitingMails },
    { head: 'TURNS', of: ({ turns }) => turns },
    { head: 'MEMORY', of: ({ figures }) => bytes(figures.rss_bytes ?? 0) },
    { head: 'FORMAT', of: ({ format }) => format },
  ]);
}

export async function partitions(errand: Errand): Promise<number> {
  const { client, terminal, json, words } = errand;
  if (words[0] !== undefined) return partition(errand, partitionOf(words[0]));
  const reply = await client.call('ListPartitions', {});
  terminal.say(json ? JSON.stringify(reply.partitions, null, 2) : partitionTable(reply.partitions));
  return 0;
}

function partitionTable(list: readonly PartitionWords[]): string {
  return table(list, [
    { head: 'PARTITION', of: ({ id }) => id },
    {
      head: 'OWNER',
      of: ({ owner, answered }) => (owner === '' ? '(nobody)' : answered ? owner : `${owner} (silent)`),
    },
    { head: 'PINNED', of: ({ pinnedTo }) => pinnedTo || '-' },
    { head: 'EPOCH', of: ({ epoch }) => epoch },
    { head: 'RECORD', of: ({ number }) => number },
    { head: 'A SECOND', of: ({ recordRate, byteRate }) => `${rate(recordRate)}, ${bytes(Math.round(byteRate))}` },
    { head: 'STANDBYS', of: ({ standbys }) => standbys.map(standbyWords).join(', ') || '(none)' },
    { head: 'AWAKE', of: ({ awakeActors }) => awakeActors },
    { head: 'WAITING', of: ({ waitingMails }) => waitingMails },
    { head: 'OUTBOX', of: ({ outboxMails }) => outboxMails },
    { head: 'SNAPSHOT', of: ({ snapshotAt, snapshotBytes }) => (snapshotAt === 0 ? '-' : bytes(snapshotBytes)) },
  ]);
}

/** Below ten with a digit after the point. */
function rate(count: number): string {
  return count.toFixed(count > 0 && count < 10 ? 1 : 0);
}

function standbyWords({ node, lag, likeness }: PartitionWords['standbys'][number]): string {
  if (likeness === 'SAME') return node;
  return likeness === 'OTHER' ? `${node} (differs!)` : `${node} (${lag} behind)`;
}

async function partition({ client, terminal, json }: Errand, id: number): Promise<number> {
  const detail = await client.call('GetPartition', { partition: id });
  if (json) terminal.say(JSON.stringify(detail, null, 2));
  else {
    const { snapshotAt, hash } = detail.partition;
    const busy = detail.channels.filter(({ nextSeq, watermark }) => nextSeq > 1 || watermark > 0);
    terminal.say(`${partitionTable([detail.partition])}

hash ${hash.toString(16).padStart(8, '0')}, snapshot of ${time(snapshotAt)}

${table(busy, [
  { head: 'CHANNEL', of: ({ partition: other }) => other },
  { head: 'SENT', of: ({ nextSeq }) => nextSeq - 1 },
  { head: 'TAKEN THERE', of: ({ settled }) => settled },
  { head: 'UNDER WAY', of: ({ waiting }) => waiting },
  { head: 'TAKEN HERE', of: ({ watermark }) => watermark },
])}`);
  }
  return 0;
}

export function partitionOf(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new UsageError(`"${text}" is no partition's number.`);
  return Number(text);
}

// ---------------------------------------------------------------- changes

export async function drain(errand: Errand): Promise<number> {
  const { client, terminal, options, json } = errand;
  const node = nameOf(errand);
  const waitMs = wholeNumber(options, 'wait', drain_wait_s, 0, 3_600) * 1_000;
  if (!(await isMeant(errand, `${node} gives its partitions, and then its clients, to the other nodes.`, node)))
    return 1;
  const { audit } = await client.call('DrainNode', { node, reason: await reasonOf(errand) });
  const empty = waitMs === 0 ? undefined : await untilEmpty(errand, node, waitMs);
  if (json) terminal.say(JSON.stringify({ node, audit, empty: empty ?? null }));
  else if (empty === undefined) terminal.say(`${node} has begun to leave (audit entry ${audit}).`);
  else if (empty) {
    terminal.say(`${node} owns no partitions any more, and sends its clients to the other nodes now. It can be stopped at any time.
"ringpost admin resume ${node}" makes it take its share again.`);
  } else
    terminal.tell(
      `${node} still owns partitions; it serves them on, and gives them away as soon as a node can have them.`,
    );
  return empty === false ? 1 : 0;
}

async function untilEmpty({ client, terminal, json }: Errand, name: string, waitMs: number): Promise<boolean> {
  const endMs = performance.now() + waitMs;
  let left: number | undefined;
  for (let empty = 0; performance.now() < endMs; ) {
    const { nodes: list } = await client.call('ListNodes', {});
    const node = list.find((one) => one.name === name);
    if (node === undefined || node.state === 'LOST') return true;
    empty = node.state === 'DRAINING' && node.owns === 0 ? empty + 1 : 0;
    if (empty >= empty_looks) return true;
    if (node.owns !== left && node.owns > 0 && !json) terminal.tell(`${name} owns ${node.owns} partitions.`);
    left = node.owns;
    await pause(look_ms);
  }
  return false;
}

export async function resume(errand: Errand): Promise<number> {
  const { client, terminal, json } = errand;
  const node = nameOf(errand);
  const done = await client.call('ResumeNode', { node, reason: await reasonOf(errand) });
  terminal.say(json ? JSON.stringify(done) : `${node} takes its share of partitions, and clients, again.`);
  return 0;
}

export async function snapshot(errand: Errand): Promise<number> {
  const { client, terminal, json, words } = errand;
  const [text] = words;
  if (text === undefined) throw new UsageError('Of which partition? ringpost admin snapshot 7');
  const id = partitionOf(text);
  const done = await client.call('SnapshotPartition', { partition: id, reason: await reasonOf(errand) }, 130_000);
  terminal.say(json ? JSON.stringify(done) : `The snapshot of partition ${id} is made.`);
  return 0;
}

function nameOf({ words }: Errand): string {
  const [name] = words;
  if (name === undefined) throw new UsageError('Which node? ringpost admin nodes lists them.');
  return name;
}
