/** Cutting the journal where no snapshot needs it any more. */
import type { PartitionId, Ports } from '../ports.ts';
import { type Manifest, readPointer } from './manifest.ts';

/**
 * The journal's entries before this sequence are needed by nobody: 0 when all are. Of each partition, the newest snapshot and the one before can
 * be continued from what stays, so that a local store that lags a little still can, too. `manifests`: of all partitions of the cluster.
 */
export function truncationFloor(manifests: readonly (Manifest | undefined)[]): number {
  if (manifests.length === 0) return 0;
  return Math.min(...manifests.map((manifest) => manifest?.previousFloorSeq ?? 0));
}

/** Floors only rise, so manifests that are read late, or one after the other, and a node that cuts though another does by now, do no harm. */
export class Truncation {
  /** Up to here it was cut from this node. */
  cutSeq = 0;
  readonly #ports: Ports;
  readonly #partitions: number;

  /** `partitions`: of the cluster. */
  constructor(ports: Ports, partitions: number) {
    this.#ports = ports;
    this.#partitions = partitions;
  }

  /** Rejects when a pointer is not readable, or as archive and journal do. */
  async cut(): Promise<void> {
    const manifests: (Manifest | undefined)[] = [];
    for (let id: PartitionId = 0; id < this.#partitions; id++) {
      manifests.push((await readPointer(id, this.#ports)).manifest);
    }
    const seq = truncationFloor(manifests);
    if (seq <= this.cutSeq) return;
    await this.#ports.journal.truncate(seq);
    this.cutSeq = seq;
    this.#ports.log.info({ seq }, 'the journal was truncated');
  }
}
