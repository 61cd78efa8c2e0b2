import t from 'tap';
import { actorKind, behaviour, type VerifyReport } from '../../runtime/index.ts';
import type { PartitionId } from '../../runtime/ports.ts';
import { readPointer } from '../../runtime/snapshots/manifest.ts';
import { simCodec } from '../../sim/codec.ts';
import { act, List, list } from './ledger.ts';
import { breaches, keys, Load } from './load.ts';
import { World } from './world.ts';

t.setTimeout(120_000);

const partitions = 4;
const all = Array.from({ length: partitions }, (_, id) => id);
/** Snapshots are made, merged and the journal cut all the time; looks are small, so that much happens between them. */
const limits = {
  snapshot_look_ms: 50,
  snapshot_first_ms: 100,
  snapshot_records: 60,
  snapshot_garbage_ms: 2_000,
  truncate_ms: 300,
  verify_look_rows_max: 3,
  verify_suspects_max: 7,
};

function newWorld(seed: number): World {
  return new World({ seed, behaviours: [list()], partitions, limits });
}

async function verified(world: World, from: string, partition: PartitionId): Promise<VerifyReport> {
  const answer = await world.until(world.node(from).inspect({ kind: 'verify', partition }, from, 60_000), 120_000);
  if (answer.kind === 'none') throw new Error(`${answer.why}: ${answer.words}`);
  return answer.value;
}

const sound = { missing: 0, extra: 0, different: 0, named: [], broken: '', why: '' };

function isSound(report: VerifyReport): boolean {
  const { missing, extra, different, broken, expected, found } = report;
  return missing + extra + different === 0 && broken === '' && expected === found;
}

function ownerOf(world: World, partition: PartitionId): string {
  return world.node('n1').view.owners[partition]?.node ?? '';
}

/** Keys of the rows that the owner's store has by now. */
function storedKeys(world: World, partition: PartitionId): string[] {
  const rows = world.disk(ownerOf(world, partition)).committed.get(partition)?.keys('', '\uffff') ?? [];
  return rows.filter((key) => key !== ' meta ');
}

/** A row of words that nobody writes any more. */
function restingRow(world: World, partition: PartitionId): string {
  const found = storedKeys(world, partition).find((key) => key.includes(' words '));
  if (found === undefined) throw new Error(`partition ${partition} has no words`);
  return found;
}

t.test('Partitions under load are sound, wherever it is asked, and nobody waits for it', async (t) => {
  for (let seed = 1; seed <= 3; seed++) {
    const world = newWorld(seed);
    await world.cluster('n1', 'n2', 'n3');
    const load = new Load(world, ['n1', 'n2', 'n3'], 2);
    await world.pass(1_500);
    for (let round = 0; round < 3; round++) {
      for (const id of all) {
        const report = await verified(world, round === 1 ? 'n2' : 'n1', id);
        t.match(report, sound, `seed ${seed}, partition ${id}`);
        t.equal(report.found, report.expected);
        t.ok(report.number > 0 && report.rows > 0 && report.bytes > 0);
      }
      await world.pass(200);
    }
    t.ok(world.log.entries(0)[0]?.seq !== 1, 'the journal was cut meanwhile');
    load.stop();
    await world.pass(4_000);
    t.strictSame(load.outcomes, { reply: load.asked.length });
    t.ok(load.longestMs < 500, `${load.longestMs} ms`);
    t.strictSame(await breaches(world, 'n1', load), []);
    // And at rest: what was compared is all that there is.
    for (const id of all) {
      const report = await verified(world, 'n3', id);
      t.match(report, { ...sound, rows: storedKeys(world, id).length, expected: report.found });
    }
  }
});

/** Rows that are written over and over, and such that come and go. */
const Fickle = actorKind<{ turn: { mail: object; reply: number } }>('fickle');
const fickle = behaviour<{ turn: { mail: object; reply: number } }, { n: number }>(Fickle, {
  wake: (turn) => ({ n: turn.get<number>('n') ?? 0 }),
  turns: {
    turn(memory, _, turn) {
      memory.n++;
      turn.put('n', memory.n);
      // Long, so that a snapshot has many parts, between which time passes.
      turn.put('last', String(memory.n % 3), `now ${memory.n} `.repeat(200));
      if (memory.n % 2 === 0) turn.put('even', 'yes');
      else turn.delete('even');
      turn.reply(memory.n);
    },
  },
});

t.test('Rows that change between the looks are compared as of the moment at which each was looked at', async (t) => {
  for (let seed = 91; seed <= 94; seed++) {
    const world = new World({ seed, behaviours: [fickle], partitions, limits });
    await world.cluster('n1', 'n2');
    let going = true;
    let turns = 0;
    const next = (): void => {
      if (!going) return;
      world.time.after(1, next);
      void world.node('n1').ask(Fickle.ref(`f${turns++ % 40}`), { kind: 'turn' });
    };
    next();
    await world.pass(1_500);
    for (let round = 0; round < 4; round++) {
      for (const id of all) t.match(await verified(world, 'n1', id), sound, `seed ${seed}, partition ${id}`);
    }
    going = false;
    await world.pass(3_500);
    for (const id of all) t.match(await verified(world, 'n1', id), { ...sound, rows: storedKeys(world, id).length });
  }
});

t.test('Whatever is done to a store behind its owner’s back is found under load, and named', async (t) => {
  for (let seed = 11; seed <= 13; seed++) {
    const world = newWorld(seed);
    await world.cluster('n1', 'n2');
    const load = new Load(world, ['n1', 'n2'], 3);
    await world.pass(1_500);
    for (const partition of all) {
      const disk = world.disk(ownerOf(world, partition));
      const key = restingRow(world, partition);
      const [actor = '', table = ''] = key.split(' ');
      const put = (value: Uint8Array | undefined, at = key) => disk.commit({ writes: [{ partition, key: at, value }] });
      const was = disk.read(partition, key);
      put(simCodec.pack('another word'));
      t.match(await verified(world, 'n1', partition), { different: 1, missing: 0, extra: 0, broken: '' });
      put(undefined);
      const missing = await verified(world, 'n2', partition);
      t.match(missing, { different: 0, missing: 1, extra: 0, named: [{ how: 'missing', actor, table }] });
      put(was);
      put(simCodec.pack('nobody wrote this'), `${actor} zwords 000001`);
      put(simCodec.pack('nor this'), 'zlist/z words 000001');
      t.match(await verified(world, 'n1', partition), {
        ...{ different: 0, missing: 0, extra: 2 },
        named: [
          { how: 'extra', actor, table: 'zwords' },
          { how: 'extra', actor: 'zlist/z', table: 'words' },
        ],
      });
      put(undefined, `${actor} zwords 000001`);
      put(undefined, 'zlist/z words 000001');
      t.ok(isSound(await verified(world, 'n1', partition)));
    }
    load.stop();
    await world.pass(2_000);
  }
});

t.test('A damaged row is found, and its partition built anew, as whenever one is met', async (t) => {
  const world = newWorld(21);
  await world.cluster('n1', 'n2');
  const load = new Load(world, ['n1', 'n2'], 5);
  await world.pass(1_500);
  const [partition = 0] = all;
  const epoch = world.node('n1').view.epochs[partition] ?? 0;
  const owner = ownerOf(world, partition);
  world.disk(owner).damage(partition, restingRow(world, partition));
  t.match(await verified(world, 'n1', partition), { broken: 'store', why: /checksum/ });
  await world.pass(3_000);
  t.ok((world.node('n1').view.epochs[partition] ?? 0) > epoch);
  t.ok(isSound(await verified(world, 'n1', partition)));
  load.stop();
  await world.pass(4_000);
  t.strictSame(await breaches(world, 'n1', load), []);
});

/** Writes some words, and waits until there are snapshots, and until nothing happens any more. */
async function rested(seed: number): Promise<World> {
  const world = newWorld(seed);
  await world.cluster('n1', 'n2');
  const load = new Load(world, ['n1', 'n2'], 3);
  await world.pass(1_500);
  load.stop();
  await world.pass(3_000);
  return world;
}

t.test('A snapshot that is damaged or gone is found, and nothing is built from it', async (t) => {
  for (const how of ['damage', 'gone', 'pointer'] as const) {
    const world = await rested(31);
    const ports = { archive: world.archive.connect(), codec: simCodec };
    const [partition = 0] = all;
    const { manifest } = await world.until(readPointer(partition, ports));
    const name = manifest?.segments[0]?.name ?? '';
    if (how === 'damage') world.archive.damage(name);
    else if (how === 'gone') world.archive.segments.delete(name);
    else {
      const { version, bytes } = world.archive.pointers.get(partition) ?? { version: 0, bytes: new Uint8Array() };
      world.archive.pointers.set(partition, { version, bytes: bytes.map((byte, i) => (i === 9 ? byte ^ 1 : byte)) });
    }
    t.match(await verified(world, 'n2', partition), { broken: 'snapshot', why: /segment|snapshot/ }, how);
    const rebuilt = await world.until(world.node('n1').inspect({ kind: 'rebuild', partition }, 'n1', 60_000), 60_000);
    t.match(rebuilt, { kind: 'none', why: 'not possible' }, 'what is held may be the last that is good');
    t.equal(world.node('n1').view.owners[partition]?.node, ownerOf(world, partition));
  }
});

t.test('A record that is no longer what its owner wrote is found', async (t) => {
  for (const where of ['last', 'before', 'forged'] as const) {
    const world = await rested(41);
    const [partition = 0] = all;
    const log = world.log.entries(partition);
    const entry = where === 'before' ? log.at(-2) : log.at(-1);
    if (entry === undefined) throw new Error('no record');
    const at = entry.bytes.length - 1;
    const bytes = entry.bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));
    if (where === 'forged') new DataView(bytes.buffer).setUint32(0, simCodec.crc32(bytes.subarray(4)));
    Object.assign(entry, { bytes });
    const report = await verified(world, 'n1', partition);
    if (where === 'forged') t.notOk(isSound(report));
    else t.match(report, { broken: 'journal', why: new RegExp(`sequence ${entry.seq}`) });
  }
});

t.test('What is built anew on an operator’s word is sound again', async (t) => {
  const world = await rested(51);
  const [partition = 0] = all;
  const disk = world.disk(ownerOf(world, partition));
  const before = storedKeys(world, partition);
  disk.commit({ writes: [{ partition, key: restingRow(world, partition), value: simCodec.pack('another word') }] });
  t.match(await verified(world, 'n1', partition), { different: 1 });
  const rebuilt = await world.until(world.node('n2').inspect({ kind: 'rebuild', partition }, 'n2', 60_000), 60_000);
  t.match(rebuilt, { kind: 'answer', value: { different: 1 } });
  await world.pass(3_000);
  t.match(await verified(world, 'n2', partition), sound);
  t.strictSame(storedKeys(world, partition), before);
  for (const name of ['n1', 'n2']) t.equal(world.node(name).owned.length > 0, true);
});

t.test('An archive or a journal that does not answer is no damage', async (t) => {
  const world = await rested(61);
  const [partition = 0] = all;
  const ask = () => world.until(world.node('n1').inspect({ kind: 'verify', partition }, 'n1', 60_000), 120_000);
  world.archive.faults.unavailable = 1;
  t.match(await ask(), { kind: 'none', why: 'not possible', words: /the archive does not answer/ });
  world.archive.faults.unavailable = 0;
  t.match(await ask(), { kind: 'answer', value: sound });
});

t.test('An owner that dies, or gives the partition away, is not waited for: the next one is asked', async (t) => {
  for (let seed = 71; seed <= 76; seed++) {
    const world = newWorld(seed);
    await world.cluster('n1', 'n2', 'n3');
    const load = new Load(world, ['n1'], 3);
    await world.pass(1_500);
    const partition = all.find((id) => ownerOf(world, id) !== 'n1');
    if (partition === undefined) throw new Error('n1 has all');
    const owner = ownerOf(world, partition);
    const asked = world.node('n1').inspect({ kind: 'verify', partition }, 'n1', 5_000);
    await world.pass(1 + (seed % 5) * 4);
    if (seed % 2 === 0) world.kill(owner);
    else void world.node(owner).drain();
    const answer = await world.until(asked, 60_000);
    if (answer.kind === 'answer') t.ok(isSound(answer.value), `seed ${seed}`);
    else t.ok(['no answer', 'no owner'].includes(answer.why), `seed ${seed}: ${answer.why}`);
    await world.pass(3_000);
    t.ok(isSound(await verified(world, 'n1', partition)), `seed ${seed}`);
    load.stop();
    await world.pass(1_000);
  }
});

t.test('One verification of a partition at a time: who asks meanwhile hears of the same one', async (t) => {
  const world = newWorld(81);
  await world.cluster('n1');
  for (const key of keys) await world.until(world.node('n1').ask(List.ref(key), act({ add: 'word' })));
  const asked = [0, 0, 0].map((partition) => world.node('n1').inspect({ kind: 'verify', partition }, 'n1', 60_000));
  const [first, ...others] = await world.until(Promise.all(asked), 60_000);
  for (const other of others) t.equal(other.kind === 'answer' && other.value, first?.kind === 'answer' && first.value);
  t.match(first, { kind: 'answer', value: sound });
});
