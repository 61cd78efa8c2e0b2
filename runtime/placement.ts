/**
 * Who owns which partition. The ring proposes, the ownership register decides by compare-and-set (ARCHITECTURE §5). A wrong view costs time
 * only: safety rests on the journal.
 */
import type { Limits } from './limits.ts';
import type { Members } from './members.ts';
import type { NodeId, Owner, Ownership, PartitionId, Ports } from './ports.ts';
import { Ring } from './ring.ts';

export interface View {
  readonly version: number;
  readonly owners: readonly (Owner | undefined)[];
  readonly epochs: readonly number[];
}

export interface PlacementHost {
  readonly ports: Ports;
  readonly limits: Limits;
  readonly members: Members;
  readonly self: Owner;
  readonly partitions: number;
  /** False for a guest. */
  readonly owns: boolean;
  /** How long to listen for other nodes before claiming anything, ms. */
  readonly settleMs: number;
  /** The view changed: open what is ours, drop what is not, send mail again to who moved. */
  changed(before: View, after: View): void;
  /** The register has a new version by our hand: the others should look. */
  wrote(): void;
  /** False for a partition that is this node's by the register and not served here: it needs a new epoch. */
  holds(partition: PartitionId): boolean;
  /** Lets go of partitions that another node should have: resolves when they are quiet, with those that are. */
  handOver(partitions: readonly PartitionId[]): Promise<PartitionId[]>;
}

/** Looks in a row that found no register, before an operator is told. */
const unanswered_looks_told = 8;

export class Placement {
  readonly #host: PlacementHost;
  #view: View;
  #busy = false;
  #unanswered = 0;
  #again = false;
  #startedMs = 0;
  #lookedMs = 0;
  #readMs = Number.NEGATIVE_INFINITY;
  #leaving = false;
  #stopped = false;

  constructor(host: PlacementHost) {
    this.#host = host;
    const none = Array.from({ length: host.partitions }, () => undefined);
    this.#view = { version: 0, owners: none, epochs: none.map(() => 0) };
  }

  get view(): View {
    return this.#view;
  }

  /** When the last look at the register that succeeded began, monotonic ms: nobody had taken over by then but in the view. */
  get readMs(): number {
    return this.#readMs;
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

  /** Gives all partitions back; resolves when the register says so, or after a failure that others will mend. */
  async leave(): Promise<void> {
    this.#leaving = true;
    for (let tries = 0; tries < 5; tries++) {
      const mine = this.#mine();
      if (mine.length === 0) return;
      try {
        await this.#giveUp(await this.#host.handOver(mine));
      } catch (error) {
        this.#host.ports.log.warn({ error }, 'giving partitions back failed; trying again');
      }
    }
  }

  async #look(prompt: boolean): Promise<void> {
    const { clock } = this.#host.ports;
    const nowMs = clock.monotonicMs();
    const due = nowMs - this.#lookedMs >= this.#host.limits.ownership_poll_ms;
    if (prompt || due || this.#outdated()) {
      await this.#refresh();
      this.#lookedMs = nowMs;
    }
    if (!this.#host.owns || this.#leaving || nowMs - this.#startedMs < this.#host.settleMs) return;
    // Cut off from the mail, it hears of nobody and nobody would reach what it claimed.
    if (!this.#host.ports.network.connected()) return;
    const wanted = this.#proposal();
    await this.#claim(wanted, nowMs);
    await this.#yield(wanted, nowMs);
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

  #adopt(version: number, value: Ownership): void {
    if (version <= this.#view.version) return;
    if (value.owners.length !== this.#host.partitions) {
      throw new Error(
        `the cluster has ${value.owners.length} partitions, this node is set to ${this.#host.partitions}`,
      );
    }
    const before = this.#view;
    this.#view = { version, owners: value.owners, epochs: value.epochs };
    this.#host.changed(before, this.#view);
  }

  #proposal(): NodeId[] {
    const nodes = this.#host.members
      .all()
      .filter((member) => member.role === 'owner' && !member.leaving)
      .map((member) => member.node);
    return new Ring([...nodes, this.#host.self.node]).assign(this.#host.partitions);
  }

  async #claim(wanted: readonly NodeId[], nowMs: number): Promise<void> {
    const claimed = wanted
      .map((node, partition) => ({ node, partition }))
      .filter(({ node, partition }) => node === this.#host.self.node && !this.#isHeld(partition, nowMs))
      .map(({ partition }) => partition);
    if (claimed.length === 0) return;
    const owners = [...this.#view.owners];
    const epochs = [...this.#view.epochs];
    for (const partition of claimed) {
      owners[partition] = this.#host.self;
      epochs[partition] = (epochs[partition] ?? 0) + 1;
    }
    await this.#write({ owners, epochs });
  }

  /** True while a partition has an owner that lives. */
  #isHeld(partition: PartitionId, nowMs: number): boolean {
    const owner = this.#view.owners[partition];
    if (owner === undefined) return false;
    if (this.#isSelf(owner)) return this.#host.holds(partition);
    if (owner.node === this.#host.self.node) return false;
    const member = this.#host.members.get(owner.node);
    if (member === undefined) return nowMs - this.#startedMs < this.#host.settleMs;
    return member.incarnation === owner.incarnation;
  }

  /** Hands partitions to nodes that the ring prefers and that have been alive for a while. */
  async #yield(wanted: readonly NodeId[], nowMs: number): Promise<void> {
    const steadyMs = this.#host.limits.suspect_ms * 2;
    const others = this.#mine().filter((partition) => {
      const node = wanted[partition];
      return node !== undefined && node !== this.#host.self.node && this.#host.members.aliveMs(node, nowMs) >= steadyMs;
    });
    if (others.length > 0) await this.#giveUp(await this.#host.handOver(others));
  }

  async #giveUp(partitions: readonly PartitionId[]): Promise<void> {
    if (partitions.length === 0) return;
    const owners = [...this.#view.owners];
    for (const partition of partitions) if (this.#isSelf(owners[partition])) owners[partition] = undefined;
    await this.#write({ owners, epochs: this.#view.epochs });
  }

  async #write(value: Ownership): Promise<void> {
    const version = await this.#host.ports.ownership.write(this.#view.version, value);
    if (version === undefined) {
      await this.#refresh();
      this.#again = true;
    } else {
      this.#adopt(version, value);
      this.#host.wrote();
    }
  }

  #mine(): PartitionId[] {
    return this.#view.owners.flatMap((owner, partition) => (this.#isSelf(owner) ? [partition] : []));
  }

  #isSelf(owner: Owner | undefined): boolean {
    return owner?.node === this.#host.self.node && owner.incarnation === this.#host.self.incarnation;
  }
}
