import t from 'tap';
import { askToDrain, type DrainOrder } from '../../runtime/operator.ts';
import type { Datagram } from '../../runtime/parcel.ts';
import { SimClock } from '../../sim/clock.ts';
import { simCodec } from '../../sim/codec.ts';
import { list } from './ledger.ts';
import { breaches, Load } from './load.ts';
import { World } from './world.ts';

t.setTimeout(120_000);

const partitions = 16;

async function cluster(seed: number, ...names: string[]): Promise<World> {
  const world = new World({ seed, behaviours: [list()], partitions });
  await world.cluster(...names);
  await world.pass(1_500);
  return world;
}

let tools = 0;

/** Somebody's tool, on the network under a name of its own. */
function order(world: World, node: string, more: Partial<DrainOrder> = {}): DrainOrder {
  const clock = new SimClock(world.time);
  const network = world.board.plug(`tool${tools++}`);
  return { ports: { network, codec: simCodec, timers: clock, clock }, node, draining: true, waitMs: 10_000, ...more };
}

t.test('§5: an operator drains a node from anywhere, hears how far it is, and when it is done', async (t) => {
  const world = await cluster(1, 'n1', 'n2', 'n3');
  const load = new Load(world, ['n1', 'n2', 'n3'], 4);
  const had = world.node('n2').owned.length;
  const left: number[] = [];
  const told: boolean[] = [];
  world.node('n2').onDrain = (draining) => told.push(draining);
  const done = await world.until(askToDrain(order(world, 'n2', { progress: (partitions) => left.push(partitions) })));
  t.equal(done, 'done');
  t.strictSame(world.node('n2').owned, []);
  t.ok(left.length > 1 && left[0] !== undefined && left[0] <= had);
  t.strictSame(
    left,
    [...left].sort((a, b) => b - a),
  );
  t.equal(left.at(-1), 0);
  t.strictSame(told, [true], 'the node is told once');
  t.equal(await world.until(askToDrain(order(world, 'n2'))), 'done', 'what is done is done');
  t.equal(await world.until(askToDrain(order(world, 'n2', { draining: false }))), 'done');
  await world.pass(1_500);
  t.equal(world.node('n2').owned.length, had);
  t.strictSame(told, [true, false]);
  load.stop();
  await world.pass(4_000);
  t.strictSame(load.outcomes, { reply: load.asked.length });
  t.strictSame(await breaches(world, 'n1', load), []);
});

t.test(
  '§5: done is what lasts: another node may just be giving it a partition (chaos join-and-drain 60020)',
  async (t) => {
    const world = new World({ seed: 5, behaviours: [list()], partitions });
    const node = world.board.plug('n9');
    const words = {
      incarnation: 'a',
      role: 'owner',
      notice: '',
      leaving: true,
      fitness: 'fit',
      view: 1,
      format: 1,
    } as const;
    let outcome = '';
    void askToDrain(order(world, 'n9')).then((how) => {
      outcome = how;
    });
    for (const owns of [1, 0, 0, 1, 0, 0, 0]) {
      t.equal(outcome, '');
      const heartbeat = { ...words, node: 'n9', owns, copies: [], sent: {} };
      node.broadcast(simCodec.pack(['heartbeat', heartbeat] satisfies Datagram));
      await world.pass(50);
    }
    t.equal(outcome, 'done');
  },
);

t.test('§5: words that get lost are said again', async (t) => {
  const world = await cluster(2, 'n1', 'n2', 'n3');
  world.board.faults.loss = 0.5;
  t.equal(await world.until(askToDrain(order(world, 'n2', { waitMs: 60_000 })), 60_000), 'done');
  world.board.faults.loss = 0;
});

t.test('§5: a node that is not there is unknown', async (t) => {
  const world = await cluster(3, 'n1', 'n2');
  const sinceMs = world.time.nowMs;
  t.equal(await world.until(askToDrain(order(world, 'n9'))), 'unknown node');
  t.ok(world.time.nowMs - sinceMs <= 3_300);
  t.equal(await world.until(askToDrain(order(world, 'n9', { waitMs: 500 }))), 'unknown node', 'however short the time');
  t.equal(world.node('n1').draining || world.node('n2').draining, false);
});

t.test('§5: a node that nobody can relieve is too late, and goes on until somebody can', async (t) => {
  const world = await cluster(4, 'n1');
  const left: number[] = [];
  const late = order(world, 'n1', { waitMs: 2_000, progress: (partitions) => left.push(partitions) });
  t.equal(await world.until(askToDrain(late)), 'too late');
  t.equal(left.at(-1), partitions);
  t.equal(world.node('n1').owned.length, partitions);
  world.boot('n2');
  t.equal(await world.until(askToDrain(order(world, 'n1')), 20_000), 'done');
  await world.pass(200);
  t.equal(world.node('n2').owned.length, partitions);
});

t.test('§5: a node that stops is not told to stay', async (t) => {
  const world = await cluster(5, 'n1', 'n2');
  const stopped = world.node('n2').stop();
  const told: boolean[] = [];
  world.node('n2').onDrain = (draining) => told.push(draining);
  void askToDrain(order(world, 'n2', { draining: false, waitMs: 1_000 }));
  await world.until(stopped);
  t.strictSame(told, []);
  t.strictSame(world.node('n2').owned, []);
});

t.test('A7: what is no datagram does not bring the tool down', async (t) => {
  const world = await cluster(6, 'n1', 'n2');
  const tool = order(world, 'n2');
  const odd = world.board.plug('odd');
  const asked = askToDrain(tool);
  for (const bytes of [
    [1, 2, 3],
    [],
    [...new TextEncoder().encode('null\n')],
    [...new TextEncoder().encode('["heartbeat"]\n')],
  ])
    odd.send(tool.ports.network.self, new Uint8Array(bytes));
  t.equal(await world.until(asked), 'done');
});
