/** What the engines of all nodes did in a window, whose edges the load generator tells of. */
import type { NodeCounts } from '../runtime/index.ts';
import { type Ratios, ratios } from './actors.ts';
import { each } from './latencies.ts';
import type { Ringpost } from './servers.ts';

export interface ChatRatios extends Ratios {
  /** Turns that went into records, and records, of all actors a message meets on its way. */
  readonly turns_per_msg: number | null;
  readonly records_per_msg: number | null;
}

export class Edges {
  readonly #counts: { [word: string]: Promise<NodeCounts> } = {};
  readonly #ringpost: Ringpost;

  constructor(ringpost: Ringpost) {
    this.#ringpost = ringpost;
  }

  /** `opened` or `closed`. */
  readonly notice = (word: string): void => {
    this.#counts[word] = this.#ringpost.counts();
  };

  async ratios(messages: number): Promise<ChatRatios> {
    const [before, after] = await Promise.all([this.#counts.opened, this.#counts.closed]);
    if (before === undefined || after === undefined) throw new Error('the load did not say when it was measured');
    return {
      ...ratios(before, after),
      turns_per_msg: each(after.recordTurns - before.recordTurns, messages),
      records_per_msg: each(after.records - before.records, messages),
    };
  }
}
