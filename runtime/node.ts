/** A node: one process's share of the cluster. Puts the parts together, and takes over and lets go of partitions as the view changes. */
import type { Address, AnyBehaviour, MailOf, Protocol, Push, Ref, ReplyOf } from './actor.ts';
import type { Cell } from './cell.ts';
import { Committer } from './committer.ts';
import type { Asked, Door, OpenOutlet } from './door.ts';
import { partitionOf } from './hash.ts';
import type { Limits } from './limits.ts';
import { Links } from './links.ts';
import { Members } from './members.ts';
import type { Datagram } from './parcel.ts';
import type { Partition } from './partition.ts';
import { Placement, type View } from './placement.ts';
import type { Cancel, Owner, PartitionId, Ports } from './ports.ts';
import { Post } from './post.ts';
import { Rest } from './rest.ts';
import { Runner } from './runner.ts';
import { TakeoverFailed, takeOver } from './takeover.ts';
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
  readonly #options: NodeOptions;
  readonly #ports: Ports;
  readonly #limits: Limits;
  readonly #behaviours: ReadonlyMap<string, AnyBehaviour>;
  readonly #partitions = new Map<PartitionId, Partition>();
  readonly #opening = new Set<PartitionId>();
  readonly #members: Members;
  readonly #links: Links;
  readonly #placement: Placement;
  readonly #runner: Runner;
  readonly #committer: Committer;
  readonly #writeBehind: WriteBehind;
  readonly #post: Post;
  readonly #rest: Rest;
  #heartbeat: Cancel | undefined;
  #stopping = false;
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
    this.#links = new Links({
      ports,
      limits,
      node: this.node,
      incarnation: this.incarnation,
      members: this.#members,
      parcel: (from, parcel) => this.#post.parcel(from, parcel),
      missed: (from) => this.#missed(from),
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
      handOver: (partitions) => this.#handOver(partitions),
    });
    this.#runner = new Runner(ports, limits, () => this.#afterSlice());
    const serving = (): Iterable<Partition> => this.#partitions.values();
    this.#committer = new Committer({
      ports,
      limits,
      partitions: serving,
      fenced: (partition) => this.#fenced(partition),
      advanced: () => this.#runner.run(),
    });
    this.#writeBehind = new WriteBehind(ports, limits, serving);
    this.#rest = new Rest(ports, limits, serving);
    this.#post = new Post({
      ports,
      limits,
      self,
      links: this.#links,
      partitionOf: (address) => this.#partitionOf(address),
      ownerOf: (partition) => this.#placement.ownerOf(partition),
      serving: (partition) => this.#serving(partition),
      opening: (partition) => this.#opening.has(partition),
      doubtView: () => void this.#placement.look(true),
    });
  }

  /** Joins the cluster. Resolves at once; `ready` tells when there is something to talk to. */
  start(): void {
    this.#ports.network.listen((bytes) => this.#datagram(bytes));
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
  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    await this.#placement.leave();
    this.#stopped = true;
    this.#placement.stop();
    this.#committer.stop();
    this.#heartbeat?.();
    this.#rest.stop();
    this.#writeBehind.stop();
    await this.#writeBehind.write([...this.#partitions.values()]);
    for (const id of [...this.#partitions.keys()]) this.#drop(id);
    this.#post.asks.stop();
    this.#broadcast(['goodbye', this.node, this.incarnation]);
  }

  /** Stops at once, as if the process had died: no hand-over, no goodbye. For tests and simulations. */
  halt(): void {
    this.#stopping = true;
    this.#stopped = true;
    this.#placement.stop();
    this.#committer.stop();
    this.#heartbeat?.();
    this.#rest.stop();
    this.#writeBehind.stop();
    for (const partition of this.#partitions.values()) {
      partition.stopped = true;
      partition.discarded = true;
      partition.timers.stop();
    }
    this.#partitions.clear();
    this.#post.asks.stop();
  }

  // ---------------------------------------------------------------- the door

  ask<P extends Protocol, K extends keyof P & string>(
    to: Ref<P>,
    mail: { readonly kind: K } & P[K]['mail'],
    waitMs = 10_000,
  ): Promise<Asked<ReplyOf<P, K>>> {
    const asked = this.#post.asks.ask(to.address, this.#partitionOf(to.address), mail, waitMs);
    this.#runner.schedule();
    return asked;
  }

  whisper<P extends Protocol>(to: Ref<P>, mail: MailOf<P>): 'ok' | 'full' | 'moved' {
    const sent = this.#post.whisper(to.address, undefined, mail);
    this.#runner.schedule();
    return sent;
  }

  openOutlet<P extends Protocol>(to: Ref<P>, receive: (push: Push) => void, moved: () => void): OpenOutlet {
    return this.#post.outlets.open(this.#partitionOf(to.address), receive, moved);
  }

  // ---------------------------------------------------------------- for operators and figures

  get counts(): NodeCounts {
    const { appends, records, turns, bytes } = this.#committer.counts;
    return { turns: this.#runner.turns, appends, records, recordTurns: turns, recordBytes: bytes };
  }

  /** True when the actor lives on this node now. */
  serves<P extends Protocol>(to: Ref<P>): boolean {
    return this.#serving(this.#partitionOf(to.address)) !== undefined;
  }

  /** Partitions that this node serves now. */
  get owned(): PartitionId[] {
    return [...this.#partitions.keys()].sort((a, b) => a - b);
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
    for (const partition of this.#partitions.values()) partition.releaseIfClean();
    this.#committer.kick();
    this.#links.flush();
  }

  #partitionOf(address: Address): PartitionId {
    return partitionOf(address, this.#options.partitions);
  }

  #isReady(): boolean {
    if (this.#opening.size > 0) return false;
    return this.#placement.view.owners.every((owner, partition) => {
      if (owner === undefined) return false;
      if (this.#placement.isMine(partition)) return this.#partitions.has(partition);
      return this.#members.get(owner.node)?.incarnation === owner.incarnation;
    });
  }

  // ---------------------------------------------------------------- members

  #beat(): void {
    if (this.#stopped) return;
    this.#broadcast([
      'heartbeat',
      {
        node: this.node,
        incarnation: this.incarnation,
        role: this.#options.role ?? 'owner',
        leaving: this.#stopping,
        view: this.#placement.view.version,
        sent: this.#links.sent(),
      },
    ]);
    const silent = this.#members.look(this.#ports.clock.monotonicMs());
    for (const { node } of silent) {
      this.#ports.log.warn({ node }, 'a node has gone silent');
      this.#links.drop(node);
    }
    this.#resendOverdue();
    void this.#placement.look(silent.length > 0);
    this.#heartbeat = this.#ports.timers.after(this.#limits.heartbeat_ms, () => this.#beat());
  }

  #broadcast(datagram: Datagram): void {
    this.#ports.network.broadcast(this.#ports.codec.pack(datagram));
  }

  #datagram(bytes: Uint8Array): void {
    if (this.#stopped) return;
    const datagram = this.#ports.codec.unpack(bytes) as Datagram;
    switch (datagram[0]) {
      case 'parcels':
        this.#links.receive(datagram);
        this.#runner.schedule();
        return;
      case 'heartbeat': {
        const [, heartbeat] = datagram;
        if (heartbeat.node === this.node) return;
        const news = this.#members.heard(heartbeat, this.#ports.clock.monotonicMs());
        this.#links.heard(heartbeat);
        if (news) void this.#placement.look(true);
        return;
      }
      case 'goodbye':
        if (this.#members.get(datagram[1])?.incarnation !== datagram[2]) return;
        this.#members.forget(datagram[1]);
        this.#links.drop(datagram[1]);
        void this.#placement.look(true);
        return;
    }
  }

  /** Something from `node` was lost: pushes to our sockets, replies to our asks, or mail that it will send again. */
  #missed(node: string): void {
    this.#post.missedBy(node);
  }

  #resendOverdue(): void {
    const nowMs = this.#ports.clock.monotonicMs();
    for (const partition of this.#partitions.values()) {
      for (const channel of partition.outbox.all()) {
        if (!channel.overdue(this.#limits.channel_resend_ms, nowMs)) continue;
        channel.rewind();
        partition.send(channel.to);
      }
    }
    this.#runner.schedule();
  }

  // ---------------------------------------------------------------- partitions

  #viewChanged(before: View, after: View): void {
    const moved = new Set<PartitionId>();
    after.owners.forEach((owner, partition) => {
      const mine = this.#placement.isMine(partition);
      if (before.epochs[partition] !== after.epochs[partition] || (mine && !this.#partitions.has(partition))) {
        if (this.#partitions.has(partition)) this.#drop(partition);
        if (mine) void this.#open(partition);
      } else if (!mine && this.#partitions.has(partition)) this.#drop(partition);
      const was = before.owners[partition];
      if (owner !== undefined && (was?.node !== owner.node || was.incarnation !== owner.incarnation))
        moved.add(partition);
    });
    if (moved.size === 0) return;
    this.#post.asks.lost((ask) => moved.has(ask.partition), 'the partition has a new owner');
    this.#post.outlets.moved((partition) => moved.has(partition));
    for (const partition of this.#partitions.values()) {
      for (const channel of partition.outbox.all()) {
        if (!moved.has(channel.to)) continue;
        channel.rewind();
        partition.send(channel.to);
      }
    }
    this.#runner.schedule();
  }

  async #open(id: PartitionId): Promise<void> {
    if (this.#opening.has(id)) return;
    this.#opening.add(id);
    let opened = false;
    for (let tries = 0; !opened && this.#placement.isMine(id) && !this.#stopped; tries++) {
      const epoch = this.#placement.epochOf(id);
      try {
        const partition = await takeOver(id, epoch, this.#takeoverHost());
        if (!this.#stillMine(id, epoch)) continue;
        this.#opening.delete(id);
        this.#partitions.set(id, partition);
        this.#serve(partition);
        opened = true;
      } catch (error) {
        if (error instanceof TakeoverFailed && error.superseded) {
          void this.#placement.look(true);
        } else this.#ports.log.error({ partition: id, epoch, error }, 'taking over a partition failed; trying again');
        await this.#pause(Math.min(2_000, 50 * 2 ** Math.min(tries, 6)));
      }
    }
    this.#opening.delete(id);
    if (!opened) this.#post.notOpened(id);
  }

  #takeoverHost(): Parameters<typeof takeOver>[2] {
    return {
      ports: this.#ports,
      limits: this.#limits,
      writer: `${this.node}.${this.incarnation}`,
      writeBehind: this.#writeBehind,
      behaviourOf: (address) => this.#behaviours.get(address.slice(0, address.indexOf('/'))),
      partitionOf: (address) => this.#partitionOf(address),
      ready: (partition: Partition, cell: Cell) => this.#runner.add(partition, cell),
      release: (outputs) => this.#post.release(outputs),
      transmit: (from, to, mails) => this.#post.transmit(from.id, to, mails),
      settle: (at, from, upTo) => this.#post.settle(at.id, from, upTo),
      stillMine: (id, epoch) => this.#stillMine(id, epoch),
    };
  }

  #serving(id: PartitionId): Partition | undefined {
    const partition = this.#partitions.get(id);
    return partition?.running ? partition : undefined;
  }

  #stillMine(id: PartitionId, epoch: number): boolean {
    return this.#placement.isMine(id) && this.#placement.epochOf(id) === epoch;
  }

  #serve(partition: Partition): void {
    partition.timers.look();
    for (const channel of partition.outbox.all()) {
      channel.rewind();
      partition.send(channel.to);
    }
    this.#post.opened(partition);
    // Mail that others sent here while it was nobody's is overdue with them; these are our own partitions' shares of it.
    for (const other of this.#partitions.values()) {
      other.outbox.channel(partition.id).rewind();
      other.send(partition.id);
    }
    this.#runner.schedule();
  }

  /** Another owner has written to its journal: whatever it had not committed never happened. */
  #fenced(partition: Partition): void {
    this.#ports.log.warn(
      { partition: partition.id, epoch: partition.position.epoch },
      'fenced: another owner has written',
    );
    if (this.#partitions.get(partition.id) === partition) this.#drop(partition.id);
    partition.stopped = true;
    void this.#placement.look(true);
  }

  #drop(id: PartitionId): void {
    const partition = this.#partitions.get(id);
    if (partition === undefined) return;
    partition.stopped = true;
    partition.discarded = true;
    partition.timers.stop();
    this.#partitions.delete(id);
    this.#post.release(partition.unanswered());
  }

  /** Waits until partitions have nothing in flight and nothing waiting, stores them and drops them. */
  async #handOver(ids: readonly PartitionId[]): Promise<PartitionId[]> {
    const partitions = ids.flatMap((id) => this.#partitions.get(id) ?? []);
    const endMs = this.#ports.clock.monotonicMs() + this.#limits.suspect_ms;
    for (const partition of partitions) partition.closing = true;
    const busy = (): boolean => partitions.some((partition) => partition.inFlight !== undefined || partition.dirty);
    this.#committer.kick();
    while (busy() && this.#ports.clock.monotonicMs() < endMs) await this.#pause(2);
    await this.#writeBehind.write(partitions);
    for (const partition of partitions) this.#drop(partition.id);
    return [...ids];
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#ports.timers.after(ms, resolve);
    });
  }
}
