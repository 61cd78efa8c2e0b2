/**
 * Channels: exactly-once mail in order from one partition to another (A6). The sender's record holds the mail (outbox); it is sent
 * when that record is durable and again until the receiver's watermark, committed in the record of the effect, covers it.
 * Numbering is per (source partition, destination partition), so both ends' memory is bounded by the number of partitions.
 */
import type { Limits } from './limits.ts';
import type { PartitionId } from './ports.ts';
import type { ChannelMail, Taken } from './record.ts';

interface Sent {
  readonly mail: ChannelMail;
  /** Journal sequence of the record that holds it. */
  readonly recordSeq: number;
}

/** The sending end. */
export class OutChannel {
  readonly to: PartitionId;
  /** Number of the next mail. */
  nextSeq = 1;
  /** Number of the next mail as of the last committed record. */
  committedNextSeq = 1;
  /** The receiver has committed all up to here. */
  settled = 0;
  /** `settled` as our own journal knows it. */
  settledInJournal = 0;
  #unsettled: Sent[] = [];
  #head = 0;
  /** All up to here was handed to the transport since the last (re)start. */
  #sentUpTo = 0;
  #quietSince = 0;

  constructor(to: PartitionId) {
    this.to = to;
  }

  get waiting(): number {
    return this.#unsettled.length - this.#head;
  }

  /** The record at `recordSeq` is durable: its mail may leave. */
  committed(mails: readonly ChannelMail[], recordSeq: number): void {
    for (const mail of mails) {
      if (mail.seq > this.settled) this.#unsettled.push({ mail, recordSeq });
      if (mail.seq >= this.committedNextSeq) this.committedNextSeq = mail.seq + 1;
    }
    if (this.nextSeq < this.committedNextSeq) this.nextSeq = this.committedNextSeq;
  }

  /** Takes up where the local store says that the partition stood. */
  restore(nextSeq: number, settled: number): void {
    this.nextSeq = nextSeq;
    this.committedNextSeq = nextSeq;
    this.settled = settled;
    // Perhaps the journal has not heard of it: the next record tells it again.
    this.settledInJournal = 0;
  }

  /** What may be sent now: within the window, in order, each once until `rewind`. */
  takeSendable(windowMails: number, nowMs: number): ChannelMail[] {
    const first = Math.max(this.#sentUpTo, this.settled);
    const sendable: ChannelMail[] = [];
    for (let i = this.#indexAfter(first); i < this.#unsettled.length; i++) {
      const sent = this.#unsettled[i];
      if (sent === undefined || sent.mail.seq > this.settled + windowMails) break;
      sendable.push(sent.mail);
    }
    const last = sendable[sendable.length - 1];
    if (last !== undefined) {
      this.#sentUpTo = last.seq;
      // What is sent while older mail goes unanswered is no answer to it.
      if (first === this.settled) this.#quietSince = nowMs;
    }
    return sendable;
  }

  /** The receiver has committed all up to `upTo`. */
  settle(upTo: number, nowMs: number): void {
    if (upTo <= this.settled) return;
    this.settled = Math.min(upTo, this.nextSeq - 1);
    this.#quietSince = nowMs;
    while (this.#head < this.#unsettled.length && (this.#unsettled[this.#head]?.mail.seq ?? 0) <= this.settled) {
      this.#head++;
    }
    if (this.#head > 1_024 && this.#head * 2 > this.#unsettled.length) {
      this.#unsettled = this.#unsettled.slice(this.#head);
      this.#head = 0;
    } else if (this.#head === this.#unsettled.length) {
      this.#unsettled = [];
      this.#head = 0;
    }
  }

  /** Send all that is unsettled again: the receiver has moved, or lost some. */
  rewind(): void {
    this.#sentUpTo = this.settled;
  }

  /** True when mail that was sent has gone unanswered for `quietMs`. */
  overdue(quietMs: number, nowMs: number): boolean {
    return this.waiting > 0 && nowMs - this.#quietSince >= quietMs;
  }

  /** False when mail is missing between what is settled and what was numbered: the journal has lost some. */
  get whole(): boolean {
    return this.waiting === this.committedNextSeq - 1 - this.settled;
  }

  /** Journal sequence of the oldest record that still holds unsettled mail. */
  get oldestRecordSeq(): number | undefined {
    return this.#unsettled[this.#head]?.recordSeq;
  }

  #indexAfter(seq: number): number {
    const head = this.#unsettled[this.#head];
    if (head === undefined) return this.#unsettled.length;
    // Mail that was settled before a restart is missing at the front only, so numbers are dense from the head on.
    return this.#head + Math.max(0, seq - head.mail.seq + 1);
  }
}

/** The receiving end. Turns finish in the order of the actors' turns, not of the channel, so what is done is a watermark and some above. */
export class InChannel {
  readonly from: PartitionId;
  watermark = 0;
  /** All up to here are in mailboxes or done; the next one accepted is this + 1. */
  received = 0;
  readonly #above = new Set<number>();

  constructor(from: PartitionId) {
    this.from = from;
  }

  restore(taken: Taken): void {
    this.watermark = taken.watermark;
    this.received = taken.watermark;
    this.#above.clear();
    for (const seq of taken.above) this.#above.add(seq);
  }

  /** `new`: put it in its mailbox. `old`: handled already. `gap`: something before it is missing; not accepted. */
  accept(seq: number): 'new' | 'old' | 'gap' {
    if (seq <= this.received) return 'old';
    if (seq !== this.received + 1) return 'gap';
    this.received = seq;
    return this.#above.has(seq) ? 'old' : 'new';
  }

  /** The turn of this mail is done (in the open record). */
  done(seq: number): void {
    if (seq !== this.watermark + 1) {
      if (seq > this.watermark) this.#above.add(seq);
      return;
    }
    this.watermark = seq;
    while (this.#above.delete(this.watermark + 1)) this.watermark++;
    // What was done above the watermark before a restart has not been received since, and is not to be taken again.
    if (this.received < this.watermark) this.received = this.watermark;
  }

  isDone(seq: number): boolean {
    return seq <= this.watermark || this.#above.has(seq);
  }

  taken(): Taken {
    return { source: this.from, watermark: this.watermark, above: this.#above.size === 0 ? none : [...this.#above] };
  }
}

const none: readonly number[] = [];

/** All sending ends of one partition. */
export class Outbox {
  readonly #channels = new Map<PartitionId, OutChannel>();
  readonly #limits: Limits;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  channel(to: PartitionId): OutChannel {
    let channel = this.#channels.get(to);
    if (channel === undefined) {
      channel = new OutChannel(to);
      this.#channels.set(to, channel);
    }
    return channel;
  }

  all(): Iterable<OutChannel> {
    return this.#channels.values();
  }

  get waiting(): number {
    let mails = 0;
    for (const channel of this.#channels.values()) mails += channel.waiting;
    return mails;
  }

  get full(): boolean {
    return this.waiting >= this.#limits.outbox_mails_max;
  }

  /** What receivers have settled since the journal last heard of it; counts as told. */
  takeSettled(): (readonly [PartitionId, number])[] {
    const news: (readonly [PartitionId, number])[] = [];
    for (const channel of this.#channels.values()) {
      if (channel.settled === channel.settledInJournal) continue;
      channel.settledInJournal = channel.settled;
      news.push([channel.to, channel.settled]);
    }
    return news;
  }

  /** Journal sequence from which a successor must read to find all unsettled mail; undefined when there is none. */
  get oldestRecordSeq(): number | undefined {
    let oldest: number | undefined;
    for (const channel of this.#channels.values()) {
      const seq = channel.oldestRecordSeq;
      if (seq !== undefined && (oldest === undefined || seq < oldest)) oldest = seq;
    }
    return oldest;
  }
}

/** All receiving ends of one partition. */
export class Inbox {
  readonly #channels = new Map<PartitionId, InChannel>();

  channel(from: PartitionId): InChannel {
    let channel = this.#channels.get(from);
    if (channel === undefined) {
      channel = new InChannel(from);
      this.#channels.set(from, channel);
    }
    return channel;
  }
}
