/**
 * One process of `bench actors`: a node that owns partitions, or a guest of the cluster that only asks. Started by the benchmark, from
 * which it takes its orders.
 */
import { defaultLimits, type Limits, type Log, Node, type NodeCounts } from '../runtime/index.ts';
import { embeddedPorts, natsPorts, type OpenPorts } from '../runtime/io/index.ts';
import { type Loaded, load, type Run } from './actor-load.ts';
import { counter, relay } from './counter.ts';
import { settingsOf, takeOrders } from './worker.ts';

export interface HostSettings {
  readonly name: string;
  readonly dataFolder: string;
  readonly partitions: number;
  readonly limits: Partial<Limits>;
  /** Without it the node is a cluster of one process. */
  readonly cluster?: {
    readonly role: 'owner' | 'guest';
    readonly servers: readonly string[];
    readonly replicas: number;
  };
}

export interface Heap {
  readonly heapBytes: number;
  /** Buffers outside V8's heap. */
  readonly externalBytes: number;
}

export type HostOrders = {
  /** Answered when all partitions have an owner; with the number of its own. */
  ready: { order: null; answer: number };
  load: { order: Run; answer: Loaded };
  counts: { order: null; answer: NodeCounts };
  /** After a full garbage collection. */
  heap: { order: null; answer: Heap };
};

const settings = settingsOf<HostSettings>();
const { name, cluster, partitions, dataFolder } = settings;

const line = (level: string) => (fields: object, words: string) => {
  const { error, ...others } = fields as { error?: unknown };
  process.stderr.write(
    `${new Date().toISOString().slice(11, 23)} ${name} ${level}: ${words} ${JSON.stringify(others)}${error === undefined ? '' : ` ${String(error)}`}\n`,
  );
};
const log: Log = { info: () => undefined, warn: line('warns'), error: line('says') };

const ports = await openPorts();
const node = new Node({
  ports,
  limits: { ...defaultLimits, ...settings.limits },
  behaviours: [counter, relay],
  partitions,
  ...(cluster === undefined ? { settleMs: 0 } : { role: cluster.role }),
});
node.start();

takeOrders<HostOrders>(
  {
    async ready() {
      await node.ready();
      return node.owned.length;
    },
    load: (run, notice) => load(node, run, notice),
    counts: () => node.counts,
    heap() {
      globalThis.gc?.();
      const { heapUsed, external } = process.memoryUsage();
      return { heapBytes: heapUsed, externalBytes: external };
    },
  },
  async () => {
    await node.stop();
    await ports.close();
  },
);

function openPorts(): Promise<OpenPorts> {
  if (cluster === undefined) return embeddedPorts({ node: name, partitions, dataFolder, log });
  const { servers, replicas } = cluster;
  return natsPorts({ node: name, partitions, dataFolder, log, servers: [...servers], replicas, cluster: 'bench' });
}
