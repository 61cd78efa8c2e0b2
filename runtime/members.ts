import type { NodeId, Owner, PartitionId } from './ports.ts';
import type { Progress } from './standbys.ts';

/**
 * Whether a node should own partitions. `no store`: its local store takes nothing, so others should have them. `no journal`: the journal takes
 * nothing from it, so others should claim them, if it takes something from those.
 */
export type Fitness = 'fit' | 'no store' | 'no journal';

/** What a node says of itself every `limits.heartbeat_ms`. */
export interface Heartbeat {
  readonly node: NodeId;
  readonly incarnation: string;
  /** Only `owner` nodes are on the ring; a `guest` sends mail and holds sockets. */
  readonly role: 'owner' | 'guest';
  /** What it wants others to know of it, such as where its clients connect; '' for nothing. */
  readonly notice: string;
  /** On its way out: no new partitions for it. */
  readonly leaving: boolean;
  readonly fitness: Fitness;
  /** Version of the ownership register that it acts on. */
  readonly view: number;
  /** The highest format of state that it reads. */
  readonly format: number;
  /** Partitions that it owns, as far as it knows. */
  readonly owns: number;
  /** Partitions that it serves or keeps a sound copy of. */
  readonly copies: readonly Progress[];
  /** Incarnation of each node that this one writes to, and the number of the last datagram: so that a lost last one is noticed. */
  readonly sent: { readonly [node: NodeId]: readonly [incarnation: string, number: number] };
}

interface Member {
  heartbeat: Heartbeat;
  heardMs: number;
  sinceMs: number;
  /** Since when it has said without a break that it has a copy of a partition. */
  copiesSinceMs: ReadonlyMap<PartitionId, number>;
}

/** Failure detector: a member is alive while its heartbeats are heard. A wrong verdict costs time, never safety (A7). */
export class Members {
  readonly #suspectMs: number;
  readonly #members = new Map<NodeId, Member>();
  #lookedMs: number | undefined;

  constructor(suspectMs: number) {
    this.#suspectMs = suspectMs;
  }

  /** True when it tells of a node or an incarnation that was not alive before. */
  heard(heartbeat: Heartbeat, nowMs: number): boolean {
    const member = this.#members.get(heartbeat.node);
    if (member?.heartbeat.incarnation === heartbeat.incarnation) {
      const { leaving, fitness } = member.heartbeat;
      const changed = leaving !== heartbeat.leaving || fitness !== heartbeat.fitness;
      member.heartbeat = heartbeat;
      member.heardMs = nowMs;
      member.copiesSinceMs = copiesSince(heartbeat, nowMs, member.copiesSinceMs);
      return changed;
    }
    const copiesSinceMs = copiesSince(heartbeat, nowMs);
    this.#members.set(heartbeat.node, { heartbeat, heardMs: nowMs, sinceMs: nowMs, copiesSinceMs });
    return true;
  }

  /** Those of whom nothing has been heard for `ms`. */
  quiet(nowMs: number, ms: number): Heartbeat[] {
    return [...this.#members.values()].filter(({ heardMs }) => nowMs - heardMs >= ms).map(({ heartbeat }) => heartbeat);
  }

  /** Drops the silent ones; returns them. */
  look(nowMs: number): Heartbeat[] {
    // A process that was paused has heard nobody: that is its own silence, not theirs.
    if (this.#lookedMs !== undefined && nowMs - this.#lookedMs > this.#suspectMs / 2) {
      for (const member of this.#members.values()) member.heardMs = nowMs;
    }
    this.#lookedMs = nowMs;
    const silent: Heartbeat[] = [];
    for (const [node, member] of this.#members) {
      if (nowMs - member.heardMs < this.#suspectMs) continue;
      this.#members.delete(node);
      silent.push(member.heartbeat);
    }
    return silent;
  }

  get(node: NodeId): Heartbeat | undefined {
    return this.#members.get(node)?.heartbeat;
  }

  /** What the owner of a partition says of itself; undefined where it is not alive. */
  progressOf(partition: PartitionId, owner: Owner | undefined): Progress | undefined {
    const heartbeat = owner && this.get(owner.node);
    if (heartbeat?.incarnation !== owner?.incarnation) return undefined;
    return heartbeat?.copies.find(([id]) => id === partition);
  }

  /** How long a member has been alive, ms; 0 for strangers. */
  aliveMs(node: NodeId, nowMs: number): number {
    const member = this.#members.get(node);
    return member === undefined ? 0 : nowMs - member.sinceMs;
  }

  /** How long a member has had a copy of a partition, ms; 0 where it has none. */
  copyMs(node: NodeId, partition: PartitionId, nowMs: number): number {
    return nowMs - (this.#members.get(node)?.copiesSinceMs.get(partition) ?? nowMs);
  }

  all(): Heartbeat[] {
    return [...this.#members.values()].map((member) => member.heartbeat);
  }

  /** A node says goodbye. */
  forget(node: NodeId): void {
    this.#members.delete(node);
  }
}

function copiesSince(
  { copies }: Heartbeat,
  nowMs: number,
  before?: ReadonlyMap<PartitionId, number>,
): ReadonlyMap<PartitionId, number> {
  return new Map(copies.map(([partition]) => [partition, before?.get(partition) ?? nowMs]));
}
