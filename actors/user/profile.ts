/** What a user tells of itself, and to whom it shows what of it. */
import { emptyProfile, isSameProfile } from '../../proto/people-words.ts';
import type { Privacy, Profile, SelfDeed, UserId } from '../../proto/words.ts';
import type { Turn } from '../../runtime/index.ts';
import type { UserMemory } from './memory.ts';
import { isAmong, isBlocked, privacyOf } from './self.ts';

export function profileOf(user: UserMemory, turn: Turn): Profile {
  user.people.profile ??= turn.get<Profile>('profile') ?? emptyProfile;
  return user.people.profile;
}

export function isProfileNews(user: UserMemory, turn: Turn, deed: Extract<SelfDeed, { what: 'profile' }>): boolean {
  return !isSameProfile(profileOf(user, turn), deed);
}

export function setProfile(user: UserMemory, turn: Turn, deed: Extract<SelfDeed, { what: 'profile' }>): void {
  const { what: _, ...profile } = deed;
  user.people.profile = profile;
  turn.put('profile', profile);
}

/** What `other` may see of it. Whom this user has blocked sees what there is to see of a name without an account. */
export function shownTo(user: UserMemory, turn: Turn, other: UserId): Profile {
  const profile = profileOf(user, turn);
  if (other === user.self) return profile;
  if (user.account?.state !== 'active' || isBlocked(user, turn, other)) return emptyProfile;
  const privacy = privacyOf(user, turn);
  const shows = (field: 'about' | 'email' | 'phone' | 'place') => isAmong(user, turn, privacy[field], other);
  return {
    name: profile.name,
    about: shows('about') ? profile.about : '',
    email: shows('email') ? profile.email : '',
    phone: shows('phone') ? profile.phone : '',
    ...(profile.place !== undefined && shows('place') && { place: profile.place }),
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
