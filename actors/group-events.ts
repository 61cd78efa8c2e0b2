/** What members are told of an entry of their group's log. */
import type { GroupEntry } from '../proto/group-mail.ts';
import type { GroupEvent, GroupId, MessageEvent } from '../proto/words.ts';

export function groupEventOf(group: GroupId, seq: number, entry: GroupEntry): MessageEvent | GroupEvent {
  if (entry[0] === 'message') return messageOf(group, seq, entry);
  const [, id, by, at, change] = entry;
  return { kind: 'group', id, with: group, seq, by, at, change };
}

export function messageOf(group: GroupId, seq: number, entry: Extract<GroupEntry, { 0: 'message' }>): MessageEvent {
  const [, id, from, at, body, more] = entry;
  return { kind: 'message', id, from, to: group, seq, at, body, ...(more && { more }) };
}
