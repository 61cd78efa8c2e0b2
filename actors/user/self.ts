/** What a user wants for its own account, and whom it has blocked. */
import type { UserProtocol } from '../../proto/mail.ts';
import { refused } from '../../proto/refusals.ts';
import type { MessageId, SelfWord, UserId } from '../../proto/words.ts';
import type { MailOf, Turn } from '../../runtime/index.ts';
import { User } from '../kinds.ts';
import { numberKey, numberOf } from '../numbers.ts';
import { say } from './admission.ts';
import { armTidy } from './expiry.ts';
import type { Attached, UserMemory } from './memory.ts';
import type { TimelineRow } from './rows.ts';
import { announce, append, stampOf } from './timeline.ts';

type Mail<K extends keyof UserProtocol> = Extract<MailOf<UserProtocol>, { kind: K }>;

export function isBlocked(user: UserMemory, turn: Turn, other: UserId): boolean {
  return blockedOf(user, turn).has(other);
}

function blockedOf(user: UserMemory, turn: Turn): Set<UserId> {
  user.blocked ??= new Set(turn.range<number>('blocked').map(([other]) => other));
  return user.blocked;
}

/** Its sender is not told: to it, this user has not fetched the message. */
export function hold(turn: Turn, { id, from, seq }: Mail<'message'>): void {
  turn.put('held', `${from}/${numberKey(seq)}`, id);
}

/** What came meanwhile has failed: a mark that covers later messages must not stand for it. */
export function release(user: UserMemory, { user: other }: Mail<'release'>, turn: Turn): void {
  const { sweep_rows_max } = user.limits;
  const rows = turn.range<MessageId>('held', { from: `${other}/`, to: `${other}/~`, limit: sweep_rows_max });
  for (const [key, id] of rows) {
    const seq = numberOf(key.slice(other.length + 1));
    turn.delete('held', key);
    turn.tell(User.ref(other), { kind: 'failed', from: user.self, id, seq, code: 'expired', at: turn.now });
  }
  const more = { kind: 'release', user: other } as { readonly kind: string };
  if (rows.length === sweep_rows_max) turn.setTimer(`release ${other}`, turn.now, more);
}

/** Nothing is written where it is so already. */
export function seeToSelf(user: UserMemory, turn: Turn, word: SelfWord, connection: string, attached: Attached): void {
  const { id, deed } = word;
  const blocked = blockedOf(user, turn);
  const at = stampOf(user, turn);
  if (deed.user === user.self) {
    say(turn, attached.to, refused('to_self', { id }));
    return;
  }
  if (deed.on === blocked.has(deed.user)) {
    say(turn, attached.to, { kind: 'accepted', id, n: 0, seq: 0, at });
    return;
  }
  if (deed.on && blocked.size >= user.limits.blocked_max) {
    say(turn, attached.to, refused('too_many_blocked', { id }));
    return;
  }
  if (deed.on) {
    blocked.add(deed.user);
    turn.put('blocked', deed.user, at);
    // It hears no more of this user, from now on.
    user.presence.watchers.delete(deed.user);
  } else {
    blocked.delete(deed.user);
    turn.delete('blocked', deed.user);
    release(user, { kind: 'release', user: deed.user }, turn);
  }
  const row: TimelineRow = ['self', id, deed, at];
  const n = append(user, turn, at, row);
  turn.put('mid', id, n);
  armTidy(user, turn, at);
  announce(user, turn, n, row, { connection, word: { kind: 'accepted', id, n, seq: 0, at } });
}
