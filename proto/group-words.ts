/** Words about groups. A group's log has one numbering, `seq`, for its messages and for what happens to it. */
import type { FileFacts } from './file-words.ts';
import type { MessageId, UserId } from './words.ts';

/** `#` and `[A-Za-z0-9-]{1,48}`, made by the server. */
export type GroupId = string;
/** Whom a message is to, or what it is part of: the other user, or a group. */
export type ConversationId = UserId | GroupId;

export type Role = 'owner' | 'admin' | 'member';

// ---------------------------------------------------------------- from the client

/** What a client wants done to a group, or, with `with: ''`, made. Answered by `accepted` or `refused`, like a message. */
export interface Arrange {
  readonly kind: 'group';
  readonly id: MessageId;
  readonly with: GroupId | '';
  readonly deed: GroupDeed;
}
export type GroupDeed =
  | { readonly what: 'create'; readonly title: string; readonly about: string; readonly users: readonly UserId[] }
  | { readonly what: 'title'; readonly title: string }
  | { readonly what: 'about'; readonly about: string }
  /** Each of them is asked: those who may be added are told of by an event, the others by `declined`. */
  | { readonly what: 'add'; readonly users: readonly UserId[] }
  | { readonly what: 'remove'; readonly users: readonly UserId[] }
  | { readonly what: 'leave' }
  | { readonly what: 'role'; readonly user: UserId; readonly role: Role }
  /** `announce`: only admins may send. `shared`: new members may read what was sent before they came. */
  | { readonly what: 'mode'; readonly announce: boolean; readonly shared: boolean }
  /** Of an image that this user has uploaded: only its id is looked at. Without it there is none any more. */
  | { readonly what: 'picture'; readonly file?: FileFacts }
  /** Messages vanish so long after they were sent; 0: they stay. */
  | { readonly what: 'vanish'; readonly afterMs: number }
  /** Whoever knows `link`, a secret of the client's making, may join: `uses` times, for `forMs`; 0: without end. */
  | { readonly what: 'link'; readonly link: string; readonly uses: number; readonly forMs: number }
  | { readonly what: 'unlink'; readonly link: string }
  | { readonly what: 'join'; readonly link: string };

/** The groups that this user is a member of, by id, after `after`. */
export interface Groups {
  readonly kind: 'groups';
  readonly req: number;
  readonly after: GroupId | '';
  readonly limit: number;
}
/** Members of a group, by name, after `after`. */
export interface Roster {
  readonly kind: 'roster';
  readonly req: number;
  readonly with: GroupId;
  readonly after: UserId | '';
  readonly limit: number;
}
/** How far the members have got with one message, by name, after `after`. */
export interface Reach {
  readonly kind: 'reach';
  readonly req: number;
  readonly with: GroupId;
  readonly seq: number;
  readonly after: UserId | '';
  readonly limit: number;
}

// ---------------------------------------------------------------- to the client

export interface Memberships {
  readonly kind: 'groups';
  readonly req: number;
  readonly list: readonly { readonly group: GroupId; readonly title: string }[];
  /** `after` of the next page; '' at the end. */
  readonly next: GroupId | '';
}
export interface Members {
  readonly kind: 'members';
  readonly req: number;
  readonly with: GroupId;
  readonly title: string;
  readonly about: string;
  readonly announce: boolean;
  readonly shared: boolean;
  /** So long after it was sent a message vanishes, ms; 0: it stays. */
  readonly vanishMs: number;
  readonly picture?: FileFacts;
  /** How many there are. */
  readonly count: number;
  readonly list: readonly { readonly user: UserId; readonly role: Role; readonly since: number }[];
  /** `after` of the next page; '' at the end. */
  readonly next: UserId | '';
}
export interface Reached {
  readonly kind: 'reached';
  readonly req: number;
  readonly with: GroupId;
  readonly seq: number;
  /** Members besides its author, and how many of them have it, and have read it. */
  readonly count: number;
  readonly delivered: number;
  readonly read: number;
  /** Times are those of the member's newest mark that covers it; 0: not so. */
  readonly list: readonly { readonly user: UserId; readonly delivered: number; readonly read: number }[];
  readonly next: UserId | '';
}

// ---------------------------------------------------------------- events

/** Something happened to a group. */
export interface GroupEvent {
  readonly kind: 'group';
  readonly id: MessageId;
  readonly with: GroupId;
  readonly seq: number;
  readonly by: UserId;
  readonly at: number;
  readonly change: GroupChange;
}
export type GroupChange =
  | { readonly what: 'created'; readonly title: string; readonly about: string }
  | { readonly what: 'titled'; readonly title: string }
  | { readonly what: 'described'; readonly about: string }
  | { readonly what: 'pictured'; readonly file?: FileFacts }
  /** By an admin, or, by a link, by the user itself. For whom it is the first event it tells the group's title. */
  | { readonly what: 'added'; readonly users: readonly UserId[]; readonly title: string }
  /** By an admin, or by the user itself, who has left. Its last event of this group. */
  | { readonly what: 'removed'; readonly users: readonly UserId[] }
  | { readonly what: 'role'; readonly user: UserId; readonly role: Role }
  | { readonly what: 'mode'; readonly announce: boolean; readonly shared: boolean }
  | { readonly what: 'vanishing'; readonly afterMs: number };

/** A user that this one wanted to add to a group was not. */
export interface DeclinedEvent {
  readonly kind: 'declined';
  readonly with: GroupId;
  readonly user: UserId;
  readonly code: DeclineCode;
  readonly at: number;
}
export type DeclineCode = 'unknown_user' | 'deactivated' | 'too_many_groups' | 'not_allowed';
