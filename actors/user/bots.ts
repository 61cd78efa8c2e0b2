/** Bots: accounts without a password, which an account owns. */
import type { Outcome, UserProtocol } from '../../proto/mail.ts';
import type { UserId } from '../../proto/words.ts';
import type { MailOf, Turn } from '../../runtime/index.ts';
import { User } from '../kinds.ts';
import { deactivate, newAccount, openSession } from './accounts.ts';
import type { UserMemory } from './memory.ts';

type Mail<K extends keyof UserProtocol> = Extract<MailOf<UserProtocol>, { kind: K }>;

/** Its one session goes on for good; asked for again by its owner, another one takes its place. */
export function registerBot(user: UserMemory, { owner, session }: Mail<'registerBot'>, turn: Turn): Outcome {
  const { account } = user;
  if (account === undefined) return newAccount(user, { owner }, session, turn);
  if (account.state !== 'active' || account.owner !== owner) return { ok: false, code: 'taken' };
  return openSession(user, { kind: 'openSession', session }, turn);
}

export function addBot(user: UserMemory, { bot }: Mail<'addBot'>, turn: Turn): Outcome {
  if (user.account?.state !== 'active' || user.account.owner !== undefined) return { ok: false, code: 'no_account' };
  const bots = botsOf(turn);
  if (bots.includes(bot)) return { ok: true };
  if (bots.length >= user.limits.bots_max) return { ok: false, code: 'too_many_bots' };
  turn.put('bot', bot, turn.now);
  return { ok: true };
}

export function dropBot(_: UserMemory, { bot }: Mail<'dropBot'>, turn: Turn): Outcome {
  if (turn.get('bot', bot) === undefined) return { ok: false, code: 'unknown_bot' };
  turn.delete('bot', bot);
  return { ok: true };
}

export function retireBot(user: UserMemory, { bot }: Mail<'retireBot'>, turn: Turn): Outcome {
  if (turn.get('bot', bot) === undefined) return { ok: false, code: 'unknown_bot' };
  turn.tell(User.ref(bot), { kind: 'retire', owner: user.self });
  turn.delete('bot', bot);
  return { ok: true };
}

export function listBots(_: UserMemory, __: Mail<'bots'>, turn: Turn): Outcome<{ readonly bots: readonly UserId[] }> {
  return { ok: true, bots: botsOf(turn) };
}

/** Its owner's account has ended, or its owner wants none of it any more. */
export function retire(user: UserMemory, { owner }: Mail<'retire'>, turn: Turn): void {
  if (user.account?.state === 'active' && user.account.owner === owner) deactivate(user, { kind: 'deactivate' }, turn);
}

/** With its owner. */
export function retireAll(user: UserMemory, turn: Turn): void {
  for (const bot of botsOf(turn)) {
    turn.tell(User.ref(bot), { kind: 'retire', owner: user.self });
    turn.delete('bot', bot);
  }
}

function botsOf(turn: Turn): readonly UserId[] {
  return turn.range<number>('bot').map(([bot]) => bot);
}
