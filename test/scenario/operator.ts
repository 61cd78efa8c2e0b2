/** An operator of a scenario: types commands of `ringpost admin`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../../main.ts';

const launcher = fileURLToPath(new URL('../../../bin/ringpost.js', import.meta.url));

const token = (who: string): string => `${who}-token-of-this-very-test`;

const roles = ['viewer', 'operator', 'admin'];
/** A file of tokens with one of each role, named like it. */
export const tokensFile = roles.map((role) => `${role} ${role} ${token(role)}\n`).join('');

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

type Type = (as: string, at: string, ...args: readonly string[]) => Promise<Said>;

/** As `ringpost`, in this process: where there are many commands, starting those takes longer than all else. `folder`: for the tokens. */
export function typist(folder: string): Type {
  for (const role of roles) writeFileSync(join(folder, `token-of-${role}`), token(role));
  return async (as, at, ...args) => {
    const said: Record<'say' | 'tell', string> = { say: '', tell: '' };
    const terminal = {
      say(text: string): void {
        said.say += `${text}\n`;
      },
      tell(line: string): void {
        said.tell += `${line}\n`;
      },
    };
    const code = await run(['admin', ...args, '--node', at, '--token-file', join(folder, `token-of-${as}`)], terminal);
    return { code, out: said.say, err: said.tell };
  };
}

/** What a command says in JSON. Throws unless it ended well. */
export async function seenBy<T>(type: Type, as: string, at: string, ...args: readonly string[]): Promise<T> {
  const { code, out, err } = await type(as, at, ...args, '--json');
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}: ${err}`);
  return JSON.parse(out) as T;
}
