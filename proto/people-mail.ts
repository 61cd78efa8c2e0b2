/** Mail between users about one another. */
import type { Find, Profile, UserId } from './words.ts';

/** `nobody`: there is no account of this name, or none for whoever asks. */
export type ProfileAnswer =
  | { readonly state: 'here'; readonly profile: Profile }
  | { readonly state: 'gone' }
  | { readonly state: 'nobody' };

/** By what somebody is looked for. */
export type Sought = Pick<Find, 'by' | 'text'>;

/** A directory, `directory/<hash>`: who can be found by one email or phone number. */
export type DirectoryProtocol = {
  // ---- from users (durable)
  claim: { mail: { readonly user: UserId }; reply: never };
  unclaim: { mail: { readonly user: UserId }; reply: never };
  // ---- from users (volatile)
  find: { mail: { readonly asker: UserId; readonly ask: string }; reply: never };
};

/** What users ask of one another. */
export type ProfileProtocol = {
  // ---- from other users (volatile)
  /** `ask` names the question to `asker`. */
  profileAsked: {
    /** `sought`: it is to answer only if it wants to be found by that. */
    mail: { readonly asker: UserId; readonly ask: string; readonly sought?: Sought };
    reply: never;
  };
  profileTold: { mail: { readonly ask: string; readonly user: UserId; readonly answer: ProfileAnswer }; reply: never };
  // ---- from a directory (volatile)
  candidates: { mail: { readonly ask: string; readonly users: readonly UserId[] }; reply: never };
  // ---- timers
  /** Volatile: what has not been answered will not be. */
  profilesDue: { mail: { readonly ask: string }; reply: never };
};
