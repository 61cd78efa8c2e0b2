/** What following a journal promises, whatever it is made of. */
import type { Test } from 'tap';
import type { FollowedEntry, PartitionId } from '../../runtime/ports.ts';
import { type JournalWorld, newPartition } from './journal.ts';
import { take, WrittenLog, words } from './journal-log.ts';

/** Longer than any journal takes to tell a follower of an entry. */
const quiet_ms = 300;

export function followContract(t: Test, open: () => Promise<JournalWorld>): void {
  t.test('follow contract', async (t) => {
    const world = await open();
    t.teardown(() => world.close());
    placeTests(t, world);
    waitTests(t, world);
    stopTests(t, world);
    burstTests(t, world);
  });
}

function newPartitions(count: number): PartitionId[] {
  return Array.from({ length: count }, newPartition);
}

/** What the promise has come to by now. */
async function stateOf(promise: Promise<unknown>): Promise<'pending' | 'resolved' | 'rejected'> {
  const settled = promise.then(
    () => 'resolved' as const,
    () => 'rejected' as const,
  );
  return await Promise.race([settled, new Promise<'pending'>((resolve) => setImmediate(resolve, 'pending'))]);
}

function placeTests(t: Test, world: JournalWorld): void {
  const { journal, other, settle, pass } = world;

  t.test('a partition is followed from its first entry after the given one', async (t) => {
    const [partition, unfollowed] = [newPartition(), newPartition()];
    const log = new WrittenLog(journal);
    for (let i = 0; i < 6; i++) await settle(log.append(i % 2 === 0 ? [partition, unfollowed] : [partition]));
    for (const after of [0, log.entries(partition)[2]?.seq ?? 0, log.entries(partition)[4]?.seq ?? 0]) {
      const seen = new Map([[partition, after]]);
      const expected = log.after(seen);
      const following = other.follow(seen);
      t.same(words(await settle(take(following, expected.length))), words(expected));
      following.stop();
    }
    // A sequence of another partition.
    const between = new Map([[partition, log.lastSeq(unfollowed)]]);
    const following = other.follow(between);
    t.same(words(await settle(take(following, 1))), words(log.after(between)));
    following.stop();
  });

  t.test('64 partitions at once, each from a place of its own', async (t) => {
    const partitions = newPartitions(64);
    const log = new WrittenLog(journal);
    for (let i = 0; i < 4; i++) await settle(log.append(partitions));
    const seen = new Map(partitions.map((partition, i) => [partition, log.entries(partition)[i % 5]?.seq ?? 0]));
    const following = other.follow(seen);
    const later = settle(take(following, log.after(seen).length + 64));
    await settle(log.append([...partitions].reverse()));
    t.same(words(await later), words(log.after(seen)));
    following.stop();
  });

  t.test('what is not beyond the given sequence is passed over, also when it is appended later', async (t) => {
    const [behind, ahead] = [newPartition(), newPartition()];
    const log = new WrittenLog(journal);
    await settle(log.append([behind, ahead]));
    const seen = new Map([
      [behind, log.lastSeq(behind)],
      [ahead, log.lastSeq(ahead) + 4],
    ]);
    const following = other.follow(seen);
    const next = following.next();
    for (let i = 0; i < 2; i++) await settle(log.append([ahead]));
    await pass(quiet_ms);
    t.equal(await stateOf(next), 'pending');
    for (let i = 0; i < 4; i++) await settle(log.append([ahead]));
    const expected = log.after(seen);
    const first = await settle(next);
    const rest = await settle(take(following, expected.length - first.length));
    t.same(words([...first, ...rest]), words(expected));
    following.stop();
  });

  t.test('what a follower is given is its own, and two followers don’t share', async (t) => {
    const seen = new Map([[newPartition(), 0]]);
    const log = new WrittenLog(journal);
    for (let i = 0; i < 3; i++) await settle(log.append([...seen.keys()]));
    const followings = [other.follow(seen), other.follow(seen), journal.follow(seen)];
    const expected = words(log.after(seen));
    for (const [partition] of seen) seen.set(partition, 1e9);
    for (const following of followings) {
      const entries = await settle(take(following, 3));
      t.same(words(entries), expected);
      for (const { bytes } of entries) bytes.fill(0);
      following.stop();
    }
  });
}

function waitTests(t: Test, world: JournalWorld): void {
  const { journal, other, settle, pass } = world;

  t.test('next waits while there is nothing, and wakes at an append', async (t) => {
    const [followed, unfollowed] = [newPartition(), newPartition()];
    const log = new WrittenLog(journal);
    const following = other.follow(new Map([[followed, 0]]));
    for (let i = 0; i < 3; i++) {
      const next = following.next();
      await settle(log.append([unfollowed]));
      await pass(quiet_ms);
      t.equal(await stateOf(next), 'pending');
      await settle(log.append([followed]));
      t.same(
        (await settle(next)).map(({ seq }) => seq),
        [log.lastSeq(followed)],
      );
    }
    following.stop();
  });

  t.test('a follower that is quiet for seconds goes on', async (t) => {
    const partition = newPartition();
    const log = new WrittenLog(journal);
    const following = other.follow(new Map([[partition, 0]]));
    const next = following.next();
    await pass(4_500);
    t.equal(await stateOf(next), 'pending');
    await settle(log.append([partition]));
    t.equal((await settle(next))[0]?.seq, log.lastSeq(partition));
    // Nobody waits now.
    await pass(2_500);
    await settle(log.append([partition]));
    t.equal((await settle(following.next()))[0]?.seq, log.lastSeq(partition));
    following.stop();
  });

  t.test('following nothing waits until it is stopped', async (t) => {
    const log = new WrittenLog(journal);
    const following = other.follow(new Map());
    const next = following.next();
    await settle(log.append([newPartition()]));
    await pass(quiet_ms);
    t.equal(await stateOf(next), 'pending');
    following.stop();
    await t.rejects(settle(next));
  });
}

function stopTests(t: Test, world: JournalWorld): void {
  const { journal, other, settle } = world;

  t.test('stopping rejects the call that waits, and all later ones', async (t) => {
    const partition = newPartition();
    const log = new WrittenLog(journal);
    await settle(log.append([partition]));
    const following = other.follow(new Map([[partition, log.lastSeq(partition)]]));
    const next = following.next();
    t.equal(await stateOf(next), 'pending');
    following.stop();
    following.stop();
    await t.rejects(settle(next));
    await settle(log.append([partition]));
    await t.rejects(settle(following.next()));
  });

  t.test('stopping at once, and before what came was taken', async (t) => {
    const partition = newPartition();
    const log = new WrittenLog(journal);
    for (let i = 0; i < 3; i++) await settle(log.append([partition]));
    const stillborn = other.follow(new Map([[partition, 0]]));
    stillborn.stop();
    await t.rejects(settle(stillborn.next()));
    const following = other.follow(new Map([[partition, 0]]));
    await settle(following.next());
    await settle(log.append([partition]));
    following.stop();
    await t.rejects(settle(following.next()));
  });
}

/** Different for each entry; every tenth of 100 KB. */
function burstBytes(i: number): Buffer {
  return Buffer.alloc(i % 10 === 0 ? 100_000 : 1_000 + ((i * 131) % 3_000), `entry ${i} `);
}

function burstTests(t: Test, world: JournalWorld): void {
  const { journal, other, settle, pass } = world;
  const batches = 300;

  async function write(log: WrittenLog, partitions: readonly PartitionId[]): Promise<void> {
    for (let i = 0; i < batches; i++) await log.append(partitions, burstBytes(i));
  }

  function check(t: Test, found: readonly FollowedEntry[], expected: readonly FollowedEntry[]): void {
    t.equal(found.length, expected.length);
    t.ok(Buffer.from(JSON.stringify(words(found))).equals(Buffer.from(JSON.stringify(words(expected)))));
  }

  t.test('thousands of entries, followed while they are appended', async (t) => {
    const partitions = newPartitions(8);
    const log = new WrittenLog(journal);
    const seen = new Map(partitions.map((partition) => [partition, 0]));
    const following = other.follow(seen);
    const [found] = await settle(Promise.all([take(following, batches * 8), write(log, partitions)]));
    check(t, found, log.after(seen));
    following.stop();
  });

  t.test('thousands of entries that were there before, taken slowly at first', async (t) => {
    const partitions = newPartitions(8);
    const log = new WrittenLog(journal);
    await settle(write(log, partitions));
    const seen = new Map(partitions.map((partition) => [partition, 0]));
    const following = other.follow(seen);
    const found: FollowedEntry[] = [];
    for (let i = 0; i < 3; i++) {
      found.push(...(await settle(following.next())));
      await pass(quiet_ms);
    }
    found.push(...(await settle(take(following, batches * 8 - found.length))));
    check(t, found, log.after(seen));
    following.stop();
  });
}
