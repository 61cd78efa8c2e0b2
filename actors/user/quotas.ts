/** How often a user may do something in a day. Durable: a move to another node forgives nothing. */
import type { Turn } from '../../runtime/index.ts';

type Quota = 'find' | 'profile' | 'report' | 'stranger' | 'invite';

/** When the first of them was, and how many there were since. */
type QuotaRow = readonly [since: number, count: number];

const day_ms = 24 * 60 * 60 * 1_000;

/** Takes `cost` of `most` in a day, which begins with the first. 0: taken; otherwise nothing was, and so many ms are left of the day. */
export function takeQuota(turn: Turn, quota: Quota, most: number, cost = 1): number {
  const [since, count] = rowOf(turn, quota);
  if (count + cost > most) return since + day_ms - turn.now;
  turn.put('quota', quota, [since, count + cost] satisfies QuotaRow);
  return 0;
}

/** What was taken had no use. */
export function giveBack(turn: Turn, quota: Quota): void {
  const [since, count] = rowOf(turn, quota);
  if (count > 0) turn.put('quota', quota, [since, count - 1] satisfies QuotaRow);
}

function rowOf(turn: Turn, quota: Quota): QuotaRow {
  const row = turn.get<QuotaRow>('quota', quota);
  // A day that begins later than now is one of a clock that was ahead.
  const isOver = row === undefined || row[0] > turn.now || row[0] + day_ms <= turn.now;
  return isOver ? [turn.now, 0] : row;
}
