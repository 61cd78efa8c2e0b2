/**
 * A pull consumer of a stream, made for one reader: in memory, on one server, acknowledging nothing, gone when its reader is.
 *
 * Between it and its reader messages are lost in silence when a connection or a route breaks, and it is gone with its server. So it numbers what
 * it sends, says in every heartbeat how far it has numbered, and whatever does not fit ends it: the reader begins again from the last entry it saw.
 */
import { randomUUID } from 'node:crypto';
import { createInbox, type Msg, type MsgHdrs, type Subscription } from 'nats';
import type { NatsLink } from './nats.ts';
import { askJetStream } from './nats-stream.ts';

const limits = {
  /** Of one pull. As many may wait for the reader while the next pull is under way. */
  pull_entries_max: 512,
  pull_bytes_max: 2 * 1024 * 1024,
  /** A pull waits so long for entries. The next one is also how a consumer is missed that is gone with its server. */
  pull_ms: 2_000,
  heartbeat_ms: 1_000,
  /** Without an entry or a heartbeat while a pull is under way: two heartbeats missed, and some. */
  silence_ms_max: 3_000,
  create_wait_ms_max: 3_000,
  /** A consumer that was just made is not known to every server yet: between pulls that reach nobody, and how many of them. */
  unknown_poll_ms: 50,
  unknown_polls_max: 60,
  /** A consumer that its reader could not delete is removed by the server. */
  consumer_idle_ms_max: 30_000,
};

const request = JSON.stringify({
  batch: limits.pull_entries_max,
  max_bytes: limits.pull_bytes_max,
  expires: limits.pull_ms * 1e6,
  idle_heartbeat: limits.heartbeat_ms * 1e6,
});

export interface PullOptions {
  readonly stream: string;
  readonly subjects: readonly string[];
  /** Of the stream. One before its first entry begins at the first, one after its last at the next that comes. */
  readonly fromSeq: number;
  /** Called about every `heartbeat_ms` while the reader waits: the consumer lives and has nothing for it. */
  readonly quiet?: () => void;
}

export interface Pulled {
  readonly subject: string;
  readonly seq: number;
  readonly bytes: Uint8Array;
}

type Waiting = { readonly resolve: (entries: readonly Pulled[]) => void; readonly reject: (error: Error) => void };

export class PullConsumer {
  readonly #link: NatsLink;
  readonly #options: PullOptions;
  readonly #name = `r-${randomUUID()}`;
  readonly #inbox = createInbox();
  readonly #forget: () => void;
  #subscription: Subscription | undefined;
  #made = false;
  /** It has been heard of: when nobody takes a pull any more, it is gone. */
  #known = false;
  #unknownPolls = 0;
  /** Pulls so far; each is answered on a subject of its own, so that words on an earlier one are told apart. */
  #pulls = 0;
  #underWay = false;
  /** Entries to come of the pull under way. */
  #left = 0;
  /** Entries so far, as the consumer counts them. */
  #delivered = 0;
  /** Messages of any kind so far. */
  #signs = 0;
  #arrived: Pulled[] = [];
  #waiting: Waiting | undefined;
  /** Of the silence while a pull is under way, of the next try while the consumer is not known. */
  #timer: NodeJS.Timeout | undefined;
  #failure: Error | undefined;

  /** Begins at once: the first pull is under way before anybody waits for it. */
  constructor(link: NatsLink, options: PullOptions) {
    this.#link = link;
    this.#options = options;
    this.#forget = link.onLost(() => this.#fail('the connection broke'));
    void this.#make();
  }

  /**
   * At least one entry, in the order of the stream and without gaps; one call at a time. What arrived before an interruption is handed over
   * before `next` rejects.
   */
  next(): Promise<readonly Pulled[]> {
    if (this.#waiting !== undefined) throw new Error('one call of next at a time');
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#settle();
      if (this.#waiting !== undefined) this.#pull();
    });
  }

  /** `next` rejects from now on, for this reason. Deletes the consumer, also one that is being made. */
  stop(why = 'stopped'): void {
    this.#arrived = [];
    this.#fail(why);
  }

  #subscribe(): Subscription {
    const callback = (error: Error | null, message: Msg) => {
      if (error === null) this.#take(message);
      else this.#fail(error.message);
    };
    return this.#link.connection.subscribe(`${this.#inbox}.*`, { callback });
  }

  async #make(): Promise<void> {
    const { stream, subjects, fromSeq } = this.#options;
    const config = {
      name: this.#name,
      deliver_policy: 'by_start_sequence',
      opt_start_seq: Math.max(1, fromSeq),
      ack_policy: 'none',
      filter_subjects: subjects,
      max_waiting: 4,
      mem_storage: true,
      num_replicas: 1,
      inactive_threshold: limits.consumer_idle_ms_max * 1e6,
    };
    const api = `CONSUMER.CREATE.${stream}.${this.#name}`;
    try {
      this.#subscription = this.#subscribe();
      await askJetStream(this.#link, api, { stream_name: stream, config }, limits.create_wait_ms_max);
    } catch (error) {
      this.#fail((error as Error).message);
    }
    this.#made = true;
    if (this.#failure === undefined) this.#pull();
    // Also where nobody said whether it was made.
    else this.#delete();
  }

  #delete(): void {
    if (!this.#link.connected) return;
    const api = `CONSUMER.DELETE.${this.#options.stream}.${this.#name}`;
    void askJetStream(this.#link, api).catch(() => {});
  }

  /** Bounds what waits here: nothing is asked for before what came has been taken. */
  #pull(): void {
    if (!this.#made || this.#underWay || this.#failure !== undefined) return;
    clearTimeout(this.#timer);
    this.#underWay = true;
    this.#left = limits.pull_entries_max;
    this.#timer = setTimeout(() => this.#silent(), limits.silence_ms_max);
    const subject = `$JS.API.CONSUMER.MSG.NEXT.${this.#options.stream}.${this.#name}`;
    try {
      this.#link.connection.publish(subject, request, { reply: `${this.#inbox}.${++this.#pulls}` });
    } catch (error) {
      this.#fail((error as Error).message);
    }
  }

  #take(message: Msg): void {
    if (this.#failure !== undefined) return;
    this.#signs++;
    if (this.#underWay) this.#timer?.refresh();
    // Only entries could be acknowledged.
    if (message.reply) this.#entry(message, message.reply);
    else if (this.#underWay && message.subject === `${this.#inbox}.${this.#pulls}`) this.#status(message.headers);
  }

  #entry(message: Msg, reply: string): void {
    const { seq, nth } = placeOf(reply);
    if (nth !== this.#delivered + 1) {
      this.#fail(`its message ${this.#delivered + 1} is missing`);
      return;
    }
    this.#known = true;
    this.#delivered = nth;
    if (--this.#left === 0) this.#over();
    this.#arrived.push({ subject: message.subject, seq, bytes: message.data });
    // With all that was read from the socket at once.
    if (this.#waiting !== undefined && this.#arrived.length === 1) queueMicrotask(() => this.#settle());
  }

  #status(headers: MsgHdrs | undefined): void {
    const { code = 0, description: words = '' } = headers ?? {};
    if (code === 503) {
      this.#unknown();
      return;
    }
    this.#known = true;
    const missing =
      differs(headers, 'Nats-Last-Consumer', this.#delivered) || differs(headers, 'Nats-Pending-Messages', this.#left);
    const bytesSpent = code === 409 && /exceeds maxbytes/i.test(words);
    if (missing) this.#fail(`messages after its ${this.#delivered}th are missing`);
    else if (bytesSpent && this.#left === limits.pull_entries_max) this.#fail('an entry is larger than a pull may be');
    else if (code === 100) this.#quiet();
    else if (code === 408 || bytesSpent) {
      this.#over();
      this.#quiet();
      if (this.#waiting !== undefined) this.#pull();
    } else this.#fail(`${code} ${words}`);
  }

  #quiet(): void {
    if (this.#waiting !== undefined && this.#arrived.length === 0) this.#options.quiet?.();
  }

  /** Nobody takes the pull: this server hears of the consumer only now, or it is gone. */
  #unknown(): void {
    this.#over();
    if (this.#known || ++this.#unknownPolls > limits.unknown_polls_max) this.#fail('it is gone');
    else this.#timer = setTimeout(() => this.#pull(), limits.unknown_poll_ms);
  }

  #over(): void {
    this.#underWay = false;
    clearTimeout(this.#timer);
  }

  #silent(): void {
    const signs = this.#signs;
    // The event loop may have been held up: what has arrived meanwhile is read before this runs.
    setImmediate(() => {
      if (this.#underWay && this.#signs === signs) this.#fail(`silent for ${limits.silence_ms_max} ms`);
    });
  }

  #settle(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    if (this.#arrived.length > 0) {
      const entries = this.#arrived;
      this.#arrived = [];
      this.#waiting = undefined;
      waiting.resolve(entries);
      // Under way while the reader works on these.
      this.#pull();
    } else if (this.#failure !== undefined) {
      this.#waiting = undefined;
      waiting.reject(this.#failure);
    }
  }

  #fail(why: string): void {
    if (this.#failure !== undefined) return;
    this.#failure = new Error(`${this.#options.stream}: reading was interrupted: ${why}`);
    this.#over();
    this.#forget();
    this.#subscription?.unsubscribe();
    this.#settle();
    if (this.#made) this.#delete();
  }
}

/** `$JS.ACK.<stream>.<consumer>.<delivered>.<stream sequence>.<consumer sequence>.<time>.<pending>`, newer ones with two words more in front. */
function placeOf(reply: string): { seq: number; nth: number } {
  const words = reply.split('.');
  const start = words.length > 9 ? 7 : 5;
  return { seq: Number(words[start]), nth: Number(words[start + 1]) };
}

/** A status says where the consumer stands, each kind in its own header. */
function differs(headers: MsgHdrs | undefined, header: string, number: number): boolean {
  const text = headers?.get(header) ?? '';
  return text !== '' && Number(text) !== number;
}
