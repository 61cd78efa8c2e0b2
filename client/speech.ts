import { encode } from '../proto/codec.ts';
import type { ClientWord, Encoding, Hello } from '../proto/words.ts';
import { type FrameLimits, inFrames } from './frames.ts';
import type { Outbox } from './outbox.ts';
import type { ReadMarks } from './read-marks.ts';

export interface SpeechOptions {
  readonly encoding: Encoding;
  readonly outbox: Outbox;
  readonly reads: ReadMarks;
  /** Number up to which `received` is to be said now; 0 for not now. */
  readonly received: () => number;
  readonly put: (frame: Uint8Array | string) => void;
  readonly tooLong: (word: ClientWord) => void;
}

/**
 * Everything that one turn of the event loop has to say leaves in one frame at its end, `received` first, and questions after the messages that they
 * may be about. In Node
 * that is the check phase, right after the socket's events; elsewhere two microtasks on, so that the handlers of settled promises
 * still have their say.
 */
const atEndOfTurn: (run: () => void) => void =
  (globalThis as { setImmediate?: (run: () => void) => void }).setImmediate ??
  ((run) => queueMicrotask(() => queueMicrotask(run)));

export class Speech {
  readonly #options: SpeechOptions;
  #limits: FrameLimits | undefined;
  #words: ClientWord[] = [];
  #scheduled = false;
  #pause: ReturnType<typeof setTimeout> | undefined;
  #pausedUntil = 0;

  constructor(options: SpeechOptions) {
    this.#options = options;
  }

  /** The one word that may leave before `open`. */
  hello(word: Hello): void {
    this.#options.put(encode([word], this.#options.encoding));
  }

  /** From now on words may leave. */
  open(limits: FrameLimits): void {
    this.#limits = limits;
    this.wake();
  }

  /** Words of this conversation are void; what must not be lost stands in the outbox, the read marks and the requests. */
  hush(): void {
    this.#limits = undefined;
    this.#words = [];
    clearTimeout(this.#pause);
    this.#pause = undefined;
    this.#pausedUntil = 0;
  }

  /** Nothing is said for so long: the server asked for it. */
  pause(ms: number): void {
    const now = Date.now();
    if (this.#limits === undefined || now + ms <= this.#pausedUntil) return;
    this.#pausedUntil = now + ms;
    clearTimeout(this.#pause);
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      this.wake();
    }, ms);
  }

  /** Dropped while there is nobody to say it to. */
  say(word: ClientWord): void {
    if (this.#limits === undefined) return;
    this.#words.push(word);
    this.wake();
  }

  /** There may be something to say: look at the end of this turn. */
  wake(): void {
    if (this.#scheduled || this.#limits === undefined || this.#pause !== undefined) return;
    this.#scheduled = true;
    atEndOfTurn(() => this.flush());
  }

  flush(): void {
    this.#scheduled = false;
    if (this.#limits === undefined || this.#pause !== undefined) return;
    const { outbox, reads, encoding, put, tooLong, received } = this.#options;
    const now = Date.now();
    const words: ClientWord[] = [];
    const upTo = received();
    if (upTo > 0) words.push({ kind: 'received', upTo });
    words.push(...reads.take(now));
    for (let message = outbox.take(now); message !== undefined; message = outbox.take(now)) {
      words.push({ kind: 'send', id: message.id, to: message.to, body: message.body });
    }
    if (this.#words.length > 0) {
      words.push(...this.#words);
      this.#words = [];
    }
    if (words.length > 0) inFrames(words, encoding, this.#limits, put, tooLong);
  }
}
