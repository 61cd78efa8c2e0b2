/** The timeline: appending events, telling connections of them, and reading them back. */
import type { UserProtocol } from '../../proto/mail.ts';
import { refused } from '../../proto/refusals.ts';
import type {
  ConversationId,
  FailedEvent,
  History,
  Inquire,
  MessageEvent,
  MessageState,
  ServerWord,
  TimelineEvent,
  UserId,
} from '../../proto/words.ts';
import type { MailOf, Turn } from '../../runtime/index.ts';
import { amendmentsOf, reactionsTo } from '../amendments.ts';
import { isGroup } from '../kinds.ts';
import { numberKey, numberOf } from '../numbers.ts';
import { pinnedAt } from '../pins.ts';
import { admitted, say } from './admission.ts';
import { entryTextOf, eventOf } from './events.ts';
import { hookNews } from './hook.ts';
import { type Attached, conversationWith, type UserMemory } from './memory.ts';
import { pushNews } from './pushes.ts';
import { type Conversation, type FailRow, peerOf, placeOf, prevOf, type TimelineRow } from './rows.ts';

type Mail<K extends keyof UserProtocol> = Extract<MailOf<UserProtocol>, { kind: K }>;

/** Now, but never before an earlier event of this timeline: nodes' clocks differ, and times of a message must not go back (A11). */
export function stampOf(user: UserMemory, turn: Turn): number {
  return Math.max(turn.now, user.lastAt);
}

/** Appends one event and tells every connection. Returns its number. */
export function append(user: UserMemory, turn: Turn, at: number, row: TimelineRow): number {
  const n = ++user.head;
  if (at > user.lastAt) user.lastAt = at;
  turn.put('tl', numberKey(n), row);
  if (user.recent.length >= 2 * user.limits.recent_events_max) {
    user.recent = user.recent.slice(-user.limits.recent_events_max);
  }
  user.recent.push(row);
  return n;
}

/** Tells the connections of the new event `n`; `instead` is for the one connection that needs no more than that word. */
export function announce(
  user: UserMemory,
  turn: Turn,
  n: number,
  row: TimelineRow,
  instead?: { readonly connection: string; readonly word: ServerWord },
): void {
  hookNews(user, turn);
  pushNews(user, turn, n, row);
  if (user.attached.size === 0) return;
  let words: readonly ServerWord[] | undefined;
  for (const [connection, attached] of user.attached) {
    if (connection === instead?.connection) turn.whisper(attached.to, { kind: 'news', n, words: [instead.word] });
    else if (admitted(user, turn, connection, attached)) {
      words ??= [{ kind: 'events', from: n, list: [eventOf(user, turn, row)] }];
      turn.whisper(attached.to, { kind: 'news', n, words });
    }
  }
}

/** Rows of the numbers after < n <= upTo, at most `limit` of them. */
export function rowsAfter(
  user: UserMemory,
  turn: Turn,
  after: number,
  upTo: number,
  limit: number,
): readonly TimelineRow[] {
  const end = Math.min(upTo, after + limit, user.head);
  if (end <= after) return [];
  const firstRecent = user.head - user.recent.length + 1;
  if (after + 1 >= firstRecent) return user.recent.slice(after + 1 - firstRecent, end + 1 - firstRecent);
  const rows = turn.range<TimelineRow>('tl', { from: numberKey(after + 1), to: numberKey(end + 1) });
  return rows.map(([, row]) => row);
}

export function rowAt(user: UserMemory, turn: Turn, n: number): TimelineRow | undefined {
  const recent = user.recent[n - (user.head - user.recent.length + 1)];
  return recent ?? turn.get<TimelineRow>('tl', numberKey(n));
}

/** A connection that fell behind asks for what comes after `after`. */
export function pull(user: UserMemory, mail: Mail<'pull'>, turn: Turn): void {
  const attached = user.attached.get(mail.connection);
  if (attached === undefined) {
    say(turn, { address: mail.connection }, { kind: 'resync' });
    return;
  }
  if (!admitted(user, turn, mail.connection, attached)) return;
  const { frame_events_max, frame_body_chars_max } = user.limits;
  const list: TimelineEvent[] = [];
  let chars = 0;
  for (const row of rowsAfter(user, turn, mail.after, user.head, Math.min(mail.limit, frame_events_max))) {
    const event = eventOf(user, turn, row);
    chars += event.kind === 'message' ? event.body.length + (event.more?.file?.preview?.length ?? 0) : 0;
    if (chars > frame_body_chars_max && list.length > 0) break;
    list.push(event);
  }
  if (list.length === 0) return;
  const n = mail.after + 1;
  turn.whisper(attached.to, { kind: 'news', n, words: [{ kind: 'events', from: n, list }] });
}

// ---------------------------------------------------------------- history

/** Follows the conversation's chain of messages from the newest below `before`. */
export function history(user: UserMemory, turn: Turn, word: History, attached: Attached): void {
  const { limits } = user;
  const conversation = conversationWith(user, turn, word.with);
  const found: [n: number, row: TimelineRow][] = [];
  let chars = 0;
  let steps = 0;
  let n = newestBelow(user, turn, word, conversation);
  while (n > 0 && found.length < word.limit && steps++ < limits.sweep_rows_max) {
    const row = rowAt(user, turn, n);
    if (row === undefined || peerOf(row) !== word.with) break;
    if (row[0] === 'in' || row[0] === 'out') {
      chars += bodyOf(user, turn, word.with, row).length;
      if (chars > limits.frame_body_chars_max && found.length > 0) break;
      found.push([n, row]);
    }
    n = prevOf(row);
  }
  const messages = statesOf(user, turn, word.with, conversation, found);
  // Nothing is left below, or the next page begins with message n, which lies below n + 1.
  const next = n > 0 ? n + 1 : 0;
  say(turn, attached.to, { kind: 'page', req: word.req, with: word.with, messages, next });
}

/** Number of the conversation's newest message below `before`; where it takes long to find, of where to look on. */
function newestBelow(
  user: UserMemory,
  turn: Turn,
  { with: peer, before }: History,
  conversation: Conversation,
): number {
  if (before === 0 || before > conversation.last) return conversation.last;
  const next = rowAt(user, turn, before - 1);
  if (next !== undefined && peerOf(next) === peer) return before - 1;
  const floor = Math.max(0, before - 1 - user.limits.sweep_rows_max);
  const rows = rowsAfter(user, turn, floor, before - 1, user.limits.sweep_rows_max);
  for (let i = rows.length - 1; i >= 0; i--) {
    const row = rows[i];
    if (row !== undefined && peerOf(row) === peer) return floor + 1 + i;
  }
  return floor;
}

/** What has become of one message that this account sent. */
export function inquire(user: UserMemory, turn: Turn, word: Inquire, attached: Attached): void {
  const n = turn.get<number>('mid', word.id);
  const row = n === undefined ? undefined : rowAt(user, turn, n);
  const to = row?.[0] === 'out' ? row[2] : row?.[0] === 'entry' ? row[1] : undefined;
  if (n === undefined || row === undefined || to === undefined) {
    say(turn, attached.to, refused('unknown_message', { req: word.req }));
    return;
  }
  const message = stateOf(user, turn, to, n, row);
  if (message !== undefined) say(turn, attached.to, { kind: 'answer', req: word.req, message });
}

/** One message, with what has become of it. */
export function stateOf(
  user: UserMemory,
  turn: Turn,
  peer: ConversationId,
  n: number,
  row: TimelineRow,
): MessageState | undefined {
  return statesOf(user, turn, peer, conversationWith(user, turn, peer), [[n, row]])[0];
}

type Found = readonly (readonly [n: number, row: TimelineRow])[];

/** Messages of one conversation, newest first, with what has become of them. */
export function statesOf(
  user: UserMemory,
  turn: Turn,
  peer: ConversationId,
  conversation: Conversation,
  found: Found,
): MessageState[] {
  const sent = found.flatMap(([, row]) => (row[0] === 'out' ? [row[3]] : row[0] === 'entry' ? [row[2]] : []));
  const delivered = marksFrom(turn, `${peer}/d/`, sent);
  const read = marksFrom(turn, `${peer}/r/`, sent);
  const failed = failuresOf(turn, peer, sent);
  return found.flatMap(([n, row]): MessageState[] => {
    const said = eventOf(user, turn, row);
    if (said.kind !== 'message') return [];
    const event = { ...said, ...changesOf(user, turn, peer, said) };
    if (event.from === user.self) {
      const failure = failed.get(event.seq);
      if (failure !== undefined) return [{ ...event, n, delivered: 0, read: 0, failed: failure }];
      const times = { delivered: firstMark(delivered, event.seq), read: firstMark(read, event.seq) };
      return [{ ...event, n, ...times, failed: '' }];
    }
    // Of messages to this user only the latest mark is kept: its time is exact for the newest message that it covers.
    const { inDelivered, inDeliveredAt, inRead, inReadAt } = conversation;
    const times = { delivered: event.seq <= inDelivered ? inDeliveredAt : 0, read: event.seq <= inRead ? inReadAt : 0 };
    return [{ ...event, n, ...times, failed: '' }];
  });
}

/** What a message says now, and what else has become of it; of those of a group only the group knows all. */
function changesOf(user: UserMemory, turn: Turn, peer: ConversationId, { from, seq, body }: MessageEvent) {
  if (isGroup(peer)) {
    return { ...entryTextOf(user, turn, peer, seq, body), retracted: 0, reactions: [], pinned: 0 };
  }
  const place = placeOf(user.self, peer, { from, seq });
  const row = amendmentsOf(turn, place);
  const { edited, retracted, edits } = row;
  return {
    body: latest(user, turn, edits) ?? body,
    edited,
    retracted,
    reactions: reactionsTo(turn, place, row, user.self),
    pinned: pinnedAt(turn, place),
  };
}

/** What a message says now. */
export function bodyOf(
  user: UserMemory,
  turn: Turn,
  peer: UserId,
  row: Extract<TimelineRow, { 0: 'in' | 'out' }>,
): string {
  const from = row[0] === 'out' ? user.self : peer;
  return latest(user, turn, amendmentsOf(turn, placeOf(user.self, peer, { from, seq: row[3] })).edits) ?? row[5];
}

/** The newest of the texts that a message was given later; undefined for none. */
function latest(user: UserMemory, turn: Turn, edits: readonly number[]): string | undefined {
  const edit = edits.at(-1);
  const text = edit === undefined ? undefined : rowAt(user, turn, edit);
  return text?.[0] === 'amended' && text[7].what === 'edit' ? text[7].body : undefined;
}

type Marks = readonly (readonly [seq: number, at: number])[];

/** The marks that cover any of `seqs`: each covers all up to its own number, so there are at most as many as messages. */
function marksFrom(turn: Turn, prefix: string, seqs: readonly number[]): Marks {
  const lowest = Math.min(...seqs);
  if (lowest === Number.POSITIVE_INFINITY) return [];
  const highest = Math.max(...seqs);
  const limit = highest - lowest + 1;
  const rows = turn.range<number>('mark', { from: prefix + numberKey(lowest), to: `${prefix}~`, limit });
  return rows.map(([key, at]) => [numberOf(key.slice(prefix.length)), at]);
}

/** The time of the first mark that covers `seq`; 0 for none. */
function firstMark(marks: Marks, seq: number): number {
  return marks.find(([upTo]) => upTo >= seq)?.[1] ?? 0;
}

function failuresOf(turn: Turn, peer: ConversationId, seqs: readonly number[]): Map<number, FailedEvent['code']> {
  if (seqs.length === 0) return new Map();
  const from = `${peer}/${numberKey(Math.min(...seqs))}`;
  const rows = turn.range<FailRow>('fail', { from, to: `${peer}/${numberKey(Math.max(...seqs) + 1)}` });
  return new Map(rows.map(([key, row]) => [numberOf(key.slice(peer.length + 1)), row.code]));
}
