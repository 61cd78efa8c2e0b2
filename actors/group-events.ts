/** What members are told of an entry of their group's log. */
import type { GroupEntry } from '../proto/group-mail.ts';
import type { AmendedEvent, GroupEvent, GroupId, MessageEvent } from '../proto/words.ts';
import type { Turn } from '../runtime/index.ts';
import { numberKey } from './numbers.ts';

export function groupEventOf(group: GroupId, seq: number, entry: GroupEntry): MessageEvent | GroupEvent | AmendedEvent {
  if (entry[0] === 'message') return messageOf(group, seq, entry);
  if (entry[0] === 'amended') {
    const [kind, id, by, at, of, deed] = entry;
    return { kind, id, with: group, of, seq, by, at, deed };
  }
  const [, id, by, at, change] = entry;
  return { kind: 'group', id, with: group, seq, by, at, change };
}

export function messageOf(group: GroupId, seq: number, entry: Extract<GroupEntry, { 0: 'message' }>): MessageEvent {
  const [, id, from, at, body, more] = entry;
  return { kind: 'message', id, from, to: group, seq, at, body, ...(more && { more }) };
}

/** What these entries of the log beside said is forgotten, those that are there. */
export function blank(turn: Turn, seqs: readonly number[]): void {
  for (const seq of seqs) {
    const entry = turn.get<GroupEntry>('log', numberKey(seq));
    if (entry?.[0] === 'message') {
      const [kind, id, from, at] = entry;
      turn.put('log', numberKey(seq), [kind, id, from, at, ''] satisfies GroupEntry);
    } else if (entry?.[0] === 'amended') {
      const [kind, id, by, at, of, , forgets] = entry;
      turn.put('log', numberKey(seq), [kind, id, by, at, of, { what: 'edit', body: '' }, forgets] satisfies GroupEntry);
    }
  }
}
