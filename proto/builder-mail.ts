/** Mail for what goes beyond sockets: bots, words over HTTP, webhooks and pushes. */
import type { EventKind } from './event-kinds.ts';
import type { Claims, NewSession, Outcome } from './mail.ts';
import type { ClientWord, DeviceId, ServerWord, TimelineEvent, UserId } from './words.ts';

/** Where a device's push service takes messages for it, as a browser's PushSubscription tells it (RFC 8030, RFC 8291). */
export interface Subscription {
  readonly endpoint: string;
  /** base64url: the device's public key (65 bytes), and its secret (16 bytes). */
  readonly p256dh: string;
  readonly auth: string;
  /** What is pushed says who wrote what; otherwise only that there is something. */
  readonly content: boolean;
}

/** What a push says to the application that wakes up by it; encrypted for it alone. */
export interface PushNews {
  readonly kind: 'news';
  readonly user: UserId;
  /** Number of the newest event, and how many messages have come since the push before. */
  readonly n: number;
  readonly count: number;
  /** Of the newest message, where the device wants content. */
  readonly message?: { readonly from: UserId; readonly to: string; readonly seq: number; readonly body: string };
}

/** A signal `push`. */
export interface PushOrder {
  readonly device: DeviceId;
  readonly subscription: Subscription;
  readonly news: PushNews;
}

/** Kinds of events that a webhook gets; all of them when left out. */
export interface HookSettings {
  readonly url: string;
  readonly kinds?: readonly EventKind[];
}

export interface HookState extends HookSettings {
  /** Number of the last event that it has taken, and of the newest one. */
  readonly taken: number;
  readonly head: number;
  /** Tries that have failed since the last one that did not, why the last one did, and when there is the next one (0: none, it was given up). */
  readonly failures: number;
  readonly failure: string;
  readonly nextAt: number;
}

/** Events for a webhook that follow what it has taken. */
export interface HookBatch {
  readonly url: string;
  readonly secret: string;
  readonly epoch: string;
  /** Numbers of the first and last event of the batch; those that are not wanted are left out of `events`. */
  readonly from: number;
  readonly upTo: number;
  readonly events: readonly { readonly n: number; readonly event: TimelineEvent }[];
}

/** The user actor's part. */
export type BuilderProtocol = {
  // ---- asked by the gateway
  registerBot: { mail: { readonly owner: UserId; readonly session: NewSession }; reply: Outcome };
  /** The owner's side, before and after. */
  addBot: { mail: { readonly bot: UserId }; reply: Outcome };
  /** Ends it. */
  retireBot: { mail: { readonly bot: UserId }; reply: Outcome };
  dropBot: { mail: { readonly bot: UserId }; reply: Outcome };
  bots: { mail: object; reply: Outcome<{ readonly bots: readonly UserId[] }> };
  subscribe: { mail: { readonly device: DeviceId; readonly subscription: Subscription | null }; reply: Outcome };
  /** The push service does not know the subscription any more. */
  pushLapsed: { mail: { readonly device: DeviceId; readonly endpoint: string }; reply: Outcome };
  /** A webhook begins with the events from now on; one that is set again goes on where it was. Null: none any more. */
  setHook: { mail: { readonly hook: (HookSettings & { readonly secret: string }) | null }; reply: Outcome };
  hook: { mail: object; reply: Outcome<{ readonly hook: HookState | null }> };
  /** What is to be posted now; null: nothing. */
  hookBatch: { mail: object; reply: HookBatch | null };
  /** It has taken all up to and including this event. Answers whether there is more. */
  hookTook: { mail: { readonly upTo: number }; reply: boolean };
  hookFailed: { mail: { readonly why: string }; reply: true };
  // ---- from a desk, in its partition (volatile)
  /** A word that came over HTTP: its answer goes to the desk, which says `detach` then. */
  aside: { mail: { readonly desk: string; readonly claims: Claims; readonly word: ClientWord }; reply: never };
  // ---- from the owner (durable)
  retire: { mail: { readonly owner: UserId }; reply: never };
  // ---- timers
  hookDue: { mail: object; reply: never };
  /** Volatile: messages have come since the last push. */
  pushDue: { mail: { readonly device: DeviceId }; reply: never };
  /** Something was pushed a moment ago, by this owner or by the one before. */
  pushAgain: { mail: object; reply: never };
};

/** A desk, `desk/<user>/<request>`: takes one word over HTTP to its user, and back what it is answered with. */
export type DeskProtocol = {
  /** Asked by the gateway. Nothing: the word needs no answer. */
  word: { mail: { readonly claims: Claims; readonly word: ClientWord }; reply: ServerWord | null };
  // ---- from its user, as to a connection (volatile)
  say: { mail: { readonly words: readonly ServerWord[] }; reply: never };
  news: { mail: { readonly n: number; readonly words: readonly ServerWord[] }; reply: never };
  end: { mail: { readonly code: number; readonly word: string; readonly last?: ServerWord }; reply: never };
  // ---- timers
  /** Volatile: nobody waits any more. */
  late: { mail: object; reply: never };
};
