/**
 * The turn: the only place that orders decide, persist, send. A turn reads its partition's state, writes rows into the overlay and
 * gathers mail and outputs; if it returns, all of that joins the open record together with the mark that its mail is taken; if it
 * throws, nothing of it is left (A10). What leaves the partition waits behind the gate until the record is durable (A1).
 */
import type { Address, MailOf, Outlet, Protocol, Push, RangeOptions, Ref, ReplyTo, Turn } from './actor.ts';
import type { Cell, Mail } from './cell.ts';
import type { Refusal } from './door.ts';
import { isReply, type ReplyBody, replyKind } from './envelope.ts';
import type { Overlay } from './overlay.ts';

/** What leaves a partition, behind its gate. */
export type Output =
  | { readonly kind: 'push'; readonly outlet: Outlet; readonly push: Push }
  | { readonly kind: 'whisper'; readonly to: Address; readonly from: Address; readonly body: { readonly kind: string } }
  | {
      readonly kind: 'reply';
      readonly node: string;
      readonly incarnation: string;
      readonly ask: number;
      readonly value: unknown;
    }
  | {
      readonly kind: 'refusal';
      readonly node: string;
      readonly incarnation: string;
      readonly ask: number;
      readonly why: Refusal;
    };

/** Durable mail of a turn, not yet numbered. */
export interface OutMail {
  readonly to: Address;
  readonly from: Address;
  readonly body: { readonly kind: string };
  readonly asker: ReplyTo | undefined;
}

/** What a turn did besides its rows. */
export interface Effects {
  readonly mails: readonly OutMail[] | undefined;
  readonly outputs: readonly Output[] | undefined;
  /** Volatile timers. */
  readonly delayed: readonly { readonly ms: number; readonly body: { readonly kind: string } }[] | undefined;
  /** The earliest durable timer that it set, wall ms. */
  readonly timerAtMs: number;
  readonly asleep: boolean;
}

/** The partition as a turn needs it. */
export interface TurnHost {
  readonly overlay: Overlay;
  uniqueId(): string;
}

/** Pseudo-actor whose tables belong to the partition itself; no address is empty. */
export const partitionRows = '';

/** Wall times as row keys whose byte order is their order. */
export function timeKey(ms: number): string {
  return Math.max(0, Math.ceil(ms)).toString().padStart(15, '0');
}

/** Runs one mail's handler. Throws what the handler throws; the caller keeps or rolls back the overlay. */
export function takeTurn(host: TurnHost, cell: Cell, mail: Mail, nowMs: number): Effects {
  const { behaviour } = cell;
  if (behaviour === undefined) throw new TypeError(`no behaviour for ${kindOf(cell.address)}`);
  const turn = new PartitionTurn(host, cell.address, mail, nowMs);
  if (!cell.awake) {
    cell.memory = behaviour.wake(turn, cell.spoilt);
    cell.awake = true;
    cell.spoilt = undefined;
  }
  const { body } = mail;
  if (isReply(body)) behaviour.replied?.(cell.memory, body.tag, body.value, turn);
  else {
    const handler = Object.hasOwn(behaviour.turns, body.kind) ? behaviour.turns[body.kind] : undefined;
    if (handler === undefined) throw new TypeError(`${behaviour.kind} has no turn for ${body.kind}`);
    handler.call(behaviour.turns, cell.memory as never, body as never, turn);
  }
  return turn;
}

function kindOf(address: Address): string {
  return address.slice(0, address.indexOf('/'));
}

class PartitionTurn implements Turn, Effects {
  readonly self: Address;
  readonly now: number;
  readonly from: Address | undefined;
  readonly asker: ReplyTo | undefined;
  mails: OutMail[] | undefined;
  outputs: Output[] | undefined;
  delayed: { ms: number; body: { readonly kind: string } }[] | undefined;
  timerAtMs = Number.POSITIVE_INFINITY;
  asleep = false;
  #replied = false;
  readonly #host: TurnHost;

  constructor(host: TurnHost, self: Address, mail: Mail, now: number) {
    this.#host = host;
    this.self = self;
    this.now = now;
    this.from = mail.from;
    this.asker = mail.asker;
  }

  get<V>(table: string, key = ''): V | undefined {
    return this.#host.overlay.get<V>(this.self, table, key);
  }

  put(table: string, ...row: readonly [value: unknown] | readonly [key: string, value: unknown]): void {
    if (row.length === 1) this.#write(table, '', row[0]);
    else this.#write(table, row[0], row[1]);
  }

  delete(table: string, key = ''): void {
    this.#host.overlay.put(this.self, table, key, undefined);
  }

  range<V>(table: string, options: RangeOptions = {}): readonly (readonly [key: string, value: V])[] {
    return this.#host.overlay.range<V>(this.self, table, options);
  }

  tell<P extends Protocol>(to: Ref<P>, mail: MailOf<P>): void {
    this.#send({ to: to.address, from: this.self, body: mail, asker: undefined });
  }

  whisper<P extends Protocol>(to: Ref<P>, mail: MailOf<P>): void {
    this.#output({ kind: 'whisper', to: to.address, from: this.self, body: mail });
  }

  ask<P extends Protocol>(to: Ref<P>, mail: MailOf<P>, tag: string): void {
    this.#send({ to: to.address, from: this.self, body: mail, asker: { to: this.self, tag } });
  }

  reply(value: unknown): void {
    if (this.asker === undefined) return;
    if (this.#replied) throw new TypeError('a turn replies at most once');
    this.#replied = true;
    this.replyTo(this.asker, value);
  }

  replyTo(asker: ReplyTo, value: unknown): void {
    if (typeof asker.to === 'string') {
      const body: ReplyBody = { kind: replyKind, tag: String(asker.tag), value };
      this.#send({ to: asker.to, from: this.self, body, asker: undefined });
    } else {
      const [node, incarnation, ask] = asker.to;
      this.#output({ kind: 'reply', node, incarnation, ask, value });
    }
  }

  push(outlet: Outlet, push: Push): void {
    this.#output({ kind: 'push', outlet, push });
  }

  setTimer(name: string, atMs: number, mail: { readonly kind: string }): void {
    this.clearTimer(name);
    const row = `${timeKey(atMs)} ${this.self} ${name}`;
    this.#write('$timer', name, row);
    this.#host.overlay.put(partitionRows, 'timer', row, mail);
    this.timerAtMs = Math.min(this.timerAtMs, atMs);
  }

  clearTimer(name: string): void {
    const row = this.get<string>('$timer', name);
    if (row === undefined) return;
    this.delete('$timer', name);
    this.#host.overlay.put(partitionRows, 'timer', row, undefined);
  }

  later(ms: number, mail: { readonly kind: string }): void {
    this.delayed ??= [];
    this.delayed.push({ ms, body: mail });
  }

  sleep(): void {
    this.asleep = true;
  }

  uniqueId(): string {
    return this.#host.uniqueId();
  }

  #write(table: string, key: string, value: unknown): void {
    if (value === undefined) throw new TypeError('undefined is no value of a row; delete the row instead');
    this.#host.overlay.put(this.self, table, key, value);
  }

  #send(mail: OutMail): void {
    this.mails ??= [];
    this.mails.push(mail);
  }

  #output(output: Output): void {
    this.outputs ??= [];
    this.outputs.push(output);
  }
}
