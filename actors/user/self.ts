/** What a user wants for its own account, and whom it has blocked. */
import type { UserProtocol } from '../../proto/mail.ts';
import { refused } from '../../proto/refusals.ts';
import type { Audience, MessageId, Privacy, RefusalCode, SelfDeed, SelfWord, UserId } from '../../proto/words.ts';
import type { MailOf, Turn } from '../../runtime/index.ts';
import { User } from '../kinds.ts';
import { numberKey, numberOf } from '../numbers.ts';
import { say } from './admission.ts';
import { armTidy } from './expiry.ts';
import { seeToHandles } from './handles.ts';
import { carryOutMark, isMarkDeed, isMarkNews, objectionToMark } from './marks.ts';
import type { Attached, UserMemory } from './memory.ts';
import { isProfileNews, isSamePrivacy, privacyAfter, privacyFrom, profileInFull, setProfile } from './profile.ts';
import { type Objection, objectionToReport, report } from './reporting.ts';
import type { TimelineRow } from './rows.ts';
import { announce, append, stampOf } from './timeline.ts';

type Mail<K extends keyof UserProtocol> = Extract<MailOf<UserProtocol>, { kind: K }>;

export function isBlocked(user: UserMemory, turn: Turn, other: UserId): boolean {
  return blockedOf(user, turn).has(other);
}

function blockedOf(user: UserMemory, turn: Turn): Set<UserId> {
  user.blocked ??= new Set(turn.range<number>('blocked').map(([other]) => other));
  return user.blocked;
}

/** Its sender is not told: to it, this user has not fetched the message. */
export function hold(turn: Turn, { id, from, seq }: Mail<'message'>): void {
  turn.put('held', `${from}/${numberKey(seq)}`, id);
}

/** What came meanwhile has failed: a mark that covers later messages must not stand for it. */
export function release(user: UserMemory, { user: other }: Mail<'release'>, turn: Turn): void {
  const { sweep_rows_max } = user.limits;
  const rows = turn.range<MessageId>('held', { from: `${other}/`, to: `${other}/~`, limit: sweep_rows_max });
  for (const [key, id] of rows) {
    const seq = numberOf(key.slice(other.length + 1));
    turn.delete('held', key);
    turn.tell(User.ref(other), { kind: 'failed', from: user.self, id, seq, code: 'expired', at: turn.now });
  }
  const more = { kind: 'release', user: other } as { readonly kind: string };
  if (rows.length === sweep_rows_max) turn.setTimer(`release ${other}`, turn.now, more);
}

function contactsOf(user: UserMemory, turn: Turn): Map<UserId, string> {
  user.contacts ??= new Map(turn.range<string>('contact'));
  return user.contacts;
}

export function isContact(user: UserMemory, turn: Turn, other: UserId): boolean {
  return contactsOf(user, turn).has(other);
}

export function privacyOf(user: UserMemory, turn: Turn): Privacy {
  user.privacy ??= privacyFrom(turn.get<Partial<Privacy>>('privacy'));
  return user.privacy;
}

/** Whether `other` may know, or do, what this user lets `audience`. Whom it has blocked is nobody's audience. */
export function isAmong(user: UserMemory, turn: Turn, audience: Audience, other: UserId): boolean {
  if (audience === 'nobody' || isBlocked(user, turn, other)) return false;
  return audience === 'everyone' || contactsOf(user, turn).has(other);
}

/** Whether anything of presence may pass between this user and another one, in this direction or back. */
export function showsSeen(user: UserMemory, turn: Turn, other: UserId): boolean {
  return isAmong(user, turn, privacyOf(user, turn).seen, other);
}

// ---------------------------------------------------------------- deeds

/** Nothing is written where it is so already. */
export function seeToSelf(user: UserMemory, turn: Turn, word: SelfWord, connection: string, attached: Attached): void {
  const { id } = word;
  const deed = inFull(user, turn, word.deed);
  if (deed === 'unknown_file') {
    say(turn, attached.to, refused(deed, { id }));
    return;
  }
  const objection = objectionTo(user, turn, deed);
  if (objection !== undefined) {
    const { code, ...more } = typeof objection === 'string' ? { code: objection } : objection;
    say(turn, attached.to, refused(code, { id }, more));
    return;
  }
  const at = stampOf(user, turn);
  if (!isNews(user, turn, deed)) {
    say(turn, attached.to, { kind: 'accepted', id, n: 0, seq: 0, at });
    return;
  }
  carryOutForSelf(user, turn, deed, at);
  hideFromStrangers(user, turn);
  if (deed.what === 'profile' || deed.what === 'privacy') seeToHandles(user, turn);
  const row: TimelineRow = ['self', id, deed, at];
  const n = append(user, turn, at, row);
  turn.put('mid', id, n);
  armTidy(user, turn, at);
  announce(user, turn, n, row, { connection, word: { kind: 'accepted', id, n, seq: 0, at } });
}

/** Its event tells all that is so from now on. */
function inFull(user: UserMemory, turn: Turn, deed: SelfDeed): SelfDeed | 'unknown_file' {
  if (deed.what === 'profile') return profileInFull(user, turn, deed);
  return deed.what === 'privacy' ? { what: 'privacy', ...privacyAfter(privacyOf(user, turn), deed) } : deed;
}

function objectionTo(user: UserMemory, turn: Turn, deed: SelfDeed): RefusalCode | Objection | undefined {
  if (isMarkDeed(deed)) return objectionToMark(user, turn, deed);
  if (deed.what === 'privacy' || deed.what === 'profile') return undefined;
  if (deed.what === 'report') return objectionToReport(user, turn, deed);
  if (deed.user === user.self) return 'to_self';
  const { blocked_max, contacts_max } = user.limits;
  if (deed.what === 'block') {
    const blocked = blockedOf(user, turn);
    return deed.on && !blocked.has(deed.user) && blocked.size >= blocked_max ? 'too_many_blocked' : undefined;
  }
  const contacts = contactsOf(user, turn);
  return deed.on && !contacts.has(deed.user) && contacts.size >= contacts_max ? 'too_many_contacts' : undefined;
}

function isNews(user: UserMemory, turn: Turn, deed: SelfDeed): boolean {
  if (isMarkDeed(deed)) return isMarkNews(user, turn, deed);
  switch (deed.what) {
    case 'block':
      return deed.on !== isBlocked(user, turn, deed.user);
    case 'contact':
      return deed.on ? contactsOf(user, turn).get(deed.user) !== deed.name : contactsOf(user, turn).has(deed.user);
    case 'privacy':
      return !isSamePrivacy(privacyAfter(privacyOf(user, turn), deed), privacyOf(user, turn));
    case 'profile':
      return isProfileNews(user, turn, deed);
    case 'report':
      return true;
  }
}

function carryOutForSelf(user: UserMemory, turn: Turn, deed: SelfDeed, at: number): void {
  if (isMarkDeed(deed)) {
    carryOutMark(user, turn, deed, at);
    return;
  }
  switch (deed.what) {
    case 'block':
      block(user, turn, deed, at);
      break;
    case 'contact':
      if (deed.on) {
        contactsOf(user, turn).set(deed.user, deed.name);
        turn.put('contact', deed.user, deed.name);
      } else {
        contactsOf(user, turn).delete(deed.user);
        turn.delete('contact', deed.user);
      }
      break;
    case 'privacy':
      user.privacy = privacyAfter(privacyOf(user, turn), deed);
      turn.put('privacy', user.privacy);
      break;
    case 'profile':
      setProfile(user, turn, deed);
      break;
    case 'report':
      report(user, turn, deed, at);
  }
}

function block(
  user: UserMemory,
  turn: Turn,
  { user: other, on }: Extract<SelfDeed, { readonly what: 'block' }>,
  at: number,
): void {
  if (on) {
    blockedOf(user, turn).add(other);
    turn.put('blocked', other, at);
  } else {
    blockedOf(user, turn).delete(other);
    turn.delete('blocked', other);
    release(user, { kind: 'release', user: other }, turn);
  }
}

/** Those who watch and may not any more see a user that is not there. */
function hideFromStrangers(user: UserMemory, turn: Turn): void {
  for (const watcher of user.presence.watchers.keys()) {
    if (showsSeen(user, turn, watcher)) continue;
    user.presence.watchers.delete(watcher);
    tellNothing(user, turn, watcher);
  }
}

/** As of a name without an account. */
export function tellNothing(user: UserMemory, turn: Turn, watcher: UserId): void {
  turn.whisper(User.ref(watcher), { kind: 'presence', user: user.self, online: false, lastSeen: 0 });
}
