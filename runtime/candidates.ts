/** Who may own partitions, as one node sees its members and itself. */
import type { Limits } from './limits.ts';
import type { Fitness, Heartbeat, Members } from './members.ts';
import type { OwnershipView } from './ownership-view.ts';
import type { NodeId, Owner, PartitionId, Ports } from './ports.ts';
import { type Candidate, Proposal } from './proposal.ts';
import { Ring } from './ring.ts';

export interface CandidatesHost {
  readonly ports: Ports;
  readonly limits: Limits;
  readonly members: Members;
  readonly ownership: Pick<OwnershipView, 'pinOf' | 'formatOf'>;
  readonly self: Owner;
  readonly partitions: number;
  /** The format of state that this node reads and writes. */
  readonly format: number;
  /** Number of the last record of each partition that this node owns or keeps a sound copy of. */
  copies(): ReadonlyMap<PartitionId, number>;
  fitness(): Fitness;
}

/** After so many heartbeats a node's word of itself has reached the others, and theirs this one. */
const known_heartbeats = 2;

export class Candidates {
  readonly #host: CandidatesHost;
  #ring: { readonly names: string; readonly ring: Ring; readonly wanted: readonly NodeId[] } | undefined;
  /** Since when the journal has answered this node while another says that it does not answer that one. */
  #answeredSinceMs: number | undefined;
  #asking = false;
  readonly #storelessSinceMs = new Map<NodeId, number>();

  constructor(host: CandidatesHost) {
    this.#host = host;
  }

  /** An outage of the journal is everybody's: only where it answers here for a while, and not there, is another owner any better. */
  async tryJournal(nowMs: number): Promise<void> {
    const isSome = this.#host.members.all().some(({ fitness }) => fitness === 'no journal');
    if (!isSome) this.#answeredSinceMs = undefined;
    if (!isSome || this.#asking) return;
    this.#asking = true;
    const answers = await this.#host.ports.journal.last(0).then(
      () => true,
      () => false,
    );
    this.#asking = false;
    this.#answeredSinceMs = answers ? (this.#answeredSinceMs ?? nowMs) : undefined;
  }

  /** For how long the journal has answered here and not there, ms. */
  answeredMs(nowMs: number): number {
    return nowMs - (this.#answeredSinceMs ?? nowMs);
  }

  /** Fit nodes; where there are none, unfit ones must do. `leaving`: this node is none of them. */
  proposal(leaving: boolean): Proposal {
    this.#noteStores();
    const { self } = this.#host;
    const candidates: Candidate[] = this.#others()
      .filter((other) => this.#mayOwn(other.node, other.fitness, leaving))
      .map(({ copies, ...other }) => ({ ...other, copies: new Map(copies.map(([id, number]) => [id, number])) }));
    if (!leaving && this.#mayOwn(self.node, this.#host.fitness(), leaving)) candidates.push(this.self());
    const names = candidates.map(({ node }) => node).sort();
    if (this.#ring?.names !== names.join()) {
      const ring = new Ring(names);
      this.#ring = { names: names.join(), ring, wanted: ring.assign(this.#host.partitions) };
    }
    return new Proposal(candidates, this.#ring.ring, this.#pinned(this.#ring.wanted, candidates));
  }

  /** Where an operator has pinned a partition, that comes before the ring's wish, as long as the node may own it. */
  #pinned(wanted: readonly NodeId[], candidates: readonly Candidate[]): readonly NodeId[] {
    const { ownership } = this.#host;
    return wanted.map((node, partition) => {
      const pin = candidates.find((candidate) => candidate.node === ownership.pinOf(partition));
      return pin !== undefined && pin.format >= ownership.formatOf(partition) ? pin.node : node;
    });
  }

  self(): Candidate {
    const { self, format } = this.#host;
    return { ...self, format, copies: this.#host.copies() };
  }

  #others(): Heartbeat[] {
    return this.#host.members.all().filter(({ role, leaving }) => role === 'owner' && !leaving);
  }

  #mayOwn(node: NodeId, fitness: Fitness, leaving: boolean): boolean {
    const { ports, limits } = this.#host;
    const nowMs = ports.clock.monotonicMs();
    const isSomeoneFit =
      (!leaving && this.#host.fitness() === 'fit') || this.#others().some((other) => other.fitness === 'fit');
    if (fitness === 'fit' || !isSomeoneFit) return true;
    // While the journal is silent to all, those that have noticed are no worse than the others.
    if (fitness === 'no journal') return this.answeredMs(nowMs) < limits.unfit_ms;
    return nowMs - (this.#storelessSinceMs.get(node) ?? nowMs) < limits.heartbeat_ms * known_heartbeats;
  }

  /** Since when stores take nothing. Where it is all of them, for one reason, all are to know before any one acts on it. */
  #noteStores(): void {
    const { self, ports } = this.#host;
    const nowMs = ports.clock.monotonicMs();
    for (const one of [...this.#others(), { node: self.node, fitness: this.#host.fitness() }]) {
      if (one.fitness !== 'no store') this.#storelessSinceMs.delete(one.node);
      else if (!this.#storelessSinceMs.has(one.node)) this.#storelessSinceMs.set(one.node, nowMs);
    }
  }
}
