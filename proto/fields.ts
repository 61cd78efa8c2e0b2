/** What all decoders check words with. */
import { Fault } from './fault.ts';
import { isWellFormed } from './plain.ts';
import { type ConversationId, clientLimits, type DeviceId, type GroupId, type UserId } from './words.ts';

/** An object of which nothing is known yet. */
export type Fields = { readonly [name: string]: unknown };

const userShape = /^[a-z0-9][a-z0-9._-]{0,31}$/;
const deviceShape = /^[A-Za-z0-9._-]{1,32}$/;
const groupShape = /^#[A-Za-z0-9-]{1,48}$/;
const linkShape = /^[A-Za-z0-9_-]{16,64}$/;

export function isUserId(value: unknown): value is UserId {
  return typeof value === 'string' && userShape.test(value);
}

export function isDeviceId(value: unknown): value is DeviceId {
  return typeof value === 'string' && deviceShape.test(value);
}

export function isGroupId(value: unknown): value is GroupId {
  return typeof value === 'string' && groupShape.test(value);
}

/** The secret of an invitation. */
export function isLink(value: unknown): value is string {
  return typeof value === 'string' && linkShape.test(value);
}

export function isConversationId(value: unknown): value is ConversationId {
  return isUserId(value) || isGroupId(value);
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}

/** Free text: short, and whole characters only. */
export function isText(value: unknown, charsMax: number): value is string {
  return typeof value === 'string' && value.length <= charsMax && isWellFormed(value);
}

export function malformed(what: string, fields: Fields): Fault {
  return new Fault('malformed', `${what}.`, fields);
}

export function badCount(field: string, fields: Fields): Fault {
  return malformed(`${field} must be a whole number, 0 or more`, fields);
}

export function badText(field: string, value: unknown, charsMax: number, fields: Fields): Fault {
  if (typeof value === 'string' && value.length > charsMax) {
    return new Fault('too_long', `${field} may have at most ${charsMax} characters.`, fields);
  }
  return malformed(`${field} is not of the shape that the protocol gives it`, fields);
}

export function badConversation(field: string, value: unknown, fields: Fields): Fault {
  const isGroup = typeof value === 'string' && value.startsWith('#');
  return badText(field, value, isGroup ? clientLimits.group_id_chars_max : clientLimits.user_chars_max, fields);
}

/** What a client wrote, short enough to be shown to it and to a log. */
export function shown(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 32)) : typeof value;
}

/** A word from the server with a field that is not as it should be. */
export function bad(fields: Fields): Fault {
  return new Fault('malformed', `A field of ${shown(fields.kind)} is missing or of the wrong type.`);
}
