import type { Answer, ClientWord, Page, Refused } from '../proto/words.ts';
import { RingpostError } from './errors.ts';
import { sdkLimits } from './limits.ts';

type Reply = Page | Answer;
interface Open {
  readonly word: ClientWord;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: RingpostError) => void;
  readonly deadline: ReturnType<typeof setTimeout>;
}

/** Questions that wait for their answer. They only read, so they are simply said again on each new socket until their time is up. */
export class Requests {
  readonly #say: (word: ClientWord) => void;
  readonly #open = new Map<number, Open>();
  #last = 0;

  constructor(say: (word: ClientWord) => void) {
    this.#say = say;
  }

  /** Rejects with `timeout`, `overloaded` (too many questions at a time) or the server's refusal. */
  ask(make: (req: number) => ClientWord): Promise<Reply> {
    if (this.#open.size >= sdkLimits.requests_max) {
      const reason = `${this.#open.size} questions already wait for an answer.`;
      return Promise.reject(new RingpostError('overloaded', reason, true));
    }
    const req = ++this.#last;
    const word = make(req);
    return new Promise((resolve, reject) => {
      const deadline = setTimeout(() => {
        this.#open.delete(req);
        reject(new RingpostError('timeout', 'The server did not answer in time.', true));
      }, sdkLimits.request_wait_ms_max);
      this.#open.set(req, { word, resolve, reject, deadline });
      this.#say(word);
    });
  }

  answer(reply: Reply): void {
    this.#close(reply.req)?.resolve(reply);
  }

  refuse(word: Refused & { readonly req: number }): void {
    const open = this.#open.get(word.req);
    if (open === undefined) return;
    if (word.retry) {
      // Its deadline goes on: a question is never put off beyond its time.
      setTimeout(() => {
        if (this.#open.has(word.req)) this.#say(open.word);
      }, word.afterMs ?? sdkLimits.overload_wait_ms_min);
      return;
    }
    this.#close(word.req)?.reject(new RingpostError(word.code, word.reason, false));
  }

  words(): ClientWord[] {
    return Array.from(this.#open.values(), ({ word }) => word);
  }

  rejectAll(error: RingpostError): void {
    for (const req of [...this.#open.keys()]) this.#close(req)?.reject(error);
  }

  #close(req: number): Open | undefined {
    const open = this.#open.get(req);
    this.#open.delete(req);
    clearTimeout(open?.deadline);
    return open;
  }
}
