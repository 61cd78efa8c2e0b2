/** Does what README tells a newcomer to do, with the very commands, and fails in words when something is not as README says. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const step_wait_ms = 60_000;
const port = 17_480 + (process.pid % 1_000);
const folder = mkdtempSync(join(tmpdir(), 'ringpost-newcomer-'));
const env = { ...process.env, RINGPOST_HOME: join(folder, 'home'), NO_COLOR: '1' };
const started: ChildProcess[] = [];
const everything: Running[] = [];

interface Running {
  readonly child: ChildProcess;
  said(): string;
  /** Resolves when it has said this. */
  says(text: string): Promise<void>;
  ended(): Promise<number | null>;
}

function run(command: string, args: readonly string[]): Running {
  // Its own process group: npm and npx pass on what is sent to them, but only so a person's Ctrl-C reaches all of it.
  const child = spawn(command, [...args], { env, stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  started.push(child);
  let said = '';
  const hear = (bytes: Buffer): void => {
    said += String(bytes);
  };
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', hear);
  const exit = new Promise<number | null>((resolve) => {
    child.once('exit', resolve);
  });
  const line = [command, ...args].join(' ');
  const running: Running = {
    child,
    said: () => said,
    async says(text) {
      const end = Date.now() + step_wait_ms;
      while (!said.includes(text)) {
        if (Date.now() > end) throw new Error(`"${line}" did not say "${text}". It said:\n${said}`);
        await new Promise((resolve) => {
          setTimeout(resolve, 50);
        });
      }
    },
    async ended() {
      const late = setTimeout(() => interrupt(child, 'SIGKILL'), step_wait_ms);
      const code = await exit;
      clearTimeout(late);
      return code;
    },
  };
  everything.push(running);
  return running;
}

/** As Ctrl-C does: to the whole group. */
function interrupt(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  process.kill(-child.pid, signal);
}

function chat(name: string, to: string): Running {
  return run('npx', ['ringpost', 'chat', name, '--to', to, '--url', `http://127.0.0.1:${port}`]);
}

async function newcomer(): Promise<void> {
  const server = run('npm', ['start', '--', '--port', String(port), '--data', join(folder, 'data')]);
  await server.says('Ringpost is up at');
  const bob = chat('bob', 'alice');
  const alice = chat('alice', 'bob');
  await bob.says('bob');
  alice.child.stdin?.write('hello from a newcomer\n');
  await bob.says('hello from a newcomer');
  bob.child.stdin?.write('hello yourself\n');
  await alice.says('hello yourself');
  for (const one of [alice, bob]) one.child.stdin?.end();
  for (const one of [alice, bob]) {
    const code = await one.ended();
    if (code !== 0) throw new Error(`a chat ended with ${code}. It said:\n${one.said()}`);
  }
  interrupt(server.child, 'SIGINT');
  await server.ended();
  const left = await fetch(`http://127.0.0.1:${port}/v1/health`).then(
    () => true,
    () => false,
  );
  if (left) throw new Error('the server still answers after Ctrl-C');
  process.stdout.write('A newcomer gets what README promises.\n');
}

try {
  await newcomer();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  for (const { child, said } of everything) process.stderr.write(`\n$ ${child.spawnargs.join(' ')}\n${said()}`);
  process.exitCode = 1;
} finally {
  for (const child of started) interrupt(child, 'SIGKILL');
  rmSync(folder, { recursive: true, force: true });
}
