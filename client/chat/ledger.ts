import type { MessageState } from '../../proto/words.ts';
import { chatLimits } from './limits.ts';

/** How far an own message has got. */
export type Tick = 'waiting' | 'sent' | 'delivered' | 'read' | 'failed';

export interface OwnMessage {
  readonly id: string;
  readonly to: string;
  /** As it is shown. */
  readonly whom: string;
  readonly body: string;
  readonly at: number;
  /** 0 while waiting. */
  readonly seq: number;
  readonly tick: Tick;
  /** Of a failed one. */
  readonly why: string;
}

const rank: { readonly [tick in Tick]: number } = { waiting: 0, sent: 1, delivered: 2, read: 3, failed: 4 };

/** The own messages of this chat and how far each has got: the newest `own_messages_max` of them. Ticks never go back. */
export class Ledger {
  readonly #messages = new Map<string, OwnMessage>();

  get(id: string): OwnMessage | undefined {
    return this.#messages.get(id);
  }

  /** The newest first. */
  newest(): OwnMessage[] {
    return [...this.#messages.values()].reverse();
  }

  /** Of one that is known its text is the newer one. */
  add(message: OwnMessage): OwnMessage {
    const before = this.#messages.get(message.id);
    const known = before && { ...before, body: message.body };
    this.#messages.set(message.id, known ?? message);
    if (known !== undefined) return this.#to(known, message) ?? known;
    if (this.#messages.size > chatLimits.own_messages_max) {
      const [oldest] = this.#messages.keys();
      if (oldest !== undefined) this.#messages.delete(oldest);
    }
    return message;
  }

  /** undefined: it is not known here, or had got so far already. So for `failed`. */
  accepted(id: string, seq: number): OwnMessage | undefined {
    const known = this.#messages.get(id);
    return known && this.#to(known, { tick: 'sent', seq });
  }

  failed(id: string, why: string): OwnMessage | undefined {
    const known = this.#messages.get(id);
    return known && this.#to(known, { tick: 'failed', why });
  }

  /** Messages that got further by it, oldest first. */
  receipt(user: string, delivered: number, read: number): OwnMessage[] {
    return [...this.#messages.values()].flatMap((message) => {
      if (message.to !== user || message.seq === 0 || message.seq > delivered) return [];
      const moved = this.#to(message, { tick: message.seq <= read ? 'read' : 'delivered' });
      return moved === undefined ? [] : [moved];
    });
  }

  #to(message: OwnMessage, news: { tick: Tick; seq?: number; why?: string }): OwnMessage | undefined {
    if (rank[news.tick] <= rank[message.tick]) return undefined;
    const { tick, seq = message.seq, why = message.why } = news;
    const moved = { ...message, tick, seq, why };
    this.#messages.set(message.id, moved);
    return moved;
  }
}

/** An own message as the server's history tells it. */
export function ownFrom(message: MessageState, whom: string, why: string): OwnMessage {
  const { id, to, body, at, seq, delivered, read, failed } = message;
  const tick = failed !== '' ? 'failed' : read > 0 ? 'read' : delivered > 0 ? 'delivered' : 'sent';
  return { id, to, whom, body, at, seq, tick, why };
}
