import type { MessageEvent, MessageState, Send, ServerWord, TimelineEvent } from '../../proto/words.ts';
import { grant, type Peer, refusal, type ScriptedServer, scriptedServer } from './scripted-server.ts';

interface User {
  readonly name: string;
  readonly password: string;
  readonly devices: Set<string>;
  readonly timeline: TimelineEvent[];
  /** The user's own connections. */
  readonly peers: Map<Peer, { sent: number }>;
  readonly seqs: Map<string, number>;
  readonly marks: Map<string, { delivered: number; read: number }>;
  readonly watchers: Set<User>;
}

/** A messenger in a hundred lines, in memory: what a chat needs to be tried out on. It answers at once and forgets nothing. */
export class MiniMessenger {
  readonly server: ScriptedServer;
  readonly users = new Map<string, User>();
  readonly #tokens = new Map<string, { readonly user: User; readonly device: string }>();

  private constructor(server: ScriptedServer) {
    this.server = server;
    const enter = (name: string, device: string, status: number) => {
      const user = this.users.get(name)!;
      user.devices.add(device);
      const tokens = grant(name, device) as { accessToken: string };
      this.#tokens.set(tokens.accessToken, { user, device });
      return [status, tokens] as const;
    };
    server.routes.set('POST /v1/accounts', ({ user, password, device }) => {
      if (this.users.has(user!)) return refusal(409, 'taken', 'This user name is taken.');
      if (password!.length < 8) return refusal(400, 'bad_password', 'The password is too short or too long.');
      this.users.set(user!, newUser(user!, password!));
      return enter(user!, device!, 201);
    });
    server.routes.set('POST /v1/sessions', ({ user, password, device }) => {
      if (this.users.get(user!)?.password !== password) return refusal(401, 'bad_login', 'The password is not right.');
      return enter(user!, device!, 200);
    });
    server.routes.set('GET /v1/devices', (_, bearer) => {
      const { user } = this.#tokens.get(bearer)!;
      const devices = [...user.devices].map((device) => ({
        device,
        since: 1,
        seen: 1,
        online: device === 'terminal',
        current: device === 'terminal',
      }));
      return [200, { devices }];
    });
    server.routes.set('DELETE /v1/devices/phone', () => [200, { removed: 'phone' }]);
    server.routes.set('DELETE /v1/devices/nothing', () =>
      refusal(404, 'unknown_device', 'The account has no such device.'),
    );
    void this.#serve();
  }

  static async start(): Promise<MiniMessenger> {
    return new MiniMessenger(await scriptedServer());
  }

  /** All tokens are worth nothing from now on, and all connections are gone. */
  forgetSessions(): void {
    this.#tokens.clear();
    this.server.routes.set('POST /v1/sessions/refresh', () => refusal(401, 'bad_refresh', 'Log in again.'));
  }

  peersOf(name: string): Peer[] {
    return [...this.users.get(name)!.peers.keys()];
  }

  async #serve(): Promise<never> {
    for (;;) {
      const peer = await this.server.peer();
      const known = this.#tokens.get(peer.token);
      if (known === undefined) peer.close(4401, 'unauthorised');
      else void this.#attend(peer, known.user);
    }
  }

  async #attend(peer: Peer, user: User): Promise<void> {
    void peer.closed.then(() => {
      user.peers.delete(peer);
      this.#tellPresence(user);
    });
    const known = peer.frames.length;
    const { epoch, cursor } = await peer.welcome({ user: user.name, epoch: 'e1', head: user.timeline.length });
    user.peers.set(peer, { sent: epoch === '' ? 0 : cursor });
    this.#push(user);
    this.#tellPresence(user);
    for (let frame = known; ; frame++) {
      while (peer.frames.length <= frame) await peer.more();
      for (const word of peer.frames[frame]!) this.#word(peer, user, word);
    }
  }

  #word(peer: Peer, user: User, word: Peer['frames'][number][number]): void {
    const reader = user.peers.get(peer);
    if (reader === undefined) return;
    switch (word.kind) {
      case 'send':
        this.#send(peer, user, word);
        break;
      case 'received':
        for (const event of user.timeline.slice(0, word.upTo)) {
          if (event.kind === 'message' && event.to === user.name) this.#mark(user, event.from, event.seq, 0);
        }
        break;
      case 'read':
        this.#mark(user, word.with, word.upTo, word.upTo);
        break;
      case 'typing':
        for (const other of this.users.get(word.to)?.peers.keys() ?? []) {
          other.say({ kind: 'typing', from: user.name, on: word.on });
        }
        break;
      case 'watch':
        for (const name of word.users) {
          this.users.get(name)?.watchers.add(user);
          peer.say(presenceOf(this.users.get(name), name));
        }
        break;
      case 'history': {
        const messages = this.#states(user).filter(({ from, to, n }) => {
          return (from === word.with || to === word.with) && (word.before === 0 || n < word.before);
        });
        const page = messages.reverse().slice(0, word.limit);
        const next = page.length < messages.length ? page.at(-1)!.n : 0;
        peer.say({ kind: 'page', req: word.req, with: word.with, messages: page, next });
        break;
      }
      case 'groups':
        peer.say({ kind: 'groups', req: word.req, list: [], next: '' });
        break;
      case 'inquire': {
        const message = this.#states(user).find(({ id }) => id === word.id);
        const unknown = {
          kind: 'refused',
          req: word.req,
          code: 'unknown_message',
          reason: 'No such.',
          retry: false,
        } as const;
        peer.say(message ? { kind: 'answer', req: word.req, message } : unknown);
      }
    }
  }

  #send(peer: Peer, user: User, { id, to, body, more }: Send): void {
    const seq = (user.seqs.get(to) ?? 0) + 1;
    user.seqs.set(to, seq);
    const at = Date.now();
    const event: MessageEvent = { kind: 'message', id, from: user.name, to, seq, at, body, ...(more && { more }) };
    const n = user.timeline.push(event);
    const reader = user.peers.get(peer)!;
    if (reader.sent === n - 1) reader.sent = n;
    peer.say({ kind: 'accepted', id, n, seq, at });
    const other = this.users.get(to);
    if (other) other.timeline.push(event);
    else {
      const code = 'unknown_user';
      user.timeline.push({ kind: 'failed', id, to, seq, code, reason: 'There is no account of this name.', at: 1 });
    }
    this.#push(user);
    if (other) this.#push(other);
  }

  #mark(user: User, from: string, delivered: number, read: number): void {
    const sender = this.users.get(from);
    if (sender === undefined) return;
    const before = sender.marks.get(user.name) ?? { delivered: 0, read: 0 };
    const after = { delivered: Math.max(before.delivered, delivered), read: Math.max(before.read, read) };
    if (after.delivered === before.delivered && after.read === before.read) return;
    sender.marks.set(user.name, after);
    sender.timeline.push({ kind: 'receipt', with: user.name, ...after, at: Date.now() });
    this.#push(sender);
  }

  #push(user: User): void {
    for (const [peer, reader] of user.peers) {
      const list = user.timeline.slice(reader.sent);
      if (list.length > 0) peer.say({ kind: 'events', from: reader.sent + 1, list });
      reader.sent = user.timeline.length;
    }
  }

  #tellPresence(user: User): void {
    for (const watcher of user.watchers) for (const peer of watcher.peers.keys()) peer.say(presenceOf(user, user.name));
  }

  #states(user: User): MessageState[] {
    const failed = new Set(user.timeline.flatMap((event) => (event.kind === 'failed' ? [event.id] : [])));
    return user.timeline.flatMap((event, at): MessageState[] => {
      if (event.kind !== 'message') return [];
      const marks = user.marks.get(event.to) ?? { delivered: 0, read: 0 };
      const times = { delivered: marks.delivered >= event.seq ? 5 : 0, read: marks.read >= event.seq ? 5 : 0 };
      const changes = { edited: 0, retracted: 0, reactions: [], pinned: 0 };
      return [{ ...event, ...changes, n: at + 1, ...times, failed: failed.has(event.id) ? 'unknown_user' : '' }];
    });
  }
}

function newUser(name: string, password: string): User {
  return {
    name,
    password,
    devices: new Set(),
    timeline: [],
    peers: new Map(),
    seqs: new Map(),
    marks: new Map(),
    watchers: new Set(),
  };
}

function presenceOf(user: User | undefined, name: string): ServerWord {
  return { kind: 'presence', user: name, online: (user?.peers.size ?? 0) > 0, lastSeen: user ? 1 : 0 };
}
