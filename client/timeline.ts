import type { Accepted, Events, TimelineEvent, Welcome } from '../proto/words.ts';
import { sdkLimits } from './limits.ts';

export type Begin = 'continued' | 'begun' | 'reset';

/**
 * The device's place in its timeline. It lets each event pass exactly once and in order: what is at or below the cursor was seen
 * before, what lies beyond the next number means that something is missing.
 */
export class Timeline {
  epoch: string;
  cursor: number;
  /** Own messages that were accepted before their event could count as seen. */
  readonly #ahead = new Set<number>();

  constructor(epoch = '', cursor = 0) {
    this.epoch = epoch;
    this.cursor = cursor;
  }

  welcome(word: Welcome): Begin {
    // The answer to a hello before the last one may say that it did not know this place, which was told meanwhile.
    const isKnown = word.epoch === this.epoch && this.cursor <= word.head;
    const begin = word.recovered || isKnown ? 'continued' : this.epoch === '' ? 'begun' : 'reset';
    this.epoch = word.epoch;
    if (begin === 'continued') return begin;
    this.cursor = word.cursor;
    this.#ahead.clear();
    return begin;
  }

  /** Hands each new event to `pass`, the cursor already on it. False: there is a gap, and nothing was passed. */
  take(word: Events, pass: (event: TimelineEvent, n: number) => void): boolean {
    const skip = this.cursor + 1 - word.from;
    if (skip < 0) return false;
    for (let at = skip; at < word.list.length; at++) {
      const n = word.from + at;
      this.cursor = n;
      if (this.#ahead.size > 0 && this.#ahead.delete(n)) continue;
      pass(word.list[at]!, n);
    }
    return true;
  }

  /** `accepted` stands for its event where that is the next one; otherwise the event is still to come, and is then no news. */
  accepted(word: Accepted): void {
    if (word.n === this.cursor + 1) this.cursor = word.n;
    else if (word.n > this.cursor && this.#ahead.size < sdkLimits.accepted_ahead_max) this.#ahead.add(word.n);
  }
}
