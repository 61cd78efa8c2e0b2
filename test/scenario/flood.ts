/** Clients without any manners: each says more than a node can do, as fast as its socket takes it. */
import { once } from 'node:events';
import WebSocket from 'ws';
import type { RingpostClient } from '../../client/index.ts';
import { encode } from '../../proto/codec.ts';
import { decodeServerFrame } from '../../proto/decode.ts';
import { bearerPrefix, subprotocols } from '../../proto/words.ts';

const words_a_frame = 64;
/** What a flood keeps in its own process; what it could not get rid of. */
const unsent_bytes_max = 128 * 1024;
const body = 'x'.repeat(100);

export class Flood {
  /** Numbers of the messages that were accepted, in the order of the answers. */
  readonly accepted: number[] = [];
  readonly refusals: string[] = [];
  /** How often its socket took nothing more. */
  heldBack = 0;
  closed: { readonly code: number; readonly reason: string } | undefined;
  readonly #ws: WebSocket;
  readonly #to: string;
  #next = 0;
  #timer: NodeJS.Timeout | undefined;

  private constructor(ws: WebSocket, to: string) {
    this.#ws = ws;
    this.#to = to;
    ws.on('message', (data: Buffer) => this.#heard(data));
    ws.on('error', () => {});
    ws.on('close', (code, reason) => {
      this.closed = { code, reason: reason.toString() };
      clearInterval(this.#timer);
    });
  }

  /** Connects as `account`, which must not be connected, and says hello. */
  static async open(account: RingpostClient, url: string, to: string): Promise<Flood> {
    const { accessToken } = account.saved().tokens;
    const ws = new WebSocket(`${url.replace('http', 'ws')}/v1/socket`, [
      subprotocols.msgpack,
      bearerPrefix + accessToken,
    ]);
    const flood = new Flood(ws, to);
    await once(ws, 'open');
    ws.send(encode([{ kind: 'hello', epoch: '', cursor: 0 }], 'msgpack'));
    return flood;
  }

  begin(): void {
    this.#timer = setInterval(() => this.#pour(), 5);
  }

  /** As when a cable is cut: what it has not got rid of is never sent. */
  end(): void {
    clearInterval(this.#timer);
    this.#ws.terminate();
  }

  #pour(): void {
    while (this.#ws.readyState === WebSocket.OPEN) {
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
