/** How far everyone has got: cursors of this user's devices, and marks that only grow, in both directions (A11). */
import type { UserProtocol } from '../../proto/mail.ts';
import type { ConversationId, DeviceId, Read } from '../../proto/words.ts';
import type { MailOf, Turn } from '../../runtime/index.ts';
import { isGroup, User } from '../kinds.ts';
import { numberKey } from '../numbers.ts';
import { headOf, markInGroup } from './groups.ts';
import {
  type Cursor,
  conversationWith,
  cursorsOf,
  devicesOf,
  saveConversation,
  topCursor,
  type UserMemory,
} from './memory.ts';
import type { TimelineRow } from './rows.ts';
import { isBlocked, privacyOf } from './self.ts';
import { announce, append, rowsAfter, stampOf } from './timeline.ts';
import { beginToVanish } from './vanishing.ts';

type Mail<K extends keyof UserProtocol> = Extract<MailOf<UserProtocol>, { kind: K }>;

/**
 * A device has all events up to `upTo`. Messages that no device had before count as delivered from now on. One turn looks at
 * no more than `received_rows_max` events beyond what was known: an honest device is never further ahead than its window.
 */
export function received(user: UserMemory, turn: Turn, device: DeviceId, upTo: number): void {
  const cursors = cursorsOf(user, turn);
  const top = topCursor(user, turn);
  const reached = Math.min(upTo, user.head, top + user.limits.received_rows_max);
  const cursor: Cursor = cursors.get(device) ?? { n: 0, saved: 0 };
  if (reached <= cursor.n) return;
  cursor.n = reached;
  cursors.set(device, cursor);

  const news = reached > top && deliver(user, turn, top, reached);
  // A cursor that only passes receipts is worth no commit: the device says it again when it says hello.
  if (!news && cursor.n - cursor.saved < user.limits.cursor_lag_events_max) return;
  cursor.saved = cursor.n;
  turn.put('cursor', device, cursor.n);
}

/** Tells the senders of the messages in after < n <= upTo. True when a message among them was not delivered before. */
function deliver(user: UserMemory, turn: Turn, after: number, upTo: number): boolean {
  const newest = new Map<ConversationId, number>();
  let messages = 0;
  let entries = 0;
  for (const row of rowsAfter(user, turn, after, upTo, upTo - after)) {
    if (row[0] === 'in') {
      newest.set(row[2], row[3]);
      messages++;
    } else if (row[0] === 'entry') {
      newest.set(row[1], row[2]);
      entries++;
    }
  }
  if (messages > 0) turn.count('messages_delivered', 'user', messages);
  if (entries > 0) turn.count('messages_delivered', 'group', entries);
  let news = false;
  for (const [peer, seq] of newest) {
    const conversation = conversationWith(user, turn, peer);
    if (seq <= conversation.inDelivered) continue;
    const at = stampOf(user, turn);
    saveConversation(user, turn, peer, { ...conversation, inDelivered: seq, inDeliveredAt: at });
    beginToVanish(user, turn, peer);
    user.owedReceipts.add(peer);
    news = true;
  }
  return news;
}

/** The person has read all of `with` up to `upTo`, and so its device has it, too. */
export function read(user: UserMemory, turn: Turn, word: Read): void {
  const peer = word.with;
  const conversation = conversationWith(user, turn, peer);
  const upTo = Math.min(word.upTo, isGroup(peer) ? headOf(user, turn, peer) : conversation.inSeq);
  if (upTo <= conversation.inRead) return;
  const at = stampOf(user, turn);
  const delivered = upTo > conversation.inDelivered ? { inDelivered: upTo, inDeliveredAt: at } : {};
  saveConversation(user, turn, peer, { ...conversation, ...delivered, inRead: upTo, inReadAt: at });
  beginToVanish(user, turn, peer);
  user.owedReceipts.add(peer);
  if (devicesOf(user, turn).size < 2) return;
  const row: TimelineRow = ['seen', peer, upTo, at];
  announce(user, turn, append(user, turn, at, row), row);
}

/** One receipt for each sender, whatever the words of the turn have moved: a device that shows a message says both in one frame. */
export function tellReceipts(user: UserMemory, turn: Turn): void {
  for (const peer of user.owedReceipts) {
    if (isGroup(peer)) {
      markInGroup(user, turn, peer);
      continue;
    }
    if (isBlocked(user, turn, peer)) continue;
    const { inDelivered: delivered, inRead, inDeliveredAt, inReadAt } = conversationWith(user, turn, peer);
    const read = privacyOf(user, turn).receipts ? inRead : 0;
    const at = Math.max(inDeliveredAt, inReadAt);
    turn.tell(User.ref(peer), { kind: 'receipt', from: user.self, delivered, read, at });
  }
  user.owedReceipts.clear();
}

/** A peer tells how far it has got. Marks are merged by their maximum, so that the order of receipts does not matter. */
export function takeReceipt(user: UserMemory, mail: Mail<'receipt'>, turn: Turn): void {
  const peer = mail.from;
  const conversation = conversationWith(user, turn, peer);
  const { outSeq, outDelivered, outRead } = conversation;
  // Whoever does not tell what it has read is not told either; what is read has been delivered all the same.
  const told = privacyOf(user, turn).receipts ? mail.read : 0;
  const read = Math.max(outRead, Math.min(told, outSeq));
  const delivered = Math.max(outDelivered, read, Math.min(mail.delivered, outSeq));
  if (delivered === outDelivered && read === outRead) return;
  const at = Math.max(mail.at, stampOf(user, turn));
  if (delivered > outDelivered) turn.count('receipts', 'delivered');
  if (read > outRead) turn.count('receipts', 'read');
  if (delivered > outDelivered) turn.put('mark', `${peer}/d/${numberKey(delivered)}`, at);
  if (read > outRead) turn.put('mark', `${peer}/r/${numberKey(read)}`, at);
  saveConversation(user, turn, peer, { ...conversation, outDelivered: delivered, outRead: read });
  const row: TimelineRow = ['receipt', peer, delivered, read, at];
  announce(user, turn, append(user, turn, at, row), row);
}
