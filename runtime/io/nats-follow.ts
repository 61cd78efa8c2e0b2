/**
 * Following partitions of the journal: one consumer for all of them, whose pulls wait at the server until something is appended.
 *
 * A follower that hangs in silence would be promoted with a hole, so every way to hang has an end: `nats-pull.ts` ends it when the consumer, or
 * what it sent, is gone. What remains is a consumer that lives and has nothing because its server lags, is cut off from the others, or has
 * stopped handing out; only the stream's leader knows better, so a follower that waits asks it.
 */
import type { FollowedEntry, Following, JournalEntry, PartitionId } from '../ports.ts';
import type { NatsLink } from './nats.ts';
import { PullConsumer } from './nats-pull.ts';
import { askState } from './nats-stream.ts';

const limits = {
  /** From the look at the leader that found an entry to the end of the patience with a consumer that does not hand it out. */
  late_ms_max: 2_000,
  /** Nobody tells where the log ends; longer than an election of JetStream (4 to 9 s). */
  blind_ms_max: 12_000,
};

export interface FollowOptions {
  readonly link: NatsLink;
  readonly stream: string;
  /** A partition's subject is this and its number. */
  readonly prefix: string;
  /** A partition's first entry at or after `seq`, from the stream's leader. */
  readonly first: (partition: PartitionId, seq: number) => Promise<JournalEntry | undefined>;
}

export function followLog(options: FollowOptions, after: ReadonlyMap<PartitionId, number>): Following {
  return after.size === 0 ? new FollowingNothing() : new NatsFollowing(options, after);
}

class NatsFollowing implements Following {
  readonly #options: FollowOptions;
  readonly #consumer: PullConsumer;
  /** Of each partition, the last sequence that came or was not wanted. */
  readonly #seen: Map<PartitionId, number>;
  /** Up to here the leader has nothing that did not come. */
  #provenSeq = 0;
  #looking = false;
  /** The leader has it, and it did not come. */
  #overdue: { readonly partition: PartitionId; readonly seq: number; readonly sinceMs: number } | undefined;
  /** When there was no doubt last. */
  #certainAtMs = 0;

  constructor(options: FollowOptions, after: ReadonlyMap<PartitionId, number>) {
    this.#options = options;
    this.#seen = new Map(after);
    this.#consumer = new PullConsumer(options.link, {
      stream: options.stream,
      subjects: [...after.keys()].map((partition) => options.prefix + partition),
      fromSeq: Math.min(...after.values()) + 1,
      quiet: () => this.#quiet(),
    });
  }

  async next(): Promise<readonly FollowedEntry[]> {
    this.#certainAtMs = performance.now();
    for (;;) {
      const entries: FollowedEntry[] = [];
      for (const { subject, seq, bytes } of await this.#consumer.next()) {
        const partition = Number(subject.slice(this.#options.prefix.length));
        // Partitions begin at different places, and the consumer at the first of them.
        if (seq <= (this.#seen.get(partition) ?? 0)) continue;
        this.#seen.set(partition, seq);
        entries.push({ partition, seq, bytes });
      }
      if (entries.length > 0) return entries;
      this.#certainAtMs = performance.now();
    }
  }

  stop(): void {
    this.#consumer.stop();
  }

  #quiet(): void {
    const nowMs = performance.now();
    const overdue = this.#overdue;
    if (overdue !== undefined && this.#hasSeen(overdue.partition, overdue.seq)) this.#overdue = undefined;
    else if (overdue !== undefined && nowMs - overdue.sinceMs > limits.late_ms_max) {
      const { partition, seq } = overdue;
      this.#consumer.stop(`entry ${seq} of partition ${partition} did not come in ${limits.late_ms_max} ms`);
    } else if (nowMs - this.#certainAtMs > limits.blind_ms_max)
      this.#consumer.stop(`no leader tells where the log ends for ${limits.blind_ms_max} ms`);
    if (!this.#looking) void this.#look();
  }

  /** Of an idle journal this costs one question. */
  async #look(): Promise<void> {
    const { link, stream } = this.#options;
    this.#looking = true;
    try {
      const { last_seq: endSeq } = await askState(link, stream);
      const missing = endSeq > this.#provenSeq ? await this.#missing() : undefined;
      if (missing === undefined) this.#provenSeq = Math.max(this.#provenSeq, endSeq);
      else this.#overdue ??= { ...missing, sinceMs: performance.now() };
      this.#certainAtMs = performance.now();
    } catch {
      // Nobody knows now; `blind_ms_max` bounds how long.
    } finally {
      this.#looking = false;
    }
  }

  async #missing(): Promise<{ partition: PartitionId; seq: number } | undefined> {
    for (const [partition, seenSeq] of [...this.#seen]) {
      const entry = await this.#options.first(partition, Math.max(seenSeq, this.#provenSeq) + 1);
      // It may have come while the leader was asked.
      if (entry !== undefined && !this.#hasSeen(partition, entry.seq)) return { partition, seq: entry.seq };
    }
    return undefined;
  }

  #hasSeen(partition: PartitionId, seq: number): boolean {
    return (this.#seen.get(partition) ?? 0) >= seq;
  }
}

/** A consumer without subjects would be one of all subjects. */
class FollowingNothing implements Following {
  readonly #stopped: Promise<never>;
  #stop: () => void = () => {};

  constructor() {
    this.#stopped = new Promise((_, reject) => {
      this.#stop = () => reject(new Error('following was interrupted: stopped'));
    });
    this.#stopped.catch(() => {});
  }

  next(): Promise<never> {
    return this.#stopped;
  }

  stop(): void {
    this.#stop();
  }
}
