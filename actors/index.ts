/** The messenger, as a set of behaviours for the runtime. */
import type { AnyBehaviour } from '../runtime/index.ts';
import { auditBehaviour } from './audit.ts';
import { branchBehaviour } from './branch.ts';
import { connectionBehaviour } from './connection.ts';
import { deskBehaviour } from './desk.ts';
import { directoryBehaviour } from './directory.ts';
import { fileBehaviour } from './file.ts';
import { groupBehaviour } from './group.ts';
import { defaultMessengerLimits, type MessengerLimits } from './limits.ts';
import { reportsBehaviour } from './reports.ts';
import { userBehaviour } from './user.ts';

export { auditLog } from './audit.ts';
export { Connection, Desk, File, Group, User } from './kinds.ts';
export { defaultMessengerLimits, type MessengerLimits } from './limits.ts';
export { reportsAt } from './reports.ts';

export function messengerBehaviours(settings: Partial<MessengerLimits> = {}): AnyBehaviour[] {
  const limits = { ...defaultMessengerLimits, ...settings };
  return [
    userBehaviour(limits),
    connectionBehaviour(limits),
    deskBehaviour(limits),
    groupBehaviour(limits),
    branchBehaviour(limits),
    directoryBehaviour(limits),
    reportsBehaviour(limits),
    fileBehaviour(limits),
    auditBehaviour(limits),
  ];
}
