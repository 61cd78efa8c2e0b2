/**
 * What a user keeps, table by table:
 *
 * | table | key | row |
 * |---|---|---|
 * | account | '' | AccountRow |
 * | device | device id | DeviceRow |
 * | cursor | device id, or '' for the highest of removed devices | timeline number up to which it has received |
 * | tl | timeline number | TimelineRow |
 * | conv | peer | ConversationRow |
 * | mid | message id | timeline number of the message sent under this id |
 * | nth | peer/i/seq or peer/o/seq | timeline number of every 64th message that came from the peer, or was sent to it |
 * | amend, react, pinned | peer/i/seq or peer/o/seq, of reactions that/user | what has become of messages: `actors/amendments.ts`, `actors/pins.ts` |
 * | star | conversation/author/seq | StarRow: messages that this user has starred |
 * | forgot | conversation/author/seq | since when: messages of groups that this user does not want to see |
 * | pin | conversation | since when it is pinned |
 * | timer | peer | TimerRow: how messages of the conversation vanish |
 * | wane | peer/d/seq, peer/r/seq, peer/o/seq | WaneRow: vanishes some time after it is delivered here, or read; of what was sent, when the peer says so |
 * | waning | peer | there are such messages of it |
 * | fade | time/timeline number | when a message vanishes: `actors/vanish.ts` |
 * | upload | hash | UploadRow: a file that it has uploaded and may send: `actors/user/files.ts` |
 * | mark | peer/d/seq or peer/r/seq | when the peer had delivered or read all sent to it up to seq |
 * | fail | peer/seq | why and when a message sent to it failed |
 * | bot | user | since when it is a bot of this user |
 * | hook | '' | HookRow |
 * | push | device id | Subscription: where it is woken up |
 * | seen | '' | when the person last did something |
 * | group | group | MembershipRow: the groups that it is a member of |
 * | wait | message id | the group that has not answered this message or deed |
 * | denied | message id | DenialRow: what was refused lately |
 * | blocked | user | since when |
 * | contact | user | its name here |
 * | privacy | '' | Privacy |
 * | profile | '' | Profile |
 * | claim | email, phone | by what it can be found now: `actors/directory.ts` |
 * | quota | what of | when the first of a day was, and how many there were |
 * | held | user/seq | id of a message that came while that user was blocked |
 * | expiry | '' | Sweep: the next look for messages that nobody fetched |
 * | tidy | '' | Sweep: the next look for message ids to forget |
 *
 * Rows written at every message are tuples: in maps their names would outweigh the values.
 */
import type { HookSettings } from '../../proto/builder-mail.ts';
import type { PasswordHash } from '../../proto/mail.ts';
import type {
  Amendment,
  ConversationId,
  DeclineCode,
  FailedEvent,
  GroupId,
  MessageRef,
  More,
  RefusalCode,
  SelfDeed,
  Timer,
  UserId,
} from '../../proto/words.ts';
import { numberKey } from '../numbers.ts';

export type AccountRow =
  | {
      readonly state: 'active';
      /** Bots have an owner instead. */
      readonly password?: PasswordHash;
      readonly owner?: UserId;
      readonly epoch: string;
      readonly created: number;
    }
  | { readonly state: 'deactivated'; readonly epoch: string; readonly created: number; readonly at: number };

/** A webhook, and how it stands with it; times are 0 while not so. */
export interface HookRow extends HookSettings {
  readonly secret: string;
  /** Number of the last event that it has taken. */
  readonly taken: number;
  readonly failures: number;
  readonly failure: string;
  readonly failingSince: number;
  readonly nextAt: number;
}

export interface DeviceRow {
  readonly session: string;
  readonly refreshHash: string;
  /** By the clock of the node that owned the account when the tokens were given out: one that is wrong ends no session for good. */
  readonly accessUntil: number;
  readonly refreshUntil: number;
  /** The refresh token before this one, and until when it may come again. */
  readonly before?: { readonly refreshHash: string; readonly until: number };
  readonly since: number;
  readonly seen: number;
}

/** Of a group: number of the entry that brought this user, and how the group is called. */
export interface MembershipRow {
  readonly since: number;
  readonly title: string;
}

/** Why something was refused that might be granted later: when it is said again it is the same word, and gets the same answer. */
export interface DenialRow {
  readonly code: RefusalCode;
  readonly at: number;
}

/** A sweep over the timeline: a timer is set for `at` (0: none), and everything up to `done` needs no look any more. */
export interface Sweep {
  readonly at: number;
  readonly done: number;
}

/** Whose word it is, and from when. */
export interface TimerRow {
  readonly timer: Timer;
  readonly by: UserId | '';
  readonly at: number;
}

/** Since when it is starred, no two at the same time; its number in the timeline, 0 in a group. Older rows have the time alone. */
export type StarRow = number | readonly [at: number, n: number];

/** A message's number in the timeline, and for how long it is there. */
export type WaneRow = readonly [n: number, afterMs: number];

export interface FailRow {
  readonly code: FailedEvent['code'];
  readonly at: number;
}

/** Two directions of one conversation: `out` is what this user sent and how far the peer got, `in` the other way round. */
export interface Conversation {
  readonly outSeq: number;
  readonly outDelivered: number;
  readonly outRead: number;
  readonly inSeq: number;
  readonly inDelivered: number;
  readonly inDeliveredAt: number;
  readonly inRead: number;
  readonly inReadAt: number;
  /** Timeline number of its newest message; 0 for none. */
  readonly last: number;
}

export const emptyConversation: Conversation = {
  outSeq: 0,
  outDelivered: 0,
  outRead: 0,
  inSeq: 0,
  inDelivered: 0,
  inDeliveredAt: 0,
  inRead: 0,
  inReadAt: 0,
  last: 0,
};

export type ConversationRow = readonly number[];

export function conversationRow(c: Conversation): ConversationRow {
  const { outSeq, outDelivered, outRead, inSeq, inDelivered, inDeliveredAt, inRead, inReadAt, last } = c;
  return [outSeq, outDelivered, outRead, inSeq, inDelivered, inDeliveredAt, inRead, inReadAt, last];
}

export function conversationOf(row: ConversationRow): Conversation {
  const [outSeq = 0, outDelivered = 0, outRead = 0, inSeq = 0, inDelivered = 0, ...rest] = row;
  const [inDeliveredAt = 0, inRead = 0, inReadAt = 0, last = 0] = rest;
  return { outSeq, outDelivered, outRead, inSeq, inDelivered, inDeliveredAt, inRead, inReadAt, last };
}

// ---------------------------------------------------------------- the timeline

export type TimelineRow =
  | readonly [
      kind: 'in',
      id: string,
      from: UserId,
      seq: number,
      at: number,
      body: string,
      prev: number,
      expiresAt: number,
      more?: More,
    ]
  | readonly [kind: 'out', id: string, to: UserId, seq: number, at: number, body: string, prev: number, more?: More]
  /** Of a message that is not there any more; of an own one it says so. */
  | readonly [kind: 'expired', id: string, peer: UserId, seq: number, at: number, prev: number, own?: true]
  | readonly [kind: 'receipt', peer: ConversationId, delivered: number, read: number, at: number]
  | readonly [
      kind: 'failed',
      id: string,
      to: ConversationId,
      seq: number,
      code: FailedEvent['code'],
      at: number,
      member?: UserId,
    ]
  | readonly [kind: 'vanishing', id: string, peer: UserId, by: UserId, at: number, timer: Timer]
  | readonly [kind: 'vanished', peer: UserId, from: UserId, seq: number, at: number]
  | readonly [kind: 'seen', peer: ConversationId, upTo: number, at: number]
  | readonly [
      kind: 'amended',
      id: string,
      peer: UserId,
      from: UserId,
      seq: number,
      by: UserId,
      at: number,
      deed: Amendment,
    ]
  /** Where to find it in the group's log; `id` of what this user sent, else ''. */
  | readonly [kind: 'entry', group: GroupId, seq: number, at: number, id: string]
  /** In place of an entry that no device fetched in time. */
  | readonly [kind: 'lapsed', group: GroupId, seq: number, at: number]
  | readonly [kind: 'gone', user: UserId, at: number]
  | readonly [kind: 'self', id: string, deed: SelfDeed, at: number]
  | readonly [kind: 'declined', group: GroupId, user: UserId, code: DeclineCode, at: number];

export function timeOf(row: TimelineRow): number {
  switch (row[0]) {
    case 'gone':
      return row[2];
    case 'seen':
    case 'self':
    case 'entry':
    case 'lapsed':
      return row[3];
    case 'failed':
      return row[5];
    case 'amended':
      return row[6];
    default:
      return row[4];
  }
}

/** Where `amendmentsOf` finds a message: of one direction of a conversation. */
export function placeOf(self: UserId, peer: UserId, { from, seq }: MessageRef): string {
  return `${peer}/${from === self ? 'o' : 'i'}/${numberKey(seq)}`;
}

/** The peer of a message's row, '' for rows that are no message of a conversation. */
export function peerOf(row: TimelineRow): UserId | '' {
  return row[0] === 'in' || row[0] === 'out' || row[0] === 'expired' ? row[2] : '';
}

/** Timeline number of the message before it in the same conversation; 0 for none. */
export function prevOf(row: TimelineRow): number {
  if (row[0] === 'in' || row[0] === 'out') return row[6];
  return row[0] === 'expired' ? row[5] : 0;
}
