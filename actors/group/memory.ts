/** What a group keeps in memory while awake, and how an entry gets its number. */
import type { GroupEntry, GroupRefusal } from '../../proto/group-mail.ts';
import type { GroupId, MessageId, UserId } from '../../proto/words.ts';
import type { Turn } from '../../runtime/index.ts';
import { branchAt, User } from '../kinds.ts';
import type { MessengerLimits } from '../limits.ts';
import { numberKey, numberOf } from '../numbers.ts';
import { type AboutRow, type AskedRow, type Member, type MemberRow, memberOf, memberRow, newMember } from './rows.ts';

export interface GroupMemory {
  readonly limits: MessengerLimits;
  readonly self: GroupId;
  /** Undefined: nobody has made it. */
  about: AboutRow | undefined;
  /** Number and time of the newest entry. */
  head: number;
  lastAt: number;
  readonly members: Map<UserId, Member>;
  /** How many members each partition holds. */
  readonly branches: Map<number, number>;
  /** Users that are asked whether they may be added, and those who may and will be. */
  asked: number;
  /** When the authors were last told how far the others have got. Volatile. */
  toldAt: number;
  /** A timer is set to tell them. */
  telling: boolean;
}

export function wakeGroup(turn: Turn, limits: MessengerLimits): GroupMemory {
  const newest = turn.range<GroupEntry>('log', { reverse: true, limit: 1 })[0];
  const group: GroupMemory = {
    limits,
    self: turn.self.slice(turn.self.indexOf('/') + 1),
    about: turn.get<AboutRow>('about'),
    head: newest === undefined ? 0 : numberOf(newest[0]),
    lastAt: newest === undefined ? 0 : newest[1][3],
    members: new Map(),
    branches: new Map(),
    asked: turn.range<AskedRow>('asked').length + turn.range<AskedRow>('willing').length,
    toldAt: 0,
    telling: false,
  };
  for (const [user, row] of turn.range<MemberRow>('member')) count(group, turn, user, memberOf(row));
  return group;
}

function count(group: GroupMemory, turn: Turn, user: UserId, member: Member): void {
  const partition = turn.partitionOf(User.ref(user));
  group.members.set(user, member);
  group.branches.set(partition, (group.branches.get(partition) ?? 0) + 1);
}

export function saveMember(turn: Turn, user: UserId, member: Member): void {
  turn.put('member', user, memberRow(member));
}

/** Now, but never before an earlier entry: nodes' clocks differ. */
export function stampOf(group: GroupMemory, turn: Turn): number {
  return Math.max(turn.now, group.lastAt);
}

/**
 * The next entry of the log, told to every branch: one mail for each partition that holds members. Those who enter are members from this entry
 * on, and for those who leave it is the last (A12).
 */
export function sequence(
  group: GroupMemory,
  turn: Turn,
  entry: GroupEntry,
  { enter = [], leave = [] }: { readonly enter?: readonly UserId[]; readonly leave?: readonly UserId[] } = {},
): number {
  const seq = ++group.head;
  group.lastAt = Math.max(group.lastAt, entry[3]);
  turn.put('log', numberKey(seq), entry);
  for (const user of enter) {
    const member = newMember(seq === 1 ? 'owner' : 'member', seq, entry[3]);
    count(group, turn, user, member);
    saveMember(turn, user, member);
  }
  const moves = { ...(enter.length > 0 && { enter }), ...(leave.length > 0 && { leave }) };
  const mail = { kind: 'entry', seq, entry, ...moves } as const;
  for (const partition of group.branches.keys()) turn.tell(branchAt(partition, group.self), mail);
  for (const user of leave) drop(group, turn, user);
  return seq;
}

function drop(group: GroupMemory, turn: Turn, user: UserId): void {
  if (!group.members.delete(user)) return;
  turn.delete('member', user);
  const partition = turn.partitionOf(User.ref(user));
  const left = (group.branches.get(partition) ?? 1) - 1;
  if (left > 0) group.branches.set(partition, left);
  else group.branches.delete(partition);
}

/** What `from` wants is not done, and nothing has changed. */
export function deny(group: GroupMemory, turn: Turn, from: UserId, id: MessageId, code: GroupRefusal): void {
  turn.tell(User.ref(from), { kind: 'denied', group: group.self, id, code });
}

/** Done, and there is no entry that says so. */
export function done(group: GroupMemory, turn: Turn, from: UserId, id: MessageId): void {
  turn.tell(User.ref(from), { kind: 'done', group: group.self, id, at: stampOf(group, turn) });
}
