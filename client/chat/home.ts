import { promises as fs } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { RingpostError } from '../errors.ts';
import { fileStorage } from '../node.ts';
import type { ClientStorage } from '../storage.ts';
import { chatLimits } from './limits.ts';
import { isLocal } from './options.ts';

/** Where one user's chats with one server keep their state, in files that nobody else may read. */
export interface Home {
  readonly folder: string;
  storage(device: string): ClientStorage;
  /** The password that was made up for this user; undefined when there is none. */
  password(): Promise<string | undefined>;
  keepPassword(password: string): Promise<void>;
  forgetPassword(): Promise<void>;
  /** What was typed, newest first. */
  typed(): Promise<string[]>;
  keepTyped(lines: readonly string[]): Promise<void>;
  /**
   * A device name that no other chat on this machine is using, until `release`. Rejects with `device_in_use` when `wanted` is in
   * use; without `wanted` it is `terminal`, `terminal-2` and so on.
   */
  claimDevice(wanted: string | undefined): Promise<{ readonly device: string; release(): Promise<void> }>;
}

export function openHome(env: { readonly [name: string]: string | undefined }, url: string, user: string): Home {
  const { XDG_STATE_HOME: xdg, RINGPOST_HOME: own } = env;
  const root = own || (xdg ? join(xdg, 'ringpost') : join(env.HOME || homedir(), '.ringpost'));
  const { hostname, port, protocol } = new URL(url);
  const host = isLocal(url) ? 'localhost' : hostname.replace(/[^A-Za-z0-9.-]/g, '_');
  const folder = join(root, `${host}_${port || (protocol === 'https:' ? '443' : '80')}`, user);
  const file = (name: string) => join(folder, name);

  async function keep(name: string, text: string): Promise<void> {
    await fs.mkdir(folder, { recursive: true, mode: 0o700 });
    const fresh = `${file(name)}.${process.pid}.new`;
    await fs.writeFile(fresh, text, { mode: 0o600 });
    await fs.rename(fresh, file(name));
  }

  return {
    folder,
    storage: (device) => fileStorage(file(`device-${device}.json`)),
    async password() {
      const text = await textOf(file('password'));
      return text === '' ? undefined : text.trimEnd();
    },
    keepPassword: (password) => keep('password', `${password}\n`),
    forgetPassword: () => fs.rm(file('password'), { force: true }),
    async typed() {
      const text = await textOf(file('typed'));
      return text.split('\n').filter((line) => line !== '');
    },
    keepTyped: (lines) => keep('typed', lines.map((line) => `${line}\n`).join('')),
    async claimDevice(wanted) {
      await fs.mkdir(folder, { recursive: true, mode: 0o700 });
      for (let at = 1; at <= chatLimits.default_devices_max; at++) {
        const device = wanted ?? (at === 1 ? 'terminal' : `terminal-${at}`);
        const lock = file(`device-${device}.lock`);
        const holder = await claim(lock);
        if (holder === undefined) return { device, release: () => fs.rm(lock, { force: true }) };
        if (wanted !== undefined) throw inUse(`Another chat (process ${holder}) is using the device ${device}.`);
      }
      throw inUse(
        `${user} is in ${chatLimits.default_devices_max} chats on this machine already; name another --device.`,
      );
    },
  };
}

function inUse(reason: string): RingpostError {
  return new RingpostError('device_in_use', reason, false);
}

async function textOf(path: string): Promise<string> {
  try {
    return await fs.readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

/** Writes our process id into a lock. Answers with the id of a living process that holds it. */
async function claim(lock: string): Promise<number | undefined> {
  for (;;) {
    try {
      await fs.writeFile(lock, `${process.pid}\n`, { mode: 0o600, flag: 'wx' });
      return undefined;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = Number.parseInt(await textOf(lock), 10);
    if (Number.isSafeInteger(holder) && holder > 0 && lives(holder)) return holder;
    // Left behind by a chat that was killed.
    await fs.rm(lock, { force: true });
  }
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
