/**
 * Reading a partition's log. Where it ends is asked of the stream's leader first, so that a replica that lags can't end it
 * early. The first few entries come one by one from the leader, which is all that a node needs that was away for a moment;
 * the rest through a pull consumer, a bounded number of bytes at a time.
 */
import { randomUUID } from 'node:crypto';
import { createInbox, type Msg } from 'nats';
import type { JournalEntry } from '../ports.ts';
import type { NatsLink } from './nats.ts';
import { askJetStream } from './nats-stream.ts';

const limits = {
  /** One by one before a consumer pays (it costs JetStream a replicated change of its own). */
  single_entries_max: 16,
  pull_entries_max: 512,
  pull_bytes_max: 2 * 1024 * 1024,
  /** Without an entry; longer than an election of JetStream. */
  silence_ms_max: 15_000,
  /** Between looks at a replica that has not yet what the leader has, or at a consumer that is not known everywhere yet. */
  poll_ms: 50,
  /** Of a consumer that nobody knows. */
  unknown_polls_max: 60,
  /** A consumer that its reader left behind is removed by the server. */
  consumer_idle_ms_max: 60_000,
};

export interface LogReader {
  readonly link: NatsLink;
  readonly stream: string;
  readonly subject: string;
  /** Of the subject, from the leader. */
  last(): Promise<JournalEntry | undefined>;
  /** The first of the subject at or after `seq`, from the leader. */
  next(seq: number): Promise<JournalEntry | undefined>;
}

export async function* readLog(reader: LogReader, fromSeq: number, toSeq: number): AsyncGenerator<JournalEntry> {
  const end = await reader.last();
  if (end === undefined || end.seq < fromSeq) return;
  let from = fromSeq;
  for (let i = 0; i < limits.single_entries_max; i++) {
    const entry = from === end.seq ? end : await reader.next(from);
    if (entry === undefined) throw new Error(`${reader.subject}: the log ends before ${end.seq}`);
    if (entry.seq > toSeq) return;
    yield entry;
    if (entry.seq >= end.seq) return;
    from = entry.seq + 1;
  }
  yield* pullLog(reader, from, toSeq, end.seq);
}

/** Up to `end`, which the leader has, or to the first entry beyond `toSeq`. */
async function* pullLog(reader: LogReader, from: number, toSeq: number, end: number): AsyncGenerator<JournalEntry> {
  const { link, stream } = reader;
  const consumer = `r-${randomUUID()}`;
  const pulls = new Pulls(link, `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`);
  try {
    await askJetStream(link, `CONSUMER.CREATE.${stream}.${consumer}.${reader.subject}`, {
      stream_name: stream,
      config: {
        name: consumer,
        deliver_policy: 'by_start_sequence',
        opt_start_seq: Math.max(1, from),
        ack_policy: 'none',
        filter_subject: reader.subject,
        max_waiting: 4,
        mem_storage: true,
        num_replicas: 1,
        inactive_threshold: limits.consumer_idle_ms_max * 1e6,
      },
    });
    let next = pulls.pull();
    for (;;) {
      const messages = await next;
      // Under way while the caller works on these.
      const finished = seqIn(messages.at(-1)) >= Math.min(end, toSeq);
      if (!finished) next = pulls.pull();
      // Its failure is met by the next round; until then it is not unhandled.
      next.catch(() => {});
      for (const message of messages) {
        const seq = seqIn(message);
        if (seq > toSeq) return;
        yield { seq, bytes: message.data };
        if (seq >= end) return;
      }
      if (finished) return;
    }
  } finally {
    pulls.stop();
    if (link.connected) void askJetStream(link, `CONSUMER.DELETE.${stream}.${consumer}`).catch(() => {});
  }
}

/** `$JS.ACK.<stream>.<consumer>.<delivered>.<stream sequence>.<consumer sequence>.<time>.<pending>`, newer ones with two words more in front. */
function place(reply: string | undefined): { seq: number; nth: number } {
  const words = (reply ?? '').split('.');
  const start = words.length > 9 ? 7 : 5;
  return { seq: Number(words[start]), nth: Number(words[start + 1]) };
}

function seqIn(message: Msg | undefined): number {
  return message === undefined ? 0 : place(message.reply).seq;
}

/** One pull at a time; what it brought is handed over whole, in order and without gaps. */
class Pulls {
  readonly #link: NatsLink;
  readonly #subject: string;
  readonly #inbox = createInbox();
  readonly #stop: () => void;
  #messages: Msg[] = [];
  #received = 0;
  #unknown = 0;
  #silence: NodeJS.Timeout | undefined;
  #settle: { resolve: (messages: Msg[]) => void; reject: (error: Error) => void } | undefined;

  constructor(link: NatsLink, subject: string) {
    this.#link = link;
    this.#subject = subject;
    const subscription = link.connection.subscribe(this.#inbox, { callback: (_error, message) => this.#take(message) });
    const forget = link.onLost(() => this.#fail('the connection broke'));
    this.#stop = () => {
      forget();
      subscription.unsubscribe();
      this.#fail('stopped');
    };
  }

  /** At least one message. Rejects when none comes for long, or one is missing. */
  pull(): Promise<Msg[]> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#silence = setTimeout(() => this.#fail(`silent for ${limits.silence_ms_max} ms`), limits.silence_ms_max);
      this.#ask();
    });
  }

  stop(): void {
    this.#stop();
  }

  #ask(): void {
    if (!this.#link.connected) {
      this.#fail('not connected');
      return;
    }
    // What is there now, and then an end: a pull that waits would hold back the last few.
    const request = { batch: limits.pull_entries_max, max_bytes: limits.pull_bytes_max, no_wait: true };
    this.#link.connection.publish(this.#subject, JSON.stringify(request), { reply: this.#inbox });
  }

  #take(message: Msg): void {
    if (this.#settle === undefined) return;
    const code = message.headers?.code ?? 0;
    const words = message.headers?.description ?? '';
    if (code === 0) this.#keep(message);
    // A sign of life, or a word on the pull before, which was handed over when its last message came.
    else if (code !== 100 && !(code === 409 && /batch completed/i.test(words))) this.#ended(code, words);
  }

  #keep(message: Msg): void {
    const { nth } = place(message.reply);
    if (nth === this.#received + 1) {
      this.#received = nth;
      this.#unknown = 0;
      this.#messages.push(message);
      if (this.#messages.length === limits.pull_entries_max) this.#deliver();
    } else {
      this.#fail(`message ${this.#received + 1} is missing`);
    }
  }

  #ended(code: number, words: string): void {
    // It has brought its bytes, or there are no more now.
    const inOrder = code === 408 || code === 404 || (code === 409 && /exceeds maxbytes/i.test(words));
    // The consumer was made, but this server hears of it only now; or it is gone.
    const unknown = code === 503 && ++this.#unknown <= limits.unknown_polls_max;
    if (!inOrder && !unknown) this.#fail(`${code} ${words}`);
    else if (this.#messages.length > 0) this.#deliver();
    else setTimeout(() => this.#settle !== undefined && this.#ask(), limits.poll_ms);
  }

  #deliver(): void {
    const messages = this.#messages;
    const settle = this.#settle;
    this.#messages = [];
    this.#settle = undefined;
    clearTimeout(this.#silence);
    settle?.resolve(messages);
  }

  #fail(words: string): void {
    const settle = this.#settle;
    this.#settle = undefined;
    clearTimeout(this.#silence);
    settle?.reject(new Error(`${this.#subject}: reading was interrupted: ${words}`));
  }
}
