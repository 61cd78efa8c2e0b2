import { encode } from '../proto/codec.ts';
import { type ClientWord, costOf, type Encoding, type Hello } from '../proto/words.ts';
import { type FrameLimits, inFrames, withTrace } from './frames.ts';
import { sdkLimits } from './limits.ts';
import type { Outbox } from './outbox.ts';
import { Pace, type PaceLimits } from './pace.ts';
import type { ReadMarks } from './read-marks.ts';
import type { Deed } from './storage.ts';
import { monotonicMs } from './time.ts';

export interface SpeechOptions {
  readonly encoding: () => Encoding;
  readonly outbox: Outbox;
  readonly reads: ReadMarks;
  readonly pace: PaceLimits;
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
  readonly #pace: Pace;
  #limits: FrameLimits | undefined;
  #words: ClientWord[] = [];
  /** Words that cost as much as many: they wait while they would hold up messages. */
  #costly: ClientWord[] = [];
  #scheduled = false;
  #pause: ReturnType<typeof setTimeout> | undefined;
  #pausedUntil = 0;
  #wakening: ReturnType<typeof setTimeout> | undefined;

  constructor(options: SpeechOptions) {
    this.#options = options;
    this.#pace = new Pace(options.pace);
  }

  /** A new socket. */
  restart(): void {
    this.#pace.restart(monotonicMs());
  }

  /** The one word that may leave before `open`. */
  hello(word: Hello): void {
    this.#options.put(encode([word], this.#options.encoding()));
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
    this.#costly = [];
    clearTimeout(this.#pause);
    this.#pause = undefined;
    this.#pausedUntil = 0;
    clearTimeout(this.#wakening);
    this.#wakening = undefined;
  }

  /** Nothing is said for so long: the server asked for it. */
  pause(ms: number): void {
    const now = monotonicMs();
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
    if (costOf(word) === 1) this.#words.push(word);
    else if (!this.#costly.includes(word)) this.#costly.push(word);
    this.wake();
  }

  /** There may be something to say: look at the end of this turn. */
  wake(): void {
    if (this.#scheduled || this.#limits === undefined || this.#pause !== undefined) return;
    this.#scheduled = true;
    atEndOfTurn(() => this.flush());
  }

  #wakeIn(ms: number): void {
    this.#wakening ??= setTimeout(() => {
      this.#wakening = undefined;
      this.wake();
    }, ms);
  }

  flush(): void {
    this.#scheduled = false;
    if (this.#limits === undefined || this.#pause !== undefined) return;
    const { reads, encoding, put, tooLong, received, outbox } = this.#options;
    const { frame_bytes_max } = this.#limits;
    const now = monotonicMs();
    const words: ClientWord[] = [];
    const upTo = received();
    if (upTo > 0) words.push({ kind: 'received', upTo });
    words.push(...reads.take(now));
    this.#messages(words, now);
    if (this.#words.length > 0) {
      words.push(...this.#words);
      this.#words = [];
    }
    this.#costlyOnes(words, now);
    if (words.length === 0) return;
    const putFollowed = (frame: Uint8Array | string, inIt: readonly ClientWord[]): void =>
      put(withTrace(frame, outbox.takeTrace(inIt), frame_bytes_max));
    inFrames(words, encoding(), this.#limits, putFollowed, tooLong);
  }

  /** Adds those that leave half of what may be said at once. */
  #costlyOnes(words: ClientWord[], now: number): void {
    const { words_burst_max } = this.#options.pace;
    for (let word = this.#costly[0]; word !== undefined; word = this.#costly[0]) {
      const cost = costOf(word);
      const least = Math.min(words_burst_max, words_burst_max / 2 + cost);
      if (this.#pace.left(now) < least) {
        this.#wakeIn(this.#pace.msUntil(least));
        return;
      }
      this.#costly.shift();
      this.#pace.spend(cost);
      words.push(word);
    }
  }

  /** Adds the messages that may leave now; the others when there is pace again. */
  #messages(words: ClientWord[], now: number): void {
    const { outbox } = this.#options;
    for (const word of [...words, ...this.#words]) this.#pace.spend(costOf(word));
    let left = this.#pace.left(now);
    while (left >= 1) {
      const word = outbox.take(now);
      if (word === undefined) return;
      words.push(word);
      const cost = 1 + charsOf(word) / 1_024;
      left -= cost;
      this.#pace.spend(cost);
    }
    if (outbox.ready) this.#wakeIn(this.#pace.msUntil(sdkLimits.paced_words));
  }
}

function charsOf(word: Deed): number {
  if (word.kind === 'send') return word.body.length;
  return 'deed' in word ? JSON.stringify(word.deed).length : 0;
}
