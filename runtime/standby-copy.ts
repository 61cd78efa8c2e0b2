import type { JournalEntry, PartitionId } from './ports.ts';
import type { Replica } from './replica.ts';

/** Numbers of records whose chain is remembered: what an owner says of itself is a heartbeat old, or ahead. */
const remembered_max = 1_024;

/** One standby's copy, and how it compares with its owner. */
export class StandbyCopy {
  readonly replica: Replica;
  /** It has not got on for so long that it is not to be promoted. */
  stalled = false;
  readonly #chains = new Map<number, number>();
  /** What an owner has said of itself that is yet to be reached here. */
  #ahead: { readonly number: number; readonly chain: number; readonly sinceMs: number } | undefined;

  constructor(replica: Replica) {
    this.replica = replica;
    this.note();
  }

  get id(): PartitionId {
    return this.replica.id;
  }

  get number(): number {
    return this.replica.partition.position.number;
  }

  get chain(): number {
    return this.replica.partition.position.chain;
  }

  /** Throws as `Replica.take` does. */
  take(entry: JournalEntry): void {
    this.replica.take(entry);
    this.note();
  }

  /** Remembers where the copy stands now. */
  note(): void {
    this.#chains.set(this.number, this.chain);
    if (this.#chains.size <= remembered_max) return;
    const [oldest] = this.#chains.keys();
    if (oldest !== undefined) this.#chains.delete(oldest);
  }

  /**
   * What the owner says of itself. `other`: it has applied other records. `stalls`, said every `stallMs` from then on: this has not reached for so
   * long what that had.
   */
  compare(number: number, chain: number, nowMs: number, stallMs: number): 'fits' | 'other' | 'stalls' {
    const mine = this.#chains.get(number);
    if (mine !== undefined && mine !== chain) return 'other';
    const ahead = this.#ahead;
    if (ahead === undefined || ahead.number <= this.number) {
      this.stalled = false;
      this.#ahead = number > this.number ? { number, chain, sinceMs: nowMs } : undefined;
      const reached = ahead && this.#chains.get(ahead.number);
      return reached === undefined || reached === ahead?.chain ? 'fits' : 'other';
    }
    if (nowMs - ahead.sinceMs < stallMs) return 'fits';
    this.stalled = true;
    this.#ahead = { ...ahead, sinceMs: nowMs };
    return 'stalls';
  }
}
