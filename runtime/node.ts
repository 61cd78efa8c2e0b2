/** A node: one process's share of the cluster, as the rest of the process sees it. */
import type { Address, AnyBehaviour, MailOf, Protocol, Push, Ref, ReplyOf } from './actor.ts';
import type { Asked, Door, OpenOutlet } from './door.ts';
import { Engine } from './engine.ts';
import type { NodeFigures } from './figures.ts';
import { partitionOf } from './hash.ts';
import { Inquiries } from './inquiries.ts';
import type { Answer, Inspected, NodeReport, Question, QuestionKind } from './inspection.ts';
import { Inspector } from './inspector.ts';
import type { Limits } from './limits.ts';
import type { Heartbeat } from './members.ts';
import type { View } from './ownership-view.ts';
import { Pins } from './pins.ts';
import type { NodeId, Owner, PartitionId, Ports } from './ports.ts';
import { putQuestion } from './questions.ts';

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
  /**
   * The format of state and mail that the behaviours read and write; 1 unless told otherwise. A partition once owned by a node of a higher
   * format is never given to one of a lower.
   */
  readonly format?: number;
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
  /** What operators read of the process around it, by name; set before `start`. */
  figures: (() => { readonly [name: string]: number }) | undefined;
  /** Called when an operator asks, from anywhere in the cluster, that this node be drained, or take its share again. */
  onDrain: ((draining: boolean) => void) | undefined;
  /** Called once the local store can't be used any more: stop the node, and start it in another process, which begins with an empty one. */
  onStoreLost: ((error: Error) => void) | undefined;
  #storeIsLost = false;
  readonly #ports: Ports;
  readonly #limits: Limits;
  readonly #engine: Engine;
  readonly #inspector: Inspector;
  readonly #inquiries: Inquiries;
  readonly #partitions: number;
  #startedAt = 0;
  #stopping: Promise<void> | undefined;
  #stopped = false;

  constructor(options: NodeOptions) {
    const { ports, limits, behaviours, partitions } = options;
    if (partitions < 1 || (partitions & (partitions - 1)) !== 0) {
      throw new RangeError(`partitions must be a power of two, not ${partitions}`);
    }
    this.#ports = ports;
    this.#limits = limits;
    this.node = ports.network.self;
    this.incarnation = ports.random.id();
    const self: Owner = { node: this.node, incarnation: this.incarnation };
    this.#engine = new Engine({
      ports,
      limits,
      behaviours,
      partitions,
      self,
      owns: options.role !== 'guest',
      settleMs: options.settleMs ?? limits.suspect_ms,
      format: options.format ?? 1,
      notice: () => this.notice,
      toldToDrain: (draining) => this.#toldToDrain(draining),
      storeLost: (error) => this.#storeLost(error),
      inquiry: (datagram) => this.#inquiries.heard(datagram),
    });
    this.#partitions = partitions;
    this.#inspector = this.#makeInspector();
    const answer = (question: Question): Promise<Inspected<unknown>> => this.#inspector.answer(question);
    this.#inquiries = new Inquiries({ ports, incarnation: this.incarnation, answer });
  }

  #makeInspector(): Inspector {
    const { holdings, snapshots, ownership, placement } = this.#engine;
    const pins = new Pins({
      ports: this.#ports,
      ownership,
      members: () => this.members,
      written: () => void placement.look(true),
    });
    return new Inspector({
      ports: this.#ports,
      limits: this.#limits,
      partitions: this.#partitions,
      pins,
      told: this.#engine.told,
      node: () => this.#report(),
      served: () => holdings.all(),
      serving: (id) => holdings.serving(id),
      snapshotOf: (id) => snapshots.status(id),
      snapshotNow: (id) => snapshots.now(id),
      verify: (id) => snapshots.verify(id),
      rebuild: (id) => snapshots.rebuild(id),
      push: () => {
        this.#engine.runner.schedule();
        this.#engine.afterSlice();
      },
      drain: (draining) => this.#toldToDrain(draining),
    });
  }

  /** Joins the cluster. Resolves at once; `ready` tells when there is something to talk to. */
  start(): void {
    this.#startedAt = this.#ports.clock.wallMs();
    this.#engine.start();
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

  /**
   * Moves all partitions to other nodes, and takes none until `resume`; the node stays a member, and its outlets stay open. Resolves true when
   * it owns none; false when there is nobody to have them by then: it serves them on, and gives them away as soon as there is.
   */
  async drain(): Promise<boolean> {
    const { placement, membership } = this.#engine;
    placement.beginLeaving();
    // The others are to know before there is something to claim.
    membership.sayAlive();
    return placement.moveAll(this.#limits.leave_wait_ms);
  }

  /** Takes its share of partitions again. */
  resume(): void {
    const { placement, membership } = this.#engine;
    placement.stay();
    membership.sayAlive();
    void placement.look(true);
  }

  get draining(): boolean {
    return this.#engine.placement.leaving;
  }

  /** Leaves: finishes and hands over what it owns, says goodbye. Bounded; what does not finish is left to the survivors. */
  stop(): Promise<void> {
    this.#stopping ??= this.#leave();
    return this.#stopping;
  }

  async #leave(): Promise<void> {
    if (this.#stopped) return;
    if (!(await this.drain())) await this.#engine.placement.giveUp();
    await this.#othersKnow();
    if (this.#stopped) return;
    this.#stopLoops();
    await this.#engine.close();
  }

  /** Waits until nobody sends here any more what this node does not own: until then it is refused, and so sent to whoever does. */
  async #othersKnow(): Promise<void> {
    const { ownership, membership } = this.#engine;
    const { version } = ownership.view;
    const endMs = this.#ports.clock.monotonicMs() + this.#limits.suspect_ms;
    const isBehind = ({ view }: Heartbeat): boolean => view < version;
    while (membership.members.all().some(isBehind) && this.#ports.clock.monotonicMs() < endMs) await this.#pause(10);
  }

  #stopLoops(): void {
    this.#stopped = true;
    this.#inquiries.stop();
    this.#engine.stopLoops();
  }

  /** Stops at once, as if the process had died: no hand-over, no goodbye. For tests and simulations. */
  halt(): void {
    this.#stopLoops();
    this.#engine.halt();
  }

  // ---------------------------------------------------------------- the door

  ask<P extends Protocol, K extends keyof P & string>(
    to: Ref<P>,
    mail: { readonly kind: K } & P[K]['mail'],
    waitMs = 10_000,
  ): Promise<Asked<ReplyOf<P, K>>> {
    if (this.#stopped) return Promise.resolve({ kind: 'refused', why: 'stopped' });
    const asked = this.#engine.post.asks.ask(to.address, this.#engine.partitionOf(to.address), mail, waitMs);
    this.#engine.runner.schedule();
    return asked;
  }

  whisper<P extends Protocol>(to: Ref<P>, mail: MailOf<P>, trace?: string): 'ok' | 'full' | 'moved' {
    if (this.#stopped) return 'moved';
    const sent = this.#engine.post.whisper(to.address, undefined, mail, trace);
    this.#engine.runner.schedule();
    return sent;
  }

  openOutlet<P extends Protocol>(
    to: Ref<P>,
    receive: (push: Push, trace?: string) => void,
    moved: () => void,
  ): OpenOutlet {
    return this.#engine.post.outlets.open(this.#engine.partitionOf(to.address), receive, moved);
  }

  onSignal(name: string, heard: (from: Address, value: unknown) => void): () => void {
    return this.#engine.post.signals.on(name, heard);
  }

  nodeOf<P extends Protocol>(to: Ref<P>): string {
    return this.#engine.ownership.ownerOf(this.#engine.partitionOf(to.address))?.node ?? '';
  }

  homeOf<P extends Protocol>(to: Ref<P>): string {
    const partition = this.#engine.partitionOf(to.address);
    if (this.#engine.ownership.isMine(partition)) return this.notice;
    const owner = this.#engine.ownership.ownerOf(partition);
    return owner === undefined ? '' : (this.#engine.membership.members.get(owner.node)?.notice ?? '');
  }

  // ---------------------------------------------------------------- for operators and figures

  get counts(): NodeCounts {
    const { appends, records, turns, bytes } = this.#engine.committer.counts;
    return { turns: this.#engine.runner.turns, appends, records, recordTurns: turns, recordBytes: bytes };
  }

  /** How full and how far it is now. */
  levels(): NodeFigures {
    return this.#engine.levels();
  }

  /**
   * Asks any node of the cluster about itself or what it serves: the owner of the partition that the question is about, or `at`. Never rejects.
   * A question that comes to nothing within `waitMs` may have been carried out, if it is one of those that change something.
   */
  inspect<K extends QuestionKind>(
    question: Question<K>,
    at: NodeId = this.node,
    waitMs = 5_000,
  ): Promise<Inspected<Answer<K>>> {
    const { ownership, membership } = this.#engine;
    const host = {
      self: this.node,
      partitions: this.#partitions,
      ownerOf: (partition: PartitionId) => ownership.ownerOf(partition),
      isMember: (node: NodeId) => membership.members.get(node) !== undefined,
      freshView: () => ownership.fresh(),
      answer: (asked: Question) => this.#inspector.answer(asked),
      ask: (node: NodeId, asked: Question, ms: number) => this.#inquiries.ask(node, asked, ms),
    };
    return putQuestion(host, question, at, waitMs);
  }

  /** The partition that an actor lives in. */
  partitionOf(address: Address): PartitionId {
    return partitionOf(address, this.#partitions);
  }

  /** What all live nodes say of themselves, this one included, as it was heard last. */
  get members(): Heartbeat[] {
    const { node, incarnation } = this;
    return [{ node, incarnation, ...this.#engine.state() }, ...this.#engine.membership.members.all()];
  }

  /** Nodes that were taken for lost, and were not heard of again since. */
  get lost(): NodeId[] {
    return this.#engine.membership.lost;
  }

  #report(): NodeReport {
    const { holdings } = this.#engine;
    const { role, notice, leaving, fitness, format, view, owns } = this.#engine.state();
    let [awakeActors, waitingMails, outboxMails] = [0, 0, 0];
    for (const { mailboxes, outbox } of holdings.all()) {
      for (const cell of mailboxes.cells.values()) if (cell.awake) awakeActors++;
      waitingMails += mailboxes.waiting;
      outboxMails += outbox.waiting;
    }
    const { node, incarnation } = this;
    const state = { node, incarnation, role, notice, leaving, fitness, format, view, owns };
    const counts = { awakeActors, waitingMails, outboxMails, ...this.counts };
    return { ...state, startedAt: this.#startedAt, ...counts, figures: this.figures?.() ?? {} };
  }

  /** True when the actor lives on this node now. */
  serves<P extends Protocol>(to: Ref<P>): boolean {
    return this.#engine.holdings.serving(this.#engine.partitionOf(to.address)) !== undefined;
  }

  /** Partitions that this node serves now. */
  get owned(): PartitionId[] {
    return this.#engine.holdings.ids;
  }

  /** Who owns what, as far as this node knows. */
  get view(): View {
    return this.#engine.ownership.view;
  }

  /** Names of the other nodes that are alive, as far as this node knows. */
  get peers(): string[] {
    return this.#engine.membership.members.all().map((member) => member.node);
  }

  #isReady(): boolean {
    if (this.#engine.holdings.opening > 0) return false;
    return this.#engine.ownership.view.owners.every((owner, partition) => {
      if (owner === undefined) return false;
      if (this.#engine.ownership.isMine(partition)) return this.#engine.holdings.holds(partition);
      return this.#engine.membership.members.get(owner.node)?.incarnation === owner.incarnation;
    });
  }

  #storeLost(error: Error): void {
    if (this.#storeIsLost) return;
    this.#storeIsLost = true;
    this.#ports.log.error(
      { error },
      'the local store is lost: this process must end; the next one begins with an empty store',
    );
    this.onStoreLost?.(error);
  }

  #toldToDrain(draining: boolean): void {
    // Told again and again until it is seen to happen.
    if (draining === this.draining || this.#stopping !== undefined) return;
    this.onDrain?.(draining);
    if (draining) void this.drain();
    else this.resume();
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#ports.timers.after(ms, resolve);
    });
  }
}
