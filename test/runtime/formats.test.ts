import t from 'tap';
import type { Limits } from '../../runtime/index.ts';
import type { Ownership } from '../../runtime/ports.ts';
import { list } from './ledger.ts';
import { breaches, Load } from './load.ts';
import { World } from './world.ts';

t.setTimeout(120_000);

const partitions = 8;
const all = Array.from({ length: partitions }, (_, id) => id);

function newWorld(seed: number, limits: Partial<Limits> = {}): World {
  return new World({ seed, behaviours: [list()], partitions, limits });
}

/** What the register says. */
async function register(world: World): Promise<Ownership> {
  const { value } = await world.until(world.register.connect().read());
  if (value === undefined) throw new Error('nothing is written');
  return value;
}

/** Partitions that a node of format 2 has owned at any time, by the owners that the register named. */
function watchRegister(world: World): Set<number> {
  const owned = new Set<number>();
  const look = async (): Promise<void> => {
    const { owners, formats } = await register(world).catch(() => ({ owners: [], formats: [] }));
    for (const id of all) if (owners[id]?.node === 'new' || formats?.[id] === 2) owned.add(id);
  };
  const next = (): void => {
    world.time.after(20, next);
    void look();
  };
  next();
  return owned;
}

t.test('§5: the register keeps the highest format that an owner of each partition may have written', async (t) => {
  const world = newWorld(1);
  world.boot('old');
  await world.settled();
  t.strictSame(
    (await register(world)).formats,
    all.map(() => 1),
  );
  world.boot('new', { format: 2 });
  await world.pass(2_500);
  const { owners, formats } = await register(world);
  t.ok(owners.some((owner) => owner?.node === 'new'));
  t.strictSame(
    formats,
    owners.map((owner) => (owner?.node === 'new' ? 2 : 1)),
  );
});

t.test('§5: what a node of a higher format has owned never goes to one of a lower', async (t) => {
  for (let seed = 10; seed < 12; seed++) {
    const world = newWorld(seed);
    world.boot('old');
    world.boot('older');
    await world.settled();
    const load = new Load(world, ['old'], 8);
    world.boot('new', { format: 2 });
    await world.pass(2_500);
    const mine = world.node('new').owned;
    t.ok(mine.length > 0);
    // A planned move: nobody may have them.
    t.equal(await world.until(world.node('new').drain(), 30_000), false);
    t.strictSame(world.node('new').owned, mine);
    t.ok(
      world.errors.some((words) => words.includes('reads the format of a partition')),
      'and it is said why',
    );
    world.node('new').resume();
    // Its death: nobody claims them.
    world.kill('new');
    await world.pass(3_000);
    const { owners, formats } = await register(world);
    for (const id of mine) t.strictSame([owners[id]?.node, formats?.[id]], ['new', 2]);
    t.ok(
      owners.every((owner, id) => mine.includes(id) || owner?.node !== 'new'),
      'the others are served',
    );
    t.equal(world.node('old').owned.length + world.node('older').owned.length, partitions - mine.length);
    const said = world.errors.filter((words) => words.startsWith('old:') && words.includes('reads the format'));
    t.equal(said.length, mine.length, 'once each, by each');
    world.boot('newer', { format: 3 });
    await world.pass(3_000);
    load.stop();
    t.ok(mine.every((id) => world.node('newer').owned.includes(id)));
    t.ok(
      mine.every((id) => world.node('old').view.formats[id] === 3),
      'which writes a higher one yet',
    );
    await world.pass(4_000);
    t.strictSame(await breaches(world, 'old', load), []);
  }
});

t.test('§5: a stop gives up what nobody else reads, for a node that does', async (t) => {
  const world = newWorld(20);
  world.boot('new', { format: 2 });
  await world.settled();
  world.boot('old');
  await world.pass(2_500);
  t.strictSame(world.node('old').owned, [], 'the ring would like it to');
  const load = new Load(world, ['old'], 4);
  await world.pass(200);
  await world.until(world.node('new').stop(), 60_000);
  world.kill('new');
  await world.pass(1_000);
  const { owners, formats } = await register(world);
  t.strictSame([owners, formats], [all.map(() => undefined), all.map(() => 2)]);
  t.strictSame(world.node('old').owned, []);
  world.boot('new', { format: 2 });
  await world.pass(3_000);
  t.equal(world.node('new').owned.length, partitions);
  load.stop();
  await world.pass(4_000);
  t.strictSame(await breaches(world, 'old', load), []);
});

t.test('§5: a target that goes silent just before it is named is recorded with its format all the same', async (t) => {
  for (let seed = 30; seed < 34; seed++) {
    const world = newWorld(seed);
    world.boot('old');
    await world.settled();
    const owned = watchRegister(world);
    const load = new Load(world, ['old'], 3);
    world.boot('new', { format: 2 });
    const random = world.random.stream('test');
    for (let round = 0; round < 8; round++) {
      await world.pass(random.between(300, 700));
      // Long enough that it is taken for lost, and so short that it is not replaced.
      world.board.cut('new', 'old');
      await world.pass(random.between(150, 300));
      world.board.heal('new', 'old');
    }
    await world.pass(1_000);
    const { formats, owners } = await register(world);
    for (const id of owned) t.equal(formats?.[id], 2, `seed ${seed}, partition ${id}`);
    for (const id of all) if (formats?.[id] === 2) t.not(owners[id]?.node, 'old');
    load.stop();
    await world.pass(4_000);
    t.strictSame(await breaches(world, 'old', load), []);
  }
});

t.test('§5: nodes of a lower format share what only they have owned', async (t) => {
  const world = newWorld(50);
  for (const name of ['n1', 'n2', 'n3']) world.boot(name);
  await world.settled();
  await world.pass(1_500);
  world.kill('n2');
  await world.pass(2_000);
  t.equal(world.node('n1').owned.length + world.node('n3').owned.length, partitions);
  t.strictSame(world.errors, []);
});
