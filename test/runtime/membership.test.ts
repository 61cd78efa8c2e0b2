import t from 'tap';
import { defaultLimits, type Limits } from '../../runtime/index.ts';
import { msgpackCodec } from '../../runtime/io/codec.ts';
import type { Heartbeat } from '../../runtime/members.ts';
import { Membership } from '../../runtime/membership.ts';
import { act, List, list } from './ledger.ts';
import { keys } from './load.ts';
import { Stage } from './stage.ts';
import { Watch } from './watch.ts';
import { replyOf, World } from './world.ts';

t.setTimeout(120_000);

const slow: Partial<Limits> = { heartbeat_ms: 250, suspect_ms: 1_000, ownership_poll_ms: 1_000 };

async function cluster(seed: number, limits: Partial<Limits>, ...names: string[]): Promise<World> {
  const world = new World({ seed, behaviours: [list()], limits });
  await world.cluster(...names);
  return world;
}

/** How long from now until nobody owns what this node owned. */
async function replacedAfterMs(world: World, witness: string, name: string): Promise<number> {
  const sinceMs = world.time.nowMs;
  const owns = () => world.node(witness).view.owners.some((owner) => owner?.node === name);
  while (owns()) await world.pass(5);
  return world.time.nowMs - sinceMs;
}

t.test('§5: a node whose process is gone is replaced before its silence would tell', async (t) => {
  for (let seed = 0; seed < 6; seed++) {
    const world = await cluster(seed, slow, 'n1', 'n2', 'n3');
    await world.pass(1_000 + seed * 47);
    world.kill('n2');
    const tookMs = await replacedAfterMs(world, 'n1', 'n2');
    t.ok(tookMs < 850, `${tookMs} ms`);
  }
});

t.test('§5: a node that is only paused has until its silence tells', async (t) => {
  for (let seed = 10; seed < 14; seed++) {
    const world = await cluster(seed, slow, 'n1', 'n2', 'n3');
    await world.pass(1_000 + seed * 47);
    world.processes.get('n2')?.pause();
    const { version } = world.node('n1').view;
    await world.pass(740);
    t.equal(world.node('n1').view.version, version);
    const tookMs = 740 + (await replacedAfterMs(world, 'n1', 'n2'));
    t.ok(tookMs >= 750 && tookMs < 1_400, `${tookMs} ms`);
  }
});

t.test('§5: where the network can’t tell, silence does', async (t) => {
  const world = await cluster(20, slow, 'n1', 'n2', 'n3');
  world.board.faults.listensUnknown = 1;
  await world.pass(1_000);
  world.kill('n2');
  const tookMs = await replacedAfterMs(world, 'n1', 'n2');
  t.ok(tookMs >= 750 && tookMs < 1_400, `${tookMs} ms`);
});

t.test('A7: a connection that is lost for a moment costs no partition', async (t) => {
  for (let seed = 30; seed < 36; seed++) {
    const world = await cluster(seed, slow, 'n1', 'n2', 'n3');
    await world.pass(3_000);
    const { version } = world.node('n1').view;
    for (let times = 0; times < 5; times++) {
      world.board.isolate('n2');
      await world.pass(350);
      world.board.isolate('n2', false);
      await world.pass(400 + seed);
    }
    t.equal(world.node('n1').view.version, version);
    t.ok(world.node('n3').peers.includes('n2'));
  }
});

t.test('A7: nor does a pause of who looks', async (t) => {
  const world = await cluster(40, slow, 'n1', 'n2', 'n3');
  await world.pass(3_000);
  const { version } = world.node('n2').view;
  for (const ms of [450, 3_000]) {
    world.processes.get('n1')?.pause();
    world.processes.get('n3')?.pause();
    world.processes.get('n2')?.pause();
    await world.pass(ms);
    for (const name of ['n1', 'n2', 'n3']) world.processes.get(name)?.goOn();
    await world.pass(2_000);
  }
  t.equal(world.node('n1').view.version, version);
});

/** One node's membership, and a network that answers as the test says. */
class Witness {
  readonly stage = new Stage({ limits: { heartbeat_ms: 100, suspect_ms: 1_000 } });
  readonly lost: string[] = [];
  readonly answers: (boolean | 'later' | 'fails')[] = [];
  readonly asked: string[] = [];
  readonly membership: Membership;
  prompts = 0;
  #late: ((listens: boolean) => void)[] = [];

  constructor() {
    const { network } = this.stage.ports;
    network.listens = (node) => {
      this.asked.push(node);
      const answer = this.answers.shift() ?? true;
      if (answer === 'fails') return Promise.reject(new Error('made up'));
      if (answer !== 'later') return Promise.resolve(answer);
      return new Promise((resolve) => this.#late.push(resolve));
    };
    this.membership = new Membership({
      ports: this.stage.ports,
      limits: this.stage.limits,
      self: { node: 'n1', incarnation: 'x' },
      state: () => quiet,
      heard: () => {},
      lost: (node) => void this.lost.push(`${node}@${this.stage.clock.monotonicMs()}`),
      returned: () => {},
      beat: (prompt) => {
        if (prompt) this.prompts++;
      },
    });
    this.membership.start();
  }

  hears(node = 'n2', incarnation = 'a'): void {
    this.membership.heartbeat({ node, incarnation, ...quiet });
  }

  /** What was to be answered later is answered now. */
  async answer(listens: boolean): Promise<void> {
    for (const resolve of this.#late.splice(0)) resolve(listens);
    await this.stage.turns();
  }
}

const quiet: Omit<Heartbeat, 'node' | 'incarnation'> = {
  role: 'owner',
  notice: '',
  leaving: false,
  fitness: 'fit',
  view: 1,
  format: 1,
  owns: 0,
  copies: [],
  sent: {},
};

t.test('§5: it takes two answers, a heartbeat apart, that a node listens no more', async (t) => {
  const one = new Witness();
  one.hears();
  one.answers.push(false, true, false, 'fails', false, false);
  await one.stage.time.pass(650);
  t.equal(one.asked.length, 5);
  t.strictSame(one.lost, [], 'never two in a row');
  await one.stage.time.pass(100);
  t.strictSame(one.lost, ['n2@700']);
  t.ok(one.prompts > 0);
  t.equal(one.membership.members.get('n2'), undefined);
  await one.stage.time.pass(500);
  t.equal(one.asked.length, 6, 'who is gone is not asked for');
});

t.test('§5: a node that is heard of is not asked for, and begins anew', async (t) => {
  const one = new Witness();
  one.hears();
  one.answers.push(false);
  await one.stage.time.pass(250);
  t.strictSame(one.asked, ['n2']);
  one.hears();
  one.answers.push(false);
  await one.stage.time.pass(240);
  t.equal(one.asked.length, 2);
  t.strictSame(one.lost, []);
  for (let i = 0; i < 10; i++) {
    one.hears();
    await one.stage.time.pass(100);
  }
  t.equal(one.asked.length, 2);
});

t.test('§5: an answer that comes late says nothing of a node that was heard of since, or said goodbye', async (t) => {
  const one = new Witness();
  one.hears();
  one.answers.push(false, 'later');
  await one.stage.time.pass(450);
  t.equal(one.asked.length, 2, 'one question at a time');
  one.hears();
  await one.answer(false);
  t.strictSame(one.lost, []);
  one.answers.push(false, 'later');
  await one.stage.time.pass(450);
  one.membership.goodbye('n2', 'a');
  t.equal(one.lost.length, 1);
  await one.answer(false);
  t.equal(one.lost.length, 1);
  one.hears('n2', 'b');
  one.answers.push(false);
  await one.stage.time.pass(250);
  t.equal(one.lost.length, 1, 'what was asked of the one before does not count');
});

t.test('§5: a goodbye is that of the process that says it', async (t) => {
  const one = new Witness();
  one.hears('n2', 'a');
  one.hears('n2', 'b');
  t.strictSame(one.lost.length, 1, 'the one before is gone');
  one.membership.goodbye('n2', 'a');
  t.equal(one.membership.members.get('n2')?.incarnation, 'b');
  one.membership.goodbye('n2', 'b');
  t.equal(one.membership.members.get('n2'), undefined);
});

t.test('§5: a stopped node asks for nobody', async (t) => {
  const one = new Witness();
  one.hears();
  one.answers.push('later');
  await one.stage.time.pass(250);
  one.membership.stop();
  await one.answer(false);
  await one.stage.time.pass(3_000);
  t.strictSame(one.lost, []);
  t.equal(one.asked.length, 1);
});

t.test('A9: what a node of many partitions says of itself stays small', async (t) => {
  const world = new World({ seed: 50, behaviours: [list()], partitions: 1_024, limits: slow });
  const watch = new Watch(world);
  await world.cluster('n1', 'n2');
  for (const key of keys) replyOf(await world.until(world.node('n1').ask(List.ref(key), act({ add: 'w' }))));
  const copies = () => watch.heard.get('n1')?.copies.length ?? 0;
  for (let i = 0; i < 100 && copies() < 1_024; i++) await world.pass(200);
  const heartbeat = watch.heard.get('n1');
  t.equal(heartbeat?.copies.length, 1_024);
  const bytes = msgpackCodec.pack(['heartbeat', heartbeat]).byteLength;
  t.ok(bytes < 20_000, `${bytes} bytes`);
  t.ok(bytes < defaultLimits.datagram_bytes_max / 8);
});
