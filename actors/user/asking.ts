/**
 * What a device wants to know of other users. Each of those answers for itself, by volatile mail, as it shows itself to whoever asks; here the answers are
 * gathered for a while.
 */

import type { ProfileAnswer, ProfileProtocol } from '../../proto/people-mail.ts';
import { emptyProfile } from '../../proto/people-words.ts';
import { refused } from '../../proto/refusals.ts';
import type { Profiles, UserId, UserProfile } from '../../proto/words.ts';
import type { MailOf, Turn } from '../../runtime/index.ts';
import { User } from '../kinds.ts';
import { admitted, say } from './admission.ts';
import { type Attached, conversationWith, type UserMemory } from './memory.ts';
import type { Gathering } from './people-memory.ts';
import { shownTo } from './profile.ts';
import { isBlocked, isContact } from './self.ts';

type Mail<K extends keyof ProfileProtocol> = Extract<MailOf<ProfileProtocol>, { kind: K }>;

// ---------------------------------------------------------------- the asking side

export function askProfiles(
  user: UserMemory,
  turn: Turn,
  { req, users }: Profiles,
  connection: string,
  attached: Attached,
): void {
  if (isGathered(user, connection, req)) return;
  const ask = begin(user, turn, { connection, req, users, answers: new Map() }, attached);
  if (ask === undefined) return;
  for (const other of users) turn.whisper(User.ref(other), { kind: 'profileAsked', asker: user.self, ask });
}

/** A device repeats what it has no answer to. */
function isGathered({ people }: UserMemory, connection: string, req: number): boolean {
  return [...people.gatherings.values()].some((one) => one.connection === connection && one.req === req);
}

/** The name of the question; undefined where too many wait, which its device is told. */
function begin(user: UserMemory, turn: Turn, gathering: Gathering, { to }: Attached): string | undefined {
  const { people, limits } = user;
  if (people.gatherings.size >= limits.gatherings_max) {
    say(turn, to, refused('overloaded', { req: gathering.req }));
    return undefined;
  }
  const ask = turn.uniqueId();
  people.gatherings.set(ask, gathering);
  turn.later(limits.gather_ms, { kind: 'profilesDue', ask } as { readonly kind: string });
  return ask;
}

export function profileTold(user: UserMemory, { ask, user: other, answer }: Mail<'profileTold'>, turn: Turn): void {
  const gathering = user.people.gatherings.get(ask);
  if (gathering === undefined || !gathering.users.includes(other)) return;
  gathering.answers.set(other, toldOf(user, turn, other, answer));
  if (gathering.answers.size === gathering.users.length) finish(user, turn, ask, gathering);
}

/** That somebody is gone is for those who knew it. */
function toldOf(user: UserMemory, turn: Turn, other: UserId, answer: ProfileAnswer): UserProfile {
  if (answer.state === 'here') return { user: other, state: 'here', ...answer.profile };
  const isGone = answer.state === 'gone' && knows(user, turn, other);
  return { user: other, state: isGone ? 'gone' : 'here', ...emptyProfile };
}

/** Whether this user has ever had to do with another one. */
function knows(user: UserMemory, turn: Turn, other: UserId): boolean {
  const { inSeq, outSeq } = conversationWith(user, turn, other);
  return inSeq > 0 || outSeq > 0 || isContact(user, turn, other);
}

/** Who has not answered by now did not get the question, or could not answer it. */
export function profilesDue(user: UserMemory, { ask }: Mail<'profilesDue'>, turn: Turn): void {
  const gathering = user.people.gatherings.get(ask);
  if (gathering !== undefined) finish(user, turn, ask, gathering);
}

function finish(user: UserMemory, turn: Turn, ask: string, { connection, req, users, answers }: Gathering): void {
  user.people.gatherings.delete(ask);
  const attached = user.attached.get(connection);
  if (attached === undefined || !admitted(user, turn, connection, attached)) return;
  const list = users.map((other): UserProfile => {
    return answers.get(other) ?? { user: other, state: 'unavailable', ...emptyProfile };
  });
  say(turn, attached.to, { kind: 'profiled', req, list });
}

// ---------------------------------------------------------------- the answering side

export function profileAsked(user: UserMemory, { asker, ask }: Mail<'profileAsked'>, turn: Turn): void {
  turn.whisper(User.ref(asker), { kind: 'profileTold', ask, user: user.self, answer: answerTo(user, turn, asker) });
}

function answerTo(user: UserMemory, turn: Turn, asker: UserId): ProfileAnswer {
  if (user.account === undefined || isBlocked(user, turn, asker)) return { state: 'nobody' };
  if (user.account.state === 'deactivated') return { state: 'gone' };
  return { state: 'here', profile: shownTo(user, turn, asker) };
}
