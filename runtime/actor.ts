/**
 * What an author of actors sees: a kind (a name and a protocol), its behaviour, and the turn in which one mail is handled.
 *
 *     const Counter = actorKind<{ add: { mail: { by: number }; reply: number } }>('counter');
 *     const counter = behaviour(Counter, {
 *       wake: (turn) => ({ total: turn.get<number>('total') ?? 0 }),
 *       turns: {
 *         add(state, mail, turn) {
 *           state.total += mail.by;
 *           turn.put('total', state.total);
 *           turn.reply(state.total);
 *         },
 *       },
 *     });
 */

/** The words of one kind of actor: for each kind of mail, its fields and the reply to it (`never` where there is none). */
export type Protocol = { readonly [mail: string]: { readonly mail: object; readonly reply: unknown } };

/** One union keyed by `kind`. */
export type MailOf<P extends Protocol> = {
  [K in keyof P & string]: { readonly kind: K } & P[K]['mail'];
}[keyof P & string];

/** The reply to one kind of mail. */
export type ReplyOf<P extends Protocol, K extends keyof P> = P[K]['reply'];

/**
 * `kind/key`. The key's part before its first `/` is the affinity: actors with equal affinity live in one partition. An affinity `@17` is the
 * partition of that number: for an actor that serves others of it. Printable ASCII without spaces; at most 200 characters.
 */
export type Address = string;

/** A typed name of one actor; holds nothing but the address. */
export interface Ref<P extends Protocol> {
  readonly address: Address;
  /** Never there at run time: carries the protocol's type. */
  readonly protocol?: P;
}

export interface ActorKind<P extends Protocol> {
  readonly name: string;
  ref(key: string): Ref<P>;
}

export function actorKind<P extends Protocol>(name: string): ActorKind<P> {
  return { name, ref: (key) => ({ address: checkedAddress(name, key) }) };
}

const addressShape = /^[a-z][a-z0-9-]*\/[\x21-\x7e]{1,180}$/;

function checkedAddress(kind: string, key: string): Address {
  const address = `${kind}/${key}`;
  if (!addressShape.test(address)) throw new TypeError(`not an actor's address: ${JSON.stringify(address)}`);
  return address;
}

/** True for text that can be an actor's address: for names that come from outside. */
export function isAddress(text: string): boolean {
  return addressShape.test(text);
}

/** Where a reply goes. Plain data: an actor may keep it in its state and answer in a later turn. */
export interface ReplyTo {
  /** The asking actor, or the node and its ask's number. */
  readonly to: Address | readonly [node: string, incarnation: string, ask: number];
  readonly tag: string | number;
}

/** A place outside the actors that bytes can be pushed to: a socket at a node's edge. Plain data. */
export interface Outlet {
  readonly node: string;
  readonly incarnation: string;
  readonly id: number;
}

/** What is pushed to an outlet: bytes, or the end with a code and a word. */
export type Push = Uint8Array | string | { readonly close: number; readonly word: string };

export interface RangeOptions {
  /** First row key, included. */
  readonly from?: string;
  /** Last row key, excluded. */
  readonly to?: string;
  readonly limit?: number;
  readonly reverse?: boolean;
}

/**
 * One turn: the handling of one mail by one actor, synchronous, with no I/O, no clock and no chance of its own.
 * What it does takes effect together or, when it throws, not at all (A10). Nothing of it is seen outside the partition
 * before the record that holds it is durable (A1).
 */
export interface Turn {
  readonly self: Address;
  /** Milliseconds since the Unix epoch, given to this turn. */
  readonly now: number;
  /** The actor that told or asked; undefined for mail from outside the actors. */
  readonly from: Address | undefined;
  /** Where a reply to this mail goes, when it was asked. */
  readonly asker: ReplyTo | undefined;

  /** One row of a table; `key` '' is the table's only row where it has just one. Treat values as frozen. */
  get<V>(table: string, key?: string): V | undefined;
  put(table: string, value: unknown): void;
  put(table: string, key: string, value: unknown): void;
  delete(table: string, key?: string): void;
  /** Rows in the byte order of their keys; sees this turn's own writes. */
  range<V>(table: string, options?: RangeOptions): readonly (readonly [key: string, value: V])[];

  /** Number of the partition that an actor lives in, and of this one's. It never changes in a cluster's life. */
  partitionOf(actor: { readonly address: Address }): number;
  readonly partition: number;
  /** One row of a neighbour: an actor of the same partition. Throws TypeError for any other. */
  peek<V>(neighbour: { readonly address: Address }, table: string, key?: string): V | undefined;

  /** Durable mail: exactly once, in order from this partition to that one (A6). */
  tell<P extends Protocol>(to: Ref<P>, mail: MailOf<P>): void;
  /** Volatile mail: at most once, costs no commit by itself; still leaves only behind the gate. */
  whisper<P extends Protocol>(to: Ref<P>, mail: MailOf<P>): void;
  /** Durable mail whose reply comes to this actor's `replied` with the tag. */
  ask<P extends Protocol>(to: Ref<P>, mail: MailOf<P>, tag: string): void;
  /** Answers the mail of this turn, if it was asked; at most once. */
  reply(value: unknown): void;
  /** Answers a mail of an earlier turn. */
  replyTo(asker: ReplyTo, value: unknown): void;
  /** Bytes to a socket at some node's edge, behind the gate. */
  push(outlet: Outlet, push: Push): void;
  /**
   * Volatile: tells whoever listens to `name` in the process that this actor lives in, behind the gate, at most once. For work outside the actors
   * that follows from their state: whoever does it mails back that it is done, and until then a durable timer signals again.
   */
  signal(name: string, value: unknown): void;

  /**
   * What this turn sends waits for a record even if it writes nothing. An owner that has been replaced and does not know it yet may for a moment
   * say what was true before; an answer that is acted upon for good, such as a refusal of a login, should not come from one.
   */
  confirm(): void;

  /** Durable: the mail comes to this actor at about `atMs` (wall time), exactly once; a timer of the same name is replaced. */
  setTimer(name: string, atMs: number, mail: { readonly kind: string }): void;
  clearTimer(name: string): void;
  /** Volatile: the mail comes in about `ms` milliseconds if the actor is still awake. */
  later(ms: number, mail: { readonly kind: string }): void;
  /** Puts the actor to sleep after this turn. */
  sleep(): void;
  /** An id that no other turn gets; not secret. */
  uniqueId(): string;
  /** For operators' figures, if the turn succeeds: `name` has happened, of the sort `label`. Words of the code, never of users. */
  count(name: string, label?: string, by?: number): void;
}

/** Handlers by kind of mail. State is the actor's memory: rebuilt by `wake` from its tables, never written by itself. */
export type Turns<P extends Protocol, S> = {
  readonly [K in keyof P & string]: (state: S, mail: { readonly kind: K } & P[K]['mail'], turn: Turn) => void;
};

export interface Behaviour<P extends Protocol, S> {
  /**
   * Reads what the actor keeps in memory while awake. May not write. After a turn that threw it is called again with the
   * memory that the turn may have spoilt, from which only what is volatile may be carried over.
   */
  wake(turn: Turn, spoilt: S | undefined): S;
  readonly turns: Turns<P, S>;
  /** A reply to this actor's own `ask`. */
  replied?(state: S, tag: string, value: unknown, turn: Turn): void;
  /** A node's process has died, and all outlets there with it; told to awake actors. A node that was only silent may be back. */
  nodeLost?(state: S, gone: { readonly node: string; readonly incarnation: string }, turn: Turn): void;
  /** False while the memory holds what the tables do not, such as an attached socket: then an idle actor stays awake. */
  mayRest?(state: S): boolean;
}

/** A behaviour with its types forgotten, as the engine runs it. */
export interface AnyBehaviour {
  readonly kind: string;
  wake(turn: Turn, spoilt: unknown): unknown;
  readonly turns: { readonly [kind: string]: ((state: never, mail: never, turn: Turn) => void) | undefined };
  replied?(state: unknown, tag: string, value: unknown, turn: Turn): void;
  nodeLost?(state: unknown, gone: { readonly node: string; readonly incarnation: string }, turn: Turn): void;
  mayRest?(state: unknown): boolean;
}

export function behaviour<P extends Protocol, S>(kind: ActorKind<P>, definition: Behaviour<P, S>): AnyBehaviour {
  const { replied, nodeLost, mayRest } = definition;
  return {
    kind: kind.name,
    wake: (turn, spoilt) => definition.wake(turn, spoilt as S | undefined),
    turns: definition.turns as AnyBehaviour['turns'],
    ...(nodeLost && { nodeLost: (state, gone, turn) => nodeLost(state as S, gone, turn) }),
    ...(mayRest && { mayRest: (state) => mayRest(state as S) }),
    ...(replied && { replied: (state, tag, value, turn) => replied(state as S, tag, value, turn) }),
  };
}
