/**
 * What a device wants to know of other users. Each of those answers for itself, by volatile mail, as it shows itself to whoever asks; here the answers are
 * gathered for a while.
 */

import type { ProfileAnswer, ProfileProtocol, Sought } from '../../proto/people-mail.ts';
import { emptyProfile } from '../../proto/people-words.ts';
import { refused } from '../../proto/refusals.ts';
import type { Find, Profiles, ServerWord, UserId, UserProfile } from '../../proto/words.ts';
import type { MailOf, Turn } from '../../runtime/index.ts';
import { directoryOf } from '../directory.ts';
import { User } from '../kinds.ts';
import { admitted, say } from './admission.ts';
import { isFoundBy } from './handles.ts';
import { type Attached, conversationWith, type UserMemory } from './memory.ts';
import type { Gathering } from './people-memory.ts';
import { shownTo } from './profile.ts';
import { giveBack, takeQuota } from './quotas.ts';
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
  const ask = begin(user, turn, { connection, req, sought: undefined, users: [], answers: new Map() }, attached);
  if (ask === undefined) return;
  const strangers = users.filter((other) => other !== user.self && !knows(user, turn, other)).length;
  const afterMs = strangers === 0 ? 0 : takeQuota(turn, 'profile', user.limits.profiles_max, strangers);
  if (afterMs === 0) askAll(user, turn, ask, users);
  else deny(user, turn, ask, req, afterMs, attached);
}

/** Not today. */
function deny(user: UserMemory, turn: Turn, ask: string, req: number, afterMs: number, { to }: Attached): void {
  user.people.gatherings.delete(ask);
  say(turn, to, refused('too_many_finds', { req }, { afterMs }));
}

/** Every question counts, whatever comes of it: the answer to what was not asked would be an answer, too. */
export function find(user: UserMemory, turn: Turn, word: Find, connection: string, attached: Attached): void {
  const { req, by, text } = word;
  const gathering = { connection, req, sought: { by, text }, users: undefined, answers: new Map() };
  const ask = begin(user, turn, gathering, attached);
  if (ask === undefined) return;
  const afterMs = takeQuota(turn, 'find', user.limits.finds_max);
  if (afterMs > 0) deny(user, turn, ask, req, afterMs, attached);
  else if (by === 'user') askAll(user, turn, ask, [text]);
  else turn.whisper(directoryOf(by, text), { kind: 'find', asker: user.self, ask });
}

/** The name of the question. Undefined where it is under way already, or too many are, which its device is told. */
function begin({ people, limits }: UserMemory, turn: Turn, gathering: Gathering, { to }: Attached): string | undefined {
  const { connection, req } = gathering;
  // A device repeats what it has no answer to.
  const all = [...people.gatherings.values()];
  if (all.some((one) => one.connection === connection && one.req === req)) return undefined;
  if (all.length >= limits.gatherings_max) {
    say(turn, to, refused('overloaded', { req }));
    return undefined;
  }
  const ask = turn.uniqueId();
  people.gatherings.set(ask, gathering);
  const due = { kind: 'profilesDue', ask } as { readonly kind: string };
  turn.later(limits.gather_ms, due);
  return ask;
}

function askAll(user: UserMemory, turn: Turn, ask: string, users: readonly UserId[]): void {
  const gathering = user.people.gatherings.get(ask);
  if (gathering === undefined) return;
  gathering.users = users;
  const { sought } = gathering;
  const mail = { kind: 'profileAsked', asker: user.self, ask, ...(sought && { sought }) } as const;
  for (const other of users) turn.whisper(User.ref(other), mail);
  finishIfWhole(user, turn, ask, gathering);
}

/** A directory says who may have to be found. */
export function candidates(user: UserMemory, { ask, users }: Mail<'candidates'>, turn: Turn): void {
  if (user.people.gatherings.get(ask)?.users === undefined) askAll(user, turn, ask, users);
}

export function profileTold(user: UserMemory, { ask, user: other, answer }: Mail<'profileTold'>, turn: Turn): void {
  const gathering = user.people.gatherings.get(ask);
  if (gathering?.users?.includes(other) !== true) return;
  gathering.answers.set(other, answer);
  finishIfWhole(user, turn, ask, gathering);
}

function finishIfWhole(user: UserMemory, turn: Turn, ask: string, gathering: Gathering): void {
  if (gathering.answers.size === gathering.users?.length) finish(user, turn, ask, gathering);
}

/** Who has not answered by now did not get the question, or could not answer it. */
export function profilesDue(user: UserMemory, { ask }: Mail<'profilesDue'>, turn: Turn): void {
  const gathering = user.people.gatherings.get(ask);
  if (gathering !== undefined) finish(user, turn, ask, gathering);
}

function finish(user: UserMemory, turn: Turn, ask: string, gathering: Gathering): void {
  const { connection } = gathering;
  user.people.gatherings.delete(ask);
  if (gathering.users === undefined) giveBack(turn, 'find');
  const attached = user.attached.get(connection);
  if (attached === undefined || !admitted(user, turn, connection, attached)) return;
  say(turn, attached.to, answerOf(user, turn, gathering));
}

function answerOf(user: UserMemory, turn: Turn, { req, sought, users, answers }: Gathering): ServerWord {
  if (users === undefined) return refused('unavailable', { req });
  if (sought === undefined) {
    const list = users.map((other) => toldOf(user, turn, other, answers.get(other)));
    return { kind: 'profiled', req, list };
  }
  // Whoever did not answer is not found this time: to tell of it would tell that there is somebody.
  const list = users.flatMap((other): UserProfile[] => {
    const answer = answers.get(other);
    return answer?.state === 'here' ? [{ user: other, state: 'here', ...answer.profile }] : [];
  });
  return { kind: 'found', req, list };
}

/** That somebody is gone is for those who knew it. */
function toldOf(user: UserMemory, turn: Turn, other: UserId, answer: ProfileAnswer | undefined): UserProfile {
  if (answer?.state === 'here') return { user: other, state: 'here', ...answer.profile };
  const isGone = answer?.state === 'gone' && knows(user, turn, other);
  const state = answer === undefined ? 'unavailable' : isGone ? 'gone' : 'here';
  return { user: other, state, ...emptyProfile };
}

/** Whether this user has ever had to do with another one. */
export function knows(user: UserMemory, turn: Turn, other: UserId): boolean {
  const { inSeq, outSeq } = conversationWith(user, turn, other);
  return inSeq > 0 || outSeq > 0 || isContact(user, turn, other);
}

// ---------------------------------------------------------------- the answering side

export function profileAsked(user: UserMemory, { asker, ask, sought }: Mail<'profileAsked'>, turn: Turn): void {
  const answer = answerTo(user, turn, asker, sought);
  turn.whisper(User.ref(asker), { kind: 'profileTold', ask, user: user.self, answer });
}

function answerTo(user: UserMemory, turn: Turn, asker: UserId, sought: Sought | undefined): ProfileAnswer {
  if (user.account === undefined || isBlocked(user, turn, asker)) return { state: 'nobody' };
  if (user.account.state === 'deactivated') return { state: 'gone' };
  if (sought !== undefined && !isFoundBy(user, turn, asker, sought)) return { state: 'nobody' };
  return { state: 'here', profile: shownTo(user, turn, asker) };
}
