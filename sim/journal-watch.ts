/**
 * Looks at every record as it becomes durable: whether the chain is whole and has one writer at a time (A2, A3, A4), whether channels give
 * each mail once and only what is durable (A6). Keeps what a replay of the whole journal would give, whatever is truncated.
 */
import type { Codec, PartitionId } from '../runtime/ports.ts';
import { decodeRecord, type PartitionRecord, type Taken } from '../runtime/record.ts';
import type { Trace } from './trace.ts';
import { Violation } from './violation.ts';

interface Tail {
  readonly seq: number;
  readonly record: PartitionRecord;
}

export class JournalWatch {
  /** Rows of a partition as of its last record. */
  readonly rows = new Map<PartitionId, Map<string, Uint8Array>>();
  readonly tails = new Map<PartitionId, Tail>();
  /** Number of the last mail of each channel, `from>to`. */
  readonly sent = new Map<string, number>();
  readonly taken = new Map<string, Taken>();
  records = 0;
  /** Told of the keys that a record changed. */
  onRecord: (record: PartitionRecord) => void = () => {};
  readonly #codec: Codec;
  readonly #trace: Trace;

  constructor(codec: Codec, trace: Trace) {
    this.#codec = codec;
    this.#trace = trace;
  }

  /** Called by the journal, in the order of sequences. Throws `Violation`. */
  appended(partition: PartitionId, seq: number, bytes: Uint8Array): void {
    const record = decodeRecord(bytes, this.#codec);
    this.records++;
    this.#note(record, seq);
    this.#checkChain(partition, record);
    this.tails.set(partition, { seq, record });
    this.#channels(record);
    const rows = this.rows.get(partition) ?? new Map<string, Uint8Array>();
    this.rows.set(partition, rows);
    for (let i = 0; i + 1 < record.rows.length; i += 2) {
      const [key, value] = [record.rows[i] as string, record.rows[i + 1] as Uint8Array | null];
      if (value === null) rows.delete(key);
      else rows.set(key, value);
    }
    this.onRecord(record);
  }

  /** The value of an actor's row as of now, undefined where there is none. */
  row<V>(partition: PartitionId, actor: string, table: string, key = ''): V | undefined {
    const bytes = this.rows.get(partition)?.get(`${actor} ${table} ${key}`);
    return bytes === undefined ? undefined : (this.#codec.unpack(bytes) as V);
  }

  #note({ type, partition, epoch, number, writer, rows, outbox }: PartitionRecord, seq: number): void {
    const mails = outbox.reduce((sum, { mails }) => sum + mails.length, 0);
    const holds = type === 'bump' ? 'bump' : `${rows.length / 2} rows${mails > 0 ? `, ${mails} mails` : ''}`;
    this.#trace.note(
      'journal',
      `p${partition} #${seq} is record ${number} of epoch ${epoch} by ${nodeOf(writer)}: ${holds}`,
    );
  }

  #checkChain(partition: PartitionId, record: PartitionRecord): void {
    const last = this.tails.get(partition);
    const wrong = (rule: string, words: string): never => {
      throw new Violation(rule, `partition ${partition}: ${words}`, [`p${partition}`]);
    };
    const { epoch, number, writer, type, previousSeq } = record;
    if (record.partition !== partition) wrong('A3', `a record of partition ${record.partition} is in its log`);
    if (previousSeq !== (last?.seq ?? 0)) {
      wrong('A2', `${writer} appended after #${previousSeq}, but the last record is #${last?.seq ?? 0}`);
    }
    if (number !== (last?.record.number ?? 0) + 1) wrong('A3', `record ${number} follows ${last?.record.number ?? 0}`);
    const lastEpoch = last?.record.epoch ?? 0;
    if (epoch < lastEpoch) wrong('A2', `${writer} of epoch ${epoch} wrote after epoch ${lastEpoch} began`);
    if (epoch > lastEpoch && type !== 'bump') wrong('A4', `epoch ${epoch} begins without a bump`);
    if (epoch === lastEpoch && (type === 'bump' || writer !== last?.record.writer)) {
      wrong('A2', `epoch ${epoch} has two writers, ${last?.record.writer} and ${writer}`);
    }
  }

  #channels(record: PartitionRecord): void {
    for (const { to, mails } of record.outbox) {
      const channel = `${record.partition}>${to}`;
      for (const { seq } of mails) {
        const last = this.sent.get(channel) ?? 0;
        if (seq !== last + 1) {
          throw new Violation('A6', `mail ${seq} of channel ${channel} follows mail ${last}`, [
            `p${record.partition}`,
            `p${to}`,
          ]);
        }
        this.sent.set(channel, seq);
      }
    }
    for (const taken of record.taken) this.#taken(record.partition, taken);
    for (const [to, upTo] of record.settled) {
      if (upTo <= (this.taken.get(`${record.partition}>${to}`)?.watermark ?? 0)) continue;
      const words = `partition ${record.partition} forgot mail ${upTo} to ${to}, which is not done there`;
      throw new Violation('A6', words, [`p${record.partition}`, `p${to}`]);
    }
  }

  #taken(to: PartitionId, taken: Taken): void {
    const channel = `${taken.source}>${to}`;
    const about = [`p${taken.source}`, `p${to}`];
    const highest = taken.above.reduce((high, seq) => Math.max(high, seq), taken.watermark);
    if (highest > (this.sent.get(channel) ?? 0)) {
      throw new Violation('A1', `mail ${highest} of channel ${channel} had its effect before it was durable`, about);
    }
    const before = this.taken.get(channel);
    if (before !== undefined && before.watermark > taken.watermark) {
      throw new Violation('A6', `the watermark of channel ${channel} went back to ${taken.watermark}`, about);
    }
    const lost = before?.above.find((seq) => seq > taken.watermark && !taken.above.includes(seq));
    if (lost !== undefined)
      throw new Violation('A6', `mail ${lost} of channel ${channel} was done, and is not any more`, about);
    this.taken.set(channel, taken);
  }
}

function nodeOf(writer: string): string {
  return writer.slice(0, writer.indexOf('.'));
}
