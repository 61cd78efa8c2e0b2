/** A way between a node and the nats-servers that can be made slow, narrow, deaf, or cut in the middle of a word. */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { AckSieve } from './ack-sieve.ts';

export interface Mood {
  /** Every chunk arrives so much later, ms. */
  readonly delayMs?: number;
  /** In each direction of each connection. */
  readonly bytesPerS?: number;
  /** Nothing goes through, and nobody is told. */
  readonly stalled?: boolean;
  /** JetStream's acknowledgements do not come back; all else does. */
  readonly swallowsAcks?: boolean;
}

/** One server behind it; any number of connections. */
export class TcpProxy {
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  mood: Mood = {};
  /** Acknowledgements that did not come back, over all connections. */
  swallowed = 0;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(target: { readonly host: string; readonly port: number }): Promise<TcpProxy> {
    const server = createServer({ allowHalfOpen: false, noDelay: true });
    const proxy = new TcpProxy(server);
    server.on('connection', (near) => proxy.#join(near, connect({ ...target, noDelay: true })));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', () => resolve());
    });
    return proxy;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** Every connection ends in the middle of what goes over it next, with a reset. */
  cut(): void {
    for (const pair of this.#pairs) pair.cutNext = true;
  }

  close(): Promise<void> {
    for (const { near, far } of this.#pairs) {
      near.destroy();
      far.destroy();
    }
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #join(near: Socket, far: Socket): void {
    const pair: Pair = { near, far, cutNext: false };
    const sieve = new AckSieve();
    this.#pairs.add(pair);
    const end = (): void => {
      this.#pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    for (const socket of [near, far]) socket.on('error', end).on('close', end);
    new Pipe(near, far, this, pair, (bytes) => bytes);
    new Pipe(far, near, this, pair, (bytes) => {
      const { passed, swallowed } = sieve.pass(bytes, this.mood.swallowsAcks === true);
      this.swallowed += swallowed;
      return passed;
    });
  }
}

interface Pair {
  readonly near: Socket;
  readonly far: Socket;
  cutNext: boolean;
}

const stall_poll_ms = 50;

/** One direction. Chunks keep their order; while one waits, the source is not read, so TCP holds the sender back. */
class Pipe {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #proxy: TcpProxy;
  readonly #pair: Pair;

  constructor(from: Socket, to: Socket, proxy: TcpProxy, pair: Pair, sieve: (bytes: Buffer) => Buffer) {
    this.#from = from;
    this.#to = to;
    this.#proxy = proxy;
    this.#pair = pair;
    from.on('data', (bytes: Buffer) => {
      const left = sieve(bytes);
      if (left.length > 0) this.#carry(left);
    });
  }

  #carry(bytes: Buffer): void {
    if (this.#pair.cutNext) {
      this.#to.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () => {
        this.#pair.near.resetAndDestroy();
        this.#pair.far.resetAndDestroy();
      });
      return;
    }
    const { delayMs = 0, bytesPerS, stalled = false } = this.#proxy.mood;
    const waitMs = delayMs + (bytesPerS === undefined ? 0 : (bytes.length * 1_000) / bytesPerS);
    if (waitMs === 0 && !stalled) this.#write(bytes);
    else {
      this.#from.pause();
      setTimeout(() => this.#later(bytes), Math.max(waitMs, stalled ? stall_poll_ms : 0));
    }
  }

  #later(bytes: Buffer): void {
    if (this.#from.destroyed || this.#to.destroyed) return;
    if (this.#proxy.mood.stalled === true) {
      setTimeout(() => this.#later(bytes), stall_poll_ms);
      return;
    }
    this.#write(bytes);
    this.#from.resume();
  }

  #write(bytes: Buffer): void {
    if (this.#to.write(bytes)) return;
    this.#from.pause();
    this.#to.once('drain', () => this.#from.resume());
  }
}
