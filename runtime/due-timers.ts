import type { Address } from './actor.ts';
import type { Partition } from './partition.ts';
import type { PartitionHost } from './partition-host.ts';
import type { Cancel } from './ports.ts';
import { partitionRows } from './turn.ts';

type Body = { readonly kind: string };

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
    const room = Math.min(batch_timers_max, this.#host.limits.mailbox_mails_max - this.#firing.size);
    const rows = this.#partition.overlay.range<Body>(partitionRows, 'timer', { limit: this.#firing.size + room });
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

  /** Undefined when it was cleared, or set for another moment, since its mail was put into the mailbox. */
  bodyOf(actor: Address, row: string, name: string): Body | undefined {
    const { overlay } = this.#partition;
    if (overlay.get<string>(actor, '$timer', name) === row) return overlay.get<Body>(partitionRows, 'timer', row);
    return undefined;
  }

  /** Its mail has left the mailbox. */
  fired(row: string): void {
    this.#firing.delete(row);
  }

  /** Takes a fired timer's rows away, in the turn that handles it. */
  clear(actor: Address, row: string, name: string): void {
    this.#partition.overlay.put(actor, '$timer', name, undefined);
    this.#partition.overlay.put(partitionRows, 'timer', row, undefined);
  }

  stop(): void {
    this.#cancel?.();
  }

  #guardedLook(): void {
    try {
      this.look();
    } catch (error) {
      this.#host.broken(this.#partition, error);
    }
  }

  #sleepUntil(atMs: number): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#nextAtMs = atMs;
    if (atMs === Number.POSITIVE_INFINITY) return;
    // Never asleep for long: the wall clock may jump, and timers count in 31 bits.
    const ms = Math.min(Math.max(1, atMs - this.#host.ports.clock.wallMs()), 60_000);
    this.#cancel = this.#host.ports.timers.after(ms, () => this.#guardedLook());
  }
}
