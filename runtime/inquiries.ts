/** Questions between nodes on an operator's behalf: each is carried out at most once, however often its datagram comes. */
import { type Inspected, none, type Question } from './inspection.ts';
import type { Datagram, Inquirer, Inquiry } from './parcel.ts';
import type { NodeId, Ports } from './ports.ts';

/** Between the same question twice: a datagram may be lost. */
const ask_again_ms = 300;
/** With less time left than this it is over. */
const ask_least_ms = 1;
/** Questions of others whose answers are remembered, in case they come again. */
const answers_kept_max = 256;
/** Of this node, under way. */
const inquiries_max = 256;

export interface InquiriesHost {
  readonly ports: Pick<Ports, 'network' | 'codec' | 'timers' | 'clock' | 'log'>;
  readonly incarnation: string;
  answer(question: Question): Promise<Inspected<unknown>>;
}

export class Inquiries {
  readonly #host: InquiriesHost;
  readonly #waiting = new Map<number, (answer: Inspected<unknown>) => void>();
  readonly #answers = new Map<string, Promise<Inspected<unknown>>>();
  #asked = 0;
  #stopped = false;

  constructor(host: InquiriesHost) {
    this.#host = host;
  }

  stop(): void {
    this.#stopped = true;
    for (const end of this.#waiting.values()) end(none('no answer', 'this node stops'));
  }

  /** Asks another node. Never rejects. */
  ask(node: NodeId, question: Question, waitMs: number): Promise<Inspected<unknown>> {
    const { network, codec, timers, clock } = this.#host.ports;
    if (this.#stopped) return Promise.resolve(none('no answer', 'this node stops'));
    if (this.#waiting.size >= inquiries_max) return Promise.resolve(none('failed', 'too many questions at a time'));
    const id = ++this.#asked;
    const endMs = clock.monotonicMs() + waitMs;
    const asker = [network.self, this.#host.incarnation, id] as const;
    const datagram = codec.pack(['question', node, asker, question] satisfies Datagram);
    return new Promise((resolve) => {
      const end = (answer: Inspected<unknown>): void => {
        this.#waiting.delete(id);
        resolve(answer);
      };
      this.#waiting.set(id, end);
      const say = (): void => {
        if (!this.#waiting.has(id)) return;
        const leftMs = endMs - clock.monotonicMs();
        // What is left may be less than the clock can tell from now.
        if (leftMs < ask_least_ms) end(none('no answer', `${node} did not answer within ${waitMs} ms`));
        else {
          network.send(node, datagram);
          timers.after(Math.min(ask_again_ms, leftMs), say);
        }
      };
      say();
    });
  }

  heard(datagram: Inquiry): void {
    if (datagram[0] === 'answer') {
      const [, [node, incarnation, id], answer] = datagram;
      if (node === this.#host.ports.network.self && incarnation === this.#host.incarnation)
        this.#waiting.get(id)?.(answer);
      return;
    }
    const [, node, asker, question] = datagram;
    if (node === this.#host.ports.network.self) void this.#answer(asker, question);
  }

  /** Never rejects, whatever another node has sent. */
  async #answer(asker: Inquirer, question: Question): Promise<void> {
    const { network, codec, log } = this.#host.ports;
    try {
      const answer = await this.#answerOnce(asker.join(' '), question);
      network.send(asker[0], codec.pack(['answer', asker, answer] satisfies Datagram));
    } catch (error) {
      log.warn({ error }, 'a question of another node was not answered');
    }
  }

  #answerOnce(key: string, question: Question): Promise<Inspected<unknown>> {
    const before = this.#answers.get(key);
    if (before !== undefined) return before;
    const answered = this.#host.answer(question);
    this.#answers.set(key, answered);
    const [oldest] = this.#answers.keys();
    if (this.#answers.size > answers_kept_max && oldest !== undefined) this.#answers.delete(oldest);
    return answered;
  }
}
