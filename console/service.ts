/** The methods of the Admin service. */
import { status } from '@grpc/grpc-js';
import type { AuditProtocol } from '../proto/audit-words.ts';
import type { ReportsProtocol } from '../proto/report-words.ts';
import type { Log, Node, Ref } from '../runtime/index.ts';
import type { Caller } from './access.ts';
import { getActor, getLetter, listActors, listLetters, listRows } from './actors.ts';
import { listAudit, trimAudit } from './audit.ts';
import type { BackupSource } from './backup.ts';
import { Changes } from './changes.ts';
import { absent, answerOf, Failure } from './failures.ts';
import { type Groups, getGroup, listGroups } from './groups.ts';
import { survey } from './survey.ts';
import { traceMessage } from './tracing.ts';
import { deactivateUser, getUser, listReports, listUsers, revokeDevice, type Users, userOf } from './users.ts';
import { verifying } from './verified.ts';
import type { MethodName, PartitionWords, Reply, Request } from './words.ts';

export interface ServiceOptions {
  readonly backup: BackupSource;
  readonly node: Node;
  readonly log: Log;
  /** The names of the actors that it asks; it knows nothing of their behaviour. */
  readonly kinds: {
    readonly user: Users;
    readonly group: Groups;
    readonly audit: Ref<AuditProtocol>;
    reportsAt(partition: number): Ref<ReportsProtocol>;
  };
}

/** A snapshot of a large partition takes a while. */
const snapshot_wait_ms = 120_000;
/** A dead letter's record has to become durable. */
const letter_wait_ms = 12_000;
/** The register is silent while NATS elects a leader. */
const pins_wait_ms = 12_000;

export type Handlers = { readonly [M in MethodName]: (request: Request<M>, caller: Caller) => Promise<Reply<M>> };

/** They reject with a Failure, or with what nobody foresaw. */
export function handlers({ node, log, kinds }: ServiceOptions): Handlers {
  const changes = new Changes(node, kinds.audit, log);
  return {
    GetCluster: () => survey(node),
    ListNodes: async () => ({ nodes: (await survey(node)).nodes }),
    ListPartitions: async () => {
      const { view, partitions } = await survey(node);
      return { view, partitions };
    },
    GetPartition: (request) => getPartition(node, request),
    ListActors: (request) => listActors(node, request),
    GetActor: (request) => getActor(node, request),
    ListRows: (request, caller) => listRows(node, caller, request),
    ListDeadLetters: (request) => listLetters(node, request),
    GetDeadLetter: (request, caller) => getLetter(node, caller, request),
    ListUsers: (request) => listUsers(node, kinds.user, request),
    GetUser: (request) => getUser(node, kinds.user, request),
    ListGroups: (request) => listGroups(node, kinds.group, request),
    GetGroup: (request, caller) => getGroup(node, kinds.group, caller, request),
    ListReports: (request, caller) => listReports(node, kinds.reportsAt, caller, request),
    TraceMessage: (request) => traceMessage(node, kinds.user, request),
    ListAudit: (request) => listAudit(node, kinds.audit, request),
    TrimAudit: (request, caller) => trimAudit(node, kinds.audit, changes, request, caller),
    ...changing(node, changes, kinds.user),
  };
}

type Changing =
  | 'ReplayDeadLetter'
  | 'DropDeadLetter'
  | 'DrainNode'
  | 'ResumeNode'
  | 'SnapshotPartition'
  | 'MovePartition'
  | 'Rebalance'
  | 'VerifyPartition'
  | 'RebuildPartition'
  | 'RevokeDevice'
  | 'DeactivateUser';

/** What can't be done is said before anything is written, where that can be seen. */
function changing(node: Node, changes: Changes, users: Users): Pick<Handlers, Changing> {
  const letter =
    (kind: 'replay' | 'drop', method: string) =>
    async (
      { partition, id, reason }: Request<'ReplayDeadLetter'>,
      caller: Caller,
    ): Promise<Reply<'ReplayDeadLetter'>> => {
      answerOf(await node.inspect({ kind: 'deadLetter', partition, id }));
      return changes.make(caller, { method, target: { partition, id }, reason }, async () =>
        answerOf(await node.inspect({ kind, partition, id }, node.node, letter_wait_ms)),
      );
    };
  const drain =
    (draining: boolean, method: string) =>
    async ({ node: name, reason }: Request<'DrainNode'>, caller: Caller): Promise<Reply<'DrainNode'>> => {
      mayDrain(node, name, draining);
      return changes.make(caller, { method, target: { node: name }, reason }, async () =>
        answerOf(await node.inspect({ kind: 'drain', draining }, name)),
      );
    };
  return {
    ReplayDeadLetter: letter('replay', 'ReplayDeadLetter'),
    DropDeadLetter: letter('drop', 'DropDeadLetter'),
    DrainNode: drain(true, 'DrainNode'),
    ResumeNode: drain(false, 'ResumeNode'),
    SnapshotPartition: ({ partition, reason }, caller) =>
      changes.make(caller, { method: 'SnapshotPartition', target: { partition }, reason }, async () =>
        answerOf(await node.inspect({ kind: 'snapshot', partition }, node.node, snapshot_wait_ms)),
      ),
    MovePartition: async ({ partition, node: to, reason }, caller) => {
      answerOf(await node.inspect({ kind: 'mayMove', partition, to }));
      return changes.make(caller, { method: 'MovePartition', target: { partition, node: to }, reason }, async () =>
        answerOf(await node.inspect({ kind: 'move', partition, to }, node.node, pins_wait_ms)),
      );
    },
    Rebalance: ({ reason }, caller) =>
      changes.make(caller, { method: 'Rebalance', target: {}, reason }, async () =>
        answerOf(await node.inspect({ kind: 'rebalance' }, node.node, pins_wait_ms)),
      ),
    VerifyPartition: verifying(node, changes, 'verify', 'VerifyPartition'),
    RebuildPartition: verifying(node, changes, 'rebuild', 'RebuildPartition'),
    RevokeDevice: async (request, caller) => {
      const { user, device, reason } = request;
      await getUser(node, users, { user });
      return changes.make(caller, { method: 'RevokeDevice', target: { user, device }, reason }, () =>
        revokeDevice(node, users, request),
      );
    },
    DeactivateUser: async (request, caller) => {
      const { user, reason } = request;
      userOf(user);
      await getUser(node, users, { user });
      return changes.make(caller, { method: 'DeactivateUser', target: { user }, reason }, () =>
        deactivateUser(node, users, request),
      );
    },
  };
}

/** Throws where nobody could take over what the node has. */
function mayDrain(node: Node, name: string, draining: boolean): void {
  const there = node.members;
  if (!there.some((member) => member.node === name)) {
    throw absent(
      node.lost.includes(name) ? `${name} is lost: it has nothing to give away` : `there is no node ${name}`,
    );
  }
  if (!draining) return;
  const others = there.filter((member) => member.node !== name && member.role === 'owner' && !member.leaving);
  if (others.length === 0) {
    const words = `${name} is the last node that could own partitions: start or resume another first`;
    throw new Failure(status.FAILED_PRECONDITION, words);
  }
}

async function getPartition(node: Node, { partition: id }: Request<'GetPartition'>): Promise<Reply<'GetPartition'>> {
  const [channels, { partitions }] = await Promise.all([
    node.inspect({ kind: 'channels', partition: id }),
    survey(node),
  ]);
  // Whether or not there is such a partition is said by the node that was asked.
  const list = answerOf(channels);
  return { partition: partitions[id] as PartitionWords, channels: list };
}
