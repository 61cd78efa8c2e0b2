/**
 * What users have reported, for an operator to read: one actor in each partition, beside the users who report, so that a report is in the record of its deed.
 * Of more than it keeps the oldest are dropped, and counted.
 *
 * | table | key | row |
 * |---|---|---|
 * | report | number | Report |
 * | dropped | '' | how many were |
 */
import type { Report, ReportsPage, ReportsProtocol } from '../proto/report-words.ts';
import { type AnyBehaviour, behaviour, type MailOf, type Ref, type Turn } from '../runtime/index.ts';
import { Reports } from './kinds.ts';
import type { MessengerLimits } from './limits.ts';
import { numberKey, numberOf } from './numbers.ts';

type Mail<K extends keyof ReportsProtocol> = Extract<MailOf<ReportsProtocol>, { kind: K }>;

interface ReportsMemory {
  readonly limits: MessengerLimits;
  /** Numbers of the oldest and the newest; they are dense. */
  first: number;
  last: number;
}

/** Those of the users of one partition. */
export function reportsAt(partition: number): Ref<ReportsProtocol> {
  return Reports.ref(`@${partition}/all`);
}

export function reportsBehaviour(limits: MessengerLimits): AnyBehaviour {
  return behaviour<ReportsProtocol, ReportsMemory>(Reports, {
    wake: (turn) => wake(turn, limits),
    turns: { report: keep, list },
  });
}

function wake(turn: Turn, limits: MessengerLimits): ReportsMemory {
  const dropped = turn.get<number>('dropped') ?? 0;
  const newest = turn.range<Report>('report', { reverse: true, limit: 1 })[0];
  return { limits, first: dropped + 1, last: newest === undefined ? dropped : numberOf(newest[0]) };
}

function keep(memory: ReportsMemory, { report }: Mail<'report'>, turn: Turn): void {
  turn.put('report', numberKey(++memory.last), report);
  if (memory.last - memory.first < memory.limits.reports_kept_max) return;
  turn.delete('report', numberKey(memory.first));
  turn.put('dropped', memory.first++);
}

function list({ limits, first, last }: ReportsMemory, { before, limit }: Mail<'list'>, turn: Turn): void {
  const top = before === 0 ? last + 1 : before;
  const most = Math.min(limit, limits.reports_page_max);
  const rows = turn.range<Report>('report', { to: numberKey(top), limit: most, reverse: true });
  const found = rows.map(([key, report]) => ({ ...report, n: numberOf(key) }));
  const lowest = found.at(-1)?.n ?? first;
  const next = lowest > first ? lowest : 0;
  turn.reply({ list: found, next, kept: last - first + 1, dropped: first - 1 } satisfies ReportsPage);
}
