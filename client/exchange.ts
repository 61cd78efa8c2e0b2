import { isGroupId } from '../proto/decode.ts';
import {
  type Accepted,
  type AmendedEvent,
  type ClientWord,
  clientLimits,
  type GroupEvent,
  type MessageEvent,
  type Refused,
  type SelfEvent,
  type ServerWord,
  type TimelineEvent,
  type UserId,
  type VanishingEvent,
  type Welcome,
} from '../proto/words.ts';
import { Acks } from './acks.ts';
import { RingpostError } from './errors.ts';
import type { ClientEvent, EventHub, StateNews } from './events.ts';
import { sdkLimits } from './limits.ts';
import { Link, type LinkOptions, type LinkOwner } from './link.ts';
import { messageIds } from './message-id.ts';
import type { Outbox } from './outbox.ts';
import type { PaceLimits } from './pace.ts';
import { ReadMarks } from './read-marks.ts';
import { Requests } from './requests.ts';
import { Speech } from './speech.ts';
import type { Timeline } from './timeline.ts';

export interface ExchangeOptions extends LinkOptions {
  readonly user: UserId;
  /** Names this software in `hello`. */
  readonly client: string;
  readonly autoReceived: boolean;
  readonly pace: PaceLimits;
  readonly timeline: Timeline;
  readonly outbox: Outbox;
  readonly hub: EventHub;
  /** Something worth storing has changed. */
  readonly changed: () => void;
  readonly state: (news: StateNews) => void;
}

/** Answered by `unknown_message`, at no cost to anybody: proof that the other side lives. */
const probe = { kind: 'inquire', req: 0, id: 'ringpost.probe' } as const;

/** The conversation with the server: hello and welcome, what each word that comes means, and what is to be said. */
export class Exchange implements LinkOwner {
  readonly #options: ExchangeOptions;
  readonly #run = messageIds()();
  readonly link: Link;
  readonly speech: Speech;
  readonly requests: Requests;
  readonly reads = new ReadMarks();
  readonly #acks = new Acks();
  readonly #timeline: Timeline;
  readonly #outbox: Outbox;
  readonly #hub: EventHub;
  limits: Welcome['limits'] = clientLimits;
  /** Number of the newest event when the server last said welcome. */
  head = 0;
  #watched: readonly UserId[] | undefined;
  /** `received` by hand, for a client that does not say it by itself. */
  #receivedByHand = 0;
  /** Hello is said, welcome has not come. */
  #greeting = false;
  /** Until messages of groups are acknowledged. */
  #hurry: ReturnType<typeof setTimeout> | undefined;
  /** Cursor of the last gap, so that a gap that hello did not mend is not asked about for ever. */
  #gapAt = -1;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    this.#timeline = options.timeline;
    this.#outbox = options.outbox;
    this.#hub = options.hub;
    this.link = new Link(options, this);
    this.requests = new Requests((word) => this.speech.say(word));
    this.speech = new Speech({
      encoding: () => this.link.encoding,
      outbox: this.#outbox,
      reads: this.reads,
      pace: options.pace,
      received: () => this.#receivedNow(),
      put: (frame) => this.link.put(frame),
      tooLong: (word) => this.#tooLong(word),
    });
  }

  // ---------------------------------------------------------------- what the application wants

  watch(users: readonly UserId[]): void {
    this.#watched = users;
    this.speech.say({ kind: 'watch', users });
  }

  received(upTo: number): void {
    this.#receivedByHand = Math.min(Math.max(upTo, this.#receivedByHand), this.#timeline.cursor);
    this.#acks.hurry();
    this.speech.wake();
  }

  /** A reader has got further. */
  consumed(): void {
    if (this.#acks.due(this.#receivable())) this.speech.wake();
    this.#options.changed();
  }

  /** The last words, and the end. */
  farewell(): void {
    clearTimeout(this.#hurry);
    this.#acks.hurry();
    this.speech.flush();
    this.link.close();
  }

  // ---------------------------------------------------------------- what the link says

  opened(): void {
    this.speech.restart();
    this.#greet();
  }

  probe(): void {
    this.speech.say(probe);
  }

  waits(since: number): boolean {
    return this.#outbox.staleSince(since);
  }

  health(now: number): void {
    this.reads.tidy(now);
    this.#acks.hurry();
    if (this.#outbox.staleSince(now - sdkLimits.unanswered_ms_max)) this.#outbox.rewind();
    this.speech.wake();
    // Tokens are renewed while the connection lives: whether it needs that is the server's affair, and the next one will.
    this.#options.session.accessToken().catch((error: unknown) => {
      if (error instanceof RingpostError && error.code === 'login_needed') this.link.close(error);
    });
  }

  state(news: StateNews): void {
    if (news.state !== 'online') {
      this.#greeting = false;
      this.speech.hush();
    }
    this.#options.state(news);
  }

  heard(words: readonly ServerWord[]): void {
    const before = this.#timeline.cursor;
    for (const word of words) this.#hear(word);
    if (this.#timeline.cursor !== before) this.consumed();
  }

  #hear(word: ServerWord): void {
    switch (word.kind) {
      case 'events':
        // Before the answer to hello they may be those of an older one: that answer brings all after the cursor that hello named.
        if (!this.#greeting && !this.#timeline.take(word, this.#pass)) this.#gap();
        break;
      case 'accepted':
        this.#timeline.accepted(word);
        this.#settle(word);
        break;
      case 'refused':
        this.#refused(word);
        break;
      case 'page':
      case 'answer':
      case 'groups':
      case 'members':
      case 'reached':
      case 'profiled':
      case 'found':
      case 'reacted':
      case 'messages':
        this.requests.answer(word);
        break;
      case 'typing':
      case 'presence':
        this.#hub.emit(word);
        break;
      case 'welcome':
        this.#welcome(word);
        break;
      case 'resync':
        this.#greet();
        break;
      case 'goaway':
        this.link.goAway(word.afterMs);
        break;
    }
  }

  // ---------------------------------------------------------------- hello, welcome, gaps

  #greet(): void {
    this.#greeting = true;
    this.speech.hush();
    // The server takes what hello names as received: what the readers have not had yet comes again, and is passed over.
    this.speech.hello({
      kind: 'hello',
      epoch: this.#timeline.epoch,
      cursor: this.#receivable(),
      client: this.#options.client,
      run: this.#run,
      dial: this.link.dial,
    });
  }

  #welcome(word: Welcome): void {
    this.#greeting = false;
    const begin = this.#timeline.welcome(word);
    this.limits = word.limits;
    this.head = word.head;
    this.#acks.restart(word.cursor, begin !== 'continued');
    if (begin !== 'continued') this.#receivedByHand = word.cursor;
    this.#outbox.rewind();
    this.reads.again();
    this.speech.open(word.limits);
    if (this.#watched !== undefined) this.speech.say({ kind: 'watch', users: this.#watched });
    for (const request of this.requests.words()) this.speech.say(request);
    if (begin === 'reset') this.#hub.emit({ kind: 'reset', epoch: word.epoch, cursor: word.cursor });
    this.link.welcomed();
    this.#options.changed();
  }

  /** Events are missing. Those that follow are worth nothing until hello has brought the missing ones. */
  #gap(): void {
    if (this.#greeting) return;
    const { cursor } = this.#timeline;
    if (this.#gapAt === cursor) {
      this.#gapAt = -1;
      this.link.drop({ error: new RingpostError('bad_answer', `Event ${cursor + 1} does not come.`, true) });
      return;
    }
    this.#gapAt = cursor;
    this.#greet();
  }

  // ---------------------------------------------------------------- events and answers

  readonly #pass = (event: TimelineEvent, n: number): void => {
    if (event.kind === 'other') return;
    if (isAnswering(event)) {
      const isOwn = authorOf(event) === this.#options.user || event.kind === 'self';
      if (isOwn && this.#outbox.has(event.id)) {
        this.#settle(acceptedBy(event, n));
        return;
      }
      if (event.kind === 'message') this.#arrived(event, n, isOwn);
    }
    // The decoder's own object, and nobody else has it: cheaper than a copy.
    (event as { n?: number }).n = n;
    this.#hub.emit(event as ClientEvent);
  };

  /** When it is to be acknowledged. */
  #arrived({ to, body }: MessageEvent, n: number, isOwn: boolean): void {
    // The server's window counts bytes, too: many long ones would fill it before their number is worth an acknowledgement.
    if (isOwn ? body.length > sdkLimits.received_lag_chars_max : to === this.#options.user) this.#acks.urgent(n);
    else if (!isOwn) this.#hurrySoon();
  }

  #hurrySoon(): void {
    this.#hurry ??= setTimeout(() => {
      this.#hurry = undefined;
      this.#acks.hurry();
      this.speech.wake();
    }, sdkLimits.group_received_ms);
  }

  #settle(word: Accepted): void {
    if (!this.#outbox.settle(word.id, word)) return;
    this.#options.changed();
    if (this.#outbox.size > 0) this.speech.wake();
    this.#hub.emit(word);
  }

  #refused(word: Refused): void {
    const { code, reason, id, req } = word;
    // Said of the session, not of a word: a fresh token, or the end.
    if (code === 'expired_token' || (code === 'unauthorised' && id === undefined && req === undefined)) {
      this.link.drop({ error: new RingpostError(code, reason, true), stale: true });
    } else if (code === 'revoked') this.link.close(new RingpostError(code, reason, false));
    else if (code === 'hello_first') {
      if (!this.#greeting) this.#greet();
    } else if (req !== undefined) {
      if (req !== probe.req) this.requests.refuse({ ...word, req });
    } else {
      this.#refusedSend(word);
      this.#hub.emit(word);
    }
  }

  #refusedSend(word: Refused): void {
    const { afterMs } = word;
    const error = new RingpostError(word.code, word.reason, word.retry, { afterMs });
    // A quota for the day concerns this word alone: all others would wait behind it.
    const isForLater = word.id !== undefined && (afterMs ?? 0) > sdkLimits.refused_wait_ms_max;
    if (word.retry && !isForLater) this.speech.pause(pauseOf(word));
    if (word.id === undefined) this.#refusedNameless(word, error);
    else if (word.retry && !isForLater) this.#outbox.putBack(word.id, error);
    else {
      if (this.#outbox.settle(word.id, error)) this.#options.changed();
      // One bad word refuses its whole frame: the messages beside it were not looked at.
      if (word.code === 'malformed' || word.code === 'too_long') this.#outbox.rewind();
    }
    this.speech.wake();
  }

  /** Of the words without a name, say again those that have no later one that would make up for them. */
  #refusedNameless(word: Refused, error: RingpostError): void {
    if (!word.retry) return;
    if (this.#greeting) {
      this.link.drop({ error, waitMsMin: pauseOf(word) });
      return;
    }
    this.reads.again();
    this.#acks.restart(0, false);
    if (this.#watched !== undefined) this.watch(this.#watched);
  }

  #tooLong(word: ClientWord): void {
    if (!('id' in word) || word.kind === 'inquire') return;
    const reason = 'This message is longer than a frame may be.';
    this.#outbox.settle(word.id, new RingpostError('too_long', reason, false));
    this.#hub.emit({ kind: 'refused', id: word.id, code: 'too_long', reason, retry: false });
    this.#options.changed();
  }

  // ---------------------------------------------------------------- received

  #receivable(): number {
    return this.#options.autoReceived ? this.#hub.consumedOf(this.#timeline.cursor) : this.#receivedByHand;
  }

  #receivedNow(): number {
    const upTo = this.#receivable();
    if (!this.#acks.due(upTo)) return 0;
    this.#acks.said(upTo);
    return upTo;
  }
}

function pauseOf({ code, afterMs = sdkLimits.overload_wait_ms_min }: Refused): number {
  const atLeast = code === 'too_fast' ? sdkLimits.too_fast_wait_ms_min : 0;
  return Math.min(Math.max(afterMs, atLeast), sdkLimits.refused_wait_ms_max);
}

/** Events that stand for what some device wanted, under its id. */
type Answering = MessageEvent | GroupEvent | AmendedEvent | VanishingEvent | SelfEvent;

function isAnswering(event: TimelineEvent): event is Answering {
  const { kind } = event;
  return kind === 'message' || kind === 'group' || kind === 'amended' || kind === 'vanishing' || kind === 'self';
}

function authorOf(event: Answering): UserId | undefined {
  if (event.kind === 'self') return undefined;
  return event.kind === 'message' ? event.from : event.by;
}

/** An own message found in the timeline: its `accepted` was lost on the way. */
function acceptedBy(event: Answering, n: number): Accepted {
  const { id, at } = event;
  if (event.kind === 'self' || event.kind === 'vanishing') return { kind: 'accepted', id, n, seq: 0, at };
  const { seq } = event;
  const group = event.kind === 'message' ? event.to : event.with;
  return { kind: 'accepted', id, n, seq, at, ...(isGroupId(group) && { with: group }) };
}
