/** The event that a client gets for a row of the timeline. */
import type { GroupEntry } from '../../proto/group-mail.ts';
import { failures } from '../../proto/refusals.ts';
import type { GroupId, MessageEvent, More, TimelineEvent, UserId } from '../../proto/words.ts';
import type { Turn } from '../../runtime/index.ts';
import { groupEventOf } from '../group-events.ts';
import { branchAt } from '../kinds.ts';
import { numberKey } from '../numbers.ts';
import { memberSince } from './groups.ts';
import { isForgotten } from './marks.ts';
import type { UserMemory } from './memory.ts';
import type { TimelineRow } from './rows.ts';

export function eventOf(user: UserMemory, turn: Turn, row: TimelineRow): TimelineEvent {
  const { self } = user;
  switch (row[0]) {
    case 'in':
      return withMore(
        { kind: 'message', id: row[1], from: row[2], to: self, seq: row[3], at: row[4], body: row[5] },
        row[8],
      );
    case 'out':
      return withMore(
        { kind: 'message', id: row[1], from: self, to: row[2], seq: row[3], at: row[4], body: row[5] },
        row[7],
      );
    case 'entry': {
      const event = groupEventOf(row[1], row[2], entryOf(turn, row[1], row[2]));
      if (event.kind !== 'message' || !isForgotten(user, turn, row[1], event)) return event;
      const { id, from, to, seq, at } = event;
      return { kind: 'expired', id, from, to, seq, at };
    }
    case 'receipt':
      return { kind: 'receipt', with: row[1], delivered: row[2], read: row[3], at: row[4] };
    case 'failed': {
      const [kind, id, to, seq, code, at, member] = row;
      return { kind, id, to, seq, code, reason: failures[code], at, ...(member !== undefined && { member }) };
    }
    case 'seen':
      return { kind: 'seen', with: row[1], upTo: row[2], at: row[3] };
    case 'expired':
      return { kind: 'expired', id: row[1], ...between(self, row[2], row[6]), seq: row[3], at: row[4] };
    case 'vanishing': {
      const [kind, id, peer, by, at, timer] = row;
      return { kind, id, with: peer, by, at, timer };
    }
    case 'vanished': {
      const [kind, peer, from, seq, at] = row;
      return { kind, with: peer, seq: 0, at, list: [{ from, seq }] };
    }
    case 'lapsed': {
      const [, id, from] = entryOf(turn, row[1], row[2]);
      return { kind: 'expired', id, from, to: row[1], seq: row[2], at: row[3] };
    }
    case 'amended': {
      const [kind, id, peer, from, seq, by, at, deed] = row;
      return { kind, id, with: peer, of: { from, seq }, seq: 0, by, at, deed };
    }
    case 'self':
      return { kind: 'self', id: row[1], at: row[3], deed: row[2] };
    case 'gone':
      return { kind: 'gone', user: row[1], at: row[2] };
    case 'declined':
      return { kind: 'declined', with: row[1], user: row[2], code: row[3], at: row[4] };
  }
}

function between(self: UserId, peer: UserId, own: true | undefined): { readonly from: UserId; readonly to: UserId } {
  return own ? { from: self, to: peer } : { from: peer, to: self };
}

function withMore(event: MessageEvent, more: More | undefined): MessageEvent {
  return more === undefined ? event : { ...event, more };
}

/** An entry that this user has a number of: the branch beside it wrote it down first. */
export function entryOf(turn: Turn, group: GroupId, seq: number): GroupEntry {
  const entry = turn.peek<GroupEntry>(branchAt(turn.partition, group), 'log', numberKey(seq));
  if (entry === undefined) throw new Error(`invariant: entry ${seq} of ${group} is not at its branch`);
  return entry;
}

/** What a message of a group says now, and since when; to whoever has left since, what it said first. */
export function entryTextOf(
  user: UserMemory,
  turn: Turn,
  group: GroupId,
  seq: number,
  first: string,
): { readonly body: string; readonly edited: number } {
  const since = memberSince(user, turn, group);
  const edit =
    since === 0 || since > seq ? undefined : turn.peek<number>(branchAt(turn.partition, group), 'edit', numberKey(seq));
  const entry = edit === undefined ? undefined : entryOf(turn, group, edit);
  if (entry?.[0] !== 'amended' || entry[5].what !== 'edit') return { body: first, edited: 0 };
  return { body: entry[5].body, edited: entry[3] };
}
