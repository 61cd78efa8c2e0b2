/**
 * Two sweeps over the timeline, each with one durable timer: for messages that nobody fetched in time, and for message ids that
 * need no remembering any more. Neither costs a write per message.
 */
import type { UserProtocol } from '../../proto/mail.ts';
import type { MailOf, Turn } from '../../runtime/index.ts';
import { releaseFile } from '../holding.ts';
import { Group, User } from '../kinds.ts';
import { numberKey } from '../numbers.ts';
import { beginToEnd } from './ending.ts';
import { entryOf } from './events.ts';
import { conversationWith, topCursor, type UserMemory } from './memory.ts';
import { placeOf, type Sweep, type TimelineRow } from './rows.ts';
import { rowsAfter } from './timeline.ts';

type Mail<K extends keyof UserProtocol> = Extract<MailOf<UserProtocol>, { kind: K }>;

// ---------------------------------------------------------------- messages that expire

/** Message `n` came in. Sets the timer if none is set, or a later one. */
export function armExpiry(user: UserMemory, turn: Turn, expiresAt: number, n: number): void {
  user.expiry ??= turn.get<Sweep>('expiry') ?? idle;
  if (user.expiry.at !== 0 && user.expiry.at <= expiresAt) return;
  const done = user.expiry.at === 0 ? n - 1 : user.expiry.done;
  setExpiry(user, turn, { at: expiresAt, done });
}

export function expire(user: UserMemory, _: Mail<'expire'>, turn: Turn): void {
  // Of an account that was deactivated before its end was seen to.
  if (user.account?.state !== 'active') {
    beginToEnd(user, turn);
    return;
  }
  const { sweep_rows_max } = user.limits;
  const from = Math.max(topCursor(user, turn), turn.get<Sweep>('expiry')?.done ?? 0);
  const rows = rowsAfter(user, turn, from, user.head, sweep_rows_max);
  let n = from;
  for (const row of rows) {
    n++;
    const expiresAt = expiryOf(user, turn, row);
    if (expiresAt === undefined) continue;
    if (expiresAt > turn.now) {
      setExpiry(user, turn, { at: expiresAt, done: n - 1 });
      return;
    }
    lapse(user, turn, n, row);
  }
  setExpiry(user, turn, n < user.head ? { at: turn.now, done: n } : idle);
}

/** When a message that this user has not got yet expires; undefined for all else. */
function expiryOf(user: UserMemory, turn: Turn, row: TimelineRow): number | undefined {
  if (row[0] === 'in') return row[3] > conversationWith(user, turn, row[2]).inDelivered ? row[7] : undefined;
  if (row[0] !== 'entry' || row[2] <= conversationWith(user, turn, row[1]).inDelivered) return undefined;
  const [kind, , from] = entryOf(turn, row[1], row[2]);
  return kind === 'message' && from !== user.self ? row[3] + user.limits.message_lifetime_ms : undefined;
}

/** Its sender hears that it failed. */
function lapse(user: UserMemory, turn: Turn, n: number, row: TimelineRow): void {
  if (row[0] === 'in') {
    const [, id, peer, seq, at, , prev] = row;
    releaseFileOf(user, turn, row);
    replace(user, turn, n, ['expired', id, peer, seq, at, prev]);
    turn.tell(User.ref(peer), {
      kind: 'failed',
      from: user.self,
      id,
      seq,
      code: 'expired',
      at: Math.max(turn.now, at),
    });
  } else if (row[0] === 'entry') {
    const [, group, seq, at] = row;
    replace(user, turn, n, ['lapsed', group, seq, at]);
    turn.tell(Group.ref(group), { kind: 'lapsed', user: user.self, seq });
  }
}

const idle: Sweep = { at: 0, done: 0 };

function setExpiry(user: UserMemory, turn: Turn, sweep: Sweep): void {
  user.expiry = sweep;
  turn.put('expiry', sweep);
  if (sweep.at === 0) turn.clearTimer('expire');
  else turn.setTimer('expire', sweep.at, { kind: 'expire' });
}

/** What this row says will not be kept any more, and neither is its file. */
export function releaseFileOf(user: UserMemory, turn: Turn, row: TimelineRow): void {
  if (row[0] === 'in') releaseFile(turn, row[8]?.file?.id, placeOf(user.self, row[2], { from: row[2], seq: row[3] }));
  else if (row[0] === 'out')
    releaseFile(turn, row[7]?.file?.id, placeOf(user.self, row[2], { from: user.self, seq: row[3] }));
}

/** Another row in the place of row `n`. */
export function replace(user: UserMemory, turn: Turn, n: number, row: TimelineRow): void {
  turn.put('tl', numberKey(n), row);
  const recent = n - (user.head - user.recent.length + 1);
  if (recent >= 0) user.recent[recent] = row;
}

// ---------------------------------------------------------------- ids that are forgotten

/** A message was sent at `at`. Sets the timer if none is set. */
export function armTidy(user: UserMemory, turn: Turn, at: number): void {
  user.tidy ??= turn.get<Sweep>('tidy') ?? idle;
  if (user.tidy.at !== 0) return;
  setTidy(user, turn, { at: at + user.limits.dedup_ms + user.limits.tidy_pause_ms, done: user.tidy.done });
}

export function tidy(user: UserMemory, _: Mail<'tidy'>, turn: Turn): void {
  const { sweep_rows_max, dedup_ms, tidy_pause_ms } = user.limits;
  let n = turn.get<Sweep>('tidy')?.done ?? 0;
  for (const row of rowsAfter(user, turn, n, user.head, sweep_rows_max)) {
    const [id, at] = rememberedAs(user, row);
    if (id !== '') {
      const until = at + dedup_ms;
      if (until >= turn.now) {
        setTidy(user, turn, { at: until + tidy_pause_ms, done: n });
        return;
      }
      turn.delete('mid', id);
    }
    n++;
  }
  setTidy(user, turn, { at: n < user.head ? turn.now : 0, done: n });
}

/** The id under which a row is the answer, '' for none, and since when. */
function rememberedAs(user: UserMemory, row: TimelineRow): readonly [id: string, at: number] {
  switch (row[0]) {
    case 'out':
      return [row[1], row[4]];
    case 'entry':
      return [row[4], row[3]];
    case 'self':
      return [row[1], row[3]];
    case 'vanishing':
      return [row[3] === user.self ? row[1] : '', row[4]];
    case 'expired':
      return [row[6] ? row[1] : '', row[4]];
    case 'amended':
      // What others changed is remembered under no id here.
      return [row[5] === user.self ? row[1] : '', row[6]];
    default:
      return ['', 0];
  }
}

function setTidy(user: UserMemory, turn: Turn, sweep: Sweep): void {
  user.tidy = sweep;
  turn.put('tidy', sweep);
  if (sweep.at === 0) turn.clearTimer('tidy');
  else turn.setTimer('tidy', sweep.at, { kind: 'tidy' });
}
