/**
 * What users and groups have in common about messages that vanish. Those whose time has begun stand in a table, by time and number, and one durable
 * timer is set for the first of them.
 *
 * | table | key | row |
 * |---|---|---|
 * | fade | time/number | number of the message |
 */
import type { More, Timer } from '../proto/words.ts';
import type { Turn } from '../runtime/index.ts';
import { numberKey, numberOf } from './numbers.ts';

/** What a message holds, with the timer that it goes by; undefined for one that stays. */
export function withTimer(more: More | undefined, timer: Timer | undefined): More | undefined {
  const { vanish: _, ...rest } = more ?? {};
  const kept: More = timer === undefined ? rest : { ...rest, vanish: timer };
  return Object.keys(kept).length === 0 ? undefined : kept;
}

/** Message `n` vanishes at `at`. */
export function fadeAt(turn: Turn, at: number, n: number): void {
  const key = `${numberKey(at)}/${numberKey(n)}`;
  turn.put('fade', key, n);
  if (firstOf(turn) === key) setTimer(turn, key);
}

/** Takes off those whose time is over, `limit` of them at most, and sets the timer for the next. */
export function takeFaded(turn: Turn, limit: number): number[] {
  const due = turn.range<number>('fade', { to: numberKey(turn.now + 1), limit });
  for (const [key] of due) turn.delete('fade', key);
  const next = firstOf(turn);
  if (next !== undefined) setTimer(turn, next);
  return due.map(([, n]) => n);
}

function firstOf(turn: Turn): string | undefined {
  return turn.range<number>('fade', { limit: 1 })[0]?.[0];
}

function setTimer(turn: Turn, key: string): void {
  turn.setTimer('fade', numberOf(key.slice(0, key.indexOf('/'))), { kind: 'fade' });
}
