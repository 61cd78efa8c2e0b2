import type { Accepted, MessageId, Privacy, SelfDeed, SelfWord, UserId } from '../proto/words.ts';
import type { Sent } from './outbox.ts';

/**
 * Contacts, blocked users, and who may know what. Every deed resolves when it is durable, and is said again until then; all devices of the account hear
 * of it by a `self` event. It rejects with `to_self`, `too_many_blocked`, `too_many_contacts`, `malformed` and others of the protocol.
 */
export class People {
  readonly #newId: () => MessageId;
  readonly #entrust: (word: SelfWord) => Sent<SelfWord>;

  constructor(newId: () => MessageId, entrust: (word: SelfWord) => Sent<SelfWord>) {
    this.#newId = newId;
    this.#entrust = entrust;
  }

  /** Nothing of this user comes here any more, and it learns nothing of this one; it is not told so. */
  block(user: UserId): Promise<Accepted> {
    return this.#do({ what: 'block', user, on: true });
  }

  unblock(user: UserId): Promise<Accepted> {
    return this.#do({ what: 'block', user, on: false });
  }

  /** `name`: what this user calls it. */
  addContact(user: UserId, name = ''): Promise<Accepted> {
    return this.#do({ what: 'contact', user, name, on: true });
  }

  removeContact(user: UserId): Promise<Accepted> {
    return this.#do({ what: 'contact', user, name: '', on: false });
  }

  /** Whoever hides something does not see it of others. */
  setPrivacy({ seen, receipts, invites }: Privacy): Promise<Accepted> {
    return this.#do({ what: 'privacy', seen, receipts, invites });
  }

  #do(deed: SelfDeed): Promise<Accepted> {
    try {
      return this.#entrust({ kind: 'self', id: this.#newId(), deed }).accepted;
    } catch (error) {
      return Promise.reject(error);
    }
  }
}
