/** What operators ask of the ownership register: that a node own a partition, or that the ring decide again. Placement does the moving. */
import { found, type Inspected, none } from './inspection.ts';
import type { Heartbeat } from './members.ts';
import type { OwnershipView } from './ownership-view.ts';
import type { NodeId, PartitionId, Ports } from './ports.ts';

export interface PinsHost {
  readonly ports: Pick<Ports, 'timers' | 'random'>;
  readonly ownership: OwnershipView;
  /** All nodes that are alive, this one included. */
  members(): readonly Heartbeat[];
  /** There may be something to move. */
  written(): void;
}

/** Writes that may come to nothing, because another came first or the register is silent, before an operator is told. */
const pin_tries_max = 8;
/** And up to as much again, so that nodes do not keep getting in each other's way. */
const pin_again_ms = 60;
/** Orders of one node that wait for those before them: two at once would only get in each other's way. */
const orders_waiting_max = 256;

type Changes = ReadonlyMap<PartitionId, NodeId | ''>;

export class Pins {
  readonly #host: PinsHost;
  #turn: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(host: PinsHost) {
    this.#host = host;
  }

  /** Whether a node may own a partition, as far as is known here. */
  mayMove(partition: PartitionId, to: NodeId): Inspected<true> {
    const member = this.#host.members().find(({ node }) => node === to);
    if (member === undefined) return none('unknown node', `no node "${to}" is alive`);
    const { role, leaving, fitness, format } = member;
    const written = this.#host.ownership.formatOf(partition);
    if (role !== 'owner') return none('not possible', `${to} is a guest: it never owns partitions`);
    if (leaving) return none('not possible', `${to} is being drained: resume it first`);
    if (fitness !== 'fit') return none('not possible', `${to} is not fit: ${fitness}`);
    if (format < written) {
      const words = `${to} reads formats up to ${format}; partition ${partition} may be written in ${written}`;
      return none('not possible', words);
    }
    return found(true);
  }

  /** Resolves when the pin is written, also where it was there before. Never rejects. */
  async move(partition: PartitionId, to: NodeId): Promise<Inspected<true>> {
    const written = await this.#inTurn(() => {
      const may = this.mayMove(partition, to);
      if (may.kind === 'none') return may;
      return found(new Map(this.#host.ownership.pinOf(partition) === to ? [] : [[partition, to]]));
    });
    return written.kind === 'none' ? written : found(true);
  }

  /** Resolves when no partition is pinned any more, with how many were. Never rejects. */
  rebalance(): Promise<Inspected<number>> {
    const { ownership } = this.#host;
    return this.#inTurn(() =>
      found(new Map(ownership.view.pins.flatMap((pin, id) => (pin === '' ? [] : [[id, ''] as const])))),
    );
  }

  #inTurn(wanted: () => Inspected<Changes>): Promise<Inspected<number>> {
    if (this.#waiting >= orders_waiting_max) return Promise.resolve(none('failed', 'too many moves at a time'));
    this.#waiting++;
    const written = this.#turn
      .then(() => this.#write(wanted))
      .finally(() => {
        this.#waiting--;
      });
    this.#turn = written;
    return written;
  }

  /** Never rejects. `wanted` is asked anew each time, for what the register says by then. The number of partitions that it changed. */
  async #write(wanted: () => Inspected<Changes>): Promise<Inspected<number>> {
    const { ports, ownership, written } = this.#host;
    let why = 'other writes came first';
    for (let tries = 0; tries < pin_tries_max; tries++) {
      const waitMs = pin_again_ms * (1 + ports.random.fraction());
      if (tries > 0) await new Promise<void>((resolve) => void ports.timers.after(waitMs, resolve));
      try {
        await ownership.refresh();
        const changes = wanted();
        if (changes.kind === 'none') return changes;
        if (changes.value.size > 0 && !(await ownership.pin(changes.value))) continue;
        if (changes.value.size > 0) written();
        return found(changes.value.size);
      } catch (error) {
        why = error instanceof Error ? error.message : String(error);
      }
    }
    return none('no answer', `the ownership register has not taken it, or has not said so: ${why}`);
  }
}
