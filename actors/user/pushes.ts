/**
 * Pushes to devices that have no socket: that there is something new, through whatever wakes them up. A hint; nothing depends on it. What was pushed is
 * only in memory; a durable timer makes the next owner look, should this one be gone before a push is, or before what gathers for the next.
 */
import type { PushNews, Subscription } from '../../proto/builder-mail.ts';
import type { Outcome, UserProtocol } from '../../proto/mail.ts';
import type { DeviceId, MessageEvent } from '../../proto/words.ts';
import type { MailOf, Turn } from '../../runtime/index.ts';
import { numberKey } from '../numbers.ts';
import { eventOf } from './events.ts';
import { cursorsOf, devicesOf, type UserMemory } from './memory.ts';
import type { TimelineRow } from './rows.ts';

type Mail<K extends keyof UserProtocol> = Extract<MailOf<UserProtocol>, { kind: K }>;

/** Of the newest in the timeline: how many a new owner looks at. */
const again_rows_max = 32;

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
  const subscriptions = subscriptionsOf(user, turn);
  if (subscriptions.size === 0) return;
  const message = messageOf(user, turn, row);
  if (message === undefined) return;
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

/** Somebody pushed a moment ago. Where it was another owner, whatever these devices have not received is pushed again. */
export function pushAgain(user: UserMemory, _: Mail<'pushAgain'>, turn: Turn): void {
  if (user.heralds.pushed.size > 0) return;
  for (const device of subscriptionsOf(user, turn).keys()) {
    if (isThere(user, device)) continue;
    const after = Math.max(cursorsOf(user, turn).get(device)?.n ?? 0, user.head - again_rows_max);
    const pushed: Pushed = { at: 0, count: 0, newest: undefined };
    for (const [key, row] of turn.range<TimelineRow>('tl', { from: numberKey(after + 1), limit: again_rows_max })) {
      const message = messageOf(user, turn, row);
      if (message === undefined) continue;
      pushed.count++;
      pushed.newest = { n: Number(key), message };
    }
    if (pushed.count === 0) continue;
    user.heralds.pushed.set(device, pushed);
    pushNow(user, turn, device, pushed);
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
  turn.setTimer('push', turn.now + user.limits.push_pause_ms, { kind: 'pushAgain' });
}

/** What a row tells of, where that is a message of somebody else. */
function messageOf(user: UserMemory, turn: Turn, row: TimelineRow): MessageEvent | undefined {
  if (row[0] !== 'in' && row[0] !== 'entry') return undefined;
  const event = eventOf(user, turn, row);
  return event.kind === 'message' && event.from !== user.self ? event : undefined;
}

function isThere(user: UserMemory, device: DeviceId): boolean {
  for (const attached of user.attached.values()) if (attached.device === device && !attached.aside) return true;
  return false;
}

function dueFor(device: DeviceId): { readonly kind: string } {
  const due: Mail<'pushDue'> = { kind: 'pushDue', device };
  return due;
}
