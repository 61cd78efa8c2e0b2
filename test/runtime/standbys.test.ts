import t from 'tap';
import type { Ports } from '../../runtime/ports.ts';
import { Ring } from '../../runtime/ring.ts';
import { StandbyCopy } from '../../runtime/standby-copy.ts';
import { packPosition, unpackPosition } from '../../runtime/standing.ts';
import { simCodec } from '../../sim/codec.ts';
import { Bystander } from './bystander.ts';
import { all, cluster, partitions, write } from './copies.ts';
import { deaf, journalOf } from './journals.ts';
import { act, List, list } from './ledger.ts';
import { Load } from './load.ts';
import { diskBreaches, folded, Watch } from './watch.ts';
import { replyOf, World } from './world.ts';

t.setTimeout(120_000);

t.test('§5: every partition has copies at the ring’s next nodes, as far as their owner', async (t) => {
  for (const standbys of [0, 1, 2]) {
    const [world, watch] = await cluster(1, { standbys }, 'n1', 'n2', 'n3', 'n4');
    const ring = new Ring(['n1', 'n2', 'n3', 'n4']);
    const load = new Load(world, ['n1', 'n2'], 3);
    await world.pass(1_000);
    load.stop();
    await world.pass(1_000);
    for (const id of all) {
      const owner = world.node('n1').view.owners[id]?.node ?? '';
      const next = ring.successors(id, 4).filter((node) => node !== owner);
      t.strictSame(watch.keepers(id), [owner, ...next.slice(0, standbys)].sort(), `partition ${id}`);
      const { number, chain } = folded(world, id);
      for (const node of watch.keepers(id)) t.equal(watch.copy(node, id), `${number} ${chain}`);
    }
    for (const name of ['n1', 'n2', 'n3', 'n4']) t.strictSame(diskBreaches(world, name), []);
  }
});

t.test('§5: without standbys only the node that should own a partition has a copy, until it does', async (t) => {
  const [world, watch] = await cluster(2, { standbys: 0 }, 'n1');
  await write(world, 'n1', 'one');
  t.ok(all.every((id) => watch.keepers(id).join() === 'n1'));
  const seen = new Set<string>();
  watch.onHeard = () => {
    for (const id of all) if (watch.keepers(id).length > 1) seen.add(`${watch.keepers(id).join()} ${id}`);
  };
  world.boot('n2');
  await world.pass(3_000);
  const wanted = new Ring(['n1', 'n2']).assign(partitions);
  t.strictSame(
    [...seen].sort(),
    all
      .filter((id) => wanted[id] === 'n2')
      .map((id) => `n1,n2 ${id}`)
      .sort(),
  );
  for (const id of all) t.strictSame(watch.keepers(id), [wanted[id]]);
});

t.test('§5: copies go where the ring of those that live wants them', async (t) => {
  const [world, watch] = await cluster(3, {}, 'n1', 'n2', 'n3');
  await write(world, 'n1', 'one');
  world.kill('n2');
  watch.heard.delete('n2');
  await world.pass(2_000);
  for (const id of all) t.strictSame(watch.keepers(id), ['n1', 'n3']);
  world.boot('n2');
  await world.pass(3_000);
  t.ok(all.every((id) => watch.keepers(id).length === 2));
  t.ok(all.some((id) => watch.keepers(id).includes('n2')));
});

t.test('§5: while partitions move nobody builds new copies, and soon after they all have theirs', async (t) => {
  const [world, watch] = await cluster(4, {}, 'n1', 'n2', 'n3');
  await write(world, 'n1', 'one');
  await world.pass(500);
  const before = new Map(all.map((id) => [id, watch.keepers(id)]));
  const builtMs: number[] = [];
  watch.onHeard = ({ node, copies }) => {
    if (copies.some(([id]) => !before.get(id)?.includes(node))) builtMs.push(world.time.nowMs);
  };
  t.equal(await world.until(world.node('n2').drain()), true);
  const movedMs = world.time.nowMs;
  await world.pass(1_000);
  t.ok(builtMs.length > 0);
  // What a heartbeat tells is a moment old.
  t.ok(Math.min(...builtMs) >= movedMs + 2 * world.limits.heartbeat_ms - 5, `${movedMs}, ${builtMs[0]}`);
  for (const id of all) t.strictSame(watch.keepers(id), ['n1', 'n3'], `partition ${id}`);
});

t.test('A5: a copy goes on where its store was left, and takes nothing twice', async (t) => {
  const [world, watch] = await cluster(20, {}, 'n1');
  const load = new Load(world, ['n1'], 3);
  const one = new Bystander(world, watch, 'n2');
  one.want(...all);
  await one.live(600);
  one.kill();
  await world.pass(500);
  let read = 0;
  const two = new Bystander(world, watch, 'n2', {}, (ports) => ({
    ...ports,
    journal: {
      ...journalOf(ports),
      read: (id, from, to) => {
        read += world.log.entries(id).filter(({ seq }) => seq >= from && seq <= to).length;
        return ports.journal.read(id, from, to);
      },
    },
  }));
  two.want(...all);
  await two.live(600);
  load.stop();
  await two.live(300);
  t.strictSame([...two.breaches(), ...diskBreaches(world, 'n2')], []);
  t.strictSame(two.promotable, all);
  const written = all.reduce((sum, id) => sum + world.log.entries(id).length, 0);
  t.ok(read > 0 && read < written * 0.75, `${read} of ${written} entries read`);
  t.strictSame(two.dropped, []);
});

t.test('§5: a copy that its owner contradicts is thrown away, built anew, and not promoted meanwhile', async (t) => {
  const [world, watch] = await cluster(30, {}, 'n1');
  await write(world, 'n1', 'one');
  const two = new Bystander(world, watch, 'n2');
  two.want(...all);
  await two.live(300);
  two.kill();
  // Between two lives the hash in the store becomes another, as if other records had been applied.
  const stored = world.disk('n2').committed.get(5);
  const position = unpackPosition(stored?.get(' meta ') ?? new Uint8Array(), simCodec);
  if (stored === undefined || position === undefined) throw new Error('nothing is stored');
  stored.put(' meta ', packPosition({ ...position, chain: position.chain ^ 1 }, simCodec));
  const again = new Bystander(world, watch, 'n2');
  again.want(...all);
  await world.pass(60);
  const copy = again.copy(5);
  t.not(copy?.position.chain, folded(world, 5).chain);
  again.standbys.look();
  t.notOk(again.promotable.includes(5), 'told, and no longer promotable');
  t.ok(copy?.stopped);
  t.match(again.said, ['a standby is thrown away and built anew']);
  await again.live(500);
  t.strictSame(again.dropped, [5]);
  t.strictSame(again.promotable, all);
  t.equal(again.copy(5)?.position.chain, folded(world, 5).chain);
  t.strictSame(again.breaches(), []);
  t.strictSame([...again.distrusted], []);
});

t.test('§5: a copy is compared with what its owner was, too, and with what it will be', async (t) => {
  const [world, watch] = await cluster(31, {}, 'n1');
  await write(world, 'n1', 'one');
  const two = new Bystander(world, watch, 'n2');
  two.want(...all);
  await two.live(300);
  const { number: before, chain } = folded(world, 0);
  await write(world, 'n1', 'two');
  await two.live(300);
  two.owners.set(0, [0, before, chain]);
  await two.live(100);
  t.strictSame(two.said, []);
  two.owners.set(0, [0, before, chain ^ 1]);
  await two.live(50);
  t.strictSame(two.said.length, 1, 'it had another hash then');
  const next = new Bystander(world, watch, 'n3');
  next.want(...all);
  await next.live(300);
  const { number } = folded(world, 0);
  next.owners.set(0, [0, number + 1, 77]);
  await next.live(50);
  t.strictSame(next.said, []);
  next.owners.delete(0);
  await write(world, 'n1', 'three');
  await next.live(100);
  t.strictSame(next.said.length, 1, 'it came to another than was announced');
  await next.live(500);
  t.strictSame(next.promotable, all);
});

t.test(
  '§5: a copy that does not get on is not promoted, is followed anew, and counts again once it does',
  async (t) => {
    const [world, watch] = await cluster(32, { standby_stall_ms: 400 }, 'n1');
    await write(world, 'n1', 'one');
    const silent = new Set<number>();
    let follows = 0;
    const two = new Bystander(world, watch, 'n2', {}, (ports) => {
      const altered = deaf(silent)(ports);
      const follow: Ports['journal']['follow'] = (after) => {
        follows++;
        return altered.journal.follow(after);
      };
      return { ...altered, journal: { ...altered.journal, follow } };
    });
    two.want(...all);
    await two.live(300);
    silent.add(3);
    await write(world, 'n1', 'two');
    await two.live(300);
    t.strictSame(two.promotable, all, 'not at once');
    follows = 0;
    await two.live(300);
    t.strictSame(
      two.promotable,
      all.filter((id) => id !== 3),
    );
    t.match(two.said, ['a standby does not get on']);
    t.equal(follows, 1);
    await two.live(900);
    t.equal(follows, 3, 'again and again, but not all the time');
    t.ok(
      two.said.every((words) => words === 'a standby does not get on'),
      'nothing is wrong with it',
    );
    silent.clear();
    await two.live(500);
    t.strictSame(two.promotable, all);
    t.strictSame(two.dropped, []);
    t.strictSame(two.breaches(), []);
  },
);

t.test(
  '§5: who becomes an owner gets the copy, also one that is being built, and nobody writes to it any more',
  async (t) => {
    const [world, watch] = await cluster(37, {}, 'n1');
    await write(world, 'n1', 'one');
    const two = new Bystander(world, watch, 'n2');
    two.want(...all);
    await world.pass(1);
    two.held.add(0);
    // It is wanted here no longer: by the register it is this node's own.
    two.want(...all.slice(1));
    const taken = await world.until(two.standbys.take(0));
    t.equal(taken?.partition.position.chain, folded(world, 0).chain);
    t.notOk(taken?.partition.stopped);
    t.equal(two.copy(0), undefined);
    await two.live(500);
    t.strictSame(two.promotable, all.slice(1));
    two.held.add(6);
    const { position } = (await world.until(two.standbys.take(6)))?.partition ?? {};
    const { number } = position ?? { number: 0 };
    await write(world, 'n1', 'two');
    await two.live(500);
    t.equal(position?.number, number, 'it is not brought up to date from here');
    t.equal(await world.until(two.standbys.take(6)), undefined, 'nor handed out twice');
  },
);

t.test('§5: a copy that is no longer wanted when it is ready is let go of', async (t) => {
  const [world, watch] = await cluster(38, {}, 'n1');
  await write(world, 'n1', 'one');
  const two = new Bystander(world, watch, 'n2');
  two.want(0);
  await world.pass(1);
  two.want();
  await world.pass(200);
  t.strictSame([...two.standbys.partitions()], []);
  t.equal(await world.until(two.standbys.take(0)), undefined);
});

t.test('§5: the journal is asked for news of what there are copies of, and of nothing else', async (t) => {
  const [world, watch] = await cluster(39, {}, 'n1');
  await write(world, 'n1', 'one');
  let followed: number[] = [];
  let told = 0;
  const two = new Bystander(world, watch, 'n2', {}, (ports) => ({
    ...ports,
    journal: {
      ...journalOf(ports),
      follow: (after) => {
        followed = [...after.keys()].sort((a, b) => a - b);
        const following = ports.journal.follow(after);
        const next = async () => {
          const entries = await following.next();
          told += entries.length;
          return entries;
        };
        return { next, stop: () => following.stop() };
      },
    },
  }));
  two.want(...all);
  await two.live(300);
  t.strictSame(followed, all);
  t.equal(told, 0, 'a copy joins the others once it is up to date');
  two.held.add(1);
  await world.until(two.standbys.take(1));
  two.want(...all.filter((id) => id > 2));
  await two.live(100);
  t.strictSame(followed, all, 'to ask anew takes longer than to pass some over for a while');
  await two.live(two.limits.heartbeat_ms * 9);
  t.strictSame(
    followed,
    all.filter((id) => id > 2),
  );
  await write(world, 'n1', 'two');
  await two.live(300);
  t.strictSame(two.breaches(), []);
  t.ok(told > 0);
});

t.test('§5: a stopped node keeps no copies', async (t) => {
  const [world, watch] = await cluster(40, {}, 'n1');
  const two = new Bystander(world, watch, 'n2');
  two.want(...all);
  await two.live(200);
  two.standbys.stop();
  two.want(...all);
  await two.live(500);
  t.strictSame([...two.standbys.partitions()], []);
});

t.test('§5: a copy that was well for a while is built anew at once, however often that was', async (t) => {
  const [world, watch] = await cluster(44, {}, 'n1');
  await write(world, 'n1', 'one');
  const two = new Bystander(world, watch, 'n2');
  two.want(...all);
  await two.live(300);
  const { number, chain } = folded(world, 5);
  for (let times = 0; times < 7; times++) {
    two.owners.set(5, [5, number, chain ^ 1]);
    await two.live(50);
    t.notOk(two.promotable.includes(5));
    two.owners.delete(5);
    await two.live(400);
    t.strictSame(two.promotable, all);
  }
  // While it is never well it is tried ever more seldom.
  two.owners.set(5, [5, number, chain ^ 1]);
  const before = two.dropped.length;
  await two.live(20_000);
  t.ok(two.dropped.length - before < 12, `${two.dropped.length - before} times`);
});

t.test('§5: a copy that is handed over is given its last records, for a while', async (t) => {
  const silent = new Set<number>();
  const [world, watch] = await cluster(47, { standby_stall_ms: 60_000 }, 'n1');
  await write(world, 'n1', 'one');
  const two = new Bystander(world, watch, 'n2', {}, deaf(silent));
  two.want(...all);
  await two.live(300);
  for (const id of [3, 4]) silent.add(id);
  await write(world, 'n1', 'two');
  silent.clear();
  await write(world, 'n1', 'three');
  const { number } = folded(world, 2);
  two.standbys.ends(2, number);
  two.standbys.ends(3, folded(world, 3).number + 1);
  const before = world.time.nowMs;
  const taken = await world.until(two.standbys.take(2));
  t.equal(taken?.partition.position.number, number, 'they were on their way');
  t.ok(world.time.nowMs - before < 50);
  t.ok(await world.until(two.standbys.take(3)));
  t.ok(world.time.nowMs - before >= 100, 'one that lags behind reads the journal then');
});

t.test('A9: a copy remembers its last thousand hashes', async (t) => {
  const world = new World({ seed: 45, behaviours: [list()], partitions: 1 });
  const watch = new Watch(world);
  await world.cluster('n1');
  const two = new Bystander(world, watch, 'n2');
  two.want(0);
  await two.live(300);
  const replica = await two.standbys.take(0);
  if (replica === undefined) throw new Error('there is no copy');
  const copy = new StandbyCopy(replica, simCodec);
  for (let i = 0; i < 1_100; i++) replyOf(await world.until(world.node('n1').ask(List.ref('a'), act({ add: `${i}` }))));
  for (const entry of world.log.entries(0)) copy.take(entry);
  const { chain, number } = folded(world, 0);
  t.strictSame([copy.number, copy.chain], [number, chain]);
  t.equal(copy.compare(1, 77, 0, 1_000), 'fits', 'it can’t tell');
  t.equal(copy.compare(number - 1_000, 77, 0, 1_000), 'other');
  t.equal(copy.compare(number, chain, 0, 1_000), 'fits');
});
