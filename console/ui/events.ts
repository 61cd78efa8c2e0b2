/** What has happened between two answers, in words. */
import type { ClusterWords, NodeWords, PartitionWords } from '../words.ts';
import { partitionsWord } from './numbers.ts';

export interface Happening {
  readonly words: string;
  /** Something that operators should look at. */
  readonly isBad: boolean;
}

/** Nodes first, then partitions. Empty where nothing has happened that is told. */
export function happenings(before: ClusterWords, after: ClusterWords): Happening[] {
  return [
    ...nodesHappened(before, after),
    ...pinsHappened(before, after),
    ...ownersHappened(before, after),
    ...copiesHappened(before, after),
  ];
}

function nodesHappened(before: ClusterWords, after: ClusterWords): Happening[] {
  const earlier = new Map(before.nodes.map((node) => [node.name, node]));
  const told = after.nodes.flatMap((node) => nodeHappened(earlier.get(node.name), node));
  const names = new Set(after.nodes.map(({ name }) => name));
  const gone = before.nodes.filter(({ name, state }) => !names.has(name) && state !== 'LOST');
  return [...told, ...gone.map(({ name }) => bad(`node ${name} is not heard of any more`))];
}

function nodeHappened(before: NodeWords | undefined, after: NodeWords): Happening[] {
  const { name, state } = after;
  if (before === undefined) return state === 'LOST' ? [bad(`node ${name} lost`)] : [good(`node ${name} has joined`)];
  if (state !== before.state) return [stateHappened(before, after)];
  const told: Happening[] = [];
  if (before.incarnation !== after.incarnation) told.push(bad(`node ${name} was started again`));
  if (state === 'DRAINING' && before.owns > 0 && after.owns === 0)
    told.push(good(`node ${name} is empty: it owns nothing`));
  if (before.fitness !== after.fitness) {
    told.push(after.fitness === 'fit' ? good(`node ${name} is fit again`) : bad(`node ${name}: ${after.fitness}`));
  }
  return told;
}

function stateHappened(before: NodeWords, { name, state, incarnation }: NodeWords): Happening {
  switch (state) {
    case 'LOST':
      return bad(`node ${name} lost`);
    case 'SILENT':
      return bad(`node ${name} does not answer`);
    case 'DRAINING':
      return good(`node ${name} drains`);
    default: {
      if (before.state === 'DRAINING') return good(`node ${name} takes its share again`);
      const isNew = before.incarnation !== '' && before.incarnation !== incarnation;
      return good(isNew ? `node ${name} is back, started again` : `node ${name} is back`);
    }
  }
}

function ownersHappened(before: ClusterWords, after: ClusterWords): Happening[] {
  const owners = new Map(before.partitions.map(({ id, owner }) => [id, owner]));
  const moves = new Map<string, number[]>();
  for (const { id, owner } of after.partitions) {
    const from = owners.get(id);
    if (from === undefined || from === owner) continue;
    const key = JSON.stringify([from, owner]);
    moves.set(key, [...(moves.get(key) ?? []), id]);
  }
  return [...moves].map(([key, ids]) => {
    const [from, to] = JSON.parse(key) as [string, string];
    const what = partitionsWord(ids);
    if (to === '') return bad(`${what} without owner, ${from} had ${ids.length === 1 ? 'it' : 'them'}`);
    return good(from === '' ? `${what} taken by ${to}` : `${what} moved ${from} → ${to}`);
  });
}

function pinsHappened(before: ClusterWords, after: ClusterWords): Happening[] {
  const pins = new Map(before.partitions.map(({ id, pinnedTo }) => [id, pinnedTo]));
  const changed = new Map<string, number[]>();
  for (const { id, pinnedTo } of after.partitions) {
    if (pins.has(id) && pins.get(id) !== pinnedTo) changed.set(pinnedTo, [...(changed.get(pinnedTo) ?? []), id]);
  }
  return [...changed].map(([node, ids]) =>
    good(node === '' ? `${partitionsWord(ids)} no longer pinned` : `${partitionsWord(ids)} pinned to ${node}`),
  );
}

function copiesHappened(before: ClusterWords, after: ClusterWords): Happening[] {
  const earlier = new Map(before.partitions.map((partition) => [partition.id, partition]));
  const was = (id: number, of: (partition: PartitionWords) => boolean): boolean => {
    const partition = earlier.get(id);
    return partition !== undefined && of(partition);
  };
  const idsOf = (now: (p: PartitionWords) => boolean, then: (p: PartitionWords) => boolean): number[] =>
    after.partitions.filter((partition) => now(partition) && was(partition.id, then)).map(({ id }) => id);
  const lost = idsOf(isBare, (partition) => !isBare(partition));
  const back = idsOf((partition) => !isBare(partition), isBare);
  const other = idsOf(isOther, (partition) => !isOther(partition));
  return [
    ...(lost.length === 0 ? [] : [bad(`${partitionsWord(lost)} without copy`)]),
    ...(back.length === 0 ? [] : [good(`${partitionsWord(back)}: a copy again`)]),
    ...(other.length === 0 ? [] : [bad(`${partitionsWord(other)}: a copy differs, and is built anew`)]),
  ];
}

export function isBare({ standbys }: PartitionWords): boolean {
  return standbys.length === 0;
}

export function isOther({ standbys }: PartitionWords): boolean {
  return standbys.some(({ likeness }) => likeness === 'OTHER');
}

function good(words: string): Happening {
  return { words, isBad: false };
}

function bad(words: string): Happening {
  return { words, isBad: true };
}
