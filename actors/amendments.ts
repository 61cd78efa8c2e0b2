/**
 * What has become of messages after they were said, kept beside them by whoever keeps them, in two tables. `place` is the key of the message there.
 *
 * | table | key | row |
 * |---|---|---|
 * | amend | place | AmendRow |
 * | react | place/user | its reaction |
 */
import type { Reaction, UserId } from '../proto/words.ts';
import type { Turn } from '../runtime/index.ts';
import { unpin } from './pins.ts';

export interface AmendRow {
  /** When its text was last changed, and when it was taken back; 0: not so. */
  readonly edited: number;
  readonly retracted: number;
  /** Where its later texts stand, the newest last. */
  readonly edits: readonly number[];
  /** How many have reacted with what. */
  readonly counts: readonly (readonly [text: string, count: number])[];
}

const untouched: AmendRow = { edited: 0, retracted: 0, edits: [], counts: [] };

export function amendmentsOf(turn: Turn, place: string): AmendRow {
  return turn.get<AmendRow>('amend', place) ?? untouched;
}

/** Its text is from now on what stands at `edit`. */
export function noteEdit(turn: Turn, place: string, at: number, edit: number): void {
  const row = amendmentsOf(turn, place);
  turn.put('amend', place, { ...row, edited: at, edits: [...row.edits, edit] });
}

/** Nothing is known any more of what became of it. */
export function forget(turn: Turn, place: string): void {
  for (const [key] of turn.range<string>('react', { from: `${place}/`, to: `${place}/~` })) turn.delete('react', key);
  if (amendmentsOf(turn, place) !== untouched) turn.delete('amend', place);
  unpin(turn, place);
}

/** Nothing is left of it but that it was there. */
export function noteRetraction(turn: Turn, place: string, at: number): void {
  forget(turn, place);
  turn.put('amend', place, { ...untouched, retracted: at } satisfies AmendRow);
}

export function reactionOf(turn: Turn, place: string, user: UserId): string {
  return turn.get<string>('react', `${place}/${user}`) ?? '';
}

/** `text`: '' for none any more. */
export function noteReaction(turn: Turn, place: string, user: UserId, text: string): void {
  const before = reactionOf(turn, place, user);
  if (text === before) return;
  const row = amendmentsOf(turn, place);
  const counts = new Map(row.counts);
  if (before !== '') counts.set(before, (counts.get(before) ?? 1) - 1);
  if (text !== '') counts.set(text, (counts.get(text) ?? 0) + 1);
  turn.put('amend', place, { ...row, counts: [...counts].filter(([, count]) => count > 0) } satisfies AmendRow);
  if (text === '') turn.delete('react', `${place}/${user}`);
  else turn.put('react', `${place}/${user}`, text);
}

/** Everybody's reaction to it, by name, after `after`. */
export function reactedTo(
  turn: Turn,
  place: string,
  after: UserId | '',
  limit: number,
): { readonly list: { readonly user: UserId; readonly text: string }[]; readonly next: UserId | '' } {
  // A blank sorts before all that a longer name could go on with.
  const from = `${place}/${after === '' ? '' : `${after} `}`;
  const rows = turn.range<string>('react', { from, to: `${place}/~`, limit: limit + 1 });
  const list = rows.slice(0, limit).map(([key, text]) => ({ user: key.slice(place.length + 1), text }));
  return { list, next: rows.length > limit ? (list.at(-1)?.user ?? '') : '' };
}

/** As `user` is told of them: the most frequent first. */
export function reactionsTo(turn: Turn, place: string, { counts }: AmendRow, user: UserId): Reaction[] {
  if (counts.length === 0) return [];
  const own = reactionOf(turn, place, user);
  const sorted = counts.toSorted(([one, a], [other, b]) => b - a || (one < other ? -1 : 1));
  return sorted.map(([text, count]) => ({ text, count, own: text === own }));
}
