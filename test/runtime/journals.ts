/** Journals that are not what their node takes them for. */
import type { FollowedEntry, PartitionId, Ports } from '../../runtime/ports.ts';

/** A node's journal as it is, for a test that changes a part of it. */
export function journalOf({ journal }: Ports): Ports['journal'] {
  return {
    append: (batch) => journal.append(batch),
    last: (id) => journal.last(id),
    read: (id, from, to) => journal.read(id, from, to),
    follow: (after) => journal.follow(after),
    truncate: (seq) => journal.truncate(seq),
    close: () => journal.close(),
  };
}

/** A journal that tells this node no news of these partitions while they are in here. */
export function deaf(silent: ReadonlySet<PartitionId>): (ports: Ports) => Ports {
  return (ports) => ({
    ...ports,
    journal: {
      ...journalOf(ports),
      follow: (after) => {
        const following = ports.journal.follow(after);
        const next = async (): Promise<readonly FollowedEntry[]> => {
          for (;;) {
            const news = (await following.next()).filter(({ partition }) => !silent.has(partition));
            if (news.length > 0) return news;
          }
        };
        return { next, stop: () => following.stop() };
      },
    },
  });
}

/** How often a node has read a partition's journal since this was cleared: its end, or what is before. */
export class Readings {
  readonly ends = new Map<PartitionId, number>();
  readonly reads = new Map<PartitionId, number>();
  onRead: (id: PartitionId) => void = () => {};
  /** Looks at the end that fail, from now on. */
  endFails = 0;
  /** Appends that are refused, from now on. */
  appendFails = 0;

  readonly ports = (ports: Ports): Ports => ({
    ...ports,
    journal: {
      ...journalOf(ports),
      append: (batch) => {
        if (this.appendFails-- > 0) return Promise.resolve({ kind: 'busy', reason: 'made up' });
        return ports.journal.append(batch);
      },
      last: (id) => {
        count(this.ends, id);
        if (this.endFails-- > 0) return Promise.reject(new Error('made up'));
        return ports.journal.last(id);
      },
      read: (id, from, to) => {
        count(this.reads, id);
        this.onRead(id);
        return ports.journal.read(id, from, to);
      },
    },
  });

  clear(): void {
    this.ends.clear();
    this.reads.clear();
  }
}

function count(counts: Map<PartitionId, number>, id: PartitionId): void {
  counts.set(id, (counts.get(id) ?? 0) + 1);
}
