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
  const bump = await bumpEpoch(id, epoch, host);
  host.bumped(id);
  try {
    return await upTo(bump, warm?.partition.stopped === false ? warm : await Replica.open(id, host));
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

async function bumpEpoch(id: PartitionId, epoch: number, host: TakeoverHost): Promise<Bump> {
  const { journal, codec, clock, timers, random, log } = host.ports;
  for (let tries = 0; ; tries++) {
    if (!host.stillMine(id, epoch)) throw new TakeoverFailed('another owner was named', true);
    const last = await journal.last(id);
    const before = last && decodeRecord(last.bytes, codec);
    // Also of an attempt before this one, that could not replay: no epoch is served twice, so nothing else of it is under way.
    if (last && before?.type === 'bump' && before.epoch === epoch && before.writer === host.writer)
      return { ...last, previousSeq: before.previousSeq };
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
    const { previousSeq } = bump;
    const bytes = encodeRecord(bump, codec);
    const outcome = await journal.append([{ partition: id, expectedSeq: previousSeq, id: recordId(bump), bytes }]);
    const seq = outcome.kind === 'appended' ? outcome.seqs[0] : undefined;
    if (seq !== undefined) return { seq, bytes, previousSeq };
    log.info({ partition: id, epoch, outcome: outcome.kind, tries }, 'an epoch bump was not taken; trying again');
    const ms = Math.min(500, 10 * 2 ** Math.min(tries, 6)) * (0.5 + random.fraction());
    await new Promise<void>((resolve) => {
      timers.after(ms, resolve);
    });
  }
}
