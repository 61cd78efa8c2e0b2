import type { ServerResponse } from 'node:http';
import type { Claims } from '../proto/mail.ts';
import type { Transport, Wire, WireEars } from './wire.ts';

interface Closing {
  readonly code: number;
  readonly word: string;
}

export interface HttpSocketOptions {
  readonly id: string;
  readonly claims: Claims;
  readonly poll_ms_max: number;
  readonly close_ms: number;
  /** Called once, when it is no more. */
  readonly ended: () => void;
}

type Reader =
  | { readonly kind: 'stream'; readonly response: ServerResponse }
  | { readonly kind: 'poll'; readonly answer: (json: string) => void; readonly timer: NodeJS.Timeout };

/**
 * A socket made of HTTP requests: the client posts its frames, numbered and one after another, and reads the server's from one stream of
 * server-sent events, or by polls that each confirm what the one before brought. Frames are JSON.
 */
export class HttpSocket implements Wire {
  readonly id: string;
  readonly claims: Claims;
  readonly #options: HttpSocketOptions;
  #ears: WireEars | undefined;
  #over = false;
  #closing: Closing | undefined;
  #closeTimer: NodeJS.Timeout | undefined;

  /** Number of the last frame from the client. */
  #taken = 0;
  #reading = true;
  /** A post that is answered when reading goes on: so the client is held back. */
  #held: (() => void) | undefined;

  /** Frames to the client that no poll has confirmed, or that wait for a reader; the last of them has number `#last`. */
  #frames: string[] = [];
  #last = 0;
  #chars = 0;
  #reader: Reader | undefined;

  constructor(options: HttpSocketOptions) {
    this.id = options.id;
    this.claims = options.claims;
    this.#options = options;
  }

  // ---------------------------------------------------------------- the client's requests

  /**
   * Frames of the client, the first of them with number `first`. Resolves when the next ones may come. What was taken already is what was sent
   * again: nothing is done with it.
   */
  async post(first: number, frames: readonly string[]): Promise<'taken' | 'out_of_order' | 'gone'> {
    if (this.#over || this.#closing !== undefined) return 'gone';
    if (first > this.#taken + 1) return 'out_of_order';
    for (const frame of frames.slice(this.#taken + 1 - first)) {
      this.#taken += 1;
      this.#ears?.frame(frame);
    }
    if (!this.#reading) {
      this.#held?.();
      await new Promise<void>((resolve) => {
        this.#held = resolve;
      });
    }
    return 'taken';
  }

  alive(): void {
    this.#ears?.alive();
  }

  /**
   * Confirms the frames up to and including `after`, and brings those that follow, as JSON (HTS5): at once, or when there are any, or none after
   * `poll_ms_max`.
   */
  poll(after: number): Promise<string> | 'gone' | 'already_read' {
    if (this.#over) return 'gone';
    if (this.#reader?.kind === 'stream') return 'already_read';
    this.alive();
    this.#confirm(after);
    // The client has given up the poll before.
    this.#answerPoll([]);
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#answerPoll([]), this.#options.poll_ms_max);
      this.#reader = { kind: 'poll', answer: resolve, timer };
      if (this.#frames.length > 0 || this.#closing !== undefined) this.#flush();
    });
  }

  /** Server-sent events from now on; the socket ends with them. */
  stream(response: ServerResponse): void {
    if (this.#over || this.#reader !== undefined) {
      response.end();
      return;
    }
    this.#reader = { kind: 'stream', response };
    response.on('error', () => this.#ears?.broken());
    response.once('close', () => this.#end());
    // A comment: proxies and browsers pass a head on with the first bytes of its body.
    response.write(': open\n\n');
    this.#flush();
  }

  get transport(): Transport {
    return this.#reader?.kind === 'stream' ? 'events' : 'poll';
  }

  get isRead(): boolean {
    return this.#reader !== undefined;
  }

  /** The client leaves. */
  leave(): void {
    if (this.#reader?.kind === 'stream') this.#reader.response.end();
    this.#end();
  }

  // ---------------------------------------------------------------- the edge's side

  get unreadBytes(): number {
    return this.#chars + (this.#reader?.kind === 'stream' ? this.#reader.response.writableLength : 0);
  }

  listen(ears: WireEars): void {
    this.#ears = ears;
  }

  send(frame: Uint8Array | string): void {
    if (this.#over || this.#closing !== undefined) return;
    const text = typeof frame === 'string' ? frame : Buffer.from(frame).toString();
    this.#last += 1;
    if (this.#reader?.kind === 'stream') {
      this.#reader.response.write(streamed(text));
      return;
    }
    this.#frames.push(text);
    this.#chars += text.length;
    // What is said in one go comes in one answer.
    if (this.#frames.length === 1) queueMicrotask(() => this.#flush());
  }

  /** A client that polls shows that it is there by doing so. */
  ping(): void {
    if (this.#reader?.kind === 'stream') this.#reader.response.write('event: ping\ndata: {}\n\n');
  }

  pause(): void {
    this.#reading = false;
  }

  resume(): void {
    this.#reading = true;
    this.#held?.();
    this.#held = undefined;
  }

  close(code: number, word: string): void {
    if (!isCloseCode(code) || Buffer.byteLength(word) > 123)
      throw new RangeError(`no close code and word: ${code} ${word}`);
    if (this.#over || this.#closing !== undefined) return;
    this.#closing = { code, word };
    this.resume();
    this.#closeTimer = setTimeout(() => this.terminate(), this.#options.close_ms);
    this.#flush();
  }

  terminate(): void {
    if (this.#reader?.kind === 'stream') this.#reader.response.destroy();
    this.#end();
  }

  // ----------------------------------------------------------------

  #confirm(after: number): void {
    const first = this.#last - this.#frames.length + 1;
    const confirmed = Math.min(this.#frames.length, Math.max(0, after - first + 1));
    for (const text of this.#frames.splice(0, confirmed)) this.#chars -= text.length;
  }

  /** All that waits goes to the reader, if there is one. */
  #flush(): void {
    if (this.#reader?.kind === 'poll') {
      if (this.#frames.length > 0 || this.#closing !== undefined) this.#answerPoll(this.#frames);
    } else if (this.#reader !== undefined) {
      const { response } = this.#reader;
      for (const text of this.#frames) response.write(streamed(text));
      this.#frames = [];
      this.#chars = 0;
      if (this.#closing !== undefined) response.end(`event: close\ndata: ${JSON.stringify(this.#closing)}\n\n`);
    }
  }

  #answerPoll(frames: readonly string[]): void {
    if (this.#reader?.kind !== 'poll') return;
    const { answer, timer } = this.#reader;
    this.#reader = undefined;
    clearTimeout(timer);
    const last = this.#last - this.#frames.length + frames.length;
    const close = this.#closing === undefined ? '' : `,"close":${JSON.stringify(this.#closing)}`;
    // The frames are JSON already.
    answer(`{"last":${last},"frames":[${frames.join(',')}]${close}}`);
    if (this.#closing !== undefined) this.#end();
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#closeTimer);
    this.#answerPoll([]);
    this.#frames = [];
    this.#chars = 0;
    this.resume();
    this.#ears?.ended();
    this.#options.ended();
  }
}

/** JSON has no line breaks of its own, so one `data` line holds a frame. */
function streamed(frame: string): string {
  return `data: ${frame}\n\n`;
}

/** Those that an endpoint may say (RFC 6455 section 7.4), as `ws` sees it. */
function isCloseCode(code: number): boolean {
  return (code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code)) || (code >= 3000 && code <= 4999);
}
