/** Pushes to devices that have no socket: that there is something new, through whatever wakes them up. A hint; nothing depends on it. */
import type { PushNews, Subscription } from '../../proto/builder-mail.ts';
import type { Outcome, UserProtocol } from '../../proto/mail.ts';
import type { DeviceId, MessageEvent } from '../../proto/words.ts';
import type { MailOf, Turn } from '../../runtime/index.ts';
import { eventOf } from './events.ts';
import { devicesOf, type UserMemory } from './memory.ts';
import type { TimelineRow } from './rows.ts';

type Mail<K extends keyof UserProtocol> = Extract<MailOf<UserProtocol>, { kind: K }>;

/** What a device is to be told, and since when it was not. */
export interface Pushed {
  at: number;
  /** Messages since the last push, and the newest of them. */
  count: number;
  newest: { readonly n: number; readonly message: MessageEvent } | undefined;
}

function subscriptionsOf(user: UserMemory, turn: Turn): Map<DeviceId, Subscription> {
  user.heralds.subscriptions ??= new Map(turn.range<Subscription>('push'));
  return user.heralds.subscriptions;
}

export function subscribe(user: UserMemory, { device, subscription }: Mail<'subscribe'>, turn: Turn): Outcome {
  if (!devicesOf(user, turn).has(device)) return { ok: false, code: 'unknown_device' };
  if (subscription === null) unsubscribe(user, turn, device);
  else {
    subscriptionsOf(user, turn).set(device, subscription);
    turn.put('push', device, subscription);
  }
  return { ok: true };
}

export function unsubscribe(user: UserMemory, turn: Turn, device: DeviceId): void {
  if (subscriptionsOf(user, turn).delete(device)) turn.delete('push', device);
  user.heralds.pushed.delete(device);
}

export function pushLapsed(user: UserMemory, { device, endpoint }: Mail<'pushLapsed'>, turn: Turn): Outcome {
  // It may have another one by now.
  if (subscriptionsOf(user, turn).get(device)?.endpoint === endpoint) unsubscribe(user, turn, device);
  return { ok: true };
}

/** A new event: messages of others are pushed to devices that are not there. */
export function pushNews(user: UserMemory, turn: Turn, n: number, row: TimelineRow): void {
  if (row[0] !== 'in' && row[0] !== 'entry') return;
  const subscriptions = subscriptionsOf(user, turn);
  if (subscriptions.size === 0) return;
  const message = eventOf(user, turn, row);
  if (message.kind !== 'message' || message.from === user.self) return;
  for (const device of subscriptions.keys()) {
    if (isThere(user, device)) continue;
    const pushed = user.heralds.pushed.get(device) ?? { at: 0, count: 0, newest: undefined };
    user.heralds.pushed.set(device, pushed);
    pushed.count++;
    pushed.newest = { n, message };
    const waitMs = pushed.at + user.limits.push_pause_ms - turn.now;
    // A clock that was put back must not silence it.
    if (waitMs <= 0 || waitMs > user.limits.push_pause_ms) pushNow(user, turn, device, pushed);
    else if (pushed.count === 1) turn.later(waitMs, dueFor(device));
  }
}

export function pushDue(user: UserMemory, { device }: Mail<'pushDue'>, turn: Turn): void {
  const pushed = user.heralds.pushed.get(device);
  if (pushed !== undefined && pushed.count > 0 && !isThere(user, device)) pushNow(user, turn, device, pushed);
}

function pushNow(user: UserMemory, turn: Turn, device: DeviceId, pushed: Pushed): void {
  const subscription = subscriptionsOf(user, turn).get(device);
  const { newest, count } = pushed;
  if (subscription === undefined || newest === undefined) return;
  const { from, to, seq, body } = newest.message;
  // By characters, not halves of them.
  const shown = [...body.slice(0, 2 * user.limits.push_body_chars_max)]
    .slice(0, user.limits.push_body_chars_max)
    .join('');
  const news: PushNews = {
    kind: 'news',
    user: user.self,
    n: newest.n,
    count,
    ...(subscription.content && { message: { from, to, seq, body: shown } }),
  };
  turn.signal('push', { device, subscription, news });
  Object.assign(pushed, { at: turn.now, count: 0, newest: undefined });
}

function isThere(user: UserMemory, device: DeviceId): boolean {
  for (const attached of user.attached.values()) if (attached.device === device && !attached.aside) return true;
  return false;
}

function dueFor(device: DeviceId): { readonly kind: string } {
  const due: Mail<'pushDue'> = { kind: 'pushDue', device };
  return due;
}
