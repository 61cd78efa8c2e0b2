/** What a user wants for its own account: told to all its devices, and to nobody else. */
import { type Fault, isCount, isMessageId } from './fault.ts';
import { bad, badText, type Fields, isFields, isUserId, malformed, shown } from './fields.ts';
import { clientLimits, type MessageId, type OtherEvent, type UserId } from './words.ts';

/** Answered by `accepted` or `refused`, like a message. */
export interface SelfWord {
  readonly kind: 'self';
  readonly id: MessageId;
  readonly deed: SelfDeed;
}
/** `block`: from now on nothing of `user` comes here, and it learns nothing of this user. It is not told so. */
export type SelfDeed = { readonly what: 'block'; readonly user: UserId; readonly on: boolean };

/** So it is from now on. */
export interface SelfEvent {
  readonly kind: 'self';
  readonly id: MessageId;
  readonly at: number;
  readonly deed: SelfDeed;
}

export function selfWord(fields: Fields): SelfWord | Fault {
  const { id, deed } = fields;
  if (!isMessageId(id)) return badText('self.id', id, clientLimits.message_id_chars_max, fields);
  if (!isFields(deed)) return malformed('self.deed must be an object', fields);
  const { what, user, on } = deed;
  if (what !== 'block') return malformed(`There is no deed ${shown(what)}`, fields);
  if (!isUserId(user)) return badText('self.deed.user', user, clientLimits.user_chars_max, fields);
  return typeof on === 'boolean'
    ? { kind: 'self', id, deed: { what, user, on } }
    : malformed('self.deed.on must be true or false', fields);
}

export function selfEvent(fields: Fields): SelfEvent | OtherEvent | Fault {
  const { id, at, deed } = fields;
  if (!isMessageId(id) || !isCount(at) || !isFields(deed)) return bad(fields);
  const { what, user, on } = deed;
  // Of a later protocol.
  if (what !== 'block') return { kind: 'other', was: 'self' };
  return isUserId(user) && typeof on === 'boolean' ? { kind: 'self', id, at, deed: { what, user, on } } : bad(fields);
}
