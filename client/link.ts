import { decodeServerFrame } from '../proto/decode.ts';
import { bearerPrefix, closeCodes, type Encoding, type ServerWord, subprotocols } from '../proto/words.ts';
import { socketUrl, unreachable } from './account-api.ts';
import { asRingpostError, RingpostError } from './errors.ts';
import type { StateNews } from './events.ts';
import { sdkLimits } from './limits.ts';
import type { Session } from './session.ts';
import { type OpenSocket, openSocket, platformWebSocket, type WebSocketConstructor } from './socket.ts';

/** Whom a link serves. */
export interface LinkOwner {
  /** A socket is open: say hello. */
  opened(): void;
  heard(words: readonly ServerWord[]): void;
  /** Ask something that the server must answer. */
  probe(): void;
  /** Now and then while online. */
  health(now: number): void;
  state(news: StateNews): void;
}

export interface LinkOptions {
  readonly urls: readonly string[];
  readonly encoding: Encoding;
  readonly session: Session;
  readonly webSocket: WebSocketConstructor | undefined;
}

interface Connected extends OpenSocket {
  readonly token: string;
}
type Timer = ReturnType<typeof setTimeout>;
type Stage =
  | { readonly at: 'idle' }
  | { readonly at: 'dialling' }
  /** From the handshake to `welcome`. */
  | ({ readonly at: 'greeting'; readonly deadline: Timer } & Connected)
  | ({
      readonly at: 'online';
      readonly since: number;
      readonly health: Timer;
      heardAt: number;
      probedAt: number;
    } & Connected)
  | { readonly at: 'waiting'; readonly timer: Timer }
  | { readonly at: 'closed' };

/** What ended a connection, and so what to do next. */
interface Loss {
  readonly error: RingpostError;
  readonly final?: boolean;
  /** The token was not taken. */
  readonly stale?: boolean;
  readonly waitMsMin?: number;
}

/** One connection after another, to one url after another: full-jitter backoff, go-away, and a sense for dead sockets. */
export class Link {
  readonly #options: LinkOptions;
  readonly #owner: LinkOwner;
  #stage: Stage = { at: 'idle' };
  #turn = 0;
  /** Failed tries since the last connection that was a good one. */
  #failures = 0;
  /** The last token that a server has not taken, and how many of them since the last welcome. */
  #stale: string | undefined;
  #staleTimes = 0;
  /** A server that said go-away asked for no connection before this. */
  #notBefore = 0;
  #goAway: Timer | undefined;

  constructor(options: LinkOptions, owner: LinkOwner) {
    this.#options = options;
    this.#owner = owner;
  }

  get online(): boolean {
    return this.#stage.at === 'online';
  }

  /** Home first, then all others in turn. Any node will do: at home, words are spared a way between nodes. */
  get url(): string {
    const { urls, session } = this.#options;
    const { home } = session.tokens;
    const ways = home === undefined ? urls : [home, ...urls.filter((url) => url !== home)];
    return ways[this.#turn % ways.length]!;
  }

  start(): void {
    if (this.#stage.at === 'idle') void this.#dial();
  }

  /** Back to idle: `start` begins anew. */
  rest(): void {
    if (this.#stage.at === 'closed') return;
    this.#leave(true);
    this.#stage = { at: 'idle' };
  }

  /** Ends for good. With an error when it was not the application that wanted it. */
  close(error?: RingpostError): void {
    if (this.#stage.at === 'closed') return;
    this.#leave(true);
    this.#stage = { at: 'closed' };
    this.#owner.state({ kind: 'state', state: 'closed', url: this.url, ...(error && { error }) });
  }

  put(frame: Uint8Array | string): void {
    // `closing` sockets take no words any more; what was in them is said again on the next one.
    const open = this.#stage.at === 'online' || this.#stage.at === 'greeting' ? this.#stage.socket : undefined;
    if (open?.readyState === 1) open.send(frame as Uint8Array<ArrayBuffer> | string);
  }

  welcomed(): void {
    if (this.#stage.at !== 'greeting') return;
    const { token, socket, hangUp, deadline } = this.#stage;
    clearTimeout(deadline);
    const now = Date.now();
    const health = setInterval(() => this.#checkHealth(Date.now()), sdkLimits.health_check_ms);
    this.#stage = { at: 'online', token, socket, hangUp, since: now, health, heardAt: now, probedAt: 0 };
    this.#stale = undefined;
    this.#staleTimes = 0;
    this.#owner.state({ kind: 'state', state: 'online', url: this.url });
  }

  /** The server will close this socket: leave it by ourselves when the time has come. */
  goAway(afterMs: number): void {
    if (this.#goAway !== undefined || !this.online) return;
    const wait = Math.min(afterMs, sdkLimits.goaway_wait_ms_max);
    this.#notBefore = Date.now() + wait;
    this.#goAway = setTimeout(
      () => this.drop({ error: new RingpostError('goaway', 'The server is leaving.', true) }),
      wait,
    );
  }

  /** Gives this connection up, and goes on as the loss demands. */
  drop(loss: Loss): void {
    if (this.#stage.at === 'online' || this.#stage.at === 'greeting') this.#lost(loss);
  }

  async #dial(): Promise<void> {
    const dialling: Stage = { at: 'dialling' };
    this.#stage = dialling;
    this.#owner.state({ kind: 'state', state: 'connecting', url: this.url });
    try {
      const WebSocket = this.#options.webSocket ?? (await platformWebSocket());
      const token = await this.#options.session.accessToken(this.#stale);
      if (this.#stage === dialling) this.#open(WebSocket, token);
    } catch (thrown) {
      const error = asRingpostError(thrown);
      if (this.#stage === dialling) this.#lost({ error, final: !error.retry });
    }
  }

  #open(WebSocket: WebSocketConstructor, token: string): void {
    const { encoding } = this.#options;
    const protocols = [subprotocols[encoding], bearerPrefix + token];
    const open = openSocket(WebSocket, socketUrl(this.url), protocols, {
      opened: () => this.#owner.opened(),
      frame: (data) => this.#frame(data),
      ping: () => {
        if (this.#stage.at === 'online') this.#stage.heardAt = Date.now();
      },
      closed: (code, reason, status, cause) => this.#lost(this.#lossOf(code, reason, status, cause)),
    });
    const deadline = setTimeout(
      () => this.drop({ error: unreachable(this.url, 'it took too long') }),
      sdkLimits.welcome_wait_ms_max,
    );
    this.#stage = { at: 'greeting', token, ...open, deadline };
  }

  #frame(data: Uint8Array | string): void {
    if (this.#stage.at === 'online') this.#stage.heardAt = Date.now();
    const frame = decodeServerFrame(data, this.#options.encoding);
    if (frame.ok) this.#owner.heard(frame.words);
    else this.drop({ error: new RingpostError('bad_answer', `The server spoke unclearly: ${frame.reason}`, true) });
  }

  #checkHealth(now: number): void {
    if (this.#stage.at !== 'online') return;
    const stage = this.#stage;
    if (stage.probedAt > stage.heardAt && now - stage.probedAt >= sdkLimits.probe_wait_ms_max) {
      this.drop({ error: new RingpostError('timeout', `No sign of life from ${this.url}.`, true) });
      return;
    }
    if (now - stage.heardAt >= sdkLimits.quiet_ms_max && stage.probedAt <= stage.heardAt) {
      stage.probedAt = now;
      this.#owner.probe();
    }
    this.#owner.health(now);
  }

  #lossOf(code: number, reason: string, status: number, cause: unknown): Loss {
    if (status === 401 || code === closeCodes.unauthorised) {
      return { error: new RingpostError('unauthorised', 'The server did not take the session.', true), stale: true };
    }
    if (status > 0) {
      const error = new RingpostError('unreachable', `${this.url} refused a connection with status ${status}.`, true);
      return { error, waitMsMin: sdkLimits.overload_wait_ms_min };
    }
    switch (code) {
      case closeCodes.revoked:
        return { error: new RingpostError('revoked', 'This device was removed from the account.', false), final: true };
      case closeCodes.replaced: {
        const why = 'Another connection of this device took over.';
        return { error: new RingpostError('replaced', why, false), final: true };
      }
      case closeCodes.overloaded:
      case closeCodes.too_fast: {
        const error = new RingpostError(reason || 'overloaded', 'The server is at its limit.', true);
        return { error, waitMsMin: sdkLimits.overload_wait_ms_min };
      }
    }
    if (cause !== undefined || reason === '') return { error: unreachable(this.url, cause ?? 'the connection broke') };
    return { error: new RingpostError(reason, `${this.url} closed the connection: ${reason}.`, true) };
  }

  #lost({ error, final, stale, waitMsMin = 0 }: Loss): void {
    if (this.#stage.at === 'closed' || this.#stage.at === 'idle') return;
    const now = Date.now();
    if (this.#stage.at === 'online' && now - this.#stage.since >= sdkLimits.steady_ms_min) this.#failures = 0;
    const token = 'token' in this.#stage ? this.#stage.token : undefined;
    this.#leave(error.code === 'goaway');
    // Once may be the clock or a token at its end; a renewed one that isn't taken either will not get better.
    if (stale) {
      this.#stale = token;
      this.#staleTimes++;
    }
    if (final || this.#staleTimes > 1) {
      this.close(stale ? new RingpostError('login_needed', error.reason, false, { cause: error }) : error);
      return;
    }
    const rounds = Math.floor(this.#failures / this.#options.urls.length);
    const wait = Math.min(sdkLimits.backoff_ms_max, sdkLimits.backoff_ms_min * 2 ** Math.min(rounds, 16));
    const afterMs = Math.max(random() * wait, waitMsMin, error.afterMs ?? 0, this.#notBefore - now);
    this.#failures++;
    this.#stage = { at: 'waiting', timer: setTimeout(() => void this.#dial(), afterMs) };
    this.#owner.state({ kind: 'state', state: 'waiting', url: this.url, error, afterMs: Math.round(afterMs) });
    if (!stale) this.#turn++;
  }

  /** Lets go of whatever the stage holds. */
  #leave(politely: boolean): void {
    clearTimeout(this.#goAway);
    this.#goAway = undefined;
    const stage = this.#stage;
    switch (stage.at) {
      case 'waiting':
        clearTimeout(stage.timer);
        break;
      case 'greeting':
        clearTimeout(stage.deadline);
        stage.hangUp(politely);
        break;
      case 'online':
        clearInterval(stage.health);
        stage.hangUp(politely);
        break;
    }
  }
}

/** 0 up to 1. */
function random(): number {
  const [value] = globalThis.crypto.getRandomValues(new Uint32Array(1));
  return value! / 2 ** 32;
}
