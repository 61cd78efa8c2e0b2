/** What members ask: who else is there, how far they have got, what was said. All of it is answered straight to the connection that asked. */
import type { GroupEntry, GroupProtocol } from '../../proto/group-mail.ts';
import type { ConnectionProtocol } from '../../proto/mail.ts';
import { refused } from '../../proto/refusals.ts';
import type {
  History,
  MessageState,
  Pinned,
  Reach,
  Reactions,
  RefusalCode,
  Roster,
  ServerWord,
  UserId,
} from '../../proto/words.ts';
import type { MailOf, Ref, Turn } from '../../runtime/index.ts';
import { amendmentsOf, reactedTo, reactionsTo } from '../amendments.ts';
import { messageOf } from '../group-events.ts';
import { branchAt } from '../kinds.ts';
import { numberKey, numberOf } from '../numbers.ts';
import { pinnedAt, pinnedIn } from '../pins.ts';
import type { GroupMemory } from './memory.ts';
import { othersThan } from './receipts.ts';
import type { AboutRow, Member } from './rows.ts';

type Mail<K extends keyof GroupProtocol> = Extract<MailOf<GroupProtocol>, { kind: K }>;

export function question(group: GroupMemory, mail: Mail<'question'>, turn: Turn): void {
  const to: Ref<ConnectionProtocol> = { address: mail.connection };
  turn.whisper(to, { kind: 'say', words: [answerTo(group, turn, mail)] });
}

function answerTo(group: GroupMemory, turn: Turn, { from, word, without }: Mail<'question'>): ServerWord {
  const { about } = group;
  const member = group.members.get(from);
  const no = (code: RefusalCode): ServerWord => refused(code, { req: word.req });
  if (about === undefined) return no('unknown_group');
  if (member === undefined) return no('not_a_member');
  switch (word.kind) {
    case 'roster':
      return rosterOf(group, about, word);
    case 'reach':
      return reachOf(group, turn, member, word) ?? no('unknown_message');
    case 'reactions':
      return reactedOf(turn, member, about, word) ?? no('unknown_message');
    case 'pinned':
      return pinnedOf(group, turn, { from, member, without: new Set(without) }, about, word);
    case 'history':
      return historyOf(group, turn, { from, member, without: new Set(without) }, about, word);
  }
}

function rosterOf(group: GroupMemory, about: AboutRow, { req, with: self, after, limit }: Roster): ServerWord {
  const { list, next } = pageAfter(othersThan(group, ''), after, limit);
  const members = list.map(([user, { role, at }]) => ({ user, role, since: at }));
  return { kind: 'members', req, with: self, ...about, count: group.members.size, list: members, next };
}

/** Undefined: no such message, or one from before this member came. */
function reachOf(group: GroupMemory, turn: Turn, asker: Member, word: Reach): ServerWord | undefined {
  const { req, with: self, seq, after, limit } = word;
  const entry = turn.get<GroupEntry>('log', numberKey(seq));
  if (entry?.[0] !== 'message' || seq < asker.since) return undefined;
  const others = othersThan(group, entry[2]).filter(([, { since }]) => since < seq);
  const delivered = others.filter(([, member]) => member.delivered >= seq).length;
  const read = others.filter(([, member]) => member.read >= seq).length;
  const { list, next } = pageAfter(others, after, limit);
  const times = list.map(([user, member]) => ({ user, ...timesOf(member, seq) }));
  return { kind: 'reached', req, with: self, seq, count: others.length, delivered, read, list: times, next };
}

function timesOf({ delivered, deliveredAt, read, readAt }: Member, seq: number): { delivered: number; read: number } {
  return { delivered: seq <= delivered ? deliveredAt : 0, read: seq <= read ? readAt : 0 };
}

function pageAfter(
  members: readonly (readonly [UserId, Member])[],
  after: UserId | '',
  limit: number,
): { readonly list: readonly (readonly [UserId, Member])[]; readonly next: UserId | '' } {
  const rest = members.filter(([user]) => user > after);
  const list = rest.slice(0, limit);
  return { list, next: rest.length > limit ? (list.at(-1)?.[0] ?? '') : '' };
}

// ---------------------------------------------------------------- history

interface Reader {
  readonly from: UserId;
  readonly member: Member;
  /** Messages that it does not want to see. */
  readonly without: ReadonlySet<number>;
}

/** Messages below `before`, newest first; of what was before the member came only where the group shares it. */
function historyOf(
  group: GroupMemory,
  turn: Turn,
  { from, member, without }: Reader,
  about: AboutRow,
  { req, with: self, before, limit }: History,
): ServerWord {
  const { sweep_rows_max, frame_body_chars_max } = group.limits;
  const floor = about.shared ? 1 : member.since;
  const top = before === 0 ? group.head + 1 : before;
  const range = { from: numberKey(floor), to: numberKey(Math.min(top, group.head + 1)), limit: sweep_rows_max };
  const rows = top > floor ? turn.range<GroupEntry>('log', { ...range, reverse: true }) : [];
  const messages: MessageState[] = [];
  let chars = 0;
  let next = 0;
  for (const [key, entry] of rows) {
    const seq = numberOf(key);
    if (entry[0] === 'message' && !without.has(seq)) {
      const body = textOf(turn, seq, entry[4]);
      chars += body.length;
      if (messages.length === limit || (chars > frame_body_chars_max && messages.length > 0)) {
        next = seq + 1;
        break;
      }
      messages.push(stateAt(group, turn, { from, member }, seq, entry));
    }
    if (rows.length === sweep_rows_max && seq > floor) next = seq;
  }
  return { kind: 'page', req, with: self, messages, next };
}

type MessageEntry = Extract<GroupEntry, { 0: 'message' }>;

function stateAt(
  group: GroupMemory,
  turn: Turn,
  { from, member }: Pick<Reader, 'from' | 'member'>,
  seq: number,
  entry: MessageEntry,
): MessageState {
  return {
    ...messageOf(group.self, seq, entry),
    body: textOf(turn, seq, entry[4]),
    ...changesOf(turn, from, seq),
    n: 0,
    ...stateOf(group, from, member, entry[2], seq),
    failed: '',
  };
}

/** Messages that are pinned, the newest pin first; of those from before the member came only where the group shares them. */
function pinnedOf(group: GroupMemory, turn: Turn, reader: Reader, about: AboutRow, word: Pinned): ServerWord {
  const { req, before, limit } = word;
  const floor = about.shared ? 1 : reader.member.since;
  const messages: MessageState[] = [];
  let chars = 0;
  let last = 0;
  for (const { place, event } of pinnedIn(turn)) {
    const seq = numberOf(place);
    const entry = turn.get<GroupEntry>('log', place);
    const isDue = (before === 0 || event < before) && seq >= floor && !reader.without.has(seq);
    if (!isDue || entry?.[0] !== 'message') continue;
    const message = stateAt(group, turn, reader, seq, entry);
    chars += message.body.length;
    const isFull = messages.length === limit || chars > group.limits.frame_body_chars_max;
    if (isFull && messages.length > 0) return { kind: 'messages', req, messages, next: last };
    messages.push(message);
    last = event;
  }
  return { kind: 'messages', req, messages, next: 0 };
}

/** Undefined: no such message, or one from before this member came. */
function reactedOf(turn: Turn, asker: Member, about: AboutRow, word: Reactions): ServerWord | undefined {
  const { req, with: self, of, after, limit } = word;
  const place = numberKey(of.seq);
  const entry = turn.get<GroupEntry>('log', place);
  const isVisible = about.shared || of.seq >= asker.since;
  if (entry?.[0] !== 'message' || entry[2] !== of.from || !isVisible) return undefined;
  return { kind: 'reacted', req, with: self, of, ...reactedTo(turn, place, after, limit) };
}

/** What has become of a message since, as `user` is told of it. */
function changesOf(turn: Turn, user: UserId, seq: number) {
  const place = numberKey(seq);
  const row = amendmentsOf(turn, place);
  const { edited, retracted } = row;
  return { edited, retracted, reactions: reactionsTo(turn, place, row, user), pinned: pinnedAt(turn, place) };
}

/** What a message says now; `first`: what it said at first. */
function textOf(turn: Turn, seq: number, first: string): string {
  const edit = amendmentsOf(turn, numberKey(seq)).edits.at(-1);
  const text = edit === undefined ? undefined : turn.get<GroupEntry>('log', numberKey(edit));
  return text?.[0] === 'amended' && text[5].what === 'edit' ? text[5].body : first;
}

/** Of an own message: when the last of the others had it, and had read it. */
function stateOf(group: GroupMemory, from: UserId, member: Member, author: UserId, seq: number) {
  if (author !== from) return timesOf(member, seq);
  const others = othersThan(group, from).map(([, other]) => other);
  const isDelivered = seq <= member.toldDelivered;
  const isRead = seq <= member.toldRead;
  return {
    delivered: isDelivered ? Math.max(0, ...others.map(({ deliveredAt }) => deliveredAt)) : 0,
    read: isRead ? Math.max(0, ...others.map(({ readAt }) => readAt)) : 0,
  };
}

// ---------------------------------------------------------------- typing

/** To all branches; they know who looks. */
export function passTyping(group: GroupMemory, typed: Mail<'typing'>, turn: Turn): void {
  if (!group.members.has(typed.from)) return;
  for (const partition of group.branches.keys()) turn.whisper(branchAt(partition, group.self), typed);
}
