/**
 * The journal of a cluster: one JetStream stream, one subject a partition, every append conditional on the subject's last
 * sequence. Several appends are one atomic batch (nats-server 2.12): one replicated commit and one answer for all.
 */
import type { MsgHdrs } from 'nats';
import type { Append, AppendOutcome, Following, Journal, JournalEntry, PartitionId } from '../ports.ts';
import { type Answer, type NatsLink, plainHeaders } from './nats.ts';
import { followLog } from './nats-follow.ts';
import { type LogReader, readLog } from './nats-read.ts';
import {
  askJetStream,
  askMessage,
  askState,
  ensureStream,
  isRefusal,
  type JetStreamFault,
  jetStreamError,
  jsonOf,
  notNow,
} from './nats-stream.ts';

export interface NatsJournalOptions {
  readonly link: NatsLink;
  readonly cluster: string;
  readonly replicas: number;
  /** Unique among all that append: it names their batches. */
  readonly writer: string;
  /** Shorter than an election of JetStream (4 to 9 s) on purpose: the caller resends the same bytes. */
  readonly appendWaitMs?: number;
}

/** Makes the stream if need be. */
export async function openNatsJournal(options: NatsJournalOptions): Promise<Journal> {
  await ensureStream(options.link, journalStream(options.cluster, options.replicas));
  return new NatsJournal(options);
}

export function journalStream(cluster: string, replicas: number) {
  return {
    name: `RP_${cluster}_JOURNAL`,
    subjects: [`rp.${cluster}.j.*`],
    retention: 'limits',
    storage: 'file',
    num_replicas: replicas,
    // Nothing goes by itself: an empty subject would let a stale node start its history again.
    discard: 'new',
    max_age: 0,
    max_msgs_per_subject: -1,
    deny_delete: true,
    allow_rollup_hdrs: false,
    // A direct read may come from a replica that lags.
    allow_direct: false,
    allow_atomic: true,
    duplicate_window: 120 * 1e9,
  };
}

class NatsJournal implements Journal {
  readonly #link: NatsLink;
  readonly #stream: string;
  readonly #subject: string;
  readonly #writer: string;
  readonly #appendWaitMs: number;
  #batches = 0;

  constructor({ link, cluster, replicas, writer, appendWaitMs = 3_000 }: NatsJournalOptions) {
    this.#link = link;
    this.#stream = journalStream(cluster, replicas).name;
    this.#subject = `rp.${cluster}.j.`;
    this.#writer = writer;
    this.#appendWaitMs = appendWaitMs;
  }

  async append(batch: readonly Append[]): Promise<AppendOutcome> {
    const final = batch.at(-1);
    if (final === undefined) return { kind: 'appended', seqs: [] };
    // While the connection is down nats.js keeps some of what is published and sends it later.
    if (!this.#link.connected) return { kind: 'busy', reason: 'not connected to nats-server' };
    if (batch.length === 1) return outcomeOf(await this.#send(final, plainHeaders(condition(final))), 1);
    // Another name each time: one that broke off halfway stays open at the server for 10 s.
    const id = `${this.#writer}-${++this.#batches}`;
    for (let i = 0; i < batch.length - 1; i++) {
      const append = batch[i] as Append;
      try {
        this.#link.publish(
          this.#subject + append.partition,
          append.bytes,
          plainHeaders(place(id, i + 1) + condition(append)),
        );
      } catch (error) {
        // The batch is never committed.
        return { kind: 'busy', reason: (error as Error).message };
      }
    }
    const commit = `${place(id, batch.length)}Nats-Batch-Commit: 1\r\n`;
    return outcomeOf(await this.#send(final, plainHeaders(commit + condition(final))), batch.length);
  }

  #send({ partition, bytes }: Append, headers: MsgHdrs): Promise<Answer> {
    return this.#link.ask(this.#subject + partition, bytes, this.#appendWaitMs, headers);
  }

  async last(partition: PartitionId): Promise<JournalEntry | undefined> {
    return await this.#get({ last_by_subj: this.#subject + partition });
  }

  async #get(which: object): Promise<JournalEntry | undefined> {
    try {
      // Answered by the stream's leader only.
      const { message } = await askMessage<StoredMessage>(this.#link, this.#stream, which);
      return { seq: message.seq, bytes: Buffer.from(message.data ?? '', 'base64') };
    } catch (error) {
      if (isRefusal(error, jetStreamError.no_message)) return undefined;
      throw error;
    }
  }

  read(partition: PartitionId, fromSeq: number, toSeq: number): AsyncIterable<JournalEntry> {
    const subject = this.#subject + partition;
    const reader: LogReader = {
      link: this.#link,
      stream: this.#stream,
      subject,
      last: () => this.last(partition),
      next: (seq) => this.#get({ seq, next_by_subj: subject }),
    };
    return readLog(reader, fromSeq, toSeq);
  }

  follow(after: ReadonlyMap<PartitionId, number>): Following {
    const first = (partition: PartitionId, seq: number) => this.#get({ seq, next_by_subj: this.#subject + partition });
    return followLog({ link: this.#link, stream: this.#stream, prefix: this.#subject, first }, after);
  }

  /**
   * Cuts off the beginning of the whole stream, which costs JetStream next to nothing, where dropping single entries would leave holes that it
   * keeps a list of. So the partition whose last entry is the oldest holds all others back, and some entries stay longer than they had to.
   *
   * First looks, then cuts: what is appended meanwhile, or not told by a leader that was elected just now, comes after all that was seen.
   */
  async truncate(beforeSeq: number): Promise<void> {
    const state = await askState(this.#link, this.#stream, `${this.#subject}*`);
    const subjects = Object.keys(state.subjects ?? {});
    // The two are not told of one moment: a subject more has come since, a subject less would be cut off.
    if (subjects.length < (state.num_subjects ?? 0)) throw new Error(`${this.#stream}: not all subjects were told`);
    let fromSeq = Math.min(beforeSeq, state.last_seq);
    for (const subject of subjects) {
      if (!(fromSeq > state.first_seq)) return;
      const last = await this.#get({ last_by_subj: subject });
      fromSeq = Math.min(fromSeq, last?.seq ?? 0);
    }
    // A purge up to nothing, and in servers before 2.15 one up to 1, is a purge of everything (nats-server#8241).
    if (!(fromSeq > Math.max(1, state.first_seq))) return;
    await askJetStream(this.#link, `STREAM.PURGE.${this.#stream}`, { seq: fromSeq });
  }

  /** The link is closed by whoever opened it. */
  async close(): Promise<void> {}
}

function condition({ expectedSeq, id }: Append): string {
  return `Nats-Expected-Last-Subject-Sequence: ${expectedSeq}\r\nNats-Msg-Id: ${id}\r\n`;
}

function place(batch: string, sequence: number): string {
  return `Nats-Batch-Id: ${batch}\r\nNats-Batch-Sequence: ${sequence}\r\n`;
}

type StoredMessage = { readonly message: { readonly seq: number; readonly data?: string } };
type Acknowledgement = { readonly seq: number; readonly duplicate?: boolean; readonly error?: JetStreamFault };

/**
 * Errors after which nothing of the append is stored, now or later, and the same append may succeed. Every other one is
 * taken for unknown: 10077 (the store failed), for one, also comes when some replicas have stored it.
 */
const notStored = new Set([
  ...notNow,
  10158, // the same id is in flight
  10163, // last sequence not known yet, after a change of leader
  10164, // another append to the subject is in flight
  10167, // too many requests
  10176, // the batch is incomplete: a part was refused (too many open batches) or lost
  10199, // the batch is too large
  10210, // too many batches are open
]);

/** What an answer to a conditional publish means; the tests provoke each class on a real server. */
export function outcomeOf(answer: Answer, appends: number): AppendOutcome {
  if (answer.kind === 'nobody') return { kind: 'busy', reason: 'the journal has no leader' };
  if (answer.kind === 'none') return { kind: 'unknown', reason: answer.reason };
  let ack: Acknowledgement;
  try {
    ack = jsonOf(answer.message) as Acknowledgement;
  } catch {
    return { kind: 'unknown', reason: 'an answer that is not JSON' };
  }
  const { error, duplicate, seq } = ack;
  if (error !== undefined) return refusedOutcome(error);
  if (duplicate === true) return { kind: 'duplicate' };
  // A batch is stored in one piece, and the answer has its last sequence.
  return { kind: 'appended', seqs: Array.from({ length: appends }, (_, i) => seq - (appends - 1) + i) };
}

function refusedOutcome({ err_code: code, description }: JetStreamFault): AppendOutcome {
  if (code === jetStreamError.wrong_last_sequence) return { kind: 'mismatch' };
  if (code === jetStreamError.duplicate_in_batch) return { kind: 'duplicate' };
  return { kind: notStored.has(code) ? 'busy' : 'unknown', reason: `${description} (${code})` };
}
