import t from 'tap';
import { Health } from '../../runtime/health.ts';
import type { Limits } from '../../runtime/index.ts';
import type { View } from '../../runtime/ownership-view.ts';
import type { AppendOutcome, Ports } from '../../runtime/ports.ts';
import { Unrest } from '../../runtime/unrest.ts';
import { journalOf } from './journals.ts';
import { act, List, list } from './ledger.ts';
import { breaches, keys, Load } from './load.ts';
import { Stage } from './stage.ts';
import { diskBreaches, Watch } from './watch.ts';
import { replyOf, World } from './world.ts';

t.setTimeout(120_000);

const partitions = 8;
const names = ['n1', 'n2', 'n3'];
const quick: Partial<Limits> = { unfit_ms: 600 };

function newWorld(seed: number, limits: Partial<Limits> = {}): World {
  return new World({ seed, behaviours: [list()], partitions, limits: { ...quick, ...limits } });
}

function changes(world: World, name: string): number {
  return world.node(name).view.epochs.reduce((sum, epoch) => sum + epoch, 0);
}

/** Asks of one node write to all partitions, so that every store and the journal have something to take. */
function busy(world: World): Load {
  return new Load(world, ['n1'], 4);
}

t.test('§5: a node whose store takes nothing gives its partitions away, and gets them back', async (t) => {
  const world = newWorld(1);
  const watch = new Watch(world);
  await world.cluster(...names);
  const load = busy(world);
  await world.pass(1_500);
  const before = names.map((name) => world.node(name).owned);
  world.disk('n2').faults.refused = 1;
  await world.pass(500);
  t.strictSame(world.node('n2').owned, before[1], 'not at once');
  await world.pass(1_000);
  t.strictSame(world.node('n2').owned, []);
  t.equal(watch.heard.get('n2')?.fitness, 'no store');
  const moved = changes(world, 'n1');
  await world.pass(3_000);
  t.equal(changes(world, 'n1'), moved, 'with nothing left to write it is not taken for well');
  t.ok(
    Array.from({ length: partitions }, (_, id) => watch.keepers(id)).every((nodes) => nodes.join() === 'n1,n3'),
    'its copies are elsewhere',
  );
  world.disk('n2').faults.refused = 0;
  await world.pass(3_000);
  t.strictSame(
    names.map((name) => world.node(name).owned),
    before,
  );
  load.stop();
  await world.pass(4_000);
  t.strictSame(load.outcomes, { reply: load.asked.length }, 'and no ask noticed');
  t.strictSame(await breaches(world, 'n1', load), []);
  t.strictSame(
    names.flatMap((name) => diskBreaches(world, name)),
    [],
  );
});

t.test('§5: where no store takes anything nobody is better, and nothing moves', async (t) => {
  const world = newWorld(2);
  await world.cluster(...names);
  const load = busy(world);
  await world.pass(1_500);
  const { version } = world.node('n1').view;
  for (const name of names) world.disk(name).faults.refused = 1;
  await world.pass(4_000);
  t.equal(world.node('n1').view.version, version);
  for (const name of names) world.disk(name).faults.refused = 0;
  await world.pass(1_500);
  load.stop();
  await world.pass(4_000);
  t.strictSame(load.outcomes, { reply: load.asked.length });
  t.strictSame(await breaches(world, 'n1', load), []);
});

t.test(
  'A9: what waits for a store that takes nothing is bounded; then mail is refused, and none is lost',
  async (t) => {
    const rows = 60;
    const world = newWorld(3, { store_rows_waiting_max: rows, store_flush_rows_max: 1_000 });
    await world.cluster('n1', 'n2');
    await world.pass(1_500);
    for (const name of names) world.disk(name).faults.refused = 1;
    const load = new Load(world, ['n1', 'n2'], 3);
    await world.pass(5_000);
    const refused = load.asked.filter(({ outcome }) => outcome === 'refused: too_late').length;
    t.ok(refused + load.count('open') > load.asked.length / 3, `${refused} refused, ${load.count('open')} wait`);
    // Each writes a row where it is taken, and one in another partition.
    const taken = load.count('reply');
    t.ok(taken > partitions * 10 && taken < (partitions * (rows + 20)) / 2, `${taken} taken`);
    for (const name of names) world.disk(name).faults.refused = 0;
    load.stop();
    await world.pass(6_000);
    t.equal(load.count('open'), 0);
    // Those whose time was up just when they had been sent once more.
    t.ok(load.count('unknown') < 10, `${load.count('unknown')} unknown`);
    t.strictSame(await breaches(world, 'n1', load), []);
  },
);

/** A journal that is silent to this node while `silent`: nothing is appended, read or told. */
class Cable {
  silent = false;

  readonly ports = (ports: Ports): Ports => ({
    ...ports,
    journal: {
      ...journalOf(ports),
      append: (batch) => (this.silent ? this.#nothing(ports) : ports.journal.append(batch)),
      last: (id) => (this.silent ? Promise.reject(new Error('made up')) : ports.journal.last(id)),
      read: (id, from, to) => this.#read(ports, id, from, to),
      follow: (after) => {
        const following = ports.journal.follow(after);
        const next = async () => {
          const entries = await following.next();
          if (this.silent) throw new Error('made up');
          return entries;
        };
        return { next, stop: () => following.stop() };
      },
    },
  });

  #nothing({ timers }: Ports): Promise<AppendOutcome> {
    return new Promise((resolve) => timers.after(100, () => resolve({ kind: 'unknown', reason: 'made up' })));
  }

  async *#read(
    { journal }: Ports,
    ...range: Parameters<Ports['journal']['read']>
  ): ReturnType<Ports['journal']['read']> {
    if (this.silent) throw new Error('made up');
    yield* journal.read(...range);
  }
}

async function withCable(world: World): Promise<Cable> {
  const cable = new Cable();
  world.boot('n1');
  world.boot('n2', { ports: cable.ports });
  world.boot('n3');
  await world.settled();
  return cable;
}

t.test(
  '§5: an owner to whom the journal is silent, while it answers others, is replaced, and comes back',
  async (t) => {
    const world = newWorld(4);
    const watch = new Watch(world);
    const cable = await withCable(world);
    const load = new Load(world, ['n1', 'n3'], 4);
    await world.pass(1_500);
    const before = world.node('n2').owned;
    cable.silent = true;
    await world.pass(600);
    t.strictSame(world.node('n2').owned, before, 'not at once');
    await world.pass(1_500);
    t.notOk(world.node('n1').view.owners.some((owner) => owner?.node === 'n2'));
    t.equal(watch.heard.get('n2')?.fitness, 'no journal');
    const moved = changes(world, 'n1');
    await world.pass(6_000);
    t.equal(changes(world, 'n1'), moved, 'with nothing left to append it is not taken for well');
    cable.silent = false;
    await world.pass(8_000);
    t.strictSame(world.node('n2').owned, before);
    load.stop();
    await world.pass(4_000);
    t.strictSame(await breaches(world, 'n1', load), []);
    t.equal(load.count('open'), 0);
  },
);

t.test('§5: one that can’t begin with what it claimed is replaced, too', async (t) => {
  const world = newWorld(5);
  const cable = await withCable(world);
  await world.pass(1_500);
  const before = world.node('n2').owned;
  // It has nothing to append, so it does not know yet.
  cable.silent = true;
  world.kill('n3');
  await world.pass(4_000);
  t.strictSame(world.node('n2').owned, before, 'what it had it has not lost for that');
  t.equal(world.node('n1').owned.length, partitions - before.length);
  const waiting = keys.map((key) => world.node('n1').ask(List.ref(key), act({ add: 'w' }), 500));
  await world.until(Promise.all(waiting));
  await world.pass(2_000);
  for (const key of keys) {
    const answer = await world.until(world.node('n1').ask(List.ref(key), act({ add: 'x' }), 5_000));
    t.equal(answer.kind, 'reply', key);
  }
});

t.test('A7: an outage of the journal for all moves nothing, and costs no copy', async (t) => {
  const world = newWorld(6);
  const watch = new Watch(world);
  await world.cluster(...names);
  const load = new Load(world, names, 4);
  await world.pass(1_500);
  const { version } = world.node('n1').view;
  const keepers = () => Array.from({ length: partitions }, (_, id) => watch.keepers(id).join(' '));
  const before = keepers();
  world.log.loseLeader(4_000);
  await world.pass(3_900);
  t.equal(watch.heard.get('n1')?.fitness, 'no journal');
  t.strictSame(keepers(), before);
  await world.pass(1_500);
  t.equal(watch.heard.get('n1')?.fitness, 'fit');
  t.equal(world.node('n1').view.version, version);
  load.stop();
  await world.pass(4_000);
  t.strictSame(await breaches(world, 'n1', load), []);
  t.equal(load.count('open'), 0);
});

t.test('A7: one node alone claims what it has once the journal answers', async (t) => {
  const world = newWorld(7);
  world.log.loseLeader(4_000);
  world.boot('n1');
  await world.pass(4_500);
  await world.settled();
  t.equal(world.node('n1').owned.length, partitions);
});

t.test('§5: a node that leaves and is unfit leaves all the same', async (t) => {
  const world = newWorld(8);
  await world.cluster(...names);
  const load = busy(world);
  await world.pass(1_500);
  world.disk('n2').faults.refused = 1;
  await world.pass(600);
  t.equal(await world.until(world.node('n2').drain()), true);
  await world.pass(1_000);
  t.strictSame(world.node('n2').owned, []);
  world.node('n2').resume();
  await world.pass(1_500);
  t.strictSame(world.node('n2').owned, [], 'it is still unfit');
  world.disk('n2').faults.refused = 0;
  await world.pass(2_000);
  t.ok(world.node('n2').owned.length > 0);
  load.stop();
  await world.pass(4_000);
  t.strictSame(load.outcomes, { reply: load.asked.length });
  t.strictSame(await breaches(world, 'n1', load), []);
});

t.test('§5: partitions that an unfit node is just opening go to others, too', async (t) => {
  const world = newWorld(9, { store_flush_rows_max: 5 });
  await world.cluster('n1', 'n2');
  const load = busy(world);
  await world.pass(1_500);
  // What it has of them must be written before it can go on, and is refused.
  world.disk('n2').faults.refused = 1;
  world.boot('n3');
  await world.pass(700);
  world.kill('n1');
  await world.pass(6_000);
  t.equal(world.node('n3').owned.length, partitions);
  load.stop();
  replyOf(await world.until(world.node('n3').ask(List.ref('k1'), act({ add: 'w' }))));
});

t.test('§5: health is what the store and the journal take, and for how long they have not', async (t) => {
  const stage = new Stage({ limits: { unfit_ms: 1_000 } });
  let [store, journal, asked] = [0, 0, 0];
  let answers = false;
  stage.ports.journal.last = async () => {
    asked++;
    if (!answers) throw new Error('made up');
    return undefined;
  };
  const { ports, limits } = stage;
  const health = new Health({ ports, limits, storeRefusesMs: () => store, journalStuckMs: () => journal });
  const look = async (): Promise<string> => {
    health.look();
    await stage.turns();
    return health.fitness;
  };
  t.equal(await look(), 'fit');
  [store, journal] = [999, 999];
  t.equal(await look(), 'fit');
  store = 1_000;
  t.equal(await look(), 'no store');
  store = 0;
  t.equal(await look(), 'fit');
  t.equal(asked, 0);
  [journal, answers] = [1_000, true];
  t.equal(await look(), 'fit', 'it answers: what is stuck will be taken');
  answers = false;
  t.equal(await look(), 'no journal');
  journal = 0;
  t.equal(await look(), 'no journal', 'it was silent to what has gone elsewhere since');
  answers = true;
  t.equal(await look(), 'fit');
  t.equal(asked, 4);
  t.equal(await look(), 'fit');
  t.equal(asked, 4, 'nobody asks without need');
  journal = 7_999;
  t.equal(await look(), 'fit');
  journal = 8_000;
  t.equal(await look(), 'no journal', 'whatever it answers, it does not take it');
});

t.test('§5: one question at a time', async (t) => {
  const stage = new Stage({ limits: { unfit_ms: 1_000 } });
  let asked = 0;
  stage.ports.journal.last = () => {
    asked++;
    return new Promise(() => {});
  };
  const { ports, limits } = stage;
  const health = new Health({ ports, limits, storeRefusesMs: () => 0, journalStuckMs: () => 1_000 });
  for (let i = 0; i < 5; i++) health.look();
  t.equal(asked, 1);
});

t.test('§5: a partition changes its owner a few times at once, and then now and then', async (t) => {
  const view = (epoch: number): View => ({ version: epoch, owners: [], epochs: [epoch, 1], formats: [], pins: [] });
  const unrest = new Unrest(100);
  let epoch = 6;
  const change = (times: number, nowMs: number): void => {
    unrest.seen(view(epoch), view(epoch + times), nowMs);
    epoch += times;
  };
  const allowed = (nowMs: number) => [unrest.allowsClaim(0, nowMs), unrest.allowsMove(0, nowMs)];
  unrest.seen({ ...view(0), version: 0 }, view(6), 0);
  t.strictSame(allowed(0), [true, true], 'what was before is nothing new');
  change(1, 0);
  t.strictSame(allowed(0), [true, true]);
  change(1, 0);
  t.strictSame(allowed(0), [true, false], 'the others are for failures');
  t.strictSame(allowed(790), [true, false]);
  t.strictSame(allowed(800), [true, true]);
  change(2, 0);
  t.strictSame(allowed(0), [false, false]);
  t.strictSame(allowed(790), [false, false]);
  t.strictSame(allowed(800), [true, false]);
  t.strictSame(allowed(2_400), [true, true]);
  change(1, 800);
  t.strictSame(allowed(1_590), [false, false]);
  t.strictSame(allowed(1_600), [true, false]);
  t.ok(unrest.allowsMove(1, 0), 'each for itself');
  change(9, 10_000);
  t.strictSame(allowed(10_790), [false, false], 'several in one look count as several, and are no debt');
  t.strictSame(allowed(10_800), [true, false]);
});
