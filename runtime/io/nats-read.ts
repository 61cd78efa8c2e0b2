/**
 * Reading a partition's log. Where it ends is asked of the stream's leader first, so that a replica that lags can't end it
 * early. The first few entries come one by one from the leader, which is all that a node needs that was away for a moment;
 * the rest through a pull consumer, a bounded number of bytes at a time.
 */
import type { JournalEntry } from '../ports.ts';
import type { NatsLink } from './nats.ts';
import { PullConsumer, type Pulled } from './nats-pull.ts';

const limits = {
  /** One by one before a consumer pays (it costs JetStream a replicated change of its own). */
  single_entries_max: 16,
  /** The leader has it, the consumer's server may have to catch up first. */
  entry_wait_ms_max: 15_000,
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
async function* pullLog(
  reader: Pick<LogReader, 'link' | 'stream' | 'subject'>,
  from: number,
  toSeq: number,
  end: number,
): AsyncGenerator<JournalEntry> {
  const { link, stream, subject } = reader;
  const consumer = new PullConsumer(link, { stream, subjects: [subject], fromSeq: from });
  try {
    for (;;) {
      for (const { seq, bytes } of await patiently(consumer)) {
        if (seq > toSeq) return;
        yield { seq, bytes };
        if (seq >= end) return;
      }
    }
  } finally {
    consumer.stop();
  }
}

async function patiently(consumer: PullConsumer): Promise<readonly Pulled[]> {
  const words = `no entry for ${limits.entry_wait_ms_max} ms`;
  const timer = setTimeout(() => consumer.stop(words), limits.entry_wait_ms_max);
  try {
    return await consumer.next();
  } finally {
    clearTimeout(timer);
  }
}
