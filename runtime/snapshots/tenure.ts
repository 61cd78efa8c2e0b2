/** Work on a partition's snapshot by who serves the partition, as long as it does: in slices, and given up when it does not any more. */
import type { Limits } from '../limits.ts';
import type { Partition } from '../partition.ts';
import type { Ports } from '../ports.ts';
import { type Pace, paced } from './pace.ts';

/** The partition is no longer served here, or the node stops: its snapshot is another's business. */
export class SnapshotAbandoned extends Error {
  constructor() {
    super('the partition is no longer served here');
    this.name = 'SnapshotAbandoned';
  }
}

export interface TenureHost {
  readonly ports: Pick<Ports, 'timers'>;
  readonly limits: Limits;
  /** True once the node stops. */
  stopped(): boolean;
}

export class Tenure {
  /** Between two slices others have their turns. Rejects with `SnapshotAbandoned`. */
  readonly pace: Pace = paced(() => this.#rest());
  readonly #partition: Partition;
  readonly #host: TenureHost;

  constructor(partition: Partition, host: TenureHost) {
    this.#partition = partition;
    this.#host = host;
  }

  /** Throws `SnapshotAbandoned` once it is over. */
  mustLast(): void {
    if (this.#isOver) throw new SnapshotAbandoned();
  }

  get #isOver(): boolean {
    return this.#partition.stopped || this.#host.stopped();
  }

  #rest(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#host.ports.timers.after(this.#host.limits.snapshot_rest_ms, () => {
        if (this.#isOver) reject(new SnapshotAbandoned());
        else resolve();
      });
    });
  }
}
