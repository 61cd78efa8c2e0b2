/** The group: who belongs to it, and the one order of all that is said and done in it. Its branches tell the members. */
import type { GroupProtocol } from '../proto/group-mail.ts';
import { type AnyBehaviour, behaviour } from '../runtime/index.ts';
import { amend } from './group/amending.ts';
import { mayFetch } from './group/files.ts';
import { gather, gone, willing } from './group/joining.ts';
import { type GroupMemory, wakeGroup } from './group/memory.ts';
import { arrange, post } from './group/posting.ts';
import { passTyping, question } from './group/questions.ts';
import { lapsed, takeMarks, tellReceipts } from './group/receipts.ts';
import { summary } from './group/summary.ts';
import { fade } from './group/vanishing.ts';
import { Group } from './kinds.ts';
import type { MessengerLimits } from './limits.ts';

export function groupBehaviour(limits: MessengerLimits): AnyBehaviour {
  return behaviour<GroupProtocol, GroupMemory>(Group, {
    wake: (turn) => wakeGroup(turn, limits),
    turns: {
      post,
      arrange,
      amend,
      willing,
      lapsed,
      gone,
      marks: takeMarks,
      question,
      mayFetch,
      typing: passTyping,
      gather,
      fade,
      tellReceipts,
      summary,
    },
  });
}
