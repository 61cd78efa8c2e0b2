/** What a user notes of messages and conversations for itself: stars, pins, and messages that it does not want to see any more. */
import type { ConversationId, GroupId, MessageRef, RefusalCode, SelfDeed } from '../../proto/words.ts';
import type { Turn } from '../../runtime/index.ts';
import { isGroup } from '../kinds.ts';
import { numberKey, numberOf } from '../numbers.ts';
import { findMessage } from './amending.ts';
import { entryOf } from './events.ts';
import { headOf, memberSince } from './groups.ts';
import type { UserMemory } from './memory.ts';
import type { StarRow } from './rows.ts';
import { erase } from './vanishing.ts';

export type MarkDeed = Extract<SelfDeed, { readonly what: 'star' | 'pin' | 'forget' }>;

export function isMarkDeed(deed: SelfDeed): deed is MarkDeed {
  return deed.what === 'star' || deed.what === 'pin' || deed.what === 'forget';
}

interface Marked {
  readonly table: 'star' | 'pin' | 'forgot';
  readonly key: string;
  readonly max: number;
  readonly tooMany: RefusalCode;
}

/** Where it is noted, and how often anything may be. Undefined where nothing need be: the message itself is gone. */
function markedBy({ limits }: UserMemory, deed: MarkDeed): Marked | undefined {
  if (deed.what === 'pin') {
    return { table: 'pin', key: deed.with, max: limits.pinned_max, tooMany: 'too_many_pinned' };
  }
  const key = `${deed.with}/${deed.of.from}/${numberKey(deed.of.seq)}`;
  if (deed.what === 'star') return { table: 'star', key, max: limits.starred_max, tooMany: 'too_many_starred' };
  if (!isGroup(deed.with)) return undefined;
  return { table: 'forgot', key, max: limits.forgotten_max, tooMany: 'too_many_forgotten' };
}

function marksOf(user: UserMemory, turn: Turn, table: Marked['table']): Map<string, StarRow> {
  user.marked[table] ??= new Map(turn.range<StarRow>(table));
  return user.marked[table];
}

export function objectionToMark(user: UserMemory, turn: Turn, deed: MarkDeed): RefusalCode | undefined {
  const marked = markedBy(user, deed);
  const takesBack = 'on' in deed && !deed.on;
  // What was marked may be gone since.
  const isKnown = takesBack && marked !== undefined && marksOf(user, turn, marked.table).has(marked.key);
  if (deed.what !== 'pin' && !isKnown && !isThere(user, turn, deed)) return 'unknown_message';
  if (marked === undefined || takesBack) return undefined;
  const keys = marksOf(user, turn, marked.table);
  return keys.size >= marked.max && !keys.has(marked.key) ? marked.tooMany : undefined;
}

function isThere(user: UserMemory, turn: Turn, deed: Exclude<MarkDeed, { readonly what: 'pin' }>): boolean {
  const { with: other, of } = deed;
  if (!isGroup(other)) return findMessage(user, turn, other, of) > 0;
  if (deed.what === 'forget') return of.seq <= headOf(user, turn, other);
  // Only of what this user was told (A12).
  const since = memberSince(user, turn, other);
  if (since === 0 || of.seq < since || of.seq > headOf(user, turn, other)) return false;
  const entry = entryOf(turn, other, of.seq);
  return entry[0] === 'message' && entry[2] === of.from;
}

export function isMarkNews(user: UserMemory, turn: Turn, deed: MarkDeed): boolean {
  const marked = markedBy(user, deed);
  if (marked === undefined) return true;
  return marksOf(user, turn, marked.table).has(marked.key) !== ('on' in deed ? deed.on : true);
}

export function carryOutMark(user: UserMemory, turn: Turn, deed: MarkDeed, at: number): void {
  const marked = markedBy(user, deed);
  const on = 'on' in deed ? deed.on : true;
  if (marked !== undefined) note(user, turn, marked, on && (deed.what === 'star' ? starRow(user, turn, deed, at) : at));
  if (deed.what !== 'forget') return;
  dropStar(user, turn, deed.with, deed.of);
  if (!isGroup(deed.with)) erase(user, turn, deed.with, deed.of, findMessage(user, turn, deed.with, deed.of));
}

/** `row` false: not marked any more. */
function note(user: UserMemory, turn: Turn, { table, key }: Pick<Marked, 'table' | 'key'>, row: StarRow | false): void {
  if (row !== false) {
    marksOf(user, turn, table).set(key, row);
    turn.put(table, key, row);
  } else {
    marksOf(user, turn, table).delete(key);
    turn.delete(table, key);
  }
}

// ---------------------------------------------------------------- stars

function starRow(
  user: UserMemory,
  turn: Turn,
  { with: other, of }: Extract<MarkDeed, { what: 'star' }>,
  at: number,
): StarRow {
  const newest = Math.max(0, ...Array.from(marksOf(user, turn, 'star').values(), starredAt));
  return [Math.max(at, newest + 1), isGroup(other) ? 0 : findMessage(user, turn, other, of)];
}

export function starredAt(row: StarRow): number {
  return typeof row === 'number' ? row : row[0];
}

/** The message is gone, and its star with it. */
export function dropStar(user: UserMemory, turn: Turn, other: ConversationId, { from, seq }: MessageRef): void {
  const key = `${other}/${from}/${numberKey(seq)}`;
  if (marksOf(user, turn, 'star').has(key)) note(user, turn, { table: 'star', key }, false);
}

export interface Star {
  readonly with: ConversationId;
  readonly of: MessageRef;
  /** No two of one user are alike. */
  readonly at: number;
  /** Its number in the timeline; 0 in a group. */
  readonly n: number;
}

/** Those before `before` (0: all), the newest first. */
export function starsOf(user: UserMemory, turn: Turn, before: number): Star[] {
  const stars = Array.from(marksOf(user, turn, 'star'), ([key, row]): Star => {
    const [other = '', from = '', seq = ''] = key.split('/');
    const n = typeof row === 'number' ? 0 : row[1];
    return { with: other, of: { from, seq: numberOf(seq) }, at: starredAt(row), n };
  });
  return stars.filter(({ at }) => before === 0 || at < before).sort((one, other) => other.at - one.at);
}

// ---------------------------------------------------------------- what it does not want to see

export function isForgotten(user: UserMemory, turn: Turn, group: GroupId, { from, seq }: MessageRef): boolean {
  const keys = marksOf(user, turn, 'forgot');
  return keys.size > 0 && keys.has(`${group}/${from}/${numberKey(seq)}`);
}

/** Numbers of the messages of a group that this user does not want to see. */
export function forgottenIn(user: UserMemory, turn: Turn, group: GroupId): number[] {
  const keys = [...marksOf(user, turn, 'forgot').keys()].filter((key) => key.startsWith(`${group}/`));
  return keys.map((key) => numberOf(key.slice(key.lastIndexOf('/') + 1)));
}
