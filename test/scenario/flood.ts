/**
 * Clients without any manners: each says more than a node can do, as fast as its socket takes it. Run as a thread of its own, so that they
 * hold up nobody else in the test's process.
 */
import { once } from 'node:events';
import { parentPort, Worker, workerData } from 'node:worker_threads';
import WebSocket from 'ws';
import { encode } from '../../proto/codec.ts';
import { decodeServerFrame } from '../../proto/decode.ts';
import { bearerPrefix, subprotocols } from '../../proto/words.ts';

export interface FloodAccount {
  readonly accessToken: string;
  readonly to: string;
}

/** What became of one of them. */
export interface Flooded {
  /** Numbers of the messages that were accepted, in the order of the answers. */
  readonly accepted: readonly number[];
  readonly refusals: readonly string[];
  /** How often its socket took nothing more. */
  readonly heldBack: number;
  /** The word that it was closed with; '' for not. */
  readonly closed: string;
}

interface Orders {
  readonly url: string;
  readonly accounts: readonly FloodAccount[];
}

/** The floods, connected and silent. `begin` opens them; `end` cuts them all, as if a cable was cut. */
export class Floods {
  readonly #worker: Worker;

  private constructor(worker: Worker) {
    this.#worker = worker;
  }

  static async open(orders: Orders): Promise<Floods> {
    const worker = new Worker(new URL(import.meta.url), { workerData: orders });
    await once(worker, 'message');
    return new Floods(worker);
  }

  begin(): void {
    this.#worker.postMessage('begin');
  }

  async end(): Promise<readonly Flooded[]> {
    this.#worker.postMessage('end');
    const [results] = (await once(this.#worker, 'message')) as [readonly Flooded[]];
    await this.#worker.terminate();
    return results;
  }
}

const words_a_frame = 64;
/** What a flood keeps in its own process; what it could not get rid of. */
const unsent_bytes_max = 128 * 1024;
const frames_a_turn = 4;
const body = 'x'.repeat(100);

class Flood {
  readonly accepted: number[] = [];
  readonly refusals: string[] = [];
  heldBack = 0;
  closed = '';
  readonly #ws: WebSocket;
  readonly #to: string;
  #next = 0;
  #timer: NodeJS.Timeout | undefined;

  private constructor(ws: WebSocket, to: string) {
    this.#ws = ws;
    this.#to = to;
    ws.on('message', (data: Buffer) => this.#heard(data));
    ws.on('error', () => {});
    ws.on('close', (_, reason) => {
      this.closed = reason.toString() || 'no word';
      clearInterval(this.#timer);
    });
  }

  static async open(url: string, { accessToken, to }: FloodAccount): Promise<Flood> {
    const at = `${url.replace('http', 'ws')}/v1/socket`;
    const ws = new WebSocket(at, [subprotocols.msgpack, bearerPrefix + accessToken]);
    const flood = new Flood(ws, to);
    await once(ws, 'open');
    ws.send(encode([{ kind: 'hello', epoch: '', cursor: 0 }], 'msgpack'));
    return flood;
  }

  begin(): void {
    this.#timer = setInterval(() => this.#pour(), 5);
  }

  end(): Flooded {
    const { accepted, refusals, heldBack, closed } = this;
    clearInterval(this.#timer);
    this.#ws.terminate();
    return { accepted, refusals, heldBack, closed };
  }

  #pour(): void {
    for (let n = 0; n < frames_a_turn && this.#ws.readyState === WebSocket.OPEN; n++) {
      if (this.#ws.bufferedAmount > unsent_bytes_max) {
        this.heldBack++;
        return;
      }
      const words = Array.from({ length: words_a_frame }, () => {
        const id = String(this.#next++);
        return { kind: 'send', id, to: this.#to, body: `${id} ${body}` } as const;
      });
      this.#ws.send(encode(words, 'msgpack'));
    }
  }

  #heard(data: Buffer): void {
    const frame = decodeServerFrame(data, 'msgpack');
    if (!frame.ok) throw new Error(frame.reason);
    for (const word of frame.words) {
      if (word.kind === 'accepted') this.accepted.push(Number(word.id));
      else if (word.kind === 'refused') this.refusals.push(`${word.code} ${word.retry} ${word.afterMs ?? ''}`);
    }
  }
}

async function work(port: NonNullable<typeof parentPort>): Promise<void> {
  const { url, accounts } = workerData as Orders;
  const floods = await Promise.all(accounts.map((account) => Flood.open(url, account)));
  port.on('message', (order: 'begin' | 'end') => {
    if (order === 'begin') for (const flood of floods) flood.begin();
    else port.postMessage(floods.map((flood) => flood.end()));
  });
  port.postMessage('ready');
}

if (parentPort !== null && workerData !== null) await work(parentPort);
