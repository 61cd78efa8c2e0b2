/**
 * What a group keeps, table by table:
 *
 * | table | key | row |
 * |---|---|---|
 * | about | '' | AboutRow |
 * | log | seq | GroupEntry |
 * | member | user | MemberRow |
 * | asked | user | AskedRow: may it be added? |
 * | willing | user | AskedRow: it may, and will be with the next entry |
 * | link | secret | LinkRow |
 * | fade | time/seq | when a message vanishes: `actors/vanish.ts` |
 * | amend, react, pinned | seq, of reactions seq/user | what has become of messages: `actors/amendments.ts`, `actors/pins.ts` |
 */
import type { FileFacts, Role, UserId } from '../../proto/words.ts';

export interface AboutRow {
  readonly title: string;
  readonly about: string;
  /** Only admins may send. */
  readonly announce: boolean;
  /** New members may read what was sent before they came. */
  readonly shared: boolean;
  /** So long after it was sent a message vanishes, ms; 0: it stays. */
  readonly vanishMs: number;
  readonly picture?: FileFacts;
}

export interface AskedRow {
  readonly by: UserId;
}

export interface LinkRow {
  readonly by: UserId;
  /** When it ends, ms since the Unix epoch; 0: never. */
  readonly until: number;
  /** How often it may still be used; -1: without end. */
  readonly uses: number;
}

/** A member, and how far it has got. */
export interface Member {
  role: Role;
  /** Number of the entry that brought it. */
  readonly since: number;
  /** When that was. */
  readonly at: number;
  delivered: number;
  deliveredAt: number;
  read: number;
  readAt: number;
  /** Its own newest message, 0 for none, and how far it was told that the others have got. */
  last: number;
  toldDelivered: number;
  toldRead: number;
  /** Its own messages that not all have read, as far as is remembered here: in no row. */
  own: number[];
}

export type MemberRow = readonly [role: Role, ...numbers: number[]];

export function memberRow(m: Member): MemberRow {
  const marks = [m.delivered, m.deliveredAt, m.read, m.readAt];
  return [m.role, m.since, m.at, ...marks, m.last, m.toldDelivered, m.toldRead];
}

export function memberOf(row: MemberRow): Member {
  const [role, since = 0, at = 0, delivered = 0, deliveredAt = 0, read = 0, readAt = 0, ...told] = row;
  const [last = 0, toldDelivered = 0, toldRead = 0] = told;
  // Which those between are, nobody remembers: each may be its own.
  const own = last > toldRead ? [toldRead + 1, last] : [];
  return { role, since, at, delivered, deliveredAt, read, readAt, last, toldDelivered, toldRead, own };
}

/** A member that comes with entry `since`: what was before is none of its affair. */
export function newMember(role: Role, since: number, at: number): Member {
  const marks = { delivered: since - 1, deliveredAt: at, read: since - 1, readAt: at };
  return { role, since, at, ...marks, last: 0, toldDelivered: 0, toldRead: 0, own: [] };
}
