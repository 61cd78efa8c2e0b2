/**
 * A run happens in namespaces of its own: processes, mounts and network. When its first process ends, however it ends, the kernel ends
 * all others and takes the mounts, bridges and namespaces away. Where that is not allowed, it happens beside everything else.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const unshare = ['unshare', '--net', '--mount', '--pid', '--fork', '--kill-child=SIGKILL', '--mount-proc'];
const folder_prefix = 'ringpost-chaos-';
const pid_file = 'pid';
/** Time for everything to end in order after Ctrl-C, ms. */
const end_wait_ms = 40_000;

/** Needs root, or rather CAP_SYS_ADMIN. */
export function mayEnclose(): boolean {
  try {
    execFileSync(unshare[0]!, [...unshare.slice(1), 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** A fresh folder for this run. What crashed runs have left is removed first. */
export function freshFolder(parent: string | undefined): string {
  const above = parent ?? tmpdir();
  mkdirSync(above, { recursive: true });
  sweep(above);
  const folder = mkdtempSync(join(above, folder_prefix));
  writeFileSync(join(folder, pid_file), String(process.pid));
  return folder;
}

/** Folders of runs whose process is gone, and the processes that still work in them. */
function sweep(above: string): void {
  for (const name of readdirSync(above)) {
    const folder = join(above, name);
    const owner = join(folder, pid_file);
    // A folder that was kept on purpose has no such file.
    if (!name.startsWith(folder_prefix) || !existsSync(owner)) continue;
    if (commandOf(Number(readFileSync(owner, 'utf8'))).includes('chaos')) continue;
    for (const pid of readdirSync('/proc').map(Number)) {
      if (Number.isInteger(pid) && pid > 0 && commandOf(pid).includes(folder)) endProcess(pid);
    }
    rmSync(folder, { recursive: true, force: true });
  }
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    // It has ended by itself meanwhile.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

/** From now on the folder is nobody's: no later run removes it. */
export function keep(folder: string): void {
  rmSync(join(folder, pid_file), { force: true });
}

/** Runs this program once more, inside; resolves with its exit code. Ctrl-C ends it in order, twice at once. */
export function runInside(command: readonly string[], enclosed: boolean): Promise<number> {
  const [program = '', ...args] = enclosed ? [...unshare, ...command] : command;
  // A session of its own: Ctrl-C in the terminal is for this process. It hears of the end by the end of its standard input.
  const child = spawn(program, args, { stdio: ['pipe', 'inherit', 'inherit'], detached: true });
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  let stopped = false;
  const stop = (): void => {
    if (stopped) process.exit(130);
    stopped = true;
    process.stderr.write('\nending what was started …\n');
    child.stdin?.end();
    setTimeout(kill, end_wait_ms).unref();
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return ended(child).finally(() => {
    process.off('exit', kill);
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  });
}

function ended(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}
