/** Partitions are moved, and what was moved goes back to where the ring wants it. */
import { setTimeout as pause } from 'node:timers/promises';
import type { PartitionWords } from '../../console/index.ts';
import { UsageError, wholeNumber } from '../options.ts';
import { look_ms, partitionOf } from './cluster.ts';
import { type Errand, isMeant, reasonOf } from './connect.ts';

const move_wait_s = 60;

export async function move(errand: Errand): Promise<number> {
  const { client, terminal, options, json, words } = errand;
  const [text, node] = words;
  if (text === undefined || node === undefined) throw new UsageError('What, and where to? ringpost admin move 7 n2');
  const partition = partitionOf(text);
  const waitMs = wholeNumber(options, 'wait', move_wait_s, 0, 3_600) * 1_000;
  if (!(await isMeant(errand, `Partition ${partition} goes to ${node}, and is owned by it whenever it can.`, node)))
    return 1;
  const { audit } = await client.call('MovePartition', { partition, node, reason: await reasonOf(errand) });
  const moved = waitMs === 0 ? undefined : await untilThere(errand, partition, node, waitMs);
  if (json) terminal.say(JSON.stringify({ partition, node, audit, moved: moved ?? null }));
  else if (moved === undefined) terminal.say(`Partition ${partition} is pinned to ${node} (audit entry ${audit}).`);
  else if (moved) terminal.say(`Partition ${partition} is on ${node}. "ringpost admin rebalance" undoes all moves.`);
  else terminal.tell(`Partition ${partition} is not on ${node} yet; it goes there as soon as it can.`);
  return moved === false ? 1 : 0;
}

async function untilThere(
  { client, terminal, json }: Errand,
  partition: number,
  node: string,
  waitMs: number,
): Promise<boolean> {
  const endMs = performance.now() + waitMs;
  let told = '';
  while (performance.now() < endMs) {
    const { partitions } = await client.call('ListPartitions', {});
    const now = partitions[partition];
    if (now?.owner === node && now.answered) return true;
    const words = now === undefined ? '' : progressOf(now, node);
    if (words !== told && !json) terminal.tell(words);
    told = words;
    await pause(look_ms);
  }
  return false;
}

function progressOf({ id, owner, standbys }: PartitionWords, node: string): string {
  const at = owner === '' ? `Partition ${id} has no owner` : `Partition ${id} is on ${owner}`;
  const hasCopy = standbys.some((copy) => copy.node === node);
  return `${at}; ${hasCopy ? `${node} has a copy` : `${node} is building its copy`}.`;
}

export async function rebalance(errand: Errand): Promise<number> {
  const { client, terminal, json } = errand;
  const what = 'All partitions that were moved go back to where the ring wants them.';
  if (!(await isMeant(errand, what, 'rebalance'))) return 1;
  const done = await client.call('Rebalance', { reason: await reasonOf(errand) });
  terminal.say(
    json ? JSON.stringify(done) : 'No partition is pinned any more; those that were move as the ring wants.',
  );
  return 0;
}
