/** All that an account holds, for its user to take away: page by page, as lines of JSON. Nothing is gathered here; each page is read when it is asked for. */
import type { Subscription } from '../../proto/builder-mail.ts';
import type { AccountRefusal, DeviceState, ExportPage, UserProtocol } from '../../proto/mail.ts';
import type { MailOf, Turn } from '../../runtime/index.ts';
import { isGroup } from '../kinds.ts';
import { numberKey, numberOf } from '../numbers.ts';
import { listDevices } from './accounts.ts';
import { eventOf } from './events.ts';
import { starredAt } from './marks.ts';
import type { UserMemory } from './memory.ts';
import { profileOf } from './profile.ts';
import {
  type ConversationRow,
  conversationOf,
  type HookRow,
  type MembershipRow,
  type StarRow,
  type TimelineRow,
  type TimerRow,
} from './rows.ts';
import { privacyOf } from './self.ts';
import { stateOf } from './timeline.ts';

type Mail<K extends keyof UserProtocol> = Extract<MailOf<UserProtocol>, { kind: K }>;

/** One line, before it is text. */
interface Line {
  readonly part: string;
  readonly [field: string]: unknown;
}

interface Part {
  readonly table: string;
  /** Undefined: a row that says nothing that another one does not. */
  readonly line: (user: UserMemory, turn: Turn, key: string, row: never) => Line | undefined;
}

/** In this order. */
const parts: readonly Part[] = [
  { table: 'contact', line: (_, __, user, name: string) => ({ part: 'contact', user, name }) },
  { table: 'blocked', line: (_, __, user, since: number) => ({ part: 'blocked', user, since }) },
  { table: 'group', line: (_, __, group, { title, since }: MembershipRow) => ({ part: 'group', group, title, since }) },
  { table: 'conv', line: (_, __, other, row: ConversationRow) => conversationLine(other, row) },
  { table: 'timer', line: (_, __, other, { timer, by }: TimerRow) => ({ part: 'vanishing', with: other, by, timer }) },
  { table: 'star', line: (_, __, key, row: StarRow) => ({ part: 'star', ...placeIn(key), since: starredAt(row) }) },
  { table: 'pin', line: (_, __, other, since: number) => ({ part: 'pin', with: other, since }) },
  { table: 'bot', line: (_, __, user, since: number) => ({ part: 'bot', user, since }) },
  { table: 'hook', line: (_, __, ___, { url, kinds }: HookRow) => ({ part: 'webhook', url, ...(kinds && { kinds }) }) },
  {
    table: 'push',
    line: (_, __, device, { endpoint, content }: Subscription) => ({ part: 'push', device, endpoint, content }),
  },
  { table: 'tl', line: timelineLine },
];

/**
 * `cursor` is '' at first, then `next` of the page before; 'over' gives the export up. Only one export of an account at a time: whoever has another ticket is refused while the last page is
 * not `export_lease_ms` old.
 */
export function exportPage(
  user: UserMemory,
  { ticket, cursor }: Mail<'export'>,
  turn: Turn,
): ExportPage | { readonly ok: false; readonly code: AccountRefusal } {
  if (user.account?.state !== 'active') {
    return { ok: false, code: user.account === undefined ? 'no_account' : 'deactivated' };
  }
  const { people, limits } = user;
  const sinceMs = turn.now - (people.exporting?.at ?? 0);
  const isLive = people.exporting !== undefined && sinceMs >= 0 && sinceMs < limits.export_lease_ms;
  if (isLive && people.exporting?.ticket !== ticket) return { ok: false, code: 'exporting' };
  people.exporting = { ticket, at: turn.now };
  const page = cursor === '' ? firstPage(user, turn) : nextPage(user, turn, cursor);
  if (page.next === '') people.exporting = undefined;
  return page;
}

/** What there is one of, and the devices. */
function firstPage(user: UserMemory, turn: Turn): ExportPage {
  const { self, account, head } = user;
  const devices = listDevices(user, { kind: 'devices', session: '' }, turn);
  const lines: Line[] = [
    { part: 'account', user: self, created: account?.created ?? 0, at: turn.now, events: head },
    { part: 'profile', ...profileOf(user, turn) },
    { part: 'privacy', ...privacyOf(user, turn) },
    ...(devices.ok ? devices.devices : []).map(({ current: _, ...device }: DeviceState) => ({
      part: 'device',
      ...device,
    })),
  ];
  // What happens from now on is not part of it: else it might never end.
  return { ok: true, lines: lines.map((line) => JSON.stringify(line)), next: `0 ${head} ` };
}

function nextPage(user: UserMemory, turn: Turn, cursor: string): ExportPage {
  const [at = '', head = '', after = ''] = cursor.split(' ');
  const number = Number(at);
  const part = parts[number];
  if (part === undefined) return { ok: true, lines: [JSON.stringify({ part: 'end' })], next: '' };
  const { export_rows_max, frame_body_chars_max } = user.limits;
  const to = part.table === 'tl' ? { to: numberKey(Number(head) + 1) } : {};
  const rows = turn.range<never>(part.table, { from: after, ...to, limit: export_rows_max + 1 });
  const lines: string[] = [];
  let chars = 0;
  let last = after;
  for (const [key, row] of rows) {
    if (key === after) continue;
    const line = part.line(user, turn, key, row);
    const text = line === undefined ? '' : JSON.stringify(line);
    if (chars + text.length > frame_body_chars_max && chars > 0)
      return { ok: true, lines, next: `${at} ${head} ${last}` };
    if (text !== '') lines.push(text);
    chars += text.length;
    last = key;
  }
  const isMore = rows.length > export_rows_max;
  return { ok: true, lines, next: isMore ? `${at} ${head} ${last}` : `${number + 1} ${head} ` };
}

function conversationLine(other: string, row: ConversationRow): Line {
  const { outSeq, outDelivered, outRead, inSeq, inDelivered, inRead } = conversationOf(row);
  const sent = { sent: outSeq, sentDelivered: outDelivered, sentRead: outRead };
  return { part: 'conversation', with: other, ...sent, received: inSeq, delivered: inDelivered, read: inRead };
}

/** `conversation/author/seq` */
function placeIn(key: string): { readonly with: string; readonly from: string; readonly seq: number } {
  const [other = '', from = '', seq = ''] = key.split('/');
  return { with: other, from, seq: numberOf(seq) };
}

/** Messages with what has become of them; of other events those that tell something which stands nowhere else. */
function timelineLine(user: UserMemory, turn: Turn, key: string, row: TimelineRow): Line | undefined {
  const n = numberOf(key);
  if (row[0] === 'in' || row[0] === 'out') return { part: 'message', ...stateOf(user, turn, row[2], n, row) };
  if (row[0] !== 'entry') return undefined;
  const event = eventOf(user, turn, row);
  if (event.kind === 'message') return { part: 'message', ...stateOf(user, turn, row[1], n, row) };
  const isTold = (event.kind === 'group' || event.kind === 'amended') && isGroup(event.with);
  return isTold ? { part: 'event', n, ...event } : undefined;
}
