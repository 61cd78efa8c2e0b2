import t from 'tap';
import type { Ports } from '../../runtime/ports.ts';
import { encodeRecord } from '../../runtime/record.ts';
import { simCodec } from '../../sim/codec.ts';
import { Bystander } from './bystander.ts';
import { all, cluster, partitions, write } from './copies.ts';
import { deaf, journalOf } from './journals.ts';
import { Load } from './load.ts';
import { diskBreaches, folded } from './watch.ts';

t.setTimeout(120_000);

t.test('A5: whatever is skipped, interrupted or late, a copy never has a wrong row', async (t) => {
  for (let seed = 10; seed < 14; seed++) {
    const [world, watch] = await cluster(seed, { store_flush_ms: 70, store_flush_rows_max: 40 }, 'n1');
    const random = world.random.stream('test');
    const two = new Bystander(world, watch, 'n2');
    two.want(...all);
    Object.assign(world.log.faults, { followBroken: 0.05, followGap: 0.1, followLate: 0.02, readBroken: 0.1 });
    world.disk('n2').faults.refused = 0.1;
    const load = new Load(world, ['n1'], 3);
    for (let round = 0; round < 12; round++) {
      await two.live(random.between(50, 400));
      t.strictSame([...two.breaches(), ...diskBreaches(world, 'n2')], [], `seed ${seed}, round ${round}`);
      if (round % 3 === 1) two.want(...all.filter(() => random.chance(0.6)));
      if (round % 3 === 2) two.want(...all);
    }
    load.stop();
    Object.assign(world.log.faults, { followBroken: 0, followGap: 0, followLate: 0, readBroken: 0 });
    world.disk('n2').faults.refused = 0;
    await two.live(8_000);
    t.strictSame(two.promotable, all, `seed ${seed}`);
    for (const { id, position } of two.standbys.partitions()) t.equal(position.chain, folded(world, id).chain);
    t.strictSame([...two.breaches(), ...diskBreaches(world, 'n2')], []);
    t.strictSame(two.dropped, [], 'none was built anew from nothing');
  }
});

t.test('§5: one partition that can’t be copied holds up no other', async (t) => {
  const [world, watch] = await cluster(33, {}, 'n1');
  await write(world, 'n1', 'one');
  let tries = 0;
  let fails = true;
  const two = new Bystander(world, watch, 'n2', {}, (ports) => ({
    ...ports,
    archive: {
      put: (name, parts) => ports.archive.put(name, parts),
      get: (name) => ports.archive.get(name),
      names: (id) => ports.archive.names(id),
      remove: (name) => ports.archive.remove(name),
      pointer: (id) => {
        if (id !== 0 || !fails) return ports.archive.pointer(id);
        tries++;
        return Promise.reject(new Error('made up'));
      },
      point: (id, version, bytes) => ports.archive.point(id, version, bytes),
      close: () => ports.archive.close(),
    },
  }));
  two.want(...all);
  await two.live(600);
  t.strictSame(two.promotable, all.slice(1));
  t.ok(tries >= 2 && tries <= 4, `${tries} tries`);
  await two.live(60_000);
  t.ok(tries <= 20, `${tries} tries in a minute`);
  fails = false;
  await two.live(6_000);
  t.strictSame(two.promotable, all);
});

t.test('A3: a record that nobody can read makes no copy, and is not tried all the time', async (t) => {
  const [world, watch] = await cluster(34, {}, 'n1');
  await write(world, 'n1', 'one');
  let reads = 0;
  const two = new Bystander(world, watch, 'n2', {}, (ports) => {
    const read: Ports['journal']['read'] = (id, from, to) => {
      if (id === 2) reads++;
      return ports.journal.read(id, from, to);
    };
    return { ...ports, journal: { ...journalOf(ports), read } };
  });
  two.want(...all);
  await two.live(300);
  const last = world.log.entries(2).at(-1);
  const expectedSeq = last?.seq ?? 0;
  world.log.apply([{ partition: 2, expectedSeq, id: 'torn', bytes: new Uint8Array([1, 2, 3, 4, 5, 6, 7]) }]);
  await two.live(60_000);
  t.strictSame(
    two.promotable,
    all.filter((id) => id !== 2),
  );
  t.ok(reads > 5 && reads < 40, `read ${reads} times in a minute`);
  t.strictSame(two.dropped, [2]);
});

t.test('A5: entries that the journal has truncated are not missed in silence', async (t) => {
  const [world, watch] = await cluster(35, {}, 'n1');
  const silent = new Set([4]);
  await write(world, 'n1', 'one');
  const two = new Bystander(world, watch, 'n2', {}, deaf(silent));
  two.want(...all);
  await two.live(300);
  await write(world, 'n1', 'two');
  await write(world, 'n1', 'three');
  const end = world.log.entries(4).at(-1)?.seq ?? 0;
  world.log.truncate(end);
  silent.clear();
  await write(world, 'n1', 'four');
  await two.live(1_000);
  // There is no snapshot to begin with, so there can be no copy; a wrong one would be worse.
  t.notOk(two.promotable.includes(4));
  t.ok(two.dropped.includes(4));
});

t.test(
  'A9: while the store takes nothing, copies are bounded, given up, and begun again from what it has',
  async (t) => {
    const [world, watch] = await cluster(36, { store_flush_rows_max: 30 }, 'n1');
    const two = new Bystander(world, watch, 'n2');
    two.want(...all);
    const load = new Load(world, ['n1'], 2);
    await two.live(500);
    world.disk('n2').faults.refused = 1;
    let most = 0;
    await two.live(1_500, () => {
      for (const { overlay } of two.standbys.partitions()) most = Math.max(most, overlay.committedRows);
    });
    t.ok(most > 30 && most <= 30 * 2 + 40, `${most} rows waited`);
    t.ok(two.said.includes('a standby is given up for now'));
    t.notOk(two.said.includes('a standby is thrown away and built anew'), 'nothing is wrong with what it holds');
    world.disk('n2').faults.refused = 0;
    load.stop();
    await two.live(6_000);
    t.strictSame(two.promotable, all);
    t.strictSame(two.dropped, []);
    t.strictSame([...two.breaches(), ...diskBreaches(world, 'n2')], []);
  },
);

t.test('§5: invalid rows make no copy, and do not bring the others down', async (t) => {
  const [world, watch] = await cluster(41, {}, 'n1');
  await write(world, 'n1', 'one');
  const two = new Bystander(world, watch, 'n2');
  two.want(...all);
  await two.live(300);
  const last = world.log.entries(2).at(-1);
  const { number, epoch } = folded(world, 2) as { number: number; epoch?: number };
  const record = { type: 'turns', partition: 2, epoch: epoch ?? 9, number: number + 1, writer: 'n1.x' } as const;
  const rest = { previousSeq: last?.seq ?? 0, at: 0, outbox: [], taken: [], settled: [] };
  const bytes = encodeRecord({ ...record, ...rest, rows: ['list/a \u0007 row', new Uint8Array([1])] }, simCodec);
  world.log.apply([{ partition: 2, expectedSeq: last?.seq ?? 0, id: 'odd', bytes }]);
  await write(world, 'n1', 'two').catch(() => {});
  await two.live(2_000);
  t.ok(two.promotable.length >= partitions - 1);
  t.notOk(two.promotable.includes(2));
});

t.test('A3: a store that ends before a record which nobody can read is given up for a snapshot', async (t) => {
  const [world, watch] = await cluster(42, {}, 'n1');
  await write(world, 'n1', 'one');
  const one = new Bystander(world, watch, 'n2');
  one.want(...all);
  await one.live(300);
  one.kill();
  const expectedSeq = world.log.entries(2).at(-1)?.seq ?? 0;
  world.log.apply([{ partition: 2, expectedSeq, id: 'torn', bytes: new Uint8Array([1, 2, 3, 4, 5, 6, 7]) }]);
  const two = new Bystander(world, watch, 'n2');
  two.want(...all);
  await two.live(1_000);
  t.strictSame(two.dropped, [2]);
});

t.test('A5: damage that is found while a copy is being built makes none of it', async (t) => {
  const [world, watch] = await cluster(43, {}, 'n1');
  await write(world, 'n1', 'one');
  const one = new Bystander(world, watch, 'n2');
  one.want(...all);
  await one.live(300);
  one.kill();
  const two = new Bystander(world, watch, 'n2');
  two.onTrusted = (id) => {
    if (id === 3) two.distrusted.add(id);
  };
  two.want(...all);
  await two.live(500);
  t.strictSame([two.dropped, two.promotable, [...two.distrusted]], [[3], all, []]);
  t.strictSame(two.breaches(), []);
});

t.test('A9: entries that gather in copies are bounded, and applied sooner where they come faster', async (t) => {
  const max = 2_000;
  const [world, watch] = await cluster(46, {}, 'n1');
  const two = new Bystander(world, watch, 'n2', { standby_gather_ms: 600_000, standby_gather_bytes_max: max });
  two.want(...all);
  await two.live(300);
  const load = new Load(world, ['n1'], 2);
  await two.live(2_000);
  load.stop();
  await two.live(500);
  const written = all.flatMap((id) => world.log.entries(id)).reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
  const record = Math.max(...all.flatMap((id) => world.log.entries(id)).map(({ bytes }) => bytes.byteLength));
  t.ok(written > max * 4);
  t.ok(
    two.standbys.gatheredBytes > 0 && two.standbys.gatheredBytes <= max + record,
    `${two.standbys.gatheredBytes} bytes`,
  );
  t.strictSame([...two.standbys.progress()].length, all.length);
  t.strictSame([...two.breaches(), ...diskBreaches(world, 'n2')], []);
});
