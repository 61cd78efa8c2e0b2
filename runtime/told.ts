/** What a node tells operators who watch it. */
import { Chronicle } from './chronicle.ts';
import { MailSamples } from './mail-samples.ts';
import type { Fitness } from './members.ts';
import type { NodeId, Owner, Ports } from './ports.ts';

export interface ToldHost extends Pick<Ports, 'clock' | 'random'> {
  readonly self: Owner;
  isMember(node: NodeId): boolean;
}

interface State {
  readonly leaving: boolean;
  readonly fitness: Fitness;
  readonly journalStuckMs: number;
  readonly storeRefusesMs: number;
}

/** A journal that takes nothing for so long is told of; elections of a leader are shorter. */
const stuck_ms = 1_000;

export class Told {
  readonly chronicle: Chronicle;
  readonly samples: MailSamples;

  constructor({ clock, random, self, isMember }: ToldHost) {
    this.chronicle = new Chronicle({ clock, self, isMember });
    this.samples = new MailSamples(clock, random);
  }

  /** To be called in a steady rhythm: how this node is. */
  beat(self: Owner, { leaving, fitness, journalStuckMs, storeRefusesMs }: State): void {
    this.chronicle.heard({ ...self, leaving, fitness });
    this.chronicle.trouble('journalStuck', journalStuckMs >= stuck_ms);
    this.chronicle.trouble('storeRefuses', storeRefusesMs > 0);
  }
}
