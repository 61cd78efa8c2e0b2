import type { Outlet, Push } from './actor.ts';
import type { OpenOutlet } from './door.ts';
import type { Log, PartitionId } from './ports.ts';

interface Entry {
  readonly partition: PartitionId;
  readonly receive: (push: Push, trace?: string) => void;
  readonly moved: () => void;
}

/** The places of this node that actors push to: sockets, as a rule. */
export class Outlets {
  readonly #node: string;
  readonly #incarnation: string;
  readonly #log: Log;
  readonly #entries = new Map<number, Entry>();
  #next = 1;

  constructor(node: string, incarnation: string, log: Log) {
    this.#node = node;
    this.#incarnation = incarnation;
    this.#log = log;
  }

  open(partition: PartitionId, receive: Entry['receive'], moved: () => void): OpenOutlet {
    const id = this.#next++;
    const outlet: Outlet = { node: this.#node, incarnation: this.#incarnation, id };
    this.#entries.set(id, { partition, receive, moved });
    return { outlet, close: () => void this.#entries.delete(id) };
  }

  push(id: number, push: Push, trace?: string): void {
    const entry = this.#entries.get(id);
    if (entry !== undefined) this.#call(() => entry.receive(push, trace));
  }

  /** Tells those whose actor lies in one of these partitions that it may have forgotten them. */
  moved(is: (partition: PartitionId) => boolean): void {
    for (const entry of [...this.#entries.values()]) if (is(entry.partition)) this.#call(entry.moved);
  }

  /** Whoever opened an outlet is not to take the engine down with it. */
  #call(callee: () => void): void {
    try {
      callee();
    } catch (error) {
      this.#log.error({ error }, 'the holder of an outlet threw');
    }
  }
}
