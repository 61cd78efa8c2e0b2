/** What has happened between two answers, as far as those tell. */
import { event } from './event-words.ts';
import type { ClusterWords, EventWords, NodeWords, PartitionWords } from './words.ts';

/** Nodes first, then partitions. Empty where nothing has happened that is told. */
export function happenings(before: ClusterWords, after: ClusterWords): EventWords[] {
  const told = [
    ...nodesHappened(before, after),
    ...pinsHappened(before, after),
    ...ownersHappened(before, after),
    ...copiesHappened(before, after),
  ];
  return told.map((one) => ({ ...one, at: after.at }));
}

function nodesHappened(before: ClusterWords, after: ClusterWords): EventWords[] {
  const earlier = new Map(before.nodes.map((node) => [node.name, node]));
  const told = after.nodes.flatMap((node) => nodeHappened(earlier.get(node.name), node));
  const names = new Set(after.nodes.map(({ name }) => name));
  const gone = before.nodes.filter(({ name, state }) => !names.has(name) && state !== 'LOST');
  return [...told, ...gone.map(({ name }) => event('NODE_LEFT', { node: name }))];
}

function nodeHappened(before: NodeWords | undefined, after: NodeWords): EventWords[] {
  const { name, state } = after;
  if (before === undefined) return [event(state === 'LOST' ? 'NODE_LOST' : 'NODE_CAME', { node: name })];
  const told: EventWords[] = state === before.state ? [] : [stateHappened(before, after)];
  if (state === 'DRAINING' && before.owns > 0 && after.owns === 0) told.push(event('NODE_EMPTY', { node: name }));
  if (state !== before.state) return told;
  if (before.incarnation !== after.incarnation) told.push(event('NODE_RESTARTED', { node: name }));
  if (before.fitness !== after.fitness) {
    const isFit = after.fitness === 'fit';
    told.push(event(isFit ? 'NODE_FIT' : 'NODE_UNFIT', { node: name, why: isFit ? '' : after.fitness }));
  }
  return told;
}

function stateHappened(before: NodeWords, { name, state, incarnation }: NodeWords): EventWords {
  switch (state) {
    case 'LOST':
      return event('NODE_LOST', { node: name });
    case 'SILENT':
      return event('NODE_SILENT', { node: name });
    case 'DRAINING':
      return event('NODE_DRAINING', { node: name });
    default: {
      if (before.state === 'SILENT') return event('NODE_ANSWERS', { node: name });
      if (before.state === 'DRAINING') return event('NODE_RESUMED', { node: name });
      const isNew = before.incarnation !== '' && before.incarnation !== incarnation;
      return event('NODE_BACK', { node: name, why: isNew ? 'started again' : '' });
    }
  }
}

function ownersHappened(before: ClusterWords, after: ClusterWords): EventWords[] {
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
    return event(to === '' ? 'PARTITION_ORPHANED' : 'PARTITION_MOVED', { node: to, from, partitions: ids });
  });
}

function pinsHappened(before: ClusterWords, after: ClusterWords): EventWords[] {
  const pins = new Map(before.partitions.map(({ id, pinnedTo }) => [id, pinnedTo]));
  const changed = new Map<string, number[]>();
  for (const { id, pinnedTo } of after.partitions) {
    if (pins.has(id) && pins.get(id) !== pinnedTo) changed.set(pinnedTo, [...(changed.get(pinnedTo) ?? []), id]);
  }
  return [...changed].map(([node, ids]) =>
    event(node === '' ? 'PARTITION_UNPINNED' : 'PARTITION_PINNED', { node, partitions: ids }),
  );
}

function copiesHappened(before: ClusterWords, after: ClusterWords): EventWords[] {
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
    ...(lost.length === 0 ? [] : [event('COPY_MISSING', { partitions: lost })]),
    ...(back.length === 0 ? [] : [event('COPY_BACK', { partitions: back })]),
    ...(other.length === 0 ? [] : [event('COPY_DIFFERS', { partitions: other })]),
  ];
}

export function isBare({ standbys }: PartitionWords): boolean {
  return standbys.length === 0;
}

export function isOther({ standbys }: PartitionWords): boolean {
  return standbys.some(({ likeness }) => likeness === 'OTHER');
}
