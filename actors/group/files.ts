/** Whether a member may have the file of a message of the group. */
import type { FileGroupProtocol } from '../../proto/file-mail.ts';
import type { GroupEntry } from '../../proto/group-mail.ts';
import type { MailOf, Turn } from '../../runtime/index.ts';
import { releaseFile } from '../holding.ts';
import { numberKey } from '../numbers.ts';
import type { GroupMemory } from './memory.ts';
import { isPicture } from './picture.ts';

type Mail<K extends keyof FileGroupProtocol> = Extract<MailOf<FileGroupProtocol>, { kind: K }>;

export function mayFetch(group: GroupMemory, { user, file, from, seq }: Mail<'mayFetch'>, turn: Turn): void {
  const member = group.members.get(user);
  if (member !== undefined && isPicture(group, file)) {
    turn.reply({ ok: true, name: 'picture' });
    return;
  }
  const entry = turn.get<GroupEntry>('log', numberKey(seq));
  const isVisible = member !== undefined && (group.about?.shared === true || seq >= member.since);
  const sent = isVisible && entry?.[0] === 'message' && entry[2] === from ? entry[5]?.file : undefined;
  turn.reply(sent?.id === file ? { ok: true, name: sent.name } : { ok: false, code: 'unknown_file' });
}

/** What these entries said will not be kept: neither are the files of those that are messages. */
export function releaseFiles(turn: Turn, seqs: readonly number[]): void {
  for (const seq of seqs) {
    const entry = turn.get<GroupEntry>('log', numberKey(seq));
    if (entry?.[0] === 'message') releaseFile(turn, entry[5]?.file?.id, numberKey(seq));
  }
}
