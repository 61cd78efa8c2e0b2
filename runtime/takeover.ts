/**
 * How a node becomes the owner of a partition: it appends its epoch bump (A4), brings its store up to that by replaying the journal,
 * and only then serves. The bump shuts out the owner before: that one's next append finds another last record and fences it (A2).
 */
import { Partition, type PartitionHost } from './partition.ts';
import type { JournalEntry, PartitionId, Ports } from './ports.ts';
import { CorruptRecord, decodeRecord, encodeRecord, type PartitionRecord, recordId, unpackTaken } from './record.ts';
import { readStoredPosition, type StoredPosition, type WriteBehind } from './write-behind.ts';

export class TakeoverFailed extends Error {
  /** True when another owner came first: there is nothing to retry. */
  readonly superseded: boolean;
  constructor(why: string, superseded: boolean) {
    super(why);
    this.name = 'TakeoverFailed';
    this.superseded = superseded;
  }
}

export interface TakeoverHost extends PartitionHost {
  readonly writeBehind: WriteBehind;
  /** False once the register names another owner or epoch. */
  stillMine(id: PartitionId, epoch: number): boolean;
}

/** Rejects with `TakeoverFailed`, or with the journal's own error when it can't be read now. */
export async function takeOver(id: PartitionId, epoch: number, host: TakeoverHost): Promise<Partition> {
  const bump = await bumpEpoch(id, epoch, host);
  // What this node itself still writes of an earlier ownership must be in the store before it is read.
  await host.writeBehind.write([]);
  const stored = storedPosition(id, host);
  if (stored !== undefined && stored.seq <= bump.seq) {
    const partition = await replay(id, epoch, bump.seq, stored, host);
    if (partition !== undefined) return partition;
  }
  if (!isEmpty(id, host.ports)) {
    host.ports.log.warn({ partition: id, seq: stored?.seq }, 'the local store does not fit the journal; rebuilding it');
    await host.ports.store.drop(id);
  }
  const partition = await replay(id, epoch, bump.seq, undefined, host);
  if (partition === undefined) throw new TakeoverFailed('the journal has lost its beginning', false);
  return partition;
}

/** Undefined when there is none that can be read. */
function storedPosition(id: PartitionId, { ports }: TakeoverHost): StoredPosition | undefined {
  try {
    return readStoredPosition(ports.store, id, ports.codec);
  } catch (error) {
    ports.log.error({ partition: id, error }, 'what the local store holds of a partition is not readable');
    return undefined;
  }
}

function isEmpty(id: PartitionId, { store }: Ports): boolean {
  for (const _ of store.range(id, { from: ' ', to: '~', limit: 1 })) return false;
  return true;
}

async function bumpEpoch(id: PartitionId, epoch: number, host: TakeoverHost): Promise<{ seq: number }> {
  const { journal, codec, clock, timers, random, log } = host.ports;
  for (let tries = 0; ; tries++) {
    if (!host.stillMine(id, epoch)) throw new TakeoverFailed('another owner was named', true);
    const last = await journal.last(id);
    const before = last && decodeRecord(last.bytes, codec);
    // Also of an attempt before this one, that could not replay: no epoch is served twice, so nothing else of it is under way.
    if (last && before?.type === 'bump' && before.epoch === epoch && before.writer === host.writer)
      return { seq: last.seq };
    if (before !== undefined && before.epoch >= epoch) throw new TakeoverFailed('a later owner has written', true);
    const bump: PartitionRecord = {
      type: 'bump',
      partition: id,
      epoch,
      number: (before?.number ?? 0) + 1,
      writer: host.writer,
      previousSeq: last?.seq ?? 0,
      at: clock.wallMs(),
      rows: [],
      outbox: [],
      taken: [],
      settled: [],
    };
    const outcome = await journal.append([
      { partition: id, expectedSeq: bump.previousSeq, id: recordId(bump), bytes: encodeRecord(bump, codec) },
    ]);
    const seq = outcome.kind === 'appended' ? outcome.seqs[0] : undefined;
    if (seq !== undefined) return { seq };
    log.info({ partition: id, epoch, outcome: outcome.kind, tries }, 'an epoch bump was not taken; trying again');
    const ms = Math.min(500, 10 * 2 ** Math.min(tries, 6)) * (0.5 + random.fraction());
    await new Promise<void>((resolve) => {
      timers.after(ms, resolve);
    });
  }
}

/** The partition as of journal sequence `upTo`, or undefined when the stored position and the journal do not join. */
async function replay(
  id: PartitionId,
  epoch: number,
  upTo: number,
  stored: StoredPosition | undefined,
  host: TakeoverHost,
): Promise<Partition | undefined> {
  const position = { epoch: stored?.epoch ?? 0, number: stored?.number ?? 0, seq: stored?.seq ?? 0 };
  const partition = new Partition(id, position, host);
  if (stored !== undefined) restore(partition, stored);
  const fromSeq = stored === undefined ? 1 : Math.min(stored.outboxFromSeq || stored.seq, stored.seq);
  // A store may be of another history of the same partition: the record that it says it stands at must be there.
  let anchored = stored === undefined;
  let epochSoFar = 0;
  let seqBefore = position.seq;
  for await (const entry of host.ports.journal.read(id, fromSeq, upTo)) {
    const record = decodeEntry(entry, host.ports);
    const isOld = stored !== undefined && entry.seq <= stored.seq;
    if (record.epoch < Math.max(epochSoFar, isOld ? 0 : partition.position.epoch)) {
      host.ports.log.error({ partition: id, seq: entry.seq }, 'a record of an older epoch was passed over');
      seqBefore = entry.seq;
      continue;
    }
    epochSoFar = record.epoch;
    if (isOld) {
      if (entry.seq === stored.seq) anchored = record.epoch === stored.epoch && record.number === stored.number;
      // The store has its rows already; only its unsettled mail is read again.
      for (const { to, mails } of record.outbox) partition.outbox.channel(to).committed(mails, entry.seq);
      continue;
    }
    if (!anchored) return undefined;
    // What was passed over may be what an owner found last; it is no link of the chain that is applied.
    if (record.previousSeq !== seqBefore && record.previousSeq !== partition.position.seq) return undefined;
    seqBefore = entry.seq;
    partition.position.seq = entry.seq;
    apply(partition, record, entry.seq);
    if (partition.overlay.committedRows > host.limits.store_flush_rows_max) await host.writeBehind.write([partition]);
  }
  if (!anchored || partition.position.seq !== upTo) return undefined;
  for (const channel of partition.outbox.all()) if (!channel.whole) return undefined;
  partition.position.epoch = epoch;
  return partition;
}

function decodeEntry(entry: JournalEntry, ports: Ports): PartitionRecord {
  try {
    return decodeRecord(entry.bytes, ports.codec);
  } catch (error) {
    const why = error instanceof CorruptRecord ? error.message : String(error);
    throw new TakeoverFailed(`${why} (sequence ${entry.seq})`, false);
  }
}

function restore(partition: Partition, stored: StoredPosition): void {
  for (const [to, nextSeq, settled] of stored.out) partition.outbox.channel(to).restore(nextSeq, settled);
  for (const packed of stored.taken) {
    const taken = unpackTaken(packed);
    partition.committedTaken.set(taken.source, taken);
    partition.inbox.channel(taken.source).restore(taken);
  }
}

function apply(partition: Partition, record: PartitionRecord, seq: number): void {
  partition.position.epoch = record.epoch;
  partition.position.number = record.number;
  partition.overlay.replay(record.rows);
  for (const { to, mails } of record.outbox) partition.outbox.channel(to).committed(mails, seq);
  for (const taken of record.taken) {
    partition.committedTaken.set(taken.source, taken);
    partition.inbox.channel(taken.source).restore(taken);
  }
  for (const [to, upTo] of record.settled) {
    partition.outbox.channel(to).settle(upTo, 0);
    partition.outbox.channel(to).settledInJournal = upTo;
  }
}
