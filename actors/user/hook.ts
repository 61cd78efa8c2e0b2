/**
 * The webhook: a reader of the timeline that is somewhere on the net. Its place is kept as a device's is; whoever posts the events asks for a
 * batch, and says what became of it. What is to be posted is signalled to the process around, again and again while it is not.
 */
import type { HookBatch, HookState } from '../../proto/builder-mail.ts';
import type { Outcome, UserProtocol } from '../../proto/mail.ts';
import type { TimelineEvent } from '../../proto/words.ts';
import type { MailOf, Turn } from '../../runtime/index.ts';
import { eventOf } from './events.ts';
import type { UserMemory } from './memory.ts';
import { received, tellReceipts } from './receipts.ts';
import type { HookRow } from './rows.ts';
import { rowsAfter } from './timeline.ts';

type Mail<K extends keyof UserProtocol> = Extract<MailOf<UserProtocol>, { kind: K }>;

/** Its name among the cursors: no device can be called so. */
const hookCursor = '@hook';

function hookOf(user: UserMemory, turn: Turn): HookRow | undefined {
  if (user.heralds.hook === undefined) user.heralds.hook = turn.get<HookRow>('hook') ?? null;
  return user.heralds.hook ?? undefined;
}

function save(user: UserMemory, turn: Turn, hook: HookRow): void {
  user.heralds.hook = hook;
  turn.put('hook', hook);
}

export function setHook(user: UserMemory, { hook }: Mail<'setHook'>, turn: Turn): Outcome {
  if (user.account?.state !== 'active') return { ok: false, code: 'no_account' };
  if (hook === null) {
    dropHook(user, turn);
    return { ok: true };
  }
  const taken = hookOf(user, turn)?.taken ?? user.head;
  save(user, turn, { ...hook, taken, failures: 0, failure: '', failingSince: 0, nextAt: 0 });
  user.heralds.posting = false;
  raise(user, turn);
  return { ok: true };
}

export function dropHook(user: UserMemory, turn: Turn): void {
  if (hookOf(user, turn) === undefined) return;
  user.heralds.hook = null;
  turn.delete('hook');
  turn.clearTimer('hook');
}

export function tellHook(user: UserMemory, _: Mail<'hook'>, turn: Turn): Outcome<{ readonly hook: HookState | null }> {
  const hook = hookOf(user, turn);
  if (hook === undefined) return { ok: true, hook: null };
  const { url, kinds, taken, failures, failure, nextAt } = hook;
  const state = { url, ...(kinds && { kinds }), taken, head: user.head, failures, failure, nextAt };
  return { ok: true, hook: state };
}

/** There is a new event. */
export function hookNews(user: UserMemory, turn: Turn): void {
  if (hookOf(user, turn) !== undefined) raise(user, turn);
}

/** Signals that there is something to post, unless that is known, or waits for its next try. */
function raise(user: UserMemory, turn: Turn): void {
  const hook = hookOf(user, turn);
  if (hook === undefined || user.heralds.posting || hook.failures > 0 || hook.taken >= user.head) return;
  order(user, turn);
}

/** Has it posted; and once more, should that be lost with whoever hears it. */
function order(user: UserMemory, turn: Turn): void {
  user.heralds.posting = true;
  turn.signal('hook', null);
  lease(user, turn);
}

function lease(user: UserMemory, turn: Turn): void {
  turn.setTimer('hook', turn.now + user.limits.hook_lease_ms, { kind: 'hookDue' });
}

export function hookDue(user: UserMemory, _: Mail<'hookDue'>, turn: Turn): void {
  const hook = hookOf(user, turn);
  if (hook !== undefined && hook.taken < user.head) order(user, turn);
}

export function hookBatch(user: UserMemory, turn: Turn): HookBatch | null {
  const hook = hookOf(user, turn);
  if (hook === undefined || user.account?.state !== 'active') return null;
  const { url, secret, kinds, taken } = hook;
  const { frame_events_max, frame_body_chars_max } = user.limits;
  const events: { n: number; event: TimelineEvent }[] = [];
  let upTo = taken;
  let chars = 0;
  for (const row of rowsAfter(user, turn, taken, user.head, frame_events_max)) {
    const event = eventOf(user, turn, row);
    chars += event.kind === 'message' ? event.body.length : 0;
    if (chars > frame_body_chars_max && events.length > 0) break;
    upTo++;
    const isOwn = event.kind === 'message' && event.from === user.self;
    if (!isOwn && (kinds === undefined || kinds.some((kind) => kind === event.kind))) events.push({ n: upTo, event });
  }
  if (upTo === taken) return null;
  return { url, secret, epoch: user.account.epoch, from: taken + 1, upTo, events };
}

/** Answers whether there is more. */
export function hookTook(user: UserMemory, { upTo }: Mail<'hookTook'>, turn: Turn): boolean {
  const hook = hookOf(user, turn);
  if (hook === undefined) return false;
  const taken = Math.max(hook.taken, Math.min(upTo, user.head));
  save(user, turn, { ...hook, taken, failures: 0, failure: '', failingSince: 0, nextAt: 0 });
  received(user, turn, hookCursor, taken);
  tellReceipts(user, turn);
  user.heralds.posting = taken < user.head;
  if (!user.heralds.posting) turn.clearTimer('hook');
  else lease(user, turn);
  return user.heralds.posting;
}

/** Tried again later and later, and given up after a while of nothing but failures: until it is set again. */
export function hookFailed(user: UserMemory, { why }: Mail<'hookFailed'>, turn: Turn): void {
  turn.reply(true);
  const hook = hookOf(user, turn);
  user.heralds.posting = false;
  if (hook === undefined) return;
  const { hook_retry_ms_min, hook_retry_ms_max, hook_give_up_ms } = user.limits;
  const failures = hook.failures + 1;
  const failingSince = hook.failingSince || turn.now;
  const isOver = turn.now - failingSince >= hook_give_up_ms;
  const waitMs = Math.min(hook_retry_ms_max, hook_retry_ms_min * 2 ** Math.min(hook.failures, 20));
  const nextAt = isOver ? 0 : turn.now + waitMs;
  save(user, turn, { ...hook, failures, failure: why, failingSince, nextAt });
  if (isOver) turn.clearTimer('hook');
  else turn.setTimer('hook', nextAt, { kind: 'hookDue' });
}
