/**
 * A model of the edge: takes sockets and requests as `gateway/` does, and speaks to the node's door as `gateway/connection.ts` does, on
 * simulated sockets. Real sockets and HTTP can't be simulated; what passes between an edge and the actors is what counts here.
 */
import { Connection as ConnectionKind } from '../actors/index.ts';
import { bearerPrefix, type CloseWord, type Encoding, subprotocols } from '../proto/words.ts';
import type { Node } from '../runtime/index.ts';
import { Accounts } from './accounts.ts';
import { Connection } from './connection.ts';
import type { HttpAnswer, HttpRequest } from './internet.ts';
import type { FarEnd, Server } from './line.ts';
import type { SimProcess } from './process.ts';
import type { SimTracer } from './tracer.ts';

const sweep_ms = 1_000;
const handover_gap_ms = 5;
/** Statuses of handshakes that are refused. */
const leaving_status = 503;

export class Edge implements Server {
  readonly #process: SimProcess;
  readonly #node: Node;
  readonly #accounts: Accounts;
  readonly #boot: string;
  readonly #all = new Set<Connection>();
  #last = 0;
  #leaving = false;

  readonly #note: (words: string) => void;

  readonly #tracer: SimTracer | undefined;

  /** `note` tells the trace. */
  constructor(process: SimProcess, node: Node, note: (words: string) => void, tracer?: SimTracer) {
    this.#note = note;
    this.#tracer = tracer;
    this.#process = process;
    this.#node = node;
    this.#boot = process.ports.random.id().slice(0, 8);
    this.#accounts = new Accounts(node, process.ports);
    this.#sweep();
  }

  get sockets(): number {
    return this.#all.size;
  }

  run(what: () => void): void {
    this.#process.run(what);
  }

  dialled(far: FarEnd, protocols: readonly string[]): void {
    if (this.#leaving) {
      far.refuse(leaving_status);
      return;
    }
    far.accept();
    const encoding: Encoding = protocols.includes(subprotocols.msgpack) ? 'msgpack' : 'json';
    const bearer = protocols.find((offer) => offer.startsWith(bearerPrefix))?.slice(bearerPrefix.length);
    const verified = this.#accounts.verify(bearer);
    if (verified.kind !== 'valid') {
      far.close(4401, 'unauthorised');
      return;
    }
    const { claims } = verified;
    this.#last++;
    const connection: Connection = new Connection(
      { door: this.#node, ports: this.#process.ports, note: this.#note, tracer: this.#tracer },
      {
        far,
        ref: ConnectionKind.ref(`${claims.user}/${this.#node.node}.${this.#last}.${this.#boot}`),
        claims,
        encoding,
        number: this.#last,
        settled: () => this.#all.delete(connection),
      },
    );
    this.#all.add(connection);
  }

  async http(request: HttpRequest): Promise<HttpAnswer> {
    if (this.#leaving) {
      return { status: 503, body: { error: { code: 'leaving', reason: 'This server is going away.', retry: true } } };
    }
    return await this.#accounts.answer(request);
  }

  /** Sends clients to other nodes, and goes on to serve those that come. */
  handOver(): void {
    const { timers } = this.#process.ports;
    for (const [i, socket] of [...this.#all].entries()) timers.after(i * handover_gap_ms, () => socket.sendAway());
  }

  /** Those that are still here may stay. */
  stay(): void {
    for (const socket of this.#all) socket.keep();
  }

  /** Sends all sockets away with a word, evenly over most of the time, and takes no new ones. */
  async close(graceMs: number): Promise<void> {
    this.#leaving = true;
    const { timers } = this.#process.ports;
    const sockets = [...this.#all];
    for (const [i, socket] of sockets.entries()) {
      timers.after((graceMs * 0.8 * i) / sockets.length, () => socket.end('goaway'));
    }
    await new Promise<void>((resolve) => timers.after(graceMs, resolve));
    for (const socket of this.#all) socket.cutOff();
  }

  /** All sockets end at once with a word: an edge that has had enough. */
  shed(word: CloseWord): void {
    for (const socket of [...this.#all]) socket.end(word);
  }

  #sweep(): void {
    const { clock, timers } = this.#process.ports;
    for (const connection of this.#all) connection.beat(clock.monotonicMs());
    timers.after(sweep_ms, () => this.#sweep());
  }
}
