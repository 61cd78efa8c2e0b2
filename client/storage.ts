import type { Amend, Arrange, DeviceId, SelfWord, Send, UserId, VanishWord } from '../proto/words.ts';
import { RingpostError } from './errors.ts';
import { sdkLimits } from './limits.ts';

/** What a login gave: who and where we are, and the two tokens with the times they end (ms since the Unix epoch). */
export interface Tokens {
  readonly user: UserId;
  readonly device: DeviceId;
  readonly session: string;
  readonly accessToken: string;
  readonly accessUntil: number;
  readonly refreshToken: string;
  readonly refreshUntil: number;
  /** The node that the account lives on: the shortest way, where it can be reached. */
  readonly home?: string;
}

/** What the server answers with `accepted` or `refused`: said again, under the same id, until it has. */
export type Deed = Send | Amend | VanishWord | Arrange | SelfWord;

/** All that a client needs to go on where it stopped: plain data, fit for JSON. It holds secrets. */
export interface Saved {
  readonly tokens: Tokens;
  readonly epoch: string;
  readonly cursor: number;
  readonly outbox: readonly Deed[];
}

/**
 * Where a client keeps itself between runs; by default nowhere. `save` replaces all of it and must not leave halves behind;
 * the client never has two saves under way. Either may reject: the client then reports `trouble` with code `storage`.
 */
export interface ClientStorage {
  load(): Promise<Saved | undefined>;
  save(saved: Saved): Promise<void>;
}

/** Saves a moment after a change, one save at a time, always the newest state. */
export class Keeper {
  readonly #storage: ClientStorage | undefined;
  readonly #snapshot: () => Saved;
  readonly #trouble: (error: RingpostError) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #saving: Promise<void> | undefined;
  #dirty = false;
  #closed = false;

  constructor(storage: ClientStorage | undefined, snapshot: () => Saved, trouble: (error: RingpostError) => void) {
    this.#storage = storage;
    this.#snapshot = snapshot;
    this.#trouble = trouble;
  }

  changed(): void {
    if (this.#storage === undefined || this.#closed) return;
    this.#dirty = true;
    if (this.#timer !== undefined || this.#saving !== undefined) return;
    this.#timer = setTimeout(() => void this.flush(), sdkLimits.save_lag_ms);
  }

  /** Everything changed so far is saved, or reported as trouble, when this resolves. It never rejects. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    while (this.#dirty || this.#saving !== undefined) {
      this.#saving ??= this.#save();
      await this.#saving;
    }
  }

  /** Saves for the last time: what changes afterwards is not to be kept. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#dirty = true;
    const saved = this.flush();
    this.#closed = true;
    await saved;
  }

  async #save(): Promise<void> {
    this.#dirty = false;
    try {
      await this.#storage?.save(this.#snapshot());
    } catch (error) {
      this.#trouble(
        new RingpostError('storage', `The client could not save its state: ${error}`, true, { cause: error }),
      );
    } finally {
      this.#saving = undefined;
    }
  }
}
