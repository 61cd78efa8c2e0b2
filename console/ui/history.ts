/** What happens a second, from sums in two answers, and how that was over the last minutes. */
import type { ClusterWords, NodeWords } from '../words.ts';

/** Answers that are kept for plots: ten minutes of one a second. */
const samples_max = 600;

export interface Rates {
  readonly turns: number;
  readonly records: number;
  readonly recordTurns: number;
  readonly bytes: number;
  /** Processors in use: 1 is one core. */
  readonly cores: number;
}

export interface Sample extends Rates {
  /** Mails in mailboxes, and those that other partitions have not taken. */
  readonly waiting: number;
  readonly connections: number;
}

export interface History {
  readonly whole: readonly Sample[];
  readonly nodes: { readonly [name: string]: readonly Sample[] };
}

export const noHistory: History = { whole: [], nodes: {} };

const hole: Sample = {
  turns: NaN,
  records: NaN,
  recordTurns: NaN,
  bytes: NaN,
  cores: NaN,
  waiting: NaN,
  connections: NaN,
};

export function isUp({ state }: NodeWords): boolean {
  return state === 'ALIVE' || state === 'DRAINING';
}

/**
 * Of one node between two answers `ms` apart. Undefined where that can't be told: the node was not there, does not answer, or was started anew in
 * between.
 */
function ratesOf(before: NodeWords | undefined, after: NodeWords, ms: number): Rates | undefined {
  if (before === undefined || !(ms > 0) || !isUp(before) || !isUp(after)) return undefined;
  if (before.incarnation !== after.incarnation) return undefined;
  const each = (from: number, to: number): number => (Math.max(0, to - from) * 1_000) / ms;
  return {
    turns: each(before.turns, after.turns),
    records: each(before.records, after.records),
    recordTurns: each(before.recordTurns, after.recordTurns),
    bytes: each(before.recordBytes, after.recordBytes),
    cores: each(before.figures.cpu_ms ?? NaN, after.figures.cpu_ms ?? NaN) / 1_000,
  };
}

/** The history with one more answer. A node that can't be told of leaves a hole; so does an answer by another node, whose clock is another one. */
export function recorded(history: History, before: ClusterWords | undefined, after: ClusterWords): History {
  const isOneClock = before !== undefined && before.answeredBy === after.answeredBy;
  const ms = isOneClock ? after.at - before.at : 0;
  const nodes: { [name: string]: readonly Sample[] } = {};
  const samples: Sample[] = [];
  for (const node of after.nodes) {
    const rates = ratesOf(
      before?.nodes.find(({ name }) => name === node.name),
      node,
      ms,
    );
    const sample = rates === undefined ? hole : { ...rates, ...depthsOf(node) };
    if (rates !== undefined) samples.push(sample);
    nodes[node.name] = added(history.nodes[node.name] ?? [], sample);
  }
  return { whole: added(history.whole, samples.length === 0 ? hole : sumOf(samples)), nodes };
}

function depthsOf({ waitingMails, outboxMails, figures }: NodeWords): { waiting: number; connections: number } {
  return { waiting: waitingMails + outboxMails, connections: figures.connections ?? NaN };
}

function added<T>(list: readonly T[], one: T): readonly T[] {
  return [...list.slice(1 - samples_max), one];
}

function sumOf(samples: readonly Sample[]): Sample {
  const sum = (of: (sample: Sample) => number): number => samples.reduce((total, sample) => total + of(sample), 0);
  return {
    turns: sum(({ turns }) => turns),
    records: sum(({ records }) => records),
    recordTurns: sum(({ recordTurns }) => recordTurns),
    bytes: sum(({ bytes }) => bytes),
    cores: sum(({ cores }) => cores),
    waiting: sum(({ waiting }) => waiting),
    connections: sum(({ connections }) => connections),
  };
}

export function turnsPerRecord({ recordTurns, records }: Rates): number {
  return records === 0 ? 0 : recordTurns / records;
}
