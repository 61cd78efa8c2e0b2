import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { HostCall, HostSettings } from './ledger-host.ts';

/** The near end of a ledger host. */
export class LedgerHost {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #calls = 0;
  readonly up: Promise<unknown>;

  constructor(settings: HostSettings) {
    this.name = settings.node;
    this.#child = fork(fileURLToPath(new URL('./ledger-host.js', import.meta.url)), [JSON.stringify(settings)]);
    process.once('exit', () => this.#child.kill('SIGKILL'));
    this.up = new Promise((resolve, reject) => {
      this.#waiting.set(0, { resolve, reject });
      this.#child.once('exit', (code, signal) => reject(new Error(`${this.name} ended: ${code ?? signal}`)));
    });
    this.up.catch(() => undefined);
    this.#child.on('message', ({ call, value, error }: { call: number; value: unknown; error?: string }) => {
      const waiting = this.#waiting.get(call);
      if (error === undefined) waiting?.resolve(value);
      else waiting?.reject(new Error(error));
      this.#waiting.delete(call);
    });
  }

  call<T>(say: HostCall): Promise<T> {
    const call = ++this.#calls;
    return new Promise((resolve, reject) => {
      this.#waiting.set(call, { resolve: (value) => resolve(value as T), reject });
      this.#child.send({ call, say });
    });
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => {
      this.#child.once('exit', () => resolve());
    });
    this.#child.kill('SIGKILL');
    await ended;
  }
}
