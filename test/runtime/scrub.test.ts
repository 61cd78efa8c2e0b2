import t from 'tap';
import { partitionOf } from '../../runtime/hash.ts';
import type { Limits } from '../../runtime/index.ts';
import type { PartitionId } from '../../runtime/ports.ts';
import { StoreDamaged, StoreLost } from '../../runtime/ports.ts';
import { Scrub } from '../../runtime/scrub.ts';
import { act, List, list } from './ledger.ts';
import { breaches, keys, Load } from './load.ts';
import { Stage } from './stage.ts';
import { diskBreaches, folded, Watch } from './watch.ts';
import { replyOf, World } from './world.ts';

t.setTimeout(120_000);

const partitions = 8;

function newWorld(seed: number, limits: Partial<Limits> = {}): World {
  return new World({ seed, behaviours: [list()], partitions, limits });
}

async function add(world: World, name: string, key: string, word: string): Promise<void> {
  for (let tries = 0; tries < 10; tries++) {
    const { kind } = await world.until(world.node(name).ask(List.ref(key), act({ add: word }), 3_000));
    if (kind === 'reply') return;
  }
  throw new Error(`nobody takes ${word}`);
}

async function wordsOf(world: World, name: string, key: string): Promise<readonly string[]> {
  for (let tries = 0; tries < 10; tries++) {
    const answer = await world.until(world.node(name).ask(List.ref(key), { kind: 'list' }, 3_000));
    if (answer.kind === 'reply') return answer.value;
  }
  throw new Error('nobody answers');
}

/** Dead letters of all partitions, by what the journal makes of them. */
function deadLetters(world: World): string[] {
  return Array.from({ length: partitions }, (_, id) => [...folded(world, id).keys])
    .flat()
    .filter((key) => key.startsWith(' dead '));
}

const all = Array.from({ length: partitions }, (_, id) => id);

t.test('A5: a turn that meets a damaged row has its partition built anew, and its mail handled once', async (t) => {
  for (const names of [['n1'], ['n1', 'n2']]) {
    const world = newWorld(1);
    await world.cluster(...names);
    const [first = ''] = keys;
    const id = partitionOf(List.ref(first).address, partitions);
    const others = keys.filter((key) => partitionOf(List.ref(key).address, partitions) !== id);
    for (const key of keys) for (const word of ['one', 'two']) await add(world, 'n1', key, word);
    // All that is in memory goes to sleep, or else the rows would not be read.
    for (const key of keys) replyOf(await world.until(world.node('n1').ask(List.ref(key), act({ sleep: true }))));
    await world.pass(2_000);
    for (const name of names) {
      const owns = world.node(name).owned.includes(id);
      if (owns) world.disk(name).damage(id);
    }
    const epoch = world.node('n1').view.epochs[id] ?? 0;
    // By a channel: its sender sends it until it is handled.
    await add(world, 'n1', others[0] ?? '', 'x');
    replyOf(await world.until(world.node('n1').ask(List.ref(others[0] ?? ''), act({ tell: [first, 'told'] }))));
    const asked = await world.until(world.node('n1').ask(List.ref(first), { kind: 'list' }, 3_000));
    t.not(asked.kind, 'refused');
    await world.pass(3_000);
    t.strictSame(
      (await wordsOf(world, 'n1', first)).filter((word) => word !== 'x'),
      ['one', 'two', 'told'],
    );
    t.ok((world.node('n1').view.epochs[id] ?? 0) > epoch, 'in an epoch of its own');
    t.ok(world.errors.some((words) => words.includes('partition dropped, to be rebuilt')));
    t.notOk(world.errors.some((words) => words.includes('invariant')));
    t.strictSame(deadLetters(world), []);
    await world.pass(1_000);
    t.strictSame(
      names.flatMap((name) => diskBreaches(world, name)),
      [],
    );
  }
});

t.test('A5: a look for timers that meets a damaged row does the same, and each fires once', async (t) => {
  const world = newWorld(2);
  await world.cluster('n1');
  const atMs = (world.processes.get('n1')?.clock.wallMs() ?? 0) + 1_500;
  for (const key of keys) {
    replyOf(await world.until(world.node('n1').ask(List.ref(key), act({ timer: ['x', atMs, 'due'], sleep: true }))));
  }
  await world.pass(500);
  for (const id of all) {
    for (const key of folded(world, id).rows.keys()) if (key.startsWith(' timer')) world.disk('n1').damage(id, key);
  }
  await world.pass(3_000);
  for (const key of keys) t.strictSame(await wordsOf(world, 'n1', key), ['due'], key);
  t.strictSame(deadLetters(world), []);
  t.strictSame(diskBreaches(world, 'n1'), []);
});

t.test('A5: damage that nobody reads is found by the scrub, in a new life, at owners and standbys', async (t) => {
  const world = newWorld(3);
  const watch = new Watch(world);
  await world.cluster('n1', 'n2');
  for (const key of keys) for (const word of ['one', 'two']) await add(world, 'n1', key, word);
  await world.pass(1_000);
  world.kill('n1');
  world.kill('n2');
  const row = (id: PartitionId) => [...folded(world, id).rows.keys()].find((key) => key.includes(' words '));
  const hurt = all.filter((id) => row(id) !== undefined);
  for (const name of ['n1', 'n2']) for (const id of hurt) world.disk(name).damage(id, row(id));
  await world.cluster('n1', 'n2');
  await world.pass(6_000);
  // No row with damage is left on any disk: each was written anew.
  for (const name of ['n1', 'n2']) {
    for (const id of hurt) t.doesNotThrow(() => world.disk(name).read(id, row(id) ?? ''), `${name}, partition ${id}`);
    t.strictSame(diskBreaches(world, name), []);
  }
  for (const key of keys) t.strictSame(await wordsOf(world, 'n1', key), ['one', 'two']);
  for (const id of all) t.strictSame(watch.keepers(id), ['n1', 'n2']);
});

t.test('A5: a position that is not readable is none', async (t) => {
  const world = newWorld(4);
  await world.cluster('n1', 'n2');
  for (const key of keys) await add(world, 'n1', key, 'one');
  await world.pass(500);
  world.kill('n1');
  world.kill('n2');
  for (const name of ['n1', 'n2']) for (const id of all) world.disk(name).damage(id, ' meta ');
  await world.cluster('n1', 'n2');
  for (const key of keys) t.strictSame(await wordsOf(world, 'n1', key), ['one']);
  await world.pass(1_000);
  for (const name of ['n1', 'n2']) {
    for (const id of all) t.doesNotThrow(() => world.disk(name).read(id, ' meta '));
    t.strictSame(diskBreaches(world, name), []);
  }
});

t.test('A5: damage all over, all the time: nothing is lost, and nothing is handled twice', async (t) => {
  for (let seed = 10; seed < 13; seed++) {
    const world = newWorld(seed);
    await world.cluster('n1', 'n2', 'n3');
    const random = world.random.stream('test');
    const load = new Load(world, ['n1', 'n2', 'n3'], 4);
    for (let round = 0; round < 10; round++) {
      await world.pass(random.between(50, 600));
      const name = random.pick(['n1', 'n2', 'n3']);
      world.disk(name).damage(random.between(0, partitions - 1));
    }
    load.stop();
    await world.pass(6_000);
    await world.settled();
    t.strictSame(await breaches(world, 'n1', load), [], `seed ${seed}`);
    t.equal(load.count('open'), 0);
    t.strictSame(deadLetters(world), []);
    await world.pass(1_000);
    t.strictSame(
      ['n1', 'n2', 'n3'].flatMap((name) => diskBreaches(world, name)),
      [],
    );
  }
});

/** A scrub over a stage's store. */
async function scrubbed(rows: number, ids: readonly PartitionId[]): Promise<[Stage, Scrub, PartitionId[]]> {
  const stage = new Stage();
  const found: PartitionId[] = [];
  const scrub = new Scrub(stage.ports, ({ partition }) => void found.push(partition));
  for (const partition of ids) {
    const writes = Array.from({ length: rows }, (_, i) => ({
      partition,
      key: `k${i}`,
      value: new Uint8Array([i & 255]),
    }));
    await stage.time.until(stage.ports.store.write(writes));
  }
  return [stage, scrub, found];
}

t.test('A5: a scrub reads every row once, a little at a time', async (t) => {
  const [stage, scrub, found] = await scrubbed(2_300, [0, 3]);
  const { store } = stage.ports;
  const verified: (readonly [PartitionId, number])[] = [];
  const verify = store.verify.bind(store);
  store.verify = (partition, after, rowsMax) => {
    verified.push([partition, stage.time.nowMs]);
    return verify(partition, after, rowsMax);
  };
  const startMs = stage.time.nowMs;
  scrub.add(0);
  scrub.add(3);
  scrub.add(0);
  await stage.time.pass(10_000);
  t.strictSame(verified.filter(([id]) => id === 0).length, 6, 'five slices, and one that finds the end');
  t.strictSame(verified.filter(([id]) => id === 3).length, 6);
  t.strictSame(
    verified.map(([, atMs]) => atMs - startMs),
    verified.map((_, i) => (i + 1) * 50),
  );
  scrub.add(0);
  await stage.time.pass(1_000);
  t.equal(verified.length, 12, 'once a life');
  t.strictSame(found, []);
});

t.test('A5: a scrub finds a damaged row wherever it is, and goes on with the others', async (t) => {
  const [stage, scrub, found] = await scrubbed(1_200, [0, 1, 2]);
  stage.disk.damage(1, 'k1199');
  stage.disk.damage(0, 'k0');
  for (const id of [0, 1, 2]) scrub.add(id);
  await stage.time.pass(5_000);
  t.strictSame([...found].sort(), [0, 1]);
});

t.test('A5: a scrub that can’t read says so, finds nothing, and stops with its node', async (t) => {
  const [stage, scrub, found] = await scrubbed(1_200, [0, 1]);
  const { store } = stage.ports;
  let reads = 0;
  store.verify = () => {
    reads++;
    throw new Error('made up');
  };
  scrub.add(0);
  await stage.time.pass(60);
  t.strictSame([reads, found], [1, []]);
  store.verify = (partition) => {
    reads++;
    throw new StoreDamaged(partition, 'made up');
  };
  scrub.add(1);
  scrub.stop();
  await stage.time.pass(1_000);
  t.strictSame([reads, found], [1, []]);
});

t.test('A5: damage in what a node no longer owns is remembered until it does again', async (t) => {
  const many = 64;
  const world = new World({ seed: 20, behaviours: [list()], partitions: many, limits: { standbys: 0 } });
  await world.cluster('n1');
  const words = Array.from({ length: 256 }, (_, i) => `k${i}`);
  for (const key of words) replyOf(await world.until(world.node('n1').ask(List.ref(key), act({ add: 'w' }))));
  await world.pass(500);
  world.kill('n1');
  // In its next life it checks what it finds, about twenty partitions a second, and the other node comes meanwhile.
  const verified = new Set<PartitionId>();
  world.boot('n1', {
    ports: (ports) => {
      const verify = ports.store.verify.bind(ports.store);
      ports.store.verify = (partition, after, rowsMax) => {
        verified.add(partition);
        return verify(partition, after, rowsMax);
      };
      return ports;
    },
  });
  await world.settled();
  world.boot('n2');
  await world.pass(1_300);
  const moved = world.node('n2').owned.filter((id) => !verified.has(id));
  const row = (id: PartitionId) => [...folded(world, id).rows.keys()].find((key) => key.includes(' words ')) ?? '';
  const hurt = moved.filter((id) => row(id) !== '');
  t.ok(hurt.length > 0);
  for (const id of hurt) world.disk('n1').damage(id, row(id));
  await world.pass(3_000);
  world.kill('n2');
  await world.pass(2_000);
  await world.settled();
  for (const id of hurt) t.doesNotThrow(() => world.disk('n1').read(id, row(id)), `partition ${id}`);
  t.strictSame(diskBreaches(world, 'n1'), []);
});

t.test(
  'A5: a store that can’t even forget what is damaged is told of once, and others have its partitions',
  async (t) => {
    const world = new World({ seed: 21, behaviours: [list()], partitions: 8 });
    let isLost = false;
    world.boot('n1', {
      ports: (ports) => {
        const drop = ports.store.drop.bind(ports.store);
        ports.store.drop = (id) => (isLost ? Promise.reject(new StoreLost(new Error('made up'))) : drop(id));
        return ports;
      },
    });
    world.boot('n2');
    await world.settled();
    const words = Array.from({ length: 64 }, (_, i) => `k${i}`);
    for (const key of words) replyOf(await world.until(world.node('n1').ask(List.ref(key), act({ add: 'w' }))));
    await world.pass(1_000);
    const lost: string[] = [];
    world.node('n1').onStoreLost = ({ message }) => void lost.push(message);
    isLost = true;
    const [hurt = 0] = world.node('n1').owned;
    const [key = ''] = words.filter((word) => partitionOf(`list/${word}`, 8) === hurt);
    world.disk('n1').damage(hurt, ' meta ');
    for (const row of folded(world, hurt).rows.keys()) world.disk('n1').damage(hurt, row);
    void world.node('n1').ask(List.ref(key), { kind: 'list' });
    await world.pass(10_000);
    t.strictSame(lost, ['the local store is damaged beyond repair: made up']);
    world.kill('n1');
    await world.pass(3_000);
    t.strictSame(replyOf(await world.until(world.node('n2').ask(List.ref(key), { kind: 'list' }))), ['w']);
  },
);
