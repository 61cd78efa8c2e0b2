/** One process of the system under test, started, killed, paused and started again. */
import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, closeSync, openSync } from 'node:fs';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { pause, until } from '../time.ts';
import { endsWithUs } from './children.ts';

export interface ProgramOptions {
  readonly name: string;
  readonly command: readonly string[];
  readonly env?: { readonly [name: string]: string };
  /** What it writes to its terminal goes here. */
  readonly output: string;
  /** It is up when it says this, or when it takes connections here. */
  readonly up: string | { readonly host: string; readonly port: number };
}

const up_wait_ms = 45_000;
/** One that ended by itself is started again after so long. */
const restart_ms = 1_000;
const deaths_at_start_max = 5;
const stop_wait_ms = 15_000;
const dial_wait_ms = 500;
const poll_ms = 15;

export class Program {
  readonly name: string;
  readonly #options: ProgramOptions;
  #child: ChildProcess | undefined;
  #gone: Promise<void> = Promise.resolve();
  /** It was started, and nobody has ended it. */
  #wanted = false;
  #paused = false;
  #saidUp = false;
  #deaths: string[] = [];

  constructor(options: ProgramOptions) {
    this.#options = options;
    this.name = options.name;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** How it ended each time that it ended by itself; after each it is started again, as an operator's supervisor would. */
  get deaths(): readonly string[] {
    return this.#deaths;
  }

  /** Starts it; resolves when it is up. Rejects when it ends again and again, or is not up in time. */
  async start(): Promise<void> {
    this.#launch();
    const { up, output } = this.#options;
    const before = this.#deaths.length;
    const isUp = async (): Promise<boolean> => (typeof up === 'string' ? this.#saidUp : answers(up.host, up.port));
    const hopeless = (): boolean => this.#deaths.length - before >= deaths_at_start_max;
    const done = await until(async () => hopeless() || (this.running && (await isUp())), up_wait_ms, poll_ms);
    if (done && !hopeless()) return;
    const why = hopeless() ? `ended while it started (${this.#deaths.at(-1)})` : 'is not up in time';
    throw new Error(`${this.name} ${why}; see ${output}`);
  }

  #launch(): void {
    const [command = '', ...args] = this.#options.command;
    const output = openSync(this.#options.output, 'a');
    // A group of its own: Ctrl-C reaches the conductor alone, which then ends all in order.
    const child = spawn(command, args, {
      detached: true,
      stdio: ['pipe', 'pipe', output],
      env: { ...process.env, ...this.#options.env },
    });
    closeSync(output);
    child.stdin?.on('error', () => undefined);
    this.#child = child;
    this.#wanted = true;
    this.#paused = false;
    this.#saidUp = false;
    if (child.stdout) createInterface({ input: child.stdout }).on('line', (line) => this.#said(child, line));
    endsWithUs(child);
    this.#gone = new Promise((resolve) => {
      const gone = (why: string): void => {
        resolve();
        if (child === this.#child && this.#wanted) this.#died(why);
      };
      child.once('exit', (code, signal) => gone(signal ?? `code ${code}`));
      child.once('error', (error) => gone(error.message));
    });
  }

  #said(child: ChildProcess, line: string): void {
    appendFileSync(this.#options.output, `${line}\n`);
    const { up } = this.#options;
    if (child === this.#child && typeof up === 'string' && line.includes(up)) this.#saidUp = true;
  }

  #died(why: string): void {
    this.#deaths.push(why);
    this.#saidUp = false;
    setTimeout(() => {
      if (this.#wanted && !this.running) this.#launch();
    }, restart_ms).unref();
  }

  /** `kill -9`; resolves when it is gone. */
  async kill(): Promise<void> {
    this.#wanted = false;
    if (this.running) this.#child?.kill('SIGKILL');
    await this.#gone;
  }

  pause(): void {
    this.#paused = true;
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#paused = false;
    this.#child?.kill('SIGCONT');
  }

  /** SIGTERM, and SIGKILL to one that doesn't obey. Answers whether it obeyed. */
  async stop(): Promise<boolean> {
    this.#wanted = false;
    if (!this.running) return true;
    this.#child?.kill('SIGTERM');
    // A paused process sees SIGTERM only once it goes on.
    this.resume();
    const obeyed = await Promise.race([this.#gone.then(() => true), pause(stop_wait_ms).then(() => false)]);
    if (!obeyed) await this.kill();
    return obeyed;
  }
}

/** Does anybody take connections there? */
function answers(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const done = (answer: boolean) => () => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(dial_wait_ms, done(false));
    socket.once('connect', done(true));
    socket.once('error', done(false));
  });
}
