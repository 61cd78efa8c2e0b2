import type { AccountRefusal, Claims, DeviceState, Outcome, UserProtocol } from '../proto/mail.ts';
import type { ActorKind, Door, ReplyOf } from '../runtime/index.ts';
import { ask } from './asking.ts';
import { type ErrorCode, HttpRefusal } from './errors.ts';
import type { Call } from './http.ts';
import type { GatewayLimits } from './limits.ts';
import type { AccessTokens } from './tokens.ts';

export interface CallersOptions {
  readonly door: Door;
  readonly user: ActorKind<UserProtocol>;
  readonly limits: GatewayLimits;
  readonly tokens: AccessTokens;
}

/** What an account says, as HTTP says it. `deactivated` never shows: such a name answers like one that was never there. */
export const accountErrors: { readonly [code in AccountRefusal]: ErrorCode } = {
  taken: 'taken',
  no_account: 'unauthorised',
  deactivated: 'unauthorised',
  bad_refresh: 'bad_refresh',
  unknown_device: 'unknown_device',
  wrong_password: 'wrong_password',
  exporting: 'exporting',
  too_many_devices: 'too_many_devices',
  too_many_bots: 'too_many_bots',
  unknown_bot: 'unknown_bot',
};

/** Of an account about itself. */
type AccountQuestion = 'revoke' | 'bots' | 'retireBot' | 'hook' | 'setHook' | 'subscribe';

/** Who calls over HTTP, and what their accounts say. */
export class Callers {
  readonly #options: CallersOptions;

  constructor(options: CallersOptions) {
    this.#options = options;
  }

  /** Whose token it is; the account may have ended its session meanwhile. */
  async claimed({ bearer }: Pick<Call, 'bearer'>): Promise<Claims | HttpRefusal> {
    const verified = bearer === undefined ? undefined : await this.#options.tokens.verify(bearer);
    if (verified?.kind === 'valid') return verified.claims;
    return new HttpRefusal(verified?.kind === 'expired' ? 'expired_token' : 'unauthorised');
  }

  /** Whose request it is, and the devices of that account as they are now: a token outlives its session. */
  async authorised(
    call: Call,
  ): Promise<{ readonly claims: Claims; readonly devices: readonly DeviceState[] } | HttpRefusal> {
    const claims = await this.claimed(call);
    if (claims instanceof HttpRefusal) return claims;
    const reply = await this.ask(claims.user, { kind: 'devices', session: claims.session });
    if (reply instanceof HttpRefusal) return reply;
    if (!reply.ok) return new HttpRefusal(accountErrors[reply.code]);
    if (!reply.devices.some(({ current }) => current)) return new HttpRefusal('revoked');
    return { claims, devices: reply.devices };
  }

  /** What the account of whoever calls says to this mail; `mail` is made of whose request it is. */
  async askOwn<K extends AccountQuestion>(
    call: Call,
    mail: (claims: Claims) => { readonly kind: K } & UserProtocol[K]['mail'],
  ): Promise<Extract<ReplyOf<UserProtocol, K>, { readonly ok: true }> | HttpRefusal> {
    const found = await this.authorised(call);
    if (found instanceof HttpRefusal) return found;
    const reply: Outcome | HttpRefusal = await this.ask(found.claims.user, mail(found.claims));
    if (reply instanceof HttpRefusal) return reply;
    if (!reply.ok) return new HttpRefusal(accountErrors[reply.code]);
    return reply as Extract<ReplyOf<UserProtocol, K>, { readonly ok: true }>;
  }

  /** The actor's answer, or why there is none. */
  ask<K extends keyof UserProtocol & string>(
    user: string,
    mail: { readonly kind: K } & UserProtocol[K]['mail'],
  ): Promise<ReplyOf<UserProtocol, K> | HttpRefusal> {
    const { door, limits } = this.#options;
    return ask(door, this.#options.user.ref(user), mail, limits.ask_wait_ms_max);
  }
}
