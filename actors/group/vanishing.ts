/** Messages of a group whose time is over: an entry of the log tells of them, and what they said is gone everywhere. */
import type { GroupEntry, GroupProtocol, VanishedEntry } from '../../proto/group-mail.ts';
import type { MessageRef, More, Timer } from '../../proto/words.ts';
import type { MailOf, Turn } from '../../runtime/index.ts';
import { amendmentsOf, forget } from '../amendments.ts';
import { blank } from '../group-events.ts';
import { numberKey, numberOf } from '../numbers.ts';
import { type GroupMemory, sequence, stampOf } from './memory.ts';
import type { AboutRow } from './rows.ts';

type Mail<K extends keyof GroupProtocol> = Extract<MailOf<GroupProtocol>, { kind: K }>;

/** A message's own timer, or the group's; it counts from its sending, whatever it says. Undefined: it stays. */
export function timerFor({ vanishMs }: AboutRow, more: More | undefined): Timer | undefined {
  const own = more?.vanish;
  if (own !== undefined) return own.since === 'never' ? undefined : { afterMs: own.afterMs, since: 'sent' };
  return vanishMs > 0 ? { afterMs: vanishMs, since: 'sent' } : undefined;
}

/** Message `seq` vanishes at `at`. */
export function fadeAt(turn: Turn, at: number, seq: number): void {
  const key = `${numberKey(at)}/${numberKey(seq)}`;
  turn.put('fade', key, seq);
  const [first] = turn.range<number>('fade', { limit: 1 });
  if (first?.[0] === key) turn.setTimer('fade', at, { kind: 'fade' });
}

export function fade(group: GroupMemory, _: Mail<'fade'>, turn: Turn): void {
  const { fade_messages_max } = group.limits;
  const due = turn.range<number>('fade', { to: numberKey(turn.now + 1), limit: fade_messages_max });
  const list: MessageRef[] = [];
  const forgets: number[] = [];
  for (const [key, seq] of due) {
    turn.delete('fade', key);
    const entry = turn.get<GroupEntry>('log', numberKey(seq));
    if (entry?.[0] !== 'message') continue;
    list.push({ from: entry[2], seq });
    forgets.push(seq, ...amendmentsOf(turn, numberKey(seq)).edits);
    forget(turn, numberKey(seq));
  }
  if (list.length > 0) {
    blank(turn, forgets, true);
    const entry: VanishedEntry = ['vanished', '', '', stampOf(group, turn), list, forgets];
    sequence(group, turn, entry);
  }
  const [next] = turn.range<number>('fade', { limit: 1 });
  if (next !== undefined) turn.setTimer('fade', numberOf(next[0].slice(0, next[0].indexOf('/'))), { kind: 'fade' });
}
