/**
 * Who owns which partition. The ring proposes, the ownership register decides by compare-and-set (ARCHITECTURE §5). A wrong view costs time
 * only: safety rests on the journal.
 */
import { Calm } from './calm.ts';
import { Candidates, type CandidatesHost } from './candidates.ts';
import type { OwnershipView, View } from './ownership-view.ts';
import type { PartitionId } from './ports.ts';
import type { Candidate, Proposal } from './proposal.ts';
import { Unrest } from './unrest.ts';

export interface PlacementHost extends CandidatesHost {
  readonly ownership: OwnershipView;
  /** False for a guest. */
  readonly owns: boolean;
  /** How long to listen for other nodes before claiming anything, ms. */
  readonly settleMs: number;
  /** False for a partition that is this node's by the register and not served here: it needs a new epoch. */
  holds(partition: PartitionId): boolean;
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
/** And has been there for so many heartbeats: a new one takes a while to follow the journal. */
const warm_heartbeats = 2;
/** Calm is when neither owners nor copies wanted here have changed for so many heartbeats, or some did again and again for so many. */
const calm_heartbeats = 2;
const calm_wait_heartbeats_max = 20;
const leave_poll_ms = 20;
/** Tries to name the new owners of partitions that are quiet here. */
const write_tries_max = 5;
/** After a look that failed, such as by another node's write at the same moment. */
const look_again_ms = 40;

export class Placement {
  readonly #host: PlacementHost;
  readonly #candidates: Candidates;
  readonly #unrest: Unrest;
  readonly #calm: Calm;
  /** Partitions that there should be copies of here, as of the last look. */
  #wanted: ReadonlySet<PartitionId> = new Set();
  #busy = false;
  #unanswered = 0;
  #again = false;
  #startedMs = 0;
  #lookedMs = 0;
  #leaving = false;
  #moving: Promise<boolean> | undefined;
  #gaveUp = false;
  /** Partitions of which it was told that nobody who lives reads their format. */
  readonly #unreadable = new Set<PartitionId>();
  #stopped = false;

  constructor(host: PlacementHost) {
    this.#host = host;
    this.#candidates = new Candidates(host);
    const { suspect_ms, heartbeat_ms } = host.limits;
    this.#unrest = new Unrest(suspect_ms);
    this.#calm = new Calm(calm_heartbeats * heartbeat_ms, calm_wait_heartbeats_max * heartbeat_ms);
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
      const { log, timers, probe } = this.#host.ports;
      probe?.count('register_errors', '', 1);
      if (this.#unanswered === 1) timers.after(look_again_ms, () => void this.look(true));
      const words = 'the ownership register did not answer; trying again';
      // An election in NATS takes a few seconds: no news until it takes longer.
      if (this.#unanswered % unanswered_looks_told === 0) log.warn({ error, times: this.#unanswered }, words);
      else log.info({ error }, words);
    } finally {
      this.#busy = false;
    }
  }

  /** The register names other owners. */
  changed(before: View, after: View): void {
    const nowMs = this.#host.ports.clock.monotonicMs();
    this.#unrest.seen(before, after, nowMs);
    this.#calm.changed(nowMs);
  }

  /** Partitions don't move, as far as can be seen: a time for work that would take processor and journal from them. */
  get isCalm(): boolean {
    return this.#calm.isCalm(this.#host.ports.clock.monotonicMs());
  }

  // ---------------------------------------------------------------- leaving

  /** Claims nothing from now on, and gives away what it has as soon as there is somebody to have it. */
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
  moveAll(waitMs: number): Promise<boolean> {
    this.#moving ??= this.#moveAll(waitMs).finally(() => {
      this.#moving = undefined;
    });
    return this.#moving;
  }

  async #moveAll(waitMs: number): Promise<boolean> {
    const { clock, timers } = this.#host.ports;
    const startedMs = clock.monotonicMs();
    while (this.#host.ownership.mine.length > 0) {
      const lateMs = clock.monotonicMs() - startedMs - waitMs;
      const proposal = this.#candidates.proposal(this.#leaving);
      if (!this.#leaving || this.#stopped || lateMs > waitMs || proposal.isEmpty) return false;
      await this.#moveOrSay(this.#targets(proposal, lateMs < 0));
      if (this.#host.ownership.mine.length === 0) break;
      await new Promise<void>((resolve) => {
        timers.after(leave_poll_ms, resolve);
      });
    }
    return true;
  }

  /** Gives up what is still ours, for anybody to claim, and claims nothing any more. */
  async giveUp(): Promise<void> {
    this.#gaveUp = true;
    const mine = this.#host.ownership.mine;
    if (mine.length === 0) return;
    await this.#host.handOver(mine);
    await this.#moveOrSay(new Map(mine.map((partition) => [partition, undefined])));
  }

  /** Who else should have what is ours: those with a warm copy, or anybody. `proposal`: without this node. */
  #targets(proposal: Proposal, warmOnly: boolean): Map<PartitionId, Candidate> {
    const here = this.#host.copies();
    const targets = new Map<PartitionId, Candidate>();
    for (const partition of this.#host.ownership.mine) {
      const to = this.#successor(partition, proposal);
      if (to === undefined) continue;
      // What is not open here is waited for already.
      if (!warmOnly || !here.has(partition) || this.#isWarm(partition, here, to)) targets.set(partition, to);
    }
    return targets;
  }

  async #moveOrSay(targets: ReadonlyMap<PartitionId, Candidate | undefined>): Promise<void> {
    try {
      await this.#move(targets);
    } catch (error) {
      this.#host.ports.log.warn({ error }, 'moving partitions failed');
    }
  }

  // ---------------------------------------------------------------- looking

  async #look(prompt: boolean): Promise<void> {
    const { clock } = this.#host.ports;
    const nowMs = clock.monotonicMs();
    const due = nowMs - this.#lookedMs >= this.#host.limits.ownership_poll_ms;
    if (prompt || due || this.#outdated()) {
      await this.#host.ownership.refresh();
      this.#lookedMs = nowMs;
    }
    if (!this.#host.owns || nowMs - this.#startedMs < this.#host.settleMs) return;
    // Cut off from the mail, it hears of nobody and nobody would reach what it claimed.
    if (!this.#host.ports.network.connected()) return;
    void this.#candidates.tryJournal(nowMs);
    const proposal = this.#candidates.proposal(this.#leaving);
    this.#standBy(this.#copiesWanted(proposal), nowMs);
    if (!this.#isClearing) await this.#claim(proposal, nowMs);
    if (this.#isClearing) return;
    const fitness = this.#host.fitness();
    const isOut = fitness === 'no store' && proposal.candidate(this.#host.self.node) === undefined;
    if (this.#leaving || isOut) await this.#move(this.#targets(proposal, true));
    else if (fitness === 'fit') await this.#yield(proposal, nowMs);
  }

  /** All is on its way to others: nothing is to be claimed, or moved a second time. */
  get #isClearing(): boolean {
    return this.#moving !== undefined || this.#gaveUp;
  }

  /** Someone acts on a newer version than we know. */
  #outdated(): boolean {
    return this.#host.members.all().some((member) => member.view > this.#host.ownership.view.version);
  }

  /** Who should take over what nobody serves; undefined where nobody can. */
  #successor(partition: PartitionId, proposal: Proposal): Candidate | undefined {
    const format = this.#host.ownership.formatOf(partition);
    const successor = proposal.successor(partition, format);
    if (successor !== undefined || proposal.isEmpty) this.#unreadable.delete(partition);
    else if (!this.#unreadable.has(partition)) {
      this.#unreadable.add(partition);
      const words = 'nobody else who lives reads the format of a partition: it waits for one who does';
      this.#host.ports.log.error({ partition, format }, words);
    }
    return successor;
  }

  #standBy(wanted: ReadonlySet<PartitionId>, nowMs: number): void {
    const isSame = wanted.size === this.#wanted.size && [...wanted].every((partition) => this.#wanted.has(partition));
    this.#wanted = wanted;
    if (!isSame) this.#calm.changed(nowMs);
    this.#host.standBy(wanted);
  }

  #copiesWanted(proposal: Proposal): Set<PartitionId> {
    const wanted = new Set<PartitionId>();
    if (this.#leaving) return wanted;
    this.#host.ownership.view.owners.forEach((owner, partition) => {
      // Of what nobody owns whoever claims it will make one.
      if (owner === undefined || this.#host.ownership.isSelf(owner)) return;
      const standbys = proposal.standbys(partition, owner.node, this.#host.limits.standbys);
      if (standbys.includes(this.#host.self.node)) wanted.add(partition);
    });
    return wanted;
  }

  /** Takes what has no owner that lives, if nobody is fitter; what is ours by the register and was lost here goes to whoever is fittest. */
  async #claim(proposal: Proposal, nowMs: number): Promise<void> {
    const claimed = new Map<PartitionId, Candidate>();
    const { node } = this.#host.self;
    this.#host.ownership.view.owners.forEach((_, partition) => {
      if (this.#isHeld(partition, nowMs) || !this.#unrest.allowsClaim(partition, nowMs)) return;
      const mine = this.#host.ownership.isMine(partition);
      // One that leaves looks after what it has, while nobody is there to have it.
      const fittest =
        this.#successor(partition, proposal) ?? (mine && this.#leaving ? this.#candidates.self() : undefined);
      if (fittest === undefined || (!mine && fittest.node !== node)) return;
      // It could not begin with it.
      if (fittest.node === node && this.#host.fitness() === 'no journal') return;
      claimed.set(partition, fittest);
    });
    if (claimed.size > 0 && !(await this.#host.ownership.write(claimed))) this.#again = true;
  }

  /** True while a partition has an owner that lives. */
  #isHeld(partition: PartitionId, nowMs: number): boolean {
    const owner = this.#host.ownership.ownerOf(partition);
    if (owner === undefined) return false;
    if (this.#host.ownership.isSelf(owner)) return this.#host.holds(partition);
    if (owner.node === this.#host.self.node) return false;
    const member = this.#host.members.get(owner.node);
    if (member === undefined) return nowMs - this.#startedMs < this.#host.settleMs;
    if (member.incarnation !== owner.incarnation) return false;
    return member.fitness !== 'no journal' || this.#candidates.answeredMs(nowMs) < this.#host.limits.unfit_ms;
  }

  /** Hands partitions to nodes that the ring prefers, that have been alive for a while and have them warm. */
  async #yield(proposal: Proposal, nowMs: number): Promise<void> {
    const { members, self, ownership, limits } = this.#host;
    const here = this.#host.copies();
    const targets = new Map<PartitionId, Candidate>();
    for (const partition of ownership.mine) {
      const to = proposal.candidate(proposal.wanted(partition));
      if (to === undefined || to.node === self.node || to.format < ownership.formatOf(partition)) continue;
      const isSteady = members.aliveMs(to.node, nowMs) >= limits.suspect_ms * 2;
      const isSound = members.get(to.node)?.fitness === 'fit' && this.#isWarm(partition, here, to);
      if (isSteady && isSound && this.#unrest.allowsMove(partition, nowMs)) targets.set(partition, to);
    }
    await this.#move(targets);
  }

  // ---------------------------------------------------------------- changing the register

  /** A few at a time: they are quiet here before the register names another owner. */
  async #move(targets: ReadonlyMap<PartitionId, Candidate | undefined>): Promise<void> {
    const all = [...targets];
    const wasLeaving = this.#leaving;
    for (let i = 0; i < all.length && !this.#stopped && this.#leaving === wasLeaving; i += move_partitions_max) {
      const few = new Map(all.slice(i, i + move_partitions_max).filter(([, to]) => this.#isThere(to)));
      if (few.size === 0) continue;
      // They pause only once it is known that the register answers.
      await this.#host.ownership.refresh();
      this.#keepMine(few);
      await this.#host.handOver([...few.keys()]);
      // Dropped here: should another write have come first, the next must follow at once.
      for (let tries = 0; tries < write_tries_max; tries++) {
        this.#keepMine(few);
        if (few.size === 0 || (await this.#host.ownership.write(few))) break;
        this.#again = true;
      }
    }
  }

  /** Whoever came first has the others. */
  #keepMine(changes: Map<PartitionId, unknown>): void {
    for (const partition of changes.keys()) if (!this.#host.ownership.isMine(partition)) changes.delete(partition);
  }

  /** Moving many takes a while: none goes to a node that has gone meanwhile. */
  #isThere(to: Candidate | undefined): boolean {
    const member = to && this.#host.members.get(to.node);
    return to === undefined || (member?.incarnation === to.incarnation && !member.leaving);
  }

  /** Its copy is as good as up to date, and is no longer only just beginning to follow the journal. */
  #isWarm(partition: PartitionId, here: ReadonlyMap<PartitionId, number>, { node, copies }: Candidate): boolean {
    const mine = here.get(partition);
    const theirs = copies.get(partition);
    if (mine === undefined || theirs === undefined || mine - theirs > warm_records_max) return false;
    const { members, limits, ports } = this.#host;
    return members.copyMs(node, partition, ports.clock.monotonicMs()) >= limits.heartbeat_ms * warm_heartbeats;
  }
}
