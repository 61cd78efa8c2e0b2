import { isGroupId } from '../../proto/decode.ts';
import type { ConversationId, DeclineCode, GroupEvent, GroupId } from '../../proto/words.ts';
import { span } from './text.ts';

/** The groups that a chat has heard of, by their titles. */
export class Rooms {
  readonly #titles = new Map<GroupId, string>();

  /** Groups that this device is told to be in, newest last. */
  get all(): readonly GroupId[] {
    return [...this.#titles.keys()];
  }

  /** What is shown of a conversation: a user's name, or `#Title`. */
  nameOf(conversation: ConversationId): string {
    const title = this.#titles.get(conversation);
    return title === undefined ? conversation : `#${title}`;
  }

  isKnown(group: GroupId): boolean {
    return this.#titles.has(group);
  }

  /** By its name on the screen, or the beginning of it, or its id; capitals don't matter. */
  find(text: string): GroupId | undefined {
    if (isGroupId(text) && this.#titles.has(text)) return text;
    const wanted = text.replace(/^#/, '').toLowerCase();
    const found = [...this.#titles].reverse();
    const [group] =
      found.find(([, title]) => title.toLowerCase() === wanted) ??
      found.find(([, title]) => title.toLowerCase().startsWith(wanted)) ??
      [];
    return group;
  }

  learn(group: GroupId, title: string): void {
    this.#titles.set(group, title);
  }

  /** Takes in what happened to a group; `user` is whose chat this is. */
  take({ with: group, change }: GroupEvent, user: string): void {
    if ('title' in change) this.#titles.set(group, change.title);
    if (change.what === 'removed' && change.users.includes(user)) this.#titles.delete(group);
  }
}

/** What happened to a group, in words that follow its name. */
export function happening({ by, change }: GroupEvent): string {
  switch (change.what) {
    case 'created':
      return `${by} made the group`;
    case 'titled':
      return `${by} renamed the group`;
    case 'described':
      return `${by} described the group: ${change.about}`;
    case 'pictured':
      return change.file === undefined ? `${by} took the picture away` : `${by} changed the picture`;
    case 'added':
      return change.users.includes(by) ? `${by} came by an invitation` : `${by} added ${change.users.join(', ')}`;
    case 'removed':
      return change.users.includes(by) ? `${by} left` : `${by} removed ${change.users.join(', ')}`;
    case 'role':
      return `${change.user} is ${change.role === 'admin' ? 'an admin' : change.role === 'owner' ? 'the owner' : 'no admin any more'}`;
    case 'mode':
      return change.announce ? 'only admins may write now' : 'everybody may write now';
    case 'vanishing':
      return change.afterMs === 0 ? 'messages stay' : `messages vanish after ${span(change.afterMs)}`;
  }
}

export const declineWords: { readonly [code in DeclineCode]: string } = {
  unknown_user: 'there is no account of this name',
  deactivated: 'this account was deactivated',
  not_allowed: 'this account does not allow it',
  too_many_groups: 'this account is in as many groups as it may be in',
};
