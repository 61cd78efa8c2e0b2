import fc from 'fast-check';
import t from 'tap';
import { Ring } from '../../runtime/ring.ts';

const nodeNames = fc.uniqueArray(fc.stringMatching(/^[a-z][a-z0-9-]{0,11}$/), { minLength: 1, maxLength: 12 });
const partitionCounts = fc.constantFrom(1, 2, 8, 32, 64, 256);

function loadsOf(assigned: readonly string[]): Map<string, number> {
  const loads = new Map<string, number>();
  for (const node of assigned) loads.set(node, (loads.get(node) ?? 0) + 1);
  return loads;
}

/** Partitions that two rings give to different nodes, though both nodes are in both rings. */
function moves(before: readonly string[], after: readonly string[]): number {
  return before.filter((node, i) => node !== after[i]).length;
}

t.test('§1: every partition has a node, and none has more than 25 % over the mean', async () => {
  fc.assert(
    fc.property(nodeNames, partitionCounts, (nodes, partitions) => {
      const assigned = new Ring(nodes).assign(partitions);
      if (assigned.length !== partitions || !assigned.every((node) => nodes.includes(node))) return false;
      return Math.max(...loadsOf(assigned).values()) <= Math.ceil((partitions / nodes.length) * 1.25);
    }),
  );
});

t.test('§1: the proposal depends on who is there, not on who says so', async () => {
  fc.assert(
    fc.property(nodeNames, fc.func(fc.double({ min: 0, max: 1, noNaN: true })), (nodes, order) => {
      const shuffled = [...nodes].sort((a, b) => order(a) - order(b));
      const [one, other] = [new Ring(nodes).assign(64), new Ring(shuffled).assign(64)];
      return one.every((node, i) => node === other[i]);
    }),
  );
});

t.test('§1: a node that comes or goes moves little more than its share', async (t) => {
  let moved = 0;
  let fair = 0;
  for (let count = 2; count <= 10; count++) {
    for (let name = 0; name < 20; name++) {
      const nodes = Array.from({ length: count }, (_, i) => `node-${name}-${i}`);
      const partitions = 256;
      const few = new Ring(nodes).assign(partitions);
      const more = new Ring([...nodes, `joiner-${name}`]).assign(partitions);
      const share = loadsOf(more).get(`joiner-${name}`) ?? 0;
      t.ok(share > 0, 'the joiner has something to do');
      moved += moves(few, more);
      fair += share;
      t.ok(
        moves(few, more) <= share + partitions * 0.15,
        `${count} nodes: ${moves(few, more)} moved for a share of ${share}`,
      );
    }
  }
  // With bounded loads a few others move too, for room.
  t.ok(moved < fair * 1.35, `${moved} moved where ${fair} would do`);
});

t.test('§1: no nodes, no proposal', async (t) => {
  t.strictSame(new Ring([]).assign(8), []);
  t.strictSame(new Ring([]).successors(0, 2), []);
});

t.test('§1: a partition’s successors are distinct nodes, as many as there are', async () => {
  fc.assert(
    fc.property(nodeNames, fc.nat(255), fc.integer({ min: 1, max: 4 }), (nodes, partition, count) => {
      const found = new Ring(nodes).successors(partition, count);
      return new Set(found).size === found.length && found.length === Math.min(count, nodes.length);
    }),
  );
});
