/** The cluster at a glance: what heartbeats say of all nodes, and what each says when it is asked. */
import type { Heartbeat, Node, NodeReport, PartitionReport } from '../runtime/index.ts';
import type { ClusterWords, NodeWords, PartitionWords, StandbyWords } from './words.ts';

/** For one node to answer; whoever takes longer is shown as its heartbeats say. */
const node_wait_ms = 1_500;

interface Told {
  readonly heartbeat: Heartbeat;
  readonly report: NodeReport | undefined;
  readonly partitions: readonly PartitionReport[];
}

export async function survey(node: Node): Promise<ClusterWords> {
  const told = await Promise.all(node.members.map((heartbeat) => ask(node, heartbeat)));
  const { version } = node.view;
  return {
    answeredBy: node.node,
    at: Date.now(),
    view: version,
    nodes: nodesOf(node, told),
    partitions: partitionsOf(node, told),
  };
}

async function ask(node: Node, heartbeat: Heartbeat): Promise<Told> {
  const [report, partitions] = await Promise.all([
    node.inspect({ kind: 'node' }, heartbeat.node, node_wait_ms),
    node.inspect({ kind: 'partitions' }, heartbeat.node, node_wait_ms),
  ]);
  return {
    heartbeat,
    report: report.kind === 'answer' ? report.value : undefined,
    partitions: partitions.kind === 'answer' ? partitions.value : [],
  };
}

function nodesOf(node: Node, told: readonly Told[]): NodeWords[] {
  const owners = node.view.owners;
  const alive = told.map(({ heartbeat, report }): NodeWords => {
    const { node: name, copies } = heartbeat;
    const others = copies.filter(([partition]) => owners[partition]?.node !== name).length;
    if (report === undefined) return { ...silent(heartbeat), copies: others };
    const { node: _, leaving, ...rest } = report;
    return { ...rest, name, state: leaving ? 'DRAINING' : 'ALIVE', copies: others };
  });
  const names = new Set(told.map(({ heartbeat }) => heartbeat.node));
  const lost = node.lost.filter((name) => !names.has(name)).map(lostNode);
  return [...alive, ...lost].sort((a, b) => (a.name < b.name ? -1 : 1));
}

const nothing = {
  ...{
    startedAt: 0,
    awakeActors: 0,
    waitingMails: 0,
    outboxMails: 0,
    turns: 0,
    appends: 0,
    records: 0,
    recordTurns: 0,
    recordBytes: 0,
  },
  figures: {},
};

function silent({ node, incarnation, notice, role, fitness, format, view, owns }: Heartbeat): NodeWords {
  return { ...nothing, name: node, incarnation, state: 'SILENT', notice, role, fitness, format, view, owns, copies: 0 };
}

function lostNode(name: string): NodeWords {
  const unknown = { incarnation: '', notice: '', role: '', fitness: '', format: 0, view: 0, owns: 0, copies: 0 };
  return { ...nothing, ...unknown, name, state: 'LOST' };
}

function partitionsOf(node: Node, told: readonly Told[]): PartitionWords[] {
  const reports = new Map<number, PartitionReport>();
  const { owners, epochs, pins } = node.view;
  for (const { heartbeat, partitions } of told) {
    for (const report of partitions)
      if (owners[report.partition]?.node === heartbeat.node) reports.set(report.partition, report);
  }
  const heartbeats = told.map(({ heartbeat }) => heartbeat);
  return owners.map((owner, id) => {
    const report = reports.get(id);
    const name = owner?.node ?? '';
    return {
      id,
      owner: name,
      epoch: report?.epoch ?? epochs[id] ?? 0,
      answered: report !== undefined,
      number: report?.number ?? 0,
      hash: report?.chain ?? 0,
      standbys: standbysOf(id, name, heartbeats),
      awakeActors: report?.awakeActors ?? 0,
      waitingMails: report?.waitingMails ?? 0,
      outboxMails: report?.outboxMails ?? 0,
      rowsWaiting: report?.rowsWaiting ?? 0,
      recordBytes: report?.recordBytes ?? 0,
      // A node that is older does not tell.
      recordRate: report?.rates?.records ?? 0,
      byteRate: report?.rates?.bytes ?? 0,
      snapshotAt: report?.snapshot?.at ?? 0,
      snapshotBytes: report?.snapshot?.bytes ?? 0,
      snapshotFailures: report?.snapshot?.failures ?? 0,
      pinnedTo: pins[id] ?? '',
    };
  });
}

/** Heartbeats are compared with heartbeats: each is as old as the other, or nearly. */
function standbysOf(id: number, owner: string, heartbeats: readonly Heartbeat[]): StandbyWords[] {
  const progress = (heartbeat: Heartbeat) => heartbeat.copies.find(([partition]) => partition === id);
  const owners = heartbeats.find(({ node }) => node === owner);
  const [, top = 0, hash = 0] = (owners && progress(owners)) ?? [];
  return heartbeats.flatMap((heartbeat): StandbyWords[] => {
    const copy = progress(heartbeat);
    if (copy === undefined || heartbeat.node === owner) return [];
    const [, number, chain] = copy;
    const likeness = number !== top ? 'BEHIND' : chain === hash ? 'SAME' : 'OTHER';
    return [{ node: heartbeat.node, number, lag: Math.max(0, top - number), likeness }];
  });
}
