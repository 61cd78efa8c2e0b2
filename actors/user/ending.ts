/**
 * The end of an account. Whoever had to do with it is told, and what it kept is deleted, a bounded number of rows a turn, each turn followed by the next through
 * a durable timer. What stays is the row that says that the name was taken, and when it ended: mail to it is answered with that.
 */
import type { UserProtocol } from '../../proto/mail.ts';
import type { UserId } from '../../proto/words.ts';
import type { MailOf, Turn } from '../../runtime/index.ts';
import { isGroup, User } from '../kinds.ts';
import { numberOf } from '../numbers.ts';
import { knows } from './asking.ts';
import { releaseFileOf } from './expiry.ts';
import { conversationWith, type UserMemory } from './memory.ts';
import { newPeopleMemory } from './people-memory.ts';
import { dropPicture } from './profile.ts';
import type { TimelineRow, WaneRow } from './rows.ts';
import { isBlocked, tellNothing } from './self.ts';
import { announce, append, rowAt, stampOf } from './timeline.ts';

type Mail<K extends keyof UserProtocol> = Extract<MailOf<UserProtocol>, { kind: K }>;

/** What has no meaning to an account that has ended: it was meant for what is not there any more, and would write down some of it. */
const pointless: ReadonlySet<string> = new Set<keyof UserProtocol>([
  'amended',
  'vanishing',
  'vanished',
  'receipt',
  'failed',
  'gone',
  'entry',
  'done',
  'denied',
  'declined',
  'lapsed',
  'groupReceipt',
  'groupTyping',
  'typing',
  'presence',
  'profileTold',
  'candidates',
  'profilesDue',
  'fade',
  'wane',
  'release',
  'tidy',
  'quiet',
]);

export function isFor(user: UserMemory, mail: { readonly kind: string }): boolean {
  return user.account?.state !== 'deactivated' || !pointless.has(mail.kind);
}

export function beginToEnd(user: UserMemory, turn: Turn): void {
  for (const watcher of user.presence.watchers.keys()) tellNothing(user, turn, watcher);
  user.presence.watchers.clear();
  dropPicture(user, turn);
  for (const timer of ['expire', 'tidy', 'fade', 'wane', 'push']) turn.clearTimer(timer);
  turn.setTimer('clear', turn.now, { kind: 'clear' });
}

type Step = (user: UserMemory, turn: Turn, limit: number) => number;

/** In this order: a step needs what later ones delete. Each answers how many rows it has dealt with. */
const steps: readonly Step[] = [
  endWaning,
  endFading,
  endTimeline,
  endHeld,
  endContacts,
  endConversations,
  ...['mid', 'nth', 'amend', 'react', 'star', 'forgot', 'pin', 'timer', 'waning', 'mark', 'fail'].map(endTable),
  ...['seen', 'upload', 'wait', 'denied', 'privacy', 'profile', 'quota', 'cursor', 'expiry', 'tidy', 'blocked'].map(
    endTable,
  ),
];

export function clear(user: UserMemory, _: Mail<'clear'>, turn: Turn): void {
  if (user.account?.state !== 'deactivated') return;
  let left = user.limits.sweep_rows_max;
  for (const step of steps) {
    left -= step(user, turn, left);
    if (left > 0) continue;
    turn.setTimer('clear', turn.now, { kind: 'clear' });
    return;
  }
  const { contacts, blocked, privacy, timers, groups, waiting, denied } = emptied;
  Object.assign(user, { contacts, blocked, privacy, timers, groups, waiting, denied });
  Object.assign(user, { head: 0, recent: [], people: newPeopleMemory() });
  user.conversations.clear();
}

const emptied = {
  contacts: undefined,
  blocked: undefined,
  privacy: undefined,
  timers: undefined,
  groups: undefined,
  waiting: undefined,
  denied: undefined,
};

function endTable(table: string): Step {
  return (_, turn, limit) => {
    const rows = turn.range(table, { limit });
    for (const [key] of rows) turn.delete(table, key);
    return rows.length;
  };
}

/** Both sides lose such a message together, so its sender loses it now: nobody is left to count its time. */
function endWaning(user: UserMemory, turn: Turn, limit: number): number {
  const rows = turn.range<WaneRow>('wane', { limit });
  for (const [key] of rows) {
    turn.delete('wane', key);
    const [peer = '', mark, seq = ''] = key.split('/');
    if (mark !== 'o') tellVanished(user, turn, peer, numberOf(seq));
  }
  return rows.length;
}

function endFading(user: UserMemory, turn: Turn, limit: number): number {
  const rows = turn.range<number>('fade', { limit });
  for (const [key, n] of rows) {
    turn.delete('fade', key);
    const row = rowAt(user, turn, n);
    if (row?.[0] === 'in' || (row?.[0] === 'expired' && !row[6])) tellVanished(user, turn, row[2], row[3]);
  }
  return rows.length;
}

/** Of what was never delivered its sender hears that it failed, and counts from then on itself. */
function tellVanished(user: UserMemory, turn: Turn, peer: UserId, seq: number): void {
  if (seq > conversationWith(user, turn, peer).inDelivered) return;
  turn.tell(User.ref(peer), { kind: 'vanished', from: user.self, seq, at: turn.now });
}

function endTimeline(user: UserMemory, turn: Turn, limit: number): number {
  const rows = turn.range<TimelineRow>('tl', { limit });
  for (const [key, row] of rows) {
    turn.delete('tl', key);
    releaseFileOf(user, turn, row);
    if (row[0] !== 'in') continue;
    const [, id, peer, seq, at] = row;
    if (seq > conversationWith(user, turn, peer).inDelivered) tellFailed(user, turn, peer, id, seq, at);
  }
  // What is read from here on is not there any more.
  user.recent = [];
  return rows.length;
}

/** What came from users that were blocked at the time. */
function endHeld(user: UserMemory, turn: Turn, limit: number): number {
  const rows = turn.range<string>('held', { limit });
  for (const [key, id] of rows) {
    turn.delete('held', key);
    const [peer = '', seq = ''] = key.split('/');
    tellFailed(user, turn, peer, id, numberOf(seq), 0);
  }
  return rows.length;
}

function tellFailed(user: UserMemory, turn: Turn, peer: UserId, id: string, seq: number, sent: number): void {
  const at = Math.max(turn.now, sent);
  turn.tell(User.ref(peer), { kind: 'failed', from: user.self, id, seq, code: 'deactivated', at });
}

/** Those with whom there is a conversation hear of it by that. */
function endContacts(user: UserMemory, turn: Turn, limit: number): number {
  const rows = turn.range<string>('contact', { limit });
  for (const [other] of rows) {
    turn.delete('contact', other);
    if (turn.get('conv', other) === undefined) tellGone(user, turn, other);
  }
  return rows.length;
}

function endConversations(user: UserMemory, turn: Turn, limit: number): number {
  const rows = turn.range<unknown>('conv', { limit });
  for (const [peer] of rows) {
    turn.delete('conv', peer);
    if (!isGroup(peer)) tellGone(user, turn, peer);
  }
  return rows.length;
}

function tellGone(user: UserMemory, turn: Turn, other: UserId): void {
  if (user.account?.state !== 'deactivated' || isBlocked(user, turn, other)) return;
  turn.tell(User.ref(other), { kind: 'gone', user: user.self, at: user.account.at });
}

/** Somebody has left for good. To whom it is nobody it stays nobody, whatever it kept of this user. */
export function takeGone(user: UserMemory, { user: other, at }: Mail<'gone'>, turn: Turn): void {
  if (user.account?.state !== 'active' || isBlocked(user, turn, other) || !knows(user, turn, other)) return;
  const row: TimelineRow = ['gone', other, Math.max(at, stampOf(user, turn))];
  announce(user, turn, append(user, turn, row[2], row), row);
}
