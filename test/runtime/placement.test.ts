import t from 'tap';
import type { Fitness, Heartbeat } from '../../runtime/members.ts';
import { Members } from '../../runtime/members.ts';
import { OwnershipView } from '../../runtime/ownership-view.ts';
import { Placement, type PlacementHost } from '../../runtime/placement.ts';
import type { Owner, PartitionId } from '../../runtime/ports.ts';
import { Ring } from '../../runtime/ring.ts';
import { Stage } from './stage.ts';

const partitions = 8;
const all = Array.from({ length: partitions }, (_, id) => id);
/** What the ring wants of this node and another one. */
const wished = new Ring(['n1', 'n2']).assign(partitions);
const mine = all.filter((id) => wished[id] === 'n1');
const theirs = all.filter((id) => wished[id] === 'n2');

/** One node's say in who owns what: the others are what the test says of them. */
class Seat implements PlacementHost {
  readonly stage = new Stage();
  readonly ports = this.stage.ports;
  readonly limits = this.stage.limits;
  readonly members = new Members(this.limits.suspect_ms);
  readonly self: Owner = { node: 'n1', incarnation: 'x' };
  readonly partitions = partitions;
  readonly format = 1;
  readonly owns = true;
  readonly settleMs = 300;
  readonly ownership: OwnershipView;
  readonly placement: Placement;
  readonly handedOver: PartitionId[] = [];
  /** Partitions that are open here. */
  readonly open = new Set<PartitionId>();
  wanted: PartitionId[] = [];
  is: Fitness = 'fit';

  constructor() {
    const { ports, self } = this;
    this.ownership = new OwnershipView({
      ports,
      self,
      partitions,
      changed: (before, after) => this.placement.changed(before, after),
      wrote: () => {},
    });
    this.placement = new Placement(this);
    this.placement.start();
  }

  holds(id: PartitionId): boolean {
    return this.open.has(id);
  }

  copies(): ReadonlyMap<PartitionId, number> {
    return new Map([...this.open].map((id) => [id, 1_000]));
  }

  fitness(): Fitness {
    return this.is;
  }

  standBy(ids: ReadonlySet<PartitionId>): void {
    this.wanted = [...ids].sort((a, b) => a - b);
  }

  async handOver(ids: readonly PartitionId[]): Promise<void> {
    this.handedOver.push(...ids);
    for (const id of ids) this.open.delete(id);
  }

  /** The register as others left it. */
  async register(
    owner: (id: PartitionId) => string | undefined,
    format = 1,
    pin: (id: PartitionId) => string = () => '',
  ): Promise<void> {
    const names = all.map(owner);
    const owners = names.map((node) =>
      node === undefined ? undefined : { node, incarnation: node === 'n1' ? 'x' : 'i' },
    );
    const { version, value } = await this.stage.time.until(this.ports.ownership.read());
    const epochs = all.map((id) => (value?.epochs[id] ?? 0) + 1);
    await this.stage.time.until(
      this.ports.ownership.write(version, { owners, epochs, formats: all.map(() => format), pins: all.map(pin) }),
    );
    for (const id of all) if (names[id] === 'n1') this.open.add(id);
  }

  hears(node: string, more: Partial<Heartbeat> = {}): void {
    const quiet = { role: 'owner', notice: '', leaving: false, fitness: 'fit', view: 1, format: 1, owns: 0 } as const;
    const heartbeat = { node, incarnation: 'i', ...quiet, copies: [], sent: {}, ...more };
    this.members.heard(heartbeat, this.stage.clock.monotonicMs());
  }

  async look(): Promise<void> {
    await this.stage.time.until(this.placement.look(true));
  }

  owners(): string[] {
    return this.ownership.view.owners.map((owner) => owner?.node ?? '');
  }
}

function copiesOf(ids: readonly PartitionId[], number: number): Heartbeat['copies'] {
  return ids.map((id) => [id, number, 0] as const);
}

/** A node that owns all, and another one, alive for a while, that should have its share and has copies of it. */
async function rich(more: Partial<Heartbeat> = {}): Promise<Seat> {
  const seat = new Seat();
  await seat.register(() => 'n1');
  seat.hears('n2', { copies: copiesOf(all, 1_000), ...more });
  await seat.stage.time.pass(2_000);
  return seat;
}

t.test('§5: an owner gives what the ring wants elsewhere to a node that is steady, warm and fit', async (t) => {
  const seat = await rich();
  await seat.look();
  t.strictSame(seat.owners(), wished);
  t.strictSame(seat.handedOver, theirs, 'each quiet before');
  const lagging = await rich({ copies: copiesOf(all, 744) });
  await lagging.look();
  t.strictSame(lagging.owners(), wished, 'it may lag a little');
});

t.test('§5: not to one that is new, lags, has no copy, is unfit, or does not read the format', async (t) => {
  const seats = {
    lags: await rich({ copies: copiesOf(all, 743) }),
    'has no copy': await rich({ copies: [] }),
    'has no store': await rich({ fitness: 'no store' }),
    'has no journal': await rich({ fitness: 'no journal' }),
    'is a guest': await rich({ role: 'guest' }),
    leaves: await rich({ leaving: true }),
  };
  for (const [why, seat] of Object.entries(seats)) {
    await seat.look();
    t.strictSame([seat.owners(), seat.handedOver], [all.map(() => 'n1'), []], why);
  }
  const fresh = new Seat();
  await fresh.register(() => 'n1');
  fresh.hears('n2', { copies: copiesOf(all, 1_000) });
  await fresh.stage.time.pass(1_990);
  await fresh.look();
  t.strictSame(fresh.handedOver, [], 'is new');
  const ahead = await rich();
  await ahead.register(() => 'n1', 2);
  await ahead.look();
  t.strictSame(ahead.handedOver, [], 'does not read the format');
});

t.test('§5: what is pinned goes to its node, and stays there, whatever the ring wants', async (t) => {
  const [first = 0] = mine;
  const [last = 0] = theirs;
  const pins = (id: PartitionId): string => (id === first ? 'n2' : id === last ? 'n1' : '');
  const seat = await rich();
  await seat.register(() => 'n1', 1, pins);
  await seat.look();
  const pinned = wished.map((node, id) => pins(id) || node);
  t.strictSame(seat.owners(), pinned);
  t.strictSame(seat.ownership.view.pins, all.map(pins), 'and naming owners leaves the pins');
  await seat.look();
  t.strictSame(seat.owners(), pinned, 'for good');
  const cold = await rich({ copies: copiesOf(theirs, 1_000) });
  await cold.register(() => 'n1', 1, pins);
  await cold.look();
  t.equal(cold.owners()[first], 'n1', 'not without a warm copy');
  const other = new Seat();
  await other.register(() => 'n2', 1, pins);
  other.hears('n2');
  other.hears('n3');
  await other.stage.time.pass(300);
  await other.look();
  t.ok(other.wanted.includes(last), 'whom it is pinned to builds one');
});

t.test('§5: the owner of what is pinned is replaced as any other when it dies', async (t) => {
  const [first = 0] = mine;
  const seat = await rich();
  await seat.register(
    (id) => (id === first ? 'n2' : 'n1'),
    1,
    (id) => (id === first ? 'n2' : ''),
  );
  await seat.look();
  t.equal(seat.owners()[first], 'n2');
  seat.members.forget('n2');
  await seat.look();
  t.equal(seat.owners()[first], 'n1');
  t.equal(seat.ownership.pinOf(first), 'n2', 'it stays pinned');
});

t.test('§5: a partition that has changed hands too often stays where it is for a while', async (t) => {
  const seat = await rich();
  await seat.look();
  await seat.register(() => 'n1');
  await seat.look();
  t.strictSame(
    seat.owners(),
    all.map(() => 'n1'),
    'not moved',
  );
  await seat.register((id) => (id === mine[0] ? undefined : 'n1'));
  await seat.look();
  t.equal(seat.owners()[mine[0] ?? 0], 'n1', 'but claimed');
  for (let times = 0; times < 4; times++) await seat.register((id) => (id === mine[0] ? undefined : 'n1'));
  await seat.look();
  t.equal(seat.owners()[mine[0] ?? 0], '', 'nor claimed any more');
  for (let ms = 0; ms < 24_000; ms += 100) {
    seat.hears('n2', { copies: copiesOf(all, 1_000) });
    seat.members.look(seat.stage.clock.monotonicMs());
    await seat.stage.time.pass(100);
  }
  await seat.look();
  t.strictSame(seat.owners(), wished);
});

t.test('§5: a node that dies again and again is replaced each time, and gets its share ever later', async (t) => {
  const seat = await rich();
  const [lost = 0] = theirs;
  for (let times = 0; times < 6; times++) {
    await seat.look();
    if (seat.owners()[lost] === 'n2') {
      // It dies, and is back at once.
      seat.members.forget('n2');
      await seat.look();
      t.equal(seat.owners()[lost], 'n1', `death ${times}`);
    }
    seat.open.add(lost);
    seat.hears('n2', { copies: copiesOf(all, 1_000) });
    await seat.stage.time.pass(2_100);
  }
  t.ok(seat.ownership.epochOf(lost) < 6, 'it has not had it each time');
});

t.test('§5: what nobody serves is claimed by the fittest alone', async (t) => {
  const seat = new Seat();
  await seat.register(() => 'gone');
  seat.hears('n2');
  await seat.look();
  t.strictSame(
    seat.owners(),
    all.map(() => 'gone'),
    'not before it has listened for a while',
  );
  await seat.stage.time.pass(300);
  await seat.look();
  t.strictSame(
    seat.owners(),
    wished.map((node) => (node === 'n1' ? 'n1' : 'gone')),
  );
  await seat.look();
  const next = all.filter((id) => new Ring(['n1', 'n2']).successors(id, 1)[0] === 'n1');
  t.strictSame(
    seat.wanted,
    next.filter((id) => theirs.includes(id)),
    'and copies are kept of the others',
  );
});

t.test('§5: what is this node’s and was lost goes to whoever has a copy', async (t) => {
  const seat = await rich({ copies: copiesOf([...mine.slice(0, 1), ...theirs], 1_000) });
  for (const id of mine) seat.open.delete(id);
  await seat.look();
  t.strictSame(
    seat.owners(),
    all.map((id) => (mine.slice(1).includes(id) ? 'n1' : 'n2')),
  );
});

t.test(
  '§5: one to whom the journal is silent claims nothing for itself, and gives what it lost to others',
  async (t) => {
    const seat = await rich({ copies: copiesOf(mine.slice(0, 1), 1_000) });
    seat.is = 'no journal';
    for (const id of mine.slice(0, 2)) seat.open.delete(id);
    await seat.look();
    const [first, second] = mine as [number, number];
    t.strictSame([seat.owners()[first], seat.owners()[second]], ['n2', 'n1']);
    t.equal(seat.ownership.epochOf(second), 1);
    t.strictSame(seat.handedOver, [], 'nothing is moved by it');
    await seat.register((id) => (id === second ? undefined : 'n1'));
    await seat.look();
    t.equal(seat.owners()[second], '');
  },
);

t.test(
  '§5: an owner to whom the journal is silent is replaced once it has answered here for long enough',
  async (t) => {
    const seat = new Seat();
    await seat.register(() => 'n2');
    seat.hears('n2', { fitness: 'no journal' });
    await seat.stage.time.pass(300);
    await seat.look();
    await seat.stage.time.pass(2_900);
    await seat.look();
    t.strictSame(
      seat.owners(),
      all.map(() => 'n2'),
    );
    await seat.stage.time.pass(300);
    await seat.look();
    t.strictSame(
      seat.owners(),
      all.map(() => 'n1'),
    );
  },
);

t.test('A7: nobody is judged by what one hears while cut off', async (t) => {
  const seat = new Seat();
  await seat.register(() => 'gone');
  await seat.stage.time.pass(300);
  seat.ports.network.connected = () => false;
  await seat.look();
  t.strictSame(
    seat.owners(),
    all.map(() => 'gone'),
  );
});

t.test(
  '§5: a node whose store takes nothing gives all to those who have a copy; to anybody what it has not open',
  async (t) => {
    const warm = all.slice(0, 5);
    const seat = await rich({ copies: copiesOf(warm, 1_000) });
    seat.is = 'no store';
    seat.open.delete(7);
    await seat.look();
    await seat.stage.time.pass(1_000);
    seat.hears('n2', { copies: copiesOf(warm, 1_000) });
    await seat.look();
    t.strictSame(
      seat.owners(),
      all.map((id) => (warm.includes(id) || id === 7 ? 'n2' : 'n1')),
    );
  },
);
