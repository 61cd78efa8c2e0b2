/** What a user wants for its own account: told to all its devices, and to nobody else. */
import type { MessageRef } from './content.ts';
import { type Fault, isCount, isMessageId } from './fault.ts';
import { bad, badText, type Fields, isConversationId, isFields, isText, isUserId, malformed, shown } from './fields.ts';
import { type Profile, profileOf } from './people-words.ts';
import { type ReportDeed, reportDeed } from './report-words.ts';
import { type ConversationId, clientLimits, type MessageId, type OtherEvent, type UserId } from './words.ts';

/** Answered by `accepted` or `refused`, like a message. */
export interface SelfWord {
  readonly kind: 'self';
  readonly id: MessageId;
  readonly deed: SelfDeed;
}
export type SelfDeed =
  /** From now on nothing of `user` comes here, and it learns nothing of this user. It is not told so. */
  | { readonly what: 'block'; readonly user: UserId; readonly on: boolean }
  /** Somebody this user knows, by a name of its own choice. */
  | { readonly what: 'contact'; readonly user: UserId; readonly name: string; readonly on: boolean }
  /** A message to be found again. */
  | { readonly what: 'star'; readonly with: ConversationId; readonly of: MessageRef; readonly on: boolean }
  /** A conversation to be shown first. */
  | { readonly what: 'pin'; readonly with: ConversationId; readonly on: boolean }
  /** A message that this user does not want to see any more; the others keep it. */
  | { readonly what: 'forget'; readonly with: ConversationId; readonly of: MessageRef }
  | ({ readonly what: 'privacy' } & Partial<Privacy>)
  /** What it tells of itself, all of it. */
  | ({ readonly what: 'profile' } & Profile)
  | ReportDeed;

export type Audience = 'everyone' | 'contacts' | 'nobody';
/** Who may know what of a user. Whoever hides something does not see it of others. */
export interface Privacy {
  /** Who sees whether it is online, and when it was last seen. */
  readonly seen: Audience;
  /** Whether others learn what it has read, in conversations of two. */
  readonly receipts: boolean;
  /** Who may add it to groups. */
  readonly invites: Audience;
  /** Who sees what of its profile; its name is for everyone. */
  readonly about: Audience;
  readonly email: Audience;
  readonly phone: Audience;
  readonly place: Audience;
  readonly picture: Audience;
  /** Who finds it by its email or phone number. */
  readonly found: Audience;
}
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
  const checked = deedOf(deed);
  if (typeof checked === 'object') return { kind: 'self', id, deed: checked };
  return checked === 'other'
    ? malformed(`There is no deed ${shown(deed.what)}`, fields)
    : malformed(`A field of the deed ${shown(deed.what)} is missing or not of its shape`, fields);
}

/** `other`: of a kind that is not known here. */
function deedOf(fields: Fields): SelfDeed | 'bad' | 'other' {
  const { what, user, name, on } = fields;
  switch (what) {
    case 'star':
    case 'pin':
    case 'forget':
      return aboutConversation(what, fields);
    case 'block':
      return isUserId(user) && typeof on === 'boolean' ? { what, user, on } : 'bad';
    case 'contact': {
      const isGood = isUserId(user) && isText(name, clientLimits.card_chars_max) && typeof on === 'boolean';
      return isGood ? { what, user, name, on } : 'bad';
    }
    case 'privacy':
      return privacyDeed(fields) ?? 'bad';
    case 'profile': {
      const profile = profileOf(fields);
      return profile === undefined ? 'bad' : { what, ...profile };
    }
    case 'report':
      return reportDeed(fields) ?? 'bad';
    default:
      return 'other';
  }
}

const audiences = ['seen', 'invites', 'about', 'email', 'phone', 'place', 'picture', 'found'] as const;

function privacyDeed(fields: Fields): SelfDeed | undefined {
  const deed: { -readonly [field in keyof Privacy]?: Privacy[field] } = {};
  for (const name of audiences) {
    const audience = fields[name];
    if (audience === undefined || audience === null) continue;
    if (!isAudience(audience)) return undefined;
    deed[name] = audience;
  }
  const { receipts } = fields;
  if (typeof receipts === 'boolean') deed.receipts = receipts;
  else if (receipts !== undefined && receipts !== null) return undefined;
  return { what: 'privacy', ...deed };
}

function aboutConversation(what: 'star' | 'pin' | 'forget', { with: other, of, on }: Fields): SelfDeed | 'bad' {
  if (!isConversationId(other)) return 'bad';
  if (what === 'pin') return typeof on === 'boolean' ? { what, with: other, on } : 'bad';
  if (!isFields(of) || !isUserId(of.from) || !isCount(of.seq) || of.seq === 0) return 'bad';
  const message = { from: of.from, seq: of.seq };
  if (what === 'forget') return { what, with: other, of: message };
  return typeof on === 'boolean' ? { what, with: other, of: message, on } : 'bad';
}

function isAudience(value: unknown): value is Audience {
  return value === 'everyone' || value === 'contacts' || value === 'nobody';
}

export function selfEvent(fields: Fields): SelfEvent | OtherEvent | Fault {
  const { id, at, deed } = fields;
  if (!isMessageId(id) || !isCount(at) || !isFields(deed)) return bad(fields);
  const checked = deedOf(deed);
  if (typeof checked === 'object') return { kind: 'self', id, at, deed: checked };
  // Of a later protocol.
  return checked === 'other' ? { kind: 'other', was: 'self' } : bad(fields);
}
