import { isDeviceId, isUserId } from '../proto/decode.ts';
import type { EventKind } from '../proto/event-kinds.ts';
import type { DeviceState } from '../proto/mail.ts';
import type { DeviceId, UserId } from '../proto/words.ts';
import { type AccountApi, badAnswer } from './account-api.ts';
import { RingpostError } from './errors.ts';
import { type ExportLine, exportLines } from './export.ts';
import type { Session } from './session.ts';

export interface AccountHost {
  readonly api: AccountApi;
  readonly session: Session;
  readonly close: () => Promise<void>;
}

/** A webhook, and how it stands with it. */
export interface Webhook {
  readonly url: string;
  readonly kinds?: readonly EventKind[];
  /** Number of the last event that it has taken, and of the newest one. */
  readonly taken: number;
  readonly head: number;
  /** Tries that have failed since the last that did not, why the last one did, and when the next one is (ms since the Unix epoch; 0: none). */
  readonly failures: number;
  readonly failure: string;
  readonly nextAt: number;
}

/** As a browser's PushSubscription has it by `toJSON`. */
export interface PushSubscriptionLike {
  readonly endpoint?: string;
  readonly keys?: { readonly [name: string]: string };
}

/**
 * The account itself: its devices, its password, its bots, and who is told of its events beside its devices. All calls reject with `login_needed`,
 * `revoked`, `unreachable` and others.
 */
export class Account {
  readonly #host: AccountHost;

  constructor(host: AccountHost) {
    this.#host = host;
  }

  devices(): Promise<readonly DeviceState[]> {
    return this.#host.session.authorised((token) => this.#host.api.devices(token));
  }

  /** Ends a device's session and closes its sockets. Rejects with `unknown_device`. */
  async revoke(device: DeviceId): Promise<void> {
    if (!isDeviceId(device)) throw new RingpostError('unknown_device', `"${device}" is not a device name.`, false);
    await this.#call('DELETE', `/v1/devices/${encodeURIComponent(device)}`);
  }

  /** Logs all other devices out. Rejects with `wrong_password`, `bad_password`, `too_fast`. */
  async changePassword(password: string, newPassword: string): Promise<void> {
    await this.#call('POST', '/v1/account/password', { password, newPassword });
  }

  /** Ends the account for good, its bots with it, and closes this client. */
  async deactivate(): Promise<void> {
    await this.#call('DELETE', '/v1/account');
    await this.#host.close();
  }

  /**
   * All that the server holds of this account, a line for each thing: account, profile, devices, contacts, groups, conversations, messages (docs/SPEC.md §15). It is read
   * as fast as the loop goes on, and a loop that ends early ends it. Rejects with `exporting` (one at a time), and with `unreachable` when it breaks off.
   */
  async *export(): AsyncGenerator<ExportLine> {
    for await (const { line } of exportLines(await this.#openExport())) yield line;
  }

  /** The same as text: `write` gets each line with its end, and is waited for. Answers how many there were. */
  async exportTo(write: (line: string) => unknown): Promise<number> {
    let count = 0;
    for await (const { text } of exportLines(await this.#openExport())) {
      await write(`${text}\n`);
      count++;
    }
    return count;
  }

  #openExport(): Promise<ReadableStream<Uint8Array>> {
    const { api, session } = this.#host;
    return session.authorised((token) => api.open('/v1/account/export', token));
  }

  // ---------------------------------------------------------------- bots

  async bots(): Promise<readonly UserId[]> {
    const { bots } = await this.#call('GET', '/v1/bots');
    if (Array.isArray(bots)) return bots as UserId[];
    throw badAnswer();
  }

  /** The token of a new bot, for `RingpostClient.bot`. Of a bot that is there already: another one, and the one before is worth nothing. Rejects with `taken`, `too_many_bots`, `bad_user`. */
  async makeBot(user: UserId): Promise<string> {
    const { token } = await this.#call('POST', '/v1/bots', { user });
    if (typeof token === 'string') return token;
    throw badAnswer();
  }

  /** For good: its name is not given out again. Rejects with `unknown_bot`. */
  async removeBot(user: UserId): Promise<void> {
    if (!isUserId(user)) throw new RingpostError('unknown_bot', `"${user}" is not a user name.`, false);
    await this.#call('DELETE', `/v1/bots/${encodeURIComponent(user)}`);
  }

  // ---------------------------------------------------------------- who else is told

  /** Undefined: there is none. */
  async webhook(): Promise<Webhook | undefined> {
    const { webhook } = await this.#call('GET', '/v1/webhook');
    return webhook === null ? undefined : (webhook as Webhook);
  }

  /**
   * From now on events of these kinds (all by default) are posted to `url`, in their order, until it is another one. Answers the secret that they are signed
   * with (`whsec_…`, Standard Webhooks). Rejects with `bad_url`.
   */
  async setWebhook(url: string, kinds?: readonly EventKind[]): Promise<string> {
    const { secret } = await this.#call('POST', '/v1/webhook', { url, ...(kinds && { kinds }) });
    if (typeof secret === 'string') return secret;
    throw badAnswer();
  }

  async removeWebhook(): Promise<void> {
    await this.#call('DELETE', '/v1/webhook');
  }

  /** For a page's `pushManager.subscribe` (`applicationServerKey`). */
  async pushKey(): Promise<string> {
    const { key } = await this.#call('GET', '/v1/push');
    if (typeof key === 'string') return key;
    throw badAnswer();
  }

  /** While this device has no connection it is woken up by this; with `content` the push says who wrote what. Rejects with `bad_subscription`. */
  async subscribePush({ endpoint, keys }: PushSubscriptionLike, { content = false } = {}): Promise<void> {
    await this.#call('POST', '/v1/push', { endpoint, keys, content });
  }

  async unsubscribePush(): Promise<void> {
    await this.#call('DELETE', '/v1/push');
  }

  async #call(method: string, path: string, body?: object): Promise<Record<string, unknown>> {
    const { api, session } = this.#host;
    const answer = await session.authorised((token) => api.call(method, path, body, token));
    if (typeof answer === 'object' && answer !== null) return answer as Record<string, unknown>;
    throw badAnswer();
  }
}
