/** Who comes and who goes. A user that is to be added is asked first, and becomes a member with the entry that says so. */
import type { GroupProtocol } from '../../proto/group-mail.ts';
import type { MessageId, UserId } from '../../proto/words.ts';
import type { MailOf, Turn } from '../../runtime/index.ts';
import { User } from '../kinds.ts';
import { cameBy, soon } from '../soon.ts';
import type { Deed } from './deed.ts';
import { deny, done, type GroupMemory, saveMember, sequence, stampOf } from './memory.ts';
import { tellSoon } from './receipts.ts';
import type { AskedRow } from './rows.ts';

type Mail<K extends keyof GroupProtocol> = Extract<MailOf<GroupProtocol>, { kind: K }>;

export function isFull(group: GroupMemory, more: number): boolean {
  return group.members.size + group.asked + more > group.limits.group_members_max;
}

export function invite(group: GroupMemory, turn: Turn, { id, from, deed }: Deed<'add'>): void {
  const strangers = deed.users.filter((user) => !group.members.has(user));
  if (isFull(group, strangers.length)) {
    deny(group, turn, from, id, 'group_full');
    return;
  }
  ask(group, turn, from, strangers);
  done(group, turn, from, id);
}

/** Asks users whether they may be added; none twice. */
export function ask(group: GroupMemory, turn: Turn, by: UserId, users: readonly UserId[]): void {
  for (const user of users) {
    if (group.members.has(user) || isAsked(turn, user)) continue;
    turn.put('asked', user, { by } satisfies AskedRow);
    group.asked++;
    turn.tell(User.ref(user), { kind: 'invited', group: group.self, by });
  }
}

function isAsked(turn: Turn, user: UserId): boolean {
  return turn.get<AskedRow>('asked', user) !== undefined || turn.get<AskedRow>('willing', user) !== undefined;
}

/** The answer of a user that was asked. Those who come at about the same time come with one entry. */
export function willing(group: GroupMemory, { user, code }: Mail<'willing'>, turn: Turn): void {
  const asked = turn.get<AskedRow>('asked', user);
  if (asked === undefined) return;
  turn.delete('asked', user);
  if (code === '') {
    turn.put('willing', user, asked);
    soon(turn, group.limits.group_gather_ms, { kind: 'gather' });
    return;
  }
  group.asked--;
  const at = stampOf(group, turn);
  turn.tell(User.ref(asked.by), { kind: 'declined', group: group.self, user, code, at });
}

export function gather(group: GroupMemory, _: Mail<'gather'>, turn: Turn): void {
  const { group_users_max } = group.limits;
  const rows = turn.range<AskedRow>('willing', { limit: group_users_max });
  const byAdder = new Map<UserId, UserId[]>();
  for (const [user, { by }] of rows) {
    turn.delete('willing', user);
    group.asked--;
    // By a link it came sooner.
    if (group.members.has(user)) continue;
    const users = byAdder.get(by) ?? [];
    byAdder.set(by, users);
    users.push(user);
  }
  const title = group.about?.title ?? '';
  for (const [by, users] of byAdder) {
    const at = stampOf(group, turn);
    sequence(group, turn, ['group', turn.uniqueId(), by, at, { what: 'added', users, title }], { enter: users });
  }
  cameBy(turn, 'gather');
  if (rows.length === group_users_max) soon(turn, 0, { kind: 'gather' });
}

/** Nobody but the owner itself ends the owner's membership. */
export function remove(group: GroupMemory, turn: Turn, { id, from, deed }: Deed<'remove'>): void {
  if (deed.users.some((user) => group.members.get(user)?.role === 'owner')) {
    deny(group, turn, from, id, 'unauthorised');
    return;
  }
  for (const user of deed.users) {
    if (!isAsked(turn, user)) continue;
    turn.delete('asked', user);
    turn.delete('willing', user);
    group.asked--;
  }
  const users = deed.users.filter((user) => group.members.has(user));
  if (users.length === 0) done(group, turn, from, id);
  else end(group, turn, from, id, users);
}

export function leave(group: GroupMemory, turn: Turn, user: UserId, id: MessageId): void {
  const wasOwner = group.members.get(user)?.role === 'owner';
  end(group, turn, user, id, [user]);
  const heir = wasOwner ? heirOf(group) : undefined;
  if (heir === undefined) return;
  const [next, member] = heir;
  member.role = 'owner';
  saveMember(turn, next, member);
  const at = stampOf(group, turn);
  sequence(group, turn, ['group', turn.uniqueId(), user, at, { what: 'role', user: next, role: 'owner' }]);
}

/** An account was deactivated. */
export function gone(group: GroupMemory, { user }: Mail<'gone'>, turn: Turn): void {
  if (group.members.has(user)) leave(group, turn, user, turn.uniqueId());
}

function end(group: GroupMemory, turn: Turn, by: UserId, id: MessageId, users: readonly UserId[]): void {
  const at = stampOf(group, turn);
  sequence(group, turn, ['group', id, by, at, { what: 'removed', users }], { leave: users });
  // Perhaps all the others have a message by now.
  tellSoon(group, turn);
}

/** The oldest admin, else the oldest member. */
function heirOf(group: GroupMemory) {
  const bySeniority = [...group.members].sort(([, one], [, other]) => one.since - other.since);
  return bySeniority.find(([, { role }]) => role === 'admin') ?? bySeniority[0];
}
