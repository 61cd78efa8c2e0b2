/** Who should do what for each partition, by one node's view of the members: the ring's wish or an operator's, who is fit to claim, who keeps a copy. */
import type { NodeId, PartitionId } from './ports.ts';
import type { Ring } from './ring.ts';

/** A node that may own partitions. */
export interface Candidate {
  readonly node: NodeId;
  readonly incarnation: string;
  /** The highest format of state that it reads. */
  readonly format: number;
  /** Number of the last record applied, of each partition that it owns or keeps a sound copy of. */
  readonly copies: ReadonlyMap<PartitionId, number>;
}

export class Proposal {
  readonly #candidates: readonly Candidate[];
  readonly #ring: Ring;
  readonly #wanted: readonly NodeId[];

  /** `wanted`: the owner wished for each partition, by an operator or the ring. */
  constructor(candidates: readonly Candidate[], ring: Ring, wanted: readonly NodeId[]) {
    this.#candidates = candidates;
    this.#ring = ring;
    this.#wanted = wanted;
  }

  /** Nobody may own anything. */
  get isEmpty(): boolean {
    return this.#candidates.length === 0;
  }

  /** The owner wished for; undefined when nobody may own anything. */
  wanted(partition: PartitionId): NodeId | undefined {
    return this.#wanted[partition];
  }

  candidate(node: NodeId | undefined): Candidate | undefined {
    return this.#candidates.find((candidate) => candidate.node === node);
  }

  /** Who should take over a partition that nobody serves: the most caught-up copy, or the ring's wish where there is none. */
  successor(partition: PartitionId, format: number): Candidate | undefined {
    let best: Candidate | undefined;
    for (const candidate of this.#candidates) {
      if (candidate.format < format) continue;
      if (best === undefined || this.#rank(partition, candidate) > this.#rank(partition, best)) best = candidate;
    }
    return best;
  }

  /** Nodes besides the owner that should keep a copy: the next ones on the ring, and the one that should own it. */
  standbys(partition: PartitionId, owner: NodeId | undefined, count: number): NodeId[] {
    const next = this.#ring.successors(partition, count + 1).filter((node) => node !== owner);
    const wanted = this.#wanted[partition];
    const kept = next.slice(0, count);
    return wanted === undefined || wanted === owner || kept.includes(wanted) ? kept : [...kept, wanted];
  }

  /** By number of the last record, then the ring's wish, then the ring's order. */
  #rank(partition: PartitionId, { node, copies }: Candidate): number {
    const order = this.#ring.successors(partition, this.#candidates.length).indexOf(node);
    const preference =
      node === this.#wanted[partition] ? 1 : (this.#candidates.length - order) / (this.#candidates.length + 1);
    return (copies.get(partition) ?? -1) * 2 + preference;
  }
}
