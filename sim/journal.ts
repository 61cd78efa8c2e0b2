/**
 * The simulated journal: one log for a world, seen by each node through a connection of its own. It answers as JetStream
 * does (ARCHITECTURE.md, section 4), and loses, delays and repeats as it is told.
 */
import type { Append, AppendOutcome, Following, Journal, JournalEntry, PartitionId } from '../runtime/ports.ts';
import type { SimRandom, SimTime } from './clock.ts';
import { SimFollowing } from './following.ts';

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
  /** A follower is interrupted, and told. */
  followBroken: number;
  /** Entries reach a follower seconds late. */
  followLate: number;
  /** Odds of one entry: a follower is never shown it, and not told. */
  followGap: number;
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
    followBroken: 0,
    followLate: 0,
    followGap: 0,
  };
  /** A single server looks at the sequence before the id, so a repeated single append is a `mismatch` there. */
  idsFirst = true;
  readonly time: SimTime;
  readonly random: SimRandom;
  /** Told of each entry when it is appended. */
  onAppended: (partition: PartitionId, entry: JournalEntry) => void = () => {};
  readonly #logs = new Map<PartitionId, Stored[]>();
  readonly #ids = new Map<string, number>();
  #seq = 0;
  #leaderlessUntilMs = 0;
  #grown: (() => void)[] = [];

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
    this.time.after(ms, () => this.#wakeFollowers());
  }

  get hasLeader(): boolean {
    return this.time.nowMs >= this.#leaderlessUntilMs;
  }

  /** All entries of a partition, for checkers. */
  entries(partition: PartitionId): readonly Stored[] {
    return this.#logs.get(partition) ?? [];
  }

  /** At most `max` entries with `fromSeq <= seq <= toSeq`, ascending. */
  part(partition: PartitionId, fromSeq: number, toSeq: number, max: number): Stored[] {
    const log = this.entries(partition);
    const first = placeOf(log, fromSeq);
    return log.slice(first, Math.min(first + max, placeOf(log, toSeq + 1)));
  }

  /** Resolves at the next append of anybody, or when `leaderless` ends. */
  grown(): Promise<void> {
    return new Promise((resolve) => this.#grown.push(resolve));
  }

  /** Forgets the entries of all partitions before `beforeSeq`, never a partition's last. */
  truncate(beforeSeq: number): void {
    for (const log of this.#logs.values()) log.splice(0, Math.min(placeOf(log, beforeSeq), log.length - 1));
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
      this.onAppended(partition, { seq, bytes });
      return seq;
    });
    this.#wakeFollowers();
    return { kind: 'appended', seqs };
  }

  #wakeFollowers(): void {
    for (const wake of this.#grown.splice(0)) wake();
  }

  #knows(id: string): boolean {
    const atMs = this.#ids.get(id);
    return atMs !== undefined && this.time.nowMs - atMs < id_window_ms;
  }
}

/** Of the first entry that is not before `seq`. */
function placeOf(log: readonly Stored[], seq: number): number {
  let low = 0;
  let high = log.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((log[middle] as Stored).seq < seq) low = middle + 1;
    else high = middle;
  }
  return low;
}

export class SimJournal implements Journal {
  readonly #log: SimLog;
  readonly #appendWaitMs: number;
  readonly #followings = new Set<SimFollowing>();
  #connected = true;
  #closed = false;
  #crashed = false;

  constructor(log: SimLog, appendWaitMs: number) {
    this.#log = log;
    this.#appendWaitMs = appendWaitMs;
  }

  /** False while the node is cut off from the journal and knows it. */
  get connected(): boolean {
    return this.#connected;
  }

  set connected(connected: boolean) {
    this.#connected = connected;
    if (!connected) for (const following of this.#followings) following.interrupt('not connected to the journal');
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
      const part = this.#log.part(partition, from, endSeq, read_entries_max);
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

  follow(after: ReadonlyMap<PartitionId, number>): Following {
    const following = new SimFollowing(this.#log, after, () => this.#followings.delete(following));
    if (this.#closed) following.interrupt('the journal is closed');
    else if (!this.connected) following.interrupt('not connected to the journal');
    else this.#followings.add(following);
    return following;
  }

  async truncate(beforeSeq: number): Promise<void> {
    await this.#lookUp();
    const { faults, random } = this.#log;
    if (random.chance(faults.requestLost)) throw new Error('no answer from the journal');
    this.#log.truncate(beforeSeq);
    await this.#way();
    if (this.#crashed) await never();
    if (random.chance(faults.answerLost)) throw new Error('no answer from the journal');
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const following of this.#followings) following.interrupt('the journal is closed');
  }

  /** The process is gone: what it sent may still be appended, but it hears of nothing. */
  crash(): void {
    this.#closed = true;
    this.#crashed = true;
    for (const following of this.#followings) following.crash();
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
