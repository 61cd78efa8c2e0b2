/** Who may call what: the one table of it. */
import { type AuditRole, auditRoles } from '../proto/audit-words.ts';
import type { MethodName, StreamName } from './words.ts';

export type Role = AuditRole;
/** `anyone`: without a certificate or token, too. */
type Needed = Role | 'anyone';

const methods: { readonly [M in MethodName | StreamName]: Role } = {
  GetCluster: 'viewer',
  WatchCluster: 'viewer',
  WatchEvents: 'viewer',
  WatchMail: 'viewer',
  Backup: 'admin',
  ListNodes: 'viewer',
  ListPartitions: 'viewer',
  GetPartition: 'viewer',
  ListActors: 'viewer',
  GetActor: 'viewer',
  ListRows: 'viewer',
  ListDeadLetters: 'viewer',
  GetDeadLetter: 'viewer',
  ReplayDeadLetter: 'operator',
  DropDeadLetter: 'admin',
  DrainNode: 'operator',
  ResumeNode: 'operator',
  SnapshotPartition: 'operator',
  MovePartition: 'operator',
  Rebalance: 'operator',
  VerifyPartition: 'operator',
  RebuildPartition: 'admin',
  ListUsers: 'viewer',
  GetUser: 'viewer',
  RevokeDevice: 'operator',
  DeactivateUser: 'admin',
  ListGroups: 'viewer',
  GetGroup: 'viewer',
  ListReports: 'viewer',
  TraceMessage: 'viewer',
  ListAudit: 'viewer',
  TrimAudit: 'admin',
};

/** By full name: common tools come with these. */
const others: { readonly [path: string]: Needed } = {
  '/grpc.health.v1.Health/Check': 'anyone',
  '/grpc.health.v1.Health/Watch': 'anyone',
  '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo': 'viewer',
  '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo': 'viewer',
};

const adminPath = '/ringpost.admin.v1.Admin/';

/** Of a method by its full name; undefined for what is in no table: nobody may call it. */
export function roleNeeded(path: string): Needed | undefined {
  if (Object.hasOwn(others, path)) return others[path];
  const name = path.startsWith(adminPath) ? path.slice(adminPath.length) : '';
  return Object.hasOwn(methods, name) ? methods[name as keyof typeof methods] : undefined;
}

/** Each role may do what the ones before it may. */
export function mayAct(role: Role, needed: Needed): boolean {
  return needed === 'anyone' || auditRoles.indexOf(role) >= auditRoles.indexOf(needed);
}

export function isRole(text: string | undefined): text is Role {
  return auditRoles.some((role) => role === text);
}
