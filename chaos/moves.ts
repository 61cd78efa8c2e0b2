/** Partitions that were moved on purpose, as the nodes' own logs tell. */

/** What `runtime/holdings.ts` says. */
const handed_over = 'handing partitions over';
const served = 'serving a partition';

interface Line {
  readonly time: string;
  readonly msg: string;
  readonly partitions?: readonly number[];
  readonly partition?: number;
}

/**
 * For each move since `sinceMs` (ms since the Unix epoch): the time from its owner's taking no more mail to somebody's taking it again, ms. The nodes
 * share one machine's clock. A partition that nobody has taken yet is left out.
 */
export function movePauses(logs: readonly string[], sinceMs: number): number[] {
  const lines = logs.flatMap(linesOf).filter(({ time }) => Date.parse(time) >= sinceMs);
  const left = new Map<number, number>();
  const pauses: number[] = [];
  for (const { time, msg, partitions = [], partition } of lines.sort((a, b) => (a.time < b.time ? -1 : 1))) {
    const at = Date.parse(time);
    if (msg === handed_over) for (const id of partitions) left.set(id, at);
    const leftAt = msg === served && partition !== undefined ? left.get(partition) : undefined;
    if (partition === undefined || leftAt === undefined) continue;
    pauses.push(at - leftAt);
    left.delete(partition);
  }
  return pauses;
}

function linesOf(log: string): Line[] {
  return log.split('\n').flatMap((line) => {
    if (!line.includes(handed_over) && !line.includes(served)) return [];
    try {
      return [JSON.parse(line) as Line];
    } catch {
      // Its process was killed while it wrote.
      return [];
    }
  });
}
