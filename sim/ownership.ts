/** The simulated register of ownership: one for a world, seen by each node through a connection of its own. */
import type { Ownership, OwnershipRegister } from '../runtime/ports.ts';
import type { SimRandom, SimTime } from './clock.ts';

/** May be changed while the world runs. */
export interface RegisterFaults {
  /** Odds that a request is not carried out and rejects. */
  unavailable: number;
  /** Odds that a write is carried out and rejects all the same. */
  answerLost: number;
  delayMs: readonly [least: number, most: number];
}

export interface SimRegisterLink extends OwnershipRegister {
  /** False while the node is cut off from the register. */
  connected: boolean;
  crash(): void;
}

export class SimRegister {
  readonly faults: RegisterFaults = { unavailable: 0, answerLost: 0, delayMs: [1, 1] };
  readonly #time: SimTime;
  readonly #random: SimRandom;
  #version = 0;
  /** JSON, so that nobody shares what is kept. */
  #value: string | undefined;

  constructor(time: SimTime, random: SimRandom) {
    this.#time = time;
    this.#random = random.stream('ownership');
  }

  /** A node's connection. After `crash` none of its answers arrives. */
  connect(): SimRegisterLink {
    let gone = false;
    const never = new Promise<never>(() => {});
    const way = async () => {
      const [least, most] = this.faults.delayMs;
      await this.#time.passed(this.#random.between(least, most));
    };
    const request = async <T>(carryOut: () => T, answerLost: number): Promise<T> => {
      if (gone) throw new Error('the register is closed');
      await way();
      if (!link.connected || this.#random.chance(this.faults.unavailable))
        throw new Error('the register is not available now');
      const result = carryOut();
      await way();
      if (gone) return never;
      if (this.#random.chance(answerLost)) throw new Error('no answer from the register');
      return result;
    };
    const link: SimRegisterLink = {
      connected: true,
      read: () => request(() => this.#read(), 0),
      write: (version, value) => request(() => this.#write(version, value), this.faults.answerLost),
      async close() {
        gone = true;
      },
      crash() {
        gone = true;
      },
    };
    return link;
  }

  #read(): { version: number; value: Ownership | undefined } {
    if (this.#value === undefined) return { version: 0, value: undefined };
    const { owners, ...rest } = JSON.parse(this.#value) as {
      owners: (Ownership['owners'][number] | null)[];
      epochs: number[];
      formats?: number[];
      pins?: string[];
    };
    return { version: this.#version, value: { ...rest, owners: owners.map((owner) => owner ?? undefined) } };
  }

  #write(version: number, { owners, ...rest }: Ownership): number | undefined {
    if (version !== this.#version) return undefined;
    this.#value = JSON.stringify({ ...rest, owners: owners.map((owner) => owner ?? null) });
    // Versions are not dense, as sequences of a stream needn't be.
    this.#version += this.#random.between(1, 3);
    return this.#version;
  }
}
