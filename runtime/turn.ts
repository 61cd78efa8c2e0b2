/**
 * The turn: the only place that orders decide, persist, send. A turn reads its partition's state, writes rows into the overlay and
 * gathers mail and outputs; if it returns, all of that joins the open record together with the mark that its mail is taken; if it
 * throws, nothing of it is left (A10). What leaves the partition waits behind the gate until the record is durable (A1).
 */
import type {
  Address,
  AnyBehaviour,
  MailOf,
  Outlet,
  Protocol,
  Push,
  RangeOptions,
  Ref,
  ReplyTo,
  Turn,
} from './actor.ts';
import type { Cell, Mail } from './cell.ts';
import type { Refusal } from './door.ts';
import { isLost, isReply, type ReplyBody, replyKind } from './envelope.ts';
import type { Limits } from './limits.ts';
import type { Overlay } from './overlay.ts';
import type { PartitionId } from './ports.ts';
import { roughBytes } from './size.ts';

/** What leaves a partition, behind its gate. */
export type Output =
  | { readonly kind: 'push'; readonly outlet: Outlet; readonly push: Push; trace?: string | undefined }
  | {
      readonly kind: 'whisper';
      readonly to: Address;
      readonly from: Address;
      readonly body: { readonly kind: string };
      trace?: string | undefined;
    }
  | { readonly kind: 'signal'; readonly name: string; readonly from: Address; readonly value: unknown }
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
  /** Where it is followed. */
  trace?: string | undefined;
}

/** Something that a turn did, for operators' figures. */
export interface Counted {
  readonly name: string;
  readonly label: string;
  readonly by: number;
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
  /** What it sends waits for a record, whether or not there is something to write. */
  readonly confirmed: boolean;
  readonly counts: readonly Counted[] | undefined;
}

/** The partition as a turn needs it. */
export interface TurnHost {
  readonly id: PartitionId;
  readonly overlay: Overlay;
  /** Somebody wants to know what turns count. */
  readonly counts: boolean;
  partitionOf(address: Address): PartitionId;
  uniqueId(): string;
}

/** Pseudo-actor whose tables belong to the partition itself; no address is empty. */
export const partitionRows = '';

/** Wall times as row keys whose byte order is their order. */
export function timeKey(ms: number): string {
  return Math.min(999_999_999_999_999, Math.max(0, Math.ceil(ms)))
    .toString()
    .padStart(15, '0');
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
  try {
    refusePromise(handle(behaviour, cell.memory, body, turn));
  } finally {
    turn.end();
  }
  return turn;
}

function handlerOf({ kind, turns }: AnyBehaviour, mail: string): (state: never, mail: never, turn: Turn) => unknown {
  const handler = Object.hasOwn(turns, mail) ? turns[mail] : undefined;
  if (handler === undefined) throw new TypeError(`${kind} has no turn for ${mail}`);
  return handler;
}

/** An async handler has the right type all the same; what it does after its first `await` would be part of no record. */
function refusePromise(result: unknown): void {
  if (!(result instanceof Promise)) return;
  result.catch(() => {});
  throw new TypeError('a turn is synchronous: its handler may not return a promise');
}

/** What a record needs for one mail besides its addresses and what they say. */
const mail_envelope_bytes = 96;
/** What a datagram needs for one output besides what it says. */
const output_envelope_bytes = 64;

/**
 * About how much a turn adds to its record, with the rows that it wrote. Throws when that is more than a turn may, so that a record always
 * fits the journal, or when something can't be packed.
 */
export function recordBytes(effects: Effects, rowBytes: number, limits: Limits): number {
  const bytes = rowBytes + mailBytes(effects);
  if (bytes > limits.turn_bytes_max) {
    throw new RangeError(`a turn wrote about ${bytes} bytes; limits.turn_bytes_max is ${limits.turn_bytes_max}`);
  }
  const largest = largestOutputBytes(effects);
  if (largest * 2 > limits.datagram_bytes_max) {
    throw new RangeError(`an output has about ${largest} bytes; half of limits.datagram_bytes_max is the most`);
  }
  return bytes;
}

/** What several mails say in the same object is in the record once. */
function mailBytes({ mails }: Effects): number {
  let bytes = 0;
  if (mails === undefined) return 0;
  const bodies = new Set<object>();
  for (const { to, from, body, asker } of mails) {
    bytes += mail_envelope_bytes + to.length + from.length + roughBytes(asker?.tag);
    if (bodies.has(body)) continue;
    bodies.add(body);
    bytes += roughBytes(body);
  }
  return bytes;
}

/** Outputs are in no record, but each is in one datagram. */
function largestOutputBytes({ outputs }: Effects): number {
  let largest = 0;
  if (outputs === undefined) return 0;
  for (const output of outputs) largest = Math.max(largest, output_envelope_bytes + roughBytes(contentOf(output)));
  return largest;
}

function contentOf(output: Output): unknown {
  switch (output.kind) {
    case 'push':
      return output.push;
    case 'whisper':
      return output.body;
    case 'reply':
    case 'signal':
      return output.value;
    case 'refusal':
      return output.why;
  }
}

function kindOf(address: Address): string {
  return address.slice(0, address.indexOf('/'));
}

/** The engine's own mail goes to the behaviour's hooks, all other to its turns. */
function handle(behaviour: AnyBehaviour, memory: unknown, body: { readonly kind: string }, turn: Turn): unknown {
  if (isReply(body)) return behaviour.replied?.(memory, body.tag, body.value, turn);
  if (isLost(body)) return behaviour.nodeLost?.(memory, body, turn);
  return handlerOf(behaviour, body.kind).call(behaviour.turns, memory as never, body as never, turn);
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
  confirmed = false;
  counts: Counted[] | undefined;
  #replied = false;
  #over = false;
  readonly #host: TurnHost;

  constructor(host: TurnHost, self: Address, mail: Mail, now: number) {
    this.#host = host;
    this.self = self;
    this.now = now;
    this.from = mail.from;
    this.asker = mail.asker;
  }

  /** What is asked of it from now on would be part of no record. */
  end(): void {
    this.#over = true;
  }

  get<V>(table: string, key = ''): V | undefined {
    return this.#host.overlay.get<V>(this.self, table, key);
  }

  put(table: string, ...row: readonly [value: unknown] | readonly [key: string, value: unknown]): void {
    if (row.length === 1) this.#write(table, '', row[0]);
    else this.#write(table, row[0], row[1]);
  }

  delete(table: string, key = ''): void {
    this.#put(this.self, table, key, undefined);
  }

  range<V>(table: string, options: RangeOptions = {}): readonly (readonly [key: string, value: V])[] {
    return this.#host.overlay.range<V>(this.self, table, options);
  }

  partitionOf(actor: { readonly address: Address }): PartitionId {
    return this.#host.partitionOf(actor.address);
  }

  get partition(): PartitionId {
    return this.#host.id;
  }

  peek<V>(neighbour: { readonly address: Address }, table: string, key = ''): V | undefined {
    const { address } = neighbour;
    if (this.partitionOf(neighbour) !== this.partition)
      throw new TypeError(`${address} is no neighbour of ${this.self}`);
    return this.#host.overlay.get<V>(address, table, key);
  }

  tell<P extends Protocol>(to: Ref<P>, mail: MailOf<P>): void {
    this.#send({ to: to.address, from: this.self, body: mail, asker: undefined, trace: undefined });
  }

  whisper<P extends Protocol>(to: Ref<P>, mail: MailOf<P>): void {
    this.#output({ kind: 'whisper', to: to.address, from: this.self, body: mail, trace: undefined });
  }

  ask<P extends Protocol>(to: Ref<P>, mail: MailOf<P>, tag: string): void {
    this.#send({ to: to.address, from: this.self, body: mail, asker: { to: this.self, tag }, trace: undefined });
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
      this.#send({ to: asker.to, from: this.self, body, asker: undefined, trace: undefined });
    } else {
      const [node, incarnation, ask] = asker.to;
      this.#output({ kind: 'reply', node, incarnation, ask, value });
    }
  }

  push(outlet: Outlet, push: Push): void {
    this.#output({ kind: 'push', outlet, push, trace: undefined });
  }

  signal(name: string, value: unknown): void {
    this.#output({ kind: 'signal', name, from: this.self, value });
  }

  setTimer(name: string, atMs: number, mail: { readonly kind: string }): void {
    if (!Number.isFinite(atMs)) throw new TypeError(`not a moment: ${atMs}`);
    this.clearTimer(name);
    const row = `${timeKey(atMs)} ${this.self} ${name}`;
    this.#write('$timer', name, row);
    this.#put(partitionRows, 'timer', row, mail);
    this.timerAtMs = Math.min(this.timerAtMs, atMs);
  }

  clearTimer(name: string): void {
    const row = this.get<string>('$timer', name);
    if (row === undefined) return;
    this.delete('$timer', name);
    this.#put(partitionRows, 'timer', row, undefined);
  }

  later(ms: number, mail: { readonly kind: string }): void {
    this.delayed ??= [];
    this.delayed.push({ ms, body: mail });
  }

  sleep(): void {
    this.asleep = true;
  }

  confirm(): void {
    this.confirmed = true;
  }

  uniqueId(): string {
    return this.#host.uniqueId();
  }

  count(name: string, label = '', by = 1): void {
    if (!this.#host.counts) return;
    this.counts ??= [];
    this.counts.push({ name, label, by });
  }

  #write(table: string, key: string, value: unknown): void {
    if (value === undefined) throw new TypeError('undefined is no value of a row; delete the row instead');
    this.#put(this.self, table, key, value);
  }

  #put(actor: Address, table: string, key: string, value: unknown): void {
    this.#mustRun();
    this.#host.overlay.put(actor, table, key, value);
  }

  #mustRun(): void {
    if (this.#over) throw new TypeError('the turn is over');
  }

  #send(mail: OutMail): void {
    this.#mustRun();
    this.mails ??= [];
    this.mails.push(mail);
  }

  #output(output: Output): void {
    this.#mustRun();
    this.outputs ??= [];
    this.outputs.push(output);
  }
}
