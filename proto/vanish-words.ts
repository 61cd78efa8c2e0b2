/** Messages that vanish by themselves, one by one or all of a conversation. */
import type { MessageRef } from './content.ts';
import { type Fault, isCount, isMessageId } from './fault.ts';
import { bad, badText, type Fields, isConversationId, isFields, isUserId, malformed } from './fields.ts';
import { type ConversationId, clientLimits, type MessageId, type UserId } from './words.ts';

/** When a message vanishes: so long after it was sent, delivered or read. `never`: it stays, and `afterMs` is 0. */
export interface Timer {
  readonly afterMs: number;
  readonly since: 'never' | 'sent' | 'delivered' | 'read';
}

/** From now on messages between this user and `with`, of either, vanish so. Answered by `accepted` or `refused`, like a message. */
export interface VanishWord {
  readonly kind: 'vanish';
  readonly id: MessageId;
  readonly with: UserId;
  readonly timer: Timer;
}

/** One of the two wants it so. */
export interface VanishingEvent {
  readonly kind: 'vanishing';
  readonly id: MessageId;
  readonly with: UserId;
  readonly by: UserId;
  readonly at: number;
  readonly timer: Timer;
}

/** These messages are gone from the server, and should be from the device. */
export interface VanishedEvent {
  readonly kind: 'vanished';
  readonly with: ConversationId;
  /** In a group, its own number in the log; else 0. */
  readonly seq: number;
  readonly at: number;
  readonly list: readonly MessageRef[];
}

const sinces: readonly Timer['since'][] = ['never', 'sent', 'delivered', 'read'];

/** Of a conversation, or of one message, which may vanish as soon as it is read. */
export function timerOf(value: unknown): Timer | undefined {
  if (!isFields(value)) return undefined;
  const { afterMs } = value;
  const since = sinces.find((one) => one === value.since);
  if (since === undefined || !isCount(afterMs) || afterMs > clientLimits.vanish_ms_max) return undefined;
  return since === 'never' && afterMs !== 0 ? undefined : { afterMs, since };
}

export function isLongEnough({ afterMs, since }: Timer): boolean {
  return since === 'never' || afterMs >= clientLimits.vanish_ms_min;
}

export function vanishWord(fields: Fields): VanishWord | Fault {
  const { id, with: other } = fields;
  if (!isMessageId(id)) return badText('vanish.id', id, clientLimits.message_id_chars_max, fields);
  if (!isUserId(other)) return badText('vanish.with', other, clientLimits.user_chars_max, fields);
  const timer = timerOf(fields.timer);
  if (timer === undefined || !isLongEnough(timer)) return badTimer('vanish.timer', fields);
  return { kind: 'vanish', id, with: other, timer };
}

export function badTimer(field: string, of: Fields): Fault {
  const { vanish_ms_min, vanish_ms_max } = clientLimits;
  return malformed(
    `${field} must have since, and afterMs from ${vanish_ms_min} to ${vanish_ms_max}, or 0 for never`,
    of,
  );
}

// ---------------------------------------------------------------- from the server

export function vanishing(fields: Fields): VanishingEvent | Fault {
  const { kind, id, with: other, by, at } = fields;
  const timer = timerOf(fields.timer);
  if (kind !== 'vanishing' || !isMessageId(id) || !isUserId(other) || !isUserId(by)) return bad(fields);
  return isCount(at) && timer !== undefined ? { kind, id, with: other, by, at, timer } : bad(fields);
}

export function vanished(fields: Fields): VanishedEvent | Fault {
  const { kind, with: other, seq, at, list } = fields;
  if (kind !== 'vanished' || !isConversationId(other) || !isCount(seq) || !isCount(at)) return bad(fields);
  if (!Array.isArray(list)) return bad(fields);
  const checked: MessageRef[] = [];
  for (const one of list) {
    if (!isFields(one) || !isUserId(one.from) || !isCount(one.seq)) return bad(fields);
    checked.push({ from: one.from, seq: one.seq });
  }
  return { kind, with: other, seq, at, list: checked };
}
