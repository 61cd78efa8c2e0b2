import type { Accepted, ClientWord, MessageId } from '../proto/words.ts';
import { RingpostError } from './errors.ts';
import { sdkLimits } from './limits.ts';
import type { Deed } from './storage.ts';

/** A message, or a deed in a group, on its way. */
export interface Sent<Word extends Deed = Deed> {
  readonly id: MessageId;
  readonly word: Word;
  /**
   * Resolves when it is durable at the server (one tick). Rejects with the `RingpostError` that ended it: a final refusal,
   * or `closed`. It may be ignored: a rejection nobody looks at is not an unhandled one.
   */
  readonly accepted: Promise<Accepted>;
  /** The same without waiting; undefined while there is no answer. */
  readonly outcome: Accepted | RingpostError | undefined;
}

type Place = 'waiting' | 'flying' | 'settled';

class Entry implements Sent {
  readonly word: Deed;
  readonly order: number;
  place: Place = 'waiting';
  sentAt = 0;
  failedTries = 0;
  outcome: Accepted | RingpostError | undefined;
  /** Of the first try alone. */
  trace: string | undefined;
  #promise: Promise<Accepted> | undefined;
  #settle: ((outcome: Accepted | RingpostError) => void) | undefined;

  constructor(word: Deed, order: number) {
    this.word = word;
    this.order = order;
  }

  get id(): MessageId {
    return this.word.id;
  }

  /** Made on first use: a sender of many thousand messages that only listens for receipts pays for no promise. */
  get accepted(): Promise<Accepted> {
    if (this.#promise === undefined) {
      this.#promise = new Promise((resolve, reject) => {
        this.#settle = (outcome) => (outcome instanceof RingpostError ? reject(outcome) : resolve(outcome));
        if (this.outcome !== undefined) this.#settle(this.outcome);
      });
      this.#promise.catch(() => undefined);
    }
    return this.#promise;
  }

  settle(outcome: Accepted | RingpostError): void {
    this.place = 'settled';
    this.outcome = outcome;
    this.#settle?.(outcome);
  }
}

/**
 * Messages without a final answer, in the order they were sent. At most `sends_in_flight_max` are under way; refused ones go first;
 * `rewind` makes all of them waiting again, for a new socket.
 */
export class Outbox {
  readonly #kept = new Map<MessageId, Entry>();
  #orders = 0;
  #waiting: Entry[] = [];
  #next = 0;
  /** Refused, to be sent again: all of them older than what waits. */
  #again: Entry[] = [];
  #flying = 0;
  /** Some application follows its messages. */
  #follows = false;

  get size(): number {
    return this.#kept.size;
  }

  has(id: MessageId): boolean {
    return this.#kept.has(id);
  }

  all(): Sent[] {
    return [...this.#kept.values()];
  }

  saved(): Deed[] {
    return Array.from(this.#kept.values(), ({ word }) => word);
  }

  /** Throws `outbox_full`. A word whose id is kept already is that word. `trace`: a W3C `traceparent` to go along with it. */
  add(word: Deed, trace?: string): Sent {
    const same = this.#kept.get(word.id);
    if (same !== undefined) return same;
    if (this.#kept.size >= sdkLimits.outbox_messages_max) {
      throw new RingpostError(
        'outbox_full',
        `${this.#kept.size} messages wait for the server; send again later.`,
        true,
      );
    }
    const entry = new Entry(word, this.#orders++);
    entry.trace = trace;
    this.#follows ||= trace !== undefined;
    this.#kept.set(entry.id, entry);
    this.#waiting.push(entry);
    return entry;
  }

  /** The trace of the first of these words that has one, which is used up by that. */
  takeTrace(words: readonly ClientWord[]): string | undefined {
    if (!this.#follows) return undefined;
    for (const word of words) {
      const entry = 'id' in word ? this.#kept.get(word.id) : undefined;
      if (entry?.trace === undefined) continue;
      const { trace } = entry;
      entry.trace = undefined;
      return trace;
    }
    return undefined;
  }

  /** Is there a message that may leave now? */
  get ready(): boolean {
    const waiting = this.#again.length > 0 || this.#next < this.#waiting.length;
    return waiting && this.#flying < sdkLimits.sends_in_flight_max;
  }

  /** The next message that may leave now, which counts as sent from here on. */
  take(now: number): Deed | undefined {
    if (this.#flying >= sdkLimits.sends_in_flight_max) return undefined;
    const entry = this.#again.length > 0 ? this.#again.shift()! : this.#nextWaiting();
    if (entry === undefined) return undefined;
    entry.place = 'flying';
    entry.sentAt = now;
    this.#flying++;
    return entry.word;
  }

  #nextWaiting(): Entry | undefined {
    while (this.#next < this.#waiting.length) {
      const entry = this.#waiting[this.#next++]!;
      if (this.#next >= sdkLimits.sends_in_flight_max && this.#next * 2 > this.#waiting.length) {
        this.#waiting = this.#waiting.slice(this.#next);
        this.#next = 0;
      }
      // After a rewind, a message may be found in the timeline before its turn comes.
      if (entry.place === 'waiting') return entry;
    }
    this.#waiting = [];
    this.#next = 0;
    return undefined;
  }

  /** A final answer. False: there is no such message (any more). */
  settle(id: MessageId, outcome: Accepted | RingpostError): boolean {
    const entry = this.#kept.get(id);
    if (entry === undefined) return false;
    this.#kept.delete(id);
    if (entry.place === 'flying') this.#flying--;
    else if (this.#again.length > 0) this.#again = this.#again.filter((other) => other !== entry);
    entry.settle(outcome);
    return true;
  }

  /**
   * Refused for now: this message is the next to leave. One that the server fails at again and again would hold up all others for
   * ever: after `failed_tries_max` times the refusal is final.
   */
  putBack(id: MessageId, error: RingpostError): void {
    const entry = this.#kept.get(id);
    if (entry?.place !== 'flying') return;
    if (error.code === 'internal' && ++entry.failedTries >= sdkLimits.failed_tries_max) {
      this.settle(id, error);
      return;
    }
    entry.place = 'waiting';
    this.#flying--;
    this.#again.push(entry);
    this.#again.sort((one, other) => one.order - other.order);
  }

  /** Nothing of this is known at the other end any more: all of it waits again, in order. */
  rewind(): void {
    this.#waiting = [...this.#kept.values()];
    this.#next = 0;
    this.#again = [];
    this.#flying = 0;
    for (const entry of this.#waiting) entry.place = 'waiting';
  }

  /** Has a message been under way since before `since`? */
  staleSince(since: number): boolean {
    for (const entry of this.#kept.values()) {
      if (entry.place === 'flying') return entry.sentAt < since;
    }
    return false;
  }

  settleAll(error: RingpostError): void {
    for (const id of [...this.#kept.keys()]) this.settle(id, error);
  }
}
