import type {
  Accepted,
  AmendedEvent,
  DeclinedEvent,
  ExpiredEvent,
  FailedEvent,
  GoneEvent,
  GroupEvent,
  MessageEvent,
  Presence,
  ReceiptEvent,
  Refused,
  SeenEvent,
  SelfEvent,
  TimelineEvent,
  TypingNews,
  VanishedEvent,
  VanishingEvent,
} from '../proto/words.ts';
import type { RingpostError } from './errors.ts';
import { sdkLimits } from './limits.ts';

/** An event with its number in this user's timeline. */
export type Numbered<Event extends TimelineEvent> = Event & { readonly n: number };

/** Where the connection stands. `waiting` says why, and after how many ms the next try follows; `closed` is for good. */
export interface StateNews {
  readonly kind: 'state';
  readonly state: 'connecting' | 'online' | 'waiting' | 'closed';
  /** Of the server that this is about. */
  readonly url: string;
  readonly error?: RingpostError;
  readonly afterMs?: number;
}
/** The server's log begins anew at `cursor`: what the application holds of this account may be incomplete. */
export interface ResetNews {
  readonly kind: 'reset';
  readonly epoch: string;
  readonly cursor: number;
}
/** Something failed that belongs to no call: the storage, mostly. */
export interface TroubleNews {
  readonly kind: 'trouble';
  readonly error: RingpostError;
}

/**
 * All that a client tells its application. `message`, `receipt`, `failed`, `seen`, `expired`, `group`, `declined`, `amended`, `vanishing`, `vanished`, `self` and `gone` are the timeline: each exactly
 * once, in order.
 * `message` is also told of messages that another device of this user sent; `accepted` of those this client sent.
 * `refused` with `retry` is news only: the client itself sends that message again, unless it is to be so for longer than a minute (`afterMs`): then its handle has failed.
 */
export type ClientEvent =
  | Numbered<MessageEvent>
  | Numbered<ReceiptEvent>
  | Numbered<FailedEvent>
  | Numbered<SeenEvent>
  | Numbered<ExpiredEvent>
  | Numbered<GroupEvent>
  | Numbered<DeclinedEvent>
  | Numbered<AmendedEvent>
  | Numbered<VanishingEvent>
  | Numbered<VanishedEvent>
  | Numbered<SelfEvent>
  | Numbered<GoneEvent>
  | Accepted
  | Refused
  | TypingNews
  | Presence
  | StateNews
  | ResetNews
  | TroubleNews;
export type ClientEventKind = ClientEvent['kind'];
export type ClientEventOf<Kind extends ClientEventKind> = Extract<ClientEvent, { readonly kind: Kind }>;
type Listener = (event: ClientEvent) => void;

/** Passes events on to callbacks and streams, and knows how far the streams have got. */
export class EventHub {
  readonly #listeners = new Map<ClientEventKind, Listener[]>();
  readonly #streams = new Set<EventStream>();
  readonly #consumed: () => void;

  /** `consumed` is called when a stream's reader has come further. */
  constructor(consumed: () => void) {
    this.#consumed = consumed;
  }

  on<Kind extends ClientEventKind>(kind: Kind, listener: (event: ClientEventOf<Kind>) => void): () => void {
    // Emitting looks listeners up by the kind of the event, so each gets its own kind alone.
    const own = listener as Listener;
    this.#listeners.set(kind, [...(this.#listeners.get(kind) ?? []), own]);
    return () => {
      const others = (this.#listeners.get(kind) ?? []).filter((other) => other !== own);
      this.#listeners.set(kind, others);
    };
  }

  stream(): EventStream {
    const stream: EventStream = new EventStream(this.#consumed, () => this.#streams.delete(stream));
    this.#streams.add(stream);
    return stream;
  }

  emit(event: ClientEvent): void {
    const listeners = this.#listeners.get(event.kind);
    if (listeners !== undefined) {
      for (const listener of listeners) {
        try {
          listener(event);
        } catch (error) {
          // An application's bug stays as loud as without us, but must not cut the others off from their events.
          queueMicrotask(() => {
            throw error;
          });
        }
      }
    }
    for (const stream of this.#streams) stream.push(event);
  }

  /** How far every reader has got, of `cursor` events. */
  consumedOf(cursor: number): number {
    let consumed = cursor;
    for (const stream of this.#streams) consumed = Math.min(consumed, stream.oldest() - 1);
    return consumed;
  }

  end(): void {
    for (const stream of [...this.#streams]) stream.end();
  }
}

const done: IteratorResult<ClientEvent, undefined> = { done: true, value: undefined };

/**
 * One reader of the client's events. A timeline event counts as consumed when the reader asks for the one after it, and only consumed
 * events are acknowledged: so a slow reader slows the server down, and what waits here stays within the server's window.
 */
export class EventStream implements AsyncIterableIterator<ClientEvent, undefined> {
  readonly #consumed: () => void;
  readonly #left: () => void;
  #queue: ClientEvent[] = [];
  #head = 0;
  #volatile = 0;
  /** Number of the timeline event the reader is at work on, 0 for none. */
  #inHand = 0;
  #waiting: ((result: IteratorResult<ClientEvent, undefined>) => void)[] = [];
  #ended = false;

  constructor(consumed: () => void, left: () => void) {
    this.#consumed = consumed;
    this.#left = left;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<ClientEvent, undefined>> {
    if (this.#inHand > 0) {
      this.#inHand = 0;
      this.#consumed();
    }
    if (this.#head < this.#queue.length) return Promise.resolve({ done: false, value: this.#shift() });
    if (this.#ended) return Promise.resolve(done);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  return(): Promise<IteratorResult<ClientEvent, undefined>> {
    this.#queue = [];
    this.#head = 0;
    this.#inHand = 0;
    this.end();
    this.#consumed();
    return Promise.resolve(done);
  }

  push(event: ClientEvent): void {
    if (this.#ended) return;
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) {
      this.#inHand = numberOf(event);
      waiting({ done: false, value: event });
      return;
    }
    if (isVolatile(event) && ++this.#volatile > sdkLimits.stream_volatile_max) this.#dropOldestVolatile();
    this.#queue.push(event);
  }

  /** Number of the oldest timeline event that is not consumed; Infinity for none. */
  oldest(): number {
    if (this.#inHand > 0) return this.#inHand;
    for (let at = this.#head; at < this.#queue.length; at++) {
      const n = numberOf(this.#queue[at]!);
      if (n > 0) return n;
    }
    return Number.POSITIVE_INFINITY;
  }

  /** What has arrived can still be read; then the stream is done. */
  end(): void {
    this.#ended = true;
    this.#left();
    for (const waiting of this.#waiting.splice(0)) waiting(done);
  }

  #shift(): ClientEvent {
    const event = this.#queue[this.#head++]!;
    if (this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    if (isVolatile(event)) this.#volatile--;
    this.#inHand = numberOf(event);
    return event;
  }

  #dropOldestVolatile(): void {
    this.#queue = this.#queue.slice(this.#head);
    this.#head = 0;
    this.#queue.splice(this.#queue.findIndex(isVolatile), 1);
    this.#volatile--;
  }
}

function isVolatile(event: ClientEvent): boolean {
  return event.kind === 'typing' || event.kind === 'presence' || event.kind === 'state';
}

function numberOf(event: ClientEvent): number {
  switch (event.kind) {
    case 'message':
    case 'receipt':
    case 'failed':
    case 'seen':
    case 'expired':
    case 'group':
    case 'declined':
    case 'amended':
    case 'vanishing':
    case 'vanished':
    case 'self':
    case 'gone':
      return event.n;
    default:
      return 0;
  }
}
