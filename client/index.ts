import type {
  ConversationId,
  DeviceId,
  Encoding,
  MessageId,
  MessageState,
  Page,
  Send,
  UserId,
} from '../proto/words.ts';
import { Account } from './account.ts';
import { AccountApi, type Credentials, type Fetch, serverUrl } from './account-api.ts';
import { botTokens } from './bot-token.ts';
import { RingpostError } from './errors.ts';
import { type ClientEventKind, type ClientEventOf, EventHub, type EventStream, type StateNews } from './events.ts';
import { Exchange } from './exchange.ts';
import { Files } from './files.ts';
import { Groups } from './groups.ts';
import { sdkLimits } from './limits.ts';
import { messageIds } from './message-id.ts';
import { Messages } from './messages.ts';
import { Outbox, type Sent } from './outbox.ts';
import type { PaceLimits } from './pace.ts';
import { People } from './people.ts';
import type { Requests } from './requests.ts';
import { type SearchOptions, search } from './search.ts';
import { checkedSend, type SendOptions } from './send.ts';
import { Session } from './session.ts';
import { type Settleable, settleable } from './settleable.ts';
import type { WebSocketConstructor } from './socket.ts';
import { type ClientStorage, type Deed, Keeper, type Saved, type Tokens } from './storage.ts';
import { monotonicMs } from './time.ts';
import { Timeline } from './timeline.ts';
import type { TransportName } from './transports.ts';

export type { Account, PushSubscriptionLike, Webhook } from './account.ts';
export { type ErrorCode, RingpostError } from './errors.ts';
export type { ClientEvent, ClientEventKind, ClientEventOf, EventStream, Numbered, StateNews } from './events.ts';
export type { ExportLine } from './export.ts';
export type { Files, UploadOptions } from './files.ts';
export type { Groups } from './groups.ts';
export { sdkLimits } from './limits.ts';
export type { Messages, Said } from './messages.ts';
export type { Sent } from './outbox.ts';
export type { People } from './people.ts';
export type { SearchOptions } from './search.ts';
export type { SendOptions } from './send.ts';
export type { WebSocketConstructor, WebSocketLike } from './socket.ts';
export type { ClientStorage, Deed, Saved, Tokens } from './storage.ts';
export type { TransportName } from './transports.ts';
export type * from './words.ts';

export interface ClientOptions {
  /** Of any node: `http://localhost:7100`. With several, the client goes on to the next when one does not answer. */
  readonly url?: string;
  readonly urls?: readonly string[];
  /** `msgpack` unless told otherwise; `json` says the same words in readable frames. */
  readonly encoding?: Encoding;
  /** Keeps session, place and unsent messages between runs; nowhere by default. */
  readonly storage?: ClientStorage;
  /** Instead of the platform's own (browsers) or that of `ws` (Node). */
  readonly webSocket?: WebSocketConstructor;
  /** `auto` unless told otherwise. */
  readonly transport?: TransportName;
  readonly fetch?: Fetch;
  /** False: the application itself calls `received`. The server then sends at most its window of events beyond that. */
  readonly autoReceived?: boolean;
  /** For servers whose limits are not the default ones: words a second, and at once. */
  readonly pace?: PaceLimits;
  /** Names the application to the server, at most 64 characters. */
  readonly name?: string;
  /** Asked at each message or deed: the W3C `traceparent` of what it is part of, for servers that follow some of them; undefined for none. */
  readonly trace?: () => string | undefined;
}
export type AccountOptions = ClientOptions & Credentials;
type State = StateNews['state'] | 'idle';

/**
 * One device of one user. It keeps a connection, comes back by itself, loses nothing that it was given to send, and tells its
 * application of each event exactly once. Every rejection and every throw is a `RingpostError`.
 *
 * ```ts
 * const client = await RingpostClient.login({ url, user: 'alice', password, device: 'phone' });
 * client.on('message', (message) => client.read(message.from, message.seq));
 * await client.connect();
 * await client.send('bob', 'hello').accepted;
 * ```
 */
export class RingpostClient {
  /** Files of messages: up and down. */
  readonly files: Files;
  /** Groups: making them, and all that their members may do besides sending. */
  readonly groups: Groups;
  /** Messages that were sent: editing them, taking them back, reactions. */
  readonly messages: Messages;
  /** What this user tells of itself, contacts, blocked users, who may know what; and what others tell. */
  readonly people: People;
  /** Devices, password, bots, webhook, pushes. */
  readonly account: Account;
  readonly #api: AccountApi;
  readonly #session: Session;
  readonly #keeper: Keeper;
  readonly #outbox = new Outbox();
  readonly #timeline: Timeline;
  readonly #hub: EventHub;
  readonly #exchange: Exchange;
  readonly #urls: readonly string[];
  readonly #newId = messageIds();
  readonly #trace: ClientOptions['trace'];
  #state: State = 'idle';
  /** Set when nothing can follow any more. */
  #over: RingpostError | undefined;
  #connecting: Settleable | undefined;
  #ended: Promise<void> | undefined;
  #patience = Number.POSITIVE_INFINITY;
  #typed = { to: '', on: false, recording: false, at: 0 };

  /** A client that goes on where `saved` stopped. For new ones see `register` and `login`, for stored ones `restore`. */
  constructor(options: ClientOptions, saved: Saved) {
    this.#urls = urlsOf(options);
    this.#trace = options.trace;
    this.#api = new AccountApi(this.#urls, options.fetch);
    this.#timeline = new Timeline(saved.epoch, saved.cursor);
    for (const word of saved.outbox) this.#outbox.add(word);
    this.#hub = new EventHub(() => this.#exchange.consumed());
    this.#keeper = new Keeper(
      options.storage,
      () => this.saved(),
      (error) => this.#hub.emit({ kind: 'trouble', error }),
    );
    this.#session = new Session(this.#api, saved.tokens, () => {
      this.#keeper.changed();
      return this.#keeper.flush();
    });
    this.#exchange = new Exchange({
      urls: this.#urls,
      encoding: options.encoding ?? 'msgpack',
      webSocket: options.webSocket,
      transport: options.transport ?? 'auto',
      fetch: options.fetch ?? ((url, init) => globalThis.fetch(url, init)),
      session: this.#session,
      user: saved.tokens.user,
      client: options.name ?? 'ringpost-sdk/0.1',
      autoReceived: options.autoReceived ?? true,
      pace: options.pace ?? sdkLimits,
      timeline: this.#timeline,
      outbox: this.#outbox,
      hub: this.#hub,
      changed: () => this.#keeper.changed(),
      state: (news) => this.#stateChanged(news),
    });
    this.files = new Files({ urls: this.#urls, fetch: options.fetch, api: this.#api, session: this.#session });
    const host = {
      user: () => this.user,
      newId: this.#newId,
      entrust: <Word extends Deed>(word: Word) => this.#entrust(word),
      ask: this.#ask,
    };
    this.account = new Account({ api: this.#api, session: this.#session, close: () => this.close() });
    this.people = new People(host);
    this.messages = new Messages(host);
    this.groups = new Groups(host);
  }

  /** Makes an account and logs this device in. Rejects with `taken`, `bad_user`, `bad_password`, `unreachable` and others. */
  static async register(options: AccountOptions): Promise<RingpostClient> {
    const api = new AccountApi(urlsOf(options), options.fetch);
    return RingpostClient.#begin(options, await api.register(credentialsOf(options)));
  }

  /** Logs this device in. Rejects with `bad_login`, `too_many_devices`, `unreachable` and others. */
  static async login(options: AccountOptions): Promise<RingpostClient> {
    const api = new AccountApi(urlsOf(options), options.fetch);
    return RingpostClient.#begin(options, await api.login(credentialsOf(options)));
  }

  /** A bot, by the token that its owner got for it. With a storage it goes on where it was; begun anew it gets all that it was ever sent. */
  static async bot({ token, ...options }: ClientOptions & { readonly token: string }): Promise<RingpostClient> {
    return RingpostClient.#begin(options, botTokens(token));
  }

  /** The client that `options.storage` holds; undefined when it holds none. Rejects with `storage`. */
  static async restore(
    options: ClientOptions & { readonly storage: ClientStorage },
  ): Promise<RingpostClient | undefined> {
    const saved = await loaded(options.storage);
    return saved && new RingpostClient(options, saved);
  }

  /** A new session of a stored device goes on where the old one stopped: its place and its unsent messages are not lost. */
  static async #begin(options: ClientOptions, tokens: Tokens): Promise<RingpostClient> {
    const before = options.storage && (await loaded(options.storage));
    const same = before?.tokens.user === tokens.user && before.tokens.device === tokens.device;
    const client = new RingpostClient(options, {
      ...(before !== undefined && same ? before : { epoch: '', cursor: 0, outbox: [] }),
      tokens,
    });
    client.#keeper.changed();
    await client.#keeper.flush();
    return client;
  }

  get user(): UserId {
    return this.#session.tokens.user;
  }

  get device(): DeviceId {
    return this.#session.tokens.device;
  }

  get state(): State {
    return this.#state;
  }

  /** Number of the newest event that has come. */
  get cursor(): number {
    return this.#timeline.cursor;
  }

  /** Number of the newest event there was at the last welcome: while `cursor` is below it, older ones are still coming. */
  get head(): number {
    return this.#exchange.head;
  }

  /** What has no final answer yet, oldest first: also what a client before this one left in the storage. */
  unsent(): readonly Sent[] {
    return this.#outbox.all();
  }

  /** What the storage gets. It holds secrets. */
  saved(): Saved {
    return {
      tokens: this.#session.tokens,
      epoch: this.#timeline.epoch,
      cursor: this.#hub.consumedOf(this.#timeline.cursor),
      outbox: this.#outbox.saved(),
    };
  }

  /**
   * Resolves when the server has welcomed this device; from then on the client reconnects by itself. Rejects with `login_needed`,
   * `revoked`, `replaced` or `closed`, which are final. While no server answers it goes on trying (see `state` events), unless
   * `keepTrying` is false: then it rejects after having tried each url once, and `connect` may be called again.
   */
  connect({ keepTrying = true }: { readonly keepTrying?: boolean } = {}): Promise<void> {
    if (this.#over !== undefined) return Promise.reject(this.#over);
    if (this.#state === 'online') return Promise.resolve();
    this.#patience = keepTrying ? Number.POSITIVE_INFINITY : this.#urls.length;
    this.#connecting ??= settleable();
    this.#exchange.link.start();
    return this.#connecting.promise;
  }

  /**
   * Takes a message on its way, whatever the state of the connection. Sending the same `id` again is the same message. Throws
   * `outbox_full`, `too_long`, `malformed` (not a user name, a group, an id or text) and `closed`; all later news are the handle's.
   */
  send(to: ConversationId, body: string, { id = this.#newId(), more, file }: SendOptions = {}): Sent<Send> {
    const { body_bytes_max } = this.#exchange.limits;
    const sent = this.#entrust(checkedSend(to, body, { id, more, file }, body_bytes_max));
    // The other side takes a message for the end of the typing.
    if (this.#typed.to === to) this.#typed.on = false;
    return sent;
  }

  readonly #ask: Requests['ask'] = async (kind, make) => {
    this.#checkOpen();
    return await this.#exchange.requests.ask(kind, make);
  };

  /** Into the outbox, whatever the state of the connection. */
  #entrust<Word extends Deed>(word: Word): Sent<Word> {
    this.#checkOpen();
    const sent = this.#outbox.add(word, this.#trace?.());
    this.#exchange.speech.wake();
    this.#keeper.changed();
    return sent as Sent<Word>;
  }

  /** The person has read what was written in a conversation, up to and including this `seq`. Throws `overloaded` (too many unsaid marks). */
  read(conversation: ConversationId, upTo: number): void {
    this.#exchange.reads.mark(conversation, upTo);
    this.#exchange.speech.wake();
  }

  /** With `autoReceived: false`: events up to and including this number have arrived. */
  received(upTo: number): void {
    this.#exchange.received(upTo);
  }

  /** Told to the other side if there is a connection right now, and forgotten there after 10 s. May be called at each keystroke. `recording`: it is a voice message. */
  typing(to: ConversationId, on: boolean, { recording = false } = {}): void {
    const now = monotonicMs();
    const known = this.#typed.to === to && this.#typed.on && this.#typed.recording === recording;
    if (on ? known && now - this.#typed.at < sdkLimits.typing_repeat_ms : !known) return;
    this.#typed = { to, on, recording, at: now };
    this.#exchange.speech.say({ kind: 'typing', to, on, ...(recording && { recording }) });
  }

  /** Whose presence to be told of from now on, across connections; replaces the users before. Throws `too_long` beyond 64. */
  watch(users: readonly UserId[]): void {
    const usersMax = this.#exchange.limits.watch_users_max;
    if (users.length > usersMax)
      throw new RingpostError('too_long', `At most ${usersMax} users can be watched.`, false);
    this.#exchange.watch([...users]);
  }

  /** Messages of a conversation, newest first, from below `before` (0: the newest; else `next` of a page). Rejects with `timeout` and others. */
  async history(
    conversation: ConversationId,
    { before = 0, limit = 50 }: { before?: number; limit?: number } = {},
  ): Promise<Page> {
    return this.#ask('page', (req) => ({ kind: 'history', req, with: conversation, before, limit }));
  }

  /** Messages that this account has, newest first, for `for await`: only as many are asked for as it takes. It throws `timeout` and others. */
  search(options: SearchOptions): AsyncGenerator<MessageState, void, undefined> {
    return search(this.#ask, options);
  }

  /** What has become of a message that this account sent. Rejects with `unknown_message`, `timeout` and others. */
  async inquire(id: MessageId): Promise<MessageState> {
    return (await this.#ask('answer', (req) => ({ kind: 'inquire', req, id }))).message;
  }

  /** Calls `listener` at each event of one kind. The answer takes it off again. */
  on<Kind extends ClientEventKind>(kind: Kind, listener: (event: ClientEventOf<Kind>) => void): () => void {
    return this.#hub.on(kind, listener);
  }

  /**
   * All events from now on, for `for await`. An event counts as received only when the loop asks for the next one, so a slow loop
   * slows the server down instead of filling memory. It ends when the client is closed.
   */
  events(): EventStream {
    return this.#hub.stream();
  }

  /**
   * Says what there is to say, stores the state, and lets go of the connection. Handles without an answer reject with `closed`; with
   * a storage, the next client sends their messages. It never rejects.
   */
  async close(): Promise<void> {
    this.#exchange.farewell();
    await this.#ended;
  }

  #stateChanged(news: StateNews): void {
    this.#state = news.state;
    this.#hub.emit(news);
    if (news.state === 'online') {
      this.#connecting?.settle();
      this.#connecting = undefined;
      this.#patience = Number.POSITIVE_INFINITY;
    } else if (news.state === 'waiting' && news.error?.code !== 'unauthorised' && --this.#patience <= 0) {
      this.#exchange.link.rest();
      this.#state = 'idle';
      this.#connecting?.settle(news.error);
      this.#connecting = undefined;
    } else if (news.state === 'closed') {
      this.#end(news.error ?? new RingpostError('closed', 'This client is closed.', false));
    }
  }

  /** Stores what there is before the handles are told, because telling them empties the outbox. */
  #end(error: RingpostError): void {
    this.#over = error;
    this.#connecting?.settle(error);
    this.#connecting = undefined;
    this.#exchange.requests.rejectAll(error);
    this.#ended = this.#keeper.close().then(() => {
      this.#outbox.settleAll(error);
      this.#hub.end();
    });
  }

  #checkOpen(): void {
    if (this.#over !== undefined) throw this.#over;
  }
}

function urlsOf({ url, urls = [] }: ClientOptions): readonly string[] {
  const all = [...(url === undefined ? [] : [url]), ...urls].map(serverUrl);
  if (all.length === 0) throw new RingpostError('malformed', 'A client needs the url of a server.', false);
  return [...new Set(all)];
}

function credentialsOf({ user, password, device }: AccountOptions): Credentials {
  return { user, password, device };
}

async function loaded(storage: ClientStorage): Promise<Saved | undefined> {
  try {
    return await storage.load();
  } catch (cause) {
    throw new RingpostError('storage', `The stored state can't be read: ${cause}`, false, { cause });
  }
}
