import t from 'tap';
import { SimRandom } from '../../sim/clock.ts';
import { Account, account, flakyAccount, opening_balance, type Statement } from './bank.ts';
import { diskBreaches } from './watch.ts';
import { replyOf, World } from './world.ts';

t.setTimeout(300_000);

/** The last one comes and goes. */
const names = ['n1', 'n2', 'n3', 'n4'];
const accounts = Array.from({ length: 12 }, (_, i) => `a${i}`);

interface Sent {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly amount: number;
  outcome: 'reply' | 'unknown' | 'refused' | 'open';
}

/** Sends money between random accounts, by random nodes, without waiting for the answers. */
function keepSending(world: World, random: SimRandom, everyMs: number): { sent: Sent[]; stop(): void } {
  const sent: Sent[] = [];
  let going = true;
  const next = (): void => {
    if (!going) return;
    world.time.after(random.between(1, everyMs * 2), next);
    const living = world.living();
    const process = living[random.between(0, living.length - 1)];
    const from = accounts[random.between(0, accounts.length - 1)] as string;
    const to = accounts[random.between(0, accounts.length - 1)] as string;
    if (process === undefined) return;
    const one: Sent = { id: `t${sent.length}`, from, to, amount: random.between(1, 9), outcome: 'open' };
    sent.push(one);
    const { amount, id } = one;
    void process.node.ask(Account.ref(from), { kind: 'send', to, amount, id }, 3_000).then(({ kind }) => {
      one.outcome = kind;
    });
  };
  next();
  return {
    sent,
    stop() {
      going = false;
    },
  };
}

async function statements(world: World): Promise<Map<string, Statement>> {
  const found = new Map<string, Statement>();
  const node = world.living()[0]?.node;
  for (const name of accounts) {
    const asked = node?.ask(Account.ref(name), { kind: 'statement' }, 20_000);
    if (asked !== undefined) found.set(name, replyOf(await world.until(asked)));
  }
  return found;
}

/** Everything that must hold once all is quiet; words for what does not. */
function breaches(sent: readonly Sent[], found: ReadonlyMap<string, Statement>): string[] {
  const words: string[] = [];
  let sum = 0;
  for (const [name, { balance, wrong }] of found) {
    sum += balance;
    for (const one of wrong) words.push(`${name}: ${one}`);
  }
  if (sum !== accounts.length * opening_balance) words.push(`the sum is ${sum}`);
  for (const { id, from, to, outcome } of sent) {
    const out = found.get(from)?.out[id] ?? 0;
    const came = found.get(to)?.in[id] ?? 0;
    const confirmed = found.get(from)?.confirmed[id] ?? 0;
    const reminded = found.get(from)?.reminded[id] ?? 0;
    if (out !== confirmed) words.push(`${id}: left ${out} times, confirmed ${confirmed} times`);
    if (out !== reminded) words.push(`${id}: left ${out} times, reminded of ${reminded} times`);
    if (out !== came) words.push(`${id}: left ${out} times, came ${came} times`);
    if (outcome === 'reply' && out !== 1) words.push(`${id}: was acknowledged, and carried out ${out} times`);
    if (outcome === 'refused' && out !== 0) words.push(`${id}: was refused, and carried out`);
    if (outcome === 'open') words.push(`${id}: was never answered`);
  }
  return words;
}

function quiet(world: World): void {
  Object.assign(world.log.faults, { busy: 0, requestLost: 0, answerLost: 0, late: 0, readBroken: 0 });
  Object.assign(world.log.faults, { followBroken: 0, followLate: 0, followGap: 0 });
  Object.assign(world.register.faults, { unavailable: 0, answerLost: 0 });
  Object.assign(world.board.faults, { loss: 0, listensUnknown: 0 });
  for (const name of names) {
    world.disk(name).faults.refused = 0;
    for (const other of names) world.board.heal(name, other);
    world.board.isolate(name, false);
    const process = world.processes.get(name);
    process?.goOn();
    if (process?.alive) process.node.resume();
  }
}

t.test('A6: transfers between accounts conserve the sum when nothing goes wrong', async (t) => {
  const world = new World({ seed: 1, behaviours: [account] });
  await world.cluster('n1', 'n2', 'n3');
  const load = keepSending(world, world.random.stream('load'), 3);
  await world.pass(1_000);
  load.stop();
  await world.pass(1_500);
  t.strictSame(breaches(load.sent, await statements(world)), []);
  t.ok(load.sent.length > 100);
  t.ok(load.sent.every(({ outcome }) => outcome === 'reply'));
});

/** One life of a cluster full of faults. */
async function hardLife(seed: number): Promise<{ breaches: string[]; sent: Sent[]; world: World }> {
  const mishaps = new SimRandom(seed).stream('mishaps');
  const odds = mishaps.fraction() * 0.1;
  const world = new World({
    seed,
    behaviours: [flakyAccount(() => mishaps.chance(odds))],
    limits: { turn_tries_max: 50, standbys: 1 + (seed % 2), unfit_ms: 800, store_flush_rows_max: 150 },
  });
  await world.cluster('n1', 'n2', 'n3');
  const random = world.random.stream('faults');
  Object.assign(world.log.faults, { busy: 0.03, requestLost: 0.01, answerLost: 0.02, late: 0.01, readBroken: 0.02 });
  Object.assign(world.register.faults, { unavailable: 0.05, answerLost: 0.05 });
  Object.assign(world.log.faults, { followBroken: 0.02, followLate: 0.01, followGap: 0.02 });
  Object.assign(world.board.faults, { loss: 0.02, listensUnknown: 0.2 });
  for (const name of names) world.disk(name).faults.refused = 0.05;
  const load = keepSending(world, world.random.stream('load'), 4);
  for (let round = 0; round < 8; round++) {
    await world.pass(random.between(50, 500));
    await fault(world, random);
  }
  quiet(world);
  load.stop();
  for (const name of names) if (world.processes.get(name)?.alive === false) world.boot(name);
  await world.settled();
  await world.pass(5_000);
  const found = breaches(load.sent, await statements(world));
  const broken = world.errors.filter((words) => /invariant|passed over|outlet/.test(words));
  const disks = names.flatMap((name) => diskBreaches(world, name));
  return { breaches: [...found, ...broken, ...disks], sent: load.sent, world };
}

async function fault(world: World, random: SimRandom): Promise<void> {
  const name = names[random.between(0, 3)] as string;
  const other = names[random.between(0, 3)] as string;
  const process = world.processes.get(name);
  if (process?.alive !== true) return void world.boot(name);
  switch (random.between(0, 9)) {
    case 0:
      if (world.living().length < 2) return;
      world.kill(name);
      if (random.chance(0.3)) world.disk(name).powerLoss(random.chance(0.5));
      return;
    case 1:
      process.pause();
      await world.pass(random.between(100, 1_500));
      process.goOn();
      return;
    case 2:
      world.board.cut(name, other);
      await world.pass(random.between(100, 800));
      world.board.heal(name, other);
      return;
    case 3:
      world.log.loseLeader(random.between(50, 1_000));
      return;
    case 4:
      if (world.living().length < 2) return;
      await world.until(process.node.stop());
      world.kill(name);
      return;
    case 5:
      world.board.isolate(name);
      await world.pass(random.between(50, 800));
      world.board.isolate(name, false);
      return;
    case 6:
      process.unplug(true);
      await world.pass(random.between(50, 2_500));
      process.unplug(false);
      return;
    case 7:
      world.disk(name).damage(random.between(0, world.partitions - 1));
      return;
    case 8:
      // Not waited for: whatever comes next may come in the midst of it.
      void process.node.drain();
      await world.pass(random.between(0, 300));
      if (random.chance(0.7)) world.time.after(random.between(1, 1_000), () => process.node.resume());
      return;
    case 9:
      world.disk(name).faults.refused = 1;
      await world.pass(random.between(100, 2_500));
      world.disk(name).faults.refused = 0.05;
      return;
  }
}

const seeds = process.env.RINGPOST_SEEDS?.split('-').map(Number) ?? [1, 10];

t.test('A2, A4, A6, A7: no transfer is lost, doubled or out of order, whatever dies', async (t) => {
  t.setTimeout(300_000);
  const [first = 1, last = first] = seeds;
  let sent = 0;
  let replied = 0;
  for (let seed = first; seed <= last; seed++) {
    const life = await hardLife(seed);
    t.strictSame(life.breaches, [], `RINGPOST_SEEDS=${seed} (${life.sent.length} transfers)`);
    sent += life.sent.length;
    replied += life.sent.filter(({ outcome }) => outcome === 'reply').length;
  }
  t.ok(replied > sent / 2, `${replied} of ${sent} transfers were acknowledged`);
});
