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
 * | mark | peer/d/seq or peer/r/seq | when the peer had delivered or read all sent to it up to seq |
 * | fail | peer/seq | why and when a message sent to it failed |
 * | seen | '' | when the person last did something |
 * | expiry | '' | Sweep: the next look for messages that nobody fetched |
 * | tidy | '' | Sweep: the next look for message ids to forget |
 *
 * Rows written at every message are tuples: in maps their names would outweigh the values.
 */
import type { PasswordHash } from '../../proto/mail.ts';
import { failures } from '../../proto/refusals.ts';
import type { FailedEvent, TimelineEvent, UserId } from '../../proto/words.ts';

export type AccountRow =
  | { readonly state: 'active'; readonly password: PasswordHash; readonly epoch: string; readonly created: number }
  | { readonly state: 'deactivated'; readonly epoch: string; readonly created: number; readonly at: number };

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

/** A sweep over the timeline: a timer is set for `at` (0: none), and everything up to `done` needs no look any more. */
export interface Sweep {
  readonly at: number;
  readonly done: number;
}

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
    ]
  | readonly [kind: 'out', id: string, to: UserId, seq: number, at: number, body: string, prev: number]
  | readonly [kind: 'expired', id: string, from: UserId, seq: number, at: number, prev: number]
  | readonly [kind: 'receipt', peer: UserId, delivered: number, read: number, at: number]
  | readonly [kind: 'failed', id: string, to: UserId, seq: number, code: FailedEvent['code'], at: number]
  | readonly [kind: 'seen', peer: UserId, upTo: number, at: number];

/** The event that a client gets for a row. */
export function eventOf(self: UserId, row: TimelineRow): TimelineEvent {
  switch (row[0]) {
    case 'in':
      return { kind: 'message', id: row[1], from: row[2], to: self, seq: row[3], at: row[4], body: row[5] };
    case 'out':
      return { kind: 'message', id: row[1], from: self, to: row[2], seq: row[3], at: row[4], body: row[5] };
    case 'receipt':
      return { kind: 'receipt', with: row[1], delivered: row[2], read: row[3], at: row[4] };
    case 'failed':
      return {
        kind: 'failed',
        id: row[1],
        to: row[2],
        seq: row[3],
        code: row[4],
        reason: failures[row[4]],
        at: row[5],
      };
    case 'seen':
      return { kind: 'seen', with: row[1], upTo: row[2], at: row[3] };
    case 'expired':
      return { kind: 'expired', id: row[1], from: row[2], seq: row[3], at: row[4] };
  }
}

export function timeOf(row: TimelineRow): number {
  switch (row[0]) {
    case 'seen':
      return row[3];
    case 'failed':
      return row[5];
    default:
      return row[4];
  }
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

/** Numbers as keys whose byte order is their order: eight digits of base 36. */
export function numberKey(n: number): string {
  return n.toString(36).padStart(8, '0');
}

export function numberOf(key: string): number {
  return Number.parseInt(key, 36);
}
