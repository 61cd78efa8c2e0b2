/**
 * Messages found by what they say. There is no index: a turn reads some rows of the timeline, from the newest on, and says where to go on
 * (docs/decisions/0012-search-reads-what-there-is.md).
 */
import type { ConversationId, MessageList, MessageState, More, Search } from '../../proto/words.ts';
import type { Turn } from '../../runtime/index.ts';
import { isGroup } from '../kinds.ts';
import { numberKey, numberOf } from '../numbers.ts';
import { holds, termsOf } from '../search-terms.ts';
import { say } from './admission.ts';
import { entryOf, entryTextOf } from './events.ts';
import { isForgotten } from './marks.ts';
import { type Attached, conversationWith, type UserMemory } from './memory.ts';
import { peerOf, prevOf, type TimelineRow } from './rows.ts';
import { bodyOf, rowAt, statesOf } from './timeline.ts';

type Numbered = readonly [n: number, row: TimelineRow];

/** Rows that are read at once: a few long ones must not make a long turn. */
const chunk_rows = 16;

export function search(user: UserMemory, turn: Turn, word: Search, attached: Attached): void {
  say(turn, attached.to, foundBy(user, turn, word));
}

function foundBy(user: UserMemory, turn: Turn, word: Search): MessageList {
  const { search_rows_max, search_chars_max, frame_body_chars_max } = user.limits;
  const { req, limit } = word;
  const terms = termsOf(word.words);
  const found: Numbered[] = [];
  let next = 0;
  let steps = 0;
  let read = 0;
  let told = 0;
  for (const [n, row] of rowsFor(user, turn, word)) {
    if (steps++ === search_rows_max || read > search_chars_max || found.length === limit) {
      next = n + 1;
      break;
    }
    const said = saidBy(user, turn, word, row);
    // What is not wanted has been read from the disk all the same.
    read += said?.length ?? (row[0] === 'in' || row[0] === 'out' ? row[5].length : 0);
    if (said === undefined) continue;
    if (!holds(said, terms)) continue;
    told += said.length;
    if (told > frame_body_chars_max && found.length > 0) {
      next = n + 1;
      break;
    }
    found.push([n, row]);
  }
  return { kind: 'messages', req, messages: withStates(user, turn, found), next };
}

// ---------------------------------------------------------------- where it looks

/** Of a conversation of two its own messages, else all that came; from the newest below the cursor on. */
function rowsFor(user: UserMemory, turn: Turn, { with: other, cursor }: Search): Generator<Numbered> {
  const top = cursor === 0 ? user.head : Math.min(cursor - 1, user.head);
  return other === undefined || isGroup(other) ? timelineFrom(turn, top) : chainFrom(user, turn, other, top);
}

function* timelineFrom(turn: Turn, top: number): Generator<Numbered> {
  for (let to = top + 1; to > 1; to -= chunk_rows) {
    const from = Math.max(1, to - chunk_rows);
    const rows = turn.range<TimelineRow>('tl', { from: numberKey(from), to: numberKey(to), reverse: true });
    for (const [key, row] of rows) yield [numberOf(key), row];
  }
}

function* chainFrom(user: UserMemory, turn: Turn, peer: string, top: number): Generator<Numbered> {
  let n = Math.min(top, conversationWith(user, turn, peer).last);
  while (n > 0) {
    const row = rowAt(user, turn, n);
    if (row === undefined) return;
    yield [n, row];
    // A cursor of the client's making may lie between two messages.
    n = peerOf(row) === peer ? prevOf(row) : n - 1;
  }
}

// ---------------------------------------------------------------- what it looks at

/** What a message says now; undefined for what is no message, says nothing, or is not among those that are wanted. */
function saidBy(user: UserMemory, turn: Turn, wanted: Search, row: TimelineRow): string | undefined {
  if (row[0] === 'in' || row[0] === 'out') {
    const [kind, , peer, , at, body] = row;
    const author = kind === 'out' ? user.self : peer;
    const more = row[0] === 'in' ? row[8] : row[7];
    if (!isWanted(wanted, peer, author, at) || isEmpty(body, more)) return undefined;
    return textWith(bodyOf(user, turn, peer, row), more);
  }
  if (row[0] !== 'entry' || !isWanted(wanted, row[1], undefined, row[3])) return undefined;
  const [, group, seq] = row;
  const entry = entryOf(turn, group, seq);
  if (entry[0] !== 'message') return undefined;
  const [, , from, at, body, more] = entry;
  if (!isWanted(wanted, group, from, at) || isEmpty(body, more)) return undefined;
  if (isForgotten(user, turn, group, { from, seq })) return undefined;
  return textWith(entryTextOf(user, turn, group, seq, body).body, more);
}

/** `author` undefined: not known yet. */
function isWanted(
  { with: other, from, after = 0, before = Number.POSITIVE_INFINITY }: Search,
  conversation: string,
  author: string | undefined,
  at: number,
): boolean {
  if (other !== undefined && other !== conversation) return false;
  if (from !== undefined && author !== undefined && from !== author) return false;
  return at >= after && at < before;
}

/** What was taken back says nothing any more. */
function isEmpty(body: string, more: More | undefined): boolean {
  return body === '' && more === undefined;
}

/** With the names of places and people in it. */
function textWith(body: string, more: More | undefined): string {
  const names = [more?.place?.name, more?.card?.name].filter((name) => name !== undefined && name !== '');
  return [body, ...names].join('\n');
}

/** Newest first, as they were found, with what has become of each. */
function withStates(user: UserMemory, turn: Turn, found: readonly Numbered[]): MessageState[] {
  const byConversation = new Map<ConversationId, Numbered[]>();
  for (const one of found) {
    const [, row] = one;
    const other = row[0] === 'entry' ? row[1] : peerOf(row);
    const rows = byConversation.get(other) ?? [];
    byConversation.set(other, rows);
    rows.push(one);
  }
  const states = [...byConversation].flatMap(([other, rows]) => {
    return statesOf(user, turn, other, conversationWith(user, turn, other), rows);
  });
  return states.sort((a, b) => b.n - a.n);
}
