/** The parts of a node, put together: what each needs of the others, and the loop that drives them. */
import type { Address, AnyBehaviour } from './actor.ts';
import { Committer } from './committer.ts';
import { figuresOf, type NodeFigures } from './figures.ts';
import { partitionOf } from './hash.ts';
import { Health } from './health.ts';
import { Holdings } from './holdings.ts';
import type { Limits } from './limits.ts';
import { Links } from './links.ts';
import type { Heartbeat } from './members.ts';
import { Membership } from './membership.ts';
import { movedBetween, OwnershipView, type View } from './ownership-view.ts';
import type { Datagram, Inquiry } from './parcel.ts';
import type { Partition } from './partition.ts';
import type { PartitionHost } from './partition-host.ts';
import { Placement } from './placement.ts';
import type { Owner, PartitionId, Ports, StoreDamaged, StoreLost } from './ports.ts';
import { Post } from './post.ts';
import { Rest } from './rest.ts';
import { Runner } from './runner.ts';
import { Scrub } from './scrub.ts';
import { Snapshots } from './snapshots/snapshots.ts';
import { type Progress, Standbys } from './standbys.ts';
import { Told } from './told.ts';
import { WriteBehind } from './write-behind.ts';

export interface EngineOptions {
  readonly ports: Ports;
  readonly limits: Limits;
  readonly behaviours: readonly AnyBehaviour[];
  readonly partitions: number;
  readonly self: Owner;
  /** False for a guest. */
  readonly owns: boolean;
  readonly settleMs: number;
  readonly format: number;
  /** What other nodes are to know of this one. */
  notice(): string;
  /** Nothing can be kept in the local store any more: the process should end. */
  storeLost(error: StoreLost): void;
  /** An operator's word has come. */
  toldToDrain(draining: boolean): void;
  /** Another node asks, or answers, on an operator's behalf. */
  inquiry(datagram: Inquiry): void;
}

export class Engine {
  readonly membership: Membership;
  readonly ownership: OwnershipView;
  readonly placement: Placement;
  readonly holdings: Holdings;
  readonly runner: Runner;
  readonly committer: Committer;
  readonly post: Post;
  readonly told: Told;
  readonly #links: Links;
  readonly #standbys: Standbys;
  readonly snapshots: Snapshots;
  readonly #writeBehind: WriteBehind;
  readonly #health: Health;
  readonly #rest: Rest;
  readonly #scrub: Scrub;
  readonly #options: EngineOptions;
  readonly #ports: Ports;
  readonly #limits: Limits;
  readonly #behaviours: ReadonlyMap<string, AnyBehaviour>;
  readonly #distrusted = new Set<PartitionId>();
  #stopped = false;

  constructor(options: EngineOptions) {
    const { ports, limits, self, partitions } = options;
    this.#options = options;
    this.#ports = ports;
    this.#limits = limits;
    this.#behaviours = new Map(options.behaviours.map((behaviour) => [behaviour.kind, behaviour]));
    this.membership = this.#makeMembership();
    const { members } = this.membership;
    this.told = new Told({ ...ports, self, isMember: (node) => members.get(node) !== undefined });
    this.#links = new Links({
      ports,
      limits,
      ...self,
      members,
      parcel: (from, parcel) => this.post.parcel(from, parcel),
      missed: (from) => this.post.missedBy(from),
    });
    this.ownership = new OwnershipView({
      ports,
      self,
      partitions,
      changed: (before, after) => this.#viewChanged(before, after),
      wrote: (version, value) => this.membership.sayWritten(version, value),
    });
    this.placement = this.#makePlacement();
    this.runner = new Runner(
      ports,
      limits,
      () => this.afterSlice(),
      (partition, error) => this.holdings.broken(partition, error),
    );
    this.committer = new Committer({
      ports,
      limits,
      partitions: () => this.holdings.all(),
      fenced: (partition) => this.holdings.fenced(partition),
      broken: (partition, error) => this.holdings.broken(partition, error),
      advanced: () => this.runner.run(),
    });
    const damaged = (error: StoreDamaged) => this.#damaged(error);
    this.#writeBehind = new WriteBehind(
      ports,
      limits,
      () => [...this.holdings.all(), ...this.#standbys.ripe()],
      damaged,
    );
    this.#health = new Health({
      ports,
      limits,
      storeRefusesMs: () => this.#writeBehind.refusedMs,
      journalStuckMs: () => Math.max(this.committer.stuckMs, this.holdings.bumplessMs),
    });
    this.#rest = new Rest(ports, limits, () => this.holdings.all());
    this.#scrub = new Scrub(ports, damaged);
    const served = () => this.holdings.all();
    this.snapshots = new Snapshots({ ports, limits, partitions, served, told: this.told, damaged });
    this.post = this.#makePost();
    const partitionHost = this.#partitionHost();
    this.holdings = this.#makeHoldings(partitionHost);
    this.#standbys = new Standbys({
      ...partitionHost,
      writeBehind: this.#writeBehind,
      distrusted: this.#distrusted,
      trusted: (id) => this.#scrub.add(id),
      storeLost: (error) => this.#options.storeLost(error),
      holds: (id) => this.holdings.holds(id),
      isCalm: () => this.placement.isCalm,
      ownersProgress: (id) => members.progressOf(id, this.ownership.ownerOf(id)),
    });
  }

  #makePost(): Post {
    return new Post({
      ports: this.#ports,
      limits: this.#limits,
      self: this.#options.self,
      links: this.#links,
      partitionOf: (address) => this.partitionOf(address),
      ownerOf: (partition) => this.ownership.ownerOf(partition),
      epochOf: (partition) => this.ownership.epochOf(partition),
      serving: (partition) => this.holdings.serving(partition),
      opening: (partition) => this.holdings.isOpening(partition),
      doubtView: () => void this.placement.look(true),
      freshView: () => this.ownership.fresh(),
      resend: (to) => this.holdings.resend((partition) => this.ownership.ownerOf(partition)?.node === to),
    });
  }

  #makeMembership(): Membership {
    return new Membership({
      ports: this.#ports,
      limits: this.#limits,
      self: this.#options.self,
      state: () => this.state(),
      heard: (heartbeat, news) => {
        this.#links.heard(heartbeat);
        this.told.chronicle.heard(heartbeat);
        if (news || heartbeat.view > this.ownership.view.version) void this.placement.look(true);
      },
      lost: (node, incarnation, silent) => {
        if (silent) this.#links.drop(node);
        else this.#links.forget(node);
        this.told.chronicle.gone(node, silent);
        for (const partition of this.holdings.all()) partition.mailboxes.nodeLost(node, incarnation);
      },
      // Its sockets were forgotten here; it is to introduce them again.
      returned: (node) => void this.#links.send(node, ['forgot'], 16),
      beat: (prompt) => this.#beat(prompt),
    });
  }

  #makePlacement(): Placement {
    const { self, partitions, owns, format, settleMs } = this.#options;
    return new Placement({
      ports: this.#ports,
      limits: this.#limits,
      members: this.membership.members,
      ownership: this.ownership,
      self,
      partitions,
      owns,
      format,
      settleMs,
      handOver: (ids) => this.holdings.handOver(ids),
      holds: (id) => this.holdings.holds(id),
      copies: () => new Map(this.#progress().map(([id, number]) => [id, number])),
      fitness: () => this.#health.fitness,
      standBy: (ids) => this.#standbys.want(ids),
    });
  }

  /** What all partitions here need, those that are served and the copies of others. */
  #partitionHost(): PartitionHost {
    return {
      ports: this.#ports,
      limits: this.#limits,
      told: this.told,
      writer: `${this.#options.self.node}.${this.#options.self.incarnation}`,
      behaviourOf: (address) => this.#behaviours.get(address.slice(0, address.indexOf('/'))),
      partitionOf: (address) => this.partitionOf(address),
      ready: (partition, cell) => this.runner.add(partition, cell),
      release: (outputs) => this.post.release(outputs),
      transmit: (from, to, mails) => this.post.transmit(from.id, to, mails),
      settle: (at, from, upTo) => this.post.settle(at.id, from, upTo),
      broken: (partition, error) => this.holdings.broken(partition, error),
    };
  }

  #makeHoldings(partitionHost: PartitionHost): Holdings {
    return new Holdings({
      ...partitionHost,
      writeBehind: this.#writeBehind,
      distrusted: this.#distrusted,
      trusted: (id) => this.#scrub.add(id),
      storeLost: (error) => this.#options.storeLost(error),
      isMine: (id) => this.ownership.isMine(id),
      epochOf: (id) => this.ownership.epochOf(id),
      copyOf: (id) => this.#standbys.take(id),
      push: () => this.afterSlice(),
      ended: (ends) => this.membership.sayEnds(ends),
      opened: (partition) => {
        this.post.opened(partition);
        this.runner.schedule();
      },
      notOpened: (id) => this.post.notOpened(id),
      doubtView: () => void this.placement.look(true),
    });
  }

  start(): void {
    this.#ports.network.listen((bytes) => this.#receive(bytes));
    this.placement.start();
    this.#writeBehind.start();
    this.#rest.start();
    this.#standbys.start();
    this.snapshots.start();
    this.membership.start();
  }

  /** After this it hears nothing and does nothing by itself. */
  stopLoops(): void {
    this.#stopped = true;
    this.placement.stop();
    this.committer.stop();
    this.membership.stop();
    this.snapshots.stop();
    this.#rest.stop();
    this.#scrub.stop();
    this.#writeBehind.stop();
  }

  /** Stores what is committed, lets go of all, and says goodbye. After `stopLoops`. */
  async close(): Promise<void> {
    await this.#writeBehind.write([...this.holdings.all(), ...this.#standbys.partitions()]);
    this.holdings.stop();
    this.#standbys.stop();
    this.post.asks.stop();
    this.#links.flush();
    this.membership.sayGoodbye();
  }

  /** As if the process had died. After `stopLoops`. */
  halt(): void {
    this.holdings.halt();
    this.#standbys.stop();
    this.post.asks.stop();
  }

  partitionOf(address: Address): PartitionId {
    return partitionOf(address, this.#options.partitions);
  }

  levels(): NodeFigures {
    const { holdings, runner, post } = this;
    return figuresOf(
      { limits: this.#limits, holdings, standbys: this.#standbys, runner, post },
      { peers: this.membership.members.all().length, draining: this.placement.leaving, ...this.#health.figures },
    );
  }

  // ---------------------------------------------------------------- the loop

  afterSlice(): void {
    if (this.#stopped) return;
    for (const partition of this.holdings.all()) if (!this.#mayBeStale(partition)) partition.releaseIfClean();
    this.committer.kick();
    this.#links.flushPressing();
  }

  /** Another node may own the partition by now, for all that is proven here. */
  #mayBeStale({ provenMs }: Partition): boolean {
    const lastMs = Math.max(provenMs, this.ownership.readMs);
    return this.#ports.clock.monotonicMs() - lastMs > this.#limits.lease_ms || this.membership.mayBeStale(lastMs);
  }

  #beat(prompt: boolean): void {
    this.holdings.resendOverdue();
    this.post.tellShed();
    this.#links.flush();
    this.#standbys.look();
    this.#health.look();
    this.told.beat(this.#options.self, { leaving: this.placement.leaving, ...this.#health.figures });
    this.runner.schedule();
    void this.placement.look(prompt);
  }

  /** What it says of itself in its heartbeat. */
  state(): Omit<Heartbeat, 'node' | 'incarnation'> {
    return {
      role: this.#options.owns ? 'owner' : 'guest',
      notice: this.#options.notice(),
      leaving: this.placement.leaving,
      fitness: this.#health.fitness,
      view: this.ownership.view.version,
      format: this.#options.format,
      owns: this.ownership.mine.length,
      copies: this.#progress(),
      sent: this.#links.sent(),
    };
  }

  #progress(): Progress[] {
    const own = [...this.holdings.all()].map(({ id, position }): Progress => [id, position.number, position.chain]);
    return [...own, ...this.#standbys.progress()];
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
        this.runner.schedule();
        return;
      case 'heartbeat':
        this.membership.heartbeat(datagram[1]);
        return;
      case 'goodbye':
        this.membership.goodbye(datagram[1], datagram[2]);
        return;
      case 'view':
        this.ownership.told(datagram[1], datagram[2]);
        return;
      case 'ends':
        this.told.chronicle.ends(datagram[1].map(([partition]) => partition));
        for (const [partition, number] of datagram[1]) this.#standbys.ends(partition, number);
        return;
      case 'drain':
        if (datagram[1] === this.#options.self.node) this.#options.toldToDrain(datagram[2]);
        return;
      case 'question':
      case 'answer':
        this.#options.inquiry(datagram);
        return;
    }
  }

  // ---------------------------------------------------------------- partitions

  #damaged(error: StoreDamaged): void {
    // Whoever is just about to begin with it is to hear of it, too.
    this.#distrusted.add(error.partition);
    this.holdings.damaged(error);
    this.#standbys.damaged(error.partition);
  }

  #viewChanged(before: View, after: View): void {
    const moved = movedBetween(before, after);
    this.told.chronicle.changed(moved, before);
    this.placement.changed(before, after);
    this.holdings.follow(after);
    if (moved.size === 0) return;
    const { asks } = this.post;
    const { node: here } = this.#options.self;
    const isGone = (node = here): boolean => node === here || this.membership.members.get(node) === undefined;
    asks.lost((ask) => moved.has(ask.partition) && isGone(ask.at), 'the partition has a new owner');
    asks.doubt((ask) => moved.has(ask.partition), this.#limits.suspect_ms);
    this.post.outlets.moved((partition) => moved.has(partition));
    this.holdings.resend((to) => moved.has(to));
    this.runner.schedule();
  }
}
