/** The names by which the messenger's actors know one another; none imports another. */
import type { AuditProtocol } from '../proto/audit-words.ts';
import type { DeskProtocol } from '../proto/builder-mail.ts';
import type { FileProtocol } from '../proto/file-mail.ts';
import type { BranchProtocol, GroupProtocol } from '../proto/group-mail.ts';
import type { ConnectionProtocol, UserProtocol } from '../proto/mail.ts';
import type { DirectoryProtocol } from '../proto/people-mail.ts';
import type { ReportsProtocol } from '../proto/report-words.ts';
import type { ConversationId, GroupId } from '../proto/words.ts';
import { actorKind, type Ref } from '../runtime/index.ts';

/** `user/<id>` */
export const User = actorKind<UserProtocol>('user');
/** `connection/<user>/<node>.<socket>`: lives beside its user. */
export const Connection = actorKind<ConnectionProtocol>('connection');
/** `desk/<user>/<request>`: lives beside its user. */
export const Desk = actorKind<DeskProtocol>('desk');
/** `group/<group id>` */
export const Group = actorKind<GroupProtocol>('group');
/** `branch/@<partition>/<group id>`: lives beside the members there. */
export const Branch = actorKind<BranchProtocol>('branch');
/** `file/<hash>`: one for all files of equal bytes. */
export const File = actorKind<FileProtocol>('file');

/** `directory/<hash>`: of one email or phone number. */
export const Directory = actorKind<DirectoryProtocol>('directory');

/** `reports/@<partition>/all`: what the users there have reported. */
export const Reports = actorKind<ReportsProtocol>('reports');

/** `audit/log`: what operators have changed. */
export const Audit = actorKind<AuditProtocol>('audit');

export function isGroup(conversation: ConversationId): conversation is GroupId {
  return conversation.startsWith('#');
}

/** The group's branch in one partition. */
export function branchAt(partition: number, group: GroupId): Ref<BranchProtocol> {
  return Branch.ref(`@${partition}/${group}`);
}
