/** A group of many members who talk through the SDK: what has come to each of them, and what becomes of each message. */
import type { RingpostClient } from '../client/index.ts';
import { Mishaps, numberIn } from './clients.ts';
import { Latencies } from './latencies.ts';
import type { Source } from './loops.ts';

// ---------------------------------------------------------------- those who hear

/** A message that every member of a crowd but its author has got. Times are this process's `performance.now()`. */
export interface Reached {
  readonly number: number;
  readonly firstMs: number;
  readonly lastMs: number;
}

/** A message that was accepted. */
export type Kept = readonly [number: number, seq: number];

interface Member {
  readonly user: string;
  /** Place of the newest message that has come, in the group's order. */
  newest: number;
}

interface Arrivals {
  /** As it was told to the first of them. */
  readonly seq: number;
  readonly firstMs: number;
  count: number;
  /** By member: 1 where it has come. */
  readonly came: Uint8Array;
}

/** What has become of all messages at the members of a crowd, checked exactly when all is over. */
export interface Fate {
  /** Accepted, but never seen by a member: each such member counts. */
  readonly lost: number;
  /** Seen once more by a member that had it, or by its own author. */
  readonly duplicates: number;
  /** Seen after a later one of the group's order, or at a place in it that is another's elsewhere. */
  readonly outOfOrder: number;
}

/** The members whose clients are in this process. */
export class Crowd {
  readonly mishaps = new Mishaps();
  readonly clients: RingpostClient[] = [];
  readonly #members: Member[] = [];
  readonly #entered = new Set<string>();
  /** By number of the message. */
  readonly #arrivals = new Map<number, Arrivals>();
  readonly #isHome: boolean;
  #duplicates = 0;
  #outOfOrder = 0;
  /** Messages that came to a member, each to each once. */
  deliveries = 0;
  onReached: (reached: Reached) => void = () => undefined;

  /** `isHome`: whoever makes the group, and all who write, are of this crowd. */
  constructor(isHome: boolean) {
    this.#isHome = isHome;
  }

  add(client: RingpostClient): void {
    const at = this.#members.length;
    const member: Member = { user: client.user, newest: 0 };
    this.clients.push(client);
    this.#members.push(member);
    this.mishaps.watch(client);
    client.on('refused', ({ code }) => this.mishaps.refuse(code));
    client.on('declined', ({ code }) => this.mishaps.refuse(code));
    client.on('group', ({ change }) => {
      if (change.what === 'added' && change.users.includes(member.user)) this.#entered.add(member.user);
    });
    client.on('message', (message) => this.#heard(at, member, message));
  }

  /** Members that have not heard yet of their own coming. Whoever makes the group never does. */
  get outside(): number {
    return this.#members.length - (this.#isHome ? 1 : 0) - this.#entered.size;
  }

  fate(kept: readonly Kept[]): Fate {
    let [lost, outOfOrder] = [0, this.#outOfOrder];
    for (const [number, seq] of kept) {
      const arrivals = this.#arrivals.get(number);
      lost += this.#listeners - (arrivals?.count ?? 0);
      if (arrivals !== undefined && arrivals.seq !== seq) outOfOrder++;
    }
    return { lost, duplicates: this.#duplicates, outOfOrder };
  }

  /** How many get a message: its author does not. */
  get #listeners(): number {
    return this.#members.length - (this.#isHome ? 1 : 0);
  }

  #heard(at: number, member: Member, { id, from, seq }: { id: string; from: string; seq: number }): void {
    const nowMs = performance.now();
    const number = numberIn(id);
    const arrivals = this.#arrivals.get(number) ?? this.#first(number, seq, nowMs);
    if (from === member.user || arrivals.came[at] === 1) {
      this.#duplicates++;
      return;
    }
    arrivals.came[at] = 1;
    if (seq !== arrivals.seq || seq <= member.newest) this.#outOfOrder++;
    member.newest = Math.max(member.newest, seq);
    this.deliveries++;
    if (++arrivals.count === this.#listeners) {
      this.onReached({ number, firstMs: arrivals.firstMs, lastMs: nowMs });
    }
  }

  #first(number: number, seq: number, firstMs: number): Arrivals {
    const arrivals = { seq, firstMs, count: 0, came: new Uint8Array(this.#members.length) };
    this.#arrivals.set(number, arrivals);
    return arrivals;
  }
}

// ---------------------------------------------------------------- those who talk

/** From when a message was due, in ms. */
class Times {
  sent = new Latencies();
  firstMember = new Latencies();
  lastMember = new Latencies();
  deliveredAll = new Latencies();

  /** Forgets those so far. */
  open(): void {
    this.sent = new Latencies();
    this.firstMember = new Latencies();
    this.lastMember = new Latencies();
    this.deliveredAll = new Latencies();
  }
}

interface Message {
  readonly dueMs: number;
  readonly author: Author;
  /** Crowds of which a member lacks it. */
  crowdsLeft: number;
  firstMs: number;
  lastMs: number;
  /** Its place in the group's order; 0 while it has none. */
  seq: number;
  /** For good. */
  refused: boolean;
}

interface Author extends Source {
  /** Accepted, and not yet known to be delivered to all; oldest first. */
  undelivered: Message[];
}

/** All messages of a run. One is over when the last member has got it. */
export class Conversation {
  readonly times = new Times();
  readonly authors: readonly Source[];
  readonly #group: string;
  readonly #crowds: number;
  readonly #mishaps: Mishaps;
  /** By number, which a message's id holds. */
  readonly #messages: Message[] = [];
  readonly #authors: readonly Author[];
  /** Answers, receipts and messages that are over, in the whole run, warm-up included. */
  news = 0;

  /** `crowds`: how many there are, each of which says once what it has got (`reached`). */
  constructor(group: string, authors: readonly RingpostClient[], crowds: number, mishaps: Mishaps) {
    this.#group = group;
    this.#crowds = crowds;
    this.#mishaps = mishaps;
    this.#authors = authors.map((client) => this.#author(client));
    this.authors = this.#authors;
  }

  /** Every member of one crowd has got it. */
  reached({ number, firstMs, lastMs }: Reached): void {
    const message = this.#messages[number];
    if (message === undefined) return;
    message.firstMs = Math.min(message.firstMs, firstMs);
    message.lastMs = Math.max(message.lastMs, lastMs);
    if (--message.crowdsLeft > 0) return;
    this.news++;
    this.times.firstMember.add(message.firstMs - message.dueMs);
    this.times.lastMember.add(message.lastMs - message.dueMs);
    message.author.onOver();
  }

  /** Something is still under way. */
  get busy(): boolean {
    const open = ({ crowdsLeft, seq, refused }: Message): boolean => !refused && (seq === 0 || crowdsLeft > 0);
    return this.undelivered > 0 || this.#messages.some(open);
  }

  /** Accepted, and no receipt that covers them has come back. */
  get undelivered(): number {
    return this.#authors.reduce((sum, { undelivered }) => sum + undelivered.length, 0);
  }

  /** Neither accepted nor refused for good. */
  get unanswered(): number {
    return this.#messages.filter(({ seq, refused }) => seq === 0 && !refused).length;
  }

  /** Messages that got a place in the group's order before an earlier one of the same author. */
  get outOfOrder(): number {
    const newest = new Map<Author, number>();
    let count = 0;
    for (const { author, seq } of this.#messages) {
      if (seq === 0) continue;
      const before = newest.get(author) ?? 0;
      if (seq <= before) count++;
      newest.set(author, Math.max(before, seq));
    }
    return count;
  }

  get kept(): Kept[] {
    return this.#messages.flatMap(({ seq }, number) => (seq === 0 ? [] : [[number, seq] as const]));
  }

  #author(client: RingpostClient): Author {
    const author: Author = {
      undelivered: [],
      send: (dueMs) => {
        if (!this.#mishaps.send(client, this.#group, this.#messages.length)) return;
        const fresh = { crowdsLeft: this.#crowds, firstMs: Number.POSITIVE_INFINITY, lastMs: 0, seq: 0 };
        this.#messages.push({ dueMs, author, ...fresh, refused: false });
      },
      onOver: () => undefined,
    };
    client.on('accepted', ({ id, seq }) => this.#accepted(numberIn(id), seq));
    client.on('refused', ({ id = '', retry }) => {
      const message = this.#messages[numberIn(id)];
      if (message !== undefined && !retry) message.refused = true;
    });
    client.on('receipt', (receipt) => {
      if (receipt.with === this.#group) this.#delivered(author, receipt.delivered);
    });
    return author;
  }

  #accepted(number: number, seq: number): void {
    const message = this.#messages[number];
    if (message === undefined) return;
    this.news++;
    message.seq = seq;
    message.author.undelivered.push(message);
    this.times.sent.add(performance.now() - message.dueMs);
  }

  /** Receipts are cumulative. */
  #delivered(author: Author, upTo: number): void {
    const nowMs = performance.now();
    const left = author.undelivered.findIndex(({ seq }) => seq > upTo);
    const covered = author.undelivered.splice(0, left === -1 ? author.undelivered.length : left);
    this.news += covered.length;
    for (const { dueMs } of covered) this.times.deliveredAll.add(nowMs - dueMs);
  }
}
