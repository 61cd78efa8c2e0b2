/** Who is there, and who is typing. All of it is volatile but "last seen", which is kept to the minute. */
import type { UserProtocol } from '../../proto/mail.ts';
import type { ServerWord, Typing, UserId, Watch } from '../../proto/words.ts';
import type { MailOf, Turn } from '../../runtime/index.ts';
import { User } from '../kinds.ts';
import { admitted, say } from './admission.ts';
import type { Attached, UserMemory } from './memory.ts';
import { isBlocked, showsSeen, tellNothing } from './self.ts';

type Mail<K extends keyof UserProtocol> = Extract<MailOf<UserProtocol>, { kind: K }>;

/** The person did something on a device. */
export function active(user: UserMemory, turn: Turn, attached: Attached): void {
  const { presence, limits } = user;
  attached.activeAt = turn.now;
  presence.activeAt = turn.now;
  if (!presence.online) {
    presence.online = true;
    tellWatchers(user, turn);
  }
  if (!presence.waiting) {
    presence.waiting = true;
    turn.later(limits.online_ms, { kind: 'quiet' });
  }
  presence.saved ??= turn.get<number>('seen') ?? 0;
  if (turn.now - presence.saved >= limits.seen_write_ms) {
    presence.saved = turn.now;
    turn.put('seen', turn.now);
  }
}

/** Nothing may have happened for a while. */
export function quiet(user: UserMemory, _: Mail<'quiet'>, turn: Turn): void {
  const { presence, limits } = user;
  const left = presence.activeAt + limits.online_ms - turn.now;
  presence.waiting = presence.online && left > 0;
  if (presence.waiting) turn.later(left, { kind: 'quiet' });
  else if (presence.online) {
    presence.online = false;
    tellWatchers(user, turn);
  }
}

/** Somebody wants to hear of this user. Every watch is a lease: whoever still wants it, renews it. */
export function watched(user: UserMemory, { watcher, on }: Mail<'watched'>, turn: Turn): void {
  const { presence, limits } = user;
  const { watchers } = presence;
  if (!on) {
    watchers.delete(watcher);
    return;
  }
  if (!showsSeen(user, turn, watcher) || user.account?.state === 'deactivated') {
    tellNothing(user, turn, watcher);
    return;
  }
  tellOne(user, turn, watcher);
  // A name without an account never changes its presence.
  if (user.account?.state !== 'active') return;
  if (watchers.size >= limits.watchers_max && !watchers.has(watcher)) dropLapsed(watchers, turn.now);
  if (watchers.size < limits.watchers_max || watchers.has(watcher)) {
    watchers.set(watcher, turn.now + limits.presence_lease_ms);
  }
}

function tellWatchers(user: UserMemory, turn: Turn): void {
  dropLapsed(user.presence.watchers, turn.now);
  for (const watcher of user.presence.watchers.keys()) tellOne(user, turn, watcher);
}

function dropLapsed(watchers: Map<UserId, number>, now: number): void {
  for (const [watcher, until] of watchers) if (until < now) watchers.delete(watcher);
}

function tellOne(user: UserMemory, turn: Turn, watcher: UserId): void {
  const { presence, self } = user;
  if (presence.saved === undefined) presence.saved = turn.get<number>('seen') ?? 0;
  const lastSeen = Math.max(presence.saved, presence.activeAt);
  turn.whisper(User.ref(watcher), { kind: 'presence', user: self, online: presence.online, lastSeen });
}

/** A device wants to hear of these users; its connection renews the word and drops what it did not ask for. */
export function watch(user: UserMemory, turn: Turn, { users }: Watch): void {
  for (const other of users) turn.whisper(User.ref(other), { kind: 'watched', watcher: user.self, on: true });
}

export function typing(user: UserMemory, turn: Turn, { to, on, recording }: Typing): void {
  if (to === user.self) return;
  turn.whisper(User.ref(to), { kind: 'typing', from: user.self, on, ...(recording && { recording }) });
}

export function passPresence(user: UserMemory, mail: Mail<'presence'>, turn: Turn): void {
  const { user: other, online, lastSeen } = mail;
  // Whoever hides it from the other one does not see it either.
  const shown = showsSeen(user, turn, other);
  sayToAll(user, turn, { kind: 'presence', user: other, online: shown && online, lastSeen: shown ? lastSeen : 0 });
}

export function passTyping(user: UserMemory, typed: Mail<'typing'>, turn: Turn): void {
  if (!isBlocked(user, turn, typed.from)) sayToAll(user, turn, typed);
}

export function sayToAll(user: UserMemory, turn: Turn, word: ServerWord): void {
  for (const [connection, attached] of user.attached) {
    if (admitted(user, turn, connection, attached)) say(turn, attached.to, word);
  }
}
