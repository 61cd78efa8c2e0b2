/** What a user says and does in groups, and what its groups tell it. */
import type { GroupEntry, GroupQuestion, MemberProtocol } from '../../proto/group-mail.ts';
import { refused } from '../../proto/refusals.ts';
import type {
  Accepted,
  Amend,
  Arrange,
  GroupChange,
  GroupId,
  Groups,
  MessageId,
  RefusalCode,
  Send,
  Typing,
} from '../../proto/words.ts';
import type { MailOf, Turn } from '../../runtime/index.ts';
import { branchAt, Group } from '../kinds.ts';
import { numberKey } from '../numbers.ts';
import { say } from './admission.ts';
import { armExpiry, armTidy } from './expiry.ts';
import { withFacts, withPicture } from './files.ts';
import { dropStar, forgottenIn } from './marks.ts';
import { type Attached, conversationWith, saveConversation, type UserMemory } from './memory.ts';
import { sayToAll } from './presence.ts';
import type { DenialRow, MembershipRow, TimelineRow } from './rows.ts';
import { isAmong, privacyOf } from './self.ts';
import { countInvited } from './strangers.ts';
import { announce, append, stampOf } from './timeline.ts';

type Mail<K extends keyof MemberProtocol> = Extract<MailOf<MemberProtocol>, { kind: K }>;

function isMember(user: UserMemory, turn: Turn, group: GroupId): boolean {
  return membershipsOf(user, turn).has(group);
}

/** Number of the entry that brought this user into the group; 0: it is in no such group. */
export function memberSince(user: UserMemory, turn: Turn, group: GroupId): number {
  return membershipsOf(user, turn).get(group)?.since ?? 0;
}

function membershipsOf(user: UserMemory, turn: Turn): Map<GroupId, MembershipRow> {
  user.groups ??= new Map(turn.range<MembershipRow>('group'));
  return user.groups;
}

/** Messages and deeds that their groups have not answered. */
function waitingOf(user: UserMemory, turn: Turn): Map<MessageId, GroupId> {
  user.waiting ??= new Map(turn.range<GroupId>('wait'));
  return user.waiting;
}

// ---------------------------------------------------------------- out

export function sendToGroup(user: UserMemory, turn: Turn, word: Send, connection: string, attached: Attached): void {
  const { id, to, body } = word;
  if (deniedBefore(user, turn, id, attached)) return;
  // What the group is asked already it has as it was.
  const more = waitingOf(user, turn).has(id) ? word.more : withFacts(user, turn, word.more);
  if (!isMember(user, turn, to)) deny(user, turn, id, 'not_a_member', attached);
  else if (more === 'unknown_file') deny(user, turn, id, more, attached);
  else if (entrust(user, turn, word, to, connection, attached)) {
    turn.tell(Group.ref(to), { kind: 'post', id, from: user.self, body, ...(more && { more }) });
  }
}

export function arrange(user: UserMemory, turn: Turn, word: Arrange, connection: string, attached: Attached): void {
  const { id } = word;
  if (deniedBefore(user, turn, id, attached)) return;
  const deed = waitingOf(user, turn).has(id) ? word.deed : withPicture(turn, word.deed);
  if (deed === 'unknown_file') {
    deny(user, turn, id, deed, attached);
    return;
  }
  const comes = deed.what === 'create' || deed.what === 'join';
  const objection = comes ? tooMany(user, turn) : isMember(user, turn, word.with) ? undefined : 'not_a_member';
  // Of a group that was made already the name is remembered.
  const group = word.with || waitingOf(user, turn).get(id) || `#${turn.uniqueId()}`;
  if (objection !== undefined) {
    deny(user, turn, id, objection, attached);
    return;
  }
  const afterMs = waitingOf(user, turn).has(id) ? 0 : countInvited(user, turn, deed);
  if (afterMs > 0) say(turn, attached.to, refused('too_many_strangers', { id }, { afterMs }));
  else if (entrust(user, turn, word, group, connection, attached)) {
    turn.tell(Group.ref(group), { kind: 'arrange', id, from: user.self, deed });
  }
}

export function amendInGroup(user: UserMemory, turn: Turn, word: Amend, connection: string, attached: Attached): void {
  const { id, with: group, of, deed } = word;
  if (deniedBefore(user, turn, id, attached)) return;
  if (!isMember(user, turn, group)) deny(user, turn, id, 'not_a_member', attached);
  else if (entrust(user, turn, word, group, connection, attached)) {
    turn.tell(Group.ref(group), { kind: 'amend', id, from: user.self, of, deed });
  }
}

function tooMany(user: UserMemory, turn: Turn): RefusalCode | undefined {
  return membershipsOf(user, turn).size >= user.limits.groups_max ? 'too_many_groups' : undefined;
}

/** Remembers that the group is to answer. False when it is asked already, or is not to be. */
function entrust(
  user: UserMemory,
  turn: Turn,
  { id }: Send | Arrange | Amend,
  group: GroupId,
  connection: string,
  attached: Attached,
): boolean {
  const waiting = waitingOf(user, turn);
  const isAsked = waiting.has(id);
  if (!isAsked && waiting.size >= user.limits.group_deeds_waiting_max) {
    say(turn, attached.to, refused('overloaded', { id }));
    return false;
  }
  user.askers.set(id, connection);
  if (isAsked) return false;
  waiting.set(id, group);
  turn.put('wait', id, group);
  return true;
}

function deniedOf(user: UserMemory, turn: Turn): Map<MessageId, DenialRow> {
  user.denied ??= new Map(turn.range<DenialRow>('denied').toSorted(([, one], [, other]) => one.at - other.at));
  return user.denied;
}

/** What was refused is not granted by saying it again: a copy of it may still be on its way when its sender hears so (A8). */
export function deniedBefore(user: UserMemory, turn: Turn, id: MessageId, attached: Attached): boolean {
  const before = deniedOf(user, turn).get(id);
  if (before !== undefined) say(turn, attached.to, refused(before.code, { id }));
  return before !== undefined;
}

export function deny(
  user: UserMemory,
  turn: Turn,
  id: MessageId,
  code: RefusalCode,
  attached: Attached | undefined,
): void {
  const denied = deniedOf(user, turn);
  // By their number, not by time: of a clock that is ahead all would be old.
  const [oldest] = denied.keys();
  if (oldest !== undefined && denied.size >= user.limits.denials_max) {
    denied.delete(oldest);
    turn.delete('denied', oldest);
  }
  const row: DenialRow = { code, at: turn.now };
  denied.set(id, row);
  turn.put('denied', id, row);
  if (attached !== undefined) say(turn, attached.to, refused(code, { id }));
}

/** The connection that asked last, where it is still there. */
function settle(user: UserMemory, turn: Turn, id: MessageId): string | undefined {
  if (!waitingOf(user, turn).delete(id)) return undefined;
  turn.delete('wait', id);
  const connection = user.askers.get(id);
  user.askers.delete(id);
  return connection;
}

export function typingInGroup(user: UserMemory, turn: Turn, { to, on, recording }: Typing): void {
  if (!isMember(user, turn, to)) return;
  turn.whisper(Group.ref(to), { kind: 'typing', from: user.self, on, ...(recording && { recording }) });
}

export function listGroups(user: UserMemory, turn: Turn, word: Groups, attached: Attached): void {
  const { req, after, limit } = word;
  const rest = [...membershipsOf(user, turn)].filter(([group]) => group > after).sort(([a], [b]) => (a < b ? -1 : 1));
  const list = rest.slice(0, limit).map(([group, { title }]) => ({ group, title }));
  const next = rest.length > limit ? (list.at(-1)?.group ?? '') : '';
  say(turn, attached.to, { kind: 'groups', req, list, next });
}

export function askGroup(
  user: UserMemory,
  turn: Turn,
  word: GroupQuestion,
  connection: string,
  attached: Attached,
): void {
  if (!isMember(user, turn, word.with)) say(turn, attached.to, refused('not_a_member', { req: word.req }));
  else {
    const without = word.kind === 'history' || word.kind === 'pinned' ? forgottenIn(user, turn, word.with) : [];
    turn.whisper(Group.ref(word.with), { kind: 'question', from: user.self, connection, word, without });
  }
}

// ---------------------------------------------------------------- in

/** The next entry of a group's log. It may be the answer to what this user wanted. */
export function takeEntry(user: UserMemory, mail: Mail<'entry'>, turn: Turn): void {
  const { group, seq, entry } = mail;
  if (user.account?.state !== 'active') return;
  const [kind, id, by, at] = entry;
  if (kind === 'group') belong(user, turn, mail, entry[4]);
  else dropStars(user, turn, group, entry);
  const isAnswer = by === user.self && waitingOf(user, turn).has(id);
  const row: TimelineRow = ['entry', group, seq, at, isAnswer ? id : ''];
  const n = append(user, turn, at, row);
  if (kind === 'message') turn.count(by === user.self ? 'messages_accepted' : 'messages_arrived', 'group');
  if (kind === 'message' && by !== user.self) armExpiry(user, turn, at + user.limits.message_lifetime_ms, n);
  if (!isAnswer) {
    announce(user, turn, n, row);
    return;
  }
  turn.put('mid', id, n);
  armTidy(user, turn, at);
  const connection = settle(user, turn, id) ?? '';
  announce(user, turn, n, row, { connection, word: acceptedIn(group, { id, n, seq, at }) });
}

export function acceptedIn(group: GroupId, of: Omit<Accepted, 'kind' | 'with'>): Accepted {
  return { kind: 'accepted', ...of, with: group };
}

/** Of messages that are taken back, or have vanished, by this entry. */
function dropStars(user: UserMemory, turn: Turn, group: GroupId, entry: GroupEntry): void {
  if (entry[0] === 'vanished') for (const of of entry[4]) dropStar(user, turn, group, of);
  else if (entry[0] === 'amended' && entry[5].what === 'retract') dropStar(user, turn, group, entry[4]);
}

/** What an entry changes in this user's membership. */
function belong(
  user: UserMemory,
  turn: Turn,
  { group, seq, enters, leaves }: Mail<'entry'>,
  change: GroupChange,
): void {
  const memberships = membershipsOf(user, turn);
  if (leaves) {
    memberships.delete(group);
    turn.delete('group', group);
  } else if (enters || change.what === 'titled') {
    const { since = seq, title: before = '' } = memberships.get(group) ?? {};
    const title = 'title' in change ? change.title : before;
    const membership: MembershipRow = { since: enters ? seq : since, title };
    memberships.set(group, membership);
    turn.put('group', group, membership);
  }
}

/** A group wants to have this user. */
export function invited(user: UserMemory, { group, by }: Mail<'invited'>, turn: Turn): void {
  const code =
    user.account === undefined
      ? 'unknown_user'
      : user.account.state === 'deactivated'
        ? 'deactivated'
        : !isAmong(user, turn, privacyOf(user, turn).invites, by)
          ? 'not_allowed'
          : tooMany(user, turn) === undefined
            ? ''
            : 'too_many_groups';
  turn.tell(Group.ref(group), { kind: 'willing', user: user.self, code });
}

/** A deed that has no entry is done. */
export function takeDone(user: UserMemory, { id, at, group }: Mail<'done'>, turn: Turn): void {
  const to = user.attached.get(settle(user, turn, id) ?? '')?.to;
  if (to !== undefined) say(turn, to, acceptedIn(group, { id, n: 0, seq: 0, at }));
}

/** The group does not do it. A device that is not there now says it again, and hears it then. */
export function takeDenial(user: UserMemory, { id, code }: Mail<'denied'>, turn: Turn): void {
  deny(user, turn, id, code, user.attached.get(settle(user, turn, id) ?? ''));
}

export function takeDeclined(user: UserMemory, mail: Mail<'declined'>, turn: Turn): void {
  const at = Math.max(mail.at, stampOf(user, turn));
  note(user, turn, at, ['declined', mail.group, mail.user, mail.code, at]);
}

export function takeLapsed(user: UserMemory, mail: Mail<'lapsed'>, turn: Turn): void {
  const at = Math.max(mail.at, stampOf(user, turn));
  note(user, turn, at, ['failed', mail.id, mail.group, mail.seq, 'expired', at, mail.user]);
}

/** How far all the others of a group have got. Marks are merged by their maximum. */
export function takeGroupReceipt(user: UserMemory, mail: Mail<'groupReceipt'>, turn: Turn): void {
  const { group } = mail;
  const conversation = conversationWith(user, turn, group);
  const { outDelivered, outRead } = conversation;
  const read = Math.max(outRead, mail.read);
  const delivered = Math.max(outDelivered, read, mail.delivered);
  if (delivered === outDelivered && read === outRead) return;
  const at = Math.max(mail.at, stampOf(user, turn));
  if (delivered > outDelivered) turn.put('mark', `${group}/d/${numberKey(delivered)}`, at);
  if (read > outRead) turn.put('mark', `${group}/r/${numberKey(read)}`, at);
  saveConversation(user, turn, group, { ...conversation, outDelivered: delivered, outRead: read });
  note(user, turn, at, ['receipt', group, delivered, read, at]);
}

function note(user: UserMemory, turn: Turn, at: number, row: TimelineRow): void {
  announce(user, turn, append(user, turn, at, row), row);
}

export function takeGroupTyping(user: UserMemory, { group, kind: _, ...typed }: Mail<'groupTyping'>, turn: Turn): void {
  sayToAll(user, turn, { kind: 'typing', ...typed, in: group });
}

// ---------------------------------------------------------------- marks, and the end

/** Number of the group's newest entry that has come here; 0 for a group that this user is no member of. */
export function headOf(user: UserMemory, turn: Turn, group: GroupId): number {
  return isMember(user, turn, group) ? (turn.peek<number>(branchAt(turn.partition, group), 'head') ?? 0) : 0;
}

/** How far this user has got in a group, to the branch beside it. */
export function markInGroup(user: UserMemory, turn: Turn, group: GroupId): void {
  const { inDelivered, inDeliveredAt, inRead, inReadAt } = conversationWith(user, turn, group);
  const mark = [user.self, inDelivered, inDeliveredAt, inRead, inReadAt] as const;
  turn.tell(branchAt(turn.partition, group), { kind: 'mark', mark });
}

/** The account ends, and with it its memberships. */
export function leaveAll(user: UserMemory, turn: Turn): void {
  for (const group of membershipsOf(user, turn).keys()) {
    turn.tell(Group.ref(group), { kind: 'gone', user: user.self });
    turn.delete('group', group);
  }
  user.groups = new Map();
}
