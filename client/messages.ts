import { isConversationId, isGroupId } from '../proto/decode.ts';
import type { Accepted, Amend, Amendment, ConversationId, MessageEvent, MessageId, UserId } from '../proto/words.ts';
import { RingpostError } from './errors.ts';
import type { Sent } from './outbox.ts';

/** A message, as its event names it. */
export type Said = Pick<MessageEvent, 'from' | 'to' | 'seq'>;

export interface MessagesHost {
  readonly user: () => UserId;
  readonly newId: () => MessageId;
  readonly entrust: (word: Amend) => Sent<Amend>;
}

/**
 * What can still be done to a message that was sent. Every deed resolves when it is durable, and is said again until then, like a message; all devices of all
 * who have the message hear of it by an `amended` event. It rejects with `unknown_message`, `not_the_author`, `too_late`, `retracted`, `not_a_member`, `malformed`
 * and others of the protocol.
 */
export class Messages {
  readonly #host: MessagesHost;

  constructor(host: MessagesHost) {
    this.#host = host;
  }

  /** Another text for a message of one's own, within 15 minutes. */
  edit(message: Said, body: string): Promise<Accepted> {
    return this.#do(message, { what: 'edit', body });
  }

  /** Deletes a message of one's own for everyone, within two days; in a group an admin may do so to any. */
  retract(message: Said): Promise<Accepted> {
    return this.#do(message, { what: 'retract' });
  }

  /** One reaction of each user to a message: a later one replaces it, '' takes it back. */
  react(message: Said, text: string): Promise<Accepted> {
    return this.#do(message, { what: 'react', text });
  }

  #do({ from, to, seq }: Said, deed: Amendment): Promise<Accepted> {
    try {
      if (!isConversationId(to)) throw new RingpostError('malformed', `"${to}" is neither a user nor a group.`, false);
      const other: ConversationId = isGroupId(to) || from === this.#host.user() ? to : from;
      const word: Amend = { kind: 'amend', id: this.#host.newId(), with: other, of: { from, seq }, deed };
      return this.#host.entrust(word).accepted;
    } catch (error) {
      return Promise.reject(error);
    }
  }
}
