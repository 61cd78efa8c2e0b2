import type { Address } from './actor.ts';
import type { Partition, PartitionHost } from './partition.ts';
import type { Cancel } from './ports.ts';
import { partitionRows } from './turn.ts';

/** Timers fired at once before the next look: a backlog after an outage must not fill the mailboxes. */
const batch_timers_max = 256;

/**
 * A partition's durable timers: rows `due actor name` in the partition's own table, so they move with it. A due timer becomes mail;
 * its row goes in the same record as the effect of its turn, so it fires exactly once.
 */
export class DueTimers {
  readonly #partition: Partition;
  readonly #host: PartitionHost;
  /** Rows whose mail is in a mailbox. */
  readonly #firing = new Set<string>();
  #nextAtMs = Number.POSITIVE_INFINITY;
  #cancel: Cancel | undefined;

  constructor(partition: Partition, host: PartitionHost) {
    this.#partition = partition;
    this.#host = host;
  }

  /** A timer for `atMs` (wall time) was set. */
  setAt(atMs: number): void {
    if (atMs < this.#nextAtMs) this.#sleepUntil(atMs);
  }

  /** Fires what is due and waits for the next. Call once when the partition opens. */
  look(): void {
    if (!this.#partition.running) return;
    const now = this.#host.ports.clock.wallMs();
    const rows = this.#partition.overlay.range<{ readonly kind: string }>(partitionRows, 'timer', {
      limit: this.#firing.size + batch_timers_max,
    });
    let nextAtMs = Number.POSITIVE_INFINITY;
    for (const [row, body] of rows) {
      const [due = '', to = '', ...name] = row.split(' ');
      if (Number(due) > now) {
        nextAtMs = Number(due);
        break;
      }
      if (this.#firing.has(row)) continue;
      this.#firing.add(row);
      this.#partition.fire(to, body, row, name.join(' '));
    }
    if (nextAtMs === Number.POSITIVE_INFINITY && rows.length > 0) nextAtMs = now + 100;
    this.#sleepUntil(nextAtMs);
  }

  /** False when it was cleared or set anew since its mail was put into the mailbox. */
  stillSet(actor: Address, row: string, name: string): boolean {
    const set = this.#partition.overlay.get<string>(actor, '$timer', name) === row;
    if (!set) this.#firing.delete(row);
    return set;
  }

  /** Takes a fired timer's rows away, in the turn that handles it. */
  clear(actor: Address, row: string, name: string): void {
    this.#firing.delete(row);
    this.#partition.overlay.put(actor, '$timer', name, undefined);
    this.#partition.overlay.put(partitionRows, 'timer', row, undefined);
  }

  stop(): void {
    this.#cancel?.();
  }

  #sleepUntil(atMs: number): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#nextAtMs = atMs;
    if (atMs === Number.POSITIVE_INFINITY) return;
    // Never asleep for long: the wall clock may jump, and timers count in 31 bits.
    const ms = Math.min(Math.max(1, atMs - this.#host.ports.clock.wallMs()), 60_000);
    this.#cancel = this.#host.ports.timers.after(ms, () => this.look());
  }
}
