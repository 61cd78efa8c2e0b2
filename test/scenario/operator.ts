/** An operator of a scenario: types commands of `ringpost admin`, each in a process of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const launcher = fileURLToPath(new URL('../../../bin/ringpost.js', import.meta.url));

export const token = (who: string): string => `${who}-token-of-this-very-test`;

/** A file of tokens with one of each role, named like it. */
export const tokensFile = ['viewer', 'operator', 'admin'].map((role) => `${role} ${role} ${token(role)}\n`).join('');

export interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** One command on its way. */
export function begun(as: string, at: string, args: readonly string[]) {
  const env = { ...process.env, RINGPOST_ADMIN_TOKEN: as === '' ? '' : token(as) };
  const command = [launcher, 'admin', ...args, '--node', at];
  return spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'pipe'], env });
}

/** One command, as an operator or a script types it. */
export async function ringpost(as: string, at: string, ...args: readonly string[]): Promise<Said> {
  const child = begun(as, at, args);
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk) => (out += chunk));
  child.stderr.on('data', (chunk) => (err += chunk));
  const [code] = (await once(child, 'close')) as [number];
  return { code, out, err };
}

/** What a command says in JSON. Throws unless it ended well. */
export async function seenBy<T>(as: string, at: string, ...args: readonly string[]): Promise<T> {
  const { code, out, err } = await ringpost(as, at, ...args, '--json');
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}: ${err}`);
  return JSON.parse(out) as T;
}
