import t from 'tap';
import type { Push } from '../../runtime/index.ts';
import { act, List, list } from './ledger.ts';
import { replyOf, World } from './world.ts';

const partitions = 8;

/** A key whose actor lives on this node. */
function keyAt(world: World, name: string, not: readonly string[] = []): string {
  const keys = Array.from({ length: 200 }, (_, i) => `k${i}`);
  const key = keys.find((one) => !not.includes(one) && world.node(name).serves(List.ref(one)));
  if (key === undefined) throw new Error(`nothing lives on ${name}`);
  return key;
}

async function cluster(seed: number, ...names: string[]): Promise<World> {
  const world = new World({ seed, behaviours: [list()], partitions });
  await world.cluster(...names);
  return world;
}

function add(world: World, name: string, key: string, word: string, waitMs?: number) {
  return world.node(name).ask(List.ref(key), act({ add: word }), waitMs);
}

/** Adds a word by asking until somebody answers; one that was left unknown may have been added too. */
async function insist(world: World, name: string, key: string, word: string): Promise<void> {
  for (let tries = 0; tries < 10; tries++) {
    if ((await world.until(add(world, name, key, word, 2_000))).kind === 'reply') return;
  }
  throw new Error(`nobody takes ${word}`);
}

async function wordsOf(world: World, name: string, key: string): Promise<unknown> {
  return replyOf(await world.until(world.node(name).ask(List.ref(key), { kind: 'list' }, 20_000)));
}

t.test('A4: a node dies and its actors come back, with all that was acknowledged', async (t) => {
  const world = await cluster(1, 'n1', 'n2', 'n3');
  const key = keyAt(world, 'n2');
  for (const word of ['one', 'two']) replyOf(await world.until(add(world, 'n1', key, word)));
  const diedMs = world.time.nowMs;
  world.kill('n2');
  await insist(world, 'n3', key, 'three');
  t.ok(world.time.nowMs - diedMs < 1_500, `${world.time.nowMs - diedMs} ms`);
  t.strictSame(await wordsOf(world, 'n1', key), ['one', 'two', 'three']);
  t.notOk(world.node('n1').peers.includes('n2'));
});

t.test('A2: an owner that was paused and goes on is fenced, and what it had not committed never shows', async (t) => {
  const world = await cluster(2, 'n1', 'n2', 'n3');
  const key = keyAt(world, 'n2');
  replyOf(await world.until(add(world, 'n1', key, 'before')));
  const paused = world.processes.get('n2');
  // Taken by the mailbox, and its turn perhaps run, when the process stops.
  const lost = add(world, 'n2', key, 'uncommitted', 20_000);
  paused?.pause();
  await world.pass(30);
  await insist(world, 'n1', key, 'by the new owner');
  t.notOk(world.node('n3').peers.includes('n2'));
  await world.pass(5_000);
  paused?.goOn();
  t.not((await world.until(lost)).kind, 'reply');
  await world.settled();
  // It hears what it has missed.
  await world.pass(200);
  for (const name of ['n1', 'n2', 'n3']) {
    t.strictSame(await wordsOf(world, name, key), ['before', 'by the new owner'], name);
  }
});

t.test('A2: an append that was under way when its owner was paused counts in full or not at all', async (t) => {
  for (let seed = 0; seed < 12; seed++) {
    const world = await cluster(100 + seed, 'n1', 'n2', 'n3');
    const key = keyAt(world, 'n2');
    const asked = add(world, 'n2', key, 'under way', 20_000);
    await world.pass(seed * 0.4);
    const paused = world.processes.get('n2');
    paused?.pause();
    await world.pass(2_000);
    await insist(world, 'n1', key, 'after');
    paused?.goOn();
    const answer = await world.until(asked);
    const words = await wordsOf(world, 'n3', key);
    const expected = answer.kind === 'reply' ? [['under way', 'after']] : [['under way', 'after'], ['after']];
    t.ok(
      expected.some((one) => JSON.stringify(one) === JSON.stringify(words)),
      `${answer.kind}: ${JSON.stringify(words)}`,
    );
  }
});

t.test('A7: an owner that was paused does not answer from what it remembers', async (t) => {
  const world = await cluster(3, 'n1', 'n2', 'n3');
  const key = keyAt(world, 'n2');
  replyOf(await world.until(add(world, 'n1', key, 'old')));
  const paused = world.processes.get('n2');
  paused?.pause();
  await world.pass(1_000);
  await insist(world, 'n1', key, 'new');
  // Asked of the zombie itself, in the moment in which it goes on.
  const asked = world.node('n2').ask(List.ref(key), { kind: 'list' }, 20_000);
  paused?.goOn();
  const answer = await world.until(asked);
  if (answer.kind === 'reply') t.strictSame(answer.value, ['old', 'new']);
  else t.equal(answer.kind, 'unknown');
});

t.test('A2: two owners that cannot hear each other do not both write', async (t) => {
  const world = await cluster(4, 'n1', 'n2');
  const key = keyAt(world, 'n2');
  world.board.cut('n1', 'n2');
  world.board.cut('n2', 'n1');
  const answers = [];
  for (let i = 0; i < 40; i++) {
    for (const name of ['n1', 'n2'])
      answers.push({ word: `${name} ${i}`, asked: add(world, name, key, `${name} ${i}`, 500) });
    await world.pass(50);
  }
  const acknowledged: string[] = [];
  for (const { word, asked } of answers) if ((await world.until(asked)).kind === 'reply') acknowledged.push(word);
  world.board.heal('n1', 'n2');
  world.board.heal('n2', 'n1');
  await world.pass(2_000);
  const words = (await wordsOf(world, 'n1', key)) as string[];
  t.equal(new Set(words).size, words.length, 'nothing twice');
  t.strictSame(
    acknowledged.filter((word) => !words.includes(word)),
    [],
    'nothing acknowledged is lost',
  );
});

t.test('A7: a node that is cut off from the mail claims nothing', async (t) => {
  const world = await cluster(5, 'n1', 'n2');
  const before = world.node('n1').owned;
  world.board.isolate('n2');
  await world.pass(150);
  // It hears of nobody, yet the register is within its reach.
  await world.pass(3_000);
  t.equal(world.node('n1').owned.length, partitions, 'the other one has taken over');
  t.strictSame(world.node('n2').owned, []);
  world.board.isolate('n2', false);
  await world.pass(3_000);
  t.strictSame(world.node('n1').owned, before);
});

t.test('A7: losing the journal’s leader for seconds costs time, and no ownership', async (t) => {
  const world = await cluster(6, 'n1', 'n2', 'n3');
  const before = ['n1', 'n2', 'n3'].map((name) => world.node(name).owned);
  const { version } = world.node('n1').view;
  world.log.loseLeader(9_000);
  const asked = add(world, 'n1', keyAt(world, 'n2'), 'patient', 20_000);
  await world.pass(8_500);
  replyOf(await world.until(asked));
  t.strictSame(
    ['n1', 'n2', 'n3'].map((name) => world.node(name).owned),
    before,
  );
  t.equal(world.node('n1').view.version, version);
});

t.test('A2: a partition that was fenced without a new owner in the register is claimed again', async (t) => {
  const world = await cluster(7, 'n1');
  world.kill('n1');
  await world.cluster('n1');
  const key = keyAt(world, 'n1');
  replyOf(await world.until(add(world, 'n1', key, 'one')));
  const partition = world.node('n1').owned.find((id) => world.log.entries(id).length > 2) ?? 0;
  // A record of the process before, as a journal without conditions might have let it in.
  const [bump] = world.log.entries(partition);
  if (bump === undefined) throw new Error('no bump');
  const expectedSeq = world.log.entries(partition).at(-1)?.seq ?? 0;
  world.log.apply([{ partition, expectedSeq, id: 'zombie', bytes: bump.bytes }]);
  const epoch = world.node('n1').view.epochs[partition] ?? 0;
  t.equal((await world.until(add(world, 'n1', key, 'two', 5_000))).kind, 'unknown');
  await world.pass(2_000);
  await world.settled();
  t.ok((world.node('n1').view.epochs[partition] ?? 0) > epoch, 'in an epoch of its own');
  replyOf(await world.until(add(world, 'n1', key, 'three')));
  t.strictSame(await wordsOf(world, 'n1', key), ['one', 'three']);
});

t.test('A4: a takeover that fails half-way is tried again until it succeeds', async (t) => {
  for (let seed = 0; seed < 4; seed++) {
    const world = await cluster(30 + seed, 'n1', 'n2');
    const key = keyAt(world, 'n2');
    replyOf(await world.until(add(world, 'n1', key, 'one')));
    world.log.faults.readBroken = 0.6;
    world.kill('n2');
    await world.pass(8_000);
    world.log.faults.readBroken = 0;
    await world.settled();
    t.strictSame(await wordsOf(world, 'n1', key), ['one']);
  }
});

t.test('A7: datagrams that are no datagrams are passed over', async (t) => {
  const world = await cluster(8, 'n1', 'n2');
  const odd = world.board.plug('n9');
  const bytes = [
    [1, 2, 3],
    [],
    [...new TextEncoder().encode('["parcels","n9"]\n')],
    [...new TextEncoder().encode('{}\n')],
  ];
  for (const one of bytes) for (const to of ['n1', 'n2']) odd.send(to, new Uint8Array(one));
  await world.pass(500);
  const key = keyAt(world, 'n2');
  replyOf(await world.until(add(world, 'n1', key, 'one')));
  t.equal(world.errors.length > 0, true);
});

t.test(
  'A1: a socket’s push and an ask’s reply go to the process that they are for, not to the next of its name',
  async (t) => {
    const world = await cluster(9, 'n1', 'n2');
    const key = keyAt(world, 'n1');
    const pushed: Push[] = [];
    // The outlets and asks of both processes of n2 have the same numbers.
    const before = world.node('n2').openOutlet(
      List.ref(key),
      (push) => pushed.push(push),
      () => {},
    );
    world.log.loseLeader(1_200);
    const asked = add(world, 'n2', key, 'for the process before', 10_000);
    await world.pass(50);
    world.kill('n2');
    world.boot('n2');
    const after = world.node('n2').openOutlet(
      List.ref(key),
      (push) => pushed.push(push),
      () => {},
    );
    t.equal(after.outlet.id, before.outlet.id);
    const other = world.node('n2').ask(List.ref(key), { kind: 'memory' }, 10_000);
    void asked;
    const answer = await world.until(other);
    t.not(answer.kind === 'reply' && typeof answer.value === 'number', true, 'an answer to another question');
    t.strictSame(pushed, []);
  },
);
