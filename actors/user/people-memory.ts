/** What an awake user remembers of its profile, and of the questions that it has asked other users. */
import type { Profile, UserId, UserProfile } from '../../proto/words.ts';

/** A question of a device whose answers are being gathered. Volatile: a device asks again. */
export interface Gathering {
  readonly connection: string;
  readonly req: number;
  /** In the order in which they were asked for. */
  readonly users: readonly UserId[];
  readonly answers: Map<UserId, UserProfile>;
}

export interface PeopleMemory {
  /** Read when first asked for. */
  profile: Profile | undefined;
  readonly gatherings: Map<string, Gathering>;
}

export function newPeopleMemory(): PeopleMemory {
  return { profile: undefined, gatherings: new Map() };
}
