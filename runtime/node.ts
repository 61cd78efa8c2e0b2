/** A node: one process's share of the cluster. Puts the parts together, and takes over and lets go of partitions as the view changes. */
import type { Address, AnyBehaviour, MailOf, Protocol, Push, Ref, ReplyOf } from './actor.ts';
import { Committer } from './committer.ts';
import type { Asked, Door, OpenOutlet } from './door.ts';
import { partitionOf } from './hash.ts';
import { Holdings } from './holdings.ts';
import type { Limits } from './limits.ts';
import { Links } from './links.ts';
import { type Heartbeat, Members } from './members.ts';
import type { Datagram } from './parcel.ts';
import { Pauses } from './pauses.ts';
import { Placement, type View } from './placement.ts';
import type { Cancel, Owner, PartitionId, Ports } from './ports.ts';
import { Post } from './post.ts';
import { Rest } from './rest.ts';
import { Runner } from './runner.ts';
import { WriteBehind } from './write-behind.ts';

export interface NodeOptions {
  readonly ports: Ports;
  readonly limits: Limits;
  readonly behaviours: readonly AnyBehaviour[];
  /** Fixed for a cluster's life; a power of two. */
  readonly partitions: number;
  /** `guest`: owns no partitions; asks, whispers and holds outlets only. */
  readonly role?: 'owner' | 'guest';
  /** How long to listen for other nodes before claiming, ms; 0 for a cluster of one process. */
  readonly settleMs?: number;
}

/** Sums since the start, for figures. */
export interface NodeCounts {
  readonly turns: number;
  readonly appends: number;
  readonly records: number;
  readonly recordTurns: number;
  readonly recordBytes: number;
}

export class Node implements Door {
  readonly node: string;
  readonly incarnation: string;
  /** What other nodes are to know of this one; set before `start`. */
  notice = '';
  readonly #options: NodeOptions;
  readonly #ports: Ports;
  readonly #limits: Limits;
  readonly #behaviours: ReadonlyMap<string, AnyBehaviour>;
  readonly #holdings: Holdings;
  readonly #members: Members;
  readonly #pauses: Pauses;
  readonly #links: Links;
  readonly #placement: Placement;
  readonly #runner: Runner;
  readonly #committer: Committer;
  readonly #writeBehind: WriteBehind;
  readonly #post: Post;
  readonly #rest: Rest;
  #heartbeat: Cancel | undefined;
  #stopping: Promise<void> | undefined;
  #stopped = false;

  constructor(options: NodeOptions) {
    const { ports, limits } = options;
    if (options.partitions < 1 || (options.partitions & (options.partitions - 1)) !== 0) {
      throw new RangeError(`partitions must be a power of two, not ${options.partitions}`);
    }
    this.#options = options;
    this.#ports = ports;
    this.#limits = limits;
    this.node = ports.network.self;
    this.incarnation = ports.random.id();
    this.#behaviours = new Map(options.behaviours.map((behaviour) => [behaviour.kind, behaviour]));
    const self: Owner = { node: this.node, incarnation: this.incarnation };
    this.#members = new Members(limits.suspect_ms);
    this.#pauses = new Pauses(limits.suspect_ms);
    this.#links = new Links({
      ports,
      limits,
      node: this.node,
      incarnation: this.incarnation,
      members: this.#members,
      parcel: (from, parcel) => this.#post.parcel(from, parcel),
      missed: (from) => this.#post.missedBy(from),
    });
    this.#placement = new Placement({
      ports,
      limits,
      members: this.#members,
      self,
      partitions: options.partitions,
      owns: options.role !== 'guest',
      settleMs: options.settleMs ?? limits.suspect_ms,
      changed: (before, after) => this.#viewChanged(before, after),
      handOver: (partitions) => this.#holdings.handOver(partitions),
      holds: (partition) => this.#holdings.holds(partition),
      wrote: () => this.#sayAlive(this.#stopping !== undefined),
    });
    this.#runner = new Runner(
      ports,
      limits,
      () => this.#afterSlice(),
      (partition, error) => this.#holdings.broken(partition, error),
    );
    this.#committer = new Committer({
      ports,
      limits,
      partitions: () => this.#holdings.all(),
      fenced: (partition) => this.#holdings.fenced(partition),
      broken: (partition, error) => this.#holdings.broken(partition, error),
      advanced: () => this.#runner.run(),
    });
    this.#writeBehind = new WriteBehind(ports, limits, () => this.#holdings.all());
    this.#rest = new Rest(ports, limits, () => this.#holdings.all());
    this.#post = new Post({
      ports,
      limits,
      self,
      links: this.#links,
      partitionOf: (address) => this.#partitionOf(address),
      ownerOf: (partition) => this.#placement.ownerOf(partition),
      serving: (partition) => this.#holdings.serving(partition),
      opening: (partition) => this.#holdings.isOpening(partition),
      doubtView: () => void this.#placement.look(true),
      resend: (to) => this.#holdings.resend((partition) => this.#placement.ownerOf(partition)?.node === to),
    });
    this.#holdings = this.#makeHoldings();
  }

  #makeHoldings(): Holdings {
    return new Holdings({
      ports: this.#ports,
      limits: this.#limits,
      writer: `${this.node}.${this.incarnation}`,
      writeBehind: this.#writeBehind,
      isMine: (id) => this.#placement.isMine(id),
      epochOf: (id) => this.#placement.epochOf(id),
      behaviourOf: (address) => this.#behaviours.get(address.slice(0, address.indexOf('/'))),
      partitionOf: (address) => this.#partitionOf(address),
      ready: (partition, cell) => this.#runner.add(partition, cell),
      release: (outputs) => this.#post.release(outputs),
      transmit: (from, to, mails) => this.#post.transmit(from.id, to, mails),
      settle: (at, from, upTo) => this.#post.settle(at.id, from, upTo),
      push: () => this.#afterSlice(),
      opened: (partition) => {
        this.#post.opened(partition);
        this.#runner.schedule();
      },
      notOpened: (id) => this.#post.notOpened(id),
      doubtView: () => void this.#placement.look(true),
    });
  }

  /** Joins the cluster. Resolves at once; `ready` tells when there is something to talk to. */
  start(): void {
    this.#ports.network.listen((bytes) => this.#receive(bytes));
    this.#placement.start();
    this.#writeBehind.start();
    this.#rest.start();
    this.#beat();
  }

  /** Resolves when every partition has an owner that lives, as far as this node knows, and its own are open. */
  async ready(waitMs = 30_000): Promise<void> {
    const endMs = this.#ports.clock.monotonicMs() + waitMs;
    while (!this.#isReady()) {
      if (this.#stopped) throw new Error('the node was stopped before it was ready');
      if (this.#ports.clock.monotonicMs() > endMs) throw new Error(`the cluster was not ready within ${waitMs} ms`);
      await this.#pause(10);
    }
  }

  /** Leaves: finishes and hands back what it owns, says goodbye. Bounded; what does not finish is left to the survivors. */
  stop(): Promise<void> {
    this.#stopping ??= this.#leave();
    return this.#stopping;
  }

  async #leave(): Promise<void> {
    if (this.#stopped) return;
    // The others are to know before there is something to claim.
    this.#sayAlive(true);
    await this.#placement.leave();
    await this.#othersKnow();
    if (this.#stopped) return;
    this.#stopLoops();
    await this.#writeBehind.write([...this.#holdings.all()]);
    this.#holdings.stop();
    this.#post.asks.stop();
    this.#links.flush();
    this.#broadcast(['goodbye', this.node, this.incarnation]);
  }

  /** Waits until nobody sends here any more what this node does not own: until then it is refused, and so sent to whoever does. */
  async #othersKnow(): Promise<void> {
    const { version } = this.#placement.view;
    const endMs = this.#ports.clock.monotonicMs() + this.#limits.suspect_ms;
    const isBehind = ({ view }: Heartbeat): boolean => view < version;
    while (this.#members.all().some(isBehind) && this.#ports.clock.monotonicMs() < endMs) await this.#pause(10);
  }

  #stopLoops(): void {
    this.#stopped = true;
    this.#placement.stop();
    this.#committer.stop();
    this.#heartbeat?.();
    this.#rest.stop();
    this.#writeBehind.stop();
  }

  /** Stops at once, as if the process had died: no hand-over, no goodbye. For tests and simulations. */
  halt(): void {
    this.#stopLoops();
    this.#holdings.halt();
    this.#post.asks.stop();
  }

  // ---------------------------------------------------------------- the door

  ask<P extends Protocol, K extends keyof P & string>(
    to: Ref<P>,
    mail: { readonly kind: K } & P[K]['mail'],
    waitMs = 10_000,
  ): Promise<Asked<ReplyOf<P, K>>> {
    if (this.#stopped) return Promise.resolve({ kind: 'refused', why: 'stopped' });
    const asked = this.#post.asks.ask(to.address, this.#partitionOf(to.address), mail, waitMs);
    this.#runner.schedule();
    return asked;
  }

  whisper<P extends Protocol>(to: Ref<P>, mail: MailOf<P>): 'ok' | 'full' | 'moved' {
    if (this.#stopped) return 'moved';
    const sent = this.#post.whisper(to.address, undefined, mail);
    this.#runner.schedule();
    return sent;
  }

  openOutlet<P extends Protocol>(to: Ref<P>, receive: (push: Push) => void, moved: () => void): OpenOutlet {
    return this.#post.outlets.open(this.#partitionOf(to.address), receive, moved);
  }

  homeOf<P extends Protocol>(to: Ref<P>): string {
    const partition = this.#partitionOf(to.address);
    if (this.#placement.isMine(partition)) return this.notice;
    const owner = this.#placement.ownerOf(partition);
    return owner === undefined ? '' : (this.#members.get(owner.node)?.notice ?? '');
  }

  // ---------------------------------------------------------------- for operators and figures

  get counts(): NodeCounts {
    const { appends, records, turns, bytes } = this.#committer.counts;
    return { turns: this.#runner.turns, appends, records, recordTurns: turns, recordBytes: bytes };
  }

  /** True when the actor lives on this node now. */
  serves<P extends Protocol>(to: Ref<P>): boolean {
    return this.#holdings.serving(this.#partitionOf(to.address)) !== undefined;
  }

  /** Partitions that this node serves now. */
  get owned(): PartitionId[] {
    return this.#holdings.ids;
  }

  /** Who owns what, as far as this node knows. */
  get view(): View {
    return this.#placement.view;
  }

  /** Names of the other nodes that are alive, as far as this node knows. */
  get peers(): string[] {
    return this.#members.all().map((member) => member.node);
  }

  // ---------------------------------------------------------------- the loop

  #afterSlice(): void {
    if (this.#stopped) return;
    const mayBeStale = this.#pauses.mayBeStale(this.#ports.clock.monotonicMs(), this.#placement.readMs);
    if (!mayBeStale) for (const partition of this.#holdings.all()) partition.releaseIfClean();
    this.#committer.kick();
    this.#links.flushPressing();
  }

  #partitionOf(address: Address): PartitionId {
    return partitionOf(address, this.#options.partitions);
  }

  #isReady(): boolean {
    if (this.#holdings.opening > 0) return false;
    return this.#placement.view.owners.every((owner, partition) => {
      if (owner === undefined) return false;
      if (this.#placement.isMine(partition)) return this.#holdings.holds(partition);
      return this.#members.get(owner.node)?.incarnation === owner.incarnation;
    });
  }

  // ---------------------------------------------------------------- members

  #beat(): void {
    if (this.#stopped) return;
    this.#sayAlive(this.#stopping !== undefined);
    const nowMs = this.#ports.clock.monotonicMs();
    const paused = this.#pauses.beat(nowMs);
    const silent = this.#members.look(nowMs);
    for (const { node, incarnation } of silent) {
      this.#ports.log.warn({ node }, 'a node has gone silent');
      this.#links.drop(node);
      this.#nodeLost(node, incarnation);
    }
    this.#holdings.resendOverdue();
    this.#links.flush();
    this.#runner.schedule();
    void this.#placement.look(paused || silent.length > 0);
    this.#heartbeat = this.#ports.timers.after(this.#limits.heartbeat_ms, () => this.#beat());
  }

  #sayAlive(leaving: boolean): void {
    const { node, incarnation, notice } = this;
    const role = this.#options.role ?? 'owner';
    const view = this.#placement.view.version;
    this.#broadcast(['heartbeat', { node, incarnation, role, notice, leaving, view, sent: this.#links.sent() }]);
  }

  #broadcast(datagram: Datagram): void {
    try {
      this.#ports.network.broadcast(this.#ports.codec.pack(datagram));
    } catch (error) {
      this.#ports.log.warn({ error }, 'a broadcast was not sent');
    }
  }

  /** What one node sends must not bring another down, whatever it is. */
  #receive(bytes: Uint8Array): void {
    if (this.#stopped) return;
    try {
      this.#datagram(this.#ports.codec.unpack(bytes) as Datagram);
    } catch (error) {
      this.#ports.log.error({ error, bytes: bytes.byteLength }, 'a datagram was passed over');
    }
  }

  #datagram(datagram: Datagram): void {
    switch (datagram[0]) {
      case 'parcels':
        this.#links.receive(datagram);
        this.#runner.schedule();
        return;
      case 'heartbeat': {
        const [, heartbeat] = datagram;
        if (heartbeat.node === this.node) return;
        const before = this.#members.get(heartbeat.node)?.incarnation;
        if (before !== undefined && before !== heartbeat.incarnation) this.#nodeLost(heartbeat.node, before);
        const news = this.#members.heard(heartbeat, this.#ports.clock.monotonicMs());
        this.#links.heard(heartbeat);
        if (news || heartbeat.view > this.#placement.view.version) void this.#placement.look(true);
        return;
      }
      case 'goodbye':
        if (this.#members.get(datagram[1])?.incarnation !== datagram[2]) return;
        this.#members.forget(datagram[1]);
        this.#links.forget(datagram[1]);
        this.#nodeLost(datagram[1], datagram[2]);
        void this.#placement.look(true);
        return;
    }
  }

  /** Its sockets are gone, as far as anybody can tell. */
  #nodeLost(node: string, incarnation: string): void {
    for (const partition of this.#holdings.all()) partition.mailboxes.nodeLost(node, incarnation);
  }

  // ---------------------------------------------------------------- partitions

  #viewChanged(before: View, after: View): void {
    this.#holdings.follow(after);
    const moved = new Set<PartitionId>();
    after.owners.forEach((owner, partition) => {
      const was = before.owners[partition];
      const same = was?.node === owner?.node && was?.incarnation === owner?.incarnation;
      if (owner !== undefined && (!same || before.epochs[partition] !== after.epochs[partition])) moved.add(partition);
    });
    if (moved.size === 0) return;
    const { asks } = this.#post;
    const isGone = (node = this.node): boolean => node === this.node || this.#members.get(node) === undefined;
    asks.lost((ask) => moved.has(ask.partition) && isGone(ask.at), 'the partition has a new owner');
    asks.doubt((ask) => moved.has(ask.partition), this.#limits.suspect_ms);
    this.#post.outlets.moved((partition) => moved.has(partition));
    this.#holdings.resend((to) => moved.has(to));
    this.#runner.schedule();
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#ports.timers.after(ms, resolve);
    });
  }
}
