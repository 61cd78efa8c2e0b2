/** What is not as it should be, from one answer. */
import { isBare, isOther } from '../happenings.ts';
import { partitionsWord } from '../partition-words.ts';
import type { ClusterWords, PartitionWords } from '../words.ts';
import { isUp } from './history.ts';
import { countOf } from './numbers.ts';

/** A copy that is further behind lags. In a busy partition some hundred records lie between two heartbeats. */
const lag_records_max = 1_000;

export interface Alarm {
  /** `bad`: clients notice, or would if one more thing failed. `note`: to be known. */
  readonly level: 'bad' | 'note';
  readonly words: string;
}

export interface Letters {
  readonly count: number;
  /** There are more than were counted. */
  readonly more: boolean;
}

/** The audit log: how full it is. */
export interface AuditFill {
  readonly entries: number;
  readonly entriesMax: number;
}

/** From here on there is an alarm: at 100 nothing can be changed any more. */
const audit_full_percent = 90;

/** Worst first. `letters`, `audit`: undefined while nobody has said. */
export function alarmsOf(cluster: ClusterWords, letters: Letters | undefined, audit?: AuditFill): Alarm[] {
  const alarms = [...nodeAlarms(cluster), ...partitionAlarms(cluster)];
  if (letters !== undefined && letters.count > 0) {
    alarms.push(bad(`${countOf(letters.count, 'dead letter')}${letters.more ? ' or more' : ''}: d lists them`));
  }
  if (audit !== undefined && audit.entries * 100 >= audit.entriesMax * audit_full_percent) {
    const percent = Math.floor((audit.entries * 100) / audit.entriesMax);
    alarms.push(bad(`the audit log is full to ${percent} %: ringpost admin audit export, audit trim`));
  }
  return [...alarms.filter(({ level }) => level === 'bad'), ...alarms.filter(({ level }) => level === 'note')];
}

function nodeAlarms({ nodes, view }: ClusterWords): Alarm[] {
  return nodes.flatMap((node): Alarm[] => {
    const { name, state, fitness } = node;
    if (state === 'LOST') return [bad(`node ${name} is lost`)];
    const alarms: Alarm[] = [];
    if (state === 'SILENT') alarms.push(bad(`node ${name} does not answer: paused, stuck, or older`));
    if (fitness !== 'fit' && fitness !== '') alarms.push(bad(`node ${name} is not fit: ${fitness}`));
    if (node.view !== view)
      alarms.push(note(`node ${name} acts on view ${node.view}, the one that answers on ${view}`));
    if (state === 'DRAINING') alarms.push(note(node.owns === 0 ? `node ${name} is drained` : `node ${name} drains`));
    return alarms;
  });
}

function partitionAlarms({ nodes, partitions }: ClusterWords): Alarm[] {
  const up = new Set(nodes.filter(isUp).map(({ name }) => name));
  const owners = nodes.filter((node) => isUp(node) && node.role === 'owner').length;
  const idsOf = (which: (partition: PartitionWords) => boolean): number[] =>
    partitions.filter(which).map(({ id }) => id);
  const about = (level: Alarm['level'], ids: readonly number[], words: string): Alarm[] =>
    ids.length === 0 ? [] : [{ level, words: `${partitionsWord(ids)} ${words}` }];
  return [
    ...about('bad', idsOf(isOrphan), 'without owner'),
    ...about(
      'bad',
      idsOf(({ owner, answered }) => owner !== '' && !answered && !up.has(owner)),
      'owned by a node that does not answer',
    ),
    // Where one node is all there is, nobody could keep a copy.
    ...(owners < 2
      ? []
      : about(
          'bad',
          idsOf((partition) => !isOrphan(partition) && isBare(partition)),
          'without copy',
        )),
    ...about('note', idsOf(isLagging), `: copies lag by more than ${lag_records_max} records`),
    ...about('bad', idsOf(isOther), ': a copy differs, and is built anew'),
    ...about(
      'note',
      idsOf(({ snapshotFailures }) => snapshotFailures > 0),
      ': the last snapshot was not made',
    ),
    ...about(
      'note',
      idsOf(({ pinnedTo }) => pinnedTo !== '' && !up.has(pinnedTo)),
      'pinned to a node that is not there',
    ),
    ...about(
      'note',
      idsOf(({ owner, answered }) => up.has(owner) && !answered),
      'being taken over',
    ),
  ];
}

export function isOrphan({ owner }: PartitionWords): boolean {
  return owner === '';
}

export function isLagging({ standbys }: PartitionWords): boolean {
  return standbys.some(({ lag }) => lag > lag_records_max);
}

function bad(words: string): Alarm {
  return { level: 'bad', words };
}

function note(words: string): Alarm {
  return { level: 'note', words };
}
