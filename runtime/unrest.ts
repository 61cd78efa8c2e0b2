import type { View } from './ownership-view.ts';
import type { PartitionId } from './ports.ts';

/** Changes of a partition's owner that may follow one another at once. */
const changes_max = 4;
/** Of those, as many are left to failures by moves, which can wait: a node that dies again and again is not to wear them out. */
const kept_for_claims = 2;
/** From then on one in so many times the silence after which a node is suspected. */
const change_every_suspicions = 8;

interface Changes {
  /** That may still follow at once, as of `atMs`. */
  left: number;
  atMs: number;
}

/**
 * Keeps nodes that disagree about who is alive from taking the same partitions from one another all the time: two that don't hear each other while
 * others hear both would otherwise do so many times a second, and each time costs the partition a pause. A token bucket for each partition, filled
 * by time, emptied by changes of its owner, whoever made them.
 */
export class Unrest {
  readonly #everyMs: number;
  readonly #changes = new Map<PartitionId, Changes>();

  constructor(suspectMs: number) {
    this.#everyMs = suspectMs * change_every_suspicions;
  }

  /** The register names other owners. */
  seen(before: View, after: View, nowMs: number): void {
    after.epochs.forEach((epoch, partition) => {
      const changes = epoch - (before.epochs[partition] ?? 0);
      // What is seen first is no news.
      if (changes <= 0 || before.version === 0) return;
      const left = this.#left(partition, nowMs);
      this.#changes.set(partition, { left: Math.max(0, left - changes), atMs: nowMs });
    });
  }

  /** Whether another node may claim a partition now. */
  allowsClaim(partition: PartitionId, nowMs: number): boolean {
    return this.#left(partition, nowMs) >= 1;
  }

  /** Whether a partition that is served may be moved now. */
  allowsMove(partition: PartitionId, nowMs: number): boolean {
    return this.#left(partition, nowMs) >= 1 + kept_for_claims;
  }

  #left(partition: PartitionId, nowMs: number): number {
    const changes = this.#changes.get(partition);
    if (changes === undefined) return changes_max;
    return Math.min(changes_max, changes.left + (nowMs - changes.atMs) / this.#everyMs);
  }
}
