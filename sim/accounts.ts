/**
 * The accounts of the simulated edge: the questions to user actors that `gateway/accounts.ts` asks, and its answers. Passwords are compared
 * as they are, and tokens are not signed: nobody here forges any, and no chance but the world's may be in them.
 */
import { User } from '../actors/index.ts';
import type { Claims, NewSession, PasswordHash, UserProtocol } from '../proto/mail.ts';
import type { Node, ReplyOf } from '../runtime/index.ts';
import type { Ports } from '../runtime/ports.ts';
import type { HttpAnswer, HttpRequest } from './internet.ts';

const access_token_ms = 15 * 60_000;
const refresh_token_ms = 30 * 24 * 60 * 60_000;
const ask_wait_ms = 10_000;

export type Verified = { readonly kind: 'valid'; readonly claims: Claims } | { readonly kind: 'expired' | 'invalid' };

const statuses: { readonly [code: string]: number } = {
  malformed: 400,
  bad_login: 401,
  unauthorised: 401,
  expired_token: 401,
  revoked: 401,
  bad_refresh: 401,
  not_found: 404,
  unknown_device: 404,
  taken: 409,
  too_many_devices: 409,
  overloaded: 503,
  unavailable: 503,
  unknown_outcome: 503,
};

/** A request that was not carried out. */
class Refusal {
  readonly code: string;

  constructor(code: string) {
    this.code = code;
  }

  get answer(): HttpAnswer {
    const status = statuses[this.code] ?? 500;
    const error = { code: this.code, reason: `simulated: ${this.code}`, retry: status === 503 };
    return { status, body: { error: status === 503 ? { ...error, afterMs: 1_000 } : error } };
  }
}

interface Login {
  readonly kept: NewSession;
  readonly refreshToken: string;
  /** By the clock here, ms since the Unix epoch: what the client is told. */
  readonly accessUntil: number;
  readonly refreshUntil: number;
}

export class Accounts {
  readonly #node: Node;
  readonly #ports: Ports;

  constructor(node: Node, ports: Ports) {
    this.#node = node;
    this.#ports = ports;
  }

  /** A token says who it is for, and until when. */
  verify(token: string | undefined): Verified {
    const [user, device, session, until] = (token ?? '').split('~');
    if (user === undefined || device === undefined || session === undefined || until === undefined)
      return { kind: 'invalid' };
    if (Number(until) <= this.#ports.clock.wallMs()) return { kind: 'expired' };
    return { kind: 'valid', claims: { user, device, session } };
  }

  async answer(request: HttpRequest): Promise<HttpAnswer> {
    const done = await this.#answer(request);
    return done instanceof Refusal ? done.answer : done;
  }

  async #answer({ method, path, body, bearer }: HttpRequest): Promise<HttpAnswer | Refusal> {
    switch (`${method} ${path}`) {
      case 'POST /v1/accounts':
        return await this.#register(body);
      case 'POST /v1/sessions':
        return await this.#logIn(body);
      case 'POST /v1/sessions/refresh':
        return await this.#refresh(body);
      case 'GET /v1/devices': {
        const found = await this.#authorised(bearer);
        return found instanceof Refusal ? found : { status: 200, body: { devices: found.devices } };
      }
    }
    if (method !== 'DELETE' || !path.startsWith('/v1/devices/')) return new Refusal('not_found');
    const found = await this.#authorised(bearer);
    if (found instanceof Refusal) return found;
    const device = decodeURIComponent(path.slice('/v1/devices/'.length));
    const reply = await this.#ask(found.claims.user, { kind: 'revoke', device });
    if (reply instanceof Refusal) return reply;
    return reply.ok ? { status: 200, body: { removed: device } } : new Refusal(reply.code);
  }

  async #register({ user, device, password }: Record<string, unknown>): Promise<HttpAnswer | Refusal> {
    const claims = this.#newClaims(user, device);
    const login = this.#newLogin(claims);
    const reply = await this.#ask(claims.user, {
      kind: 'register',
      password: kept(String(password)),
      session: login.kept,
    });
    if (reply instanceof Refusal) return reply;
    return reply.ok ? this.#granted(201, claims, login) : new Refusal('taken');
  }

  async #logIn({ user, device, password }: Record<string, unknown>): Promise<HttpAnswer | Refusal> {
    const account = await this.#ask(String(user), { kind: 'credentials' });
    if (account instanceof Refusal) return account;
    if (!account.ok || Buffer.compare(account.password.hash, kept(String(password)).hash) !== 0) {
      return new Refusal('bad_login');
    }
    const claims = this.#newClaims(user, device);
    const login = this.#newLogin(claims);
    const reply = await this.#ask(claims.user, { kind: 'openSession', session: login.kept });
    if (reply instanceof Refusal) return reply;
    if (!reply.ok) return new Refusal(reply.code === 'too_many_devices' ? reply.code : 'bad_login');
    return this.#granted(200, claims, login);
  }

  async #refresh({ refreshToken }: Record<string, unknown>): Promise<HttpAnswer | Refusal> {
    const [user = '', device = '', session = ''] = String(refreshToken).split('~');
    const claims = { user, device, session };
    const login = this.#newLogin(claims);
    const reply = await this.#ask(user, {
      kind: 'refresh',
      session,
      refreshHash: hashOf(String(refreshToken)),
      next: login.kept,
    });
    if (reply instanceof Refusal) return reply;
    return reply.ok ? this.#granted(200, claims, login) : new Refusal('bad_refresh');
  }

  async #authorised(bearer: string | undefined) {
    const verified = this.verify(bearer);
    if (verified.kind !== 'valid') return new Refusal(verified.kind === 'expired' ? 'expired_token' : 'unauthorised');
    const { claims } = verified;
    const reply = await this.#ask(claims.user, { kind: 'devices', session: claims.session });
    if (reply instanceof Refusal) return reply;
    if (!reply.ok) return new Refusal('unauthorised');
    if (!reply.devices.some(({ current }) => current)) return new Refusal('revoked');
    return { claims, devices: reply.devices };
  }

  #newClaims(user: unknown, device: unknown): Claims {
    return { user: String(user), device: String(device), session: this.#ports.random.id() };
  }

  #newLogin({ user, device, session }: Claims): Login {
    const now = this.#ports.clock.wallMs();
    const refreshToken = [user, device, session, this.#ports.random.id()].join('~');
    const refreshHash = hashOf(refreshToken);
    return {
      refreshToken,
      accessUntil: Math.floor((now + access_token_ms) / 1_000) * 1_000,
      refreshUntil: now + refresh_token_ms,
      kept: { device, session, refreshHash, accessForMs: access_token_ms, refreshForMs: refresh_token_ms },
    };
  }

  #granted(status: number, claims: Claims, login: Login): HttpAnswer {
    const { user, device, session } = claims;
    const { accessUntil, refreshUntil, refreshToken } = login;
    const accessToken = [user, device, session, accessUntil].join('~');
    const home = this.#node.homeOf(User.ref(user));
    const tokens = { user, device, session, accessToken, accessUntil, refreshToken, refreshUntil };
    return { status, body: home === '' ? tokens : { ...tokens, home } };
  }

  async #ask<K extends keyof UserProtocol & string>(
    user: string,
    mail: { readonly kind: K } & UserProtocol[K]['mail'],
  ): Promise<ReplyOf<UserProtocol, K> | Refusal> {
    const asked = await this.#node.ask(User.ref(user), mail, ask_wait_ms);
    switch (asked.kind) {
      case 'reply':
        return asked.value;
      case 'refused':
        return new Refusal(asked.why === 'full' ? 'overloaded' : 'unavailable');
      case 'unknown':
        return new Refusal('unknown_outcome');
    }
  }
}

function kept(password: string): PasswordHash {
  const salt = new Uint8Array(1);
  return { salt, hash: new TextEncoder().encode(password), cost: 1, blockSize: 1, parallelism: 1 };
}

/** Of a token: names it, as its SHA-256 does in `gateway/tokens.ts`. */
function hashOf(token: string): string {
  return `hash of ${token}`;
}
