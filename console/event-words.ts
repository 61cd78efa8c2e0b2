/** What has happened, in words: the one place where an event gets them. */
import { partitionsWord } from './partition-words.ts';
import type { EventKind, EventWords } from './words.ts';

/** Of what operators should look at. */
const bad: ReadonlySet<EventKind> = new Set([
  'NODE_LOST',
  'NODE_SILENT',
  'NODE_RESTARTED',
  'NODE_UNFIT',
  'PARTITION_ORPHANED',
  'PARTITION_DROPPED',
  'TAKEOVER_FAILED',
  'COPY_MISSING',
  'COPY_DIFFERS',
  'COPY_LOST',
  'DEAD_LETTER',
  'SNAPSHOT_FAILED',
  'JOURNAL_STUCK',
  'STORE_REFUSES',
]);

type Facts = Partial<Omit<EventWords, 'kind' | 'words' | 'isBad'>>;

export function event(kind: EventKind, facts: Facts): EventWords {
  const whole = {
    ...{ at: 0, node: '', partitions: [], epochs: [], from: '', handover: 'HANDOVER_UNSPECIFIED' as const },
    ...{ pausedMs: 0, why: '', who: '', method: '', audit: 0 },
    ...facts,
    kind,
  };
  return { ...whole, isBad: bad.has(kind) || whole.handover === 'FAILOVER', words: wordsOf(whole) };
}

function wordsOf(one: Omit<EventWords, 'words' | 'isBad'>): string {
  const { kind, node, why, who, method } = one;
  switch (kind) {
    case 'NODE_CAME':
      return `node ${node} has joined`;
    case 'NODE_LEFT':
      return `node ${node} is not heard of any more${why === '' ? '' : `: ${why}`}`;
    case 'NODE_LOST':
      return `node ${node} lost`;
    case 'NODE_SILENT':
      return `node ${node} does not answer`;
    case 'NODE_ANSWERS':
      return `node ${node} answers again`;
    case 'NODE_BACK':
      return `node ${node} is back${why === '' ? '' : `, ${why}`}`;
    case 'NODE_RESTARTED':
      return `node ${node} was started again`;
    case 'NODE_DRAINING':
      return `node ${node} drains`;
    case 'NODE_RESUMED':
      return `node ${node} takes its share again`;
    case 'NODE_EMPTY':
      return `node ${node} is empty: it owns nothing`;
    case 'NODE_UNFIT':
      return `node ${node}: ${why}`;
    case 'NODE_FIT':
      return `node ${node} is fit again`;
    case 'JOURNAL_STUCK':
      return `node ${node}: the journal takes nothing of what it appends`;
    case 'JOURNAL_TAKES':
      return `node ${node}: the journal takes what it appends again`;
    case 'STORE_REFUSES':
      return `node ${node}: its local store refuses writes`;
    case 'STORE_TAKES':
      return `node ${node}: its local store takes writes again`;
    case 'CHANGE':
      return `${who} at ${node}: ${method}, ${why} (entry ${one.audit} of the audit log)`;
    default:
      return partitionsHappened(one);
  }
}

function partitionsHappened({
  kind,
  partitions,
  node,
  from,
  why,
  ...one
}: Omit<EventWords, 'words' | 'isBad'>): string {
  const what = partitionsWord(partitions);
  const it = partitions.length === 1 ? 'it' : 'them';
  switch (kind) {
    case 'PARTITION_MOVED':
      return `${from === '' ? `${what} taken by ${node}` : `${what} moved ${from} → ${node}`}${handoverWords(one)}`;
    case 'PARTITION_PINNED':
      return `${what} pinned to ${node}`;
    case 'PARTITION_UNPINNED':
      return `${what} no longer pinned`;
    case 'PARTITION_ORPHANED':
      return `${what} without owner, ${from} had ${it}`;
    case 'PARTITION_DROPPED':
      return `${what} dropped by ${node}: ${why}`;
    case 'TAKEOVER_FAILED':
      return `${what}: ${node} could not take ${it} over, and tries again`;
    case 'COPY_MISSING':
      return `${what} without copy`;
    case 'COPY_BACK':
      return `${what}: a copy again`;
    case 'COPY_DIFFERS':
      return `${what}: a copy differs, and is built anew`;
    case 'COPY_BUILT':
      return `${what}: ${node} has built a copy`;
    case 'COPY_LOST':
      return `${what}: ${node} has thrown its copy away, ${why}`;
    case 'DEAD_LETTER':
      return `${what}: a dead letter, ${why}`;
    case 'SNAPSHOT_MADE':
      return `${what}: snapshot made`;
    default:
      return `${what}: a snapshot was not made; it is tried again`;
  }
}

function handoverWords({ handover, pausedMs }: Pick<EventWords, 'handover' | 'pausedMs'>): string {
  if (handover === 'HANDOVER_UNSPECIFIED') return '';
  return `, ${handover === 'PLANNED' ? 'as planned' : 'for it had failed'}; paused ${pausedMs} ms at most`;
}
