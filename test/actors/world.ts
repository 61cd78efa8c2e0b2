/**
 * A small runtime in memory, with the real one's promises and nothing else: turns that happen wholly or not at all, mail in order
 * from one actor to another, timers, sockets. Time stands still unless told to pass. Whatever a turn hands over is frozen, so that an
 * actor that changes a row or a mail after the fact is found out.
 */
import type { Claims } from '../../proto/mail.ts';
import { partitionOf } from '../../runtime/hash.ts';
import type {
  AnyBehaviour,
  MailOf,
  Outlet,
  Protocol,
  Push,
  RangeOptions,
  Ref,
  ReplyOf,
  ReplyTo,
  Turn,
} from '../../runtime/index.ts';

/** A socket at the edge. */
interface Edge {
  readonly claims: Claims;
  introduce(again: boolean): void;
  receive(push: Push): void;
}

interface Mail {
  readonly to: string;
  readonly from: string | undefined;
  readonly body: { readonly kind: string };
  readonly asker?: ReplyTo;
  readonly durable: boolean;
}
interface Timer {
  readonly to: string;
  readonly name: string | undefined;
  readonly at: number;
  readonly order: number;
  readonly body: { readonly kind: string };
}
interface Actor {
  memory: unknown;
  awake: boolean;
  spoilt: unknown;
}
type Rows = Map<string, unknown>;

const tries_max = 3;
/** Fewer than people, so that some are neighbours. */
const partitions = 4;
export const startMs = 1_790_000_000_000;

export class World {
  now = startMs;
  /** What actors signalled to the process around them. */
  readonly signals: { readonly name: string; readonly from: string; readonly value: unknown }[] = [];
  /** Mails whose turns threw every time. */
  readonly deadLetters: { readonly to: string; readonly kind: string; readonly error: unknown }[] = [];
  /** Durable rows written so far, for tests that count them. */
  rowsWritten = 0;
  /** Picks which of `count` pairs of actors has its next mail delivered; the oldest mail first when left out. */
  pick: ((count: number) => number) | undefined;
  /** Loses a mail when it says so. */
  drop: ((mail: { readonly to: string; readonly body: { readonly kind: string } }) => boolean) | undefined;
  /** Fails a turn at its very end when it says so; asked once a mail, so the next try succeeds. */
  fail: ((mail: { readonly to: string; readonly body: { readonly kind: string } }) => boolean) | undefined;
  readonly sockets = new Map<number, Edge>();
  readonly #behaviours: Map<string, AnyBehaviour>;
  readonly #actors = new Map<string, Actor>();
  readonly #rows = new Map<string, Rows>();
  readonly #queues = new Map<string, Mail[]>();
  readonly #replies = new Map<number, unknown>();
  #timers: Timer[] = [];
  #ids = 0;

  constructor(behaviours: readonly AnyBehaviour[]) {
    this.#behaviours = new Map(behaviours.map((behaviour) => [behaviour.kind, behaviour]));
  }

  // ---- from outside

  ask<P extends Protocol, K extends keyof P & string>(to: Ref<P>, mail: { kind: K } & P[K]['mail']): ReplyOf<P, K> {
    const ask = ++this.#ids;
    const asker: ReplyTo = { to: ['test', 'test', ask], tag: ask };
    this.enqueue({ to: to.address, from: undefined, body: mail, asker, durable: true });
    this.settle();
    if (!this.#replies.has(ask)) throw new Error(`no reply to ${mail.kind}`);
    const reply = this.#replies.get(ask);
    this.#replies.delete(ask);
    return reply as ReplyOf<P, K>;
  }

  whisper<P extends Protocol>(to: Ref<P>, mail: MailOf<P>): void {
    this.enqueue({ to: to.address, from: undefined, body: mail, durable: false });
  }

  enqueue(mail: Mail): void {
    if (this.drop?.(mail)) return;
    const pair = `${mail.from ?? ''} ${mail.to}`;
    const queue = this.#queues.get(pair) ?? [];
    this.#queues.delete(pair);
    queue.push(freeze(mail));
    this.#queues.set(pair, queue);
  }

  /** Delivers mail until none is left. */
  settle(): void {
    for (let turns = 0; this.deliverOne(); turns++) if (turns > 1_000_000) throw new Error('the mail never ends');
  }

  /** False when there was nothing to deliver. */
  deliverOne(): boolean {
    const pairs = [...this.#queues.keys()];
    const pair = pairs[this.pick?.(pairs.length) ?? 0];
    const queue = pair === undefined ? undefined : this.#queues.get(pair);
    if (pair === undefined || queue === undefined) return false;
    const mail = queue.shift();
    if (queue.length === 0) this.#queues.delete(pair);
    if (mail !== undefined) this.#handle(mail);
    return true;
  }

  /** Lets time pass; timers fire at their times, each with all that follows from it. */
  pass(ms: number): void {
    const until = this.now + ms;
    for (;;) {
      this.settle();
      const due = this.#timers.filter((timer) => timer.at <= until);
      const next = due.sort((a, b) => a.at - b.at || a.order - b.order)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.now = Math.max(this.now, next.at);
      this.enqueue({ to: next.to, from: next.to, body: next.body, durable: next.name !== undefined });
    }
    this.now = until;
  }

  /** The wall clock jumps; volatile timers go by another one. */
  jump(ms: number): void {
    this.now += ms;
    this.#timers = this.#timers.map((timer) => (timer.name === undefined ? { ...timer, at: timer.at + ms } : timer));
  }

  /** The actors beside `affinity` lose their memory, as when their partition moves; their sockets are introduced again. */
  move(affinity: string): void {
    for (const [address, actor] of this.#actors) {
      if (affinityOf(address) === affinity)
        Object.assign(actor, { awake: false, memory: undefined, spoilt: undefined });
    }
    this.#timers = this.#timers.filter((timer) => timer.name !== undefined || affinityOf(timer.to) !== affinity);
    for (const socket of this.sockets.values()) if (socket.claims.user === affinity) socket.introduce(true);
  }

  /** Puts one actor to sleep if it may rest. */
  rest(address: string): boolean {
    const actor = this.#actors.get(address);
    if (!actor?.awake) return true;
    const behaviour = this.#behaviours.get(kindOf(address));
    if (behaviour?.mayRest?.(actor.memory) === false) return false;
    Object.assign(actor, { awake: false, memory: undefined });
    return true;
  }

  /** One actor loses its memory, and nobody is told. */
  forget(address: string): void {
    this.#actors.delete(address);
  }

  /** Durable timers. */
  timersOf(address: string): readonly Timer[] {
    return this.#timers.filter((timer) => timer.to === address && timer.name !== undefined);
  }

  /** Volatile timers, by the kind of their mail. */
  pendingOf(address: string): readonly string[] {
    return this.#timers.flatMap((timer) => (timer.to === address && timer.name === undefined ? [timer.body.kind] : []));
  }

  rowsOf(address: string, table: string): ReadonlyMap<string, unknown> {
    return this.#rows.get(`${address} ${table}`) ?? new Map();
  }

  /** All that is stored, by actor and table, and all durable timers: two of them are equal when nothing has changed. */
  stored(): ReadonlyMap<string, unknown> {
    const all = new Map<string, unknown>();
    for (const [place, rows] of this.#rows) for (const [key, value] of rows) all.set(`${place} ${key}`, value);
    for (const { to, name, at, body } of this.#timers)
      if (name !== undefined) all.set(`${to} $timer ${name}`, { at, body });
    return all;
  }

  nextId(): number {
    return ++this.#ids;
  }

  // ---- turns

  #handle(mail: Mail): void {
    const behaviour = this.#behaviours.get(kindOf(mail.to));
    if (behaviour === undefined) throw new Error(`no behaviour for ${mail.to}`);
    const actor = this.#actors.get(mail.to) ?? { memory: undefined, awake: false, spoilt: undefined };
    this.#actors.set(mail.to, actor);
    for (let tries = 1; ; tries++) {
      const turn = new TestTurn(this, mail, this.#rows);
      try {
        if (!actor.awake) {
          actor.memory = behaviour.wake(turn, actor.spoilt);
          if (turn.writes.size > 0) throw new Error('wake may not write');
          actor.awake = true;
          actor.spoilt = undefined;
        }
        const handler = behaviour.turns[mail.body.kind];
        if (handler === undefined) throw new Error(`${mail.to} has no turn for ${mail.body.kind}`);
        handler(actor.memory as never, mail.body as never, turn);
        if (tries === 1 && this.fail?.(mail)) throw new Error('failed as told');
      } catch (error) {
        actor.spoilt = actor.memory;
        actor.awake = false;
        if (tries < tries_max) continue;
        this.deadLetters.push({ to: mail.to, kind: mail.body.kind, error });
        return;
      }
      this.#keep(turn, actor);
      return;
    }
  }

  #keep(turn: TestTurn, actor: Actor): void {
    for (const [place, rows] of turn.writes) {
      const table = this.#rows.get(place) ?? new Map<string, unknown>();
      this.#rows.set(place, table);
      for (const [key, value] of rows) {
        this.rowsWritten++;
        if (value === undefined) table.delete(key);
        else table.set(key, value);
      }
    }
    for (const { name, timer } of turn.timers) {
      if (name !== undefined) this.#timers = this.#timers.filter((old) => old.to !== turn.self || old.name !== name);
      if (timer !== undefined) this.#timers.push({ ...timer, order: ++this.#ids });
    }
    for (const mail of turn.mails) this.enqueue(mail);
    for (const { outlet, push } of turn.pushes) this.sockets.get(outlet.id)?.receive(push);
    this.signals.push(...turn.signals);
    for (const { ask, value } of turn.replies) this.#replies.set(ask, value);
    if (turn.asleep) Object.assign(actor, { awake: false, memory: undefined });
  }
}

class TestTurn implements Turn {
  readonly self: string;
  readonly now: number;
  readonly from: string | undefined;
  readonly asker: ReplyTo | undefined;
  readonly writes = new Map<string, Rows>();
  readonly mails: Mail[] = [];
  readonly pushes: { outlet: Outlet; push: Push }[] = [];
  readonly replies: { ask: number; value: unknown }[] = [];
  readonly timers: { name: string | undefined; timer: Omit<Timer, 'order'> | undefined }[] = [];
  readonly signals: { name: string; from: string; value: unknown }[] = [];
  asleep = false;
  readonly #world: World;
  readonly #rows: ReadonlyMap<string, Rows>;

  constructor(world: World, mail: Mail, rows: ReadonlyMap<string, Rows>) {
    this.#world = world;
    this.#rows = rows;
    this.self = mail.to;
    this.now = world.now;
    this.from = mail.from;
    this.asker = mail.asker;
  }

  get<V>(table: string, key = ''): V | undefined {
    const place = `${this.self} ${table}`;
    const written = this.writes.get(place);
    return (written?.has(key) ? written.get(key) : this.#rows.get(place)?.get(key)) as V | undefined;
  }

  put(table: string, ...row: readonly unknown[]): void {
    const [key, value] = row.length === 1 ? ['', row[0]] : row;
    this.#write(table, key as string, freeze(value));
  }

  delete(table: string, key = ''): void {
    this.#write(table, key, undefined);
  }

  range<V>(table: string, { from, to, limit, reverse }: RangeOptions = {}): readonly (readonly [string, V])[] {
    const place = `${this.self} ${table}`;
    const rows = new Map([...(this.#rows.get(place) ?? []), ...(this.writes.get(place) ?? [])]);
    const within = [...rows].filter(([key, value]) => {
      return value !== undefined && (from === undefined || key >= from) && (to === undefined || key < to);
    });
    within.sort(([a], [b]) => (a < b ? -1 : 1) * (reverse ? -1 : 1));
    return within.slice(0, limit) as [string, V][];
  }

  partitionOf({ address }: { readonly address: string }): number {
    return partitionOf(address, partitions);
  }

  get partition(): number {
    return partitionOf(this.self, partitions);
  }

  peek<V>(neighbour: { readonly address: string }, table: string, key = ''): V | undefined {
    if (this.partitionOf(neighbour) !== this.partition) throw new TypeError(`${neighbour.address} is no neighbour`);
    return this.#rows.get(`${neighbour.address} ${table}`)?.get(key) as V | undefined;
  }

  tell<P extends Protocol>(to: Ref<P>, body: MailOf<P>): void {
    this.mails.push({ to: to.address, from: this.self, body, durable: true });
  }

  whisper<P extends Protocol>(to: Ref<P>, body: MailOf<P>): void {
    this.mails.push({ to: to.address, from: this.self, body, durable: false });
  }

  ask(): void {
    throw new Error('the messenger asks nothing of its own actors');
  }

  reply(value: unknown): void {
    if (this.asker !== undefined) this.replyTo(this.asker, value);
  }

  replyTo(asker: ReplyTo, value: unknown): void {
    if (typeof asker.to !== 'string') this.replies.push({ ask: asker.to[2], value });
  }

  push(outlet: Outlet, push: Push): void {
    this.pushes.push({ outlet, push });
  }

  signal(name: string, value: unknown): void {
    this.signals.push({ name, from: this.self, value });
  }

  setTimer(name: string, at: number, body: { readonly kind: string }): void {
    this.timers.push({ name, timer: { to: this.self, name, at, body } });
  }

  clearTimer(name: string): void {
    this.timers.push({ name, timer: undefined });
  }

  later(ms: number, body: { readonly kind: string }): void {
    this.timers.push({ name: undefined, timer: { to: this.self, name: undefined, at: this.now + ms, body } });
  }

  sleep(): void {
    this.asleep = true;
  }

  /** Here nobody is ever replaced. */
  confirm(): void {}

  uniqueId(): string {
    return `id-${this.#world.nextId()}`;
  }

  /** Nobody looks at figures here. */
  count(): void {}

  #write(table: string, key: string, value: unknown): void {
    const place = `${this.self} ${table}`;
    const rows = this.writes.get(place) ?? new Map<string, unknown>();
    this.writes.set(place, rows.set(key, value));
  }
}

function kindOf(address: string): string {
  return address.slice(0, address.indexOf('/'));
}

function affinityOf(address: string): string {
  return address.split('/')[1] ?? '';
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value) && !(value instanceof Uint8Array)) {
    for (const part of Object.values(value)) freeze(part);
    Object.freeze(value);
  }
  return value;
}
