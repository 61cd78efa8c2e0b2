/** A disk that forgets what was not synced when its power is cut, and a machine that knows it was booted since. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { endsWithUs } from '../cluster/children.ts';
import { compiled } from './compile.ts';

export interface Forgotten {
  readonly bytes: number;
  readonly writes: number;
}

const answer_wait_ms = 10_000;

/** One file system of `forgetful.c`. */
export class ForgetfulDisk {
  /** What is on it. */
  readonly folder: string;
  readonly #daemon: ChildProcess;
  readonly #lines: string[] = [];
  #heard: () => void = () => undefined;

  private constructor(folder: string, daemon: ChildProcess) {
    this.folder = folder;
    this.#daemon = daemon;
    endsWithUs(daemon);
    if (daemon.stdout) {
      createInterface({ input: daemon.stdout }).on('line', (line) => {
        this.#lines.push(line);
        this.#heard();
      });
    }
  }

  /** Mounts `folder`; what it holds lies in a folder beside it. Needs an enclosure, /dev/fuse and gcc. */
  static async open(folder: string, seed: number): Promise<ForgetfulDisk> {
    const backing = `${folder}.disk`;
    for (const path of [folder, backing]) mkdirSync(path, { recursive: true });
    const program = compiled('forgetful.c', join(folder, '..', 'programs'), []);
    const daemon = spawn(program, [backing, folder, String(seed)], {
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
    });
    const disk = new ForgetfulDisk(folder, daemon);
    await disk.#line();
    return disk;
  }

  /**
   * The power goes: nothing may be using the disk. `some`: single writes that were not synced are on it nevertheless, by chance, as
   * when a disk writes its cache in an order of its own.
   */
  async cut(some: boolean): Promise<Forgotten> {
    this.#daemon.kill(some ? 'SIGUSR2' : 'SIGUSR1');
    const line = await this.#line();
    const [, bytes, writes] = /^forgot (\d+) bytes of (\d+) writes$/.exec(line) ?? [];
    return { bytes: Number(bytes), writes: Number(writes) };
  }

  async close(): Promise<void> {
    const gone = new Promise((resolve) => this.#daemon.once('exit', resolve));
    execFileSync('umount', ['-l', this.folder]);
    await gone;
  }

  async #line(): Promise<string> {
    const ended = (): boolean => this.#daemon.exitCode !== null || this.#daemon.signalCode !== null;
    const late = setTimeout(() => this.#daemon.kill('SIGKILL'), answer_wait_ms);
    this.#daemon.once('exit', () => this.#heard());
    while (this.#lines.length === 0 && !ended()) {
      await new Promise<void>((resolve) => {
        this.#heard = resolve;
      });
    }
    clearTimeout(late);
    const line = this.#lines.shift();
    if (line === undefined) throw new Error('the forgetful file system has ended; it needs /dev/fuse and root');
    return line;
  }
}

/** The name of the machine's boot, as all processes of the enclosure read it. */
export class BootId {
  readonly #file: string;

  constructor(folder: string) {
    this.#file = join(folder, 'boot_id');
    this.boot();
    execFileSync('mount', ['--bind', this.#file, '/proc/sys/kernel/random/boot_id']);
  }

  /** The machine has been booted. */
  boot(): void {
    writeFileSync(this.#file, `${randomUUID()}\n`);
  }
}
