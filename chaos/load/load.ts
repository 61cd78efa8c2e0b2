/** The load, from the conductor's side. */
import { Worker } from 'node:worker_threads';
import type { Answer, Kind, Order, Orders } from './orders.ts';

interface Waiting {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class Load {
  readonly #thread: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #next = 1;
  #failure: Error | undefined;

  constructor() {
    this.#thread = new Worker(new URL('./thread.js', import.meta.url));
    this.#thread.on('message', (answer: Answer) => this.#hear(answer));
    this.#thread.on('error', (error) => this.#broken(error));
    this.#thread.on('exit', () => this.#broken(new Error('the load has ended')));
  }

  /** Rejects when the load can't do it, or has broken down. */
  ask<K extends Kind>(kind: K, order: Orders[K]['order']): Promise<Orders[K]['answer']> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const id = this.#next++;
    return new Promise<unknown>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#thread.postMessage({ id, kind, order } as Order);
    }) as Promise<Orders[K]['answer']>;
  }

  async end(): Promise<void> {
    await this.#thread.terminate();
  }

  #hear(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if ('failed' in answer) waiting?.reject(new Error(`the load: ${answer.failed}`));
    else waiting?.resolve(answer.answer);
  }

  #broken(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
