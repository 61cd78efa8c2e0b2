import { isConversationId, isGroupId } from '../proto/decode.ts';
import type {
  Accepted,
  Amend,
  Amendment,
  Arrange,
  ConversationId,
  MessageEvent,
  MessageId,
  Timer,
  UserId,
  VanishWord,
} from '../proto/words.ts';
import { RingpostError } from './errors.ts';
import type { Sent } from './outbox.ts';

/** A message, as its event names it. */
export type Said = Pick<MessageEvent, 'from' | 'to' | 'seq'>;

export interface MessagesHost {
  readonly user: () => UserId;
  readonly newId: () => MessageId;
  readonly entrust: (word: Amend | VanishWord | Arrange) => Sent;
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

  /**
   * Messages of a conversation vanish from now on, so long after they are read (or `since`: sent, delivered; in a group always sent); 0: they stay. In a group an
   * admin may say so. One message alone: `send` with `more: { vanish }`.
   */
  vanishAfter(conversation: ConversationId, afterMs: number, since: Timer['since'] = 'read'): Promise<Accepted> {
    const id = this.#host.newId();
    try {
      if (!isConversationId(conversation)) {
        throw new RingpostError('malformed', `"${conversation}" is neither a user nor a group.`, false);
      }
      const timer: Timer = { afterMs, since: afterMs === 0 ? 'never' : since };
      const word: VanishWord | Arrange = isGroupId(conversation)
        ? { kind: 'group', id, with: conversation, deed: { what: 'vanish', afterMs } }
        : { kind: 'vanish', id, with: conversation, timer };
      return this.#host.entrust(word).accepted;
    } catch (error) {
      return Promise.reject(error);
    }
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
