import { randomBytes } from 'node:crypto';
import { isDeviceId, isUserId } from '../proto/decode.ts';
import type { Claims, NewSession, UserProtocol } from '../proto/mail.ts';
import type { ActorKind, Door } from '../runtime/index.ts';
import { accountErrors, type Callers } from './callers.ts';
import { HttpRefusal, refusalOf } from './errors.ts';
import type { Answer, Call, Json, Route } from './http.ts';
import type { GatewayLimits } from './limits.ts';
import type { Passwords } from './passwords.ts';
import { type Rate, rate } from './rates.ts';
import { type AccessTokens, newRefreshToken, newSessionId, readRefreshToken, refreshHash } from './tokens.ts';

export interface AccountsOptions {
  readonly door: Door;
  readonly user: ActorKind<UserProtocol>;
  readonly limits: GatewayLimits;
  readonly passwords: Passwords;
  readonly tokens: AccessTokens;
  readonly callers: Callers;
  /** No time for those who come anew; whoever is there already may renew its tokens. */
  readonly overloaded: () => boolean;
}

/** A new login of a device: what its account keeps, and what its client gets. */
interface Login {
  readonly kept: NewSession;
  readonly refreshToken: string;
  /** By the clock here, ms since the Unix epoch: what the client is told. */
  readonly accessUntil: number;
  readonly refreshUntil: number;
}

/** Register, log in, refresh, devices: questions to user actors, with what is too slow for a turn (scrypt) done here. */
export class Accounts {
  private readonly options: AccountsOptions;
  private readonly registers: Rate;
  private readonly logins: Rate;
  private readonly refreshes: Rate;

  constructor(options: AccountsOptions) {
    const { limits } = options;
    this.options = options;
    this.registers = rate(limits.registers_per_peer_burst, limits.registers_per_peer_per_minute, limits.rate_peers_max);
    this.logins = rate(limits.logins_per_peer_burst, limits.logins_per_peer_per_minute, limits.rate_peers_max);
    this.refreshes = rate(limits.refreshes_per_peer_burst, limits.refreshes_per_peer_per_minute, limits.rate_peers_max);
  }

  get routes(): readonly Route[] {
    return [
      { method: 'POST', path: '/v1/accounts', run: (call) => this.register(call) },
      { method: 'DELETE', path: '/v1/account', run: (call) => this.removeAccount(call) },
      { method: 'POST', path: '/v1/account/password', run: (call) => this.changePassword(call) },
      { method: 'POST', path: '/v1/sessions', run: (call) => this.logIn(call) },
      { method: 'POST', path: '/v1/sessions/refresh', run: (call) => this.refresh(call) },
      { method: 'GET', path: '/v1/devices', run: (call) => this.devices(call) },
      { method: 'DELETE', path: '/v1/devices/*', run: (call) => this.removeDevice(call) },
    ];
  }

  private async register(call: Call): Promise<Answer | HttpRefusal> {
    const { limits, passwords } = this.options;
    const asked = await askedLogin(call, this.registers, limits);
    if (asked instanceof HttpRefusal) return asked;
    if (this.options.overloaded()) return refusalOf('overloaded');
    const password = await passwords.hash(asked.password);
    if (password === 'busy') return new HttpRefusal('overloaded', 1_000);
    const claims = { user: asked.user, device: asked.device, session: newSessionId() };
    const login = newLogin(claims, limits);
    const reply = await this.options.callers.ask(claims.user, { kind: 'register', password, session: login.kept });
    if (reply instanceof HttpRefusal) return reply;
    if (!reply.ok) return new HttpRefusal(reply.code === 'deactivated' ? 'taken' : accountErrors[reply.code]);
    return this.granted(201, claims, login);
  }

  private async logIn(call: Call): Promise<Answer | HttpRefusal> {
    const { limits, passwords } = this.options;
    const asked = await askedLogin(call, this.logins, limits);
    if (asked instanceof HttpRefusal) return asked;
    if (this.options.overloaded()) return refusalOf('overloaded');
    const account = await this.options.callers.ask(asked.user, { kind: 'credentials' });
    if (account instanceof HttpRefusal) return account;
    // The same work and the same words whether the account is not there or the password is wrong, so that nobody can learn
    // from this which accounts there are.
    const right = await passwords.matches(asked.password, account.ok ? account.password : undefined);
    if (right === 'busy') return new HttpRefusal('overloaded', 1_000);
    if (!right) return new HttpRefusal('bad_login');
    const claims = { user: asked.user, device: asked.device, session: newSessionId() };
    const login = newLogin(claims, limits);
    const reply = await this.options.callers.ask(claims.user, { kind: 'openSession', session: login.kept });
    if (reply instanceof HttpRefusal) return reply;
    if (!reply.ok) return new HttpRefusal(reply.code === 'too_many_devices' ? reply.code : 'bad_login');
    return this.granted(200, claims, login);
  }

  private async refresh(call: Call): Promise<Answer | HttpRefusal> {
    const body = await rated(call, this.refreshes);
    if (body instanceof HttpRefusal) return body;
    const token = body.refreshToken;
    if (typeof token !== 'string') return new HttpRefusal('malformed');
    const claims = readRefreshToken(token);
    if (!claims) return new HttpRefusal('bad_refresh');
    const login = newLogin(claims, this.options.limits);
    const { session } = claims;
    const reply = await this.options.callers.ask(claims.user, {
      kind: 'refresh',
      session,
      refreshHash: refreshHash(token),
      next: login.kept,
    });
    if (reply instanceof HttpRefusal) return reply;
    return reply.ok ? this.granted(200, claims, login) : new HttpRefusal('bad_refresh');
  }

  private async devices(call: Call): Promise<Answer | HttpRefusal> {
    const found = await this.options.callers.authorised(call);
    return found instanceof HttpRefusal ? found : { status: 200, body: { devices: found.devices } };
  }

  private async removeDevice(call: Call): Promise<Answer | HttpRefusal> {
    if (!isDeviceId(call.name)) return new HttpRefusal('bad_device');
    const reply = await this.options.callers.askOwn(call, () => ({ kind: 'revoke', device: call.name }));
    return reply instanceof HttpRefusal ? reply : { status: 200, body: { removed: call.name } };
  }

  private async removeAccount(call: Call): Promise<Answer | HttpRefusal> {
    const found = await this.options.callers.authorised(call);
    if (found instanceof HttpRefusal) return found;
    const { user } = found.claims;
    const reply = await this.options.callers.ask(user, { kind: 'deactivate' });
    if (reply instanceof HttpRefusal) return reply;
    return reply.ok ? { status: 200, body: { removed: user } } : new HttpRefusal(accountErrors[reply.code]);
  }

  /** As expensive as a login, and a way to try passwords as that is: so it is counted as one. */
  private async changePassword(call: Call): Promise<Answer | HttpRefusal> {
    const { limits, passwords } = this.options;
    const body = await rated(call, this.logins);
    if (body instanceof HttpRefusal) return body;
    const { password: old, newPassword } = body;
    if (typeof old !== 'string' || typeof newPassword !== 'string') return new HttpRefusal('malformed');
    if (!isPassword(newPassword, limits)) return new HttpRefusal('bad_password');
    const found = await this.options.callers.authorised(call);
    if (found instanceof HttpRefusal) return found;
    const { user, device, session } = found.claims;
    const account = await this.options.callers.ask(user, { kind: 'credentials' });
    if (account instanceof HttpRefusal) return account;
    if (!account.ok) return new HttpRefusal(accountErrors[account.code]);
    // What can't be a password is not worth the work.
    const right = isPassword(old, limits) && (await passwords.matches(old, account.password));
    if (right === 'busy') return new HttpRefusal('overloaded', 1_000);
    if (!right) return new HttpRefusal('wrong_password');
    const password = await passwords.hash(newPassword);
    if (password === 'busy') return new HttpRefusal('overloaded', 1_000);
    const reply = await this.options.callers.ask(user, {
      kind: 'password',
      device,
      session,
      before: account.password,
      password,
    });
    if (reply instanceof HttpRefusal) return reply;
    if (reply.ok) return { status: 200, body: { changed: user } };
    return new HttpRefusal(reply.code === 'unknown_device' ? 'revoked' : accountErrors[reply.code]);
  }

  private async granted(status: number, claims: Claims, login: Login): Promise<Answer> {
    const { accessUntil, refreshUntil, refreshToken } = login;
    const accessToken = await this.options.tokens.sign(claims, accessUntil);
    const home = this.options.door.homeOf(this.options.user.ref(claims.user));
    const tokens = { ...claims, accessToken, accessUntil, refreshToken, refreshUntil };
    return { status, body: home === '' ? tokens : { ...tokens, home } };
  }
}

/** The body of a call, if its peer has not called too often. */
async function rated(call: Call, calls: Rate): Promise<Json | HttpRefusal> {
  const waitMs = calls.take(call.peer, performance.now());
  return waitMs > 0 ? new HttpRefusal('too_fast', waitMs) : call.json();
}

/** `{ user, password, device? }`: a device without a name gets one. */
async function askedLogin(
  call: Call,
  calls: Rate,
  limits: GatewayLimits,
): Promise<{ readonly user: string; readonly device: string; readonly password: string } | HttpRefusal> {
  const body = await rated(call, calls);
  if (body instanceof HttpRefusal) return body;
  const { user, password, device = `device-${randomBytes(6).toString('hex')}` } = body;
  if (!isUserId(user)) return new HttpRefusal('bad_user');
  if (!isDeviceId(device)) return new HttpRefusal('bad_device');
  if (typeof password !== 'string') return new HttpRefusal('malformed');
  if (!isPassword(password, limits)) return new HttpRefusal('bad_password');
  return { user, device, password };
}

/** Counted as people do, by code points. */
function isPassword(text: string, limits: GatewayLimits): boolean {
  const chars = [...text].length;
  return chars >= limits.password_chars_min && chars <= limits.password_chars_max;
}

function newLogin(claims: Claims, limits: GatewayLimits): Login {
  const now = Date.now();
  const refreshToken = newRefreshToken(claims);
  return {
    refreshToken,
    // Whole seconds, as the token says it.
    accessUntil: Math.floor((now + limits.access_token_ms) / 1000) * 1000,
    refreshUntil: now + limits.refresh_token_ms,
    kept: {
      device: claims.device,
      session: claims.session,
      refreshHash: refreshHash(refreshToken),
      accessForMs: limits.access_token_ms,
      refreshForMs: limits.refresh_token_ms,
    },
  };
}
