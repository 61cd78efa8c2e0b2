import type { Limits } from './runtime/index.ts';

/** What a Ringpost cluster is made of. Options on the command line change single values: `ringpost start --help`. */
export interface ClusterConfig {
  /** Names the streams and subjects in NATS; `[a-z0-9-]{1,32}`. */
  readonly name: string;
  /** Slices of the hash ring; a power of two, fixed when a cluster is created. */
  readonly partitions: number;
  /** Copies of the journal in a cluster, each on a nats-server of its own. */
  readonly replicas: 1 | 3 | 5;
  /** Where clients connect. The nodes of `ringpost cluster` take this port and the ones after it. */
  readonly host: string;
  readonly port: number;
  /** Holds a folder for each node. */
  readonly dataFolder: string;
  /** Nodes and nats-servers that `ringpost cluster` starts on this machine. */
  readonly nodes: number;
  readonly natsServers: 1 | 3;
  /** Bounds that differ from the defaults of `runtime/limits.ts`, `gateway/limits.ts` and `actors/limits.ts`. */
  readonly limits: {
    readonly runtime: Partial<Limits>;
    readonly gateway: { readonly [bound: string]: number };
    readonly messenger: { readonly [bound: string]: number };
  };
}

export const clusterConfig: ClusterConfig = {
  name: 'ringpost',
  partitions: 32,
  replicas: 3,
  host: '127.0.0.1',
  port: 7480,
  dataFolder: '.ringpost',
  nodes: 3,
  natsServers: 3,
  limits: {
    runtime: {},
    gateway: {},
    messenger: {},
  },
};
