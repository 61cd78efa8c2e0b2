import { isGroupId, isLink } from '../proto/decode.ts';
import type {
  Accepted,
  Arrange,
  ClientWord,
  FileFacts,
  GroupDeed,
  GroupId,
  Members,
  Memberships,
  MessageId,
  Reached,
  Role,
  UserId,
} from '../proto/words.ts';
import { RingpostError } from './errors.ts';
import type { Sent } from './outbox.ts';

type Answer = Members | Memberships | Reached;

export interface GroupsHost {
  readonly newId: () => MessageId;
  readonly entrust: (word: Arrange) => Sent<Arrange>;
  readonly ask: <Kind extends Answer['kind']>(
    kind: Kind,
    make: (req: number) => ClientWord,
  ) => Promise<Extract<Answer, { readonly kind: Kind }>>;
}

/** A page of a list by name, after `after` ('': from the beginning). */
export interface PageOptions {
  readonly after?: UserId | '';
  readonly limit?: number;
}

const link_bytes = 18;

/**
 * What is done with groups. Every deed resolves when the group has done it, and is said again until then, like a message; it rejects with
 * `not_a_member`, `not_an_admin`, `group_full`, `unknown_group`, `malformed`, `too_long` and others of the protocol.
 */
export class Groups {
  readonly #host: GroupsHost;

  constructor(host: GroupsHost) {
    this.#host = host;
  }

  /** Makes a group; users who can't be added are told of by `declined` events. */
  async create(title: string, users: readonly UserId[] = [], about = ''): Promise<GroupId> {
    const { with: group } = await this.#do('', { what: 'create', title, about, users });
    if (group === undefined) throw new RingpostError('bad_answer', 'The server made a group without a name.', false);
    return group;
  }

  retitle(group: GroupId, title: string): Promise<Accepted> {
    return this.#do(group, { what: 'title', title });
  }

  describe(group: GroupId, about: string): Promise<Accepted> {
    return this.#do(group, { what: 'about', about });
  }

  /** An image that `files.upload` has brought; without one the group has none any more. For members: `files.pictureOf`. */
  setPicture(group: GroupId, file?: FileFacts): Promise<Accepted> {
    return this.#do(group, { what: 'picture', ...(file && { file }) });
  }

  /** Asks these users in: `group` events tell of those who come, `declined` events of the others. */
  add(group: GroupId, users: readonly UserId[]): Promise<Accepted> {
    return this.#do(group, { what: 'add', users });
  }

  remove(group: GroupId, users: readonly UserId[]): Promise<Accepted> {
    return this.#do(group, { what: 'remove', users });
  }

  leave(group: GroupId): Promise<Accepted> {
    return this.#do(group, { what: 'leave' });
  }

  /** A group has one owner: who gives that away is an admin from then on. */
  appoint(group: GroupId, user: UserId, role: Role): Promise<Accepted> {
    return this.#do(group, { what: 'role', user, role });
  }

  /** `announce`: only admins may send. `shared`: new members may read what was before. */
  setMode(group: GroupId, mode: { readonly announce: boolean; readonly shared: boolean }): Promise<Accepted> {
    return this.#do(group, { what: 'mode', announce: mode.announce, shared: mode.shared });
  }

  /** A text by which whoever gets it may `join`: `uses` times, for `forMs`; 0: without end. It is a secret. */
  async invite(group: GroupId, { uses = 0, forMs = 0 }: { uses?: number; forMs?: number } = {}): Promise<string> {
    const link = secret();
    await this.#do(group, { what: 'link', link, uses, forMs });
    return `${group}.${link}`;
  }

  /** Takes an invitation back. */
  uninvite(invitation: string): Promise<Accepted> {
    return this.#byLink(invitation, 'unlink');
  }

  async join(invitation: string): Promise<GroupId> {
    await this.#byLink(invitation, 'join');
    return invitation.slice(0, invitation.indexOf('.'));
  }

  /** Those that this user is a member of, by id, after `after`. */
  list({ after = '', limit = 100 }: PageOptions = {}): Promise<Memberships> {
    return this.#host.ask('groups', (req) => ({ kind: 'groups', req, after, limit }));
  }

  members(group: GroupId, { after = '', limit = 100 }: PageOptions = {}): Promise<Members> {
    return this.#host.ask('members', (req) => ({ kind: 'roster', req, with: group, after, limit }));
  }

  /** Who has got one message, and who has read it. */
  reached(group: GroupId, seq: number, { after = '', limit = 100 }: PageOptions = {}): Promise<Reached> {
    return this.#host.ask('reached', (req) => ({ kind: 'reach', req, with: group, seq, after, limit }));
  }

  #byLink(invitation: string, what: 'join' | 'unlink'): Promise<Accepted> {
    const [group = '', link = ''] = invitation.split('.');
    if (!isGroupId(group) || !isLink(link)) {
      return Promise.reject(new RingpostError('malformed', 'This is not an invitation to a group.', false));
    }
    return this.#do(group, { what, link });
  }

  #do(group: GroupId | '', deed: GroupDeed): Promise<Accepted> {
    try {
      return this.#host.entrust({ kind: 'group', id: this.#host.newId(), with: group, deed }).accepted;
    } catch (error) {
      return Promise.reject(error);
    }
  }
}

/** Base64url. */
function secret(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(link_bytes));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_');
}
