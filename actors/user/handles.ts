/** By what a user can be found: the directories of its email and its phone number know it while it wants that. */
import { handleKinds, handleOf } from '../../proto/handles.ts';
import type { Sought } from '../../proto/people-mail.ts';
import { emptyProfile } from '../../proto/people-words.ts';
import type { UserId } from '../../proto/words.ts';
import type { Turn } from '../../runtime/index.ts';
import { directoryOf } from '../directory.ts';
import type { UserMemory } from './memory.ts';
import { profileOf } from './profile.ts';
import { isAmong, privacyOf } from './self.ts';

/** After anything that may have changed it: the profile, privacy, the end of the account. */
export function seeToHandles(user: UserMemory, turn: Turn): void {
  const wants = user.account?.state === 'active' && privacyOf(user, turn).found !== 'nobody';
  const profile = wants ? profileOf(user, turn) : emptyProfile;
  for (const by of handleKinds) {
    const wanted = handleOf(by, profile[by]);
    const had = turn.get<string>('claim', by) ?? '';
    if (had === wanted) continue;
    if (had !== '') turn.tell(directoryOf(by, had), { kind: 'unclaim', user: user.self });
    if (wanted !== '') {
      turn.tell(directoryOf(by, wanted), { kind: 'claim', user: user.self });
      turn.put('claim', by, wanted);
    } else turn.delete('claim', by);
  }
}

/** Whether `other`, who looks for it, finds this user. Of a directory that has not heard yet what is wanted now, nothing comes out. */
export function isFoundBy(user: UserMemory, turn: Turn, other: UserId, { by, text }: Sought): boolean {
  if (by === 'user') return text === user.self;
  if (!isAmong(user, turn, privacyOf(user, turn).found, other)) return false;
  const own = handleOf(by, profileOf(user, turn)[by]);
  return own !== '' && own === handleOf(by, text);
}
