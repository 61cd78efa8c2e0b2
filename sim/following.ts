/** A follower of the simulated journal, as a consumer of JetStream is one: late, interrupted, and at times with a gap nobody speaks of. */
import type { FollowedEntry, Following, PartitionId } from '../runtime/ports.ts';
import type { SimLog } from './journal.ts';

const entries_max = 64;
const late_ms: readonly [least: number, most: number] = [500, 6_000];

export class SimFollowing implements Following {
  readonly #log: SimLog;
  /** The last sequence that each partition's follower was shown, or never will be. */
  readonly #positions: Map<PartitionId, number>;
  readonly #ended: () => void;
  #why: string | undefined;
  #crashed = false;
  #reject: (error: Error) => void = () => {};
  readonly #interrupted: Promise<never>;

  constructor(log: SimLog, after: ReadonlyMap<PartitionId, number>, ended: () => void) {
    this.#log = log;
    this.#positions = new Map(after);
    this.#ended = ended;
    this.#interrupted = new Promise((_, reject) => {
      this.#reject = reject;
    });
    this.#interrupted.catch(() => {});
  }

  async next(): Promise<readonly FollowedEntry[]> {
    return await Promise.race([this.#next(), this.#interrupted]);
  }

  async #next(): Promise<readonly FollowedEntry[]> {
    const { faults, random, time } = this.#log;
    for (;;) {
      while (!this.#hasNews()) {
        await this.#log.grown();
        if (this.#why !== undefined || this.#crashed) return await new Promise(() => {});
      }
      await time.passed(
        random.between(...faults.delayMs) + (random.chance(faults.followLate) ? random.between(...late_ms) : 0),
      );
      if (random.chance(faults.followBroken)) this.interrupt('the consumer is gone (simulated)');
      if (this.#why !== undefined || this.#crashed) return await new Promise(() => {});
      const found = this.#take();
      if (found.length > 0) return found;
    }
  }

  #hasNews(): boolean {
    if (!this.#log.hasLeader) return false;
    for (const [partition, seq] of this.#positions) {
      if ((this.#log.entries(partition).at(-1)?.seq ?? 0) > seq) return true;
    }
    return false;
  }

  #take(): FollowedEntry[] {
    const { faults, random } = this.#log;
    const found: FollowedEntry[] = [];
    for (const [partition, after] of this.#positions) {
      for (const { seq, bytes } of this.#log.part(partition, after + 1, Number.MAX_SAFE_INTEGER, entries_max)) {
        this.#positions.set(partition, seq);
        if (!random.chance(faults.followGap)) found.push({ partition, seq, bytes: bytes.slice() });
      }
    }
    return found.sort((a, b) => a.seq - b.seq);
  }

  stop(): void {
    this.interrupt('stopped');
  }

  /** For the journal's use: `next` rejects from now on. */
  interrupt(why: string): void {
    if (this.#why !== undefined || this.#crashed) return;
    this.#why = why;
    this.#reject(new Error(`no longer following the journal: ${why}`));
    this.#ended();
  }

  /** For the journal's use: the process is gone, and hears of nothing. */
  crash(): void {
    this.#crashed = true;
  }
}
