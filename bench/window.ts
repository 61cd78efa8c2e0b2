/** The measured part of a run, after its warm-up: what everybody spent between its opening and its close. */
import { machine, processorUs } from './proc.ts';

/** Process ids of those that serve. */
export interface Servers {
  readonly nodes: readonly number[];
  readonly nats: readonly number[];
}

export interface Spent {
  readonly seconds: number;
  /** On the monotonic clock of this machine, the same for all its processes. */
  readonly fromUs: number;
  readonly toUs: number;
  readonly nodeUs: number;
  readonly natsUs: number;
  /** Of the load generator: the process that this runs in, and its helpers. */
  readonly genUs: number;
  /** Cores that were busy with none of these. High: someone else worked on the machine, and the figures are spoilt. */
  readonly otherCores: number;
  /** Cores that the host of the virtual machine kept for itself. */
  readonly stealCores: number;
}

/**
 * Opens a window; the answer closes it. To be called in the load generator, so that counts and times have the same edges. `helpers`: process ids
 * of what else belongs to it.
 */
export function openWindow(servers: Servers, helpers: readonly number[] = []): () => Spent {
  const before = look(servers, helpers);
  return () => {
    const after = look(servers, helpers);
    const seconds = (after.atUs - before.atUs) / 1e6;
    const nodeUs = after.nodeUs - before.nodeUs;
    const natsUs = after.natsUs - before.natsUs;
    const genUs = after.genUs - before.genUs;
    // A caller inside the node process is counted as the node already.
    const ownUs = nodeUs + natsUs + (servers.nodes.includes(process.pid) ? 0 : genUs);
    return {
      seconds,
      fromUs: before.atUs,
      toUs: after.atUs,
      nodeUs,
      natsUs,
      genUs,
      otherCores: Math.max(0, (after.busyUs - before.busyUs - ownUs) / 1e6 / seconds),
      stealCores: (after.stealUs - before.stealUs) / 1e6 / seconds,
    };
  };
}

function look({ nodes, nats }: Servers, helpers: readonly number[]) {
  const own = process.cpuUsage();
  return {
    atUs: Number(process.hrtime.bigint() / 1_000n),
    nodeUs: sumOf(nodes),
    natsUs: sumOf(nats),
    genUs: own.user + own.system + sumOf(helpers),
    ...machine(),
  };
}

function sumOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + processorUs(pid), 0);
}
