/** Pairs of users who write to each other through the SDK, and what becomes of each of their messages. */
import type { RingpostClient } from '../client/index.ts';
import { Mishaps, numberIn } from './clients.ts';
import { Latencies } from './latencies.ts';
import type { Source } from './loops.ts';

/** What all pairs of a run add up to. */
export class Tally extends Mishaps {
  sent = new Latencies();
  delivered = new Latencies();
  read = new Latencies();
  /** Sum over the whole run, warm-up included. */
  readInAll = 0;

  /** Forgets the latencies so far. */
  open(): void {
    this.sent = new Latencies();
    this.delivered = new Latencies();
    this.read = new Latencies();
  }
}

/** The fate of one pair's messages, checked exactly when all is over. */
export interface Fate {
  readonly accepted: number;
  /** Accepted, but never seen by the recipient. */
  readonly lost: number;
  readonly duplicates: number;
  readonly outOfOrder: number;
  /** Accepted, but no read receipt for it came back. */
  readonly unread: number;
  /** Neither accepted nor refused for good. */
  readonly unanswered: number;
}

interface Waiting {
  readonly index: number;
  readonly seq: number;
}

/** Messages go one way, receipts the other. A message's id holds its number, so both ends know which one it is. */
export class Pair implements Source {
  readonly #sender: RingpostClient;
  readonly #recipient: RingpostClient;
  readonly #tally: Tally;
  /** When each message was due, ms. */
  readonly #dueMs: number[] = [];
  readonly #accepted: boolean[] = [];
  readonly #refused = new Set<number>();
  /** How often each message has come to the recipient. */
  readonly #came: number[] = [];
  #newest = -1;
  #outOfOrder = 0;
  #undelivered: Waiting[] = [];
  #unread: Waiting[] = [];
  /** Called when a message was read. */
  onOver: () => void = () => undefined;

  constructor(sender: RingpostClient, recipient: RingpostClient, tally: Tally) {
    this.#sender = sender;
    this.#recipient = recipient;
    this.#tally = tally;
    tally.watch(sender);
    tally.watch(recipient);
    sender.on('accepted', ({ id, seq }) => this.#acceptedAs(numberIn(id), seq));
    sender.on('receipt', ({ delivered, read }) => this.#receipt(delivered, read));
    sender.on('refused', ({ id, code, retry }) => {
      tally.refuse(code);
      if (!retry && id !== undefined) this.#refused.add(numberIn(id));
    });
    recipient.on('message', ({ id, from, seq }) => {
      this.#arrived(numberIn(id));
      recipient.read(from, seq);
    });
  }

  send(dueMs: number): void {
    if (this.#tally.send(this.#sender, this.#recipient.user, this.#dueMs.length)) this.#dueMs.push(dueMs);
  }

  /** Something is still under way. */
  get busy(): boolean {
    return this.#unread.length > 0 || this.#dueMs.some((_, i) => !this.#accepted[i] && !this.#refused.has(i));
  }

  fate(): Fate {
    let [accepted, lost, duplicates, unanswered] = [0, 0, 0, 0];
    this.#dueMs.forEach((_, index) => {
      const came = this.#came[index] ?? 0;
      duplicates += Math.max(0, came - 1);
      if (this.#accepted[index]) {
        accepted++;
        if (came === 0) lost++;
      } else if (!this.#refused.has(index)) unanswered++;
    });
    return { accepted, lost, duplicates, outOfOrder: this.#outOfOrder, unread: this.#unread.length, unanswered };
  }

  async close(): Promise<void> {
    await Promise.all([this.#sender.close(), this.#recipient.close()]);
  }

  #acceptedAs(index: number, seq: number): void {
    this.#accepted[index] = true;
    this.#tally.sent.add(performance.now() - this.#dueOf(index));
    this.#undelivered.push({ index, seq });
    this.#unread.push({ index, seq });
  }

  /** Receipts are cumulative. */
  #receipt(delivered: number, read: number): void {
    const now = performance.now();
    this.#undelivered = this.#settle(this.#undelivered, delivered, (index) => {
      this.#tally.delivered.add(now - this.#dueOf(index));
    });
    this.#unread = this.#settle(this.#unread, read, (index) => {
      this.#tally.read.add(now - this.#dueOf(index));
      this.#tally.readInAll++;
      this.onOver();
    });
  }

  #settle(waiting: Waiting[], upTo: number, each: (index: number) => void): Waiting[] {
    let settled = 0;
    for (const { index, seq } of waiting) {
      if (seq > upTo) break;
      each(index);
      settled++;
    }
    return settled === 0 ? waiting : waiting.slice(settled);
  }

  #arrived(index: number): void {
    this.#came[index] = (this.#came[index] ?? 0) + 1;
    if (index < this.#newest && this.#came[index] === 1) this.#outOfOrder++;
    this.#newest = Math.max(this.#newest, index);
  }

  #dueOf(index: number): number {
    return this.#dueMs[index] ?? 0;
  }
}
