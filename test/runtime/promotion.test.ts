import t from 'tap';
import type { Limits } from '../../runtime/index.ts';
import type { PartitionId } from '../../runtime/ports.ts';
import { decodeRecord } from '../../runtime/record.ts';
import { Ring } from '../../runtime/ring.ts';
import { partitionRows } from '../../runtime/turn.ts';
import { simCodec } from '../../sim/codec.ts';
import { Bystander } from './bystander.ts';
import { deaf, Readings } from './journals.ts';
import { act, List, list } from './ledger.ts';
import { breaches, keys, Load } from './load.ts';
import { diskBreaches, Watch } from './watch.ts';
import { replyOf, World } from './world.ts';

t.setTimeout(120_000);

const partitions = 8;
const all = Array.from({ length: partitions }, (_, id) => id);
const names = ['n1', 'n2', 'n3'];

function newWorld(seed: number, limits: Partial<Limits> = {}): World {
  return new World({ seed, behaviours: [list()], partitions, limits });
}

function keysAt(world: World, name: string): string[] {
  return keys.filter((key) => world.node(name).serves(List.ref(key)));
}

async function wordsOf(world: World, name: string, key: string): Promise<readonly string[]> {
  return replyOf(await world.until(world.node(name).ask(List.ref(key), { kind: 'list' }, 20_000)));
}

function ownersOf(world: World, name: string): (string | undefined)[] {
  return world.node(name).view.owners.map((owner) => owner?.node);
}

t.test('A4: a standby becomes the owner without reading the journal', async (t) => {
  const world = newWorld(1);
  const readings = new Map(names.map((name) => [name, new Readings()]));
  for (const [name, { ports }] of readings) world.boot(name, { ports });
  await world.settled();
  const load = new Load(world, ['n1', 'n3'], 2);
  await world.pass(1_000);
  const lost = world.node('n2').owned;
  t.ok(lost.length > 0);
  for (const one of readings.values()) one.clear();
  const diedMs = world.time.nowMs;
  world.kill('n2');
  while (!lost.every((id) => ['n1', 'n3'].some((name) => world.node(name).owned.includes(id)))) await world.pass(5);
  const tookMs = world.time.nowMs - diedMs;
  t.ok(tookMs < world.limits.suspect_ms, `served again after ${tookMs} ms`);
  for (const id of lost) {
    const [owner = ''] = ['n1', 'n3'].filter((name) => world.node(name).owned.includes(id));
    t.strictSame([readings.get(owner)?.ends.get(id), readings.get(owner)?.reads.get(id)], [undefined, undefined]);
  }
  load.stop();
  await world.pass(3_000);
  t.strictSame(await breaches(world, 'n1', load), []);
  t.equal(load.count('open'), 0);
});

t.test('A4: an epoch bump that fails at first costs no copy', async (t) => {
  const world = newWorld(2);
  const readings = new Map(names.map((name) => [name, new Readings()]));
  for (const [name, { ports }] of readings) world.boot(name, { ports });
  await world.settled();
  const load = new Load(world, ['n1', 'n3'], 2);
  await world.pass(1_000);
  const lost = world.node('n2').owned;
  for (const one of readings.values()) {
    one.clear();
    one.appendFails = 8;
    one.endFails = 8;
  }
  world.kill('n2');
  await world.pass(3_000);
  load.stop();
  for (const id of lost) {
    const [owner = ''] = ['n1', 'n3'].filter((name) => world.node(name).owned.includes(id));
    // What has moved on since then was read by the next one's copy.
    if (world.node('n1').view.epochs[id] === 2) t.equal(readings.get(owner)?.reads.get(id), undefined, owner);
  }
  const tried = [...readings.values()].flatMap(({ ends }) => lost.map((id) => ends.get(id) ?? 0));
  t.ok(tried.some((times) => times > 1));
  await world.pass(3_000);
  t.strictSame(await breaches(world, 'n1', load), []);
});

t.test(
  'A6: the next owner sends the mail that was not settled, fires each timer once, and takes no mail twice',
  async (t) => {
    for (let seed = 10; seed < 14; seed++) {
      const world = newWorld(seed);
      await world.cluster(...names);
      await world.pass(300);
      const here = keysAt(world, 'n2');
      const there = keys.filter((key) => !here.includes(key));
      // Nothing that n2 sends arrives: neither its mail, nor its word that it has taken the others'.
      for (const name of ['n1', 'n3']) world.board.cut('n2', name);
      const atMs = world.processes.get('n1')?.clock.wallMs() ?? 0;
      const due = seed % 2 === 0 ? 900 : 40;
      for (const [i, key] of here.entries()) {
        const what = act({
          add: 'mine',
          tell: [there[i % there.length] as string, `of ${key}`],
          timer: ['x', atMs + due, 'due'],
        });
        replyOf(await world.until(world.node('n2').ask(List.ref(key), what)));
      }
      for (const [i, key] of there.entries()) {
        const what = act({ tell: [here[i % here.length] as string, `of ${key}`] });
        replyOf(await world.until(world.node('n3').ask(List.ref(key), what)));
      }
      await world.pass(15 + seed);
      world.kill('n2');
      await world.pass(4_000);
      const counts = new Map<string, number>();
      for (const key of keys) {
        for (const word of await wordsOf(world, 'n1', key)) counts.set(word, (counts.get(word) ?? 0) + 1);
      }
      t.strictSame(
        [...counts].filter(([word]) => word.startsWith('of')),
        [...counts.keys()].filter((word) => word.startsWith('of')).map((word) => [word, 1]),
      );
      t.equal([...counts.keys()].filter((word) => word.startsWith('of')).length, keys.length, `seed ${seed}`);
      t.strictSame([counts.get('mine'), counts.get('due')], [here.length, here.length]);
    }
  },
);

t.test('§5: the most caught-up copy takes over, though the ring wishes another', async (t) => {
  const world = newWorld(20, { standbys: 2 });
  const watch = new Watch(world);
  const silent = new Map(names.map((name) => [name, new Set<PartitionId>()]));
  for (const [name, set] of silent) world.boot(name, { ports: deaf(set) });
  await world.settled();
  await world.pass(500);
  const lost = world.node('n2').owned;
  const wished = new Ring(['n1', 'n3']).assign(partitions);
  for (const id of lost) silent.get(wished[id] ?? '')?.add(id);
  for (const key of keysAt(world, 'n2'))
    replyOf(await world.until(world.node('n2').ask(List.ref(key), act({ add: 'w' }))));
  await world.pass(100);
  const written = lost.filter((id) => watch.copy('n1', id) !== watch.copy('n3', id));
  t.ok(written.length > 0, 'one of the two lags');
  world.kill('n2');
  while (ownersOf(world, 'n1').includes('n2')) await world.pass(5);
  await world.pass(100);
  for (const id of written) {
    const bumps = world.log.entries(id).map(({ bytes }) => decodeRecord(bytes, simCodec));
    const [successor] = bumps.filter(({ type, epoch }) => type === 'bump' && epoch === 2);
    t.equal(successor?.writer.slice(0, 2), wished[id] === 'n1' ? 'n3' : 'n1', `partition ${id}`);
  }
  for (const set of silent.values()) set.clear();
  await world.pass(10_000);
  t.strictSame(ownersOf(world, 'n1'), wished, 'and has it once it has caught up');
});

t.test('A3: a copy that misses the last records reads them before it serves', async (t) => {
  for (let seed = 30; seed < 34; seed++) {
    const world = newWorld(seed);
    await world.cluster(...names);
    const load = new Load(world, ['n1', 'n3'], 2);
    await world.pass(500);
    Object.assign(world.log.faults, { followGap: 0.5, followLate: 0.2 });
    await world.pass(300);
    world.kill('n2');
    await world.pass(500);
    world.kill('n3');
    Object.assign(world.log.faults, { followGap: 0, followLate: 0 });
    await world.pass(1_000);
    load.stop();
    await world.settled();
    await world.pass(4_000);
    t.strictSame(await breaches(world, 'n1', load), []);
    t.strictSame(diskBreaches(world, 'n1'), []);
  }
});

t.test('A4: a copy is not served: none of its timers fires, and none of its actors has a turn', async (t) => {
  const world = newWorld(40);
  const watch = new Watch(world);
  await world.cluster('n1');
  const silent = new Set<PartitionId>();
  const two = new Bystander(world, watch, 'n2', {}, deaf(silent));
  two.want(...all);
  const atMs = world.processes.get('n1')?.clock.wallMs() ?? 0;
  for (const key of keys) {
    const what = act({ add: 'w', timer: ['x', atMs + 500, 'due'], tell: ['k0', 'mail'] });
    replyOf(await world.until(world.node('n1').ask(List.ref(key), what)));
  }
  await two.live(200);
  // What clears the timers does not reach it.
  for (const id of all) silent.add(id);
  await two.live(2_000);
  t.equal(two.readied, 0);
  t.equal((await wordsOf(world, 'n1', 'k1')).filter((word) => word === 'due').length, 1);
  const timers = [...two.standbys.partitions()].flatMap(({ overlay }) => overlay.range(partitionRows, 'timer', {}));
  t.equal(timers.length, keys.length, 'they stand in its copy, and are due');
});

t.test('A5: the disks of a cluster hold what the journal makes of it, whoever owned what', async (t) => {
  for (let seed = 50; seed < 53; seed++) {
    const world = newWorld(seed, { store_flush_rows_max: 50 });
    await world.cluster(...names);
    const random = world.random.stream('test');
    const load = new Load(world, ['n1'], 3);
    Object.assign(world.log.faults, { followBroken: 0.02, followGap: 0.05, readBroken: 0.02 });
    for (let round = 0; round < 8; round++) {
      await world.pass(random.between(100, 600));
      const name = random.chance(0.5) ? 'n2' : 'n3';
      const process = world.processes.get(name);
      if (process?.alive !== true) world.boot(name);
      else if (random.chance(0.5)) world.kill(name);
      else {
        await world.until(process.node.stop());
        world.kill(name);
      }
      t.strictSame(
        names.flatMap((one) => diskBreaches(world, one)),
        [],
        `seed ${seed}, round ${round}`,
      );
    }
    load.stop();
    Object.assign(world.log.faults, { followBroken: 0, followGap: 0, readBroken: 0 });
    await world.pass(4_000);
    t.strictSame(await breaches(world, 'n1', load), []);
    t.strictSame(
      names.flatMap((one) => diskBreaches(world, one)),
      [],
    );
  }
});
