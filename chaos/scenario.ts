/** What a scenario is: a system to do things to, and what a round does to it. */
import type { Endings } from '../scripts/endings.ts';
import type { System } from './cluster/system.ts';
import type { Entry } from './history.ts';
import type { Stage } from './stage.ts';

export type Need = 'namespaces' | 'compiler' | 'fuse';

export interface Ground {
  /** For this scenario alone, removed afterwards. */
  readonly folder: string;
  /** Settings from the command line, as for `ringpost --set`. */
  readonly set: readonly string[];
  readonly endings: Endings;
}

export interface Prepared {
  readonly system: System;
  /** Breaks things and mends them; the round ends when the system has recovered after it. */
  round(stage: Stage): Promise<void>;
  /** Looks at what clients told of the round, for promises of the scenario's own. */
  after?(stage: Stage, entries: readonly Entry[]): void;
}

export interface Scenario {
  readonly name: string;
  /** One line for `--list`. */
  readonly about: string;
  readonly needs?: readonly Need[];
  /** Where clients connect: spread over all nodes unless told otherwise. */
  readonly clients?: { readonly urls: (system: System) => readonly string[] };
  /** After each round a new device of each user reads the whole history: from disks, that is, not from memories. */
  readonly audits?: true;
  prepare(ground: Ground): Promise<Prepared>;
}
