/** Mail to and from the actors of a group: the group itself, and its branches, one in each partition that holds members. */
import type { FileGroupProtocol } from './file-mail.ts';
import type {
  Amendment,
  DeclineCode,
  GroupChange,
  GroupDeed,
  GroupId,
  History,
  MessageId,
  MessageRef,
  More,
  Pinned,
  Reach,
  Reactions,
  RefusalCode,
  Role,
  Roster,
  UserId,
} from './words.ts';

/** One entry of a group's log, without its number. A tuple, because it is written in each partition that holds members. */
export type GroupEntry =
  | readonly [kind: 'message', id: MessageId, from: UserId, at: number, body: string, more?: More]
  | readonly [kind: 'group', id: MessageId, by: UserId, at: number, change: GroupChange]
  | AmendedEntry
  | VanishedEntry
  /** In the place of a message that has vanished. */
  | readonly [kind: 'gone', id: MessageId, from: UserId, at: number];

/** Messages whose time is over. `forgets`: as for `AmendedEntry`; those among them that are messages are `gone`. */
export type VanishedEntry = readonly [
  kind: 'vanished',
  id: '',
  by: '',
  at: number,
  list: readonly MessageRef[],
  forgets: readonly number[],
];

/** `forgets`: numbers of the entries whose text is not to be kept any more. */
export type AmendedEntry = readonly [
  kind: 'amended',
  id: MessageId,
  by: UserId,
  at: number,
  of: MessageRef,
  deed: Amendment,
  forgets: readonly number[],
];

/** How far a member has got, and when. */
export type MemberMark = readonly [user: UserId, delivered: number, deliveredAt: number, read: number, readAt: number];

export type GroupQuestion = Roster | Reach | History | Pinned | Reactions;

/** Why a group does not do what a member wants. */
export type GroupRefusal = Extract<
  RefusalCode,
  | 'unknown_message'
  | 'not_the_author'
  | 'too_late'
  | 'retracted'
  | 'too_many_reactions'
  | 'too_many_pins'
  | 'unknown_group'
  | 'not_a_member'
  | 'not_an_admin'
  | 'announcements_only'
  | 'group_full'
  | 'unknown_link'
  | 'unauthorised'
>;

/** What an operator may know of a group. */
export interface GroupSummary {
  readonly title: string;
  readonly about: string;
  readonly announce: boolean;
  readonly shared: boolean;
  /** 0: messages stay. */
  readonly vanishMs: number;
  /** How many there are of each. */
  readonly roles: { readonly [R in Role]: number };
  readonly owners: readonly UserId[];
  /** Users who are being asked whether they may be added. */
  readonly asked: number;
  /** Links by which one may join. */
  readonly links: number;
  /** Number and time of the newest entry of its log. */
  readonly head: number;
  readonly lastAt: number;
}

/** The group actor, `group/#…`. */
export type GroupProtocol = FileGroupProtocol & {
  // ---- from users (durable)
  /** A message, or a deed, of `from`: answered by an entry with that id, by `done`, or by `denied`. */
  post: {
    mail: { readonly id: MessageId; readonly from: UserId; readonly body: string; readonly more?: More };
    reply: never;
  };
  arrange: { mail: { readonly id: MessageId; readonly from: UserId; readonly deed: GroupDeed }; reply: never };
  amend: {
    mail: { readonly id: MessageId; readonly from: UserId; readonly of: MessageRef; readonly deed: Amendment };
    reply: never;
  };
  /** A user that was asked may be added, or may not. */
  willing: { mail: { readonly user: UserId; readonly code: DeclineCode | '' }; reply: never };
  /** It has fetched a message by no device within its lifetime. */
  lapsed: { mail: { readonly user: UserId; readonly seq: number }; reply: never };
  /** The account was deactivated. */
  gone: { mail: { readonly user: UserId }; reply: never };
  // ---- from its branches (durable)
  marks: { mail: { readonly marks: readonly MemberMark[] }; reply: never };
  // ---- from users (volatile)
  question: {
    /** `without`: numbers of messages that it does not want to see. */
    mail: {
      readonly from: UserId;
      readonly connection: string;
      readonly word: GroupQuestion;
      readonly without: readonly number[];
    };
    reply: never;
  };
  typing: { mail: { readonly from: UserId; readonly on: boolean; readonly recording?: true }; reply: never };
  // ---- from operators; null where there is no such group
  summary: { mail: object; reply: GroupSummary | null };
  // ---- timers
  gather: { mail: object; reply: never };
  fade: { mail: object; reply: never };
  tellReceipts: { mail: object; reply: never };
};

/** A group's branch in one partition, `branch/@<partition>/#…`: keeps the log for the members there, who hold only numbers in it. */
export type BranchProtocol = {
  // ---- from the group (durable)
  entry: {
    mail: {
      readonly seq: number;
      readonly entry: GroupEntry;
      /** Members from this entry on, and those for whom it is the last. */
      readonly enter?: readonly UserId[];
      readonly leave?: readonly UserId[];
    };
    reply: never;
  };
  // ---- from members, in the same partition (durable)
  mark: { mail: { readonly mark: MemberMark }; reply: never };
  // ---- from the group (volatile)
  typing: { mail: { readonly from: UserId; readonly on: boolean; readonly recording?: true }; reply: never };
  // ---- timers
  tellMarks: { mail: object; reply: never };
};

/** What a user hears of its groups. */
export type MemberProtocol = {
  // ---- from its branch, in the same partition (durable)
  entry: {
    mail: {
      readonly group: GroupId;
      readonly seq: number;
      readonly entry: GroupEntry;
      readonly enters: boolean;
      readonly leaves: boolean;
    };
    reply: never;
  };
  // ---- from the group (durable)
  invited: { mail: { readonly group: GroupId; readonly by: UserId }; reply: never };
  /** A deed that has no entry is done. */
  done: { mail: { readonly group: GroupId; readonly id: MessageId; readonly at: number }; reply: never };
  denied: { mail: { readonly group: GroupId; readonly id: MessageId; readonly code: GroupRefusal }; reply: never };
  declined: {
    mail: { readonly group: GroupId; readonly user: UserId; readonly code: DeclineCode; readonly at: number };
    reply: never;
  };
  /** A member did not fetch a message of this user in time. */
  lapsed: {
    mail: {
      readonly group: GroupId;
      readonly id: MessageId;
      readonly seq: number;
      readonly user: UserId;
      readonly at: number;
    };
    reply: never;
  };
  groupReceipt: {
    mail: { readonly group: GroupId; readonly delivered: number; readonly read: number; readonly at: number };
    reply: never;
  };
  // ---- from its branch (volatile)
  groupTyping: {
    mail: { readonly group: GroupId } & { readonly from: UserId; readonly on: boolean; readonly recording?: true };
    reply: never;
  };
};
