/** The line to a cluster: one node's stream of answers, and when that ends, the next node's. */
import type { AdminClient } from '../client.ts';
import type {
  ClusterWords,
  EventNewsWords,
  Item,
  MethodName,
  Reply,
  Request,
  StreamName,
  StreamRequest,
} from '../words.ts';

/** Part of a client that this needs; each knows one address. */
export type Wire = Pick<AdminClient, 'call' | 'stream' | 'close'>;

const watch_every_ms = 1_000;
/** A node that has said nothing for so long is given up. Its own wait for the others is 1.5 s. */
const silence_ms = 4_000;
/** Between two rounds through all addresses. */
const round_pause_ms = 1_000;

export interface LinkEvents {
  /** `address` is the one that answered. */
  answered(cluster: ClusterWords, address: string): void;
  /** The node that is watched tells what has happened. Undefined: it does not, any more or at all. */
  told(news: EventNewsWords | undefined): void;
  /** No answer from there, or none any more. `words`: why. */
  failed(address: string, words: string): void;
}

export class Link {
  readonly #addresses: readonly string[];
  readonly #dial: (address: string) => Wire;
  readonly #events: LinkEvents;
  readonly #wires = new Map<string, Wire>();
  /** Ends the watch under way, and what it waits for. */
  #hangUp: () => void = () => {};
  #at = 0;
  #isClosed = false;

  constructor(addresses: readonly string[], dial: (address: string) => Wire, events: LinkEvents) {
    this.#addresses = addresses;
    this.#dial = dial;
    this.#events = events;
  }

  /** Watches until it is closed. */
  async run(): Promise<void> {
    for (let failures = 0; !this.#isClosed; ) {
      const address = this.#address;
      let hasAnswered = false;
      const words = await this.#watch(address, () => {
        hasAnswered = true;
      });
      if (this.#isClosed) return;
      this.#events.failed(address, words);
      failures = hasAnswered ? 1 : failures + 1;
      this.#at = (this.#at + 1) % this.#addresses.length;
      if (failures % this.#addresses.length === 0) await this.#pause(round_pause_ms);
    }
  }

  /** Asks the node that is watched. What changes something is never tried again elsewhere: it may have been done. */
  call<M extends MethodName>(method: M, request: Request<M>, waitMs?: number): Promise<Reply<M>> {
    return this.#wire(this.#address).call(method, request, waitMs);
  }

  /** Of the node that is watched. */
  stream<S extends StreamName>(method: S, request: StreamRequest<S>, givenUp: AbortSignal): AsyncGenerator<Item<S>> {
    return this.#wire(this.#address).stream(method, request, givenUp);
  }

  close(): void {
    this.#isClosed = true;
    this.#hangUp();
    for (const wire of this.#wires.values()) wire.close();
  }

  /** Resolves with why it ended. */
  async #watch(address: string, answered: () => void): Promise<string> {
    let quiet: NodeJS.Timeout | undefined;
    const stopped = new Promise<never>((_, reject) => {
      this.#hangUp = () => reject(new Error('closed'));
      const expect = (): void => {
        clearTimeout(quiet);
        quiet = setTimeout(() => reject(new Error(`no answer for ${silence_ms / 1_000} s`)), silence_ms);
      };
      this.#expect = expect;
      expect();
    });
    stopped.catch(() => {});
    const givenUp = new AbortController();
    const stream = this.#wire(address).stream('WatchCluster', { everyMs: watch_every_ms }, givenUp.signal);
    void this.#listen(address, givenUp.signal);
    try {
      for (;;) {
        const { done, value } = await Promise.race([stream.next(), stopped]);
        if (done || value === undefined) return 'it ended the watch';
        this.#expect();
        answered();
        this.#events.answered(value, address);
      }
    } catch (error) {
      this.#drop(address);
      return wordsOf(error);
    } finally {
      clearTimeout(quiet);
      // Otherwise the process would wait for it.
      givenUp.abort();
    }
  }

  /** Never rejects. A node that is older does not tell; then what is seen of it has to do. */
  async #listen(address: string, givenUp: AbortSignal): Promise<void> {
    try {
      const stream = this.#wire(address).stream('WatchEvents', { sinceMs: 0 }, givenUp);
      for await (const news of stream) this.#events.told(news);
    } catch {
      // That the node has gone is noticed by the watch.
    }
    if (!this.#isClosed) this.#events.told(undefined);
  }

  #expect: () => void = () => {};

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#hangUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #wire(address: string): Wire {
    const wire = this.#wires.get(address) ?? this.#dial(address);
    this.#wires.set(address, wire);
    return wire;
  }

  #drop(address: string): void {
    this.#wires.get(address)?.close();
    this.#wires.delete(address);
  }

  get #address(): string {
    return this.#addresses[this.#at] ?? '';
  }
}

/** A failed call in words for the screen; statuses are those of `proto/admin.proto`. */
export function wordsOf(error: unknown): string {
  const { status = '', message } = error as { status?: unknown; message?: unknown };
  const words = String(message ?? error).replace(/\s+/g, ' ');
  switch (status) {
    case 'UNREACHABLE':
      return 'it can not be reached';
    case 'UNIMPLEMENTED':
      return 'that node is older than this console and does not know how: ask another node, or upgrade it';
    case 'UNAUTHENTICATED':
      return `it does not know who you are: ${words}`;
    case 'PERMISSION_DENIED':
      return `your role may not do that: ${words}`;
    case 'DEADLINE_EXCEEDED':
      return `no answer in time, it may have been done: ${words}`;
    case 'CANCELLED':
      return 'the connection was closed';
    default:
      return words;
  }
}
