import t, { type Test } from 'tap';
import type { Inspected, Question } from '../../runtime/inspection.ts';
import type { Datagram } from '../../runtime/parcel.ts';
import { Pins } from '../../runtime/pins.ts';
import type { Ownership, PartitionId, Ports } from '../../runtime/ports.ts';
import { Ring } from '../../runtime/ring.ts';
import { list } from './ledger.ts';
import { breaches, Load } from './load.ts';
import { Stage } from './stage.ts';
import { World } from './world.ts';

t.setTimeout(120_000);

const partitions = 8;
const all = Array.from({ length: partitions }, (_, id) => id);
const wished = new Ring(['n1', 'n2', 'n3']).assign(partitions);
/** One change of owner in eight times the silence after which a node is suspected. */
const rest_ms = 8 * 200;

/** Three nodes that have been there for a while. */
async function cluster(seed: number): Promise<World> {
  const world = new World({ seed, behaviours: [list()], partitions });
  await world.cluster('n1', 'n2', 'n3');
  await world.pass(4 * rest_ms);
  return world;
}

function put(world: World, from: string, question: Question): Promise<Inspected<unknown>> {
  return world.until(world.node(from).inspect(question), 60_000);
}

function move(world: World, from: string, partition: PartitionId, to: string): Promise<Inspected<unknown>> {
  return put(world, from, { kind: 'move', partition, to });
}

function owners(world: World, seenBy = 'n1'): string[] {
  return world.node(seenBy).view.owners.map((owner) => owner?.node ?? '');
}

/** A partition that the ring gives to one node, and another node. */
function some(owner: string): { partition: PartitionId; to: string } {
  return { partition: wished.indexOf(owner), to: owner === 'n3' ? 'n1' : 'n3' };
}

/** Passes the time that the changes of owners take, and a bound where they don't come. */
async function untilOwners(world: World, isSo: (owners: readonly string[]) => boolean): Promise<void> {
  for (let ms = 0; ms < 10 * rest_ms && !isSo(owners(world)); ms += 100) await world.pass(100);
}

async function soundAfter(t: Test, world: World, load: Load): Promise<void> {
  load.stop();
  await world.pass(4_000);
  t.strictSame(await breaches(world, 'n1', load), []);
  t.equal(load.count('open'), 0);
}

t.test('§5: a partition is moved under load, stays, and goes back when the ring decides again', async (t) => {
  const world = await cluster(1);
  t.strictSame(owners(world), wished);
  const load = new Load(world, ['n1', 'n2', 'n3'], 3);
  const { partition, to } = some('n2');
  for (const from of ['n1', 'n2', 'n3'])
    t.strictSame(await move(world, from, partition, to), { kind: 'answer', value: true });
  await world.pass(1_500);
  const moved = wished.map((node, id) => (id === partition ? to : node));
  for (const name of ['n1', 'n2', 'n3']) t.strictSame(owners(world, name), moved, name);
  await world.pass(4 * rest_ms);
  t.strictSame(owners(world), moved, 'it stays');
  t.strictSame(await put(world, 'n2', { kind: 'rebalance' }), { kind: 'answer', value: 1 });
  await world.pass(1_500);
  t.strictSame(owners(world), wished);
  t.strictSame(await put(world, 'n2', { kind: 'rebalance' }), { kind: 'answer', value: 0 }, 'there is nothing to undo');
  await soundAfter(t, world, load);
  t.strictSame(load.outcomes, { reply: load.asked.length }, 'planned moves are not noticed');
});

t.test('§5: a pin outlives the death and the drain of its node', async (t) => {
  const world = await cluster(2);
  const { partition, to } = some('n1');
  await move(world, 'n2', partition, to);
  await world.pass(1_500);
  t.equal(owners(world)[partition], to);
  world.kill(to);
  await world.pass(1_500);
  t.notOk(owners(world).includes(to), 'others take over');
  world.boot(to);
  await untilOwners(world, (now) => now[partition] === to);
  t.equal(owners(world)[partition], to, 'it is back');
  t.equal(await world.until(world.node(to).drain(), 30_000), true);
  for (let ms = 0; ms < 2_000; ms += 200) {
    await world.pass(200);
    t.notOk(owners(world).includes(to), 'nothing goes to one that leaves');
  }
  world.node(to).resume();
  await untilOwners(world, (now) => now[partition] === to);
  t.equal(owners(world)[partition], to);
  t.strictSame(world.errors, []);
});

t.test('§5: a move that can not be is refused, and changes nothing', async (t) => {
  const world = await cluster(3);
  const { partition } = some('n1');
  const before = world.node('n1').view;
  const refused = async (to: string, why: string, words: RegExp, id = partition): Promise<void> => {
    for (const kind of ['mayMove', 'move'] as const) {
      t.match(await put(world, 'n2', { kind, partition: id, to }), { kind: 'none', why, words }, `${kind} to ${to}`);
    }
  };
  await refused('n9', 'unknown node', /no node "n9" is alive/);
  await refused('n2', 'unknown partition', /0 to 7/, 8);
  void world.node('n3').drain();
  await world.pass(100);
  await refused('n3', 'not possible', /n3 is being drained/);
  world.node('n3').resume();
  await untilOwners(world, (now) => now.join() === wished.join());
  t.strictSame(owners(world), wished);
  t.strictSame(world.node('n1').view.pins, before.pins, 'no pin was written');
  await move(world, 'n1', partition, 'n1');
  const { version } = world.node('n1').view;
  t.match(await move(world, 'n2', partition, 'n1'), { kind: 'answer' });
  t.equal(world.node('n1').view.version, version, 'where it is pinned already: nothing is written');
  // Nobody serves it any more, and nobody has claimed it yet.
  world.kill('n1');
  t.match(await world.until(world.node('n2').inspect({ kind: 'move', partition, to: 'n2' }, undefined, 100)), {
    why: 'no answer',
  });
});

t.test(
  '§5: nor to a guest, nor to one that does not read what may have been written, nor to one that is not fit',
  async (t) => {
    const world = await cluster(4);
    const { partition, to } = some('n1');
    const node = world.node('n2');
    const pinsFor = (change: object): Pins =>
      new Pins({
        ports: new Stage().ports,
        ownership: { formatOf: () => 3 } as never,
        members: () => node.members.map((member) => ({ ...member, format: 3, ...(member.node === to ? change : {}) })),
        written: () => {},
      });
    t.match(pinsFor({}).mayMove(partition, to), { kind: 'answer' });
    t.match(pinsFor({ role: 'guest' }).mayMove(partition, to), { why: 'not possible', words: /is a guest/ });
    t.match(pinsFor({ format: 2 }).mayMove(partition, to), { why: 'not possible', words: /formats up to 2; .* in 3/ });
    t.match(pinsFor({ fitness: 'no store' }).mayMove(partition, to), {
      why: 'not possible',
      words: /not fit: no store/,
    });
  },
);

t.test('A7: of moves at the same time, by any nodes, none is lost; the last of one partition holds', async (t) => {
  const world = await cluster(5);
  const to = (id: number): string => ['n1', 'n2', 'n3'][id % 3] ?? '';
  const asked = ['n1', 'n2', 'n3'].flatMap((from) =>
    all.map((id) => world.node(from).inspect({ kind: 'move', partition: id, to: to(id) })),
  );
  for (const answer of await world.until(Promise.all(asked), 60_000))
    t.strictSame(answer, { kind: 'answer', value: true });
  t.strictSame(world.node('n1').view.pins, all.map(to));
  const load = new Load(world, ['n1', 'n3'], 3);
  // Owners change all the time, by every node's hand, and the pins stay.
  world.kill('n2');
  await world.pass(1_500);
  world.boot('n2');
  await untilOwners(world, (now) => now.join() === all.map(to).join());
  t.strictSame(world.node('n3').view.pins, all.map(to));
  t.strictSame(owners(world), all.map(to));
  await soundAfter(t, world, load);
});

t.test('§5: a partition that is sent to and fro moves only so often', async (t) => {
  const world = await cluster(6);
  const { partition, to } = some('n1');
  const epochAtFirst = world.node('n1').view.epochs[partition] ?? 0;
  for (let round = 0; round < 16; round++) {
    await move(world, 'n2', partition, round % 2 === 0 ? to : 'n1');
    await world.pass(rest_ms / 2);
  }
  const changes = (world.node('n1').view.epochs[partition] ?? 0) - epochAtFirst;
  t.ok(changes >= 4 && changes <= 10, `${changes} changes`);
});

t.test('A9: only so many orders wait at a node', async (t) => {
  const world = await cluster(9);
  const { partition, to } = some('n1');
  world.register.faults.unavailable = 1;
  const asked = Array.from({ length: 300 }, () => world.node('n1').inspect({ kind: 'move', partition, to }));
  await world.pass(50);
  world.register.faults.unavailable = 0;
  const answers = await world.until(Promise.all(asked), 60_000);
  const refused = answers.filter(({ kind }) => kind === 'none');
  t.equal(refused.length, 300 - 256);
  t.match(refused[0], { why: 'failed', words: /too many moves/ });
  t.equal(world.node('n2').view.pins[partition], to);
});

t.test('§5: a register that takes nothing is asked so often and no more, and that is said', async (t) => {
  const world = await cluster(7);
  const { partition, to } = some('n1');
  world.register.faults.unavailable = 1;
  const silent = await move(world, 'n1', partition, to);
  t.match(silent, { kind: 'none', why: 'no answer', words: /not available/ });
  world.register.faults.unavailable = 0;
  t.equal(world.node('n1').view.pins[partition], '');
  // It is written, but that is not heard.
  world.register.faults.answerLost = 1;
  t.match(await move(world, 'n1', partition, to), { kind: 'answer' });
  world.register.faults.answerLost = 0;
  await world.pass(2_000);
  t.equal(owners(world)[partition], to);
});

/** As a node of a version that knows nothing of pins has the register, from itself and from what others broadcast. */
function older(ports: Ports): Ports {
  const { ownership, codec } = ports;
  const bare = ({ pins: _, ...value }: Ownership): Ownership => value;
  const said = (value: unknown): unknown => {
    const datagram = value as Datagram;
    return Array.isArray(datagram) && datagram[0] === 'view' ? ['view', datagram[1], bare(datagram[2])] : value;
  };
  return {
    ...ports,
    ownership: {
      async read() {
        const { version, value } = await ownership.read();
        return { version, value: value && bare(value) };
      },
      write: (version, value) => ownership.write(version, bare(value)),
      close: () => ownership.close(),
    },
    codec: { ...codec, pack: (value) => codec.pack(said(value)), unpack: (bytes) => said(codec.unpack(bytes)) },
  };
}

t.test(
  'A7: a node that does not know pins drops them with its next write; that costs a move back, and no more',
  async (t) => {
    const world = await cluster(8);
    const load = new Load(world, ['n1', 'n3'], 3);
    const { partition, to } = some('n1');
    await move(world, 'n1', partition, to);
    await world.pass(1_500);
    t.equal(owners(world)[partition], to);
    world.kill('n2');
    world.boot('n2', { ports: older });
    await untilOwners(world, (now) => now.includes('n2'));
    t.equal(world.node('n1').view.pins[partition], to, 'reading does no harm');
    world.kill('n3');
    await world.pass(1_500);
    world.boot('n3');
    await untilOwners(world, (now) => now.join() === wished.join());
    t.strictSame(
      world.node('n1').view.pins,
      all.map(() => ''),
    );
    t.strictSame(owners(world), wished);
    await soundAfter(t, world, load);
  },
);
