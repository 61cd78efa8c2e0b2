// The simulated ports do what they are told to do wrong, and the same seed does it the same way.
import t from 'tap';
import type { Append, AppendOutcome, Journal } from '../../runtime/ports.ts';
import { SimArchive } from '../../sim/archive.ts';
import { SimClock, SimRandom, SimTime } from '../../sim/clock.ts';
import { SimLog } from '../../sim/journal.ts';
import { SimSwitchboard } from '../../sim/network.ts';
import { SimRegister } from '../../sim/ownership.ts';
import { SimDisk } from '../../sim/store.ts';

function world(seed = 1): { time: SimTime; random: SimRandom; log: SimLog } {
  const random = new SimRandom(seed);
  const time = new SimTime(random.stream('ties'));
  return { time, random, log: new SimLog(time, random) };
}

function append(expectedSeq: number, number: number): Append {
  return { partition: 0, expectedSeq, id: `0/1/${number}`, bytes: Uint8Array.of(number) };
}

t.test('A2: an answer lost is unknown though appended, and the same bytes again say so', async (t) => {
  const { time, log } = world();
  const journal = log.connect(500);
  log.faults.answerLost = 1;
  t.match(await time.until(journal.append([append(0, 1)])), { kind: 'unknown', reason: /500 ms/ });
  t.equal(log.entries(0).length, 1);
  log.faults.answerLost = 0;
  t.same(await time.until(journal.append([append(0, 1)])), { kind: 'duplicate' });
  await time.pass(121_000);
  t.same(
    await time.until(journal.append([append(0, 1)])),
    { kind: 'mismatch' },
    'the id is forgotten, the sequence is not',
  );
});

t.test('A2: a late append lands after it was given up, and what comes in between wins', async (t) => {
  const { time, log } = world();
  const journal = log.connect(500);
  log.faults.late = 1;
  t.equal((await time.until(journal.append([append(0, 1)]))).kind, 'unknown');
  t.equal(log.entries(0).length, 0);
  await time.pass(2_000);
  t.equal(log.entries(0).length, 1);
  const second = journal.append([append(1, 2)]);
  t.equal((await time.until(second)).kind, 'unknown');
  log.faults.late = 0;
  t.equal((await time.until(journal.append([append(1, 3)]))).kind, 'appended');
  await time.pass(2_000);
  t.same(
    log.entries(0).map(({ id }) => id),
    ['0/1/1', '0/1/3'],
  );
});

t.test('busy, requests lost, no leader, not connected: nothing is appended', async (t) => {
  const { time, log } = world();
  const journal = log.connect();
  log.faults.busy = 1;
  t.equal((await time.until(journal.append([append(0, 1)]))).kind, 'busy');
  log.faults.busy = 0;
  log.faults.requestLost = 1;
  t.equal((await time.until(journal.append([append(0, 1)]))).kind, 'unknown');
  log.faults.requestLost = 0;
  log.loseLeader(60_000);
  const kinds = new Set<string>();
  for (let i = 0; i < 12; i++) kinds.add((await time.until(journal.append([append(0, 1)]))).kind);
  t.same([...kinds].sort(), ['busy', 'unknown']);
  await t.rejects(time.until(journal.last(0)), /does not answer/);
  await time.pass(60_000);
  journal.connected = false;
  t.equal((await time.until(journal.append([append(0, 1)]))).kind, 'busy');
  journal.connected = true;
  t.equal(log.entries(0).length, 0);
  log.faults.readBroken = 1;
  await t.rejects(time.until(journal.last(0)));
});

t.test('a process that is gone hears nothing, but what it sent may land', async (t) => {
  const { time, log } = world();
  const journal = log.connect();
  let heard = false;
  void journal.append([append(0, 1)]).then(() => {
    heard = true;
  });
  const clock = new SimClock(time);
  clock.after(5, () => {
    heard = true;
  });
  journal.crash();
  clock.crash();
  await time.pass(10_000);
  t.equal(heard, false);
  t.equal(log.entries(0).length, 1);
});

t.test('truncation keeps the last entry', async (t) => {
  const { time, log } = world();
  const journal = log.connect();
  for (let i = 0; i < 5; i++) await time.until(journal.append([append(i, i + 1)]));
  await time.until(journal.truncate(4));
  t.same(
    log.entries(0).map(({ seq }) => seq),
    [4, 5],
  );
  log.truncate(99);
  t.equal((await time.until(journal.last(0)))?.seq, 5);
  t.equal((await time.until(journal.append([append(5, 6)]))).kind, 'appended');
});

/** As the engine does: the same bytes until the outcome is certain. */
async function persist(journal: Journal, clock: SimClock, next: Append, trace: string[]): Promise<number> {
  for (;;) {
    const outcome: AppendOutcome = await journal.append([next]);
    trace.push(`${clock.monotonicMs()} ${next.id} ${outcome.kind}`);
    if (outcome.kind === 'appended') return outcome.seqs[0] ?? 0;
    const last = outcome.kind === 'unknown' ? undefined : await journal.last(0).catch(() => undefined);
    if (last?.bytes[0] === next.bytes[0]) return last?.seq ?? 0;
    await new Promise<void>((resolve) => clock.after(50, resolve));
  }
}

async function run(seed: number): Promise<{ trace: string[]; log: SimLog }> {
  const { time, random, log } = world(seed);
  const swarm = random.stream('swarm');
  Object.assign(log.faults, {
    delayMs: [0, swarm.between(1, 100)],
    busy: swarm.fraction() * 0.3,
    requestLost: swarm.fraction() * 0.2,
    answerLost: swarm.fraction() * 0.3,
    late: swarm.fraction() * 0.3,
    readBroken: swarm.fraction() * 0.3,
  });
  log.idsFirst = swarm.chance(0.5);
  const journal = log.connect(500);
  const clock = new SimClock(time);
  const trace: string[] = [];
  const work = async () => {
    let seq = 0;
    for (let number = 1; number <= 30; number++) {
      if (number % 10 === 0) log.loseLeader(swarm.between(1, 9_000));
      seq = await persist(journal, clock, append(seq, number), trace);
    }
  };
  await time.until(work());
  await time.pass(10_000);
  return { trace, log };
}

t.test('A2: whatever goes wrong, each record once and in order; and the same seed goes the same way', async (t) => {
  const kinds = new Set<string>();
  for (let seed = 1; seed <= 60; seed++) {
    const { trace, log } = await run(seed);
    for (const line of trace) kinds.add(line.split(' ')[2] ?? '');
    const found = log.entries(0).map(({ bytes }) => bytes[0]);
    if (found.join() !== Array.from({ length: 30 }, (_, i) => i + 1).join()) t.fail(`seed ${seed}: ${found}`);
    if (seed <= 10) t.same((await run(seed)).trace, trace);
  }
  t.same([...kinds].sort(), ['appended', 'busy', 'duplicate', 'mismatch', 'unknown'], 'every answer was met');
});

t.test('the network loses, delays and cuts; a pair of nodes stays in order', async (t) => {
  const { time, random } = world(4);
  const board = new SimSwitchboard(time, random);
  const [a, b] = [board.plug('a'), board.plug('b')];
  const heard: number[] = [];
  b.listen((bytes) => heard.push(bytes[0] ?? 0));
  const sendTo = (count: number) => {
    heard.length = 0;
    for (let i = 0; i < count; i++) a.send('b', Uint8Array.of(i));
    return time.pass(1_000);
  };
  Object.assign(board.faults, { loss: 0.3, delayMs: [0, 200] });
  await sendTo(200);
  t.ok(heard.length > 100 && heard.length < 180, `${heard.length}`);
  t.same(
    heard,
    [...heard].sort((x, y) => x - y),
  );
  board.faults.loss = 0;
  board.cut('a', 'b');
  await sendTo(3);
  t.same(heard, []);
  board.heal('a', 'b');
  board.isolate('a');
  t.equal(a.connected(), false);
  await sendTo(3);
  t.same(heard, []);
  board.isolate('a', false);
  await sendTo(3);
  t.same(heard, [0, 1, 2]);
  const reborn = board.plug('b');
  reborn.listen((bytes) => heard.push(100 + (bytes[0] ?? 0)));
  await sendTo(1);
  t.same(heard, [100], 'a restarted node has its name to itself');
});

t.test('the register: a write whose answer is lost has happened', async (t) => {
  const { time, random } = world();
  const register = new SimRegister(time, random);
  const node = register.connect();
  const value = { owners: [undefined], epochs: [1] };
  register.faults.unavailable = 1;
  await t.rejects(time.until(node.write(0, value)), /not available/);
  Object.assign(register.faults, { unavailable: 0, answerLost: 1 });
  await t.rejects(time.until(node.write(0, value)), /no answer/);
  const { version } = await time.until(node.read());
  t.ok(version > 0);
  let heard = false;
  void node.read().then(() => {
    heard = true;
  });
  node.crash();
  await time.pass(100);
  t.equal(heard, false);
});

t.test('a timer cancelled does not run; time stops where it is told to', async (t) => {
  const { time } = world();
  const clock = new SimClock(time, 1_000);
  const ran: string[] = [];
  clock.after(10, () => ran.push('ten'));
  clock.after(20, () => ran.push('twenty'))();
  t.equal(time.pending, 1);
  await time.pass(15);
  t.same([ran, clock.monotonicMs(), clock.wallMs()], [['ten'], 15, 1_015]);
  clock.wallOffsetMs += 3_600_000;
  t.equal(clock.wallMs(), 3_601_015, 'the wall clock jumps');
  t.equal(clock.monotonicMs(), 15);
  await t.rejects(time.until(new Promise(() => {}), 100), /not settled/);
});

/** What a follower is shown of partition 0 until it is interrupted or `ms` have passed. */
async function followed(
  time: SimTime,
  journal: Journal,
  ms: number,
): Promise<{ numbers: number[]; interrupted: boolean }> {
  const following = journal.follow(new Map([[0, 0]]));
  const numbers: number[] = [];
  let interrupted = false;
  const read = async () => {
    for (;;) for (const { bytes } of await following.next()) numbers.push(bytes[0] ?? 0);
  };
  read().catch(() => {
    interrupted = true;
  });
  await time.pass(ms);
  const seen = { numbers: [...numbers], interrupted };
  following.stop();
  await time.pass(100);
  return seen;
}

t.test('a follower: late, interrupted, with a gap nobody speaks of, and one that is gone', async (t) => {
  const { time, log } = world();
  const journal = log.connect();
  for (let i = 0; i < 20; i++) await time.until(journal.append([append(i, i + 1)]));
  const all = Array.from({ length: 20 }, (_, i) => i + 1);
  t.same(await followed(time, journal, 100), { numbers: all, interrupted: false });
  log.faults.followLate = 1;
  t.same((await followed(time, journal, 400)).numbers, []);
  t.same((await followed(time, journal, 7_000)).numbers, all);
  Object.assign(log.faults, { followLate: 0, followBroken: 1 });
  t.same(await followed(time, journal, 100), { numbers: [], interrupted: true });
  Object.assign(log.faults, { followBroken: 0, followGap: 0.3 });
  const { numbers, interrupted } = await followed(time, journal, 100);
  t.ok(numbers.length > 5 && numbers.length < 20, `${numbers}`);
  t.same(
    numbers,
    all.filter((number) => numbers.includes(number)),
  );
  t.equal(interrupted, false);
  log.faults.followGap = 0;
  await time.until(journal.truncate(15));
  t.same((await followed(time, journal, 100)).numbers, all.slice(14), 'what is truncated is skipped in silence');
  const following = journal.follow(new Map([[0, 20]]));
  const next = following.next();
  journal.connected = false;
  await t.rejects(time.until(next), /not connected/);
  await t.rejects(time.until(journal.follow(new Map()).next()), /not connected/);
});

t.test('a truncation whose answer is lost has happened', async (t) => {
  const { time, log } = world();
  const journal = log.connect();
  for (let i = 0; i < 3; i++) await time.until(journal.append([append(i, i + 1)]));
  log.faults.requestLost = 1;
  await t.rejects(time.until(journal.truncate(2)));
  t.equal(log.entries(0).length, 3);
  Object.assign(log.faults, { requestLost: 0, answerLost: 1 });
  await t.rejects(time.until(journal.truncate(2)));
  t.equal(log.entries(0).length, 2);
});

t.test('the network tells who listens, as far as it knows', async (t) => {
  const { time, random } = world();
  const board = new SimSwitchboard(time, random);
  const [a, b] = [board.plug('a'), board.plug('b')];
  const listens = (node: string) => time.until(a.listens(node));
  t.same([await listens('b'), await listens('c')], [true, false]);
  board.isolate('b');
  t.equal(await listens('b'), false);
  board.isolate('b', false);
  board.isolate('a');
  t.equal(await listens('c'), true, 'one that is cut off itself can’t tell');
  board.isolate('a', false);
  b.crash();
  t.equal(await listens('b'), false);
  board.faults.listensUnknown = 1;
  t.equal(await listens('b'), true);
});

t.test('the archive: refused, kept without an answer, broken off, slow, damaged, cut off', async (t) => {
  const { time, random } = world();
  const archive = new SimArchive(time, random);
  const link = archive.connect();
  const parts = [new Uint8Array(5_000).fill(1), new Uint8Array(5_000).fill(2)];
  const get = async (name: string) => {
    const got: Uint8Array[] = [];
    for await (const part of link.get(name)) got.push(part);
    return Buffer.concat(got);
  };
  archive.faults.putRefused = 1;
  await t.rejects(time.until(link.put('0/a', parts)), /no space/);
  Object.assign(archive.faults, { putRefused: 0, answerLost: 1 });
  await t.rejects(time.until(link.put('0/b', parts)), /no answer/);
  await t.rejects(time.until(link.point(0, 0, Uint8Array.of(7))), /no answer/);
  archive.faults.answerLost = 0;
  t.same(await time.until(link.names(0)), ['0/b']);
  const { version, bytes } = await time.until(link.pointer(0));
  t.same([version > 0, bytes], [true, Uint8Array.of(7)]);
  t.equal(await time.until(link.point(0, version + 1, Uint8Array.of(8))), undefined);
  await t.rejects(time.until(link.put('0/b', parts)), /already/);
  t.same(await time.until(get('0/b')), Buffer.concat(parts));
  archive.faults.getBroken = 1;
  await t.rejects(time.until(get('0/b')), /broke off/);
  Object.assign(archive.faults, { getBroken: 0, slow: 1 });
  await t.rejects(time.until(link.names(0), 500), /not settled/);
  archive.faults.slow = 0;
  archive.damage('0/b');
  t.notSame(await time.until(get('0/b')), Buffer.concat(parts));
  link.connected = false;
  await t.rejects(time.until(link.names(0)), /does not answer/);
});

t.test('rows of a disk are damaged: reads say so until they are written anew', async (t) => {
  const { time, random } = world();
  const disk = new SimDisk(time, random);
  const store = disk.open();
  const rows = ['a', 'b', 'c'].map((key) => ({ partition: 3, key, value: Uint8Array.of(1) }));
  await time.until(store.write(rows));
  await time.until(store.flushed());
  disk.damage(3, 'b');
  const damaged = { name: 'StoreDamaged', partition: 3 };
  t.same(store.get(3, 'a'), Uint8Array.of(1));
  t.throws(() => store.get(3, 'b'), damaged);
  t.throws(() => [...store.range(3, { from: 'a', to: 'z' })], damaged);
  t.throws(() => store.verify(3, undefined, 10), damaged);
  t.equal(store.verify(3, undefined, 1), 'a');
  disk.powerLoss(false);
  const later = disk.open();
  t.throws(() => later.get(3, 'b'), damaged, 'it is the disk that holds it');
  await time.until(later.write(rows.slice(1, 2)));
  t.same(later.get(3, 'b'), Uint8Array.of(1));
  disk.damage(3);
  t.throws(() => later.get(3, 'a'), damaged);
  await time.until(later.drop(3));
  t.equal(later.get(3, 'a'), undefined);
});
