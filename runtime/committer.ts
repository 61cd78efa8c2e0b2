/**
 * Group commit: gathers the open records of all dirty partitions of a node into one append (ARCHITECTURE §4). Self-clocking: while one
 * append is in flight the next gathers; no lingering. All answers of the journal are handled here; a position is never abandoned (A2).
 */
import type { Limits } from './limits.ts';
import type { SealedRecord } from './open-record.ts';
import type { Partition } from './partition.ts';
import type { Append, AppendOutcome, JournalEntry, Ports } from './ports.ts';
import { decodeRecord } from './record.ts';

interface Waiting {
  readonly partition: Partition;
  readonly sealed: SealedRecord;
}

export interface CommitterHost {
  readonly ports: Ports;
  readonly limits: Limits;
  /** Partitions that may be dirty. */
  partitions(): Iterable<Partition>;
  /** Another owner has written: this partition is no longer ours, for good. */
  fenced(partition: Partition): void;
  /** An invariant does not hold in this partition. */
  broken(partition: Partition, error: unknown): void;
  /** Some records became durable. */
  advanced(): void;
}

/** Sums since the start, for figures. */
export interface CommitCounts {
  appends: number;
  records: number;
  turns: number;
  bytes: number;
}

/** Waits between tries while the journal is busy or silent, ms. */
const backoff_first_ms = 20;
const backoff_max_ms = 500;

/** The shortest time of an append counts for double after this long. */
const idle_doubles_ms = 60_000;
/** Share of the last append in the moving mean. */
const mean_weight = 0.1;
/** Appends on idle machines differ by this much. */
const idle_spread = 1.5;
/** Timers count in milliseconds: a shorter rest would become a longer one. */
const shortest_rest_ms = 1;

/** Tries of one append, about half a second each, before an operator is told. */
const tries_told = 8;

export class Committer {
  readonly counts: CommitCounts = { appends: 0, records: 0, turns: 0, bytes: 0 };
  readonly #host: CommitterHost;
  #inFlight = 0;
  #stopped = false;
  #resting = false;
  /** About what an append takes on idle machines, ms, and when the last one was done. */
  #idleMs = Number.POSITIVE_INFINITY;
  #tookAtMs = 0;
  #meanMs = 0;
  #stuckSinceMs: number | undefined;

  constructor(host: CommitterHost) {
    this.#host = host;
  }

  /** Appends what has gathered, unless enough is in flight. */
  kick(): void {
    if (this.#stopped || this.#resting) return;
    while (this.#inFlight < this.#host.limits.appends_in_flight_max) {
      const batch = this.#gather();
      if (batch.length === 0) return;
      this.#inFlight++;
      void this.#commit(batch);
    }
  }

  stop(): void {
    this.#stopped = true;
  }

  /** For how long the journal has taken nothing of what it was to take, ms; 0 while it does. */
  get stuckMs(): number {
    return this.#stuckSinceMs === undefined ? 0 : this.#host.ports.clock.monotonicMs() - this.#stuckSinceMs;
  }

  #gather(): Waiting[] {
    const batch: Waiting[] = [];
    for (const partition of this.#host.partitions()) {
      if (partition.stopped || partition.inFlight !== undefined || !partition.dirty) continue;
      const sealed = this.#guarded(partition, () => partition.seal());
      if (sealed === undefined) continue;
      this.counts.records++;
      this.counts.turns += sealed.turns;
      this.counts.bytes += sealed.bytes.byteLength;
      this.#host.ports.probe?.sealed(sealed.turns, sealed.bytes.byteLength);
      batch.push({ partition, sealed });
      if (batch.length === this.#host.limits.append_batch_max) break;
    }
    return batch;
  }

  async #commit(batch: readonly Waiting[]): Promise<void> {
    const { clock, probe } = this.#host.ports;
    const startedMs = clock.monotonicMs();
    let triedMs = startedMs;
    let waiting = batch;
    for (let tries = 0; waiting.length > 0 && !this.#stopped; tries++) {
      this.counts.appends++;
      const outcome = await this.#append(waiting);
      probe?.appended(outcome.kind, waiting.length, clock.monotonicMs() - triedMs);
      for (const { partition } of waiting) if (outcome.kind === 'appended') partition.provenMs = startedMs;
      waiting = await this.#settle(waiting, outcome, tries);
      if (waiting.length > 0) triedMs = clock.monotonicMs();
    }
    this.#inFlight--;
    this.#stuckSinceMs = undefined;
    const nowMs = clock.monotonicMs();
    this.#rest(nowMs - startedMs, nowMs);
    this.#host.advanced();
  }

  /**
   * An append costs the journal about the same whatever its size, and takes longer the busier the machines are. So the node rests for a share
   * of what the last ones took beyond what one takes on idle machines: not at all while they are idle, and for ever larger records once they
   * are not. The same sign that TCP Vegas (Brakmo, Peterson 1995) goes by.
   */
  #rest(tookMs: number, nowMs: number): void {
    const { append_rest_percent, append_rest_ms_max } = this.#host.limits;
    // What is idle may have changed: the shortest time seen is believed less and less.
    this.#idleMs = Math.min(tookMs, this.#idleMs * 2 ** ((nowMs - this.#tookAtMs) / idle_doubles_ms));
    this.#tookAtMs = nowMs;
    // One slow append among quick ones is a disk's or a scheduler's whim, not load.
    this.#meanMs += (tookMs - this.#meanMs) * mean_weight;
    const beyondMs = this.#meanMs - this.#idleMs * idle_spread;
    const restMs = Math.min((beyondMs * append_rest_percent) / 100, append_rest_ms_max);
    if (restMs < shortest_rest_ms || this.#stopped) return;
    this.#resting = true;
    this.#host.ports.timers.after(restMs, () => {
      this.#resting = false;
      this.kick();
    });
  }

  async #append(waiting: readonly Waiting[]): Promise<AppendOutcome> {
    try {
      return await this.#host.ports.journal.append(waiting.map(toAppend));
    } catch (error) {
      return { kind: 'unknown', reason: `the journal's driver threw: ${error}` };
    }
  }

  /** What goes wrong in one partition stops that one, not the others of its batch. */
  #guarded<T>(partition: Partition, act: () => T): T | undefined {
    try {
      return act();
    } catch (error) {
      this.#host.broken(partition, error);
      return undefined;
    }
  }

  /** Acts on one answer; returns what must be appended again. */
  async #settle(waiting: readonly Waiting[], outcome: AppendOutcome, tries: number): Promise<readonly Waiting[]> {
    const { clock, log } = this.#host.ports;
    this.#stuckSinceMs = outcome.kind === 'appended' ? undefined : (this.#stuckSinceMs ?? clock.monotonicMs());
    if (outcome.kind === 'appended') {
      for (const [i, { partition }] of waiting.entries()) {
        this.#guarded(partition, () => {
          const seq = outcome.seqs[i];
          if (seq === undefined) throw new Error('invariant: a sequence for every append');
          partition.committed(seq, waiting.length);
        });
      }
      return [];
    }
    if (outcome.kind === 'busy' || outcome.kind === 'unknown') {
      const about = { outcome: outcome.kind, reason: outcome.reason, tries };
      const words = 'the journal did not take an append; trying again';
      // An election is no news; one that lasts is, and is told again now and then.
      if (tries % tries_told === tries_told - 1) log.warn(about, words);
      else log.info(about, words);
      await this.#pause(tries);
      return waiting.filter(({ partition }) => !partition.stopped);
    }
    return this.#readBack(waiting, outcome.kind, tries);
  }

  /** After a mismatch or a duplicate the journal's own last record of each partition tells what happened. */
  async #readBack(waiting: readonly Waiting[], why: string, tries: number): Promise<readonly Waiting[]> {
    const again: Waiting[] = [];
    for (const one of waiting) {
      const { partition, sealed } = one;
      if (partition.stopped) continue;
      let last: JournalEntry | undefined;
      try {
        last = await this.#host.ports.journal.last(partition.id);
      } catch (error) {
        this.#host.ports.log.warn({ partition: partition.id, why, error }, 'reading back failed; trying again');
        again.push(one);
        continue;
      }
      const verdict = this.#judge(partition, sealed, last);
      if (verdict === 'mine') this.#guarded(partition, () => partition.committed(last?.seq ?? 0, waiting.length));
      else if (verdict === 'fenced') this.#host.fenced(partition);
      else again.push(one);
    }
    if (again.length === waiting.length) await this.#pause(tries);
    return again;
  }

  #judge(partition: Partition, sealed: SealedRecord, last: JournalEntry | undefined): 'mine' | 'fenced' | 'not yet' {
    if ((last?.seq ?? 0) === partition.position.seq) return 'not yet';
    if (last === undefined) return 'fenced';
    try {
      const { epoch, number, writer } = decodeRecord(last.bytes, this.#host.ports.codec);
      const { record } = sealed;
      return epoch === record.epoch && number === record.number && writer === record.writer ? 'mine' : 'fenced';
    } catch (error) {
      // Whoever wrote it, nothing can be said to follow it.
      this.#host.ports.log.error({ partition: partition.id, seq: last.seq, error }, 'the last record is not readable');
      return 'fenced';
    }
  }

  #pause(tries: number): Promise<void> {
    const { timers, random } = this.#host.ports;
    const ms = Math.min(backoff_max_ms, backoff_first_ms * 2 ** Math.min(tries, 10)) * (0.5 + random.fraction());
    return new Promise((resolve) => {
      timers.after(ms, resolve);
    });
  }
}

function toAppend({ partition, sealed }: Waiting): Append {
  return {
    partition: partition.id,
    expectedSeq: sealed.record.previousSeq,
    id: sealed.id,
    bytes: sealed.bytes,
  };
}
