import { randomBytes } from 'node:crypto';
import { isUserId } from '../proto/decode.ts';
import { accountErrors, type Callers } from './callers.ts';
import { HttpRefusal } from './errors.ts';
import type { Answer, Call, Route } from './http.ts';
import type { GatewayLimits } from './limits.ts';
import { type AccessTokens, newSessionId } from './tokens.ts';

export interface BotsOptions {
  readonly callers: Callers;
  readonly tokens: AccessTokens;
  readonly limits: GatewayLimits;
}

/** The only device of a bot. */
const botDevice = 'bot';

/** Bots: accounts that belong to an account, and whose token goes on for good (`BOT` in docs/SPEC.md). */
export class Bots {
  readonly #options: BotsOptions;

  constructor(options: BotsOptions) {
    this.#options = options;
  }

  get routes(): readonly Route[] {
    return [
      { method: 'GET', path: '/v1/bots', run: (call) => this.#list(call) },
      { method: 'POST', path: '/v1/bots', run: (call) => this.#make(call) },
      { method: 'DELETE', path: '/v1/bots/*', run: (call) => this.#remove(call) },
    ];
  }

  async #list(call: Call): Promise<Answer | HttpRefusal> {
    const reply = await this.#options.callers.askOwn(call, () => ({ kind: 'bots' }));
    return reply instanceof HttpRefusal ? reply : { status: 200, body: { bots: reply.bots } };
  }

  /** Asked for again, a bot gets another token, and the one before is worth nothing: so an answer that was lost is no loss. */
  async #make(call: Call): Promise<Answer | HttpRefusal> {
    const { callers, tokens, limits } = this.#options;
    const body = await call.json();
    if (body instanceof HttpRefusal) return body;
    const { user } = body;
    if (!isUserId(user)) return new HttpRefusal('bad_user');
    const found = await callers.authorised(call);
    if (found instanceof HttpRefusal) return found;
    const owner = found.claims.user;
    // Noted first: a bot that its owner does not know of could not be removed.
    const noted = await callers.ask(owner, { kind: 'addBot', bot: user });
    if (noted instanceof HttpRefusal) return noted;
    if (!noted.ok) return new HttpRefusal(accountErrors[noted.code]);
    const claims = { user, device: botDevice, session: newSessionId() };
    const session = {
      device: botDevice,
      session: claims.session,
      // Of no token: it is never refreshed.
      refreshHash: randomBytes(32).toString('base64url'),
      accessForMs: limits.bot_token_ms,
      refreshForMs: limits.bot_token_ms,
    };
    const made = await callers.ask(user, { kind: 'registerBot', owner, session });
    if (made instanceof HttpRefusal) return made;
    if (!made.ok) {
      await callers.ask(owner, { kind: 'dropBot', bot: user });
      return new HttpRefusal(accountErrors[made.code]);
    }
    const token = await tokens.sign(claims, Date.now() + limits.bot_token_ms);
    return { status: 201, body: { user, token } };
  }

  async #remove(call: Call): Promise<Answer | HttpRefusal> {
    const bot = call.name;
    if (!isUserId(bot)) return new HttpRefusal('unknown_bot');
    const reply = await this.#options.callers.askOwn(call, () => ({ kind: 'retireBot', bot }));
    return reply instanceof HttpRefusal ? reply : { status: 200, body: { removed: bot } };
  }
}
