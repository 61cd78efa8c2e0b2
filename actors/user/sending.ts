/** Messages: out of this account, into it, and back with a word when they fail. */
import type { UserProtocol } from '../../proto/mail.ts';
import { refused } from '../../proto/refusals.ts';
import type { Accepted, Amend, Arrange, SelfWord, Send, VanishWord } from '../../proto/words.ts';
import type { MailOf, Turn } from '../../runtime/index.ts';
import { holdFile } from '../holding.ts';
import { isGroup, User } from '../kinds.ts';
import { numberKey } from '../numbers.ts';
import { optional } from '../tuples.ts';
import { withTimer } from '../vanish.ts';
import { say } from './admission.ts';
import { amend, notePlace } from './amending.ts';
import { armExpiry, armTidy } from './expiry.ts';
import { withFacts } from './files.ts';
import { acceptedIn, amendInGroup, arrange, deniedBefore, deny, sendToGroup } from './groups.ts';
import { type Attached, conversationWith, saveConversation, type UserMemory } from './memory.ts';
import { type FailRow, placeOf, type TimelineRow } from './rows.ts';
import { hold, isBlocked, seeToSelf } from './self.ts';
import { countStranger } from './strangers.ts';
import { announce, append, rowAt, stampOf } from './timeline.ts';
import { noteCame, noteSent, setTimer, timerFor, vanishFailed } from './vanishing.ts';

type Mail<K extends keyof UserProtocol> = Extract<MailOf<UserProtocol>, { kind: K }>;

/** A device wants something done. The same id again gets the first answer again, whatever else the word says (A8). */
export function carryOut(
  user: UserMemory,
  turn: Turn,
  word: Send | Amend | VanishWord | Arrange | SelfWord,
  connection: string,
  attached: Attached,
): void {
  const before = acceptedBefore(user, turn, word.id);
  if (before !== undefined) {
    // As news: to a device that has not seen the event yet, the answer stands for it.
    turn.whisper(attached.to, { kind: 'news', n: before.n, words: [before] });
  } else if (word.kind === 'self') seeToSelf(user, turn, word, connection, attached);
  else if (word.kind === 'vanish') setTimer(user, turn, word, connection, attached);
  else if (word.kind === 'amend') {
    const carry = isGroup(word.with) ? amendInGroup : amend;
    carry(user, turn, word, connection, attached);
  } else if (word.kind === 'group') arrange(user, turn, word, connection, attached);
  else if (isGroup(word.to)) sendToGroup(user, turn, word, connection, attached);
  else send(user, turn, word, connection, attached);
}

function send(user: UserMemory, turn: Turn, word: Send, connection: string, attached: Attached): void {
  const { id, to, body } = word;
  if (to === user.self) {
    say(turn, attached.to, refused('to_self', { id }));
    return;
  }
  if (isBlocked(user, turn, to)) {
    say(turn, attached.to, refused('blocked', { id }));
    return;
  }
  if (word.more?.file !== undefined && deniedBefore(user, turn, id, attached)) return;
  const whole = withFacts(user, turn, word.more);
  if (whole === 'unknown_file') {
    deny(user, turn, id, whole, attached);
    return;
  }
  const afterMs = countStranger(user, turn, to);
  if (afterMs > 0) {
    say(turn, attached.to, refused('too_many_strangers', { id }, { afterMs }));
    return;
  }
  const conversation = conversationWith(user, turn, to);
  const at = stampOf(user, turn);
  const seq = conversation.outSeq + 1;
  const vanish = timerFor(user, turn, to, whole);
  const more = withTimer(whole, vanish);
  const row: TimelineRow = ['out', id, to, seq, at, body, conversation.last, ...optional(more)];
  const n = append(user, turn, at, row);
  turn.put('mid', id, n);
  notePlace(user, turn, to, { from: user.self, seq }, n);
  holdFile(turn, more?.file?.id, placeOf(user.self, to, { from: user.self, seq }));
  if (vanish !== undefined) noteSent(turn, to, seq, n, vanish);
  saveConversation(user, turn, to, { ...conversation, outSeq: seq, last: n });
  armTidy(user, turn, at);
  turn.count('messages_accepted', 'user');

  const expiresAt = at + user.limits.message_lifetime_ms;
  turn.tell(User.ref(to), {
    kind: 'message',
    id,
    from: user.self,
    seq,
    at,
    expiresAt,
    body,
    ...(more && { more }),
  });
  announce(user, turn, n, row, { connection, word: { kind: 'accepted', id, n, seq, at } });
}

function acceptedBefore(user: UserMemory, turn: Turn, id: string): Accepted | undefined {
  const n = turn.get<number>('mid', id);
  if (n === undefined) return undefined;
  const row = rowAt(user, turn, n);
  if (row?.[0] === 'self') return { kind: 'accepted', id, n, seq: 0, at: row[3] };
  if (row?.[0] === 'vanishing') return { kind: 'accepted', id, n, seq: 0, at: row[4] };
  if (row?.[0] === 'amended') return { kind: 'accepted', id, n, seq: 0, at: row[6] };
  if (row?.[0] === 'entry') return acceptedIn(row[1], { id, n, seq: row[2], at: row[3] });
  if (row?.[0] !== 'out' && row?.[0] !== 'expired') throw new Error('a message id that leads to no message');
  return { kind: 'accepted', id, n, seq: row[3], at: row[4] };
}

/** A message comes in. */
export function takeMessage(user: UserMemory, mail: Mail<'message'>, turn: Turn): void {
  const { id, from, seq, at, body, expiresAt, more } = mail;
  const failure =
    user.account === undefined
      ? 'unknown_user'
      : user.account.state === 'deactivated'
        ? 'deactivated'
        : expiresAt <= turn.now
          ? 'expired'
          : undefined;
  if (failure !== undefined) {
    turn.tell(User.ref(from), { kind: 'failed', from: user.self, id, seq, code: failure, at: turn.now });
    return;
  }
  if (isBlocked(user, turn, from)) {
    hold(turn, mail);
    return;
  }
  const conversation = conversationWith(user, turn, from);
  // The channel gives each mail once; should one come twice all the same, it has been dealt with.
  if (seq <= conversation.inSeq) return;
  const row: TimelineRow = ['in', id, from, seq, at, body, conversation.last, expiresAt, ...optional(more)];
  const n = append(user, turn, at, row);
  notePlace(user, turn, from, { from, seq }, n);
  holdFile(turn, more?.file?.id, placeOf(user.self, from, { from, seq }));
  if (more?.vanish !== undefined) noteCame(user, turn, mail, n, more.vanish);
  saveConversation(user, turn, from, { ...conversation, inSeq: seq, last: n });
  armExpiry(user, turn, expiresAt, n);
  turn.count('messages_arrived', 'user');
  announce(user, turn, n, row);
}

/** A message that this account sent will not be delivered. */
export function takeFailure(user: UserMemory, mail: Mail<'failed'>, turn: Turn): void {
  const { from, id, seq, code } = mail;
  const key = `${from}/${numberKey(seq)}`;
  if (turn.get<FailRow>('fail', key) !== undefined) return;
  const at = Math.max(mail.at, stampOf(user, turn));
  const fail: FailRow = { code, at };
  turn.put('fail', key, fail);
  turn.count('messages_failed', code);
  vanishFailed(turn, from, seq);
  const row: TimelineRow = ['failed', id, from, seq, code, at];
  announce(user, turn, append(user, turn, at, row), row);
}
