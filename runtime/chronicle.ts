/**
 * What has happened at a node, for operators: a bounded ring of the newest events, kept in memory only. Others ask for what is new since they asked last.
 * Nothing in it is a word of users: no keys, no bodies, no text of an error.
 */
import type { Fitness, Heartbeat } from './members.ts';
import type { View } from './ownership-view.ts';
import type { Clock, NodeId, Owner, PartitionId } from './ports.ts';

/** Events that a node remembers. */
const events_kept_max = 1_000;
/** Of one answer. */
const page_max = 500;

export type NodeEventKind =
  /** Of the others, as this node hears of them, and of its own intentions. */
  | 'nodeCame'
  | 'nodeBack'
  | 'nodeLeft'
  | 'nodeLost'
  | 'nodeDraining'
  | 'nodeResumed'
  | 'nodeUnfit'
  | 'nodeFit'
  /** Of what it serves. */
  | 'served'
  | 'takeoverFailed'
  | 'dropped'
  | 'deadLetter'
  | 'snapshotMade'
  | 'snapshotFailed'
  /** Of the copies that it keeps. */
  | 'copyBuilt'
  | 'copyLost'
  /** Of what it writes to. */
  | 'journalStuck'
  | 'journalTakes'
  | 'storeRefuses'
  | 'storeTakes';

interface Told {
  readonly kind: NodeEventKind;
  /** The node that it is about, where that is another. */
  readonly about?: NodeId;
  readonly partition?: PartitionId;
  readonly epoch?: number;
  /** Of `served`: who owned it before, '' where nobody did. */
  readonly from?: NodeId;
  /** Of `served`: the one before gave it away. Otherwise that was dead, cut off or unfit. */
  readonly planned?: boolean;
  /** Of `served`: since the one before was heard of last, or gave it away; ms. Absent where nobody knows. */
  readonly pausedMs?: number;
  /** Words of the code. */
  readonly why?: string;
}

export interface NodeEvent extends Told {
  /** Dense, from 1, in each incarnation of a node. */
  readonly seq: number;
  /** Wall time, ms. */
  readonly at: number;
}

/** `incarnation`: of the node when `after` was read; another one has begun to count anew. */
export interface EventsAsk {
  readonly incarnation: string;
  readonly after: number;
}

export interface EventsPage {
  readonly incarnation: string;
  readonly events: readonly NodeEvent[];
  /** Of the newest event that there is: `after` for the next time, unless the page ends before. */
  readonly last: number;
}

/** What is known of a change of owners until the partition is served again. */
interface Change {
  readonly from: NodeId;
  readonly planned: boolean;
  readonly sinceMs: number;
}

interface Known {
  readonly incarnation: string;
  readonly leaving: boolean;
  readonly fitness: Fitness;
}

export interface ChronicleHost {
  readonly clock: Clock;
  readonly self: Owner;
  isMember(node: NodeId): boolean;
}

export class Chronicle {
  readonly #host: ChronicleHost;
  readonly #events: NodeEvent[] = [];
  #seq = 0;
  /** What each node said of itself last, this one included; of those that are alive. */
  readonly #known = new Map<NodeId, Known>();
  /** When each was heard of last, monotonic ms, and as what; also of those that are gone. */
  readonly #heard = new Map<NodeId, { readonly incarnation: string; readonly ms: number }>();
  readonly #changes = new Map<PartitionId, Change>();
  /** Partitions that their owners are giving away, since when; monotonic ms. */
  readonly #endsMs = new Map<PartitionId, number>();
  readonly #troubles = new Set<NodeEventKind>();

  constructor(host: ChronicleHost) {
    this.#host = host;
  }

  note(told: Told): void {
    this.#events.push({ ...told, seq: ++this.#seq, at: this.#host.clock.wallMs() });
    // Cut in large steps: to shift a long array for each would cost more.
    if (this.#events.length >= events_kept_max * 2) this.#events.splice(0, events_kept_max);
  }

  /** The oldest first; of those that it remembers. */
  page({ incarnation, after }: EventsAsk): EventsPage {
    const from = incarnation === this.#host.self.incarnation ? after : 0;
    const kept = this.#events.slice(-events_kept_max);
    const events = kept.filter(({ seq }) => seq > from).slice(0, page_max);
    return { incarnation: this.#host.self.incarnation, events, last: this.#seq };
  }

  // ---------------------------------------------------------------- nodes

  /** A heartbeat, of another node or of this one. */
  heard({
    node,
    incarnation,
    leaving,
    fitness,
  }: Pick<Heartbeat, 'node' | 'incarnation' | 'leaving' | 'fitness'>): void {
    const last = this.#heard.get(node);
    this.#heard.set(node, { incarnation, ms: this.#host.clock.monotonicMs() });
    const before = this.#known.get(node);
    if (before?.incarnation === incarnation && before.leaving === leaving && before.fitness === fitness) return;
    this.#known.set(node, { incarnation, leaving, fitness });
    if (before === undefined && last !== undefined)
      this.note({ kind: 'nodeBack', about: node, why: last.incarnation === incarnation ? '' : 'started again' });
    else if (before === undefined && node !== this.#host.self.node) this.note({ kind: 'nodeCame', about: node });
    if (leaving !== (before?.leaving ?? false))
      this.note({ kind: leaving ? 'nodeDraining' : 'nodeResumed', about: node });
    if (fitness === (before?.fitness ?? 'fit')) return;
    this.note(fitness === 'fit' ? { kind: 'nodeFit', about: node } : { kind: 'nodeUnfit', about: node, why: fitness });
  }

  /** `silent`: it did not say goodbye. */
  gone(node: NodeId, silent: boolean): void {
    if (!this.#known.delete(node)) return;
    this.note({ kind: silent ? 'nodeLost' : 'nodeLeft', about: node });
  }

  // ---------------------------------------------------------------- partitions

  /** Their owner takes no more mail for them, and gives them away. */
  ends(partitions: Iterable<PartitionId>): void {
    const nowMs = this.#host.clock.monotonicMs();
    for (const partition of partitions) this.#endsMs.set(partition, nowMs);
  }

  /** The register names other owners of these. */
  changed(partitions: Iterable<PartitionId>, before: View): void {
    const nowMs = this.#host.clock.monotonicMs();
    for (const partition of partitions) {
      const from = before.owners[partition]?.node ?? '';
      const endsMs = this.#endsMs.get(partition);
      this.#endsMs.delete(partition);
      const fitness = this.#known.get(from)?.fitness;
      const isThere = this.#host.isMember(from) || from === this.#host.self.node;
      const planned = endsMs !== undefined || (isThere && fitness !== 'no journal');
      const sinceMs = planned ? (endsMs ?? nowMs) : (this.#heard.get(from)?.ms ?? nowMs);
      const was = this.#changes.get(partition);
      // Nobody served it in between: who did last is who it comes from.
      this.#changes.set(partition, from === '' && was !== undefined ? was : { from, planned, sinceMs });
    }
  }

  /** It is served here from now on. */
  served(partition: PartitionId, epoch: number, isWarm: boolean): void {
    const change = this.#changes.get(partition);
    this.#changes.delete(partition);
    const why = isWarm ? 'from a copy' : 'from snapshot and journal';
    if (change === undefined || change.from === '') {
      this.note({ kind: 'served', partition, epoch, from: '', planned: false, why });
      return;
    }
    const { from, planned, sinceMs } = change;
    const pausedMs = Math.round(this.#host.clock.monotonicMs() - sinceMs);
    this.note({ kind: 'served', partition, epoch, from, planned, pausedMs, why });
  }

  // ---------------------------------------------------------------- trouble

  /** To be called in a steady rhythm: told when it begins, and when it ends. */
  trouble(begins: 'journalStuck' | 'storeRefuses', isSo: boolean): void {
    if (isSo === this.#troubles.has(begins)) return;
    if (isSo) this.#troubles.add(begins);
    else this.#troubles.delete(begins);
    const ends = begins === 'journalStuck' ? 'journalTakes' : 'storeTakes';
    this.note({ kind: isSo ? begins : ends });
  }
}
