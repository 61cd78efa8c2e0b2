/** What users tell of themselves, and ask of one another. */
import type { Place } from './content.ts';
import { placeOf } from './content.ts';
import { Fault, isCount } from './fault.ts';
import { bad, badCount, badText, type Fields, isFields, isText, isUserId, malformed } from './fields.ts';
import { type FileFacts, fileFactsOf } from './file-words.ts';
import { type HandleKind, handleKinds, handleOf } from './handles.ts';
import { clientLimits, type UserId } from './words.ts';

/** What a user tells of itself; '' and no place: not said. */
export interface Profile {
  readonly name: string;
  readonly about: string;
  readonly email: string;
  readonly phone: string;
  readonly place?: Place;
  /** An image that it has uploaded. */
  readonly picture?: FileFacts;
}

/** How these users describe themselves, as far as they let this one know. */
export interface Profiles {
  readonly kind: 'profiles';
  readonly req: number;
  readonly users: readonly UserId[];
}

/**
 * `here`: what it shows to this user; all empty of a name that shows nothing, or has no account. `gone`: deactivated. `unavailable`: it did not answer in
 * time; ask again.
 */
export interface UserProfile extends Profile {
  readonly user: UserId;
  readonly state: 'here' | 'gone' | 'unavailable';
}

/** In the order in which they were asked for, each once. */
export interface Profiled {
  readonly kind: 'profiled';
  readonly req: number;
  readonly list: readonly UserProfile[];
}

/** Whoever has this name, or wants to be found by this email or phone number. */
export interface Find {
  readonly kind: 'find';
  readonly req: number;
  readonly by: 'user' | HandleKind;
  readonly text: string;
}

/** By name. */
export interface Found {
  readonly kind: 'found';
  readonly req: number;
  readonly list: readonly UserProfile[];
}

/** A contact of this user, or somebody that it had a conversation with, has deactivated its account. */
export interface GoneEvent {
  readonly kind: 'gone';
  readonly user: UserId;
  readonly at: number;
}

export const emptyProfile: Profile = { name: '', about: '', email: '', phone: '' };

/** Line breaks aside no control characters: in JSON each would take six bytes. */
const controls = /[^\P{Cc}\n]/u;
const emailShape = /^[^\s@]+@[^\s@]+$/;
const phoneShape = /^\+?[0-9(][0-9 ()./-]*$/;
const digits_min = 3;

function isProfileText(value: unknown, charsMax: number): value is string {
  return isText(value, charsMax) && !controls.test(value);
}

/** '' counts: not said. */
function isEmail(value: unknown): value is string {
  return isProfileText(value, clientLimits.card_chars_max) && (value === '' || emailShape.test(value));
}

function isPhone(value: unknown): value is string {
  if (!isProfileText(value, clientLimits.card_chars_max)) return false;
  return value === '' || (phoneShape.test(value) && value.replace(/[^0-9]/g, '').length >= digits_min);
}

/** Fresh; undefined where a field is missing or not of its shape. */
export function profileOf(fields: Fields): Profile | undefined {
  const { name, about, email, phone, place, picture } = fields;
  if (!isProfileText(name, clientLimits.card_chars_max)) return undefined;
  if (!isProfileText(about, clientLimits.profile_about_chars_max)) return undefined;
  if (!isEmail(email) || !isPhone(phone)) return undefined;
  const image = fileFactsOf(picture);
  if (picture !== undefined && picture !== null && image === undefined) return undefined;
  const profile = { name, about, email, phone, ...(image && { picture: image }) };
  if (place === undefined || place === null) return profile;
  const checked = placeOf(place, fields);
  return checked instanceof Fault || controls.test(checked.name) ? undefined : { ...profile, place: checked };
}

export function isSameProfile(one: Profile, other: Profile): boolean {
  const { place = nowhere } = one;
  const { place: otherPlace = nowhere } = other;
  const fields = ['name', 'about', 'email', 'phone'] as const;
  return (
    fields.every((field) => one[field] === other[field]) &&
    one.picture?.id === other.picture?.id &&
    (place === nowhere) === (otherPlace === nowhere) &&
    place.north === otherPlace.north &&
    place.east === otherPlace.east &&
    place.name === otherPlace.name
  );
}

const nowhere: Place = { north: 0, east: 0, name: '' };

// ---------------------------------------------------------------- questions and answers

export function profiles(fields: Fields): Profiles | Fault {
  const { req, users } = fields;
  if (!isCount(req)) return badCount('profiles.req', fields);
  if (!Array.isArray(users) || users.length === 0) return malformed('profiles.users must be a list of users', fields);
  if (users.length > clientLimits.profile_users_max) {
    return new Fault('too_long', `profiles.users may name at most ${clientLimits.profile_users_max} users.`, fields);
  }
  for (const user of users) {
    if (!isUserId(user)) return badText('profiles.users', user, clientLimits.user_chars_max, fields);
  }
  return { kind: 'profiles', req, users: [...new Set(users as UserId[])] };
}

export function profiled(fields: Fields): Profiled | Fault {
  const { req, list } = fields;
  const checked = userProfiles(list);
  return isCount(req) && checked !== undefined ? { kind: 'profiled', req, list: checked } : bad(fields);
}

export function find(fields: Fields): Find | Fault {
  const { req, by, text } = fields;
  if (!isCount(req)) return badCount('find.req', fields);
  if (by === 'user') {
    return isUserId(text)
      ? { kind: 'find', req, by, text }
      : badText('find.text', text, clientLimits.user_chars_max, fields);
  }
  const kind = handleKinds.find((one) => one === by);
  if (kind === undefined) return malformed('find.by must be user, email or phone', fields);
  const isGood = (kind === 'email' ? isEmail(text) : isPhone(text)) && handleOf(kind, text as string) !== '';
  if (!isGood) return badText('find.text', text, clientLimits.card_chars_max, fields);
  return { kind: 'find', req, by: kind, text: text as string };
}

export function found(fields: Fields): Found | Fault {
  const { req, list } = fields;
  const checked = userProfiles(list);
  return isCount(req) && checked !== undefined ? { kind: 'found', req, list: checked } : bad(fields);
}

export function goneEvent(fields: Fields): GoneEvent | Fault {
  const { user, at } = fields;
  return isUserId(user) && isCount(at) ? { kind: 'gone', user, at } : bad(fields);
}

function userProfiles(list: unknown): UserProfile[] | undefined {
  if (!Array.isArray(list)) return undefined;
  const checked: UserProfile[] = [];
  for (const one of list) {
    if (!isFields(one) || !isUserId(one.user)) return undefined;
    const profile = profileOf(one);
    if (profile === undefined || typeof one.state !== 'string') return undefined;
    // A state of a later protocol: what it tells is there all the same.
    const state = one.state === 'gone' || one.state === 'unavailable' ? one.state : 'here';
    checked.push({ user: one.user, state, ...profile });
  }
  return checked;
}
