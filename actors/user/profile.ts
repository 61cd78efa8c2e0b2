/** What a user tells of itself, and to whom it shows what of it. */
import { emptyProfile, isSameProfile } from '../../proto/people-words.ts';
import type { Privacy, Profile, SelfDeed, UserId } from '../../proto/words.ts';
import type { Turn } from '../../runtime/index.ts';
import { holdFile, releaseFile } from '../holding.ts';
import { imageOf } from './files.ts';
import type { UserMemory } from './memory.ts';
import { isAmong, isBlocked, privacyOf } from './self.ts';

export function profileOf(user: UserMemory, turn: Turn): Profile {
  user.people.profile ??= turn.get<Profile>('profile') ?? emptyProfile;
  return user.people.profile;
}

export function isProfileNews(user: UserMemory, turn: Turn, deed: Extract<SelfDeed, { what: 'profile' }>): boolean {
  return !isSameProfile(profileOf(user, turn), deed);
}

/** With what the server knows of its picture; `unknown_file` when that is none of its images. */
export function profileInFull(
  user: UserMemory,
  turn: Turn,
  deed: Extract<SelfDeed, { what: 'profile' }>,
): Extract<SelfDeed, { what: 'profile' }> | 'unknown_file' {
  const { picture, ...rest } = deed;
  if (picture === undefined) return rest;
  const before = profileOf(user, turn).picture;
  const image = before?.id === picture.id ? before : imageOf(turn, picture.id);
  return image === undefined ? 'unknown_file' : { ...rest, picture: image };
}

/** Beside the places of messages. */
const picturePlace = 'picture';

/** Ends with the account. */
export function dropPicture(user: UserMemory, turn: Turn): void {
  releaseFile(turn, profileOf(user, turn).picture?.id, picturePlace);
}

export function setProfile(user: UserMemory, turn: Turn, deed: Extract<SelfDeed, { what: 'profile' }>): void {
  const { what: _, ...profile } = deed;
  const before = profileOf(user, turn).picture;
  if (before?.id !== profile.picture?.id) {
    releaseFile(turn, before?.id, picturePlace);
    holdFile(turn, profile.picture?.id, picturePlace);
  }
  user.people.profile = profile;
  turn.put('profile', profile);
}

/** What `other` may see of it. Whom this user has blocked sees what there is to see of a name without an account. */
export function shownTo(user: UserMemory, turn: Turn, other: UserId): Profile {
  const profile = profileOf(user, turn);
  if (other === user.self) return profile;
  if (user.account?.state !== 'active' || isBlocked(user, turn, other)) return emptyProfile;
  const privacy = privacyOf(user, turn);
  const shows = (field: 'about' | 'email' | 'phone' | 'place' | 'picture') =>
    isAmong(user, turn, privacy[field], other);
  return {
    name: profile.name,
    about: shows('about') ? profile.about : '',
    email: shows('email') ? profile.email : '',
    phone: shows('phone') ? profile.phone : '',
    ...(profile.place !== undefined && shows('place') && { place: profile.place }),
    ...(profile.picture !== undefined && shows('picture') && { picture: profile.picture }),
  };
}

// ---------------------------------------------------------------- privacy

/** What is so until the user wants it otherwise. */
const usual: Privacy = {
  seen: 'everyone',
  receipts: true,
  invites: 'everyone',
  about: 'everyone',
  email: 'contacts',
  phone: 'contacts',
  place: 'contacts',
  picture: 'everyone',
  found: 'nobody',
};

/** A row of the time when there was less to choose has only that. */
export function privacyFrom(row: Partial<Privacy> | undefined): Privacy {
  return { ...usual, ...row };
}

/** What is not said stays as it is. */
export function privacyAfter(
  before: Privacy,
  { what: _, ...wanted }: Partial<Privacy> & { readonly what: 'privacy' },
): Privacy {
  return { ...before, ...wanted };
}

export function isSamePrivacy(one: Privacy, other: Privacy): boolean {
  return (Object.keys(usual) as (keyof Privacy)[]).every((field) => one[field] === other[field]);
}
