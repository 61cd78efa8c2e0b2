/** Who may own partitions, as one node sees its members and itself. */
import type { Fitness, Heartbeat, Members } from './members.ts';
import type { NodeId, Owner, PartitionId, Ports } from './ports.ts';
import { type Candidate, Proposal } from './proposal.ts';
import { Ring } from './ring.ts';

export interface CandidatesHost {
  readonly ports: Ports;
  readonly members: Members;
  readonly self: Owner;
  readonly partitions: number;
  /** The format of state that this node reads and writes. */
  readonly format: number;
  /** Number of the last record of each partition that this node owns or keeps a sound copy of. */
  copies(): ReadonlyMap<PartitionId, number>;
  fitness(): Fitness;
}

export class Candidates {
  readonly #host: CandidatesHost;
  #ring: { readonly names: string; readonly ring: Ring; readonly wanted: readonly NodeId[] } | undefined;
  /** Since when the journal has answered this node while another says that it does not answer that one. */
  #answeredSinceMs: number | undefined;

  constructor(host: CandidatesHost) {
    this.#host = host;
  }

  /** An outage of the journal is everybody's: only where it answers here for a while, and not there, is another owner any better. */
  async tryJournal(nowMs: number): Promise<void> {
    const isSome = this.#host.members.all().some(({ fitness }) => fitness === 'no journal');
    const answers =
      isSome &&
      (await this.#host.ports.journal.last(0).then(
        () => true,
        () => false,
      ));
    this.#answeredSinceMs = answers ? (this.#answeredSinceMs ?? nowMs) : undefined;
  }

  /** For how long the journal has answered here and not there, ms. */
  answeredMs(nowMs: number): number {
    return nowMs - (this.#answeredSinceMs ?? nowMs);
  }

  /** Fit nodes; where there are none, unfit ones must do. `leaving`: this node is none of them. */
  proposal(leaving: boolean): Proposal {
    const candidates: Candidate[] = this.#others()
      .filter(({ fitness }) => this.#mayOwn(fitness, leaving))
      .map(({ copies, ...other }) => ({ ...other, copies: new Map(copies.map(([id, number]) => [id, number])) }));
    if (!leaving && this.#mayOwn(this.#host.fitness(), leaving)) candidates.push(this.self());
    const names = candidates.map(({ node }) => node).sort();
    if (this.#ring?.names !== names.join()) {
      const ring = new Ring(names);
      this.#ring = { names: names.join(), ring, wanted: ring.assign(this.#host.partitions) };
    }
    return new Proposal(candidates, this.#ring.ring, this.#ring.wanted);
  }

  self(): Candidate {
    const { self, format } = this.#host;
    return { ...self, format, copies: this.#host.copies() };
  }

  isSomeoneFit(leaving: boolean): boolean {
    const amFit = !leaving && this.#host.fitness() === 'fit';
    return amFit || this.#others().some(({ fitness }) => fitness === 'fit');
  }

  #others(): Heartbeat[] {
    return this.#host.members.all().filter(({ role, leaving }) => role === 'owner' && !leaving);
  }

  /** To whom the journal is silent is no worse than the others while it is silent to all. */
  #mayOwn(fitness: Fitness, leaving: boolean): boolean {
    if (fitness === 'fit' || !this.isSomeoneFit(leaving)) return true;
    return fitness === 'no journal' && this.#answeredSinceMs === undefined;
  }
}
