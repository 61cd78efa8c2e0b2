/** How far the members have got: one mark for each that only grows, and word to the authors, not more often than is useful (A11). */
import type { GroupEntry, GroupProtocol } from '../../proto/group-mail.ts';
import type { UserId } from '../../proto/words.ts';
import type { MailOf, Turn } from '../../runtime/index.ts';
import { User } from '../kinds.ts';
import { numberKey } from '../numbers.ts';
import { cameBy, soon } from '../soon.ts';
import { type GroupMemory, saveMember } from './memory.ts';
import type { Member } from './rows.ts';

type Mail<K extends keyof GroupProtocol> = Extract<MailOf<GroupProtocol>, { kind: K }>;

/** A branch tells how far its members have got. Marks are merged by their maximum, so that their order does not matter. */
export function takeMarks(group: GroupMemory, { marks }: Mail<'marks'>, turn: Turn): void {
  let news = false;
  for (const [user, delivered, deliveredAt, read, readAt] of marks) {
    const member = group.members.get(user);
    if (member === undefined || (delivered <= member.delivered && read <= member.read)) continue;
    if (delivered > member.delivered)
      Object.assign(member, { delivered: Math.min(delivered, group.head), deliveredAt });
    if (read > member.read) Object.assign(member, { read: Math.min(read, group.head), readAt });
    saveMember(turn, user, member);
    news = true;
  }
  if (news) tellSoon(group, turn);
}

/** At once when the authors have heard nothing for a while, else when that while is over. */
export function tellSoon(group: GroupMemory, turn: Turn): void {
  const { group_receipts_ms } = group.limits;
  // The wall clock may have been put back since.
  const left = Math.min(group_receipts_ms, group.toldAt + group_receipts_ms - turn.now);
  if (left <= 0) tellAuthors(group, turn);
  else if (!group.telling) {
    group.telling = true;
    soon(turn, left, { kind: 'tellReceipts' });
  }
}

export function tellReceipts(group: GroupMemory, _: Mail<'tellReceipts'>, turn: Turn): void {
  group.telling = false;
  cameBy(turn, 'tellReceipts');
  tellAuthors(group, turn);
}

/** How far all others have got, to each member whose messages not all have read. */
function tellAuthors(group: GroupMemory, turn: Turn): void {
  group.toldAt = turn.now;
  const delivered = lowest(group, 'delivered');
  const read = lowest(group, 'read');
  for (const [user, member] of group.members) {
    const { own, last } = member;
    if (own.length === 0) continue;
    // A mark that covers none of its own messages is no news.
    const covered = (before: number, now: number): number => {
      return own.some((seq) => before < seq && seq <= now) ? Math.min(last, now) : before;
    };
    const toldRead = covered(member.toldRead, lowestBut(read, user));
    const toldDelivered = Math.max(toldRead, covered(member.toldDelivered, lowestBut(delivered, user)));
    if (toldDelivered === member.toldDelivered && toldRead === member.toldRead) continue;
    member.own = own.filter((seq) => seq > toldRead);
    Object.assign(member, { toldDelivered, toldRead });
    saveMember(turn, user, member);
    const marks = { delivered: toldDelivered, read: toldRead, at: turn.now };
    turn.tell(User.ref(user), { kind: 'groupReceipt', group: group.self, ...marks });
  }
}

/** The lowest mark of all, whose that is, and the lowest of the rest. */
interface Lowest {
  readonly mark: number;
  readonly of: UserId;
  readonly next: number;
}

function lowest({ members, head }: GroupMemory, which: 'delivered' | 'read'): Lowest {
  let low: Lowest = { mark: head, of: '', next: head };
  for (const [user, member] of members) {
    const mark = member[which];
    if (mark < low.mark) low = { mark, of: user, next: low.mark };
    else if (mark < low.next) low = { ...low, next: mark };
  }
  return low;
}

function lowestBut({ mark, of, next }: Lowest, user: UserId): number {
  return of === user ? next : mark;
}

/** A member has not fetched a message in time: its author hears of it. */
export function lapsed(group: GroupMemory, { user, seq }: Mail<'lapsed'>, turn: Turn): void {
  const entry = turn.get<GroupEntry>('log', numberKey(seq));
  if (entry?.[0] !== 'message' || !group.members.has(entry[2])) return;
  turn.tell(User.ref(entry[2]), { kind: 'lapsed', group: group.self, id: entry[1], seq, user, at: turn.now });
}

/** Members besides `author`, by name. */
export function othersThan(group: GroupMemory, author: UserId): (readonly [UserId, Member])[] {
  return [...group.members].filter(([user]) => user !== author).sort(([one], [other]) => (one < other ? -1 : 1));
}
