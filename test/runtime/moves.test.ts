import t from 'tap';
import { Ring } from '../../runtime/ring.ts';
import { act, List, list } from './ledger.ts';
import { breaches, keys, Load } from './load.ts';
import { replyOf, World } from './world.ts';

t.setTimeout(120_000);

const partitions = 8;

async function cluster(seed: number, ...names: string[]): Promise<World> {
  const world = new World({ seed, behaviours: [list()], partitions });
  await world.cluster(...names);
  return world;
}

t.test('A6, A7: a node that leaves hands over: no ask fails, no mail is lost', async (t) => {
  const world = await cluster(1, 'n1', 'n2', 'n3');
  const load = new Load(world, ['n1', 'n3'], 2);
  await world.pass(300);
  await world.until(world.node('n2').stop());
  world.kill('n2');
  await world.pass(700);
  load.stop();
  await world.pass(3_500);
  t.strictSame(load.outcomes, { reply: load.asked.length });
  t.ok(load.longestMs < 400, `the longest took ${load.longestMs} ms`);
  t.strictSame(await breaches(world, 'n1', load), []);
  t.equal(world.node('n1').owned.length + world.node('n3').owned.length, partitions);
});

t.test('A7: asks of the node that leaves are answered too, or it says what it knows', async (t) => {
  const world = await cluster(2, 'n1', 'n2');
  const load = new Load(world, ['n2'], 2);
  await world.pass(200);
  await world.until(world.node('n2').stop());
  load.stop();
  await world.pass(10);
  t.equal(load.count('open'), 0, 'none is left open');
  t.ok(load.count('reply') > 50);
  t.strictSame(await world.until(world.node('n2').ask(List.ref('k1'), { kind: 'list' })), {
    kind: 'refused',
    why: 'stopped',
  });
  t.equal(world.node('n2').whisper(List.ref('k1'), { kind: 'list' }), 'moved');
  world.kill('n2');
  await world.pass(2_000);
  t.strictSame(await breaches(world, 'n1', load), []);
});

t.test('§5: a node that joins gets its share, and nothing is lost on the way', async (t) => {
  const world = await cluster(3, 'n1', 'n2');
  const load = new Load(world, ['n1', 'n2'], 2);
  await world.pass(200);
  world.boot('n3');
  await world.pass(2_500);
  load.stop();
  await world.pass(3_500);
  t.strictSame(load.outcomes, { reply: load.asked.length });
  t.ok(load.longestMs < 400, `the longest took ${load.longestMs} ms`);
  const wanted = new Ring(['n1', 'n2', 'n3']).assign(partitions);
  for (const name of ['n1', 'n2', 'n3']) {
    t.strictSame(
      world.node(name).owned,
      wanted.flatMap((node, id) => (node === name ? [id] : [])),
      name,
    );
  }
  t.ok(world.node('n3').owned.length > 0);
  t.strictSame(await breaches(world, 'n3', load), []);
});

t.test('A6: partitions come and go, many times, and every mail arrives once', async (t) => {
  for (let seed = 0; seed < 4; seed++) {
    const world = await cluster(40 + seed, 'n1', 'n2');
    const random = world.random.stream('moves');
    const load = new Load(world, ['n1'], 3);
    for (let round = 0; round < 3; round++) {
      const name = random.chance(0.5) ? 'n2' : 'n3';
      await world.pass(random.between(100, 900));
      const process = world.processes.get(name);
      if (process?.alive !== true) world.boot(name);
      else {
        await world.until(process.node.stop());
        world.kill(name);
      }
    }
    await world.pass(1_000);
    load.stop();
    await world.pass(3_500);
    t.strictSame(await breaches(world, 'n1', load), [], `seed ${seed}`);
    t.equal(load.count('open'), 0);
    t.equal(load.count('unknown'), 0, 'planned moves leave nothing unknown');
  }
});

t.test('A7: leaving while the journal is silent ends, and loses nothing that was acknowledged', async (t) => {
  const world = await cluster(5, 'n1', 'n2', 'n3');
  const load = new Load(world, ['n1', 'n3'], 4);
  await world.pass(200);
  world.log.loseLeader(4_000);
  await world.pass(100);
  const sinceMs = world.time.nowMs;
  await world.until(world.node('n2').stop());
  t.ok(world.time.nowMs - sinceMs < 4_000, `it took ${world.time.nowMs - sinceMs} ms`);
  world.kill('n2');
  await world.pass(5_000);
  load.stop();
  await world.pass(3_500);
  t.strictSame(await breaches(world, 'n1', load), []);
  t.equal(load.count('open'), 0);
});

t.test('§5: the last node leaves, and a first one finds all that was', async (t) => {
  const world = await cluster(6, 'n1');
  for (const key of keys) replyOf(await world.until(world.node('n1').ask(List.ref(key), act({ add: key }))));
  const stop = world.node('n1').stop();
  t.equal(world.node('n1').stop(), stop, 'one stop, however often it is called');
  await world.until(stop);
  world.kill('n1');
  await world.cluster('n9');
  for (const key of keys) {
    t.strictSame(replyOf(await world.until(world.node('n9').ask(List.ref(key), { kind: 'list' }))), [key]);
  }
});

t.test('§5: a socket hears that its actor has moved, or that something was lost', async (t) => {
  const world = await cluster(7, 'n1', 'n2', 'n3');
  const key = keys.find((one) => world.node('n2').serves(List.ref(one))) as string;
  let moved = 0;
  world.node('n1').openOutlet(
    List.ref(key),
    () => {},
    () => moved++,
  );
  await world.pass(500);
  t.equal(moved, 0);
  world.board.cut('n2', 'n1');
  replyOf(await world.until(world.node('n3').ask(List.ref(key), act({ add: 'x' }))));
  void world.node('n1').ask(List.ref(key), { kind: 'list' }, 500);
  await world.pass(60);
  world.board.heal('n2', 'n1');
  await world.pass(500);
  t.ok(moved > 0, 'lost');
  moved = 0;
  await world.until(world.node('n2').stop());
  await world.pass(1_000);
  t.ok(moved > 0, 'moved');
});

t.test('§5: a node that was taken for lost is told, for its sockets were forgotten', async (t) => {
  const world = await cluster(8, 'n1', 'n2', 'n3');
  const key = keys.find((one) => world.node('n2').serves(List.ref(one))) as string;
  let moved = 0;
  world.node('n1').openOutlet(
    List.ref(key),
    () => {},
    () => moved++,
  );
  await world.pass(500);
  const { owners } = world.node('n3').view;
  // Nothing was on its way, so no datagram is missing.
  world.board.cut('n1', 'n2');
  await world.pass(220);
  world.board.heal('n1', 'n2');
  await world.pass(500);
  t.ok(moved > 0);
  t.strictSame(world.node('n3').view.owners, owners, 'the actor has not moved');
});
