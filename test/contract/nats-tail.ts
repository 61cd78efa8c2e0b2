/** Follows as a standby does: begins anew after every interruption, from the last entry it saw. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Following, Journal, PartitionId } from '../../runtime/ports.ts';

export class Tail {
  /** Of each partition, all that came. */
  readonly came = new Map<PartitionId, string[]>();
  readonly interruptions: string[] = [];
  readonly #journal: Journal;
  readonly #seen: Map<PartitionId, number>;
  #following: Following | undefined;
  #stopped = false;

  constructor(journal: Journal, partitions: readonly PartitionId[]) {
    this.#journal = journal;
    this.#seen = new Map(partitions.map((partition) => [partition, 0]));
  }

  get entries(): number {
    return [...this.came.values()].reduce((sum, { length }) => sum + length, 0);
  }

  /** Until `stop`. */
  async run(): Promise<void> {
    while (!this.#stopped) {
      this.#following = this.#journal.follow(this.#seen);
      try {
        for (;;) await this.#take(this.#following);
      } catch (error) {
        if (!this.#stopped) this.interruptions.push((error as Error).message);
        await sleep(100);
      }
    }
  }

  async #take(following: Following): Promise<void> {
    for (const { partition, seq, bytes } of await following.next()) {
      this.came.set(partition, [...(this.came.get(partition) ?? []), Buffer.from(bytes).toString()]);
      this.#seen.set(partition, seq);
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#following?.stop();
  }
}
