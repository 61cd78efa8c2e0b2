/**
 * Protocol v1: every word between a client and Ringpost. A frame is one word or a list of 1 to `clientLimits.words_max` words,
 * as msgpack (subprotocol `ringpost.v1.msgpack`, binary frames) or JSON (`ringpost.v1.json`, text frames), with equal field names.
 * docs/SPEC.md says what each means, with rule ids.
 */

import type { Amend, AmendedEvent, Reaction } from './amend-words.ts';
import type { More } from './content.ts';
import type {
  Arrange,
  ConversationId,
  DeclinedEvent,
  GroupEvent,
  GroupId,
  Groups,
  Members,
  Memberships,
  Reach,
  Reached,
  Roster,
} from './group-words.ts';
import type { ClientLimits } from './limits.ts';
import type { Find, Found, GoneEvent, Profiled, Profiles } from './people-words.ts';
import type { RefusalCode } from './refusals.ts';
import type { MessageList, Pinned, Reacted, Reactions, Search, Starred } from './search-words.ts';
import type { SelfEvent, SelfWord } from './self-words.ts';
import type { VanishedEvent, VanishingEvent, VanishWord } from './vanish-words.ts';

export type { Amend, AmendedEvent, Amendment, Reaction } from './amend-words.ts';
export type { Card, MessageRef, More, Place } from './content.ts';
export type { FileFacts, FileId, FileKind, MessageAt, SentFile } from './file-words.ts';
export type * from './group-words.ts';
export type { Find, Found, GoneEvent, Profile, Profiled, Profiles, UserProfile } from './people-words.ts';
export type { ReportDeed, ReportReason } from './report-words.ts';
export type { MessageList, Pinned, Reacted, Reactions, Search, Starred } from './search-words.ts';
export type { Audience, Privacy, SelfDeed, SelfEvent, SelfWord } from './self-words.ts';

export type { Timer, VanishedEvent, VanishingEvent, VanishWord } from './vanish-words.ts';

export const subprotocols = { msgpack: 'ringpost.v1.msgpack', json: 'ringpost.v1.json' } as const;
export type Encoding = keyof typeof subprotocols;
/** A browser can't set headers on a WebSocket: the access token travels as one more offered subprotocol, `ringpost.bearer.<token>`. */
export const bearerPrefix = 'ringpost.bearer.';

export type { CloseWord } from './close-codes.ts';
export { closeCodes } from './close-codes.ts';
export type { ClientLimits } from './limits.ts';
export { clientLimits, costOf } from './limits.ts';
export type { RefusalCode } from './refusals.ts';

/** `[a-z0-9][a-z0-9._-]{0,31}` */
export type UserId = string;
/** `[A-Za-z0-9._-]{1,32}`, unique within its user. */
export type DeviceId = string;
/** `[A-Za-z0-9._:-]{1,64}`, chosen by the sender, unique within the account for at least 30 days (A8). */
export type MessageId = string;

// ---------------------------------------------------------------- from the client

/** First word on a socket, and again after `resync`. `epoch` and `cursor` as last known; '' and 0 for none. */
export interface Hello {
  readonly kind: 'hello';
  readonly epoch: string;
  readonly cursor: number;
  /** Free text such as `ringpost-sdk/0.1`, at most 64 characters. */
  readonly client?: string;
  /** Which of a client's sockets is the newest, however late their hellos come: a name for this run of the client, and its dials from 1. */
  readonly run?: string;
  readonly dial?: number;
}
export interface Send {
  readonly kind: 'send';
  readonly id: MessageId;
  readonly to: ConversationId;
  readonly body: string;
  readonly more?: More;
}
/** All events up to and including this number have arrived at the device. */
export interface Received {
  readonly kind: 'received';
  readonly upTo: number;
}
/** The person has read all messages of `with` up to and including its `seq`. */
export interface Read {
  readonly kind: 'read';
  readonly with: ConversationId;
  readonly upTo: number;
}
/** Messages of one conversation, newest first, with timeline numbers, or in a group `seq`s, below `before` (0: from the newest). */
export interface History {
  readonly kind: 'history';
  readonly req: number;
  readonly with: ConversationId;
  readonly before: number;
  readonly limit: number;
}
/** What has become of one message that the account sent. */
export interface Inquire {
  readonly kind: 'inquire';
  readonly req: number;
  readonly id: MessageId;
}
/** Volatile. The other side forgets it after 10 s. */
export interface Typing {
  readonly kind: 'typing';
  readonly to: ConversationId;
  readonly on: boolean;
  /** It is a voice message that is being made. */
  readonly recording?: true;
}
/** Whose presence this device wants to hear of from now on; replaces the list before. */
export interface Watch {
  readonly kind: 'watch';
  readonly users: readonly UserId[];
}
export type ClientWord =
  | Hello
  | Send
  | Received
  | Read
  | History
  | Inquire
  | Typing
  | Watch
  | Amend
  | VanishWord
  | Arrange
  | Groups
  | SelfWord
  | Roster
  | Reach
  | Profiles
  | Find
  | Search
  | Starred
  | Pinned
  | Reactions;

/** Which words show that the person is there, not only the application: those count for presence. */
export const byThePerson: { readonly [kind in ClientWord['kind']]: boolean } = {
  hello: true,
  send: true,
  read: true,
  history: true,
  typing: true,
  amend: true,
  vanish: true,
  group: true,
  groups: false,
  self: true,
  roster: true,
  reach: true,
  profiles: false,
  find: true,
  search: true,
  starred: true,
  pinned: true,
  reactions: true,
  inquire: false,
  received: false,
  watch: false,
};

// ---------------------------------------------------------------- to the client

export interface Welcome {
  readonly kind: 'welcome';
  readonly user: UserId;
  readonly device: DeviceId;
  readonly epoch: string;
  /** Events that follow start at cursor + 1. Equals the hello's cursor when `recovered`. */
  readonly cursor: number;
  /** Number of the newest event. */
  readonly head: number;
  /** True: nothing is missing after the hello's cursor. False: the client must drop what it holds and begin at `cursor`. */
  readonly recovered: boolean;
  readonly at: number;
  readonly limits: ClientLimits;
}
/** Timeline events from, from + 1, … in order, without gaps. */
export interface Events {
  readonly kind: 'events';
  readonly from: number;
  readonly list: readonly TimelineEvent[];
}
/** The message is durable: one tick. It is event `n` of the sender's timeline, and stands for it where `n` is the next number. */
export interface Accepted {
  readonly kind: 'accepted';
  readonly id: MessageId;
  /** 0, and `seq` likewise, for what is no event. */
  readonly n: number;
  readonly seq: number;
  readonly at: number;
  /** The group that it made. */
  readonly with?: GroupId;
}
/** A word was not carried out. `id` or `req` name the word it answers, where it had one. */
export interface Refused {
  readonly kind: 'refused';
  readonly id?: MessageId;
  readonly req?: number;
  readonly code: RefusalCode;
  readonly reason: string;
  /** True: the same word may succeed later (after `afterMs` at the earliest). */
  readonly retry: boolean;
  readonly afterMs?: number;
}
export interface Page {
  readonly kind: 'page';
  readonly req: number;
  readonly with: ConversationId;
  /** Newest first. */
  readonly messages: readonly MessageState[];
  /** `before` of the next page; 0 at the beginning of the conversation. */
  readonly next: number;
}
export interface Answer {
  readonly kind: 'answer';
  readonly req: number;
  readonly message: MessageState;
}
export interface TypingNews {
  readonly kind: 'typing';
  readonly from: UserId;
  readonly on: boolean;
  readonly recording?: true;
  /** Where it is in a group. */
  readonly in?: GroupId;
}
export interface Presence {
  readonly kind: 'presence';
  readonly user: UserId;
  readonly online: boolean;
  /** ms since the Unix epoch; 0 when never seen. */
  readonly lastSeen: number;
}
/** The server lost its memory of this socket (the actor moved): say hello again here, then resend what is not accepted. */
export interface Resync {
  readonly kind: 'resync';
}
/** The server will close this socket: connect again after `afterMs`. */
export interface GoAway {
  readonly kind: 'goaway';
  readonly reason: string;
  readonly afterMs: number;
}
export type ServerWord =
  | Welcome
  | Events
  | Accepted
  | Refused
  | Page
  | Answer
  | TypingNews
  | Presence
  | Members
  | Memberships
  | Reached
  | Profiled
  | Found
  | MessageList
  | Reacted
  | Resync
  | GoAway;

// ---------------------------------------------------------------- the timeline

/** A message of or to this user, or to a group of its. `seq` is dense from 1 in the direction from → to; in a group it is its log's. */
export interface MessageEvent {
  readonly kind: 'message';
  readonly id: MessageId;
  readonly from: UserId;
  readonly to: ConversationId;
  readonly seq: number;
  readonly at: number;
  readonly body: string;
  readonly more?: More;
}
/** How far `with`, or all others of a group, have got of the messages sent to it: cumulative, never goes back, read <= delivered (A11). */
export interface ReceiptEvent {
  readonly kind: 'receipt';
  readonly with: ConversationId;
  readonly delivered: number;
  readonly read: number;
  readonly at: number;
}
/** An accepted message that will not be delivered any more. */
export interface FailedEvent {
  readonly kind: 'failed';
  readonly id: MessageId;
  readonly to: ConversationId;
  readonly seq: number;
  readonly code: 'unknown_user' | 'deactivated' | 'expired';
  readonly reason: string;
  readonly at: number;
  /** In a group: the member that will not get it. */
  readonly member?: UserId;
}
/** Another device of this user has read messages of `with`. */
export interface SeenEvent {
  readonly kind: 'seen';
  readonly with: ConversationId;
  readonly upTo: number;
  readonly at: number;
}
/** Stands in the place of a message to this user that no device fetched within its lifetime. Its sender got `failed`. */
export interface ExpiredEvent {
  readonly kind: 'expired';
  readonly id: MessageId;
  readonly from: UserId;
  readonly to: ConversationId;
  readonly seq: number;
  readonly at: number;
}
/** Never sent: what decoding makes of an event of a kind that this side does not know yet. Its number counts all the same. */
export interface OtherEvent {
  readonly kind: 'other';
  readonly was: string;
}
export type TimelineEvent =
  | MessageEvent
  | ReceiptEvent
  | FailedEvent
  | SeenEvent
  | ExpiredEvent
  | GroupEvent
  | DeclinedEvent
  | AmendedEvent
  | VanishingEvent
  | VanishedEvent
  | SelfEvent
  | GoneEvent
  | OtherEvent;

/** A message with its state; times are ms since the Unix epoch, 0 while not so. */
export interface MessageState extends MessageEvent {
  /** Its number in this user's timeline; in a group it is 0, and `seq` places it. */
  readonly n: number;
  readonly delivered: number;
  readonly read: number;
  /** Why it failed, '' while it has not. */
  readonly failed: FailedEvent['code'] | '';
  /** When its text was last changed, and when it was taken back; 0: not so. The body is that of now. */
  readonly edited: number;
  readonly retracted: number;
  readonly reactions: readonly Reaction[];
  /** When it was pinned in its conversation; 0: it is not. */
  readonly pinned: number;
}
