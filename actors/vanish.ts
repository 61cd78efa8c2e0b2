import type { More, Timer } from '../proto/words.ts';

/** What a message holds, with the timer that it goes by; undefined for one that stays. */
export function withTimer(more: More | undefined, timer: Timer | undefined): More | undefined {
  const { vanish: _, ...rest } = more ?? {};
  const kept: More = timer === undefined ? rest : { ...rest, vanish: timer };
  return Object.keys(kept).length === 0 ? undefined : kept;
}
