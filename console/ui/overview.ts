/** The whole at a glance: nodes, the strip of partitions, plots, what happens. */
import type { ClusterWords, NodeWords } from '../words.ts';
import { alarmsOf, isOrphan } from './alarms.ts';
import { isUp, type Sample, turnsPerRecord } from './history.ts';
import { type LoggedEvent, ownersNames, type State } from './model.ts';
import { clock, short, sparkline } from './numbers.ts';
import { copyMark } from './places.ts';
import { type Line, left, line, right, type Span, type Style, span } from './spans.ts';

export interface Size {
  readonly columns: number;
  /** Of the body alone. */
  readonly rows: number;
}

export interface Look extends Size {
  /** The terminal shows more than ASCII. */
  readonly isUtf8: boolean;
}

const marks = '123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** One character for each node, the same on all screens. */
function markOf(cluster: ClusterWords, name: string): string {
  return marks[ownersNames(cluster).indexOf(name)] ?? '+';
}

/** What is bad keeps its place among the newest for so long: a failover is followed by much that is harmless. */
const bad_kept_ms = 60_000;

/** At most `room` of them, oldest first. */
export function mostTelling(events: readonly LoggedEvent[], room: number): LoggedEvent[] {
  const sinceMs = (events.at(-1)?.at ?? 0) - bad_kept_ms;
  const weightOf = ({ at, isBad, kind }: LoggedEvent): number => {
    if (!isBad || at < sinceMs) return 0;
    if (kind === 'NODE_LOST') return 3;
    return kind === 'PARTITION_MOVED' ? 2 : 1;
  };
  const byWeight = events.map((event, order) => ({ event, order, weight: weightOf(event) }));
  byWeight.sort((a, b) => b.weight - a.weight || b.order - a.order);
  const shown = byWeight.slice(0, room).sort((a, b) => a.order - b.order);
  return shown.map(({ event }) => event);
}

/** As many rows as there are; parts that have no room are left out from below, the newest events take what is left. */
export function overview(state: State, at: number, look: Look): Line[] {
  const { cluster } = state;
  if (cluster === undefined) return [];
  const nodes = nodeLines(state, cluster, at, Math.max(3, Math.floor(look.rows / 3)));
  const strip = stripLines(cluster, look, Math.max(2, Math.floor(look.rows / 4)));
  const plots = plotLines(state, look);
  const lines = [...nodes, [], ...strip, [], ...plots];
  const room = look.rows - lines.length - 1;
  if (room < 2) return lines.slice(0, look.rows);
  return [...lines, [], ...eventLines(mostTelling(state.events, room).reverse())];
}

// ---------------------------------------------------------------- nodes

const columns: readonly (readonly [string, number, (node: NodeWords, last: Sample | undefined) => string])[] = [
  ['OWNS', 5, ({ owns }) => String(owns)],
  ['COPY', 5, ({ copies }) => String(copies)],
  ['TURN/S', 7, (_, last) => short(last?.turns ?? NaN)],
  ['REC/S', 6, (_, last) => short(last?.records ?? NaN)],
  ['T/REC', 6, (_, last) => (last === undefined ? '-' : short(turnsPerRecord(last)))],
  ['MBOX', 6, ({ waitingMails }) => short(waitingMails)],
  ['OUT', 6, ({ outboxMails }) => short(outboxMails)],
  ['CPU%', 5, (_, last) => (last === undefined ? '-' : short(Math.round(last.cores * 100)))],
  ['MEM', 6, ({ figures }) => short(figures.rss_bytes ?? NaN)],
  ['CONN', 6, ({ figures }) => short(figures.connections ?? NaN)],
];

function nodeLines({ history }: State, cluster: ClusterWords, at: number, most: number): Line[] {
  const { nodes } = cluster;
  const head = `    ${left('NODE', 8)} ${left('STATE', 9)}${columns.map(([name, width]) => right(name, width)).join('')}`;
  const from = Math.max(0, Math.min(at - most + 1, nodes.length - most));
  const lines = nodes.slice(from, from + most).map((node, i): Line => {
    const last = history.nodes[node.name]?.at(-1);
    const cells = columns.map(([, width, of]) => right(isUp(node) ? of(node, last) : '-', width)).join('');
    const isChosen = from + i === at;
    return [
      span(isChosen ? '> ' : '  ', { bold: true }),
      span(`${markOf(cluster, node.name)} ${left(node.name, 8)} `, { bold: isChosen }),
      span(left(stateOf(node), 9), styleOf(node)),
      span(cells),
    ];
  });
  const hidden = nodes.length - lines.length;
  return [line(head, { dim: true }), ...lines, ...(hidden > 0 ? [line(`  and ${hidden} more`, { dim: true })] : [])];
}

export function stateOf({ state, fitness, owns }: NodeWords): string {
  if (isUp({ state } as NodeWords) && fitness !== 'fit' && fitness !== '') return 'UNFIT';
  return state === 'DRAINING' && owns === 0 ? 'DRAINED' : state;
}

function styleOf(node: NodeWords): Style {
  const state = stateOf(node);
  if (state === 'ALIVE') return { color: 'green' };
  return state.startsWith('DRAIN') ? { color: 'yellow' } : { color: 'red', bold: true };
}

// ---------------------------------------------------------------- partitions

/** Two characters a partition: its owner's mark, and how its copies are. */
function stripLines(cluster: ClusterWords, { columns: width }: Size, most: number): Line[] {
  const { partitions } = cluster;
  // Beside the number of its first one, a row has groups of eight: 17 columns each.
  const each = Math.max(8, 8 * Math.floor((width - 6) / 17));
  const all: Line[] = [];
  for (let first = 0; first < partitions.length; first += each) {
    const cells = partitions.slice(first, first + each).flatMap((partition, i): Span[] => {
      const gap = i > 0 && i % 8 === 0 ? ' ' : '';
      const copy = copyMark(partition);
      if (isOrphan(partition)) return [span(`${gap}??`, { color: 'red', bold: true })];
      const owner = cluster.nodes.find(({ name }) => name === partition.owner);
      const isGone = owner === undefined || !isUp(owner);
      const mark = isGone ? 'x' : markOf(cluster, partition.owner);
      const style: Style =
        isGone || copy === '!' ? { color: 'red', bold: true } : copy === ' ' ? {} : { color: 'yellow' };
      return [span(`${gap}${mark}${copy}`, style)];
    });
    all.push([span(right(String(first), 5), { dim: true }), span(' '), ...cells]);
  }
  const lines = all.length > most ? [...all.slice(0, most - 1), line(`  and more: p lists all`, { dim: true })] : all;
  const legend = 'PARTITIONS by owner   - no copy  ~ it lags  ! it differs  ?? no owner  x dead';
  return [line(legend, { dim: true }), ...lines];
}

// ---------------------------------------------------------------- plots

function plotLines({ history, answerTimes }: State, look: Look): Line[] {
  const of = (pick: (sample: Sample) => number): number[] => history.whole.map(pick);
  const plots: readonly (readonly [string, readonly number[]])[] = [
    ['turns/s', of(({ turns }) => turns)],
    ['records/s', of(({ records }) => records)],
    ['waiting', of(({ waiting }) => waiting)],
    ['cpu %', of(({ cores }) => cores * 100)],
    ['answer ms', answerTimes],
  ];
  return plots.map(([name, values]) => plotLine(name, values, look));
}

/** Name, newest value, the values before it, and how high the plot is. */
export function plotLine(name: string, values: readonly number[], { columns: width, isUtf8 }: Look): Line {
  const room = width - 27;
  const top = values.slice(-room).reduce((most, value) => (value > most ? value : most), 0);
  return [
    span(`  ${left(name, 10)}${right(short(values.at(-1) ?? NaN), 6)} `),
    span(sparkline(values, room, isUtf8), { color: 'cyan' }),
    span(` <${short(top)}`, { dim: true }),
  ];
}

export function eventLines(events: readonly LoggedEvent[]): Line[] {
  return events.map(({ at, words, isBad }) => [
    span(`  ${clock(at)} `, { dim: true }),
    span(isBad ? '! ' : '  ', { color: 'red', bold: true }),
    span(words),
  ]);
}

export function alarmLines({ cluster, letters, audit }: State): Line[] {
  if (cluster === undefined) return [];
  return alarmsOf(cluster, letters, audit).map(({ level, words }) =>
    level === 'bad'
      ? [span('! ', { color: 'red', bold: true }), span(words, { color: 'red' })]
      : [span('i ', { color: 'yellow' }), span(words, { color: 'yellow' })],
  );
}
