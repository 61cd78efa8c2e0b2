import t from 'tap';
import { partitionOf } from '../../../runtime/hash.ts';
import type { Limits } from '../../../runtime/index.ts';
import type { PartitionId } from '../../../runtime/ports.ts';
import { type Manifest, readPointer } from '../../../runtime/snapshots/manifest.ts';
import { simCodec } from '../../../sim/codec.ts';
import { act, List, list } from '../ledger.ts';
import { replyOf, World } from '../world.ts';
import { Reader } from './history.ts';

t.setTimeout(120_000);

const partitions = 8;
const names = ['n1', 'n2', 'n3'];
const keys = Array.from({ length: 40 }, (_, i) => `k${i}`);

const limits: Partial<Limits> = {
  snapshot_look_ms: 100,
  snapshot_bytes: 20_000,
  snapshot_records: 60,
  snapshot_first_ms: 300,
  snapshot_span_entries_max: 200,
  snapshot_fold_bytes_max: 10_000,
  snapshot_garbage_ms: 2_000,
  truncate_ms: 300,
};

/** Actors whose lists grow, at random nodes. */
class Lists {
  readonly expected = new Map<string, string[]>();
  /** Adds that were not answered with a reply: the word may be there. */
  unsure = 0;
  readonly #world: World;
  #words = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** One word more for this actor. */
  async add(key: string): Promise<void> {
    const living = this.#world.living();
    const word = `w${this.#words}`;
    const process = living[this.#words++ % living.length];
    const asked = await process?.node.ask(List.ref(key), act({ add: word }), 20_000);
    if (asked?.kind !== 'reply') this.unsure++;
    else this.expected.set(key, [...(this.expected.get(key) ?? []), word]);
  }

  /** So many words, `atOnce` under way. */
  async grow(words: number, of: readonly string[], atOnce = 4): Promise<void> {
    for (let i = 0; i < words; i += atOnce) {
      const some = Array.from({ length: atOnce }, (_, n) => of[(i + n) % of.length] as string);
      await this.#world.until(Promise.all([...new Set(some)].map((key) => this.add(key))));
    }
  }

  /** What is missing of what was acknowledged. */
  async missing(): Promise<string[]> {
    const [process] = this.#world.living();
    const found: string[] = [];
    for (const [key, words] of this.expected) {
      const asked = process?.node.ask(List.ref(key), { kind: 'list' }, 20_000);
      const there = asked === undefined ? [] : replyOf(await this.#world.until(asked));
      let at = 0;
      for (const word of there) if (word === words[at]) at++;
      if (at < words.length) found.push(`${key}: ${words[at]}`);
    }
    return found;
  }
}

async function manifests(world: World): Promise<(Manifest | undefined)[]> {
  const ports = { archive: world.archive.connect(), codec: simCodec };
  const all: (Manifest | undefined)[] = [];
  for (let id: PartitionId = 0; id < partitions; id++) all.push((await world.until(readPointer(id, ports))).manifest);
  return all;
}

/** Entries of all partitions that the journal still has. */
function kept(world: World): number {
  let entries = 0;
  for (let id: PartitionId = 0; id < partitions; id++) entries += world.log.entries(id).length;
  return entries;
}

function newest(world: World): number {
  return Math.max(...Array.from({ length: partitions }, (_, id) => world.log.entries(id).at(-1)?.seq ?? 0));
}

/** Ends all processes, with or without their disks, and starts as many anew. */
async function again(world: World, wiped: boolean): Promise<void> {
  for (const name of names) {
    world.kill(name);
    if (wiped) world.disk(name).powerLoss();
  }
  await world.cluster(...names);
}

t.test('a cluster’s journal stays short, though most partitions are cold, and all disks can be lost', async (t) => {
  const world = new World({ seed: 1, behaviours: [list()], partitions, limits });
  await world.cluster(...names);
  const lists = new Lists(world);
  await lists.grow(80, keys);
  const hot = keys.filter((key) => partitionOf(`list/${key}`, partitions) === partitionOf('list/k1', partitions));
  t.ok(hot.length < 12);
  await lists.grow(2_400, hot);
  await world.pass(5_000);
  t.ok(newest(world) > 1_200, `${newest(world)} entries were written`);
  t.ok(kept(world) < 700, `${kept(world)} are kept`);
  await again(world, true);
  t.strictSame(await lists.missing(), []);
  t.strictSame(world.errors, []);
  t.equal(lists.unsure, 0);
});

t.test('restored from snapshot and journal: byte for byte what the owner has stored', async (t) => {
  const world = new World({ seed: 2, behaviours: [list()], partitions, limits: { ...limits, standbys: 0 } });
  await world.cluster(...names);
  const lists = new Lists(world);
  for (let i = 0; i < 4; i++) {
    await lists.grow(300, keys, 8);
    await world.pass(1_000);
  }
  let compared = 0;
  for (const [id, manifest] of (await manifests(world)).entries()) {
    t.ok((manifest?.segments.length ?? 0) > 0, `partition ${id} has a snapshot`);
    t.ok((world.log.entries(id)[0]?.seq ?? 0) > 1, 'and no beginning');
    const owner = names.find((name) => world.node(name).owned.includes(id)) ?? '';
    const rows = world.disk(owner).committed.get(id);
    const heir = new Reader(world, `heir of ${id}`, { partition: id });
    await world.until(heir.follow());
    await world.until(heir.store());
    for (const [key, value] of heir.rows()) {
      if (key === ' meta ') continue;
      compared++;
      if (Buffer.from(rows?.get(key) ?? []).toString('latin1') !== value) t.fail(`partition ${id}, ${key}`);
    }
    t.equal(heir.rows().size, rows?.keys('', '~').length, `partition ${id} has as many rows`);
  }
  t.ok(compared > 1_000, `${compared} rows compared`);
});

t.test('as long as one partition can have no snapshot, nothing is cut', async (t) => {
  const world = new World({ seed: 3, behaviours: [list()], partitions, limits });
  const set = world.archive.segments.set.bind(world.archive.segments);
  world.archive.segments.set = (name, bytes) => {
    if (name.startsWith('5/')) throw new Error('no space for partition 5');
    return set(name, bytes);
  };
  await world.cluster(...names);
  const lists = new Lists(world);
  await lists.grow(600, keys);
  await world.pass(3_000);
  const all = await manifests(world);
  t.strictSame(
    all.map((manifest) => manifest !== undefined),
    all.map((_, id) => id !== 5),
  );
  t.equal(kept(world), newest(world), 'every entry is there');
  t.match(world.errors, [/a snapshot was not made/]);
  world.archive.segments.set = set;
  await world.pass(40_000);
  await lists.grow(800, keys);
  await world.pass(5_000);
  t.ok(kept(world) < newest(world), 'once it has two, the journal is cut');
});

t.test('with an archive that fails half the time and nodes that die, nothing is lost', async (t) => {
  let cut = 0;
  for (let seed = 10; seed < 13; seed++) {
    const world = new World({ seed, behaviours: [list()], partitions, limits });
    Object.assign(world.archive.faults, {
      unavailable: 0.1,
      putRefused: 0.1,
      answerLost: 0.2,
      getBroken: 0.1,
      slow: 0.02,
    });
    Object.assign(world.log.faults, { readBroken: 0.02, requestLost: 0.01, answerLost: 0.01, busy: 0.02 });
    const random = world.random.stream('test');
    await world.cluster(...names);
    const lists = new Lists(world);
    for (let round = 0; round < 8; round++) {
      await lists.grow(120, keys, 6);
      const name = names[random.between(0, 2)] as string;
      world.kill(name);
      if (random.chance(0.7)) world.disk(name).powerLoss();
      await world.pass(random.between(100, 2_000));
      world.boot(name);
      await world.pass(random.between(500, 4_000));
    }
    Object.assign(world.archive.faults, { unavailable: 0, putRefused: 0, answerLost: 0, getBroken: 0, slow: 0 });
    await world.pass(40_000);
    if (kept(world) < newest(world)) cut++;
    await again(world, true);
    t.strictSame(await lists.missing(), [], `seed ${seed}`);
  }
  t.equal(cut, 3, 'the journal was cut each time');
});
