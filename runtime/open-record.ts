import type { FollowedSends } from './following.ts';
import type { Row } from './overlay.ts';
import type { Clock, Codec, PartitionId } from './ports.ts';
import { type ChannelMail, encodeRecord, type PartitionRecord, recordId } from './record.ts';
import type { Output } from './turn.ts';

/** What the record needs for one channel's mark of what was taken, besides what is above its watermark. */
const taken_bytes = 32;

/** A record on its way to the journal, with what waits for it. */
export interface SealedRecord {
  readonly record: PartitionRecord;
  readonly id: string;
  readonly bytes: Uint8Array;
  readonly rows: readonly Row[];
  readonly outputs: readonly Output[];
  readonly turns: number;
  /** When those that were measured ended, monotonic ms. */
  readonly endsMs: readonly number[];
  /** Those that are followed; undefined for none. */
  readonly followed: readonly FollowedSends[] | undefined;
  /** Monotonic ms; 0 where none is followed. */
  readonly sealedMs: number;
}

/** What only the partition knows of its next record. */
export type Sealing = Pick<
  PartitionRecord,
  'partition' | 'epoch' | 'number' | 'writer' | 'previousSeq' | 'at' | 'taken' | 'settled'
>;

/** What turns have done since the last record was sealed, besides their rows: it becomes the next record together with those. */
export class OpenRecord {
  /** Mail to other partitions, numbered, by destination. */
  readonly mails = new Map<PartitionId, ChannelMail[]>();
  /** Channels of which mail was taken. */
  readonly taken = new Set<PartitionId>();
  /** What waits for the gate. */
  outputs: Output[] = [];
  turns = 0;
  /** When turns ended, monotonic ms; empty while nobody wants to know. */
  readonly endsMs: number[] = [];
  followed: FollowedSends[] | undefined;
  /** To be written even if there is nothing in it. */
  needed = false;
  /** About how long the record will be. */
  bytes = 0;

  send(to: PartitionId, mail: ChannelMail): void {
    const mails = this.mails.get(to);
    if (mails === undefined) this.mails.set(to, [mail]);
    else mails.push(mail);
  }

  /** `window`: what may be above the channel's watermark takes a bit a mail. */
  take(from: PartitionId, window: number): void {
    if (this.taken.has(from)) return;
    this.taken.add(from);
    this.bytes += taken_bytes + window / 8;
  }

  /** It becomes the partition's next record, with these rows. */
  seal(sealing: Sealing, rows: readonly Row[], codec: Codec, clock: Clock): SealedRecord {
    const flat: (string | Uint8Array | null)[] = [];
    for (const row of rows) flat.push(row.key, row.bytes ?? null);
    const outbox = [...this.mails].map(([to, mails]) => ({ to, mails }));
    const record: PartitionRecord = { type: 'turns', ...sealing, rows: flat, outbox };
    const bytes = encodeRecord(record, codec);
    const { outputs, turns, endsMs, followed } = this;
    const sealedMs = followed === undefined ? 0 : clock.monotonicMs();
    return { record, id: recordId(record), bytes, rows, outputs, turns, endsMs, followed, sealedMs };
  }

  follow(sends: FollowedSends): void {
    this.followed ??= [];
    this.followed.push(sends);
  }

  takeOutputs(): Output[] {
    const { outputs } = this;
    this.outputs = [];
    return outputs;
  }
}
