/** The account and its devices: what the gateway asks. */
import type { AccountRefusal, DeviceState, NewSession, Outcome, PasswordHash, UserProtocol } from '../../proto/mail.ts';
import type { DeviceId, UserId } from '../../proto/words.ts';
import type { MailOf, Turn } from '../../runtime/index.ts';
import { endAll } from './admission.ts';
import { retireAll } from './bots.ts';
import { beginToEnd } from './ending.ts';
import { leaveAll } from './groups.ts';
import { seeToHandles } from './handles.ts';
import { dropHook } from './hook.ts';
import { cursorsOf, devicesOf, topCursor, type UserMemory } from './memory.ts';
import { unsubscribe } from './pushes.ts';
import type { DeviceRow } from './rows.ts';

type Mail<K extends keyof UserProtocol> = Extract<MailOf<UserProtocol>, { kind: K }>;

/** A name is taken for ever: after a deactivation nobody else can get the messages meant for its first holder. */
export function register(user: UserMemory, { password, session }: Mail<'register'>, turn: Turn): Outcome {
  return user.account === undefined ? newAccount(user, { password }, session, turn) : refused('taken');
}

export function newAccount(
  user: UserMemory,
  who: { readonly password: PasswordHash } | { readonly owner: UserId },
  session: NewSession,
  turn: Turn,
): Outcome {
  // With the time in it, because ids begin anew where a server begins anew with an empty store.
  const epoch = `${turn.uniqueId()}.${turn.now.toString(36)}`;
  user.account = { state: 'active', ...who, epoch, created: turn.now };
  turn.put('account', user.account);
  saveDevice(user, turn, session, turn.now);
  return done;
}

export function credentials({ account }: UserMemory): Outcome<{ readonly password: PasswordHash }> {
  if (account?.state !== 'active') return refused(missing(account));
  return account.password === undefined ? refused('no_account') : { ok: true, password: account.password };
}

/** A login. On a device that has a session already it replaces that session. */
export function openSession(user: UserMemory, { session }: Mail<'openSession'>, turn: Turn): Outcome {
  if (user.account?.state !== 'active') return refused(missing(user.account));
  const devices = devicesOf(user, turn);
  const before = devices.get(session.device);
  if (before === undefined && devices.size >= user.limits.devices_max) {
    for (const [device, row] of devices) if (row.refreshUntil < turn.now) dropDevice(user, turn, device);
    if (devices.size >= user.limits.devices_max) return refused('too_many_devices');
  }
  endAll(user, turn, 'unauthorised', session.device);
  saveDevice(user, turn, session, before?.since ?? turn.now);
  return done;
}

/**
 * One use of a refresh token. Any other token of the session that lives was used before (a session's name cannot be guessed, so who
 * names it held one of its tokens): then somebody has a copy, and the session ends for both. But for a while the one before may come
 * again, unless its successor was used: the answer that brought that may have been lost.
 */
export function refresh(user: UserMemory, { session, refreshHash, next }: Mail<'refresh'>, turn: Turn): Outcome {
  if (user.account?.state !== 'active') return refused(missing(user.account));
  const row = devicesOf(user, turn).get(next.device);
  if (row === undefined || row.session !== session || row.refreshUntil < turn.now) return refused('bad_refresh');
  const isLast = row.refreshHash === refreshHash;
  const isBefore = row.before?.refreshHash === refreshHash && row.before.until >= turn.now;
  if (!isLast && !isBefore) {
    dropDevice(user, turn, next.device);
    return refused('bad_refresh');
  }
  const before = isLast ? { refreshHash, until: turn.now + user.limits.refresh_again_ms } : row.before;
  saveDevice(user, turn, next, row.since, before);
  for (const [connection, attached] of user.attached) {
    // The session goes on under the name that the new tokens carry, and so do its sockets.
    if (attached.device === next.device) user.attached.set(connection, { ...attached, session: next.session });
  }
  return done;
}

export function listDevices(
  user: UserMemory,
  { session }: Mail<'devices'>,
  turn: Turn,
): Outcome<{ readonly devices: readonly DeviceState[] }> {
  if (user.account?.state !== 'active') return refused(missing(user.account));
  const devices = [...devicesOf(user, turn)].map(([device, row]) => {
    const live = [...user.attached.values()].filter((attached) => attached.device === device && !attached.aside);
    const seen = Math.max(row.seen, ...live.map(({ activeAt }) => activeAt));
    return { device, since: row.since, seen, online: live.length > 0, current: row.session === session };
  });
  return { ok: true, devices };
}

export function revoke(user: UserMemory, { device }: Mail<'revoke'>, turn: Turn): Outcome {
  if (user.account?.state !== 'active') return refused(missing(user.account));
  if (!devicesOf(user, turn).has(device)) return refused('unknown_device');
  dropDevice(user, turn, device);
  return done;
}

/** Whoever knew the password before has to log in anew. What was compared with a password that is another one by now was compared in vain. */
export function changePassword(
  user: UserMemory,
  { device, session, before, password }: Mail<'password'>,
  turn: Turn,
): Outcome {
  if (user.account?.state !== 'active') return refused(missing(user.account));
  const row = devicesOf(user, turn).get(device);
  if (row?.session !== session) return refused('unknown_device');
  if (user.account.password === undefined || !isSameHash(user.account.password, before))
    return refused('wrong_password');
  user.account = { ...user.account, password };
  turn.put('account', user.account);
  for (const other of [...devicesOf(user, turn).keys()]) if (other !== device) dropDevice(user, turn, other);
  // The refresh token before this one may be in other hands, too.
  const { before: _, ...kept } = row;
  devicesOf(user, turn).set(device, kept);
  turn.put('device', device, kept);
  return done;
}

/** Of equal salts, which come by chance, the passwords are the same. */
function isSameHash(one: PasswordHash, other: PasswordHash): boolean {
  return one.salt.length === other.salt.length && one.salt.every((byte, at) => byte === other.salt[at]);
}

/** The end of the account: sessions end, the password is forgotten, and from here on all the rest. */
export function deactivate(user: UserMemory, _: Mail<'deactivate'>, turn: Turn): Outcome {
  if (user.account?.state !== 'active') return refused(missing(user.account));
  const { epoch, created } = user.account;
  user.account = { state: 'deactivated', epoch, created, at: turn.now };
  turn.put('account', user.account);
  for (const device of devicesOf(user, turn).keys()) dropDevice(user, turn, device);
  leaveAll(user, turn);
  retireAll(user, turn);
  dropHook(user, turn);
  seeToHandles(user, turn);
  beginToEnd(user, turn);
  return done;
}

function saveDevice(
  user: UserMemory,
  turn: Turn,
  session: NewSession,
  since: number,
  before?: DeviceRow['before'],
): void {
  const { refreshHash, accessForMs, refreshForMs } = session;
  const row: DeviceRow = {
    session: session.session,
    refreshHash,
    accessUntil: turn.now + accessForMs,
    refreshUntil: turn.now + refreshForMs,
    since,
    seen: turn.now,
    ...(before && { before }),
  };
  devicesOf(user, turn).set(session.device, row);
  turn.put('device', session.device, row);
}

/** Its session ends with it, and its sockets close. What it has received stays received. */
function dropDevice(user: UserMemory, turn: Turn, device: DeviceId): void {
  devicesOf(user, turn).delete(device);
  turn.delete('device', device);
  endAll(user, turn, 'revoked', device);
  unsubscribe(user, turn, device);
  const cursors = cursorsOf(user, turn);
  const top = topCursor(user, turn);
  if (cursors.get(device)?.n === top && top > 0) {
    cursors.set('', { n: top, saved: top });
    turn.put('cursor', '', top);
  }
  if (cursors.delete(device)) turn.delete('cursor', device);
}

function missing(account: UserMemory['account']): AccountRefusal {
  return account === undefined ? 'no_account' : 'deactivated';
}

function refused(code: AccountRefusal): { readonly ok: false; readonly code: AccountRefusal } {
  return { ok: false, code };
}

const done: Outcome = { ok: true };

type Account =
  | 'register'
  | 'credentials'
  | 'openSession'
  | 'refresh'
  | 'devices'
  | 'revoke'
  | 'password'
  | 'export'
  | 'deactivate'
  | 'registerBot'
  | 'addBot'
  | 'dropBot'
  | 'retireBot'
  | 'bots'
  | 'subscribe'
  | 'pushLapsed'
  | 'setHook'
  | 'hook';

/** A turn whose outcome is the reply. It is confirmed even where nothing is written: a login is refused or let in by what is, not by what was. */
export function answering<K extends Account>(
  handle: (user: UserMemory, mail: Mail<K>, turn: Turn) => UserProtocol[K]['reply'],
): (user: UserMemory, mail: Mail<K>, turn: Turn) => void {
  return (user, mail, turn) => {
    turn.reply(handle(user, mail, turn));
    turn.confirm();
  };
}
