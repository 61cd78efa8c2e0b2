/** A user tells whoever runs the server of another one, who is not told. */
import type { Report, ReportDeed } from '../../proto/report-words.ts';
import type { RefusalCode } from '../../proto/words.ts';
import type { Turn } from '../../runtime/index.ts';
import { isGroup } from '../kinds.ts';
import { reportsAt } from '../reports.ts';
import { findMessage } from './amending.ts';
import { entryTextOf, eventOf } from './events.ts';
import { headOf, memberSince } from './groups.ts';
import type { UserMemory } from './memory.ts';
import { takeQuota } from './quotas.ts';
import { bodyOf, rowAt } from './timeline.ts';

/** Why not, and where it is only not today, in how many ms. */
export type Objection = { readonly code: RefusalCode; readonly afterMs?: number };

/** What is to be reported is counted here, as nothing stands in its way any more. */
export function objectionToReport(user: UserMemory, turn: Turn, deed: ReportDeed): Objection | undefined {
  if (deed.user === user.self) return { code: 'to_self' };
  if (deed.message !== undefined && messageOf(user, turn, deed) === undefined) return { code: 'unknown_message' };
  const afterMs = takeQuota(turn, 'report', user.limits.reports_max);
  return afterMs === 0 ? undefined : { code: 'too_many_reports', afterMs };
}

export function report(user: UserMemory, turn: Turn, deed: ReportDeed, at: number): void {
  const { user: other, reason, text } = deed;
  const message = deed.message && messageOf(user, turn, deed);
  const kept: Report = { by: user.self, user: other, reason, text, at, ...(message && { message }) };
  turn.tell(reportsAt(turn.partition), { kind: 'report', report: kept });
}

/** The message as this user has it, with its text of now. Undefined where it has no such one. */
function messageOf(user: UserMemory, turn: Turn, { user: other, message }: ReportDeed): Report['message'] {
  if (message === undefined) return undefined;
  const { with: conversation, seq } = message;
  if (isGroup(conversation)) {
    const since = memberSince(user, turn, conversation);
    if (since === 0 || seq < since || seq > headOf(user, turn, conversation)) return undefined;
    const event = eventOf(user, turn, ['entry', conversation, seq, 0, '']);
    if (event.kind !== 'message' || event.from !== other) return undefined;
    const { body } = entryTextOf(user, turn, conversation, seq, event.body);
    return { with: conversation, id: event.id, seq, at: event.at, body: cut(user, body) };
  }
  if (conversation !== other) return undefined;
  const row = rowAt(user, turn, findMessage(user, turn, other, { from: other, seq }));
  if (row?.[0] !== 'in') return undefined;
  return { with: other, id: row[1], seq, at: row[4], body: cut(user, bodyOf(user, turn, other, row)) };
}

/** Not within a character. */
function cut({ limits }: UserMemory, body: string): string {
  if (body.length <= limits.report_body_chars_max) return body;
  return body.slice(0, limits.report_body_chars_max).replace(/[\ud800-\udbff]$/, '');
}
