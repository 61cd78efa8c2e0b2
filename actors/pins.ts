/**
 * Messages that are pinned in a conversation, kept by whoever keeps the messages. Two sides may pin and unpin at once: each pin of a message counts by itself, and
 * is taken off by whoever has seen it; so both sides end alike, in whatever order they hear of it (an observed-remove set).
 *
 * | table | key | row |
 * |---|---|---|
 * | pinned | place of the message | PinRow |
 */
import type { Pin } from '../proto/mail.ts';
import type { Turn } from '../runtime/index.ts';

/** Numbers of the message and of the event that pinned it last: in the timeline; in a group 0, and in its log. */
export type PinRow = readonly [n: number, event: number, pins: readonly Pin[]];

export interface Pinned {
  readonly place: string;
  readonly n: number;
  readonly event: number;
}

/** Those that hold; none: it is not pinned. */
export function pinsAt(turn: Turn, place: string): readonly Pin[] {
  return turn.get<PinRow>('pinned', place)?.[2] ?? [];
}

/** Since when it is pinned; 0: it is not. */
export function pinnedAt(turn: Turn, place: string): number {
  return Math.max(0, ...pinsAt(turn, place).map(({ at }) => at));
}

export function addPin(turn: Turn, place: string, pin: Pin, n: number, event: number): void {
  const others = pinsAt(turn, place).filter(({ by }) => by !== pin.by);
  turn.put('pinned', place, [n, event, [...others, pin]] satisfies PinRow);
}

/** Takes these pins off. True: by that it is pinned no more. */
export function takeOff(turn: Turn, place: string, pins: readonly Pin[]): boolean {
  const [n, event, before] = turn.get<PinRow>('pinned', place) ?? [0, 0, []];
  const left = before.filter(({ by, at }) => !pins.some((pin) => pin.by === by && pin.at === at));
  if (left.length === before.length) return false;
  if (left.length > 0) turn.put('pinned', place, [n, event, left] satisfies PinRow);
  else turn.delete('pinned', place);
  return left.length === 0;
}

export function unpin(turn: Turn, place: string): void {
  if (pinsAt(turn, place).length > 0) turn.delete('pinned', place);
}

/** Messages at places that begin with `within`, the newest pin first. */
export function pinnedIn(turn: Turn, within = ''): Pinned[] {
  const rows = turn.range<PinRow>('pinned', { from: within, to: `${within}~` });
  return rows.map(([place, [n, event]]) => ({ place, n, event })).sort((one, other) => other.event - one.event);
}
