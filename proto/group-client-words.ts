/** Words of a client about groups, validated. */

import { Fault, isCount, isMessageId } from './fault.ts';
import {
  badCount,
  badText,
  type Fields,
  isFields,
  isGroupId,
  isLink,
  isText,
  isUserId,
  malformed,
  shown,
} from './fields.ts';
import { fileFactsOf } from './file-words.ts';
import { badTimer, isLongEnough, timerOf } from './vanish-words.ts';
import type { Arrange, GroupDeed, Groups, Reach, Role, Roster, UserId } from './words.ts';
import { clientLimits } from './words.ts';

const roles: readonly Role[] = ['owner', 'admin', 'member'];

export function arrange(fields: Fields): Arrange | Fault {
  const { id, with: group, deed } = fields;
  if (!isMessageId(id)) return badText('group.id', id, clientLimits.message_id_chars_max, fields);
  if (!isFields(deed)) return malformed('group.deed must be an object', fields);
  const isNew = deed.what === 'create';
  if (isNew ? group !== '' : !isGroupId(group)) {
    return badText('group.with', group, clientLimits.group_id_chars_max, fields);
  }
  const checked = deedOf(deed, fields);
  return checked instanceof Fault ? checked : { kind: 'group', id, with: group as string, deed: checked };
}

function deedOf(deed: Fields, of: Fields): GroupDeed | Fault {
  switch (deed.what) {
    case 'create':
      return create(deed, of);
    case 'title':
      return isTitle(deed.title) ? { what: 'title', title: deed.title } : badTitle(deed.title, of);
    case 'about':
      return isAbout(deed.about) ? { what: 'about', about: deed.about } : badAbout(deed.about, of);
    case 'add':
    case 'remove': {
      const users = usersOf(deed.users, 1, of);
      return users instanceof Fault ? users : { what: deed.what, users };
    }
    case 'leave':
      return { what: 'leave' };
    case 'role':
      return roleOf(deed, of);
    case 'mode': {
      const { announce, shared } = deed;
      if (typeof announce === 'boolean' && typeof shared === 'boolean') return { what: 'mode', announce, shared };
      return malformed('group.deed.announce and .shared must be true or false', of);
    }
    case 'picture': {
      if (deed.file === undefined) return { what: 'picture' };
      const file = fileFactsOf(deed.file);
      return file === undefined ? malformed('group.deed.file must be a file', of) : { what: 'picture', file };
    }
    case 'vanish': {
      const timer = timerOf({ afterMs: deed.afterMs, since: deed.afterMs === 0 ? 'never' : 'sent' });
      if (timer === undefined || !isLongEnough(timer)) return badTimer('group.deed', of);
      return { what: 'vanish', afterMs: timer.afterMs };
    }
    case 'link':
    case 'unlink':
    case 'join':
      return linkOf(deed, of);
    default:
      return malformed(`There is no deed ${shown(deed.what)}`, of);
  }
}

function create({ title, about, users }: Fields, of: Fields): GroupDeed | Fault {
  if (!isTitle(title)) return badTitle(title, of);
  if (!isAbout(about)) return badAbout(about, of);
  const checked = usersOf(users, 0, of);
  return checked instanceof Fault ? checked : { what: 'create', title, about, users: checked };
}

function roleOf({ user, role }: Fields, of: Fields): GroupDeed | Fault {
  if (!isUserId(user)) return badText('group.deed.user', user, clientLimits.user_chars_max, of);
  const known = roles.find((one) => one === role);
  return known === undefined
    ? malformed('group.deed.role must be owner, admin or member', of)
    : { what: 'role', user, role: known };
}

function linkOf({ what, link, uses, forMs }: Fields, of: Fields): GroupDeed | Fault {
  if (!isLink(link)) {
    return badText('group.deed.link', link, clientLimits.group_link_chars_max, of);
  }
  if (what === 'join' || what === 'unlink') return { what, link };
  if (!isCount(uses)) return badCount('group.deed.uses', of);
  return isCount(forMs) ? { what: 'link', link, uses, forMs } : badCount('group.deed.forMs', of);
}

function isTitle(value: unknown): value is string {
  return isText(value, clientLimits.group_title_chars_max) && value.trim() !== '';
}

function isAbout(value: unknown): value is string {
  return isText(value, clientLimits.group_about_chars_max);
}

function badTitle(title: unknown, of: Fields): Fault {
  return badText('group.deed.title', title, clientLimits.group_title_chars_max, of);
}

function badAbout(about: unknown, of: Fields): Fault {
  return badText('group.deed.about', about, clientLimits.group_about_chars_max, of);
}

function usersOf(users: unknown, least: number, of: Fields): readonly UserId[] | Fault {
  if (!Array.isArray(users) || users.length < least) return malformed('group.deed.users must be a list of users', of);
  if (users.length > clientLimits.group_users_max) {
    return new Fault('too_long', `group.deed.users may name at most ${clientLimits.group_users_max} users.`, of);
  }
  for (const user of users)
    if (!isUserId(user)) return badText('group.deed.users', user, clientLimits.user_chars_max, of);
  return [...new Set(users as UserId[])];
}

// ---------------------------------------------------------------- questions

export function groups(fields: Fields): Groups | Fault {
  const { req, after, limit } = fields;
  if (!isCount(req)) return badCount('groups.req', fields);
  if (after !== '' && !isGroupId(after)) {
    return badText('groups.after', after, clientLimits.group_id_chars_max, fields);
  }
  return isPageLimit(limit) ? { kind: 'groups', req, after, limit } : badLimit('groups', fields);
}

export function roster(fields: Fields): Roster | Fault {
  const page = pageOf('roster', fields);
  return page instanceof Fault ? page : { kind: 'roster', ...page };
}

export function reach(fields: Fields): Reach | Fault {
  const page = pageOf('reach', fields);
  if (page instanceof Fault) return page;
  const { seq } = fields;
  return isCount(seq) ? { kind: 'reach', ...page, seq } : badCount('reach.seq', fields);
}

function pageOf(kind: string, fields: Fields): Omit<Roster, 'kind'> | Fault {
  const { req, with: group, after, limit } = fields;
  if (!isCount(req)) return badCount(`${kind}.req`, fields);
  if (!isGroupId(group)) return badText(`${kind}.with`, group, clientLimits.group_id_chars_max, fields);
  if (after !== '' && !isUserId(after)) return badText(`${kind}.after`, after, clientLimits.user_chars_max, fields);
  return isPageLimit(limit) ? { req, with: group, after, limit } : badLimit(kind, fields);
}

function isPageLimit(limit: unknown): limit is number {
  return isCount(limit) && limit >= 1 && limit <= clientLimits.page_messages_max;
}

function badLimit(kind: string, fields: Fields): Fault {
  return malformed(`${kind}.limit must be 1 to ${clientLimits.page_messages_max}`, fields);
}
