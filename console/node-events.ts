/** What a node tells of itself, as operators see it. */
import type { NodeEvent } from '../runtime/index.ts';
import { event } from './event-words.ts';
import type { EventKind, EventWords } from './words.ts';

const kinds: { readonly [K in NodeEvent['kind']]: EventKind } = {
  nodeCame: 'NODE_CAME',
  nodeBack: 'NODE_BACK',
  nodeLeft: 'NODE_LEFT',
  nodeLost: 'NODE_LOST',
  nodeDraining: 'NODE_DRAINING',
  nodeResumed: 'NODE_RESUMED',
  nodeUnfit: 'NODE_UNFIT',
  nodeFit: 'NODE_FIT',
  served: 'PARTITION_MOVED',
  takeoverFailed: 'TAKEOVER_FAILED',
  dropped: 'PARTITION_DROPPED',
  deadLetter: 'DEAD_LETTER',
  snapshotMade: 'SNAPSHOT_MADE',
  snapshotFailed: 'SNAPSHOT_FAILED',
  copyBuilt: 'COPY_BUILT',
  copyLost: 'COPY_LOST',
  journalStuck: 'JOURNAL_STUCK',
  journalTakes: 'JOURNAL_TAKES',
  storeRefuses: 'STORE_REFUSES',
  storeTakes: 'STORE_TAKES',
};

/** Events of partitions that lie no further apart become one, ms. */
const together_ms = 1_000;

/**
 * `teller`: the node that has told them. Of other nodes, and of their intentions, all nodes tell the same: only what `isAnswering` tells of
 * that is taken. What has happened to several partitions in the same way is one event.
 */
export function toldBy(teller: string, isAnswering: boolean, told: readonly NodeEvent[]): EventWords[] {
  const groups: NodeEvent[][] = [];
  for (const one of told) {
    if (one.about !== undefined && !isAnswering) continue;
    const group = groups.find((others) => isLike(one, others));
    if (group === undefined) groups.push([one]);
    else group.push(one);
  }
  return groups.map((group) => eventOf(teller, group));
}

function isLike(one: NodeEvent, [first]: readonly NodeEvent[]): boolean {
  if (first === undefined || one.partition === undefined || one.kind === 'deadLetter') return false;
  const isSame = one.kind === first.kind && one.from === first.from && one.planned === first.planned;
  return isSame && one.why === first.why && one.at - first.at <= together_ms;
}

function eventOf(teller: string, group: readonly NodeEvent[]): EventWords {
  const [first] = group;
  if (first === undefined) throw new RangeError('an event of nothing');
  const { kind, at, about, from = '', planned, why = '' } = first;
  const handover = planned === undefined || from === '' ? 'HANDOVER_UNSPECIFIED' : planned ? 'PLANNED' : 'FAILOVER';
  const sorted = [...group].sort((a, b) => (a.partition ?? 0) - (b.partition ?? 0));
  return event(kinds[kind], {
    at,
    node: about ?? teller,
    from,
    handover,
    why,
    partitions: sorted.flatMap(({ partition }) => partition ?? []),
    epochs: sorted.flatMap(({ epoch }) => epoch ?? []),
    pausedMs: Math.max(0, ...group.map(({ pausedMs = 0 }) => pausedMs)),
  });
}
