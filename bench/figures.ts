/** Figures for people; `--json` has more of them. */
import type { ActorFigures } from './actors.ts';
import type { GroupFigures } from './group.ts';
import type { IdleFigures } from './idle.ts';
import type { Percentiles } from './latencies.ts';
import type { OfflineFigures } from './offline.ts';
import type { One2oneFigures } from './one2one.ts';

type Cell = string | number | null | undefined;

export function actorTable(all: readonly ActorFigures[]): string {
  const heads =
    'workload, calls/s, p50 ms, p99 ms, server µs, node µs, nats µs, gen µs, turns/record, rss MB, errors, lost, doubled';
  const rows = all.map((one) => [
    one.workload,
    one.calls_per_s,
    one.ms?.p50,
    one.ms?.p99,
    one.server_cpu_us_per_call,
    one.node_cpu_us_per_call,
    one.nats_cpu_us_per_call,
    one.gen_cpu_us_per_call,
    one.turns_per_record,
    one.rss_mb,
    sumOf(one.errors) + one.unknown,
    one.lost,
    one.doubled,
  ]);
  const memory = all.flatMap(({ heap_bytes_per_actor: heap, anon_bytes_per_actor: anon, actors }) =>
    heap === undefined
      ? []
      : [
          `A live actor, of ${actors.toLocaleString('en')}: ${heap} bytes of heap, ${anon} of the processes' own memory.`,
        ],
  );
  const inside =
    all[0]?.profile === 'embedded' ? ["The caller is in the node's process: what it spends is in node µs."] : [];
  return `${[table(heads.split(', '), rows), ...memory, ...inside, ...warnings(all)].join('\n')}\n`;
}

export function one2oneTable(figures: One2oneFigures): string {
  const { msg_per_s, seconds, profile, users } = figures;
  const { server_cpu_us_per_msg, node_cpu_us_per_msg, nats_cpu_us_per_msg, gen_cpu_us_per_msg } = figures;
  return `${[
    `${profile}, ${users} users, ${loadOf(figures)}: ${msg_per_s.toLocaleString('en')} messages a second over ${seconds} s`,
    '',
    latencies({ sent: figures.ms_sent, delivered: figures.ms_delivered, read: figures.ms_read }),
    '',
    costs('µs a message', [server_cpu_us_per_msg, node_cpu_us_per_msg, nats_cpu_us_per_msg, gen_cpu_us_per_msg]),
    '',
    groupings(figures),
    `${fates(figures)}, without read receipt ${figures.unread}, without answer ${figures.unanswered}`,
    ...mishaps(figures),
    ...fullGenerator(figures.gen_cores),
    ...warnings([figures]),
  ].join('\n')}\n`;
}

export function groupTable(figures: GroupFigures): string {
  const { msg_per_s, deliveries_per_s, seconds, profile, members, senders, generators } = figures;
  const { server_cpu_us_per_delivery: server, node_cpu_us_per_delivery: node } = figures;
  const { nats_cpu_us_per_delivery: nats, gen_cpu_us_per_delivery: generator } = figures;
  const offered = `a group of ${members}, ${senders} of them senders, ${loadOf(figures)}`;
  const done = `${msg_per_s.toLocaleString('en')} messages, ${deliveries_per_s.toLocaleString('en')} deliveries a second`;
  return `${[
    `${profile}, ${offered}: ${done} over ${seconds} s`,
    '',
    latencies({
      sent: figures.ms_sent,
      'at the first member': figures.ms_first_member,
      'at the last member': figures.ms_last_member,
      'receipt: delivered to all': figures.ms_delivered_all,
    }),
    '',
    costs('µs a delivery', [server, node, nats, generator]),
    '',
    groupings(figures),
    `${fates(figures)}, without receipt ${figures.undelivered}, without answer ${figures.unanswered}`,
    ...mishaps(figures),
    ...fullGenerator(figures.gen_cores / generators),
    ...warnings([figures]),
  ].join('\n')}\n`;
}

/** Figures of which each has a name and a number. */
export function plainTable(figures: IdleFigures | OfflineFigures): string {
  const rows = Object.entries(figures).map(([name, figure]) => [name, figure]);
  return `${[table(['figure', ''], rows), ...warnings([figures])].join('\n')}\n`;
}

function loadOf({ inflight, rate }: One2oneFigures | GroupFigures): string {
  return rate === null ? `${inflight} in flight a sender` : `${rate} a second offered`;
}

function latencies(all: { readonly [name: string]: Percentiles | null }): string {
  const rows = Object.entries(all).map(([name, ms]) => [name, ms?.p50, ms?.p90, ms?.p99, ms?.max]);
  return table(['', 'p50 ms', 'p90 ms', 'p99 ms', 'max ms'], rows);
}

function costs(unit: string, cells: readonly Cell[]): string {
  return table([unit, 'servers', 'of them nodes', 'and nats', 'generator'], [['', ...cells]]);
}

function groupings({ turns_per_record, records_per_append, rss_mb }: One2oneFigures | GroupFigures): string {
  return `${turns_per_record ?? 0} turns a record, ${records_per_append ?? 0} records an append, nodes ${rss_mb} MB`;
}

function fates({ accepted, lost, duplicates, out_of_order }: One2oneFigures | GroupFigures): string {
  return (
    `${accepted.toLocaleString('en')} accepted in all: lost ${lost}, duplicates ${duplicates}, out of order ` +
    `${out_of_order}`
  );
}

function mishaps({ refused, troubles, reconnects }: One2oneFigures | GroupFigures): string[] {
  return [
    ...(sumOf(refused) > 0 ? [`refused: ${JSON.stringify(refused)}`] : []),
    ...(sumOf(troubles) > 0 ? [`troubles: ${JSON.stringify(troubles)}`] : []),
    ...(reconnects > 0 ? [`reconnects: ${reconnects}`] : []),
  ];
}

/** `cores`: of one process. */
function fullGenerator(cores: number): string[] {
  return cores > 0.9 ? ['The generator had its core full: it, not the servers, may be the limit.'] : [];
}

/** Above this the machine was not ours. */
const foreign_cores_max = 0.2;

function warnings(all: readonly { readonly other_cores: number; readonly steal_cores: number }[]): string[] {
  const most = Math.max(...all.map(({ other_cores, steal_cores }) => other_cores + steal_cores));
  if (!(most > foreign_cores_max)) return [];
  return [`Others used up to ${most.toFixed(1)} cores of this machine meanwhile: measure again when it is quiet.`];
}

function sumOf(counts: { readonly [why: string]: number }): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

/** Columns as wide as they need to be; the first to the left. */
export function table(heads: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const texts = rows.map((row) => row.map(textOf));
  const widths = heads.map((head, i) => Math.max(head.length, ...texts.map((row) => row[i]?.length ?? 0)));
  const lineOf = (cells: readonly string[]): string =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  ');
  return [lineOf(heads), ...texts.map(lineOf)].map((line) => line.trimEnd()).join('\n');
}

function textOf(cell: Cell): string {
  if (cell === null || cell === undefined) return '·';
  return typeof cell === 'number' ? cell.toLocaleString('en') : cell;
}
