/**
 * How a node becomes the owner of a partition: it appends its epoch bump (A4), brings its copy up to that from the journal, and only then
 * serves. The bump shuts out the owner before: that one's next append finds another last record and fences it (A2).
 */
import type { Partition } from './partition.ts';
import type { JournalEntry, PartitionId } from './ports.ts';
import { decodeRecord, encodeRecord, type PartitionRecord, recordId } from './record.ts';
import { isBroken, Replica, type ReplicaHost } from './replica.ts';

export class TakeoverFailed extends Error {
  /** True when another owner came first: there is nothing to retry. */
  readonly superseded: boolean;
  constructor(why: string, superseded: boolean) {
    super(why);
    this.name = 'TakeoverFailed';
    this.superseded = superseded;
  }
}

export interface TakeoverHost extends ReplicaHost {
  /** False once the register names another owner or epoch. */
  stillMine(id: PartitionId, epoch: number): boolean;
  /** The journal has the epoch bump: what takes time from now on is the copy. */
  bumped(id: PartitionId): void;
}

/**
 * `warm`: a standby's copy, which is as good as up to date; it is stopped once it was of no use. Rejects with `TakeoverFailed`, or with the
 * journal's own error when it can't be read now.
 */
export async function takeOver(
  id: PartitionId,
  epoch: number,
  host: TakeoverHost,
  warm: Replica | undefined,
): Promise<Partition> {
  const copy = warm?.partition.stopped === false ? warm : undefined;
  const bump = (copy && (await bumpAfter(copy, epoch, host))) ?? (await bumpEpoch(id, epoch, host));
  host.bumped(id);
  try {
    return await upTo(bump, copy ?? (await Replica.open(id, host)));
  } catch (error) {
    if (!isBroken(error)) throw error;
    host.ports.log.warn({ partition: id, error }, 'the copy of a partition does not fit its journal; rebuilding it');
  }
  try {
    return await upTo(bump, await Replica.rebuild(id, host));
  } catch (error) {
    if (!isBroken(error)) throw error;
    throw new TakeoverFailed((error as Error).message, false);
  }
}

/** A standby has all that came before, as a rule, and the bump is known: nothing is to be read. */
async function upTo(bump: Bump, replica: Replica): Promise<Partition> {
  try {
    if (replica.partition.standing.seenSeq === bump.previousSeq) replica.take(bump);
    await replica.catchUp(bump.seq);
    return replica.partition;
  } catch (error) {
    // The store is the next one's: nothing of this one's may be written there any more.
    replica.stop();
    throw error;
  }
}

interface Bump extends JournalEntry {
  readonly previousSeq: number;
}

/** Undefined unless the copy has all that the journal has, which is so as a rule: then nothing need be asked. */
async function bumpAfter({ id, partition }: Replica, epoch: number, host: TakeoverHost): Promise<Bump | undefined> {
  const { position, standing } = partition;
  const isLast = position.seq === standing.seenSeq;
  if (!isLast || position.epoch >= epoch || !host.stillMine(id, epoch)) return undefined;
  return append(bumpRecord(id, epoch, position, host), host);
}

async function bumpEpoch(id: PartitionId, epoch: number, host: TakeoverHost): Promise<Bump> {
  const { journal, codec, timers, random } = host.ports;
  for (let tries = 0; ; tries++) {
    if (!host.stillMine(id, epoch)) throw new TakeoverFailed('another owner was named', true);
    const last = await journal.last(id);
    const before = last && decodeRecord(last.bytes, codec);
    // Also of an attempt before this one, that could not replay: no epoch is served twice, so nothing else of it is under way.
    if (last && before?.type === 'bump' && before.epoch === epoch && before.writer === host.writer)
      return { ...last, previousSeq: before.previousSeq };
    if (before !== undefined && before.epoch >= epoch) throw new TakeoverFailed('a later owner has written', true);
    const bump = bumpRecord(id, epoch, { number: before?.number ?? 0, seq: last?.seq ?? 0 }, host);
    const appended = await append(bump, host);
    if (appended !== undefined) return appended;
    const ms = Math.min(500, 10 * 2 ** Math.min(tries, 6)) * (0.5 + random.fraction());
    await new Promise<void>((resolve) => {
      timers.after(ms, resolve);
    });
  }
}

function bumpRecord(
  partition: PartitionId,
  epoch: number,
  last: { readonly number: number; readonly seq: number },
  { writer, ports }: TakeoverHost,
): PartitionRecord {
  return {
    type: 'bump',
    partition,
    epoch,
    number: last.number + 1,
    writer,
    previousSeq: last.seq,
    at: ports.clock.wallMs(),
    rows: [],
    outbox: [],
    taken: [],
    settled: [],
  };
}

/** Undefined when it was not taken, or nobody knows. */
async function append(bump: PartitionRecord, { ports }: TakeoverHost): Promise<Bump | undefined> {
  const { partition, epoch, previousSeq } = bump;
  const bytes = encodeRecord(bump, ports.codec);
  const outcome = await ports.journal.append([{ partition, expectedSeq: previousSeq, id: recordId(bump), bytes }]);
  const seq = outcome.kind === 'appended' ? outcome.seqs[0] : undefined;
  if (seq !== undefined) return { seq, bytes, previousSeq };
  ports.log.info({ partition, epoch, outcome: outcome.kind }, 'an epoch bump was not taken; trying again');
  return undefined;
}
