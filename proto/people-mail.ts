/** Mail between users about one another. */
import type { Profile, UserId } from './words.ts';

/** `nobody`: there is no account of this name, or none for whoever asks. */
export type ProfileAnswer =
  | { readonly state: 'here'; readonly profile: Profile }
  | { readonly state: 'gone' }
  | { readonly state: 'nobody' };

/** What users ask of one another. */
export type ProfileProtocol = {
  // ---- from other users (volatile)
  /** `ask` names the question to `asker`. */
  profileAsked: { mail: { readonly asker: UserId; readonly ask: string }; reply: never };
  profileTold: { mail: { readonly ask: string; readonly user: UserId; readonly answer: ProfileAnswer }; reply: never };
  // ---- timers
  /** Volatile: what has not been answered will not be. */
  profilesDue: { mail: { readonly ask: string }; reply: never };
};
