import { type Cancel, type PartitionId, type Ports, StoreDamaged } from './ports.ts';

/** Rows checked at a time, and the pause after them: a few percent of a processor. */
const slice_rows_max = 500;
const pause_ms = 50;

/**
 * Reads all rows that the local store held of a partition when this process first began with them, once, in the background. A row is checked whenever it
 * is read; but one whose key was damaged would not be found by its name, and one that is read seldom would not be found for long.
 */
export class Scrub {
  readonly #ports: Ports;
  readonly #damaged: (error: StoreDamaged) => void;
  /** Partitions to read, each after this key. */
  readonly #waiting = new Map<PartitionId, string | undefined>();
  readonly #known = new Set<PartitionId>();
  #cancel: Cancel | undefined;
  #stopped = false;

  /** `damaged`: the partition is to be built anew. */
  constructor(ports: Ports, damaged: (error: StoreDamaged) => void) {
    this.#ports = ports;
    this.#damaged = damaged;
  }

  /** The partition was begun from what the store holds. */
  add(id: PartitionId): void {
    if (this.#known.has(id)) return;
    this.#known.add(id);
    this.#waiting.set(id, undefined);
    if (this.#cancel === undefined) this.#goOn();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  #goOn(): void {
    this.#cancel = undefined;
    if (this.#waiting.size === 0 || this.#stopped) return;
    this.#cancel = this.#ports.timers.after(pause_ms, () => {
      this.#slice();
      this.#goOn();
    });
  }

  #slice(): void {
    const [next] = this.#waiting;
    if (next === undefined) return;
    const [id, after] = next;
    this.#waiting.delete(id);
    try {
      const last = this.#ports.store.verify(id, after, slice_rows_max);
      if (last !== undefined) this.#waiting.set(id, last);
    } catch (error) {
      if (error instanceof StoreDamaged) this.#damaged(error);
      else this.#ports.log.warn({ partition: id, error }, 'checking the local store of a partition failed');
    }
  }
}
