/** What a scenario does things to: a cluster of nodes on nats-servers, or one process with all in it. */
import type { NatsServer } from './nats.ts';
import type { Program } from './program.ts';

export interface SystemNode {
  readonly name: string;
  /** Where clients reach it. */
  readonly url: string;
  readonly dataFolder: string;
  readonly program: Program;
}

export interface System {
  readonly nodes: readonly SystemNode[];
  /** Nodes that were there and are no more. */
  readonly former?: readonly SystemNode[];
  readonly nats: readonly NatsServer[];
  /** The node that owns each partition, '' for none. Rejects while nobody can tell. */
  owners(): Promise<readonly string[]>;
  /** The nats-server that leads the journal; undefined while there is none, or where there is no NATS. */
  leader(): Promise<string | undefined>;
  /** Everything runs that should, all copies are up to date, and every node has its share of partitions. */
  whole(): Promise<boolean>;
  stop(): Promise<void>;
}
