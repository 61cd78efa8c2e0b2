/** What a person sees: a line a round, and a table at the end. */
import { columns } from './checks.ts';
import type { Times } from './run.ts';
import { type Span, spanOf } from './unavailable.ts';
import type { Round } from './verdict.ts';

/** One round in a line. */
export function lineOf(round: Round): string {
  const faults = round.faults.map(({ what, target }) => `${what} ${target}`).join('; ');
  const bad = columns.filter((column) => round[column] > 0).map((column) => `${column} ${round[column]}`);
  if (!round.recovered) bad.push('not recovered');
  if (round.vacuous !== '') bad.push(`vacuous: ${round.vacuous}`);
  const verdict = round.ok ? 'ok  ' : `BAD (${bad.join(', ')})`;
  const sums = `${round.acked} of ${round.sent} accepted, ${round.group_delivered} of ${round.group_sent} with their groups`;
  return `${round.scenario} ${round.round} (seed ${round.seed}) ${verdict} ${sums}, unavailable ${spanText(round.unavailable_ms)} ms  [${faults}]`;
}

function spanText(span: Span | null): string {
  return span === null ? '-' : `${span.p50} / ${span.p99} / ${span.max}`;
}

export interface Summary {
  readonly kind: 'summary';
  readonly scenario: string;
  readonly rounds: number;
  readonly bad_rounds: number;
  readonly sent: number;
  readonly acked: number;
  readonly lost_acked: number;
  readonly duplicates: number;
  readonly order_violations: number;
  readonly receipt_regressions: number;
  readonly unavailable_ms: Span | null;
  readonly longest_wait_ms: number;
  readonly move_pause_ms: Span | null;
  readonly recovered: boolean;
  readonly not_run: string;
}

/** Over all rounds of a scenario. `times` are the single times of all rounds, for exact percentiles. */
export function summaryOf(scenario: string, rounds: readonly Round[], times: Times, notRun = ''): Summary {
  const sum = (field: 'sent' | 'acked' | (typeof columns)[number]): number =>
    rounds.reduce((total, round) => total + round[field], 0);
  return {
    kind: 'summary',
    scenario,
    rounds: rounds.length,
    bad_rounds: rounds.filter(({ ok }) => !ok).length,
    sent: sum('sent'),
    acked: sum('acked'),
    lost_acked: sum('lost_acked'),
    duplicates: sum('duplicates'),
    order_violations: sum('order_violations'),
    receipt_regressions: sum('receipt_regressions'),
    unavailable_ms: spanOf(times.unavailable),
    longest_wait_ms: Math.max(0, ...rounds.map(({ longest_wait_ms: wait }) => wait?.max ?? 0)),
    move_pause_ms: spanOf(times.pauses),
    recovered: rounds.every(({ recovered }) => recovered),
    not_run: notRun,
  };
}

const heads = [
  'scenario',
  'rounds',
  'bad',
  'sent',
  'acked',
  'lost',
  'twice',
  'order',
  'receipts',
  'unavailable p50 / p99 / max ms',
];

/** All scenarios of a run, in columns. */
export function tableOf(summaries: readonly Summary[]): string {
  const rows = summaries.map((summary) =>
    summary.not_run !== ''
      ? [summary.scenario, `not run: ${summary.not_run}`]
      : [
          summary.scenario,
          summary.rounds,
          summary.bad_rounds,
          summary.sent,
          summary.acked,
          summary.lost_acked,
          summary.duplicates,
          summary.order_violations,
          summary.receipt_regressions,
          spanText(summary.unavailable_ms),
        ].map(String),
  );
  const full = [heads, ...rows].filter((row) => row.length === heads.length);
  const widths = heads.map((_, column) => Math.max(...full.map((row) => row[column]!.length)));
  const lines = [heads, ...rows].map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return `\n${lines.join('\n')}\n`;
}
