import type { Address } from './actor.ts';
import type { Log } from './ports.ts';

type Heard = (from: Address, value: unknown) => void;

/** Who listens, on this node, to what its actors signal. */
export class Signals {
  readonly #log: Log;
  readonly #ears = new Map<string, Heard>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Throws on a second listener of one name. */
  on(name: string, heard: Heard): () => void {
    if (this.#ears.has(name)) throw new TypeError(`somebody listens to ${name} already`);
    this.#ears.set(name, heard);
    return () => void this.#ears.delete(name);
  }

  raise(name: string, from: Address, value: unknown): void {
    try {
      this.#ears.get(name)?.(from, value);
    } catch (error) {
      this.#log.error({ error, name }, 'the listener to a signal threw');
    }
  }
}
