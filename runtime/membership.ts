/** This node among the others: says that it is alive, hears who else is, and finds out who is gone. */
import type { Limits } from './limits.ts';
import { type Heartbeat, Members } from './members.ts';
import type { Datagram, Ends } from './parcel.ts';
import { Pauses } from './pauses.ts';
import type { Cancel, NodeId, Owner, Ownership, Ports } from './ports.ts';

export interface MembershipHost {
  readonly ports: Ports;
  readonly limits: Limits;
  readonly self: Owner;
  /** What a heartbeat says besides who it is of. */
  state(): Omit<Heartbeat, 'node' | 'incarnation'>;
  /** Another node's heartbeat; `news` when it tells of a node, an incarnation or an intention that was not known. */
  heard(heartbeat: Heartbeat, news: boolean): void;
  /** Its process is gone, as far as anybody can tell: `silent`, it may be back. */
  lost(node: NodeId, incarnation: string, silent: boolean): void;
  /** A process that was taken for lost is heard again: it does not know that it was. */
  returned(node: NodeId): void;
  /** Every `limits.heartbeat_ms`; `prompt` when something about the members has changed, or this process was paused. */
  beat(prompt: boolean): void;
}

/** Silence, in heartbeats, after which the network is asked whether a node still listens. */
const doubt_heartbeats = 1.5;
/** Times in a row that it must say no: a connection that broke is made again in between. */
const doubts_max = 2;

export class Membership {
  readonly members: Members;
  readonly #host: MembershipHost;
  readonly #pauses: Pauses;
  /** How often the network has said of a silent node that it does not listen; undefined while it is being asked. */
  readonly #doubts = new Map<NodeId, number | undefined>();
  /** Incarnations that were taken for lost by their silence. */
  readonly #lost = new Map<NodeId, string>();
  #cancel: Cancel | undefined;
  #stopped = false;

  constructor(host: MembershipHost) {
    this.#host = host;
    this.members = new Members(host.limits.suspect_ms);
    this.#pauses = new Pauses(host.limits.suspect_ms);
  }

  /** Nodes that were taken for lost, and were not heard of again since. */
  get lost(): NodeId[] {
    return [...this.#lost.keys()];
  }

  /** Begins to beat. */
  start(): void {
    this.#beat();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  /** True from a pause of this process on, until something that began after it has proved that nobody took over: the last did at `provenMs`. */
  mayBeStale(provenMs: number): boolean {
    return this.#pauses.mayBeStale(this.#host.ports.clock.monotonicMs(), provenMs);
  }

  /** Tells the others what this node has just written to the register, and how it is now. */
  sayWritten(version: number, value: Ownership): void {
    this.#broadcast(['view', version, value]);
    this.sayAlive();
  }

  /** Tells the next owners of partitions with which record this one's end. */
  sayEnds(ends: Ends): void {
    this.#broadcast(['ends', ends]);
  }

  sayAlive(): void {
    const { node, incarnation } = this.#host.self;
    this.#broadcast(['heartbeat', { node, incarnation, ...this.#host.state() }]);
  }

  sayGoodbye(): void {
    this.#broadcast(['goodbye', this.#host.self.node, this.#host.self.incarnation]);
  }

  heartbeat(heartbeat: Heartbeat): void {
    if (heartbeat.node === this.#host.self.node) return;
    this.#doubts.delete(heartbeat.node);
    const before = this.members.get(heartbeat.node)?.incarnation;
    if (before !== undefined && before !== heartbeat.incarnation) this.#host.lost(heartbeat.node, before, true);
    this.#host.heard(heartbeat, this.members.heard(heartbeat, this.#host.ports.clock.monotonicMs()));
    if (this.#lost.get(heartbeat.node) === heartbeat.incarnation) this.#host.returned(heartbeat.node);
    this.#lost.delete(heartbeat.node);
  }

  goodbye(node: NodeId, incarnation: string): void {
    if (this.members.get(node)?.incarnation !== incarnation) return;
    this.#doubts.delete(node);
    this.members.forget(node);
    this.#host.lost(node, incarnation, false);
    this.#host.beat(true);
  }

  #beat(): void {
    if (this.#stopped) return;
    this.sayAlive();
    const nowMs = this.#host.ports.clock.monotonicMs();
    const paused = this.#pauses.beat(nowMs);
    const silent = this.members.look(nowMs);
    for (const { node, incarnation } of silent) this.#gone(node, incarnation, 'a node has gone silent');
    this.#host.beat(paused || silent.length > 0);
    for (const quiet of this.members.quiet(nowMs, this.#host.limits.heartbeat_ms * doubt_heartbeats)) {
      void this.#ask(quiet);
    }
    this.#cancel = this.#host.ports.timers.after(this.#host.limits.heartbeat_ms, () => this.#beat());
  }

  /** Whether a quiet node still listens: where the network knows that it doesn't, there is no point in waiting out its silence. */
  async #ask(quiet: Heartbeat): Promise<void> {
    const { node, incarnation } = quiet;
    if (this.#doubts.has(node) && this.#doubts.get(node) === undefined) return;
    const doubts = this.#doubts.get(node) ?? 0;
    this.#doubts.set(node, undefined);
    const listens = await this.#host.ports.network.listens(node).catch(() => true);
    // Heard of meanwhile, or given up.
    if (!this.#doubts.has(node) || this.#stopped) return;
    this.#doubts.set(node, listens ? 0 : doubts + 1);
    if (listens || doubts + 1 < doubts_max || this.members.get(node) !== quiet) return;
    this.members.forget(node);
    this.#gone(node, incarnation, 'a node is gone');
    this.#host.beat(true);
  }

  #gone(node: NodeId, incarnation: string, words: string): void {
    this.#doubts.delete(node);
    this.#lost.set(node, incarnation);
    this.#host.ports.log.warn({ node }, words);
    this.#host.ports.probe?.count('nodes_lost', '', 1);
    this.#host.lost(node, incarnation, true);
  }

  #broadcast(datagram: Datagram): void {
    try {
      this.#host.ports.network.broadcast(this.#host.ports.codec.pack(datagram));
    } catch (error) {
      this.#host.ports.log.warn({ error }, 'a broadcast was not sent');
    }
  }
}
