/** What a user notes of messages and conversations for itself: stars, pins, and messages that it does not want to see any more. */
import type { GroupId, MessageRef, RefusalCode, SelfDeed } from '../../proto/words.ts';
import type { Turn } from '../../runtime/index.ts';
import { isGroup } from '../kinds.ts';
import { numberKey, numberOf } from '../numbers.ts';
import { findMessage, isSaid } from './amending.ts';
import { headOf } from './groups.ts';
import type { UserMemory } from './memory.ts';
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

function keysOf(user: UserMemory, turn: Turn, table: Marked['table']): Set<string> {
  user.marked[table] ??= new Set(turn.range<number>(table).map(([key]) => key));
  return user.marked[table];
}

export function objectionToMark(user: UserMemory, turn: Turn, deed: MarkDeed): RefusalCode | undefined {
  if (deed.what !== 'pin' && !isThere(user, turn, deed)) return 'unknown_message';
  const marked = markedBy(user, deed);
  if (marked === undefined || ('on' in deed && !deed.on)) return undefined;
  const keys = keysOf(user, turn, marked.table);
  return keys.size >= marked.max && !keys.has(marked.key) ? marked.tooMany : undefined;
}

function isThere(user: UserMemory, turn: Turn, deed: Exclude<MarkDeed, { readonly what: 'pin' }>): boolean {
  const { with: other, of } = deed;
  if (isGroup(other)) return of.seq <= headOf(user, turn, other);
  return deed.what === 'forget' ? findMessage(user, turn, other, of) > 0 : isSaid(user, turn, other, of);
}

export function isMarkNews(user: UserMemory, turn: Turn, deed: MarkDeed): boolean {
  const marked = markedBy(user, deed);
  if (marked === undefined) return true;
  return keysOf(user, turn, marked.table).has(marked.key) !== ('on' in deed ? deed.on : true);
}

export function carryOutMark(user: UserMemory, turn: Turn, deed: MarkDeed, at: number): void {
  const marked = markedBy(user, deed);
  if (marked !== undefined) note(user, turn, marked, 'on' in deed ? deed.on : true, at);
  if (deed.what !== 'forget') return;
  const starred = markedBy(user, { ...deed, what: 'star', on: false });
  if (starred !== undefined && keysOf(user, turn, 'star').has(starred.key)) note(user, turn, starred, false, at);
  if (!isGroup(deed.with)) erase(user, turn, deed.with, deed.of, findMessage(user, turn, deed.with, deed.of));
}

function note(user: UserMemory, turn: Turn, { table, key }: Marked, on: boolean, at: number): void {
  if (on) {
    keysOf(user, turn, table).add(key);
    turn.put(table, key, at);
  } else {
    keysOf(user, turn, table).delete(key);
    turn.delete(table, key);
  }
}

export function isForgotten(user: UserMemory, turn: Turn, group: GroupId, { from, seq }: MessageRef): boolean {
  const keys = keysOf(user, turn, 'forgot');
  return keys.size > 0 && keys.has(`${group}/${from}/${numberKey(seq)}`);
}

/** Numbers of the messages of a group that this user does not want to see. */
export function forgottenIn(user: UserMemory, turn: Turn, group: GroupId): number[] {
  const keys = [...keysOf(user, turn, 'forgot')].filter((key) => key.startsWith(`${group}/`));
  return keys.map((key) => numberOf(key.slice(key.lastIndexOf('/') + 1)));
}
