/** Words of the server about groups, validated. */
import { type Fault, isCount, isMessageId } from './fault.ts';
import { bad, type Fields, isFields, isGroupId, isUserId } from './fields.ts';
import { fileFactsOf } from './file-words.ts';
import type {
  DeclineCode,
  DeclinedEvent,
  GroupChange,
  GroupEvent,
  Members,
  Memberships,
  OtherEvent,
  Reached,
  Role,
  UserId,
} from './words.ts';

function isRole(value: unknown): value is Role {
  return value === 'owner' || value === 'admin' || value === 'member';
}

export function memberships(fields: Fields): Memberships | Fault {
  const { req, list, next } = fields;
  if (!isCount(req) || !Array.isArray(list) || (next !== '' && !isGroupId(next))) return bad(fields);
  const checked: Memberships['list'][number][] = [];
  for (const one of list) {
    if (!isFields(one) || !isGroupId(one.group) || typeof one.title !== 'string') return bad(fields);
    checked.push({ group: one.group, title: one.title });
  }
  return { kind: 'groups', req, list: checked, next };
}

export function members(fields: Fields): Members | Fault {
  const { req, with: group, title, about, announce, shared, vanishMs = 0, count, list, next } = fields;
  if (!isCount(req) || !isGroupId(group) || typeof title !== 'string' || typeof about !== 'string') return bad(fields);
  if (typeof announce !== 'boolean' || typeof shared !== 'boolean' || !isCount(count) || !isCount(vanishMs))
    return bad(fields);
  if (!Array.isArray(list) || !isPlace(next)) return bad(fields);
  const checked: Members['list'][number][] = [];
  for (const one of list) {
    if (!isFields(one) || !isUserId(one.user) || !isRole(one.role) || !isCount(one.since)) return bad(fields);
    checked.push({ user: one.user, role: one.role, since: one.since });
  }
  const picture = fileFactsOf(fields.picture);
  const described = { title, about, announce, shared, vanishMs, ...(picture && { picture }) };
  return { kind: 'members', req, with: group, ...described, count, list: checked, next };
}

export function reached(fields: Fields): Reached | Fault {
  const { req, with: group, seq, count, delivered, read, list, next } = fields;
  if (!isCount(req) || !isGroupId(group) || !isCount(seq) || !isCount(count)) return bad(fields);
  if (!isCount(delivered) || !isCount(read) || !Array.isArray(list) || !isPlace(next)) return bad(fields);
  const checked: Reached['list'][number][] = [];
  for (const one of list) {
    if (!isFields(one) || !isUserId(one.user) || !isCount(one.delivered) || !isCount(one.read)) return bad(fields);
    checked.push({ user: one.user, delivered: one.delivered, read: one.read });
  }
  return { kind: 'reached', req, with: group, seq, count, delivered, read, list: checked, next };
}

function isPlace(value: unknown): value is UserId | '' {
  return value === '' || isUserId(value);
}

// ---------------------------------------------------------------- events

export function groupEvent(fields: Fields): GroupEvent | OtherEvent | Fault {
  const { id, with: group, seq, by, at, change } = fields;
  if (!isMessageId(id) || !isGroupId(group) || !isCount(seq) || !isUserId(by) || !isCount(at)) return bad(fields);
  if (!isFields(change)) return bad(fields);
  const known = changeOf(change);
  if (known === 'other') return { kind: 'other', was: 'group' };
  return known === undefined ? bad(fields) : { kind: 'group', id, with: group, seq, by, at, change: known };
}

/** `other`: of a later protocol. */
function changeOf({
  what,
  title,
  about,
  users,
  user,
  role,
  announce,
  shared,
  afterMs,
  file,
}: Fields): GroupChange | 'other' | undefined {
  switch (what) {
    case 'created':
      return typeof title === 'string' && typeof about === 'string' ? { what, title, about } : undefined;
    case 'titled':
      return typeof title === 'string' ? { what, title } : undefined;
    case 'described':
      return typeof about === 'string' ? { what, about } : undefined;
    case 'pictured': {
      const facts = fileFactsOf(file);
      return file === undefined || facts !== undefined ? { what, ...(facts && { file: facts }) } : undefined;
    }
    case 'added':
      return isUsers(users) && typeof title === 'string' ? { what, users, title } : undefined;
    case 'removed':
      return isUsers(users) ? { what, users } : undefined;
    case 'role':
      return isUserId(user) && isRole(role) ? { what, user, role } : undefined;
    case 'mode':
      return typeof announce === 'boolean' && typeof shared === 'boolean' ? { what, announce, shared } : undefined;
    case 'vanishing':
      return isCount(afterMs) ? { what, afterMs } : undefined;
    default:
      return 'other';
  }
}

function isUsers(value: unknown): value is readonly UserId[] {
  return Array.isArray(value) && value.every(isUserId);
}

const declineCodes: readonly DeclineCode[] = ['unknown_user', 'deactivated', 'too_many_groups'];

export function declined(fields: Fields): DeclinedEvent | Fault {
  const { with: group, user, code, at } = fields;
  if (!isGroupId(group) || !isUserId(user) || !isCount(at)) return bad(fields);
  // A reason of a later protocol: not added all the same.
  const known = declineCodes.find((one) => one === code) ?? 'not_allowed';
  return { kind: 'declined', with: group, user, code: known, at };
}
