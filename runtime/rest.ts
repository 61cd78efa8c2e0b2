import type { Limits } from './limits.ts';
import type { Partition } from './partition.ts';
import type { Cancel, Ports } from './ports.ts';

/** Puts idle actors to sleep: what they keep in memory is rebuilt from their tables at the next mail. */
export class Rest {
  readonly #ports: Ports;
  readonly #limits: Limits;
  readonly #partitions: () => Iterable<Partition>;
  #cancel: Cancel | undefined;

  constructor(ports: Ports, limits: Limits, partitions: () => Iterable<Partition>) {
    this.#ports = ports;
    this.#limits = limits;
    this.#partitions = partitions;
  }

  start(): void {
    this.#cancel = this.#ports.timers.after(this.#limits.idle_ms / 4, () => {
      this.#look();
      this.start();
    });
  }

  stop(): void {
    this.#cancel?.();
  }

  #look(): void {
    const idleBeforeMs = this.#ports.clock.monotonicMs() - this.#limits.idle_ms;
    let awake = 0;
    for (const partition of this.#partitions()) awake += partition.mailboxes.cells.size;
    let excess = awake - this.#limits.awake_actors_max;
    for (const partition of this.#partitions()) {
      // A Map keeps the order of insertion, which is near enough to the longest idle first.
      for (const cell of partition.mailboxes.cells.values()) {
        if (cell.waiting > 0 || (cell.lastMailMs > idleBeforeMs && excess <= 0) || !cell.mayRest()) continue;
        partition.putToSleep(cell);
        excess--;
      }
    }
  }
}
