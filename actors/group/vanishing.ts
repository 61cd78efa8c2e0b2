/** Messages of a group whose time is over: an entry of the log tells of them, and what they said is gone everywhere. */
import type { GroupEntry, GroupProtocol, VanishedEntry } from '../../proto/group-mail.ts';
import type { MessageRef, More, Timer } from '../../proto/words.ts';
import type { MailOf, Turn } from '../../runtime/index.ts';
import { amendmentsOf, forget } from '../amendments.ts';
import { blank } from '../group-events.ts';
import { numberKey } from '../numbers.ts';
import { takeFaded } from '../vanish.ts';
import { releaseFiles } from './files.ts';
import { type GroupMemory, sequence, stampOf } from './memory.ts';
import type { AboutRow } from './rows.ts';

type Mail<K extends keyof GroupProtocol> = Extract<MailOf<GroupProtocol>, { kind: K }>;

/** A message's own timer, or the group's; it counts from its sending, whatever it says. Undefined: it stays. */
export function timerFor({ vanishMs }: AboutRow, more: More | undefined): Timer | undefined {
  const own = more?.vanish;
  if (own !== undefined) return own.since === 'never' ? undefined : { afterMs: own.afterMs, since: 'sent' };
  return vanishMs > 0 ? { afterMs: vanishMs, since: 'sent' } : undefined;
}

export function fade(group: GroupMemory, _: Mail<'fade'>, turn: Turn): void {
  const list: MessageRef[] = [];
  const forgets: number[] = [];
  for (const seq of takeFaded(turn, group.limits.fade_messages_max)) {
    const entry = turn.get<GroupEntry>('log', numberKey(seq));
    if (entry?.[0] !== 'message') continue;
    list.push({ from: entry[2], seq });
    forgets.push(seq, ...amendmentsOf(turn, numberKey(seq)).edits);
    forget(turn, numberKey(seq));
  }
  if (list.length === 0) return;
  releaseFiles(turn, forgets);
  blank(turn, forgets, true);
  const entry: VanishedEntry = ['vanished', '', '', stampOf(group, turn), list, forgets];
  sequence(group, turn, entry);
}
