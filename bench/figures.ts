/** Figures for people; `--json` has more of them. */
import type { ActorFigures } from './actors.ts';
import type { Percentiles } from './latencies.ts';
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
  const { msg_per_s, seconds, profile, users, inflight, rate } = figures;
  const load = rate === null ? `${inflight} in flight a sender` : `${rate} a second offered`;
  const latency = (name: string, ms: Percentiles | null): Cell[] => [name, ms?.p50, ms?.p99, ms?.max];
  return `${[
    `${profile}, ${users} users, ${load}: ${msg_per_s.toLocaleString('en')} messages a second over ${seconds} s`,
    '',
    table(
      ['', 'p50 ms', 'p99 ms', 'max ms'],
      [latency('sent', figures.ms_sent), latency('delivered', figures.ms_delivered), latency('read', figures.ms_read)],
    ),
    '',
    table(
      ['µs a message', 'servers', 'of them nodes', 'and nats', 'generator'],
      [
        [
          '',
          figures.server_cpu_us_per_msg,
          figures.node_cpu_us_per_msg,
          figures.nats_cpu_us_per_msg,
          figures.gen_cpu_us_per_msg,
        ],
      ],
    ),
    '',
    `${figures.turns_per_record ?? 0} turns a record, ${figures.records_per_append ?? 0} records an append, nodes ${figures.rss_mb} MB`,
    `${figures.accepted.toLocaleString('en')} accepted in all: lost ${figures.lost}, duplicates ${figures.duplicates}, out of order ` +
      `${figures.out_of_order}, without read receipt ${figures.unread}, without answer ${figures.unanswered}`,
    ...(sumOf(figures.refused) > 0 ? [`refused: ${JSON.stringify(figures.refused)}`] : []),
    ...(figures.reconnects > 0 ? [`reconnects: ${figures.reconnects}`] : []),
    ...(figures.gen_cores > 0.9 ? ['The generator had its core full: it, not the servers, may be the limit.'] : []),
    ...warnings([figures]),
  ].join('\n')}\n`;
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
