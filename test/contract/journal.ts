/** What every Journal promises, whatever it is made of. */
import fc from 'fast-check';
import type { Test } from 'tap';
import type { Append, Journal, JournalEntry, PartitionId } from '../../runtime/ports.ts';

export interface JournalWorld {
  /** The same log through two nodes. */
  readonly journal: Journal;
  readonly other: Journal;
  /** Waits; where time is simulated, lets it pass. */
  readonly settle: <T>(promise: Promise<T>) => Promise<T>;
  /** Lets so much time pass. */
  readonly pass: (ms: number) => Promise<void>;
  /** What a single append is answered that is sent again as it was. */
  readonly singleRepeat: 'duplicate' | 'mismatch';
  /** How often the property is tried. */
  readonly runs: number;
  close(): Promise<void>;
}

const everything = Number.MAX_SAFE_INTEGER;
/** Each test has partitions of its own, because a world serves them all. */
let partitions = 0;
let ids = 0;

export function newPartition(): PartitionId {
  return partitions++;
}

export function entryFor(
  partition: PartitionId,
  expectedSeq: number,
  bytes: Uint8Array = text(`record ${ids}`),
): Append {
  return { partition, expectedSeq, id: `${partition}/1/${++ids}`, bytes };
}

function text(words: string): Uint8Array {
  return new TextEncoder().encode(words);
}

export async function collect(entries: AsyncIterable<JournalEntry>): Promise<JournalEntry[]> {
  const all: JournalEntry[] = [];
  for await (const entry of entries) all.push(entry);
  return all;
}

export function journalContract(t: Test, open: () => Promise<JournalWorld>): void {
  t.test('journal contract', async (t) => {
    const world = await open();
    t.teardown(() => world.close());
    appendTests(t, world);
    repeatTests(t, world);
    readTests(t, world);
    rivalTests(t, world);
    propertyTest(t, world);
  });
}

async function appended(world: JournalWorld, batch: readonly Append[]): Promise<readonly number[]> {
  const outcome = await world.settle(world.journal.append(batch));
  if (outcome.kind !== 'appended') throw new Error(`not appended: ${JSON.stringify(outcome)}`);
  return outcome.seqs;
}

async function logOf({ other, settle }: JournalWorld, partition: PartitionId): Promise<JournalEntry[]> {
  return await settle(collect(other.read(partition, 0, everything)));
}

function appendTests(t: Test, world: JournalWorld): void {
  const { journal, settle } = world;

  t.test('A2: an append needs the last sequence', async (t) => {
    const partition = newPartition();
    const [first = 0] = await appended(world, [entryFor(partition, 0)]);
    t.ok(first > 0);
    for (const expectedSeq of [0, first + 1, first - 1]) {
      t.same(await settle(journal.append([entryFor(partition, expectedSeq)])), { kind: 'mismatch' });
    }
    const [second = 0] = await appended(world, [entryFor(partition, first)]);
    t.ok(second > first);
    t.same(
      (await logOf(world, partition)).map(({ seq }) => seq),
      [first, second],
    );
  });

  t.test('A2: a batch is all or nothing', async (t) => {
    const [a, b] = [newPartition(), newPartition()];
    const [seqA = 0, seqB = 0] = await appended(world, [entryFor(a, 0), entryFor(b, 0)]);
    const refused = [entryFor(a, seqA), entryFor(b, seqB + 1)];
    t.same(await settle(journal.append(refused)), { kind: 'mismatch' });
    t.equal((await logOf(world, a)).length, 1);
    t.equal((await logOf(world, b)).length, 1);
    const again = refused.map((append) => (append.partition === b ? { ...append, expectedSeq: seqB } : append));
    const seqs = await appended(world, again);
    t.equal(seqs.length, 2, 'an id that was refused is not used up');
  });

  t.test('a batch has its sequences in its order, and its bytes as they were', async (t) => {
    const batch = Array.from({ length: 12 }, (_, i) => {
      const bytes = Uint8Array.from({ length: i * 40 }, (_, j) => (i + j) % 256);
      return entryFor(newPartition(), 0, bytes);
    }).reverse();
    const seqs = await appended(world, batch);
    t.same(
      seqs,
      [...seqs].sort((a, b) => a - b),
    );
    for (const [i, { partition, bytes }] of batch.entries()) {
      const last = await settle(world.other.last(partition));
      t.equal(last?.seq, seqs[i]);
      t.equal(Buffer.compare(last?.bytes ?? text('none'), bytes), 0);
    }
  });

  t.test('a record of 512 KiB, alone and in a batch', async (t) => {
    const [a, b] = [newPartition(), newPartition()];
    const large = new Uint8Array(512 * 1024).map((_, i) => (i * 31) % 256);
    const [first = 0] = await appended(world, [entryFor(a, 0, large)]);
    await appended(world, [entryFor(a, first, large), entryFor(b, 0, large)]);
    for (const { bytes } of [...(await logOf(world, a)), ...(await logOf(world, b))]) {
      t.equal(Buffer.compare(bytes, large), 0);
    }
    t.same(await settle(journal.append([])), { kind: 'appended', seqs: [] });
  });
}

function repeatTests(t: Test, world: JournalWorld): void {
  const { journal, other, settle, singleRepeat } = world;

  t.test('A2: a batch sent again is a duplicate, from any node', async (t) => {
    const batch = [entryFor(newPartition(), 0), entryFor(newPartition(), 0)];
    await appended(world, batch);
    t.same(await settle(journal.append(batch)), { kind: 'duplicate' });
    t.same(await settle(other.append(batch)), { kind: 'duplicate' });
    for (const { partition } of batch) t.equal((await logOf(world, partition)).length, 1);
  });

  t.test('A2: an append sent again alone is appended once', async (t) => {
    const partition = newPartition();
    const append = entryFor(partition, 0);
    await appended(world, [append]);
    t.same(await settle(journal.append([append])), { kind: singleRepeat });
    t.equal((await logOf(world, partition)).length, 1);
  });

  t.test('a batch with one repeated id is a duplicate, and the rest is not appended', async (t) => {
    const [a, b] = [newPartition(), newPartition()];
    const repeated = entryFor(a, 0);
    await appended(world, [repeated]);
    t.same(await settle(journal.append([repeated, entryFor(b, 0)])), { kind: 'duplicate' });
    t.equal((await logOf(world, b)).length, 0);
  });
}

function readTests(t: Test, world: JournalWorld): void {
  const { journal, other, settle } = world;

  t.test('an empty partition', async (t) => {
    const partition = newPartition();
    t.equal(await settle(journal.last(partition)), undefined);
    t.same(await logOf(world, partition), []);
  });

  t.test('reading a part', async (t) => {
    const [partition, between] = [newPartition(), newPartition()];
    const seqs: number[] = [];
    let betweenSeq = 0;
    for (let i = 0; i < 8; i++) {
      seqs.push(...(await appended(world, [entryFor(partition, seqs.at(-1) ?? 0, text(`${i}`))])));
      [betweenSeq = 0] = await appended(world, [entryFor(between, betweenSeq)]);
    }
    const read = async (from: number, to: number) => {
      const entries = await settle(collect(other.read(partition, from, to)));
      return entries.map(({ bytes }) => Buffer.from(bytes).toString()).join('');
    };
    const at = (i: number) => seqs[i] ?? 0;
    t.equal(await read(0, everything), '01234567');
    t.equal(await read(at(3), at(5)), '345', 'both ends belong to it');
    t.equal(await read(at(3) + 1, at(5) - 1), '4', 'sequences of other partitions as ends');
    t.equal(await read(at(7), at(7)), '7');
    t.equal(await read(at(7) + 1, everything), '');
    t.equal(await read(at(0), at(0)), '0');
    t.equal(await read(at(5), at(3)), '');
    t.equal(await read(0, at(0) - 1), '');
  });

  t.test('a long log, whole and left early', async (t) => {
    const partition = newPartition();
    const count = 1_200;
    let seq = 0;
    for (let i = 0; i < count; i++) [seq = 0] = await appended(world, [entryFor(partition, seq, text(`${i}`))]);
    const entries = await logOf(world, partition);
    t.same(
      entries.map(({ bytes }) => Number(Buffer.from(bytes))),
      Array.from({ length: count }, (_, i) => i),
    );
    t.ok(entries.every((entry, i) => i === 0 || entry.seq > (entries[i - 1]?.seq ?? 0)));
    const firstOnes = async () => {
      let seen = 0;
      for await (const _entry of other.read(partition, 0, everything)) if (++seen === 700) break;
      return seen;
    };
    t.equal(await settle(firstOnes()), 700);
    const tail = await settle(collect(other.read(partition, entries[1_190]?.seq ?? 0, everything)));
    t.equal(tail.length, 10);
  });
}

function rivalTests(t: Test, world: JournalWorld): void {
  const { journal, other, settle } = world;

  t.test('A2: of two writers at once one is appended, whether alone or in batches', async (t) => {
    for (let round = 0; round < 20; round++) {
      const [a, b, c] = [newPartition(), newPartition(), newPartition()];
      const mine = round % 2 === 0 ? [entryFor(a, 0)] : [entryFor(a, 0), entryFor(b, 0)];
      const theirs = round % 2 === 0 ? [entryFor(a, 0)] : [entryFor(c, 0), entryFor(a, 0)];
      const outcomes = await settle(Promise.all([journal.append(mine), other.append(theirs)]));
      const won = outcomes.filter(({ kind }) => kind === 'appended').length;
      t.equal(won, 1, JSON.stringify(outcomes));
      t.ok(outcomes.every(({ kind }) => kind === 'appended' || kind === 'mismatch' || kind === 'busy'));
      t.equal((await logOf(world, a)).length, 1);
    }
  });

  t.test('nodes with partitions of their own do not hinder each other', async (t) => {
    const work = async (node: Journal) => {
      const own = Array.from({ length: 4 }, newPartition);
      let seqs: readonly number[] = own.map(() => 0);
      for (let i = 0; i < 25; i++) {
        const outcome = await node.append(own.map((partition, j) => entryFor(partition, seqs[j] ?? 0)));
        if (outcome.kind !== 'appended') return outcome;
        seqs = outcome.seqs;
      }
      return 'done';
    };
    t.same(await settle(Promise.all([work(journal), work(other)])), ['done', 'done']);
  });
}

interface Step {
  readonly partitions: readonly number[];
  readonly wrong: boolean;
  readonly repeat: boolean;
}

const steps = fc.array(
  fc.record({
    partitions: fc.uniqueArray(fc.nat({ max: 3 }), { minLength: 1, maxLength: 4 }),
    wrong: fc.boolean(),
    repeat: fc.boolean(),
  }),
  { maxLength: 12 },
);

function propertyTest(t: Test, world: JournalWorld): void {
  t.test('A2: any course of right, wrong and repeated batches leaves what was appended, in order', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (course: readonly Step[]) => {
        const mine = Array.from({ length: 4 }, newPartition);
        const expected = mine.map((): { seq: number; id: string }[] => []);
        for (const step of course) await takeStep(world, mine, expected, step);
        for (const [i, partition] of mine.entries()) {
          const found = (await logOf(world, partition)).map(({ seq, bytes }) => ({
            seq,
            id: Buffer.from(bytes).toString(),
          }));
          if (JSON.stringify(found) !== JSON.stringify(expected[i]))
            throw new Error(JSON.stringify({ found, expected }));
        }
      }),
      { numRuns: world.runs, endOnFailure: true },
    );
  });
}

async function takeStep(
  world: JournalWorld,
  mine: readonly PartitionId[],
  expected: readonly { seq: number; id: string }[][],
  { partitions, wrong, repeat }: Step,
): Promise<void> {
  const batch = partitions.map((i) => {
    const append = entryFor(mine[i] ?? 0, expected[i]?.at(-1)?.seq ?? 0);
    return { ...append, bytes: text(append.id) };
  });
  const [first, ...rest] = batch;
  if (first === undefined) return;
  const sent = wrong ? [...rest, { ...first, expectedSeq: first.expectedSeq + 1 }] : batch;
  const outcome = await world.settle(world.journal.append(sent));
  if (outcome.kind !== (wrong ? 'mismatch' : 'appended')) throw new Error(JSON.stringify(outcome));
  if (outcome.kind !== 'appended') return;
  for (const [j, i] of partitions.entries()) expected[i]?.push({ seq: outcome.seqs[j] ?? 0, id: batch[j]?.id ?? '' });
  if (!repeat) return;
  const again = await world.settle(world.journal.append(batch));
  const right = batch.length === 1 ? world.singleRepeat : 'duplicate';
  if (again.kind !== right) throw new Error(JSON.stringify(again));
}
