/** How many people a user may turn to in a day to whom it never had to do: whoever writes to thousands is hardly a person. */
import type { GroupDeed, UserId } from '../../proto/words.ts';
import type { Turn } from '../../runtime/index.ts';
import { conversationWith, type UserMemory } from './memory.ts';
import { takeQuota } from './quotas.ts';

/** A user with whom there is no conversation yet. */
function isStranger(user: UserMemory, turn: Turn, other: UserId): boolean {
  const { outSeq, inSeq } = conversationWith(user, turn, other);
  return outSeq === 0 && inSeq === 0 && other !== user.self;
}

/** This user is about to write to `other`. 0: it may, and it is counted; otherwise ms until it may. */
export function countStranger(user: UserMemory, turn: Turn, other: UserId): number {
  return isStranger(user, turn, other) ? takeQuota(turn, 'stranger', user.limits.strangers_max) : 0;
}

/** Likewise of those that a deed wants in a group: all of them, or none. */
export function countInvited(user: UserMemory, turn: Turn, deed: GroupDeed): number {
  if (deed.what !== 'create' && deed.what !== 'add') return 0;
  const strangers = deed.users.filter((other) => isStranger(user, turn, other)).length;
  return strangers === 0 ? 0 : takeQuota(turn, 'invite', user.limits.invited_strangers_max, strangers);
}
