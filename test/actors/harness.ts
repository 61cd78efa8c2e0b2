/** The messenger in a small world: sockets, and people to hold them. */
import { Connection, type MessengerLimits, messengerBehaviours, User } from '../../actors/index.ts';
import { encode } from '../../proto/codec.ts';
import { decodeServerFrame } from '../../proto/decode.ts';
import type { Claims, NewSession } from '../../proto/mail.ts';
import type { ClientWord, Encoding, ServerWord, TimelineEvent } from '../../proto/words.ts';
import type { Push } from '../../runtime/index.ts';
import { World } from './world.ts';

export { startMs, World } from './world.ts';

// ---------------------------------------------------------------- sockets

/** A socket at the edge, and the client that holds it: decodes what comes, and keeps the timeline as SPEC.md tells it to. */
export class Socket {
  readonly words: ServerWord[] = [];
  /** Frames that came, decoded or not. */
  frames = 0;
  /** Frames handed over since the actor was told of this socket, and the numbers of those that it says it has. */
  handed = 0;
  answers: number[] = [];
  closed: { readonly code: number; readonly word: string } | undefined;
  readonly claims: Claims;
  readonly #world: World;
  readonly #encoding: Encoding;
  readonly #id: number;

  constructor(world: World, claims: Claims, encoding: Encoding) {
    this.#world = world;
    this.#encoding = encoding;
    this.#id = world.nextId();
    this.claims = claims;
    world.sockets.set(this.#id, this);
    this.introduce(false);
  }

  get ref() {
    return Connection.ref(`${this.claims.user}/n1.${this.#id}`);
  }

  introduce(again: boolean): void {
    const socket = { node: 'n1', incarnation: 'a', id: this.#id };
    this.#world.whisper(this.ref, { kind: 'open', socket, claims: this.claims, encoding: this.#encoding, again });
    this.handed = 0;
    this.answers = [];
  }

  say(...words: ClientWord[]): void {
    this.raw(encode(words, this.#encoding));
  }

  raw(bytes: Uint8Array | string): void {
    this.handed++;
    this.#world.whisper(this.ref, { kind: 'frame', bytes, number: this.handed, answer: true });
  }

  receive(push: Push): void {
    if (typeof push === 'string' && /^\d/.test(push)) {
      this.answers.push(Number(push));
      return;
    }
    if (typeof push === 'object' && 'close' in push) {
      this.closed = { code: push.close, word: push.word };
      this.hangUp();
      return;
    }
    this.frames++;
    const decoded = decodeServerFrame(push, this.#encoding);
    if (!decoded.ok) throw new Error(decoded.reason);
    this.words.push(...decoded.words);
  }

  hangUp(): void {
    this.#world.sockets.delete(this.#id);
    this.#world.whisper(this.ref, { kind: 'closed' });
  }

  /** Words of one kind, oldest first. */
  all<K extends ServerWord['kind']>(kind: K): Extract<ServerWord, { kind: K }>[] {
    return this.words.filter((word): word is Extract<ServerWord, { kind: K }> => word.kind === kind);
  }

  last<K extends ServerWord['kind']>(kind: K): Extract<ServerWord, { kind: K }> {
    const word = this.all(kind).at(-1);
    if (word === undefined) throw new Error(`no ${kind} came; there came ${JSON.stringify(this.words)}`);
    return word;
  }

  /** The timeline as this socket was sent it since its last welcome. Throws on a gap or a repetition. */
  timeline(): TimelineEvent[] {
    let n = 0;
    let events: TimelineEvent[] = [];
    for (const word of this.words) {
      if (word.kind === 'welcome') {
        n = word.cursor;
        events = [];
      } else if (word.kind === 'events') {
        if (word.from !== n + 1) throw new Error(`events from ${word.from} after ${n}`);
        n += word.list.length;
        events.push(...word.list);
      } else if (word.kind === 'accepted' && word.n === n + 1) {
        n++;
        events.push({ kind: 'other', was: `accepted ${word.id}` });
      }
    }
    return events;
  }

  /** The number up to which this socket has all events. */
  cursor(): number {
    return this.words.reduce((n, word) => {
      if (word.kind === 'welcome') return word.cursor;
      if (word.kind === 'events') return Math.max(n, word.from + word.list.length - 1);
      return word.kind === 'accepted' && word.n === n + 1 ? word.n : n;
    }, 0);
  }
}

// ---------------------------------------------------------------- people

const password = { salt: new Uint8Array(16), hash: new Uint8Array(32), cost: 1, blockSize: 8, parallelism: 1 };

export function sessionFor(world: World, device: string, more: Partial<NewSession> = {}): NewSession {
  const session = `s-${world.nextId()}`;
  const day = 24 * 60 * 60_000;
  const times = { accessForMs: 365 * day, refreshForMs: 365 * day };
  return { device, session, refreshHash: `hash of ${session}`, ...times, ...more };
}

export function messenger(settings: Partial<MessengerLimits> = {}): World {
  return new World(messengerBehaviours(settings));
}

/** An account with one device; answers with what the device's sockets need. */
export function register(world: World, user: string, device = 'phone'): Claims {
  const session = sessionFor(world, device);
  const outcome = world.ask(User.ref(user), { kind: 'register', password, session });
  if (!outcome.ok) throw new Error(outcome.code);
  return { user, device, session: session.session };
}

export function logIn(world: World, user: string, device: string, more: Partial<NewSession> = {}): Claims {
  const session = sessionFor(world, device, more);
  const outcome = world.ask(User.ref(user), { kind: 'openSession', session });
  if (!outcome.ok) throw new Error(outcome.code);
  return { user, device, session: session.session };
}

/** Opens a socket and says hello. */
export function connect(
  world: World,
  claims: Claims,
  from: { epoch: string; cursor: number; run?: string; dial?: number } = { epoch: '', cursor: 0 },
  encoding: Encoding = 'json',
): Socket {
  const socket = new Socket(world, claims, encoding);
  socket.say({ kind: 'hello', ...from });
  world.settle();
  return socket;
}

/** Where a socket stands, for the hello of the next one. */
export function standing(socket: Socket): { epoch: string; cursor: number } {
  return { epoch: socket.last('welcome').epoch, cursor: socket.cursor() };
}
