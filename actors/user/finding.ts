/** Messages that were marked to be found again: starred by this user, or pinned in a conversation of two. */
import type { GroupEntry } from '../../proto/group-mail.ts';
import type { ConversationId, MessageList, MessageState, Pinned, Starred } from '../../proto/words.ts';
import type { Turn } from '../../runtime/index.ts';
import { branchAt, isGroup } from '../kinds.ts';
import { numberKey } from '../numbers.ts';
import { pinnedIn } from '../pins.ts';
import { say } from './admission.ts';
import { findMessage } from './amending.ts';
import { type Star, starsOf } from './marks.ts';
import { type Attached, conversationWith, type UserMemory } from './memory.ts';
import type { TimelineRow } from './rows.ts';
import { rowAt, statesOf } from './timeline.ts';

export function starred(user: UserMemory, turn: Turn, word: Starred, attached: Attached): void {
  const stars = starsOf(user, turn, word.before);
  say(
    turn,
    attached.to,
    pageOf(user, word, stars, (star) => starredMessage(user, turn, star)),
  );
}

export function pinned(user: UserMemory, turn: Turn, word: Pinned, attached: Attached): void {
  const { with: peer, before } = word;
  const pins = pinnedIn(turn, `${peer}/`).map(({ n, event }) => ({ n, at: event }));
  const due = pins.filter(({ at }) => before === 0 || at < before);
  say(
    turn,
    attached.to,
    pageOf(user, word, due, ({ n }) => messageAt(user, turn, peer, n, rowAt(user, turn, n))),
  );
}

/** As much of a list, newest first, as fits an answer. What is gone is left out. `at`: places of the list, from which the next page goes on. */
function pageOf<T extends { readonly at: number }>(
  { limits }: UserMemory,
  { req, limit }: Starred | Pinned,
  list: readonly T[],
  read: (one: T) => MessageState | undefined,
): MessageList {
  const messages: MessageState[] = [];
  let chars = 0;
  let last = 0;
  for (const one of list) {
    if (messages.length === limit) return { kind: 'messages', req, messages, next: last };
    const message = read(one);
    chars += message?.body.length ?? 0;
    if (chars > limits.frame_body_chars_max && messages.length > 0)
      return { kind: 'messages', req, messages, next: last };
    if (message !== undefined) messages.push(message);
    last = one.at;
  }
  return { kind: 'messages', req, messages, next: 0 };
}

function starredMessage(user: UserMemory, turn: Turn, star: Star): MessageState | undefined {
  const { with: other, of } = star;
  if (isGroup(other)) {
    const entry = turn.peek<GroupEntry>(branchAt(turn.partition, other), 'log', numberKey(of.seq));
    return entry && messageAt(user, turn, other, 0, ['entry', other, of.seq, entry[3], '']);
  }
  const n = star.n > 0 ? star.n : findMessage(user, turn, other, of);
  return messageAt(user, turn, other, n, rowAt(user, turn, n));
}

function messageAt(
  user: UserMemory,
  turn: Turn,
  other: ConversationId,
  n: number,
  row: TimelineRow | undefined,
): MessageState | undefined {
  return row && statesOf(user, turn, other, conversationWith(user, turn, other), [[n, row]])[0];
}
