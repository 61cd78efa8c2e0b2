/** What an operator sees of a group: never what is said in it, nor the secrets of its links. */
import type { GroupProtocol, GroupSummary } from '../../proto/group-mail.ts';
import type { MailOf, Turn } from '../../runtime/index.ts';
import type { GroupMemory } from './memory.ts';
import type { LinkRow } from './rows.ts';

const owners_told_max = 10;

export function summary(group: GroupMemory, _: Extract<MailOf<GroupProtocol>, { kind: 'summary' }>, turn: Turn): void {
  turn.reply(summaryOf(group, turn));
}

function summaryOf({ about, members, asked, head, lastAt }: GroupMemory, turn: Turn): GroupSummary | null {
  if (about === undefined) return null;
  const { title, about: words, announce, shared, vanishMs } = about;
  const roles = { owner: 0, admin: 0, member: 0 };
  const owners: string[] = [];
  for (const [user, { role }] of members) {
    roles[role]++;
    if (role === 'owner' && owners.length < owners_told_max) owners.push(user);
  }
  const links = turn.range<LinkRow>('link').length;
  return { title, about: words, announce, shared, vanishMs, roles, owners, asked, links, head, lastAt };
}
