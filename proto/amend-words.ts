/** Words that change what was said: a message gets another text, is taken back, or is reacted to. */
import type { MessageRef } from './content.ts';
import { Fault, isCount, isMessageId } from './fault.ts';
import {
  bad,
  badConversation,
  badText,
  type Fields,
  isConversationId,
  isFields,
  isText,
  isUserId,
  malformed,
  shown,
} from './fields.ts';
import { isWellFormed, utf8LengthExceeds } from './plain.ts';
import { type ConversationId, clientLimits, type MessageId, type OtherEvent, type UserId } from './words.ts';

/** What is to become of the message `of` in the conversation `with`. Answered by `accepted` or `refused`, like a message. */
export interface Amend {
  readonly kind: 'amend';
  readonly id: MessageId;
  readonly with: ConversationId;
  readonly of: MessageRef;
  readonly deed: Amendment;
}
export type Amendment =
  /** Its author says it in other words. */
  | { readonly what: 'edit'; readonly body: string }
  /** Deleted for everyone: the server forgets what it said. */
  | { readonly what: 'retract' }
  /** One of a user, by which a later one replaces an earlier one; '' takes it back. */
  | { readonly what: 'react'; readonly text: string }
  /** To be shown to everybody above the conversation: by either of two, or by admins. */
  | { readonly what: 'pin'; readonly on: boolean };

/** It has become so. */
export interface AmendedEvent {
  readonly kind: 'amended';
  readonly id: MessageId;
  readonly with: ConversationId;
  readonly of: MessageRef;
  /** In a group, its own number in the log; else 0. */
  readonly seq: number;
  readonly by: UserId;
  readonly at: number;
  readonly deed: Amendment;
}

/** All reactions to one message that are alike: how many, and whether this user's is one of them. */
export interface Reaction {
  readonly text: string;
  readonly count: number;
  readonly own: boolean;
}

export function amend(fields: Fields): Amend | Fault {
  const { id, with: other, of, deed } = fields;
  if (!isMessageId(id)) return badText('amend.id', id, clientLimits.message_id_chars_max, fields);
  if (!isConversationId(other)) return badConversation('amend.with', other, fields);
  if (!isFields(of) || !isUserId(of.from) || !isCount(of.seq) || of.seq === 0) {
    return malformed('amend.of must be a message: its author in from, its number in seq', fields);
  }
  if (!isFields(deed)) return malformed('amend.deed must be an object', fields);
  const checked = checkedDeed(deed, fields);
  if (checked instanceof Fault) return checked;
  return { kind: 'amend', id, with: other, of: { from: of.from, seq: of.seq }, deed: checked };
}

function checkedDeed(deed: Fields, of: Fields): Amendment | Fault {
  const known = deedOf(deed);
  if (known === 'other') return malformed(`There is no deed ${shown(deed.what)}`, of);
  if (known === undefined) {
    return deed.what === 'react'
      ? badText('amend.deed.text', deed.text, clientLimits.reaction_chars_max, of)
      : malformed(deed.what === 'pin' ? 'amend.deed.on must be true or false' : 'amend.deed.body must be text', of);
  }
  if (known.what === 'edit' && utf8LengthExceeds(known.body, clientLimits.body_bytes_max)) {
    return new Fault('too_long', `amend.deed.body may have at most ${clientLimits.body_bytes_max} bytes.`, of);
  }
  return known;
}

/** `other`: of a kind that is not known here. */
function deedOf({ what, body, text, on }: Fields): Amendment | 'other' | undefined {
  switch (what) {
    case 'edit':
      return typeof body === 'string' && isWellFormed(body) ? { what, body } : undefined;
    case 'retract':
      return { what };
    case 'react':
      return isText(text, clientLimits.reaction_chars_max) ? { what, text } : undefined;
    case 'pin':
      return typeof on === 'boolean' ? { what, on } : undefined;
    default:
      return 'other';
  }
}

// ---------------------------------------------------------------- from the server

export function amended(fields: Fields): AmendedEvent | OtherEvent | Fault {
  const { id, with: other, of, seq, by, at, deed } = fields;
  if (!isMessageId(id) || !isConversationId(other) || !isCount(seq) || !isUserId(by) || !isCount(at))
    return bad(fields);
  if (!isFields(of) || !isUserId(of.from) || !isCount(of.seq) || !isFields(deed)) return bad(fields);
  const known = deedOf(deed);
  // Of a later protocol.
  if (known === 'other') return { kind: 'other', was: 'amended' };
  if (known === undefined) return bad(fields);
  return { kind: 'amended', id, with: other, of: { from: of.from, seq: of.seq }, seq, by, at, deed: known };
}

export function reactions(value: unknown): Reaction[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const checked: Reaction[] = [];
  for (const one of value) {
    if (!isFields(one) || typeof one.text !== 'string' || !isCount(one.count) || typeof one.own !== 'boolean') {
      return undefined;
    }
    checked.push({ text: one.text, count: one.count, own: one.own });
  }
  return checked;
}
