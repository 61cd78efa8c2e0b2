import type { AccountApi } from './account-api.ts';
import { RingpostError } from './errors.ts';
import { sdkLimits } from './limits.ts';
import type { Tokens } from './storage.ts';
import { monotonicMs } from './time.ts';

/** The two tokens of a login, kept fresh: at most one refresh at a time, and each new pair stored before it is used. */
export class Session {
  readonly #api: AccountApi;
  readonly #stored: () => Promise<void>;
  #tokens: Tokens;
  #refreshing: Promise<string> | undefined;
  #renewedMs = Number.NEGATIVE_INFINITY;

  /** `stored` is called when the tokens have changed, and resolves when they are safe. */
  constructor(api: AccountApi, tokens: Tokens, stored: () => Promise<void>) {
    this.#api = api;
    this.#tokens = tokens;
    this.#stored = stored;
  }

  get tokens(): Tokens {
    return this.#tokens;
  }

  /**
   * A token that should be good for a while. `stale` is one that the server did not take: whatever the clock says, it is renewed.
   * Rejects with `login_needed` when the session can't be renewed any more, and with an error to `retry` when it can't be just now.
   */
  accessToken(stale?: string): Promise<string> {
    if (this.#refreshing !== undefined) return this.#refreshing;
    const { accessToken, accessUntil } = this.#tokens;
    // A clock that is ahead makes each new token look old: one that is new by any measure is not renewed for that.
    const isNew = monotonicMs() - this.#renewedMs < sdkLimits.token_lead_ms;
    const fresh = isNew || accessUntil - Date.now() > sdkLimits.token_lead_ms;
    if (fresh && accessToken !== stale) return Promise.resolve(accessToken);
    this.#refreshing = this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  /** Runs `call` with a token, and once more with a new one if the server says that it has expired. */
  async authorised<Result>(call: (accessToken: string) => Promise<Result>): Promise<Result> {
    const token = await this.accessToken();
    try {
      return await call(token);
    } catch (error) {
      if (!(error instanceof RingpostError) || error.code !== 'expired_token') throw error;
      return call(await this.accessToken(token));
    }
  }

  async #refresh(): Promise<string> {
    try {
      this.#tokens = await this.#api.refresh(this.#tokens);
    } catch (error) {
      if (!(error instanceof RingpostError) || error.retry || error.code === 'bad_answer') throw error;
      throw new RingpostError('login_needed', `The session has ended: ${error.reason}`, false, { cause: error });
    }
    this.#renewedMs = monotonicMs();
    await this.#stored();
    return this.#tokens.accessToken;
  }
}
