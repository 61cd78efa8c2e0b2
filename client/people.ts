import { clientWord } from '../proto/client-words.ts';
import { isGroupId } from '../proto/decode.ts';
import { Fault } from '../proto/fault.ts';
import { emptyProfile } from '../proto/people-words.ts';
import type {
  Accepted,
  ClientWord,
  Find,
  MessageId,
  Privacy,
  Profile,
  ReportReason,
  SelfDeed,
  SelfWord,
  UserId,
  UserProfile,
} from '../proto/words.ts';
import { RingpostError } from './errors.ts';
import type { Said } from './messages.ts';
import type { Sent } from './outbox.ts';
import type { Requests } from './requests.ts';

export interface PeopleHost {
  readonly newId: () => MessageId;
  readonly entrust: (word: SelfWord) => Sent<SelfWord>;
  readonly ask: Requests['ask'];
}

/** `message`: one of that user. */
export interface ReportOptions {
  readonly text?: string;
  readonly message?: Said;
}

/**
 * What this user tells of itself, its contacts, whom it has blocked, who may know what; and what others tell. Every deed resolves when it is durable, and is
 * said again until then; all devices of the account hear of it by a `self` event. It rejects with `to_self`, `too_many_blocked`, `too_many_contacts`,
 * `malformed` and others of the protocol.
 */
export class People {
  readonly #host: PeopleHost;

  constructor(host: PeopleHost) {
    this.#host = host;
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

  /** Whoever hides when it was seen, or what it has read, does not see that of others. What is left out stays as it is. */
  setPrivacy(privacy: Partial<Privacy>): Promise<Accepted> {
    return this.#do({ ...privacy, what: 'privacy' });
  }

  /** What this user tells of itself from now on; what is left out is not told any more. */
  setProfile(profile: Partial<Profile>): Promise<Accepted> {
    return this.#do({ ...emptyProfile, ...profile, what: 'profile' });
  }

  /** What up to 64 users show to this one, in the order asked for. Rejects with `too_many_finds`, `malformed`, `too_long`, `overloaded`, `timeout`. */
  async profiles(users: readonly UserId[]): Promise<readonly UserProfile[]> {
    const make = (req: number): ClientWord => ({ kind: 'profiles', req, users });
    check(make(0));
    return (await this.#host.ask('profiled', make)).list;
  }

  /**
   * Users who have this name, or want to be found by this email or phone number: none of them where there is none, where it does not want to be, and where it
   * has blocked this user. Rejects with `too_many_finds` (50 a day; `afterMs` tells for how long), `malformed`, `overloaded`, `timeout`.
   */
  async find(by: Find['by'], text: string): Promise<readonly UserProfile[]> {
    const make = (req: number): ClientWord => ({ kind: 'find', req, by, text });
    check(make(0));
    return (await this.#host.ask('found', make)).list;
  }

  /**
   * Tells whoever runs the server of a user, or of a message of its, whose text goes along; the user is never told. Rejects with `unknown_message`,
   * `too_many_reports` (20 a day) and the errors of all deeds.
   */
  report(user: UserId, reason: ReportReason, { text = '', message }: ReportOptions = {}): Promise<Accepted> {
    const of = message && { with: isGroupId(message.to) ? message.to : message.from, seq: message.seq };
    return this.#do({ what: 'report', user, reason, text, ...(of && { message: of }) });
  }

  #do(deed: SelfDeed): Promise<Accepted> {
    try {
      const word: SelfWord = { kind: 'self', id: this.#host.newId(), deed };
      check(word);
      return this.#host.entrust(word).accepted;
    } catch (error) {
      return Promise.reject(error);
    }
  }
}

/** A word that the server would not take is told of before it goes: there it would refuse all words beside it, too. */
function check(word: ClientWord): void {
  const checked = clientWord(word);
  if (checked instanceof Fault) throw new RingpostError(checked.code, checked.reason, false);
}
