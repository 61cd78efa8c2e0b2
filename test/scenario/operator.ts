/** An operator of a scenario: types commands of `ringpost admin`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { run } from '../../main.ts';
import { freePort } from '../../scripts/free-ports.ts';
import { type ClusterUnderTest, startCluster } from './cluster.ts';

const launcher = fileURLToPath(new URL('../../../bin/ringpost.js', import.meta.url));

export const token = (who: string): string => `${who}-token-of-this-very-test`;

const roles = ['viewer', 'operator', 'admin'];
/** A file of tokens with one of each role, named like it. */
const tokensFile = roles.map((role) => `${role} ${role} ${token(role)}\n`).join('');

export interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Three nodes with consoles, `at`: where each has its own. `folder` is gone when the test ends. `more`: other options of each node. */
export async function startOperated(
  t: Test,
  more: (name: string) => readonly string[] = () => [],
): Promise<{
  readonly cluster: ClusterUnderTest;
  readonly folder: string;
  readonly at: readonly [string, string, string];
}> {
  const folder = mkdtempSync(join(tmpdir(), 'ringpost-operated-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const tokens = join(folder, 'tokens');
  writeFileSync(tokens, tokensFile);
  const at: Record<string, string> = {};
  const cluster = await startCluster(3, [], async (name) => {
    const port = await freePort();
    at[name] = `127.0.0.1:${port}`;
    return ['--admin-port', String(port), '--admin-tokens', tokens, ...more(name)];
  });
  t.teardown(() => cluster.stop());
  const { n1 = '', n2 = '', n3 = '' } = at;
  return { cluster, folder, at: [n1, n2, n3] };
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
