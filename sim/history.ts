/**
 * What the users of one device saw, as their application would tell it: the only witness of what was promised to clients. It is checked as
 * it grows, and against the timelines at the end.
 */
import type { Accepted, ClientEvent, RingpostError, Sent } from '../client/index.ts';
import type { Send, TimelineEvent } from '../proto/words.ts';
import { Violation } from './violation.ts';

/** One message that this device was given to send. */
export interface Sending {
  readonly id: string;
  readonly to: string;
  readonly body: string;
  /**
   * Order of the calls of `send`, and the life of the client that they were made in; undefined where it was given again in a later life: what the
   * first one had stored of it decides which call counts.
   */
  readonly order: number;
  life: number | undefined;
  /** Undefined: open, or nobody knows. */
  accepted: Accepted | undefined;
  refused: RingpostError | undefined;
}

export type NumberedEvent = TimelineEvent & { readonly n: number };

export class History {
  readonly user: string;
  readonly device: string;
  readonly sendings = new Map<string, Sending>();
  /** All events that this device was ever told of, by number. */
  readonly seen = new Map<number, NumberedEvent>();
  /** Number of the last event that the application was told of, in this life or kept from the one before. */
  #last = 0;
  /** By peer: how far receipts said that it had got, in this life or before. */
  readonly #receipts = new Map<string, { readonly n: number; readonly delivered: number; readonly read: number }>();
  #life = 0;
  /** It has logged in once more and knows nothing: where it begins is the server's to say. */
  #isNew = false;
  /** Events before the place where it began, or began anew. */
  readonly excused = new Set<number>();

  constructor(user: string, device: string) {
    this.user = user;
    this.device = device;
  }

  /** The application starts with what it kept: events up to and including this number. `isNew`: it kept nothing, and logs in. */
  begins(cursor: number, isNew = false): void {
    this.#life++;
    this.#isNew = isNew && this.#life > 1;
    this.#last = cursor;
  }

  sends({ word: { id, to, body } }: Sent<Send>): Sending {
    const before = this.sendings.get(id);
    if (before !== undefined) {
      if (before.life !== this.#life) before.life = undefined;
      return before;
    }
    const order = this.sendings.size;
    const sending: Sending = { id, to, body, order, life: this.#life, accepted: undefined, refused: undefined };
    this.sendings.set(id, sending);
    return sending;
  }

  /** The client's word on a message: for good. Throws `Violation`. */
  accepted(word: Accepted): void {
    const sending = this.sendings.get(word.id);
    if (sending === undefined)
      throw this.#wrong('client', `was told that ${word.id} was accepted, which it never sent`, word.id);
    const before = sending.accepted;
    if (before !== undefined && (before.n !== word.n || before.seq !== word.seq || before.at !== word.at)) {
      const [first, second] = [before, word].map(({ n, seq, at }) => `event ${n}, seq ${seq}, at ${at}`);
      throw this.#wrong('A8', `message ${word.id} was accepted twice: as ${first}, and as ${second}`, word.id);
    }
    sending.accepted = word;
  }

  refused(id: string, error: RingpostError): void {
    const sending = this.sendings.get(id);
    if (sending !== undefined) sending.refused = error;
  }

  /** Throws `Violation`. */
  event(event: ClientEvent & { readonly n: number }): void {
    const numbered = event as NumberedEvent;
    const { n } = numbered;
    if (n <= this.#last) throw this.#wrong('client', `was told of event ${n} after event ${this.#last}`);
    this.#last = n;
    for (let m = n - 1; this.#isNew && m > 0; m--) this.excused.add(m);
    this.#isNew = false;
    const before = this.seen.get(n);
    if (before !== undefined && !sameEvent(before, numbered)) {
      throw this.#wrong('A1', `saw two events ${n}: ${JSON.stringify(before)} and ${JSON.stringify(numbered)}`);
    }
    this.seen.set(n, numbered);
    if (numbered.kind === 'receipt') this.#receipt(numbered);
  }

  #receipt({ n, with: peer, delivered, read }: NumberedEvent & { readonly kind: 'receipt' }): void {
    if (read > delivered) throw this.#wrong('A11', `heard that ${peer} has read ${read}, but has ${delivered}`, peer);
    const before = this.#receipts.get(peer);
    // Events of a life before, told again.
    if (before !== undefined && n <= before.n) return;
    if (before !== undefined && (delivered < before.delivered || read < before.read)) {
      throw this.#wrong(
        'A11',
        `heard that ${peer} went back from ${before.delivered}/${before.read} to ${delivered}/${read}`,
        peer,
      );
    }
    this.#receipts.set(peer, { n, delivered, read });
  }

  #wrong(rule: string, words: string, ...about: readonly string[]): Violation {
    return new Violation(rule, `${this.user}'s ${this.device} ${words}`, [this.user, ...about]);
  }
}

/** A message that nobody fetched in time becomes `expired` in its place, and one that was taken back says nothing any more. */
export function sameEvent(one: NumberedEvent, other: NumberedEvent): boolean {
  if (one.kind === 'message' && other.kind === 'expired') return one.id === other.id && one.seq === other.seq;
  const words = JSON.stringify(other);
  return JSON.stringify(one) === words || JSON.stringify(blanked(one)) === words;
}

function blanked(event: NumberedEvent): NumberedEvent {
  if (event.kind === 'message') {
    const { more: _, ...rest } = event;
    return { ...rest, body: '' };
  }
  return event.kind === 'amended' && event.deed.what === 'edit'
    ? { ...event, deed: { what: 'edit', body: '' } }
    : event;
}
