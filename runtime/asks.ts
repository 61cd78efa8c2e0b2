import type { Address } from './actor.ts';
import type { Asked, Refusal } from './door.ts';
import type { Limits } from './limits.ts';
import { parcelBytes } from './links.ts';
import type { NodeId, PartitionId, Ports } from './ports.ts';

export interface PendingAsk {
  readonly id: number;
  readonly to: Address;
  readonly partition: PartitionId;
  readonly body: { readonly kind: string };
  readonly deadlineMs: number;
  readonly resolve: (outcome: Asked<never>) => void;
  /** The owner it was handed to; undefined while it waits for one, and is then certainly not carried out. */
  at: NodeId | undefined;
  /** Unknown from then on, unless an answer comes before, monotonic ms. */
  lostMs: number;
}

/** How often waiting asks are looked at: to send again what nobody took, and to end what is too late. */
const look_ms = 20;

/** The asks of this node that wait for a reply. */
export class Asks {
  readonly #ports: Ports;
  readonly #limits: Limits;
  readonly #send: (ask: PendingAsk) => void;
  readonly #pending = new Map<number, PendingAsk>();
  #next = 1;
  #looking = false;

  constructor(ports: Ports, limits: Limits, send: (ask: PendingAsk) => void) {
    this.#ports = ports;
    this.#limits = limits;
    this.#send = send;
  }

  get waiting(): number {
    return this.#pending.size;
  }

  ask(to: Address, partition: PartitionId, body: { readonly kind: string }, waitMs: number): Promise<Asked<never>> {
    if (this.waiting >= this.#limits.asks_max) {
      this.#ports.probe?.count('bounds_reached', 'runtime.asks_max', 1);
      return Promise.resolve({ kind: 'refused', why: 'full' });
    }
    // Throws on what can't be packed, while it can still be told who asked.
    if (parcelBytes(body) * 2 > this.#limits.datagram_bytes_max)
      return Promise.resolve({ kind: 'refused', why: 'failed' });
    const deadlineMs = this.#ports.clock.monotonicMs() + Math.min(waitMs, this.#limits.ask_wait_ms_max);
    return new Promise((resolve) => {
      const ask: PendingAsk = {
        id: this.#next++,
        to,
        partition,
        body,
        deadlineMs,
        resolve,
        at: undefined,
        lostMs: Number.POSITIVE_INFINITY,
      };
      this.#pending.set(ask.id, ask);
      this.#send(ask);
      if (!this.#looking) this.#look();
    });
  }

  replied(id: number, value: unknown): void {
    this.#end(id, { kind: 'reply', value: value as never });
  }

  /** `moved` and `full` are no end while there is time: it was certainly not carried out. */
  refused(id: number, why: Refusal): void {
    const ask = this.#pending.get(id);
    if (ask === undefined) return;
    if (why === 'moved' || why === 'full') {
      ask.at = undefined;
      ask.lostMs = Number.POSITIVE_INFINITY;
    } else this.#end(id, { kind: 'refused', why });
  }

  /** `partition` has a new owner, or mail to or from `node` was lost: what was handed over has an unknown fate. */
  lost(is: (ask: PendingAsk) => boolean, why: string): void {
    for (const ask of [...this.#pending.values()]) {
      if (ask.at !== undefined && is(ask)) this.#end(ask.id, { kind: 'unknown', why });
    }
  }

  /** The partition has a new owner, and the one before lives: it will have answered or refused, but for what it had not committed. */
  doubt(is: (ask: PendingAsk) => boolean, graceMs: number): void {
    const lostMs = this.#ports.clock.monotonicMs() + graceMs;
    for (const ask of this.#pending.values())
      if (ask.at !== undefined && is(ask)) ask.lostMs = Math.min(ask.lostMs, lostMs);
  }

  stop(): void {
    for (const { id, at } of [...this.#pending.values()]) {
      const why = 'the node stopped';
      this.#end(id, at === undefined ? { kind: 'refused', why: 'stopped' } : { kind: 'unknown', why });
    }
  }

  #end(id: number, outcome: Asked<never>): void {
    const ask = this.#pending.get(id);
    if (ask === undefined) return;
    this.#pending.delete(id);
    ask.resolve(outcome);
  }

  #look(): void {
    this.#looking = this.#pending.size > 0;
    if (!this.#looking) return;
    this.#ports.timers.after(look_ms, () => {
      const nowMs = this.#ports.clock.monotonicMs();
      for (const ask of [...this.#pending.values()]) {
        if (nowMs >= ask.deadlineMs) {
          const late = 'no answer before the deadline';
          this.#end(
            ask.id,
            ask.at === undefined ? { kind: 'refused', why: 'too_late' } : { kind: 'unknown', why: late },
          );
        } else if (ask.at === undefined) this.#send(ask);
        else if (nowMs >= ask.lostMs) this.#end(ask.id, { kind: 'unknown', why: 'the partition has a new owner' });
      }
      this.#look();
    });
  }
}
