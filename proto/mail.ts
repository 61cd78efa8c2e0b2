/** Mail between the actors of the messenger, and between the gateway and them. */
import type { BuilderProtocol } from './builder-mail.ts';
import type { FileOwnerProtocol } from './file-mail.ts';
import type { MemberProtocol } from './group-mail.ts';
import type { ProfileProtocol } from './people-mail.ts';
import type { TraceProtocol } from './trace-mail.ts';
import type {
  Amendment,
  ClientWord,
  DeviceId,
  Encoding,
  FailedEvent,
  Hello,
  MessageId,
  MessageRef,
  More,
  ServerWord,
  Timer,
  UserId,
  Welcome,
} from './words.ts';

/** Structurally the runtime's Outlet: a socket at some node's edge. */
export interface SocketAt {
  readonly node: string;
  readonly incarnation: string;
  readonly id: number;
}

/** What the gateway has verified about a socket. */
export interface Claims {
  readonly user: UserId;
  readonly device: DeviceId;
  /** Names the login this socket's token came from. */
  readonly session: string;
}

/** A password as kept: scrypt of RFC 7914. */
export interface PasswordHash {
  readonly salt: Uint8Array;
  readonly hash: Uint8Array;
  readonly cost: number;
  readonly blockSize: number;
  readonly parallelism: number;
}

/** A device's login: the refresh token is kept as SHA-256 only, and each use replaces it. */
export interface NewSession {
  readonly device: DeviceId;
  readonly session: string;
  readonly refreshHash: string;
  /** How long the access token given out with it is good for, ms: the account counts it by its own clock, and edges count theirs. */
  readonly accessForMs: number;
  /** The refresh token likewise. */
  readonly refreshForMs: number;
}

export interface DeviceState {
  readonly device: DeviceId;
  readonly since: number;
  readonly seen: number;
  readonly online: boolean;
  /** The one that asks. */
  readonly current: boolean;
}

export type Outcome<T extends object = object> =
  | ({ readonly ok: true } & T)
  | { readonly ok: false; readonly code: AccountRefusal };
export type AccountRefusal =
  | 'taken'
  | 'no_account'
  | 'deactivated'
  | 'bad_refresh'
  | 'unknown_device'
  | 'wrong_password'
  | 'exporting'
  | 'too_many_devices'
  | 'too_many_bots'
  | 'unknown_bot';

/** Lines of JSON; `next` is '' at the end. */
export interface ExportPage {
  readonly ok: true;
  readonly lines: readonly string[];
  readonly next: string;
}

/** Somebody has pinned a message, then: no two pins of one user are alike. */
export interface Pin {
  readonly at: number;
  readonly by: UserId;
}

/** The user actor, `user/<id>`. */
export type UserProtocol = MemberProtocol &
  FileOwnerProtocol &
  ProfileProtocol &
  TraceProtocol &
  BuilderProtocol & {
    // ---- accounts, asked by the gateway
    register: { mail: { readonly password: PasswordHash; readonly session: NewSession }; reply: Outcome };
    /** The kept hash, for the gateway to compare (scrypt is too slow for a turn). */
    credentials: { mail: object; reply: Outcome<{ readonly password: PasswordHash }> };
    openSession: { mail: { readonly session: NewSession }; reply: Outcome };
    /** One use of a refresh token. A token used before ends its whole session (reuse means theft). */
    refresh: {
      mail: { readonly session: string; readonly refreshHash: string; readonly next: NewSession };
      reply: Outcome;
    };
    devices: { mail: { readonly session: string }; reply: Outcome<{ readonly devices: readonly DeviceState[] }> };
    revoke: { mail: { readonly device: DeviceId }; reply: Outcome };
    /** A device's session changes the password: all other sessions end. `before`: what it was compared with. */
    password: {
      mail: {
        readonly device: DeviceId;
        readonly session: string;
        readonly before: PasswordHash;
        readonly password: PasswordHash;
      };
      reply: Outcome;
    };
    deactivate: { mail: object; reply: Outcome };
    /** `cursor`: '' at first, then `next` of the page before, 'over' to give it up. `ticket` names the export: an account has one at a time. */
    export: {
      mail: { readonly ticket: string; readonly cursor: string };
      reply: ExportPage | { readonly ok: false; readonly code: AccountRefusal };
    };
    // ---- from this user's own connections (volatile)
    /** Its hello. `connection` is the address of the connection actor, here and below. */
    attach: { mail: { readonly connection: string; readonly claims: Claims; readonly hello: Hello }; reply: never };
    detach: { mail: { readonly connection: string }; reply: never };
    /** The words of one frame, in their order. `number`: 1, 2, 3, … since the last `attach`, so that a lost one is noticed. */
    words: {
      mail: { readonly connection: string; readonly words: readonly ClientWord[]; readonly number: number };
      reply: never;
    };
    /** A connection that fell behind asks for events after `after`. */
    pull: { mail: { readonly connection: string; readonly after: number; readonly limit: number }; reply: never };
    // ---- from other users (durable)
    message: {
      mail: {
        readonly id: MessageId;
        readonly from: UserId;
        readonly seq: number;
        readonly at: number;
        readonly expiresAt: number;
        readonly body: string;
        readonly more?: More;
      };
      reply: never;
    };
    /** What was said between the two of them has changed, by `from`. `off`: the pins that are taken off. */
    amended: {
      mail: {
        readonly id: MessageId;
        readonly from: UserId;
        readonly of: MessageRef;
        readonly at: number;
        readonly deed: Amendment;
        readonly off?: readonly Pin[];
      };
      reply: never;
    };
    /** How messages between the two of them vanish from now on, as `from` wants it. */
    vanishing: {
      mail: { readonly id: MessageId; readonly from: UserId; readonly at: number; readonly timer: Timer };
      reply: never;
    };
    /** A message of this user has vanished at `from`, to whom it was. */
    vanished: { mail: { readonly from: UserId; readonly seq: number; readonly at: number }; reply: never };
    receipt: {
      mail: { readonly from: UserId; readonly delivered: number; readonly read: number; readonly at: number };
      reply: never;
    };
    failed: {
      mail: {
        readonly from: UserId;
        readonly id: MessageId;
        readonly seq: number;
        readonly code: FailedEvent['code'];
        readonly at: number;
      };
      reply: never;
    };
    /** `user` has deactivated its account. */
    gone: { mail: { readonly user: UserId; readonly at: number }; reply: never };
    // ---- from other users (volatile)
    typing: { mail: { readonly from: UserId; readonly on: boolean; readonly recording?: true }; reply: never };
    /** Tell `watcher` of this user's presence, now and at each change, for `presence_lease_ms`. */
    watched: { mail: { readonly watcher: UserId; readonly on: boolean }; reply: never };
    presence: { mail: { readonly user: UserId; readonly online: boolean; readonly lastSeen: number }; reply: never };
    // ---- timers
    expire: { mail: object; reply: never };
    /** What is left of an account that has ended is deleted. */
    clear: { mail: object; reply: never };
    fade: { mail: object; reply: never };
    wane: { mail: object; reply: never };
    /** `user` is blocked no more. */
    release: { mail: { readonly user: UserId }; reply: never };
    tidy: { mail: object; reply: never };
    /** Volatile: the person may have gone quiet. */
    quiet: { mail: object; reply: never };
  };

/** The connection actor, `connection/<user>/<node>.<socket>`: in its user's partition, awake as long as its socket. */
export type ConnectionProtocol = {
  // ---- from the edge (volatile)
  open: {
    /** `nth`: counts the introductions of the socket. */
    mail: {
      readonly socket: SocketAt;
      readonly claims: Claims;
      readonly encoding: Encoding;
      readonly again: boolean;
      readonly nth?: number;
    };
    reply: never;
  };
  /**
   * `number`: 1, 2, 3, … since the last `open`, which was the `nth`, so that a lost one is noticed, and a lost `open`. `answer`: when the frame has had its effect, the edge wants a push
   * of its number, as decimal text, which no frame to a client begins with.
   */
  frame: {
    mail: {
      readonly bytes: Uint8Array | string;
      readonly number?: number;
      readonly nth?: number;
      readonly answer?: boolean;
    };
    reply: never;
  };
  closed: { mail: object; reply: never };
  // ---- from its user (volatile)
  /** The hello was taken: events follow from `welcome.cursor` on. */
  greet: { mail: { readonly welcome: Welcome }; reply: never };
  /** Words to pass on as they are. */
  say: { mail: { readonly words: readonly ServerWord[] }; reply: never };
  /** New events of the timeline: `n` is the number of the first. `accepted` of this very device stand for their events. */
  news: { mail: { readonly n: number; readonly words: readonly ServerWord[] }; reply: never };
  end: { mail: { readonly code: number; readonly word: string; readonly last?: ServerWord }; reply: never };
  // ---- timers
  helloDue: { mail: object; reply: never };
  /** Asks again for events that were asked for and did not come. */
  nudge: { mail: object; reply: never };
  /** Now and then: is there anything that nobody told of, and does the session still hold? */
  check: { mail: object; reply: never };
  /** Watches again before the lease of the last `watch` ends. */
  renew: { mail: object; reply: never };
};
