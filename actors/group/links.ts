/** Links by which whoever knows them may join. A link is a secret that the client has made: turns know no chance. */
import type { Turn } from '../../runtime/index.ts';
import type { Deed } from './deed.ts';
import { isFull } from './joining.ts';
import { deny, done, type GroupMemory, sequence, stampOf } from './memory.ts';
import type { LinkRow } from './rows.ts';

const endless = -1;

export function makeLink(group: GroupMemory, turn: Turn, { id, from, deed }: Deed<'link'>): void {
  const { link, uses, forMs } = deed;
  const links = turn.range<LinkRow>('link');
  for (const [name, row] of links) if (isOver(row, turn.now)) turn.delete('link', name);
  const others = links.filter(([name, row]) => name !== link && !isOver(row, turn.now));
  if (others.length >= group.limits.group_links_max) {
    deny(group, turn, from, id, 'group_full');
    return;
  }
  const row: LinkRow = { by: from, until: forMs === 0 ? 0 : turn.now + forMs, uses: uses === 0 ? endless : uses };
  turn.put('link', link, row);
  done(group, turn, from, id);
}

export function unlink(group: GroupMemory, turn: Turn, { id, from, deed }: Deed<'unlink'>): void {
  if (turn.get<LinkRow>('link', deed.link) === undefined) {
    deny(group, turn, from, id, 'unknown_link');
    return;
  }
  turn.delete('link', deed.link);
  done(group, turn, from, id);
}

export function joinBy(group: GroupMemory, turn: Turn, { id, from, deed }: Deed<'join'>): void {
  const row = turn.get<LinkRow>('link', deed.link);
  if (row === undefined || isOver(row, turn.now)) deny(group, turn, from, id, 'unknown_link');
  else if (group.members.has(from)) done(group, turn, from, id);
  else if (isFull(group, 1)) deny(group, turn, from, id, 'group_full');
  else {
    if (row.uses !== endless) turn.put('link', deed.link, { ...row, uses: row.uses - 1 });
    const change = { what: 'added', users: [from], title: group.about?.title ?? '' } as const;
    sequence(group, turn, ['group', id, from, stampOf(group, turn), change], { enter: [from] });
  }
}

function isOver({ until, uses }: LinkRow, now: number): boolean {
  return uses === 0 || (until !== 0 && until <= now);
}
