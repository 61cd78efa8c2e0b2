import { decodeServerFrame } from '../proto/decode.ts';
import type { Encoding, ServerWord } from '../proto/words.ts';
import { unreachable } from './account-api.ts';
import { asRingpostError, RingpostError } from './errors.ts';
import type { StateNews } from './events.ts';
import { sdkLimits } from './limits.ts';
import { type Loss, lossOf } from './loss.ts';
import type { Session } from './session.ts';
import type { OpenSocket } from './socket.ts';
import { monotonicMs } from './time.ts';
import { type Transport, type TransportOptions, Transports } from './transports.ts';

/** Whom a link serves. */
export interface LinkOwner {
  /** A socket is open: say hello. */
  opened(): void;
  heard(words: readonly ServerWord[]): void;
  /** Ask something that the server must answer. */
  probe(): void;
  /** True when something said before this has no answer yet. */
  waits(since: number): boolean;
  /** Now and then while online. */
  health(now: number): void;
  state(news: StateNews): void;
}

export interface LinkOptions extends TransportOptions {
  readonly session: Session;
}

interface Connected extends OpenSocket {
  readonly encoding: Encoding;
  readonly token: string;
  /** Sockets are counted from 1. */
  readonly dial: number;
}
type Timer = ReturnType<typeof setTimeout>;
/** A connection that was welcomed. */
interface Online extends Connected {
  readonly at: 'online';
  readonly since: number;
  readonly health: Timer;
  heardAt: number;
  probedAt: number;
}
type Stage =
  | { readonly at: 'idle' }
  | { readonly at: 'dialling' }
  /** From the handshake to `welcome`. */
  | ({ readonly at: 'greeting'; readonly deadline: Timer } & Connected)
  | Online
  | { readonly at: 'waiting'; readonly timer: Timer }
  | { readonly at: 'closed' };

/**
 * One connection after another, to one url after another: full-jitter backoff, and a sense for dead sockets. A server that says go-away is
 * left only when the next connection is open: until then its socket serves on, so that no time passes without one.
 */
export class Link {
  readonly #options: LinkOptions;
  readonly #owner: LinkOwner;
  readonly #transports: Transports;
  #stage: Stage = { at: 'idle' };
  /** The connection to a server that said go-away, while the stage is about the next one. */
  #old: Online | undefined;
  /** In which order to try the urls since a connection has ended. */
  #ways: readonly string[] | undefined;
  #turn = 0;
  #dials = 0;
  /** The socket of the last frame. */
  #heard: OpenSocket['socket'] | undefined;
  /** When the server last said that another connection took over, monotonic ms. */
  #replacedAt = Number.NEGATIVE_INFINITY;
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
    this.#transports = new Transports(options);
  }

  /** The connection that is talked over, if it was welcomed. */
  get #live(): Online | undefined {
    return this.#stage.at === 'online' ? this.#stage : this.#old;
  }

  /** The connection that is talked over, or will be once it is welcomed. */
  get #talkedOver(): Connected | undefined {
    return this.#old ?? ('socket' in this.#stage ? this.#stage : undefined);
  }

  /** Which socket it is that words go to, counted from 1; not the one that is being dialled meanwhile. */
  get dial(): number {
    return this.#talkedOver?.dial ?? this.#dials;
  }

  /** Of the words that go to that socket. */
  get encoding(): Encoding {
    return this.#talkedOver?.encoding ?? this.#options.encoding;
  }

  /** Home first, then all others in turn. Any node will do: at home, words are spared a way between nodes. */
  get url(): string {
    const ways = this.#ways ?? this.#allWays;
    return ways[this.#turn % ways.length]!;
  }

  get #allWays(): readonly string[] {
    const { urls, session } = this.#options;
    const { home } = session.tokens;
    return home === undefined ? urls : [home, ...urls.filter((url) => url !== home)];
  }

  /** Where the connection was is tried last, and the others by chance: its many clients should not all go to the same one. */
  #elsewhere(): void {
    const { url } = this;
    const others = this.#allWays.filter((way) => way !== url).map((way) => ({ way, at: random() }));
    this.#ways = [...others.sort((a, b) => a.at - b.at).map(({ way }) => way), url];
    this.#turn = 0;
  }

  start(): void {
    if (this.#stage.at === 'idle') void this.#dial();
  }

  /** Back to idle: `start` begins anew. */
  rest(): void {
    if (this.#stage.at === 'closed') return;
    this.#leave(true);
    this.#hangUpOld(true);
    this.#stage = { at: 'idle' };
  }

  /** Ends for good. With an error when it was not the application that wanted it. */
  close(error?: RingpostError): void {
    if (this.#stage.at === 'closed') return;
    this.#leave(true);
    this.#hangUpOld(true);
    this.#stage = { at: 'closed' };
    this.#owner.state({ kind: 'state', state: 'closed', url: this.url, ...(error && { error }) });
  }

  put(frame: Uint8Array | string): void {
    // `closing` sockets take no words any more; what was in them is said again on the next one.
    const open = this.#talkedOver?.socket;
    if (open?.readyState === 1) open.send(frame as Uint8Array<ArrayBuffer> | string);
  }

  welcomed(): void {
    // While the next connection is being made the old one may be welcomed again.
    if (this.#stage.at !== 'greeting' || this.#stage.socket !== this.#heard) return;
    const { token, dial, socket, hangUp, encoding, deadline } = this.#stage;
    clearTimeout(deadline);
    const now = monotonicMs();
    const health = setInterval(() => this.#checkHealth(online, monotonicMs()), sdkLimits.health_check_ms);
    const way = { token, dial, socket, hangUp, encoding };
    const online: Online = { at: 'online', ...way, since: now, health, heardAt: now, probedAt: 0 };
    this.#transports.worked();
    this.#stage = online;
    this.#stale = undefined;
    this.#staleTimes = 0;
    this.#owner.state({ kind: 'state', state: 'online', url: this.url });
  }

  /** The server will close this socket: when the time has come, look for the next one. */
  goAway(afterMs: number): void {
    if (this.#goAway !== undefined || this.#stage.at !== 'online') return;
    const wait = Math.min(afterMs * (1 + random()), sdkLimits.goaway_wait_ms_max);
    this.#notBefore = monotonicMs() + wait;
    this.#goAway = setTimeout(() => {
      this.#goAway = undefined;
      if (this.#stage.at === 'online') this.#switchOver(this.#stage);
    }, wait);
  }

  /** Looks for another connection while this one serves on. */
  #switchOver(online: Online): void {
    this.#old = online;
    this.#failures = 0;
    this.#elsewhere();
    void this.#dial();
  }

  /** Gives this connection up, and goes on as the loss demands. */
  drop(loss: Loss): void {
    if (this.#old !== undefined) this.#oldLost(loss);
    else if (this.#stage.at === 'online' || this.#stage.at === 'greeting') this.#lost(loss);
  }

  async #dial(): Promise<void> {
    const dialling: Stage = { at: 'dialling' };
    this.#dials++;
    this.#stage = dialling;
    this.#tell({ kind: 'state', state: 'connecting', url: this.url });
    try {
      const transport = await this.#transports.next();
      const token = await this.#options.session.accessToken(this.#stale);
      if (this.#stage === dialling) this.#open(transport, token);
    } catch (thrown) {
      const error = asRingpostError(thrown);
      if (this.#stage === dialling) this.#lost({ error, final: !error.retry });
    }
  }

  #open(transport: Transport, token: string): void {
    const { encoding } = transport;
    const ears = {
      opened: () => {
        // From here on the next one is talked over: what the old one would still say comes again.
        this.#hangUpOld(true);
        this.#owner.opened();
      },
      frame: (data: Uint8Array | string) => this.#frame(open, data, encoding),
      ping: () => {
        if (this.#live?.socket === open.socket) this.#live.heardAt = monotonicMs();
      },
      closed: (code: number, reason: string, status: number, cause: unknown) => {
        const loss = lossOf(this.url, code, reason, status, cause);
        if (this.#old?.socket === open.socket) this.#oldLost(loss);
        else this.#lost(loss);
      },
    };
    const open: OpenSocket = transport.open(this.url, token, ears);
    const deadline = setTimeout(
      () => this.#lost({ error: unreachable(this.url, 'it took too long'), blocked: true }),
      sdkLimits.welcome_wait_ms_max,
    );
    this.#stage = { at: 'greeting', token, dial: this.#dials, encoding, ...open, deadline };
  }

  #frame({ socket }: OpenSocket, data: Uint8Array | string, encoding: Encoding): void {
    const live = this.#live;
    if (live?.socket === socket) live.heardAt = monotonicMs();
    this.#heard = socket;
    const frame = decodeServerFrame(data, encoding);
    if (frame.ok) this.#owner.heard(frame.words);
    else this.drop({ error: new RingpostError('bad_answer', `The server spoke unclearly: ${frame.reason}`, true) });
  }

  #checkHealth(online: Online, now: number): void {
    if (online.probedAt > online.heardAt && now - online.probedAt >= sdkLimits.probe_wait_ms_max) {
      this.drop({ error: new RingpostError('timeout', `No sign of life from ${this.url}.`, true) });
      return;
    }
    if (now - online.heardAt >= sdkLimits.quiet_ms_max && online.probedAt <= online.heardAt) {
      online.probedAt = now;
      this.#owner.probe();
    }
    // The server may be gone with its machine, or stopped: nobody closes the socket then.
    const unheard = now - sdkLimits.unheard_ms_max;
    if (this.#stage === online && online.heardAt < unheard && this.#owner.waits(unheard)) this.#switchOver(online);
    this.#owner.health(now);
  }

  #lost({ error, final, stale, elsewhere, replaced, waitMsMin = 0, blocked }: Loss): void {
    if (this.#stage.at === 'closed' || this.#stage.at === 'idle') return;
    if (replaced && this.#isReplacedAgain()) {
      this.close(new RingpostError('replaced', error.reason, false));
      return;
    }
    const now = monotonicMs();
    if (this.#stage.at === 'online') {
      const wasSteady = now - this.#stage.since >= sdkLimits.steady_ms_min;
      if (wasSteady) this.#transports.lost();
      this.#failures = wasSteady ? 0 : Math.min(this.#failures, this.#options.urls.length);
    }
    const wasOnline = this.#stage.at === 'online';
    if (blocked && this.#stage.at === 'greeting') this.#transports.failed();
    const token = 'token' in this.#stage ? this.#stage.token : undefined;
    this.#leave(false);
    // Once may be a token at its end, and then the clock of one server: a renewed token that none takes will not get better.
    if (stale) this.#wasStale(token);
    if (final || this.#staleTimes > Math.max(1, this.#allWays.length)) {
      this.close(stale ? new RingpostError('login_needed', error.reason, false, { cause: error }) : error);
      return;
    }
    const { urls } = this.#options;
    const rounds = Math.floor(this.#failures / urls.length);
    const wait = Math.min(sdkLimits.backoff_ms_max, sdkLimits.backoff_ms_min * 2 ** Math.min(rounds, 16));
    this.#failures++;
    const untried = elsewhere === true && this.#failures % urls.length !== 0;
    const least = Math.max(waitMsMin, error.afterMs ?? 0, this.#notBefore - now);
    // On top of the least: clients that were sent away together should not come back together.
    const afterMs = untried ? 0 : least + random() * wait;
    this.#stage = { at: 'waiting', timer: setTimeout(() => void this.#dial(), afterMs) };
    this.#tell({ kind: 'state', state: 'waiting', url: this.url, error, afterMs: Math.round(afterMs) });
    if (wasOnline && !stale) this.#elsewhere();
    else if (!stale || this.#staleTimes > 1) this.#turn++;
  }

  /** The server that said go-away has closed the connection before there was another. */
  #oldLost({ error, final, stale }: Loss): void {
    const token = this.#old?.token;
    this.#hangUpOld(false);
    if (final) this.close(error);
    else {
      if (stale) this.#wasStale(token);
      this.#owner.state({ kind: 'state', state: 'waiting', url: this.url, error });
    }
  }

  /** The late hello of a process that is gone replaces a connection, too, but not again and again. */
  #isReplacedAgain(): boolean {
    const now = monotonicMs();
    const again = now - this.#replacedAt < sdkLimits.replaced_again_ms;
    this.#replacedAt = now;
    return again;
  }

  #wasStale(token: string | undefined): void {
    this.#stale = token;
    this.#staleTimes++;
  }

  #hangUpOld(politely: boolean): void {
    if (this.#old === undefined) return;
    clearInterval(this.#old.health);
    this.#old.hangUp(politely);
    this.#old = undefined;
  }

  /** While the old connection serves on, the application is none the wiser. */
  #tell(news: StateNews): void {
    if (this.#old === undefined) this.#owner.state(news);
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
