/** The partitions that a node serves: opens what becomes its own, lets go of what does not stay so, hands over what another should have. */
import type { Limits } from './limits.ts';
import type { View } from './ownership-view.ts';
import type { Ends } from './parcel.ts';
import type { Partition } from './partition.ts';
import type { PartitionHost } from './partition-host.ts';
import { type PartitionId, type Ports, StoreDamaged, type StoreLost } from './ports.ts';
import type { Replica } from './replica.ts';
import { TakeoverFailed, type TakeoverHost, takeOver } from './takeover.ts';
import type { WriteBehind } from './write-behind.ts';

export interface HoldingsHost extends Omit<PartitionHost, 'broken'> {
  readonly ports: Ports;
  readonly limits: Limits;
  readonly writeBehind: WriteBehind;
  readonly distrusted: Set<PartitionId>;
  trusted(id: PartitionId): void;
  storeLost(error: StoreLost): void;
  isMine(id: PartitionId): boolean;
  epochOf(id: PartitionId): number;
  /** The standby's copy of a partition that becomes this node's own, where there is one. */
  copyOf(id: PartitionId): Promise<Replica | undefined>;
  /** Appends what has gathered, and sends what waits. */
  push(): void;
  /** Is about to be handed over: this many records are all that its journal has. */
  ended(ends: Ends): void;
  /** Serves from now on: mail that waited for it may come in. */
  opened(partition: Partition): void;
  /** Will not be opened here after all. */
  notOpened(id: PartitionId): void;
  /** The register may say something else by now. */
  doubtView(): void;
}

/** After a partition could not be opened for so long it is claimed anew, by whoever is fittest. */
const opening_ms_max = 15_000;

export class Holdings {
  readonly #host: HoldingsHost;
  readonly #takeover: TakeoverHost;
  readonly #open = new Map<PartitionId, Partition>();
  readonly #opening = new Set<PartitionId>();
  /** Since when the journal was to have their epoch bumps, monotonic ms. */
  readonly #bumpless = new Map<PartitionId, number>();
  /**
   * The last epoch in which each was served, or could not be. An epoch is one `Partition` and no more: an append of an earlier one that is
   * still under way would pass for the later one's own.
   */
  readonly #spent = new Map<PartitionId, number>();
  #stopped = false;

  constructor(host: HoldingsHost) {
    this.#host = host;
    this.#takeover = {
      ...host,
      broken: (partition, error) => this.broken(partition, error),
      stillMine: (id, epoch) => this.#stillMine(id, epoch),
      bumped: (id) => void this.#bumpless.delete(id),
    };
  }

  all(): Iterable<Partition> {
    return this.#open.values();
  }

  /** A partition that takes mail and has turns. */
  serving(id: PartitionId): Partition | undefined {
    const partition = this.#open.get(id);
    return partition?.running ? partition : undefined;
  }

  isOpening(id: PartitionId): boolean {
    return this.#opening.has(id);
  }

  /** Open, or about to be. */
  holds(id: PartitionId): boolean {
    return this.#open.has(id) || this.#opening.has(id);
  }

  get opening(): number {
    return this.#opening.size;
  }

  /** For how long the journal has not taken an epoch bump that it was to take, ms; 0 while it does. */
  get bumplessMs(): number {
    const nowMs = this.#host.ports.clock.monotonicMs();
    return Math.max(0, ...[...this.#bumpless.values()].map((sinceMs) => nowMs - sinceMs));
  }

  get ids(): PartitionId[] {
    return [...this.#open.keys()].sort((a, b) => a - b);
  }

  /** Opens and drops what the new view says. */
  follow({ epochs }: View): void {
    epochs.forEach((epoch, id) => {
      const mine = this.#host.isMine(id);
      const open = this.#open.get(id);
      if (open !== undefined && (!mine || open.position.epoch !== epoch)) this.drop(id);
      if (mine) void this.#takeOver(id);
    });
  }

  /** Another owner has written to its journal: whatever it had not committed never happened. */
  fenced(partition: Partition): void {
    const { id, position } = partition;
    this.#host.ports.log.warn({ partition: id, epoch: position.epoch }, 'fenced: another owner has written');
    this.#host.ports.probe?.count('partitions_dropped', 'fenced', 1);
    this.#host.told?.chronicle.note({ kind: 'dropped', partition: id, epoch: position.epoch, why: 'fenced' });
    this.#dropThis(partition);
    this.#host.doubtView();
  }

  /** Nothing of it can be relied on but its journal. It will be claimed anew, by this node or another, at the next look at the register. */
  broken(partition: Partition, error: unknown): void {
    const { id, position } = partition;
    this.#host.ports.log.error(
      { partition: id, epoch: position.epoch, error },
      error instanceof StoreDamaged ? 'partition dropped, to be rebuilt' : 'an invariant is broken: partition dropped',
    );
    const isDamaged = error instanceof StoreDamaged;
    const why = isDamaged ? 'damaged' : 'broken';
    this.#host.ports.probe?.count('partitions_dropped', why, 1);
    this.#host.told?.chronicle.note({ kind: 'dropped', partition: id, epoch: position.epoch, why });
    if (isDamaged) this.#host.distrusted.add(id);
    this.#dropThis(partition);
  }

  /** What the local store holds of a partition is wrong. */
  damaged(error: StoreDamaged): void {
    const partition = this.#open.get(error.partition);
    if (partition !== undefined) this.broken(partition, error);
  }

  #dropThis(partition: Partition): void {
    partition.stop();
    if (this.#open.get(partition.id) === partition) this.drop(partition.id);
  }

  drop(id: PartitionId): void {
    const partition = this.#open.get(id);
    if (partition === undefined) return;
    partition.stop();
    this.#open.delete(id);
    this.#host.release(partition.mailboxes.unanswered());
  }

  /** As if the process had died. */
  halt(): void {
    this.#stopped = true;
    for (const partition of this.#open.values()) partition.stop();
    this.#open.clear();
  }

  /** Drops all, and opens none any more. */
  stop(): void {
    this.#stopped = true;
    for (const id of this.ids) this.drop(id);
  }

  /**
   * Waits until partitions have nothing in flight and nothing waiting, and drops them. What of theirs the local store lacks is in the journal.
   */
  async handOver(ids: readonly PartitionId[]): Promise<void> {
    const { clock, timers } = this.#host.ports;
    const partitions = ids.flatMap((id) => this.#open.get(id) ?? []);
    const endMs = clock.monotonicMs() + this.#host.limits.suspect_ms;
    this.#host.ports.log.info({ partitions: ids }, 'handing partitions over');
    for (const partition of partitions) partition.closing = true;
    const busy = (): boolean => partitions.some((one) => !one.stopped && (one.inFlight !== undefined || one.dirty));
    this.#host.push();
    while (busy() && clock.monotonicMs() < endMs) {
      await new Promise<void>((resolve) => {
        timers.after(1, resolve);
      });
    }
    this.#host.ended(partitions.map(({ id, position }) => [id, position.number]));
    for (const partition of partitions) this.#dropThis(partition);
    this.#host.ports.probe?.count('moves', '', partitions.length);
    // Their askers are to hear that they moved before they hear of the new owner.
    this.#host.push();
  }

  /** Sends unsettled mail again: its receiver has moved, or has missed some. */
  resend(is: (to: PartitionId) => boolean): void {
    for (const partition of this.#open.values()) {
      for (const channel of partition.outbox.all()) {
        if (!is(channel.to)) continue;
        channel.rewind();
        partition.send(channel.to);
      }
    }
  }

  resendOverdue(): void {
    const nowMs = this.#host.ports.clock.monotonicMs();
    for (const partition of this.#open.values()) {
      for (const channel of partition.outbox.all()) {
        if (!channel.overdue(this.#host.limits.channel_resend_ms, nowMs)) continue;
        channel.rewind();
        partition.send(channel.to);
      }
    }
  }

  // ---------------------------------------------------------------- opening

  async #takeOver(id: PartitionId): Promise<void> {
    if (this.holds(id) || !this.#mayOpen(id)) return;
    this.#opening.add(id);
    const copy = await this.#host.copyOf(id);
    const endMs = this.#host.ports.clock.monotonicMs() + opening_ms_max;
    for (let tries = 0; this.#mayOpen(id); tries++) {
      if (!this.#bumpless.has(id)) this.#bumpless.set(id, this.#host.ports.clock.monotonicMs());
      const epoch = this.#host.epochOf(id);
      try {
        const partition = await takeOver(id, epoch, this.#takeover, copy);
        // Another is named, or damage was found in the store that it began with.
        if (this.#stillMine(id, epoch) && !this.#host.distrusted.has(id)) {
          this.#host.ports.probe?.count('takeovers', copy === undefined ? 'cold' : 'warm', 1);
          this.#serve(partition);
          this.#host.told?.chronicle.served(id, epoch, copy !== undefined);
          return;
        }
        partition.stop();
        continue;
      } catch (error) {
        if (!this.#stillMine(id, epoch)) continue;
        if (error instanceof TakeoverFailed && error.superseded) {
          this.#spent.set(id, epoch);
          this.#host.doubtView();
          break;
        }
        this.#host.ports.log.error({ partition: id, epoch, error }, 'taking over a partition failed; trying again');
        this.#host.ports.probe?.count('takeovers', 'failed', 1);
        if (tries === 0) this.#host.told?.chronicle.note({ kind: 'takeoverFailed', partition: id, epoch });
        if (this.#host.ports.clock.monotonicMs() >= endMs) {
          // It may be this node's fault: whoever has a sound copy is to have it, or this one once more.
          this.#spent.set(id, epoch);
          break;
        }
      }
      await this.#pause(tries);
    }
    copy?.stop();
    this.#opening.delete(id);
    this.#bumpless.delete(id);
    this.#host.notOpened(id);
  }

  #pause(tries: number): Promise<void> {
    return new Promise((resolve) => {
      this.#host.ports.timers.after(Math.min(2_000, 50 * 2 ** Math.min(tries, 6)), resolve);
    });
  }

  #serve(partition: Partition): void {
    const { id } = partition;
    this.#host.ports.log.info({ partition: id, epoch: partition.position.epoch }, 'serving a partition');
    this.#opening.delete(id);
    this.#spent.set(id, partition.position.epoch);
    this.#open.set(id, partition);
    try {
      partition.timers.look();
      for (const channel of partition.outbox.all()) {
        channel.rewind();
        partition.send(channel.to);
      }
      this.#host.opened(partition);
      // Mail that others sent here while it was nobody's is overdue with them; these are our own partitions' shares of it.
      this.resend((to) => to === id);
    } catch (error) {
      this.broken(partition, error);
      this.#host.notOpened(id);
    }
  }

  #mayOpen(id: PartitionId): boolean {
    return !this.#stopped && this.#host.isMine(id) && this.#host.epochOf(id) > (this.#spent.get(id) ?? 0);
  }

  #stillMine(id: PartitionId, epoch: number): boolean {
    return !this.#stopped && this.#host.isMine(id) && this.#host.epochOf(id) === epoch;
  }
}
