import type { Outlet, Push } from './actor.ts';
import type { OpenOutlet } from './door.ts';
import type { PartitionId } from './ports.ts';

interface Entry {
  readonly partition: PartitionId;
  readonly receive: (push: Push) => void;
  readonly moved: () => void;
}

/** The places of this node that actors push to: sockets, as a rule. */
export class Outlets {
  readonly #node: string;
  readonly #incarnation: string;
  readonly #entries = new Map<number, Entry>();
  #next = 1;

  constructor(node: string, incarnation: string) {
    this.#node = node;
    this.#incarnation = incarnation;
  }

  open(partition: PartitionId, receive: (push: Push) => void, moved: () => void): OpenOutlet {
    const id = this.#next++;
    const outlet: Outlet = { node: this.#node, incarnation: this.#incarnation, id };
    this.#entries.set(id, { partition, receive, moved });
    return { outlet, close: () => void this.#entries.delete(id) };
  }

  push(id: number, push: Push): void {
    this.#entries.get(id)?.receive(push);
  }

  /** Tells those whose actor lies in one of these partitions that it may have forgotten them. */
  moved(is: (partition: PartitionId) => boolean): void {
    for (const entry of [...this.#entries.values()]) if (is(entry.partition)) entry.moved();
  }
}
