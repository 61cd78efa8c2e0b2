/**
 * Who owns which partition. The ring proposes, the ownership register decides by compare-and-set (ARCHITECTURE §5). A wrong view costs time
 * only: safety rests on the journal.
 */
import type { Limits } from './limits.ts';
import type { Fitness, Members } from './members.ts';
import type { NodeId, Owner, Ownership, PartitionId, Ports } from './ports.ts';
import { type Candidate, Proposal } from './proposal.ts';
import { Ring } from './ring.ts';

export interface View {
  readonly version: number;
  readonly owners: readonly (Owner | undefined)[];
  readonly epochs: readonly number[];
  /** The highest format of state that an owner of each may have written. */
  readonly formats: readonly number[];
}

export interface PlacementHost {
  readonly ports: Ports;
  readonly limits: Limits;
  readonly members: Members;
  readonly self: Owner;
  readonly partitions: number;
  /** False for a guest. */
  readonly owns: boolean;
  /** The format of state that this node reads and writes. */
  readonly format: number;
  /** How long to listen for other nodes before claiming anything, ms. */
  readonly settleMs: number;
  /** The view changed: open what is ours, drop what is not, send mail again to who moved. */
  changed(before: View, after: View): void;
  /** The register has a new version by our hand: the others should look. */
  wrote(): void;
  /** False for a partition that is this node's by the register and not served here: it needs a new epoch. */
  holds(partition: PartitionId): boolean;
  /** Number of the last record of each partition that this node owns or keeps a sound copy of. */
  copies(): ReadonlyMap<PartitionId, number>;
  fitness(): Fitness;
  /** Copies of these partitions are to be kept here, and of no others. */
  standBy(partitions: ReadonlySet<PartitionId>): void;
  /** Lets go of partitions that another node should have: resolves when they are quiet and dropped. */
  handOver(partitions: readonly PartitionId[]): Promise<void>;
}

/** Looks in a row that found no register, before an operator is told. */
const unanswered_looks_told = 8;
/** Partitions that are moved together: few, for they all pause until the last of them is quiet. */
const move_partitions_max = 4;
/** A node takes over a partition only when its copy lags by at most so many records, if it is a planned move. */
const warm_records_max = 256;
const leave_poll_ms = 20;

export class Placement {
  readonly #host: PlacementHost;
  #view: View;
  #ring: { readonly names: string; readonly ring: Ring } | undefined;
  #busy = false;
  #unanswered = 0;
  #again = false;
  #startedMs = 0;
  #lookedMs = 0;
  #readMs = Number.NEGATIVE_INFINITY;
  /** Since when the journal has answered this node while an owner says that it does not answer that one. */
  #answeredSinceMs: number | undefined;
  #leaving = false;
  #stopped = false;

  constructor(host: PlacementHost) {
    this.#host = host;
    const none = Array.from({ length: host.partitions }, () => undefined);
    this.#view = { version: 0, owners: none, epochs: none.map(() => 0), formats: none.map(() => 1) };
  }

  get view(): View {
    return this.#view;
  }

  /** When the last look at the register that succeeded began, monotonic ms: nobody had taken over by then but in the view. */
  get readMs(): number {
    return this.#readMs;
  }

  get leaving(): boolean {
    return this.#leaving;
  }

  start(): void {
    this.#startedMs = this.#host.ports.clock.monotonicMs();
  }

  stop(): void {
    this.#stopped = true;
  }

  ownerOf(partition: PartitionId): Owner | undefined {
    return this.#view.owners[partition];
  }

  isMine(partition: PartitionId): boolean {
    return this.#isSelf(this.#view.owners[partition]);
  }

  epochOf(partition: PartitionId): number {
    return this.#view.epochs[partition] ?? 0;
  }

  /** Called each heartbeat, and when a member came or went. */
  async look(prompt: boolean): Promise<void> {
    if (this.#stopped) return;
    if (this.#busy) {
      this.#again ||= prompt;
      return;
    }
    this.#busy = true;
    try {
      await this.#look(prompt);
      while (this.#again && !this.#stopped) {
        this.#again = false;
        await this.#look(true);
      }
      this.#unanswered = 0;
    } catch (error) {
      this.#unanswered++;
      const { log } = this.#host.ports;
      const words = 'the ownership register did not answer; trying again';
      // An election in NATS takes a few seconds: no news until it takes longer.
      if (this.#unanswered % unanswered_looks_told === 0) log.warn({ error, times: this.#unanswered }, words);
      else log.info({ error }, words);
    } finally {
      this.#busy = false;
    }
  }

  // ---------------------------------------------------------------- leaving

  /** Claims nothing from now on. */
  beginLeaving(): void {
    this.#leaving = true;
  }

  /** Owns again what the ring gives it. */
  stay(): void {
    this.#leaving = false;
  }

  /**
   * Moves all partitions to other nodes, warm ones first; after `waitMs` also to nodes without a copy. True when none is left here; false when
   * there is nobody to have them, when it was told to stay, or when the register does not answer.
   */
  async moveAll(waitMs: number): Promise<boolean> {
    const { clock, timers } = this.#host.ports;
    const startedMs = clock.monotonicMs();
    for (;;) {
      const mine = this.mine;
      if (mine.length === 0) return true;
      const lateMs = clock.monotonicMs() - startedMs - waitMs;
      if (!this.#leaving || this.#stopped || lateMs > waitMs) return false;
      const proposal = this.#proposal();
      const targets = this.#targets(mine, proposal, lateMs < 0);
      if (targets.size > 0) await this.#moveOrSay(targets);
      else if (proposal.wanted(0) === undefined) return false;
      else {
        await new Promise<void>((resolve) => {
          timers.after(leave_poll_ms, resolve);
        });
      }
    }
  }

  /** Gives up what is still ours, for anybody to claim. */
  async giveUp(): Promise<void> {
    const mine = this.mine;
    if (mine.length === 0) return;
    await this.#host.handOver(mine);
    await this.#moveOrSay(new Map(mine.map((partition) => [partition, undefined])));
  }

  #targets(mine: readonly PartitionId[], proposal: Proposal, warmOnly: boolean): Map<PartitionId, Owner> {
    const targets = new Map<PartitionId, Owner>();
    for (const partition of mine) {
      const to = proposal.successor(partition, this.#view.formats[partition] ?? 1);
      if (to !== undefined && (!warmOnly || this.#isWarm(partition, to))) targets.set(partition, ownerOf(to));
    }
    return targets;
  }

  async #moveOrSay(targets: ReadonlyMap<PartitionId, Owner | undefined>): Promise<void> {
    try {
      await this.#move(targets);
    } catch (error) {
      this.#host.ports.log.warn({ error }, 'moving partitions failed; trying again');
    }
  }

  // ---------------------------------------------------------------- looking

  async #look(prompt: boolean): Promise<void> {
    const { clock } = this.#host.ports;
    const nowMs = clock.monotonicMs();
    const due = nowMs - this.#lookedMs >= this.#host.limits.ownership_poll_ms;
    if (prompt || due || this.#outdated()) {
      await this.#refresh();
      this.#lookedMs = nowMs;
    }
    if (!this.#host.owns || nowMs - this.#startedMs < this.#host.settleMs) return;
    // Cut off from the mail, it hears of nobody and nobody would reach what it claimed.
    if (!this.#host.ports.network.connected()) return;
    await this.#tryJournal(nowMs);
    const proposal = this.#proposal();
    this.#host.standBy(this.#copiesWanted(proposal));
    if (this.#leaving) return;
    await this.#claim(proposal, nowMs);
    const fitness = this.#host.fitness();
    if (fitness === 'fit') await this.#yield(proposal, nowMs);
    else if (fitness === 'no store') await this.#move(this.#targets(this.mine, proposal, true));
  }

  /** Someone acts on a newer version than we know. */
  #outdated(): boolean {
    return this.#host.members.all().some((member) => member.view > this.#view.version);
  }

  async #refresh(): Promise<void> {
    const begunMs = this.#host.ports.clock.monotonicMs();
    const { version, value } = await this.#host.ports.ownership.read();
    this.#readMs = begunMs;
    if (value !== undefined) this.#adopt(version, value);
  }

  #adopt(version: number, { owners, epochs, formats }: Ownership): void {
    if (version <= this.#view.version) return;
    if (owners.length !== this.#host.partitions) {
      throw new Error(`the cluster has ${owners.length} partitions, this node is set to ${this.#host.partitions}`);
    }
    const before = this.#view;
    this.#view = { version, owners, epochs, formats: formats ?? owners.map(() => 1) };
    this.#host.changed(before, this.#view);
  }

  /** Fit nodes; where there are none, unfit ones must do. */
  #proposal(): Proposal {
    const { members, self, format, partitions } = this.#host;
    const others = members.all().filter((member) => member.role === 'owner' && !member.leaving);
    const someFit = others.some(({ fitness }) => fitness === 'fit') || this.#host.fitness() === 'fit';
    const isFit = (fitness: Fitness): boolean => fitness === 'fit' || !someFit;
    const candidates: Candidate[] = others
      .filter(({ fitness }) => isFit(fitness))
      .map(({ copies, ...other }) => ({ ...other, copies: new Map(copies.map(([id, number]) => [id, number])) }));
    if (!this.#leaving && isFit(this.#host.fitness()))
      candidates.push({ ...self, format, copies: this.#host.copies() });
    const names = candidates.map(({ node }) => node).sort();
    if (this.#ring?.names !== names.join()) this.#ring = { names: names.join(), ring: new Ring(names) };
    return new Proposal(candidates, partitions, this.#ring.ring);
  }

  #copiesWanted(proposal: Proposal): Set<PartitionId> {
    const wanted = new Set<PartitionId>();
    if (this.#leaving) return wanted;
    this.#view.owners.forEach((owner, partition) => {
      // Of what nobody owns whoever claims it will make one.
      if (owner === undefined || this.#isSelf(owner)) return;
      const standbys = proposal.standbys(partition, owner.node, this.#host.limits.standbys);
      if (standbys.includes(this.#host.self.node)) wanted.add(partition);
    });
    return wanted;
  }

  /** Takes what has no owner that lives, if nobody is fitter; what is ours by the register and was lost here goes to whoever is fittest. */
  async #claim(proposal: Proposal, nowMs: number): Promise<void> {
    const claimed = new Map<PartitionId, Owner>();
    this.#view.owners.forEach((_, partition) => {
      if (this.#isHeld(partition, nowMs)) return;
      const fittest = proposal.successor(partition, this.#view.formats[partition] ?? 1);
      if (fittest === undefined) return;
      if (this.isMine(partition) || fittest.node === this.#host.self.node) claimed.set(partition, ownerOf(fittest));
    });
    if (claimed.size > 0) await this.#write(claimed);
  }

  /** An outage of the journal is everybody's: only where it answers here for a while, and not there, is another owner any better. */
  async #tryJournal(nowMs: number): Promise<void> {
    const isSome = this.#host.members.all().some(({ fitness }) => fitness === 'no journal');
    const answers =
      isSome &&
      (await this.#host.ports.journal.last(0).then(
        () => true,
        () => false,
      ));
    this.#answeredSinceMs = answers ? (this.#answeredSinceMs ?? nowMs) : undefined;
  }

  /** True while a partition has an owner that lives. */
  #isHeld(partition: PartitionId, nowMs: number): boolean {
    const owner = this.#view.owners[partition];
    if (owner === undefined) return false;
    if (this.#isSelf(owner)) return this.#host.holds(partition);
    if (owner.node === this.#host.self.node) return false;
    const member = this.#host.members.get(owner.node);
    if (member === undefined) return nowMs - this.#startedMs < this.#host.settleMs;
    if (member.incarnation !== owner.incarnation) return false;
    const forMs = nowMs - (this.#answeredSinceMs ?? nowMs);
    return member.fitness !== 'no journal' || forMs < this.#host.limits.unfit_ms;
  }

  /** Hands partitions to nodes that the ring prefers, that have been alive for a while and have them warm. */
  async #yield(proposal: Proposal, nowMs: number): Promise<void> {
    const steadyMs = this.#host.limits.suspect_ms * 2;
    const targets = new Map<PartitionId, Owner>();
    for (const partition of this.mine) {
      const to = proposal.candidate(proposal.wanted(partition));
      if (to === undefined || to.node === this.#host.self.node || to.format < (this.#view.formats[partition] ?? 1))
        continue;
      const isSteady = this.#host.members.aliveMs(to.node, nowMs) >= steadyMs;
      if (isSteady && this.#isWarm(partition, to)) targets.set(partition, ownerOf(to));
    }
    await this.#move(targets);
  }

  #isWarm(partition: PartitionId, { copies }: Candidate): boolean {
    const mine = this.#host.copies().get(partition);
    const theirs = copies.get(partition);
    return mine !== undefined && theirs !== undefined && mine - theirs <= warm_records_max;
  }

  // ---------------------------------------------------------------- changing the register

  /** A few at a time: they are quiet here before the register names another owner. */
  async #move(targets: ReadonlyMap<PartitionId, Owner | undefined>): Promise<void> {
    const all = [...targets];
    for (let i = 0; i < all.length && !this.#stopped; i += move_partitions_max) {
      const few = new Map(all.slice(i, i + move_partitions_max).filter(([partition]) => this.isMine(partition)));
      await this.#host.handOver([...few.keys()]);
      // Dropped here: should another write have come first, the next must follow at once.
      for (let tries = 0; tries < 5 && few.size > 0; tries++) {
        if (await this.#write(few)) break;
        for (const partition of few.keys()) if (!this.isMine(partition)) few.delete(partition);
      }
    }
  }

  /** Names new owners, each in a new epoch. False when another write came first: the view is up to date then. */
  async #write(changes: ReadonlyMap<PartitionId, Owner | undefined>): Promise<boolean> {
    const owners = [...this.#view.owners];
    const epochs = [...this.#view.epochs];
    const formats = [...this.#view.formats];
    for (const [partition, owner] of changes) {
      owners[partition] = owner;
      if (owner !== undefined) epochs[partition] = (epochs[partition] ?? 0) + 1;
      const format = owner && (this.#isSelf(owner) ? this.#host.format : this.#host.members.get(owner.node)?.format);
      formats[partition] = Math.max(formats[partition] ?? 1, format ?? 1);
    }
    const value: Ownership = { owners, epochs, formats };
    const version = await this.#host.ports.ownership.write(this.#view.version, value);
    if (version === undefined) {
      await this.#refresh();
      this.#again = true;
      return false;
    }
    this.#adopt(version, value);
    this.#host.wrote();
    return true;
  }

  /** Partitions that are this node's by the register. */
  get mine(): PartitionId[] {
    return this.#view.owners.flatMap((owner, partition) => (this.#isSelf(owner) ? [partition] : []));
  }

  #isSelf(owner: Owner | undefined): boolean {
    return owner?.node === this.#host.self.node && owner.incarnation === this.#host.self.incarnation;
  }
}

function ownerOf({ node, incarnation }: { readonly node: NodeId; readonly incarnation: string }): Owner {
  return { node, incarnation };
}
