/** Messages of a conversation of two that are edited, taken back and reacted to, on both sides. */
import type { UserProtocol } from '../../proto/mail.ts';
import { refused } from '../../proto/refusals.ts';
import type { Amend, Amendment, MessageId, MessageRef, Reactions, RefusalCode, UserId } from '../../proto/words.ts';
import type { MailOf, Turn } from '../../runtime/index.ts';
import { amendmentsOf, noteEdit, noteReaction, noteRetraction, reactedTo, reactionOf } from '../amendments.ts';
import { User } from '../kinds.ts';
import { addPin, pinnedAt, pinnedIn, pinsAt, takeOff, unpin } from '../pins.ts';
import { say } from './admission.ts';
import { armTidy, releaseFileOf, replace } from './expiry.ts';
import { deniedBefore, deny } from './groups.ts';
import { dropStar } from './marks.ts';
import { type Attached, conversationWith, type UserMemory } from './memory.ts';
import { peerOf, placeOf, prevOf, type TimelineRow } from './rows.ts';
import { isBlocked } from './self.ts';
import { announce, append, rowAt, stampOf } from './timeline.ts';

type Mail<K extends keyof UserProtocol> = Extract<MailOf<UserProtocol>, { kind: K }>;

/** Every so many messages of one direction the timeline number of one is written down, so that each can be found. */
const noted_every = 64;

/** A message has got its place in the timeline. */
export function notePlace(user: UserMemory, turn: Turn, peer: UserId, of: MessageRef, n: number): void {
  if (of.seq % noted_every === 0) turn.put('nth', placeOf(user.self, peer, of), n);
}

/** Timeline number of a message; 0 when it is not there, or too far away to be looked for in one turn. */
export function findMessage(user: UserMemory, turn: Turn, peer: UserId, of: MessageRef): number {
  const place = placeOf(user.self, peer, of);
  const direction = of.from === user.self ? 'out' : 'in';
  const range = { from: place, to: `${place.slice(0, place.lastIndexOf('/'))}/~`, limit: 1 };
  let n = turn.range<number>('nth', range)[0]?.[1] ?? conversationWith(user, turn, peer).last;
  for (let steps = 0; n > 0 && steps < user.limits.amend_rows_max; steps++) {
    const row = rowAt(user, turn, n);
    if (row === undefined || peerOf(row) !== peer) return 0;
    if (row[0] === direction && row[3] <= of.seq) return row[3] === of.seq ? n : 0;
    n = prevOf(row);
  }
  return 0;
}

// ---------------------------------------------------------------- out

export function amend(user: UserMemory, turn: Turn, word: Amend, connection: string, attached: Attached): void {
  const { id, with: peer, of, deed } = word;
  if (deniedBefore(user, turn, id, attached)) return;
  const objection = isBlocked(user, turn, peer) ? 'blocked' : objectionTo(user, turn, word);
  if (objection !== undefined) {
    deny(user, turn, id, objection, attached);
    return;
  }
  // Later than all that is here: no two pins of a user are alike.
  const at = deed.what === 'pin' ? Math.max(stampOf(user, turn), user.lastAt + 1) : stampOf(user, turn);
  if (!isNews(user, turn, word)) {
    say(turn, attached.to, { kind: 'accepted', id, n: 0, seq: 0, at });
    return;
  }
  const off = deed.what === 'pin' && !deed.on ? pinsAt(turn, placeOf(user.self, peer, of)) : [];
  const { n, row } = carryOut(user, turn, peer, { id, of, by: user.self, at, deed });
  turn.put('mid', id, n);
  armTidy(user, turn, at);
  turn.tell(User.ref(peer), { kind: 'amended', id, from: user.self, of, at, deed, ...(off.length > 0 && { off }) });
  announce(user, turn, n, row, { connection, word: { kind: 'accepted', id, n, seq: 0, at } });
}

function objectionTo(user: UserMemory, turn: Turn, { with: peer, of, deed }: Amend): RefusalCode | undefined {
  if (!isSaid(user, turn, peer, of)) return 'unknown_message';
  const { retracted, edits } = amendmentsOf(turn, placeOf(user.self, peer, of));
  if ((deed.what === 'edit' || deed.what === 'retract') && of.from !== user.self) return 'not_the_author';
  if (retracted > 0) return deed.what === 'retract' ? undefined : 'retracted';
  const row = rowAt(user, turn, findMessage(user, turn, peer, of));
  if (row === undefined) return 'unknown_message';
  if (deed.what === 'react') return undefined;
  if (deed.what === 'pin') {
    const isFull = deed.on && pinnedIn(turn, `${peer}/`).length >= user.limits.pins_max;
    return isFull && pinnedAt(turn, placeOf(user.self, peer, of)) === 0 ? 'too_many_pins' : undefined;
  }
  const { edit_ms, retract_ms, edits_max } = user.limits;
  if (row[0] !== 'out') return 'unknown_message';
  const isLate = turn.now > row[4] + (deed.what === 'edit' ? edit_ms : retract_ms);
  return isLate || (deed.what === 'edit' && edits.length >= edits_max) ? 'too_late' : undefined;
}

function isSaid(user: UserMemory, turn: Turn, peer: UserId, { from, seq }: MessageRef): boolean {
  const { outSeq, inSeq } = conversationWith(user, turn, peer);
  return from === user.self ? seq <= outSeq : from === peer && seq <= inSeq;
}

function isNews(user: UserMemory, turn: Turn, { with: peer, of, deed }: Amend): boolean {
  const place = placeOf(user.self, peer, of);
  if (deed.what === 'react') return deed.text !== reactionOf(turn, place, user.self);
  if (deed.what === 'pin') return deed.on !== pinnedAt(turn, place) > 0;
  return deed.what === 'edit' || amendmentsOf(turn, place).retracted === 0;
}

interface Change {
  readonly id: MessageId;
  readonly of: MessageRef;
  readonly by: UserId;
  readonly at: number;
  readonly deed: Amendment;
}

function carryOut(user: UserMemory, turn: Turn, peer: UserId, change: Change): { n: number; row: TimelineRow } {
  const { id, of, by, at, deed } = change;
  const place = placeOf(user.self, peer, of);
  const row: TimelineRow = ['amended', id, peer, of.from, of.seq, by, at, deed];
  const n = append(user, turn, at, row);
  if (deed.what === 'edit') noteEdit(turn, place, at, n);
  else if (deed.what === 'react') noteReaction(turn, place, by, deed.text);
  else if (deed.what === 'pin') {
    if (deed.on) addPin(turn, place, { by, at }, findMessage(user, turn, peer, of), n);
    else unpin(turn, place);
  } else {
    dropStar(user, turn, peer, of);
    for (const text of [findMessage(user, turn, peer, of), ...amendmentsOf(turn, place).edits]) blank(user, turn, text);
    noteRetraction(turn, place, at);
  }
  return { n, row };
}

/** What event `n` said is forgotten. */
export function blank(user: UserMemory, turn: Turn, n: number): void {
  const row = rowAt(user, turn, n);
  if (row !== undefined) releaseFileOf(user, turn, row);
  if (row?.[0] === 'out') replace(user, turn, n, [row[0], row[1], row[2], row[3], row[4], '', row[6]]);
  else if (row?.[0] === 'in') replace(user, turn, n, [row[0], row[1], row[2], row[3], row[4], '', row[6], row[7]]);
  else if (row?.[0] === 'amended') {
    const [kind, id, peer, from, seq, by, at] = row;
    replace(user, turn, n, [kind, id, peer, from, seq, by, at, { what: 'edit', body: '' }]);
  }
}

// ---------------------------------------------------------------- in

/** The other side has changed a message. What is not here any more, or never came, is none of its affair. */
export function takeAmended(user: UserMemory, mail: Mail<'amended'>, turn: Turn): void {
  const { id, from, of, at, deed, off = [] } = mail;
  if (user.account?.state !== 'active' || isBlocked(user, turn, from) || !isSaid(user, turn, from, of)) return;
  const place = placeOf(user.self, from, of);
  if (amendmentsOf(turn, place).retracted > 0) return;
  if (findMessage(user, turn, from, of) === 0) return;
  // A pin that the other side had not seen yet holds on.
  if (deed.what === 'pin' && !deed.on && !takeOff(turn, place, off)) return;
  const { n, row } = carryOut(user, turn, from, { id, of, by: from, at, deed });
  announce(user, turn, n, row);
}

// ---------------------------------------------------------------- who reacted

export function reactions(user: UserMemory, turn: Turn, word: Reactions, attached: Attached): void {
  const { req, with: peer, of, after, limit } = word;
  const isThere = isSaid(user, turn, peer, of) && findMessage(user, turn, peer, of) > 0;
  const said = isThere && reactedTo(turn, placeOf(user.self, peer, of), after, limit);
  say(
    turn,
    attached.to,
    said ? { kind: 'reacted', req, with: peer, of, ...said } : refused('unknown_message', { req }),
  );
}
