/** The command lines of a page of the documentation, and how one of them is run for real. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { run } from '../../main.ts';
import { pause } from './cluster.ts';

const launcher = fileURLToPath(new URL('../../../bin/ringpost.js', import.meta.url));
const up_wait_ms = 60_000;

/** Programs that a reader of the page is told to run. */
const program = /^(ringpost|npm|npx|node|openssl|eval|nats-server|curl)(\s|$)/;

/** Those in blocks of code, without what is said of them behind three blanks or more, and those in backticks; each once, in the page's order. */
export function commandsOf(page: string): string[] {
  const found: string[] = [];
  let isFenced = false;
  for (const line of page.split('\n')) {
    if (line.startsWith('```')) isFenced = !isFenced;
    else if (isFenced || line.startsWith('    ')) found.push((line.trim().split(/\s{3,}/)[0] ?? '').trim());
    else
      found.push(...[...line.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code).filter((code) => program.test(code)));
  }
  return [...new Set(found.filter((command) => command !== ''))];
}

/** As a shell splits it; quotes keep words together. */
function wordsOf(command: string): string[] {
  return [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
}

/** True where `command` only names another one: it has fewer words, and they are the same. */
export function isShortFor(command: string, other: string): boolean {
  const [short, long] = [wordsOf(command), wordsOf(other)];
  return short.length < long.length && short.every((word, i) => word === long[i]);
}

/** The words of a command with its placeholders replaced: those that are `ringpost`'s arguments. */
export function argsOf(command: string, real: { readonly [word: string]: string } = {}): string[] {
  const [name, ...words] = wordsOf(command);
  if (name !== 'ringpost') throw new Error(`${command} is not of ringpost`);
  return words.map((word) => real[word] ?? word);
}

export interface Said {
  readonly code: number;
  readonly words: string;
}

/** In this process: most commands are over at once. */
export async function ringpost(args: readonly string[]): Promise<Said> {
  let words = '';
  const say = (text: string): void => {
    words += `${text}\n`;
  };
  const code = await run(args, { say, tell: say });
  return { code, words };
}

/** In a process of its own, until it is ended. */
export class Running {
  readonly #child: ChildProcess;
  #words = '';

  constructor(t: Test, args: readonly string[]) {
    this.#child = spawn(process.execPath, [launcher, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream !== null) createInterface({ input: stream }).on('line', (line) => (this.#words += `${line}\n`));
    }
    t.teardown(() => this.end('SIGTERM'));
  }

  /** What it has said by the time that it has said this. */
  async until(what: RegExp): Promise<string> {
    const endMs = performance.now() + up_wait_ms;
    while (!what.test(this.#words)) {
      if (this.#isOver || performance.now() > endMs) throw new Error(`it did not say ${what}: ${this.#words}`);
      await pause(20);
    }
    return this.#words;
  }

  get #isOver(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** The code that it ended with. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    if (this.#isOver) return this.#child.exitCode;
    this.#child.kill(signal);
    const [code] = (await once(this.#child, 'exit')) as [number | null];
    return code;
  }
}
