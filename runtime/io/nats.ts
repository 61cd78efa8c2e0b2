/**
 * A connection to nats-server that is honest about what it doesn't know.
 *
 * nats.js drops what is published while it is disconnected, and leaves requests waiting for their timer. Here a request is
 * answered at once when the connection breaks (`lost`), and `connected` tells when to publish nothing.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type ConnectionOptions,
  connect,
  createInbox,
  Events,
  type Msg,
  type MsgHdrs,
  type NatsConnection,
} from 'nats';
import type { Log } from '../ports.ts';

const limits = {
  ping_interval_ms: 2_000,
  pings_unanswered_max: 2,
  dial_wait_ms_max: 3_000,
  reconnect_wait_ms: 100,
  reconnect_jitter_ms: 150,
  first_connect_poll_ms: 250,
  /** A record of 512 KiB, its headers, and what base64 makes of it when it is read back. */
  payload_bytes_min: 768 * 1024,
  drain_wait_ms_max: 1_000,
};

const oldest = { major: 2, minor: 12 };

export interface NatsOptions {
  /** `host:port` or `nats://host:port`, of any servers of the cluster; the others are learnt from them. */
  readonly servers: readonly string[];
  /** Told to the server, for its operator. */
  readonly name: string;
  readonly log: Log;
  /** Credentials and TLS, in the words of nats.js. */
  readonly security?: Pick<ConnectionOptions, 'authenticator' | 'tls' | 'token' | 'user' | 'pass'>;
  /** For the first connection; later ones are tried for ever. */
  readonly connectWaitMs?: number;
}

export type Answer =
  | { readonly kind: 'reply'; readonly message: Msg }
  /** The server says that nobody takes this subject: it was not carried out. */
  | { readonly kind: 'nobody' }
  /** It may be carried out, or may still be. */
  | { readonly kind: 'none'; readonly reason: string };

type Waiting = { readonly answer: (answer: Answer) => void; readonly timer: NodeJS.Timeout };

/** Connects, and refuses servers that can't keep the journal's promises. Rejects when none answers in time. */
export async function connectNats(options: NatsOptions): Promise<NatsLink> {
  const deadline = performance.now() + (options.connectWaitMs ?? 30_000);
  for (;;) {
    try {
      const connection = await connect(settings(options));
      const refusal = refusalOf(connection);
      if (refusal === undefined) return new NatsLink(connection, options.log);
      await connection.close();
      throw new Refused(refusal);
    } catch (error) {
      if (error instanceof Refused) throw error;
      if (performance.now() > deadline) {
        throw new Error(`no nats-server answers at ${options.servers.join(', ')}: ${(error as Error).message}`, {
          cause: error,
        });
      }
    }
    // Not nats.js's own waiting for the first connection: it has no end and no way to stop it.
    await sleep(limits.first_connect_poll_ms);
  }
}

class Refused extends Error {}

function settings({ servers, name, security }: NatsOptions): ConnectionOptions {
  return {
    ...security,
    servers: [...servers],
    name,
    // The defaults notice a dead link after minutes and give up for ever after ten tries.
    pingInterval: limits.ping_interval_ms,
    maxPingOut: limits.pings_unanswered_max,
    timeout: limits.dial_wait_ms_max,
    maxReconnectAttempts: -1,
    reconnectTimeWait: limits.reconnect_wait_ms,
    reconnectJitter: limits.reconnect_jitter_ms,
    reconnectJitterTLS: limits.reconnect_jitter_ms,
    ignoreAuthErrorAbort: true,
    // A node doesn't hear its own broadcasts.
    noEcho: true,
    // Otherwise every request captures a stack.
    noAsyncTraces: true,
  };
}

function refusalOf(connection: NatsConnection): string | undefined {
  const { version, max_payload: payload, jetstream } = connection.info ?? {};
  const [major = 0, minor = 0] = (version ?? '').split('.').map(Number);
  if (major < oldest.major || (major === oldest.major && minor < oldest.minor)) {
    return (
      `nats-server ${version} at ${connection.getServer()} is too old: Ringpost needs ${oldest.major}.${oldest.minor} or newer, ` +
      'because an older one can accept two writers on one conditional append'
    );
  }
  if (jetstream !== true)
    return `nats-server at ${connection.getServer()} runs without JetStream, which holds the journal`;
  if (payload !== undefined && payload < limits.payload_bytes_min) {
    return `nats-server at ${connection.getServer()} has max_payload ${payload}; a record needs ${limits.payload_bytes_min}`;
  }
  return undefined;
}

export class NatsLink {
  readonly connection: NatsConnection;
  readonly #log: Log;
  readonly #inbox = createInbox();
  readonly #waiting = new Map<string, Waiting>();
  readonly #whenLost = new Set<() => void>();
  #connected = true;
  #connectedAtMs = performance.now();
  #closing = false;
  #asked = 0;

  constructor(connection: NatsConnection, log: Log) {
    this.connection = connection;
    this.#log = log;
    // One subscription for all answers, told apart by the last word of the subject.
    connection.subscribe(`${this.#inbox}.*`, { callback: (_error, message) => this.#answered(message) });
    void this.#watch();
    void connection.closed().then((error) => this.#closed(error));
  }

  /** False while the link knows itself to be cut off; what is published then is lost or, worse, late. */
  get connected(): boolean {
    return this.#connected;
  }

  /** Since this connection to a server was made. */
  get connectedMs(): number {
    return this.#connected ? performance.now() - this.#connectedAtMs : 0;
  }

  /** Calls `run` each time the connection breaks, until the returned function is called. */
  onLost(run: () => void): () => void {
    this.#whenLost.add(run);
    return () => this.#whenLost.delete(run);
  }

  /** Throws when the link is closed or the bytes exceed the server's max_payload. */
  publish(subject: string, bytes: Uint8Array, headers?: MsgHdrs): void {
    this.connection.publish(subject, bytes, headers === undefined ? {} : { headers });
  }

  /** Publishes and waits for one answer. Never rejects; what can't be sent at all is answered `nobody`. */
  ask(subject: string, bytes: Uint8Array, waitMs: number, headers?: MsgHdrs): Promise<Answer> {
    return new Promise((answer) => {
      if (!this.#connected) return answer({ kind: 'nobody' });
      const word = String(++this.#asked);
      const reply = `${this.#inbox}.${word}`;
      try {
        this.connection.publish(subject, bytes, headers === undefined ? { reply } : { reply, headers });
      } catch {
        return answer({ kind: 'nobody' });
      }
      const timer = setTimeout(() => this.#settle(word, { kind: 'none', reason: `no answer in ${waitMs} ms` }), waitMs);
      this.#waiting.set(word, { answer, timer });
    });
  }

  /** Sends what is under way, then closes. */
  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    const drained = this.#connected ? this.connection.drain().catch(() => {}) : Promise.resolve();
    await Promise.race([drained, sleep(limits.drain_wait_ms_max, undefined, { ref: false })]);
    await this.connection.close();
    this.#lost('the link is closed');
  }

  #answered(message: Msg): void {
    const word = message.subject.slice(this.#inbox.length + 1);
    const nobody = message.data.length === 0 && message.headers?.code === 503;
    this.#settle(word, nobody ? { kind: 'nobody' } : { kind: 'reply', message });
  }

  #settle(word: string, answer: Answer): void {
    const waiting = this.#waiting.get(word);
    if (waiting === undefined) return;
    this.#waiting.delete(word);
    clearTimeout(waiting.timer);
    waiting.answer(answer);
  }

  #lost(reason: string): void {
    this.#connected = false;
    for (const word of [...this.#waiting.keys()]) this.#settle(word, { kind: 'none', reason });
    for (const run of [...this.#whenLost]) run();
  }

  async #watch(): Promise<void> {
    for await (const status of this.connection.status()) {
      if (status.type === Events.Disconnect) {
        if (!this.#closing) this.#log.warn({ server: status.data }, 'connection to nats-server lost');
        this.#lost('the connection broke');
      } else if (status.type === Events.Reconnect) {
        this.#reconnected();
      } else if (status.type === Events.Error) {
        this.#log.warn({ error: status.data }, 'nats-server reports an error');
      }
    }
  }

  #reconnected(): void {
    const server = this.connection.getServer();
    const refusal = refusalOf(this.connection);
    if (refusal === undefined) {
      this.#connected = true;
      this.#connectedAtMs = performance.now();
      this.#log.info({ server }, 'connected to nats-server again');
      return;
    }
    // Another server of the cluster may do; this one is not written to.
    this.#log.error({ server }, refusal);
    void this.connection.reconnect();
  }

  #closed(error: unknown): void {
    this.#lost('the link is closed');
    if (!this.#closing) this.#log.error({ error }, 'connection to nats-server closed for good');
  }
}

/**
 * Headers as bytes made by hand: nats.js's own class checks and joins them in several passes, which for a batch of twelve
 * costs as much processor time as all the rest of an append. It asks its argument for nothing but `encode`.
 */
export function plainHeaders(lines: string): MsgHdrs {
  const bytes = Buffer.from(`NATS/1.0\r\n${lines}\r\n`, 'latin1');
  return { encode: () => bytes } as unknown as MsgHdrs;
}
