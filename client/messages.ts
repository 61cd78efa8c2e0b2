import { clientWord } from '../proto/client-words.ts';
import { isGroupId } from '../proto/decode.ts';
import { Fault } from '../proto/fault.ts';
import type {
  Accepted,
  Amendment,
  ConversationId,
  MessageEvent,
  MessageId,
  MessageRef,
  MessageState,
  Reacted,
  SelfDeed,
  Timer,
  UserId,
} from '../proto/words.ts';
import { RingpostError } from './errors.ts';
import type { Sent } from './outbox.ts';
import type { Requests } from './requests.ts';
import { pagesOf } from './search.ts';
import type { Deed } from './storage.ts';

/** A message, as its event names it. */
export type Said = Pick<MessageEvent, 'from' | 'to' | 'seq'>;

export interface MessagesHost {
  readonly user: () => UserId;
  readonly newId: () => MessageId;
  readonly entrust: (word: Deed) => Sent;
  readonly ask: Requests['ask'];
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

  /** Who reacted, by name, after `after`. */
  reactions(
    message: Said,
    { after = '', limit = 100 }: { after?: UserId | ''; limit?: number } = {},
  ): Promise<Reacted> {
    const [other, of] = [this.#conversationOf(message), refOf(message)];
    return this.#host.ask('reacted', (req) => ({ kind: 'reactions', req, with: other, of, after, limit }));
  }

  /** A message to be shown to all above the conversation, until it is gone: by either of two, in a group by admins. */
  pinForAll(message: Said, on = true): Promise<Accepted> {
    return this.#do(message, { what: 'pin', on });
  }

  /** Those that are, the newest pin first, for `for await`. */
  pinned(conversation: ConversationId): AsyncGenerator<MessageState, void, undefined> {
    return pagesOf(this.#host.ask, ({ req, at, limit }) => ({
      kind: 'pinned',
      req,
      with: conversation,
      before: at,
      limit,
    }));
  }

  /** Messages that this user has starred, the newest star first, for `for await`. */
  starred(): AsyncGenerator<MessageState, void, undefined> {
    return pagesOf(this.#host.ask, ({ req, at, limit }) => ({ kind: 'starred', req, before: at, limit }));
  }

  /** A message to be found again by this user. */
  star(message: Said, on = true): Promise<Accepted> {
    return this.#mark({ what: 'star', with: this.#conversationOf(message), of: refOf(message), on });
  }

  /** A conversation to be shown first to this user. */
  pin(conversation: ConversationId, on = true): Promise<Accepted> {
    return this.#mark({ what: 'pin', with: conversation, on });
  }

  /** Deletes a message for this user alone, on all its devices. */
  forget(message: Said): Promise<Accepted> {
    return this.#mark({ what: 'forget', with: this.#conversationOf(message), of: refOf(message) });
  }

  /**
   * Messages of a conversation vanish from now on, so long after they are read (or `since`: sent, delivered; in a group always sent); 0: they stay. In a group an
   * admin may say so. One message alone: `send` with `more: { vanish }`.
   */
  vanishAfter(conversation: ConversationId, afterMs: number, since: Timer['since'] = 'read'): Promise<Accepted> {
    const id = this.#host.newId();
    const timer: Timer = { afterMs, since: afterMs === 0 ? 'never' : since };
    return this.#say(
      isGroupId(conversation)
        ? { kind: 'group', id, with: conversation, deed: { what: 'vanish', afterMs } }
        : { kind: 'vanish', id, with: conversation, timer },
    );
  }

  #do(message: Said, deed: Amendment): Promise<Accepted> {
    const id = this.#host.newId();
    return this.#say({ kind: 'amend', id, with: this.#conversationOf(message), of: refOf(message), deed });
  }

  #mark(deed: SelfDeed): Promise<Accepted> {
    return this.#say({ kind: 'self', id: this.#host.newId(), deed });
  }

  #conversationOf({ from, to }: Said): ConversationId {
    return isGroupId(to) || from === this.#host.user() ? to : from;
  }

  #say(word: Deed): Promise<Accepted> {
    try {
      const checked = clientWord(word);
      if (checked instanceof Fault) throw new RingpostError(checked.code, checked.reason, false);
      return this.#host.entrust(word).accepted;
    } catch (error) {
      return Promise.reject(error);
    }
  }
}

function refOf({ from, seq }: Said): MessageRef {
  return { from, seq };
}
