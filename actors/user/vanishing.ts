/**
 * Messages of a conversation of two that vanish by themselves. Whoever gets a message counts its time, and tells its sender when it is over; so both
 * sides lose it together, whatever each knows of the other. Between a message and the beginning of its time there is a row in `wane`, after that one in
 * `fade`, and one durable timer for the first of those.
 */
import type { UserProtocol } from '../../proto/mail.ts';
import { refused } from '../../proto/refusals.ts';
import type { MessageRef, More, Timer, UserId, VanishWord } from '../../proto/words.ts';
import type { MailOf, Turn } from '../../runtime/index.ts';
import { amendmentsOf, forget } from '../amendments.ts';
import { User } from '../kinds.ts';
import { numberKey } from '../numbers.ts';
import { fadeAt, takeFaded } from '../vanish.ts';
import { say } from './admission.ts';
import { blank } from './amending.ts';
import { armTidy, releaseFileOf, replace } from './expiry.ts';
import { dropStar } from './marks.ts';
import { type Attached, conversationWith, type UserMemory } from './memory.ts';
import { placeOf, type TimelineRow, type TimerRow, type WaneRow } from './rows.ts';
import { isBlocked } from './self.ts';
import { countStranger } from './strangers.ts';
import { announce, append, rowAt, stampOf } from './timeline.ts';

type Mail<K extends keyof UserProtocol> = Extract<MailOf<UserProtocol>, { kind: K }>;

const forever: Timer = { afterMs: 0, since: 'never' };

// ---------------------------------------------------------------- how it is wanted

const unsaid: TimerRow = { timer: forever, by: '', at: 0 };

function timersOf(user: UserMemory, turn: Turn): Map<UserId, TimerRow> {
  user.timers ??= new Map(turn.range<TimerRow>('timer'));
  return user.timers;
}

function setTimerRow(user: UserMemory, turn: Turn, peer: UserId, row: TimerRow): void {
  timersOf(user, turn).set(peer, row);
  turn.put('timer', peer, row);
}

/** By which timer a message goes: its own, or that of the conversation; undefined: it stays. */
export function timerFor(user: UserMemory, turn: Turn, peer: UserId, more: More | undefined): Timer | undefined {
  const timer = more?.vanish ?? timersOf(user, turn).get(peer)?.timer ?? forever;
  return timer.since === 'never' ? undefined : timer;
}

/** A device wants the messages of a conversation to vanish, or to stay. */
export function setTimer(user: UserMemory, turn: Turn, word: VanishWord, connection: string, attached: Attached): void {
  const { id, with: peer, timer } = word;
  const objection = peer === user.self ? 'to_self' : isBlocked(user, turn, peer) ? 'blocked' : undefined;
  if (objection !== undefined) {
    say(turn, attached.to, refused(objection, { id }));
    return;
  }
  const before = timersOf(user, turn).get(peer) ?? unsaid;
  // Later than what it replaces, so that the other side takes it for that, too.
  const at = Math.max(stampOf(user, turn), before.at + 1);
  const { afterMs, since } = before.timer;
  if (afterMs === timer.afterMs && since === timer.since) {
    say(turn, attached.to, { kind: 'accepted', id, n: 0, seq: 0, at });
    return;
  }
  // The other side hears of it, as of a message.
  const waitMs = countStranger(user, turn, peer);
  if (waitMs > 0) {
    say(turn, attached.to, refused('too_many_strangers', { id }, { afterMs: waitMs }));
    return;
  }
  setTimerRow(user, turn, peer, { timer, by: user.self, at });
  const row: TimelineRow = ['vanishing', id, peer, user.self, at, timer];
  const n = append(user, turn, at, row);
  turn.put('mid', id, n);
  armTidy(user, turn, at);
  turn.tell(User.ref(peer), { kind: 'vanishing', id, from: user.self, at, timer });
  announce(user, turn, n, row, { connection, word: { kind: 'accepted', id, n, seq: 0, at } });
}

/** The other side wants it so. When both want something at once, the later word counts on both sides. */
export function takeVanishing(user: UserMemory, { id, from, at, timer }: Mail<'vanishing'>, turn: Turn): void {
  if (user.account?.state !== 'active' || isBlocked(user, turn, from)) return;
  const before = timersOf(user, turn).get(from) ?? unsaid;
  if (at < before.at || (at === before.at && from < before.by)) return;
  setTimerRow(user, turn, from, { timer, by: from, at });
  const row: TimelineRow = ['vanishing', id, from, from, at, timer];
  announce(user, turn, append(user, turn, at, row), row);
}

// ---------------------------------------------------------------- a message's time

/** A message to `peer` was sent as event `n`, and is to vanish: the other side will tell when. */
export function noteSent(turn: Turn, peer: UserId, seq: number, n: number, { afterMs }: Timer): void {
  turn.put('wane', `${peer}/o/${numberKey(seq)}`, [n, afterMs] satisfies WaneRow);
}

/** A message has come as event `n`, and is to vanish. */
export function noteCame(
  user: UserMemory,
  turn: Turn,
  { from, seq, at }: Mail<'message'>,
  n: number,
  timer: Timer,
): void {
  const { afterMs, since } = timer;
  if (since === 'sent') fadeAt(turn, at + afterMs, n);
  else {
    turn.put('wane', `${from}/${since === 'read' ? 'r' : 'd'}/${numberKey(seq)}`, [n, afterMs] satisfies WaneRow);
    waningOf(user, turn).add(from);
    turn.put('waning', from, true);
  }
}

/** Those of whom messages are here whose time has not begun. */
function waningOf(user: UserMemory, turn: Turn): Set<UserId> {
  user.waning ??= new Set(turn.range<true>('waning').map(([peer]) => peer));
  return user.waning;
}

/** This user has got further with what `peer` sent: the time of some of it begins. */
export function beginToVanish(user: UserMemory, turn: Turn, peer: UserId): void {
  if (!waningOf(user, turn).has(peer)) return;
  const { inDelivered, inRead } = conversationWith(user, turn, peer);
  const { fade_messages_max: limit } = user.limits;
  let isMore = false;
  for (const [mark, upTo] of [['d', inDelivered] as const, ['r', inRead] as const]) {
    const rows = turn.range<WaneRow>('wane', {
      from: `${peer}/${mark}/`,
      to: `${peer}/${mark}/${numberKey(upTo + 1)}`,
      limit,
    });
    for (const [key, [n, afterMs]] of rows) {
      turn.delete('wane', key);
      fadeAt(turn, turn.now + afterMs, n);
    }
    isMore ||= rows.length === limit;
  }
  if (isMore) turn.setTimer('wane', turn.now, { kind: 'wane' });
  const isLeft = ['d', 'r'].some((mark) => {
    return turn.range('wane', { from: `${peer}/${mark}/`, to: `${peer}/${mark}/~`, limit: 1 }).length > 0;
  });
  if (isLeft) return;
  waningOf(user, turn).delete(peer);
  turn.delete('waning', peer);
}

/** More had begun than one turn could note. */
export function wane(user: UserMemory, _: Mail<'wane'>, turn: Turn): void {
  for (const peer of [...waningOf(user, turn)]) beginToVanish(user, turn, peer);
}

export function fade(user: UserMemory, _: Mail<'fade'>, turn: Turn): void {
  for (const n of takeFaded(turn, user.limits.fade_messages_max)) {
    const row = rowAt(user, turn, n);
    if (row?.[0] === 'in') vanishHere(user, turn, row, n);
    // It was removed here before its time, but not at its sender.
    else if (row?.[0] === 'expired' && !row[6]) {
      turn.tell(User.ref(row[2]), { kind: 'vanished', from: user.self, seq: row[3], at: stampOf(user, turn) });
    } else if (row?.[0] === 'out') vanish(user, turn, row[2], { from: user.self, seq: row[3] }, n);
  }
}

/** What came is gone, and its sender is to know; what nobody had fetched by then was never delivered. */
function vanishHere(user: UserMemory, turn: Turn, row: Extract<TimelineRow, { 0: 'in' }>, n: number): void {
  const [, id, peer, seq] = row;
  const isDelivered = seq <= conversationWith(user, turn, peer).inDelivered;
  const at = vanish(user, turn, peer, { from: peer, seq }, n);
  if (!isDelivered) turn.tell(User.ref(peer), { kind: 'failed', from: user.self, id, seq, code: 'expired', at });
  turn.tell(User.ref(peer), { kind: 'vanished', from: user.self, seq, at });
}

/** A message is gone, and the devices are told. Answers when that was. */
function vanish(user: UserMemory, turn: Turn, peer: UserId, of: MessageRef, n: number): number {
  erase(user, turn, peer, of, n);
  const at = stampOf(user, turn);
  const row: TimelineRow = ['vanished', peer, of.from, of.seq, at];
  announce(user, turn, append(user, turn, at, row), row);
  return at;
}

/** Event `n`, which is this message, says nothing any more, nor does anything that became of it. */
export function erase(user: UserMemory, turn: Turn, peer: UserId, of: MessageRef, n: number): void {
  const place = placeOf(user.self, peer, of);
  for (const edit of amendmentsOf(turn, place).edits) blank(user, turn, edit);
  forget(turn, place);
  dropStar(user, turn, peer, of);
  const message = rowAt(user, turn, n);
  if (message?.[0] !== 'in' && message?.[0] !== 'out') return;
  const [kind, id, , seq, at, , prev] = message;
  releaseFileOf(user, turn, message);
  const own = kind === 'out' ? ([true] as const) : ([] as const);
  replace(user, turn, n, ['expired', id, peer, seq, at, prev, ...own]);
}

/** The other side has lost a message of this user, as it should. */
export function takeVanished(user: UserMemory, { from: peer, seq }: Mail<'vanished'>, turn: Turn): void {
  const key = `${peer}/o/${numberKey(seq)}`;
  const [n] = turn.get<WaneRow>('wane', key) ?? [];
  if (n === undefined) return;
  turn.delete('wane', key);
  vanish(user, turn, peer, { from: user.self, seq }, n);
}

/** It will not be delivered: here it stays for as long as it would have there. */
export function vanishFailed(turn: Turn, peer: UserId, seq: number): void {
  const key = `${peer}/o/${numberKey(seq)}`;
  const [n, afterMs = 0] = turn.get<WaneRow>('wane', key) ?? [];
  if (n !== undefined) fadeAt(turn, turn.now + afterMs, n);
}
