/** What a user keeps in memory while awake. All but what hangs on sockets is read back from its tables. */
import type { ConnectionProtocol } from '../../proto/mail.ts';
import type { ConversationId, DeviceId, GroupId, MessageId, Privacy, UserId } from '../../proto/words.ts';
import type { Ref, Turn } from '../../runtime/index.ts';
import type { MessengerLimits } from '../limits.ts';
import { numberOf } from '../numbers.ts';
import { type Heralds, noHeralds } from './heralds.ts';
import { newPeopleMemory, type PeopleMemory } from './people-memory.ts';
import {
  type AccountRow,
  type Conversation,
  type ConversationRow,
  conversationOf,
  conversationRow,
  type DenialRow,
  type DeviceRow,
  emptyConversation,
  type MembershipRow,
  type StarRow,
  type Sweep,
  type TimelineRow,
  type TimerRow,
  timeOf,
} from './rows.ts';

/** A connection that has said hello and passed. */
export interface Attached {
  readonly to: Ref<ConnectionProtocol>;
  readonly device: DeviceId;
  readonly session: string;
  /** Which of the client's sockets it is. */
  readonly run: string;
  readonly dial: number;
  activeAt: number;
  /** Mails of words that have come from it. */
  words: number;
  /** A desk, for one word: no socket of the device. */
  readonly aside?: true;
}

/** Presence as others see it. Volatile. */
export interface Presence {
  online: boolean;
  activeAt: number;
  /** A `quiet` is on its way. */
  waiting: boolean;
  /** What the row `seen` holds; undefined while unread. */
  saved: number | undefined;
  /** Who is to hear of changes, and until when. */
  readonly watchers: Map<UserId, number>;
}

export interface Cursor {
  n: number;
  /** What its row holds. */
  saved: number;
}

export interface UserMemory {
  readonly limits: MessengerLimits;
  readonly self: UserId;
  account: AccountRow | undefined;
  /** Number and time of the newest timeline event. */
  head: number;
  lastAt: number;
  /** The newest rows, those of numbers head - length + 1 to head. */
  recent: TimelineRow[];
  readonly conversations: Map<ConversationId, Conversation>;
  /** Read when first asked for. */
  devices: Map<DeviceId, DeviceRow> | undefined;
  cursors: Map<DeviceId | '', Cursor> | undefined;
  expiry: Sweep | undefined;
  tidy: Sweep | undefined;
  blocked: Set<UserId> | undefined;
  contacts: Map<UserId, string> | undefined;
  privacy: Privacy | undefined;
  /** What it has noted for itself, by table; read when first asked for. */
  readonly marked: { [table in 'star' | 'pin' | 'forgot']?: Map<string, StarRow> };
  readonly people: PeopleMemory;
  /** How messages vanish, where that was ever said. */
  timers: Map<UserId, TimerRow> | undefined;
  /** Users of whom there are messages that vanish and whose time has not begun. */
  waning: Set<UserId> | undefined;
  groups: Map<GroupId, MembershipRow> | undefined;
  /** What groups have not answered yet. */
  waiting: Map<MessageId, GroupId> | undefined;
  /** What was refused lately, oldest first. */
  denied: Map<MessageId, DenialRow> | undefined;
  /** By message id: the connection that said it last. Volatile. */
  readonly askers: Map<MessageId, string>;
  /** By the connection's address. Volatile. */
  readonly attached: Map<string, Attached>;
  /** Those that the turn of now has taken off `attached`: should it fail, they were not told. */
  readonly detached: Map<string, Attached>;
  readonly presence: Presence;
  readonly heralds: Heralds;
  /** Senders who are to hear, at the end of the turn of now, how far this user has got. */
  readonly owedReceipts: Set<ConversationId>;
}

export function wakeUser(turn: Turn, spoilt: UserMemory | undefined, limits: MessengerLimits): UserMemory {
  const newest = turn.range<TimelineRow>('tl', { reverse: true, limit: 1 })[0];
  return {
    limits,
    self: turn.self.slice(turn.self.indexOf('/') + 1),
    account: turn.get<AccountRow>('account'),
    head: newest === undefined ? 0 : numberOf(newest[0]),
    lastAt: newest === undefined ? 0 : timeOf(newest[1]),
    recent: newest === undefined ? [] : [newest[1]],
    conversations: new Map(),
    devices: undefined,
    cursors: undefined,
    expiry: undefined,
    tidy: undefined,
    blocked: undefined,
    contacts: undefined,
    privacy: undefined,
    people: newPeopleMemory(),
    timers: undefined,
    marked: {},
    waning: undefined,
    groups: undefined,
    waiting: undefined,
    denied: undefined,
    askers: new Map(spoilt?.askers),
    attached: new Map([...(spoilt?.detached ?? []), ...(spoilt?.attached ?? [])]),
    detached: new Map(),
    heralds: noHeralds(spoilt?.heralds),
    owedReceipts: new Set(),
    presence: {
      online: spoilt?.presence.online ?? false,
      activeAt: spoilt?.presence.activeAt ?? 0,
      // The timer may have gone with the turn that failed.
      waiting: false,
      saved: undefined,
      watchers: spoilt?.presence.watchers ?? new Map(),
    },
  };
}

/** Takes a connection off. */
export function detach(user: UserMemory, connection: string): void {
  const attached = user.attached.get(connection);
  if (attached === undefined) return;
  user.attached.delete(connection);
  user.detached.set(connection, attached);
}

export function devicesOf(user: UserMemory, turn: Turn): Map<DeviceId, DeviceRow> {
  user.devices ??= new Map(turn.range<DeviceRow>('device'));
  return user.devices;
}

export function cursorsOf(user: UserMemory, turn: Turn): Map<DeviceId | '', Cursor> {
  user.cursors ??= new Map(turn.range<number>('cursor').map(([device, n]) => [device, { n, saved: n }]));
  return user.cursors;
}

/** Everything up to this number has reached some device. */
export function topCursor(user: UserMemory, turn: Turn): number {
  let top = 0;
  for (const { n } of cursorsOf(user, turn).values()) if (n > top) top = n;
  return top;
}

export function conversationWith(user: UserMemory, turn: Turn, peer: ConversationId): Conversation {
  const cached = user.conversations.get(peer);
  if (cached !== undefined) return cached;
  const row = turn.get<ConversationRow>('conv', peer);
  const conversation = row === undefined ? emptyConversation : conversationOf(row);
  keep(user, peer, conversation);
  return conversation;
}

export function saveConversation(user: UserMemory, turn: Turn, peer: ConversationId, conversation: Conversation): void {
  turn.put('conv', peer, conversationRow(conversation));
  keep(user, peer, conversation);
}

function keep(user: UserMemory, peer: ConversationId, conversation: Conversation): void {
  // Emptying all of it at the bound is as good as anything finer: the next few turns read back what they need.
  if (user.conversations.size >= user.limits.conversations_cached_max) user.conversations.clear();
  user.conversations.set(peer, conversation);
}
