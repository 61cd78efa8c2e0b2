/** A log as its only writer knows it, for tests that compare. */
import type { FollowedEntry, Following, Journal, JournalEntry, PartitionId } from '../../runtime/ports.ts';
import { collect, entryFor } from './journal.ts';

const busy_tries_max = 100;

export class WrittenLog {
  readonly journal: Journal;
  readonly #entries = new Map<PartitionId, JournalEntry[]>();

  constructor(journal: Journal) {
    this.journal = journal;
  }

  /** All that was appended to a partition. */
  entries(partition: PartitionId): readonly JournalEntry[] {
    return this.#entries.get(partition) ?? [];
  }

  /** Of its last entry, 0 for none. */
  lastSeq(partition: PartitionId): number {
    return this.entries(partition).at(-1)?.seq ?? 0;
  }

  /** One entry for each of these partitions, in one batch. */
  async append(partitions: readonly PartitionId[], bytes?: Uint8Array): Promise<void> {
    const batch = partitions.map((partition) => entryFor(partition, this.lastSeq(partition), bytes));
    let outcome = await this.journal.append(batch);
    // Nothing was appended: an election, as there is one now and then on a busy machine.
    for (let tries = 0; outcome.kind === 'busy' && tries < busy_tries_max; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      outcome = await this.journal.append(batch);
    }
    if (outcome.kind !== 'appended') throw new Error(`not appended: ${JSON.stringify(outcome)}`);
    for (const [i, append] of batch.entries()) {
      const entry = { seq: outcome.seqs[i] ?? 0, bytes: append.bytes };
      this.#entries.set(append.partition, [...this.entries(append.partition), entry]);
    }
  }

  /** What a follower of these partitions must be given that has seen so much. */
  after(seen: ReadonlyMap<PartitionId, number>): FollowedEntry[] {
    return [...seen].flatMap(([partition, seq]) =>
      this.entries(partition)
        .filter((entry) => entry.seq > seq)
        .map((entry) => ({ ...entry, partition })),
    );
  }
}

/** Calls `next` until there are so many entries. */
export async function take(following: Following, count: number): Promise<FollowedEntry[]> {
  const taken: FollowedEntry[] = [];
  while (taken.length < count) taken.push(...(await following.next()));
  return taken;
}

/** Of each partition in the order they have, so that two of them can be compared. */
export function words(entries: readonly FollowedEntry[]): Record<PartitionId, string[]> {
  const found: Record<PartitionId, string[]> = {};
  for (const { partition, seq, bytes } of entries) {
    found[partition] ??= [];
    found[partition].push(`${seq}: ${Buffer.from(bytes).toString('latin1')}`);
  }
  return found;
}

export async function seqsOf(journal: Journal, partition: PartitionId): Promise<number[]> {
  const entries = await collect(journal.read(partition, 0, Number.MAX_SAFE_INTEGER));
  return entries.map(({ seq }) => seq);
}
