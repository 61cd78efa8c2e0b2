/** What members are told of an entry of their group's log. */
import type { GroupEntry } from '../proto/group-mail.ts';
import type { AmendedEvent, ExpiredEvent, GroupEvent, GroupId, MessageEvent, VanishedEvent } from '../proto/words.ts';
import type { Turn } from '../runtime/index.ts';
import { numberKey } from './numbers.ts';

type LogEvent = MessageEvent | GroupEvent | AmendedEvent | VanishedEvent | ExpiredEvent;

export function groupEventOf(group: GroupId, seq: number, entry: GroupEntry): LogEvent {
  if (entry[0] === 'message') return messageOf(group, seq, entry);
  if (entry[0] === 'gone') {
    const [, id, from, at] = entry;
    return { kind: 'expired', id, from, to: group, seq, at };
  }
  if (entry[0] === 'vanished') {
    const [kind, , , at, list] = entry;
    return { kind, with: group, seq, at, list };
  }
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

/** What these entries of the log beside said is forgotten, those that are there. `gone`: the messages among them have vanished. */
export function blank(turn: Turn, seqs: readonly number[], gone = false): void {
  for (const seq of seqs) {
    const entry = turn.get<GroupEntry>('log', numberKey(seq));
    if (entry?.[0] === 'message') {
      const [kind, id, from, at] = entry;
      const row: GroupEntry = gone ? ['gone', id, from, at] : [kind, id, from, at, ''];
      turn.put('log', numberKey(seq), row);
    } else if (entry?.[0] === 'amended') {
      const [kind, id, by, at, of, , forgets] = entry;
      turn.put('log', numberKey(seq), [kind, id, by, at, of, { what: 'edit', body: '' }, forgets] satisfies GroupEntry);
    }
  }
}
