/**
 * The simulated journal: one log for a world, seen by each node through a connection of its own. It answers as JetStream
 * does (ARCHITECTURE.md, section 4), and loses, delays and repeats as it is told.
 */
import type { Append, AppendOutcome, Journal, JournalEntry, PartitionId } from '../runtime/ports.ts';
import type { SimRandom, SimTime } from './clock.ts';

/** Odds of one request each; may be changed while the world runs. */
export interface JournalFaults {
  /** Way there and way back, each drawn. */
  delayMs: readonly [least: number, most: number];
  /** Not appended, and said so. */
  busy: number;
  /** Not appended, and nothing said. */
  requestLost: number;
  /** Appended, and nothing said. */
  answerLost: number;
  /** Appended only after the asker has given up. */
  late: number;
  /** A read of the end or of the log breaks off. */
  readBroken: number;
}

interface Stored extends JournalEntry {
  readonly id: string;
}

/** JetStream forgets ids after this. */
const id_window_ms = 120_000;
const read_entries_max = 64;

export class SimLog {
  readonly faults: JournalFaults = {
    delayMs: [1, 2],
    busy: 0,
    requestLost: 0,
    answerLost: 0,
    late: 0,
    readBroken: 0,
  };
  /** A single server looks at the sequence before the id, so a repeated single append is a `mismatch` there. */
  idsFirst = true;
  readonly time: SimTime;
  readonly random: SimRandom;
  readonly #logs = new Map<PartitionId, Stored[]>();
  readonly #ids = new Map<string, number>();
  #seq = 0;
  #leaderlessUntilMs = 0;

  constructor(time: SimTime, random: SimRandom) {
    this.time = time;
    this.random = random.stream('journal');
  }

  /** A node's connection. */
  connect(appendWaitMs = 3_000): SimJournal {
    return new SimJournal(this, appendWaitMs);
  }

  /** From now on nobody answers for so long; some requests are refused, some swallowed. */
  loseLeader(ms: number): void {
    this.#leaderlessUntilMs = this.time.nowMs + ms;
  }

  get hasLeader(): boolean {
    return this.time.nowMs >= this.#leaderlessUntilMs;
  }

  /** All entries of a partition, for checkers. */
  entries(partition: PartitionId): readonly Stored[] {
    return this.#logs.get(partition) ?? [];
  }

  /** Forgets the entries before `beforeSeq`, never the last. */
  truncate(partition: PartitionId, beforeSeq: number): void {
    const log = this.entries(partition);
    this.#logs.set(
      partition,
      log.filter(({ seq }, i) => seq >= beforeSeq || i === log.length - 1),
    );
  }

  /** What the leader does with a batch when it reaches it. */
  apply(batch: readonly Append[]): AppendOutcome {
    const repeated = batch.some(({ id }) => this.#knows(id));
    const wrong = batch.some(
      ({ partition, expectedSeq }) => (this.entries(partition).at(-1)?.seq ?? 0) !== expectedSeq,
    );
    if (wrong && (!repeated || (!this.idsFirst && batch.length === 1))) return { kind: 'mismatch' };
    if (repeated) return { kind: 'duplicate' };
    const seqs = batch.map(({ partition, id, bytes }) => {
      const seq = ++this.#seq;
      this.#ids.set(id, this.time.nowMs);
      const log = this.#logs.get(partition);
      if (log === undefined) this.#logs.set(partition, [{ seq, id, bytes }]);
      else log.push({ seq, id, bytes });
      return seq;
    });
    return { kind: 'appended', seqs };
  }

  #knows(id: string): boolean {
    const atMs = this.#ids.get(id);
    return atMs !== undefined && this.time.nowMs - atMs < id_window_ms;
  }
}

export class SimJournal implements Journal {
  /** False while the node is cut off from the journal and knows it. */
  connected = true;
  readonly #log: SimLog;
  readonly #appendWaitMs: number;
  #closed = false;
  #crashed = false;

  constructor(log: SimLog, appendWaitMs: number) {
    this.#log = log;
    this.#appendWaitMs = appendWaitMs;
  }

  async append(batch: readonly Append[]): Promise<AppendOutcome> {
    if (batch.length === 0) return { kind: 'appended', seqs: [] };
    if (this.#closed) return { kind: 'busy', reason: 'the journal is closed' };
    if (!this.connected) return { kind: 'busy', reason: 'not connected to the journal' };
    // The bytes as they are now: a real one copies them to the wire.
    const sent = batch.map((append) => ({ ...append, bytes: append.bytes.slice() }));
    const { time } = this.#log;
    const outcome = await new Promise<AppendOutcome>((resolve) => {
      time.after(this.#appendWaitMs, () =>
        resolve({ kind: 'unknown', reason: `no answer in ${this.#appendWaitMs} ms` }),
      );
      void this.#request(sent).then((answer) => answer !== undefined && resolve(answer));
    });
    return this.#crashed ? never() : outcome;
  }

  /** Undefined: no answer comes. */
  async #request(batch: readonly Append[]): Promise<AppendOutcome | undefined> {
    const { faults, random, time } = this.#log;
    await this.#way();
    if (random.chance(faults.requestLost)) return undefined;
    if (random.chance(faults.busy)) return { kind: 'busy', reason: 'another append in flight (simulated)' };
    if (!this.#log.hasLeader) {
      return random.chance(0.5) ? { kind: 'busy', reason: 'the journal has no leader (simulated)' } : undefined;
    }
    if (random.chance(faults.late)) await time.passed(this.#appendWaitMs + random.between(1, this.#appendWaitMs));
    const outcome = this.#log.apply(batch);
    await this.#way();
    return random.chance(faults.answerLost) ? undefined : outcome;
  }

  async last(partition: PartitionId): Promise<JournalEntry | undefined> {
    await this.#lookUp();
    const entry = this.#log.entries(partition).at(-1);
    await this.#way();
    return this.#crashed ? never() : copyOf(entry);
  }

  async *read(partition: PartitionId, fromSeq: number, toSeq: number): AsyncIterable<JournalEntry> {
    await this.#lookUp();
    const endSeq = Math.min(toSeq, this.#log.entries(partition).at(-1)?.seq ?? 0);
    let from = fromSeq;
    for (;;) {
      const part = this.#log
        .entries(partition)
        .filter(({ seq }) => seq >= from && seq <= endSeq)
        .slice(0, read_entries_max);
      await this.#way();
      for (const entry of part) {
        if (this.#crashed) await never();
        yield { seq: entry.seq, bytes: entry.bytes.slice() };
      }
      if (part.length < read_entries_max) return;
      from = (part.at(-1)?.seq ?? endSeq) + 1;
      await this.#lookUp();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  /** The process is gone: what it sent may still be appended, but it hears of nothing. */
  crash(): void {
    this.#closed = true;
    this.#crashed = true;
  }

  async #lookUp(): Promise<void> {
    if (this.#closed) throw new Error('the journal is closed');
    await this.#way();
    const { faults, random } = this.#log;
    if (!this.connected || !this.#log.hasLeader || random.chance(faults.readBroken)) {
      throw new Error('the journal does not answer now');
    }
  }

  #way(): Promise<void> {
    const { faults, random, time } = this.#log;
    return time.passed(random.between(...faults.delayMs));
  }
}

function copyOf(entry: JournalEntry | undefined): JournalEntry | undefined {
  return entry && { seq: entry.seq, bytes: entry.bytes.slice() };
}

/** What a process that is gone waits for. */
function never(): Promise<never> {
  return new Promise(() => {});
}
