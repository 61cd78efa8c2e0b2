import { murmur3 } from './hash.ts';
import type { NodeId, PartitionId } from './ports.ts';

/** Points of one node on the ring: enough that three nodes' shares differ little before the bound on load sets in. */
const points_per_node = 128;
/** No node has more than this times the mean. */
const load_bound = 1.25;

/**
 * Partition to nodes by consistent hashing with bounded loads (Mirrokni, Thorup, Zadimoghaddam 2018): walk clockwise from the
 * partition's point to the first node whose load is under the bound. The ring only proposes; the ownership register decides.
 */
export class Ring {
  readonly #points: readonly { readonly at: number; readonly node: NodeId }[];
  readonly #nodes: number;

  constructor(nodes: readonly NodeId[]) {
    this.#nodes = nodes.length;
    this.#points = nodes
      .flatMap((node) =>
        Array.from({ length: points_per_node }, (_, i) => ({ at: murmur3(`${node}#${i}`, 0x52494e47), node })),
      )
      .sort((a, b) => a.at - b.at || (a.node < b.node ? -1 : 1));
  }

  /** The owner proposed for each partition; empty when there are no nodes. */
  assign(partitions: number): NodeId[] {
    if (this.#nodes === 0) return [];
    const most = Math.ceil((partitions / this.#nodes) * load_bound);
    const loads = new Map<NodeId, number>();
    return Array.from({ length: partitions }, (_, partition) => {
      for (const node of this.#clockwise(partition)) {
        const load = loads.get(node) ?? 0;
        if (load >= most) continue;
        loads.set(node, load + 1);
        return node;
      }
      throw new Error('invariant: the bound leaves room for every partition');
    });
  }

  /** Distinct nodes clockwise from the partition's point: the first is its natural owner, the next its standbys. */
  successors(partition: PartitionId, count: number): NodeId[] {
    const found: NodeId[] = [];
    for (const node of this.#clockwise(partition)) {
      if (found.length === count) break;
      found.push(node);
    }
    return found;
  }

  *#clockwise(partition: PartitionId): Generator<NodeId> {
    const start = this.#firstPointAfter(murmur3(`partition ${partition}`, 0x52494e47));
    const seen = new Set<NodeId>();
    for (let i = 0; i < this.#points.length && seen.size < this.#nodes; i++) {
      const point = this.#points[(start + i) % this.#points.length];
      if (point === undefined || seen.has(point.node)) continue;
      seen.add(point.node);
      yield point.node;
    }
  }

  #firstPointAfter(at: number): number {
    let low = 0;
    let high = this.#points.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#points[middle]?.at ?? 0) < at) low = middle + 1;
      else high = middle;
    }
    return low % Math.max(1, this.#points.length);
  }
}
