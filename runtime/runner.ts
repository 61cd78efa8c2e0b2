import type { Cell } from './cell.ts';
import type { Limits } from './limits.ts';
import type { Partition } from './partition.ts';
import type { Ports } from './ports.ts';

interface Ready {
  readonly partition: Partition;
  readonly cell: Cell;
}

/** How many turns run between two looks at the clock. */
const turns_per_look = 32;

/** Gives the actors that have mail their turns: in rounds, so that none waits for another's backlog, and in slices, so that sockets are read. */
export class Runner {
  readonly #ports: Ports;
  readonly #limits: Limits;
  readonly #afterSlice: () => void;
  readonly #broken: (partition: Partition, error: unknown) => void;
  #ready: Ready[] = [];
  #scheduled = false;
  #running = false;
  /** Of those ready, how many wait for their partition's open record to be sealed. */
  #held = 0;
  turns = 0;

  /** `broken`: an invariant does not hold in this partition. A turn that throws is none of that (A10). */
  constructor(
    ports: Ports,
    limits: Limits,
    afterSlice: () => void,
    broken: (partition: Partition, error: unknown) => void,
  ) {
    this.#ports = ports;
    this.#limits = limits;
    this.#afterSlice = afterSlice;
    this.#broken = broken;
  }

  add(partition: Partition, cell: Cell): void {
    if (cell.ready) return;
    cell.ready = true;
    this.#ready.push({ partition, cell });
    this.schedule();
  }

  /** Mails of the actor that has most of them waiting. */
  get longestMailbox(): number {
    let longest = 0;
    for (const { cell } of this.#ready) longest = Math.max(longest, cell.waiting);
    return longest;
  }

  /** A slice will run when the I/O that is ready now has been read. */
  schedule(): void {
    if (this.#scheduled || this.#running) return;
    this.#scheduled = true;
    this.#ports.timers.soon(() => {
      this.#scheduled = false;
      this.run();
    });
  }

  /** Runs turns until none is ready or the slice is used up, then lets the node commit and send. */
  run(): void {
    if (this.#running) return;
    this.#running = true;
    try {
      this.#slice();
    } finally {
      this.#running = false;
    }
    this.#afterSlice();
    if (this.#ready.length > this.#held) this.schedule();
  }

  #slice(): void {
    const { clock } = this.#ports;
    const endMs = clock.monotonicMs() + this.#limits.run_slice_ms;
    const nowMs = clock.wallMs();
    const held: Ready[] = [];
    let sinceLook = 0;
    let next = 0;
    for (; next < this.#ready.length; next++) {
      const one = this.#ready[next];
      if (one === undefined) break;
      const { partition, cell } = one;
      if (partition.brimming) {
        held.push(one);
        continue;
      }
      cell.ready = false;
      const turns = this.#runSome(partition, cell, nowMs);
      this.turns += turns;
      sinceLook += turns;
      if (cell.waiting > 0 && !cell.resting && partition.running) this.add(partition, cell);
      if (sinceLook >= turns_per_look) {
        sinceLook = 0;
        if (clock.monotonicMs() >= endMs) {
          next++;
          break;
        }
      }
    }
    this.#held = held.length;
    this.#ready = next >= this.#ready.length ? held : held.concat(this.#ready.slice(next));
  }

  /** One cell's share of turns; how many. */
  #runSome(partition: Partition, cell: Cell, nowMs: number): number {
    const most = this.#limits.turns_in_a_row_max;
    let turns = 0;
    try {
      while (turns < most && cell.waiting > 0 && !cell.resting && partition.running && !partition.brimming) {
        turns++;
        partition.runOne(cell, nowMs);
      }
    } catch (error) {
      this.#broken(partition, error);
    }
    return turns;
  }
}
