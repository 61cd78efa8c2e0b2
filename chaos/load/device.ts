/** One device of one user: an SDK client that can be cut off and killed, and the diary of all that it was told. */
import { WebSocket } from 'ws';
import {
  type ClientOptions,
  type ClientStorage,
  RingpostClient,
  type Saved,
  type TransportName,
  type WebSocketConstructor,
} from '../../client/index.ts';
import { isGroupId } from '../../proto/decode.ts';
import type { Entry } from '../history.ts';
import { nowMs, pause } from '../time.ts';
import { bodyOf } from './body.ts';

export interface DeviceOptions {
  readonly user: string;
  readonly device: string;
  readonly urls: readonly string[];
  readonly goesHome: boolean;
  readonly transport: TransportName;
  readonly note: (entry: Entry) => void;
  /** It must see all that was sent since then, ms; since it joined when left out. Such a device looks, and marks nothing as read. */
  readonly since?: number;
}

/** What is told; who and when is added to it. */
type Told<E extends Entry> = E extends Entry ? Omit<E, 'at' | 'user' | 'device'> : never;

const retry_ms = 200;
const open_wait_ms = 60_000;

export class Device {
  readonly user: string;
  readonly name: string;
  readonly #options: DeviceOptions;
  readonly #sockets = new Set<WebSocket>();
  /** Requests under way that a socket is made of. */
  readonly #requests = new Set<AbortController>();
  #storage = new Memory(undefined);
  #client: RingpostClient | undefined;
  #url = '';
  #closed = false;
  #loggingIn = false;
  /** Id of the word that makes a group: what answers it is no message. */
  #founding: string | undefined;

  constructor(options: DeviceOptions) {
    this.#options = options;
    this.user = options.user;
    this.name = options.device;
  }

  get url(): string {
    return this.#url;
  }

  /** Registers the account, or logs in where it is there already; resolves when it is connected. */
  async open(register: boolean): Promise<void> {
    const account = { ...this.#clientOptions(), ...this.#credentials() };
    const end = nowMs() + open_wait_ms;
    for (let again = !register; ; again = true) {
      try {
        this.#follow(again ? await RingpostClient.login(account) : await RingpostClient.register(account));
        break;
      } catch (error) {
        const { retry, code } = error as { retry?: boolean; code?: string };
        // A registration without an answer may have been carried out: the next try finds it `taken`, and logs in.
        if ((retry !== true && code !== 'taken' && code !== 'bad_login') || nowMs() > end) throw error;
        await pause(retry_ms);
      }
    }
    await this.#client?.connect();
    const { note, since = nowMs() } = this.#options;
    note({ kind: 'joined', at: since, user: this.user, device: this.name });
  }

  /** Makes a group; resolves when it has been made, its other members are still to come. Rejects with what the SDK rejects with. */
  async found(users: readonly string[]): Promise<string> {
    const client = this.#client;
    if (client === undefined) throw new Error(`${this.user} is logged out`);
    const made = client.groups.create(`of ${this.user}`, users);
    this.#founding = client.unsent().at(-1)?.id;
    return made;
  }

  /** Asks for its groups, as one does who has stored nothing of them. */
  async recall(): Promise<void> {
    const client = this.#client;
    if (client === undefined) return;
    const { list } = await client.groups.list();
    if (this.#client === client) this.#note({ kind: 'recalled', groups: list.map(({ group }) => group) });
  }

  /** Throws what the SDK throws. */
  send(to: string, id: string): void {
    this.#note({ kind: 'sent', id, to });
    if (this.#client === undefined) {
      this.#note({ kind: 'refused', id, code: 'logged_out', retry: false });
      return;
    }
    try {
      this.#client.send(to, bodyOf(id), { id });
    } catch (error) {
      // Its own outbox is full: the SDK has not taken the message.
      this.#note({ kind: 'refused', id, code: String((error as { code?: unknown }).code), retry: false });
    }
  }

  /** Has all that the server had for it at its last welcome, and nothing left to say. */
  get settled(): boolean {
    const client = this.#client;
    return (
      client !== undefined && client.state === 'online' && client.cursor >= client.head && client.unsent().length === 0
    );
  }

  /** Ids of messages without an answer. */
  get unsent(): string[] {
    return this.#client?.unsent().map(({ id }) => id) ?? [];
  }

  get state(): string {
    return this.#client?.state ?? 'not there';
  }

  /** As when a network goes: the other side hears nothing of it from this one. */
  cut(): number {
    const cut = [...this.#sockets];
    for (const socket of cut) socket.terminate();
    const requests = [...this.#requests];
    for (const request of requests) request.abort();
    this.#requests.clear();
    return cut.length + Math.min(1, requests.length);
  }

  /** As `kill -9` of its process and a start after it: only what had been stored is known. Answers the unsent messages it still knows. */
  async restart(): Promise<ReadonlySet<string>> {
    const stored = this.#storage.freeze();
    const old = this.#client;
    this.#client = undefined;
    this.cut();
    void old?.close();
    this.#storage = new Memory(stored);
    const client = await RingpostClient.restore({ ...this.#clientOptions(), storage: this.#storage });
    if (client === undefined) throw new Error(`nothing was stored of ${this.user}`);
    this.#note({ kind: 'restarted', cursor: client.cursor });
    const known = new Set(client.unsent().map(({ id }) => id));
    this.#follow(client);
    client.connect().catch(() => undefined);
    // A question may be lost, and the client may be killed again.
    this.recall().catch(() => undefined);
    return known;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#client?.close();
  }

  #clientOptions(): ClientOptions {
    const { urls, goesHome, transport } = this.#options;
    return {
      urls,
      storage: this.#storage,
      ...(transport === 'websocket' && { webSocket: this.#webSocket() }),
      transport,
      fetch: (url, init) =>
        url.includes('/v1/sockets') ? this.#request(url, init) : goesHome ? fetch(url, init) : homeless(url, init),
      name: 'chaos',
    };
  }

  #credentials() {
    return { user: this.user, device: this.name, password: `password of ${this.user}` };
  }

  #webSocket(): WebSocketConstructor {
    const sockets = this.#sockets;
    return class extends WebSocket {
      constructor(url: string, protocols: string[], options?: object) {
        super(url, protocols, options);
        sockets.add(this);
        this.once('close', () => sockets.delete(this));
      }
    } as unknown as WebSocketConstructor;
  }

  /** One that can be cut, its answer too. */
  async #request(url: string, init: RequestInit): Promise<Response> {
    const cutter = new AbortController();
    this.#requests.add(cutter);
    const signal = init.signal ? AbortSignal.any([init.signal, cutter.signal]) : cutter.signal;
    let isStream = false;
    try {
      const response = await fetch(url, { ...init, signal });
      isStream = response.headers.get('content-type') === 'text/event-stream';
      return isStream ? response : new Response(await response.arrayBuffer(), { status: response.status });
    } finally {
      // A stream goes on; when it ends by itself, cutting it does nothing.
      if (!isStream) this.#requests.delete(cutter);
    }
  }

  #note(entry: Told<Entry>): void {
    this.#options.note({ at: nowMs(), user: this.user, device: this.name, ...entry } as Entry);
  }

  /** Writes down what a client tells, for as long as it is this device's client. */
  #follow(client: RingpostClient): void {
    this.#client = client;
    const on: RingpostClient['on'] = (kind, listener) =>
      client.on(kind, (event) => {
        if (this.#client === client) listener(event);
      });
    on('accepted', ({ id, n, seq, with: group = '' }) =>
      this.#note(
        id === this.#founding ? { kind: 'change', n, group, seq, what: 'created' } : { kind: 'accepted', id, n, seq },
      ),
    );
    on('refused', ({ id, code, retry }) => this.#note({ kind: 'refused', id, code, retry }));
    on('message', ({ n, id, from, to, seq, body }) => {
      this.#note({ kind: 'message', n, id, from, to, seq, intact: body === bodyOf(id) });
      if (from !== this.user && this.#options.since === undefined) client.read(isGroupId(to) ? to : from, seq);
    });
    on('receipt', ({ n, with: other, delivered, read }) =>
      this.#note({ kind: 'receipt', n, with: other, delivered, read }),
    );
    on('failed', ({ n, id, code }) => this.#note({ kind: 'failed', n, id, code }));
    on('expired', ({ n, id }) => this.#note({ kind: 'other', n, what: `expiry of ${id}` }));
    on('seen', ({ n, with: other, upTo }) => this.#note({ kind: 'other', n, what: `${other} read up to ${upTo}` }));
    on('group', ({ n, with: group, seq, change }) => {
      const users = 'users' in change ? ` ${change.users.toSorted().join(' ')}` : '';
      this.#note({ kind: 'change', n, group, seq, what: `${change.what}${users}` });
    });
    on('declined', ({ n, with: group, user, code }) =>
      this.#note({ kind: 'other', n, what: `${user} is not in ${group}: ${code}` }),
    );
    on('reset', () => this.#note({ kind: 'reset' }));
    on('state', ({ state, url, error }) => {
      if (state === 'online') this.#url = url;
      if (state === 'online') this.#note({ kind: 'link', state, why: url });
      else if (state === 'waiting') this.#note({ kind: 'link', state, why: error?.message ?? '' });
      else if (state === 'closed' && !this.#closed) this.#ended(error?.message ?? '');
    });
  }

  /** The SDK gave up for good; a person would log in again. What it had stored stays. */
  #ended(why: string): void {
    this.#note({ kind: 'link', state: 'ended', why });
    this.#client = undefined;
    // A client that ended before it was connected: whoever waits for it tries again.
    if (!this.#loggingIn) void this.#logIn();
  }

  async #logIn(): Promise<void> {
    this.#loggingIn = true;
    const account = { ...this.#clientOptions(), ...this.#credentials() };
    while (!this.#closed) {
      await pause(retry_ms);
      try {
        const client = await RingpostClient.login(account);
        this.#note({ kind: 'restarted', cursor: client.cursor });
        this.#follow(client);
        await client.connect();
        break;
      } catch {
        // Until there is a server that takes it.
      }
    }
    this.#loggingIn = false;
  }
}

/** What a device's disk holds. */
class Memory implements ClientStorage {
  #text: string | undefined;
  #frozen = false;

  constructor(text: string | undefined) {
    this.#text = text;
  }

  async load(): Promise<Saved | undefined> {
    return this.#text === undefined ? undefined : (JSON.parse(this.#text) as Saved);
  }

  async save(saved: Saved): Promise<void> {
    if (!this.#frozen) this.#text = JSON.stringify(saved);
  }

  /** Nothing is written any more; answers what is there. */
  freeze(): string | undefined {
    this.#frozen = true;
    return this.#text;
  }
}

/** Keeps the server's hint to a home from the SDK. */
async function homeless(url: string, init: RequestInit): Promise<Response> {
  const response = await fetch(url, init);
  if (!response.ok || response.status === 204) return response;
  const body = (await response.json()) as { home?: unknown };
  delete body.home;
  return Response.json(body, { status: response.status });
}
