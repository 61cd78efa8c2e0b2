/** What a message may hold besides its text. */

import { Fault, isCount } from './fault.ts';
import { badText, type Fields, isFields, isText, isUserId, malformed } from './fields.ts';
import { type SentFile, sentFileOf } from './file-words.ts';
import { badTimer, type Timer, timerOf } from './vanish-words.ts';
import { clientLimits, type UserId } from './words.ts';

/** A message of the same conversation: in a group `from` is its author. */
export interface MessageRef {
  readonly from: UserId;
  readonly seq: number;
}

/** A place on the earth, in ten-millionths of a degree, so that all numbers are whole: north and east are positive. */
export interface Place {
  readonly north: number;
  readonly east: number;
  readonly name: string;
}

/** How somebody can be reached; '' for what is not said. */
export interface Card {
  readonly name: string;
  readonly user: UserId | '';
  readonly phone: string;
  readonly email: string;
}

/** The server keeps it with the message and looks into nothing of it but `file` and `vanish`. */
export interface More {
  /** What this answers, with a few words of it for those who can't look it up. */
  readonly reply?: MessageRef & { readonly quote: string };
  /** Somebody else wrote it first. */
  readonly forwarded?: true;
  readonly mentions?: readonly UserId[];
  readonly place?: Place;
  readonly card?: Card;
  readonly file?: SentFile;
  /** When it is gone; where it is not said, as the conversation has it. In a group always from its sending. */
  readonly vanish?: Timer;
}

const quarter_turn = 900_000_000;

/** Fresh, with the known fields only; undefined where there is none. `of`: the word that it is part of. */
export function moreOf(value: unknown, of: Fields): More | undefined | Fault {
  if (value === undefined || value === null) return undefined;
  if (!isFields(value)) return malformed('more must be an object', of);
  const more: { -readonly [field in keyof More]: More[field] } = {};
  const { reply, forwarded, mentions, place, card, file, vanish } = value;
  if (reply !== undefined) {
    const checked = replyOf(reply, of);
    if (checked instanceof Fault) return checked;
    more.reply = checked;
  }
  if (forwarded === true) more.forwarded = true;
  if (mentions !== undefined) {
    const checked = mentionsOf(mentions, of);
    if (checked instanceof Fault) return checked;
    more.mentions = checked;
  }
  if (place !== undefined) {
    const checked = placeOf(place, of);
    if (checked instanceof Fault) return checked;
    more.place = checked;
  }
  if (card !== undefined) {
    const checked = cardOf(card, of);
    if (checked instanceof Fault) return checked;
    more.card = checked;
  }
  if (file !== undefined) {
    const checked = sentFileOf(file, of);
    if (checked instanceof Fault) return checked;
    more.file = checked;
  }
  if (vanish !== undefined) {
    const timer = timerOf(vanish);
    if (timer === undefined) return badTimer('more.vanish', of);
    more.vanish = timer;
  }
  return Object.keys(more).length === 0 ? undefined : more;
}

function replyOf(value: unknown, of: Fields): NonNullable<More['reply']> | Fault {
  if (!isFields(value)) return malformed('more.reply must be an object', of);
  const { from, seq, quote } = value;
  if (!isUserId(from)) return badText('more.reply.from', from, clientLimits.user_chars_max, of);
  if (!isCount(seq) || seq === 0) return malformed('more.reply.seq must be a whole number, 1 or more', of);
  if (!isText(quote, clientLimits.quote_chars_max)) {
    return badText('more.reply.quote', quote, clientLimits.quote_chars_max, of);
  }
  return { from, seq, quote };
}

function mentionsOf(value: unknown, of: Fields): readonly UserId[] | Fault {
  if (!Array.isArray(value)) return malformed('more.mentions must be a list of users', of);
  if (value.length > clientLimits.mentions_max) {
    return new Fault('too_long', `more.mentions may name at most ${clientLimits.mentions_max} users.`, of);
  }
  for (const user of value) if (!isUserId(user)) return badText('more.mentions', user, clientLimits.user_chars_max, of);
  return [...new Set(value as UserId[])];
}

export function placeOf(value: unknown, of: Fields): Place | Fault {
  if (!isFields(value)) return malformed('more.place must be an object', of);
  const { north, east, name } = value;
  if (!isWithin(north, quarter_turn) || !isWithin(east, 2 * quarter_turn)) {
    return malformed('more.place must be on the earth: north and east in ten-millionths of a degree', of);
  }
  if (!isText(name, clientLimits.card_chars_max)) {
    return badText('more.place.name', name, clientLimits.card_chars_max, of);
  }
  return { north, east, name };
}

function isWithin(value: unknown, most: number): value is number {
  return Number.isSafeInteger(value) && Math.abs(value as number) <= most;
}

function cardOf(value: unknown, of: Fields): Card | Fault {
  if (!isFields(value)) return malformed('more.card must be an object', of);
  const { name, user, phone, email } = value;
  if (user !== '' && !isUserId(user)) return badText('more.card.user', user, clientLimits.user_chars_max, of);
  for (const [field, text] of Object.entries({ name, phone, email })) {
    if (!isText(text, clientLimits.card_chars_max)) {
      return badText(`more.card.${field}`, text, clientLimits.card_chars_max, of);
    }
  }
  return { name: name as string, user, phone: phone as string, email: email as string };
}
