import type {
  Answer,
  ClientWord,
  Found,
  Members,
  Memberships,
  MessageList,
  Page,
  Profiled,
  Reached,
  Reacted,
  Refused,
} from '../proto/words.ts';
import { RingpostError } from './errors.ts';
import { sdkLimits } from './limits.ts';

type Reply = Page | Answer | Members | Memberships | Reached | Reacted | MessageList | Profiled | Found;
interface Open {
  readonly word: ClientWord;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: RingpostError) => void;
  readonly deadline: ReturnType<typeof setTimeout>;
  readonly repeat: ReturnType<typeof setInterval>;
}

/** Questions that wait for their answer. They only read, so they are simply said again, on each new socket and now and then, until their time is up. */
export class Requests {
  readonly #say: (word: ClientWord) => void;
  readonly #open = new Map<number, Open>();
  #last = 0;

  constructor(say: (word: ClientWord) => void) {
    this.#say = say;
  }

  /** Rejects with `timeout`, `overloaded` (too many questions at a time), `bad_answer` (not of this kind) or the server's refusal. */
  async ask<Kind extends Reply['kind']>(
    kind: Kind,
    make: (req: number) => ClientWord,
  ): Promise<Extract<Reply, { readonly kind: Kind }>> {
    const reply = await this.#ask(make);
    if (reply.kind === kind) return reply as Extract<Reply, { readonly kind: Kind }>;
    throw new RingpostError('bad_answer', `The server answered with ${reply.kind} instead of ${kind}.`, false);
  }

  #ask(make: (req: number) => ClientWord): Promise<Reply> {
    if (this.#open.size >= sdkLimits.requests_max) {
      const reason = `${this.#open.size} questions already wait for an answer.`;
      return Promise.reject(new RingpostError('overloaded', reason, true));
    }
    const req = ++this.#last;
    const word = make(req);
    return new Promise((resolve, reject) => {
      const repeat = setInterval(() => this.#say(word), sdkLimits.request_repeat_ms);
      const deadline = setTimeout(() => {
        this.#close(req);
        reject(new RingpostError('timeout', 'The server did not answer in time.', true));
      }, sdkLimits.request_wait_ms_max);
      this.#open.set(req, { word, resolve, reject, deadline, repeat });
      this.#say(word);
    });
  }

  answer(reply: Reply): void {
    this.#close(reply.req)?.resolve(reply);
  }

  refuse(word: Refused & { readonly req: number }): void {
    const open = this.#open.get(word.req);
    if (open === undefined) return;
    if (word.retry && (word.afterMs ?? 0) < sdkLimits.request_wait_ms_max) {
      // Its deadline goes on: a question is never put off beyond its time.
      setTimeout(() => {
        if (this.#open.has(word.req)) this.#say(open.word);
      }, word.afterMs ?? sdkLimits.overload_wait_ms_min);
      return;
    }
    const { code, reason, retry, afterMs } = word;
    this.#close(word.req)?.reject(new RingpostError(code, reason, retry, { afterMs }));
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
    clearInterval(open?.repeat);
    return open;
  }
}
