/** A program in a real terminal, tmux, whose screen can be read. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { pause } from './cluster.ts';

export class TerminalUnderTest {
  readonly #socket: string;

  /** Starts `command`, a line for the shell; its exit code is shown when it has ended. */
  constructor(socket: string, command: string, columns = 80, rows = 24) {
    this.#socket = socket;
    const size = ['-x', String(columns), '-y', String(rows)];
    this.#tmux('-f', '/dev/null', 'new-session', '-d', ...size, `${command}; echo "ended with $?"; exec sleep 600`);
  }

  /** The lines that are seen, top to bottom. */
  screen(): string {
    return this.#tmux('capture-pane', '-p');
  }

  /** With the codes of colours in it. */
  painted(): string {
    return this.#tmux('capture-pane', '-p', '-e');
  }

  type(text: string): void {
    this.#tmux('send-keys', '-l', text);
  }

  /** `Enter`, `Escape`, `C-c`, `Down`. */
  key(name: string): void {
    this.#tmux('send-keys', name);
  }

  resize(columns: number, rows: number): void {
    this.#tmux('resize-window', '-x', String(columns), '-y', String(rows));
  }

  /** The screen once it shows that; rejects with the screen when it takes longer. */
  async until(what: RegExp, waitMs = 20_000): Promise<string> {
    const end = Date.now() + waitMs;
    for (;;) {
      const screen = this.screen();
      if (what.test(screen)) return screen;
      if (Date.now() > end) throw new Error(`${what} was not seen:\n${screen}`);
      await pause(100);
    }
  }

  /** Of the program, while it runs. */
  get pid(): number {
    const shell = this.#tmux('display-message', '-p', '#{pane_pid}').trim();
    return Number(readFileSync(`/proc/${shell}/task/${shell}/children`, 'utf8').trim().split(' ')[0]);
  }

  close(): void {
    this.#tmux('kill-server');
  }

  #tmux(...args: readonly string[]): string {
    return execFileSync('tmux', ['-L', this.#socket, ...args], { encoding: 'utf8' });
  }
}
