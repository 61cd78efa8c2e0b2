/** What truncating a journal promises, whatever it is made of. Each test has a log of its own, because all partitions are truncated. */
import fc from 'fast-check';
import type { Test } from 'tap';
import type { PartitionId } from '../../runtime/ports.ts';
import { entryFor, type JournalWorld, newPartition } from './journal.ts';
import { seqsOf, take, WrittenLog, words } from './journal-log.ts';

type Open = (t: Test) => Promise<JournalWorld>;

export function truncateContract(t: Test, open: () => Promise<JournalWorld>): void {
  const opened: Open = async (t) => {
    const world = await open();
    t.teardown(() => world.close());
    return world;
  };
  t.test('truncate contract', async (t) => {
    forgetTests(t, opened);
    edgeTests(t, opened);
    followTests(t, opened);
    propertyTest(t, opened);
  });
}

/** Appends to these partitions in turn, `rounds` times. */
async function written(world: JournalWorld, partitions: readonly PartitionId[], rounds: number): Promise<WrittenLog> {
  const log = new WrittenLog(world.journal);
  for (let i = 0; i < rounds; i++) {
    for (const partition of partitions) await world.settle(log.append([partition]));
  }
  return log;
}

function forgetTests(t: Test, open: Open): void {
  t.test('entries before the sequence are forgotten, the others are not', async (t) => {
    const world = await open(t);
    const { journal, other, settle } = world;
    const partitions = [newPartition(), newPartition(), newPartition()];
    const log = await written(world, partitions, 10);
    for (const beforeSeq of [
      0,
      1,
      log.entries(partitions[1] ?? 0)[3]?.seq ?? 0,
      log.entries(partitions[0] ?? 0)[9]?.seq ?? 0,
    ]) {
      await settle(journal.truncate(beforeSeq));
      for (const partition of partitions) {
        const kept = log.entries(partition).filter(({ seq }) => seq >= beforeSeq);
        t.same(
          await settle(seqsOf(other, partition)),
          kept.map(({ seq }) => seq),
        );
        t.same((await settle(other.last(partition)))?.bytes, log.entries(partition).at(-1)?.bytes);
      }
    }
    await settle(journal.truncate(1));
    t.equal((await settle(seqsOf(other, partitions[2] ?? 0))).length, 1, 'nothing comes back, and nothing more goes');
  });

  t.test('no partition’s last entry is forgotten, and appends go on from it', async (t) => {
    const world = await open(t);
    const { journal, other, settle } = world;
    const [cold, warm, never] = [newPartition(), newPartition(), newPartition()];
    const log = await written(world, [cold], 3);
    for (let i = 0; i < 5; i++) await settle(log.append([warm]));
    for (const beforeSeq of [log.entries(warm)[2]?.seq ?? 0, log.lastSeq(warm) + 1, Number.MAX_SAFE_INTEGER]) {
      await settle(journal.truncate(beforeSeq));
      for (const partition of [cold, warm]) {
        const lastSeq = log.lastSeq(partition);
        t.equal((await settle(other.last(partition)))?.seq, lastSeq);
        t.equal((await settle(seqsOf(other, partition))).at(-1), lastSeq);
        t.same(await settle(other.append([entryFor(partition, 0)])), { kind: 'mismatch' });
      }
    }
    t.equal((await settle(seqsOf(other, cold))).length, 1);
    await settle(log.append([cold, warm]));
    t.ok(log.lastSeq(cold) > (log.entries(warm).at(-2)?.seq ?? 0));
    t.equal(await settle(other.last(never)), undefined);
    await settle(log.append([never]));
    await settle(journal.truncate(Number.MAX_SAFE_INTEGER));
    for (const partition of [cold, warm, never])
      t.equal((await settle(other.last(partition)))?.seq, log.lastSeq(partition));
  });
}

function edgeTests(t: Test, open: Open): void {
  t.test('an empty log, and one with a single entry', async (t) => {
    const { journal, other, settle } = await open(t);
    const partition = newPartition();
    const log = new WrittenLog(journal);
    await settle(journal.truncate(Number.MAX_SAFE_INTEGER));
    await settle(log.append([partition]));
    for (const beforeSeq of [0, 1, 2, 1_000]) await settle(journal.truncate(beforeSeq));
    t.same(await settle(seqsOf(other, partition)), [log.lastSeq(partition)]);
  });

  t.test('what is appended meanwhile stays', async (t) => {
    const world = await open(t);
    const { journal, other, settle } = world;
    const partitions = Array.from({ length: 8 }, newPartition);
    const log = await written(world, partitions, 2);
    const late = Array.from({ length: 20 }, newPartition);
    const appending = async () => {
      for (const partition of late) await log.append([partition, partitions[0] ?? 0]);
    };
    const truncating = async () => {
      for (let i = 0; i < 20; i++) await journal.truncate(Number.MAX_SAFE_INTEGER);
    };
    await settle(Promise.all([appending(), truncating()]));
    for (const partition of [...partitions, ...late])
      t.equal((await settle(other.last(partition)))?.seq, log.lastSeq(partition));
  });
}

function followTests(t: Test, open: Open): void {
  t.test('a follower from before the truncation begins at what is there', async (t) => {
    const world = await open(t);
    const { journal, other, settle } = world;
    const partitions = [newPartition(), newPartition()];
    const log = await written(world, partitions, 10);
    const beforeSeq = log.entries(partitions[0] ?? 0)[6]?.seq ?? 0;
    await settle(journal.truncate(beforeSeq));
    const seen = new Map(partitions.map((partition, i) => [partition, log.entries(partition)[i]?.seq ?? 0]));
    const kept = log.after(seen).filter(({ seq }) => seq >= beforeSeq);
    const following = other.follow(seen);
    t.same(words(await settle(take(following, kept.length))), words(kept));
    following.stop();
  });

  t.test('a follower goes on while the log is truncated', async (t) => {
    const world = await open(t);
    const { journal, other, settle } = world;
    const partitions = [newPartition(), newPartition()];
    const log = await written(world, partitions, 3);
    const seen = new Map(partitions.map((partition) => [partition, 0]));
    const following = other.follow(seen);
    const taken = await settle(take(following, 6));
    for (let i = 0; i < 20; i++) {
      await settle(journal.truncate(Math.min(...partitions.map((partition) => log.lastSeq(partition)))));
      await settle(log.append(partitions));
      taken.push(...(await settle(take(following, 2))));
    }
    t.same(words(taken), words(log.after(seen)));
    following.stop();
  });
}

interface Step {
  readonly partitions: readonly number[];
  /** Of all sequences so far, the place to truncate at: 0 before all, 100 at the last. */
  readonly before_percent: number;
}

const steps = fc.array(
  fc.record({
    partitions: fc.uniqueArray(fc.nat({ max: 3 }), { minLength: 1, maxLength: 4 }),
    before_percent: fc.nat({ max: 110 }),
  }),
  { minLength: 1, maxLength: 8 },
);

function propertyTest(t: Test, open: Open): void {
  t.test('any course of appends and truncations keeps an end of each partition, with all that it must', async (t) => {
    const world = await open(t);
    const mine = Array.from({ length: 4 }, newPartition);
    const log = await written(world, mine, 1);
    let floorSeq = 0;
    await fc.assert(
      fc.asyncProperty(steps, async (course: readonly Step[]) => {
        for (const { partitions, before_percent } of course) {
          await world.settle(log.append(partitions.map((i) => mine[i] ?? 0)));
          const beforeSeq = Math.floor(
            Math.max(...mine.map((partition) => log.lastSeq(partition))) * (before_percent / 100),
          );
          await world.settle(world.journal.truncate(beforeSeq));
          floorSeq = Math.max(floorSeq, beforeSeq);
          // Where no partition's last entry is in the way, nothing stays that was to go.
          const exact = mine.every((partition) => log.lastSeq(partition) >= beforeSeq);
          for (const partition of mine) {
            const kept = await world.settle(seqsOf(world.other, partition));
            const all = log.entries(partition).map(({ seq }) => seq);
            const must = all.filter((seq) => seq >= floorSeq || seq === all.at(-1));
            const right =
              kept.length >= must.length && JSON.stringify(kept) === JSON.stringify(all.slice(-kept.length));
            if (!right || (exact && kept.length > must.length && (kept[0] ?? 0) < beforeSeq))
              throw new Error(JSON.stringify({ kept, must, beforeSeq }));
          }
        }
      }),
      { numRuns: world.runs, endOnFailure: true },
    );
  });
}
