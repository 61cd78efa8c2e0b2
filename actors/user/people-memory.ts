/** What an awake user remembers of its profile, and of the questions that it has asked other users. */
import type { ProfileAnswer, Sought } from '../../proto/people-mail.ts';
import type { Profile, UserId } from '../../proto/words.ts';

/** A question of a device whose answers are being gathered. Volatile: a device asks again. */
export interface Gathering {
  readonly connection: string;
  readonly req: number;
  /** Undefined: it wants to know of certain users. */
  readonly sought: Sought | undefined;
  /** In the order of the answer; undefined while a directory has not said whom to ask. */
  users: readonly UserId[] | undefined;
  readonly answers: Map<UserId, ProfileAnswer>;
}

export interface PeopleMemory {
  /** Read when first asked for. */
  profile: Profile | undefined;
  readonly gatherings: Map<string, Gathering>;
  /** The export of its data that is under way, and when its last page was. Volatile. */
  exporting: { readonly ticket: string; readonly at: number } | undefined;
}

export function newPeopleMemory(): PeopleMemory {
  return { profile: undefined, gatherings: new Map(), exporting: undefined };
}
