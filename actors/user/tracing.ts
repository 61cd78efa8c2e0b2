/** What operators are told of one message: where it has come, and when. */
import type { UserProtocol } from '../../proto/mail.ts';
import type { KeptIn, Traced } from '../../proto/trace-mail.ts';
import type { ConversationId } from '../../proto/words.ts';
import type { MailOf, Turn } from '../../runtime/index.ts';
import { Group, isGroup, User } from '../kinds.ts';
import { numberKey } from '../numbers.ts';
import { findMessage } from './amending.ts';
import type { UserMemory } from './memory.ts';
import { rowAt, stateOf } from './timeline.ts';

type Mail<K extends keyof UserProtocol> = Extract<MailOf<UserProtocol>, { kind: K }>;

function trace(user: UserMemory, { id }: Mail<'trace'>, turn: Turn): void {
  turn.reply(traced(user, id, turn));
}

function traced(user: UserMemory, id: string, turn: Turn): Traced | null {
  const n = turn.get<number>('mid', id);
  const row = n === undefined ? undefined : rowAt(user, turn, n);
  const to = row?.[0] === 'out' ? row[2] : row?.[0] === 'entry' ? row[1] : undefined;
  if (n === undefined || row === undefined || to === undefined) return null;
  const message = stateOf(user, turn, to, n, row);
  if (message === undefined) return null;
  const { seq, at, delivered, read, failed } = message;
  return { to, seq, at, delivered, read, failed, keptIn: numberedIn(user, id, to, seq) };
}

function numberedIn({ self }: UserMemory, id: string, to: ConversationId, seq: number): KeptIn {
  // In a group that is an entry of its log.
  if (isGroup(to)) return { address: Group.ref(to).address, table: 'log', key: numberKey(seq) };
  return { address: User.ref(self).address, table: 'mid', key: id };
}

function arrival(user: UserMemory, { from, seq }: Mail<'arrival'>, turn: Turn): void {
  const n = findMessage(user, turn, from, { from, seq });
  turn.reply(n === 0 ? null : { address: User.ref(user.self).address, table: 'tl', key: numberKey(n) });
}

/** The turns of `TraceProtocol`. */
export const tracing = { trace, arrival };
