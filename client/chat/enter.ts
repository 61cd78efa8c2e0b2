import { RingpostError } from '../errors.ts';
import { type AccountOptions, type ClientOptions, RingpostClient } from '../index.ts';
import type { Home } from './home.ts';
import { chatLimits } from './limits.ts';
import { type ChatOptions, isLocal } from './options.ts';

export interface Entrance {
  readonly options: ChatOptions;
  readonly device: string;
  readonly home: Home;
  /** Asks for a password; rejects when there is nobody to ask. */
  readonly ask: (question: string) => Promise<string>;
  /** Tells the person what happened on the way. */
  readonly note: (text: string) => void;
  /** Called when the account was made just now: nothing has happened to it before. */
  readonly made?: () => void;
}

/**
 * Comes by a client, by the first way that leads in: the session kept from last time; the password given, kept or made up; a password
 * asked for. A name that is new becomes an account. Rejects with a `RingpostError`.
 */
export async function enter(entrance: Entrance): Promise<RingpostClient> {
  const storage = entrance.home.storage(entrance.device);
  const restored = await RingpostClient.restore({ ...clientOptions(entrance), storage });
  return restored ?? enterAnew(entrance);
}

/** The same when the session kept from last time has ended. */
export async function enterAnew(entrance: Entrance): Promise<RingpostClient> {
  const { options, home, note } = entrance;
  if (options.password !== undefined) return withPassword(entrance, options.password);
  const kept = await home.password();
  if (kept !== undefined) {
    const client = await unlessWrong(withKeptPassword(entrance, kept));
    if (client !== undefined) return client;
    note(`The password kept for ${options.user} is not right any more.`);
  } else if (options.urls.every(isLocal)) {
    const client = await unlessWrong(registered(entrance, madeUp()));
    if (client !== undefined) return client;
  }
  return withAskedPassword(entrance);
}

function clientOptions({ options }: Entrance): ClientOptions {
  return { urls: options.urls, name: 'ringpost-chat/0.1' };
}

function accountOptions(entrance: Entrance, password: string): AccountOptions {
  const { options, device, home } = entrance;
  const storage = home.storage(device);
  return { ...clientOptions(entrance), user: options.user, password, device, storage };
}

/** undefined where name and password don't fit: there may be another way. */
async function unlessWrong(entering: Promise<RingpostClient>): Promise<RingpostClient | undefined> {
  try {
    return await entering;
  } catch (error) {
    if (error instanceof RingpostError && (error.code === 'bad_login' || error.code === 'taken')) return undefined;
    throw error;
  }
}

/** A new name becomes an account with this password; of a known one it must be the password. */
async function withPassword(entrance: Entrance, password: string): Promise<RingpostClient> {
  const account = accountOptions(entrance, password);
  try {
    const client = await RingpostClient.register(account);
    entrance.made?.();
    entrance.note(`${account.user} is new here: an account was made.`);
    return client;
  } catch (error) {
    if (!(error instanceof RingpostError) || error.code !== 'taken') throw error;
    return RingpostClient.login(account);
  }
}

/** Of a server whose data was thrown away only the name and its kept password are left: the account is made again. */
async function withKeptPassword(entrance: Entrance, password: string): Promise<RingpostClient> {
  const client = await unlessWrong(RingpostClient.login(accountOptions(entrance, password)));
  return client ?? registered(entrance, password);
}

async function registered(entrance: Entrance, password: string): Promise<RingpostClient> {
  const { options, home, note } = entrance;
  // Kept first: an account whose password got lost on the way could never be entered again.
  const before = await home.password();
  await home.keepPassword(password);
  try {
    const client = await RingpostClient.register(accountOptions(entrance, password));
    entrance.made?.();
    note(`${options.user} is new here: an account was made. Its password was made up, and is kept in ${home.folder}`);
    return client;
  } catch (error) {
    // After any other failure the account may have been made all the same.
    if (before === undefined && error instanceof RingpostError && error.code === 'taken') await home.forgetPassword();
    throw error;
  }
}

async function withAskedPassword(entrance: Entrance): Promise<RingpostClient> {
  const { options, ask, note } = entrance;
  for (let tries = 1; ; tries++) {
    const password = await ask(`Password of ${options.user} (a new name: choose one): `);
    try {
      return await withPassword(entrance, password);
    } catch (error) {
      const again = error instanceof RingpostError && (error.code === 'bad_login' || error.code === 'bad_password');
      if (!again || tries >= chatLimits.password_tries_max) throw error;
      note(error.code === 'bad_login' ? 'That is not the password.' : 'A password has 8 to 128 characters.');
    }
  }
}

/** 120 random bits, as text that can be typed. */
function madeUp(): string {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(15));
  return Buffer.from(bytes).toString('base64url');
}
