import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import type { PasswordHash } from '../proto/mail.ts';
import type { Fill, Probe } from '../runtime/index.ts';
import { fillOf } from './figures.ts';
import type { GatewayLimits } from './limits.ts';

const saltBytes = 16;
const hashBytes = 32;

export interface Passwords {
  readonly fills: readonly Fill[];
  hash(password: string): Promise<PasswordHash | 'busy'>;
  /** `kept` undefined stands for an account that is not there: false, after the same work as for one that is. */
  matches(password: string, kept: PasswordHash | undefined): Promise<boolean | 'busy'>;
}

/** scrypt (RFC 7914) on libuv's threads, with a bound on how much of it runs and waits: it is meant to be expensive. */
export function passwords(limits: GatewayLimits, probe?: Probe): Passwords {
  const slots = slotsOf(limits.scrypt_running_max, limits.scrypt_waiting_max);
  const cost = {
    cost: limits.scrypt_cost,
    blockSize: limits.scrypt_block_size,
    parallelism: limits.scrypt_parallelism,
  };
  const decoy: PasswordHash = { ...cost, salt: randomBytes(saltBytes), hash: new Uint8Array(hashBytes) };

  async function bounded<T>(work: () => Promise<T>): Promise<T | 'busy'> {
    const slot = slots.take();
    if (slot === undefined) {
      probe?.count('bounds_reached', 'gateway.scrypt_waiting_max', 1);
      return 'busy';
    }
    await slot;
    try {
      return await work();
    } finally {
      slots.give();
    }
  }

  return {
    get fills() {
      const fill = fillOf(limits);
      return [fill('scrypt_running_max', slots.running), fill('scrypt_waiting_max', slots.waiting)];
    },
    hash: (password) =>
      bounded(async () => {
        const salt = randomBytes(saltBytes);
        return { ...cost, salt, hash: await derive(password, { ...cost, salt }) };
      }),
    matches: (password, kept) =>
      bounded(async () => {
        const against = kept ?? decoy;
        const hash = await derive(password, against);
        const equal = hash.length === against.hash.length && timingSafeEqual(hash, against.hash);
        return equal && kept !== undefined;
      }),
  };
}

/** The same password typed on two systems may differ in how Unicode composes it: NFKC makes it one. */
function derive(password: string, by: Omit<PasswordHash, 'hash'>): Promise<Buffer> {
  const { cost, blockSize, parallelism } = by;
  // What scrypt needs (RFC 7914 section 2), and room for OpenSSL's own; Node's default of 32 MiB is just too little for N = 2^15.
  const maxmem = 128 * blockSize * (cost + parallelism) + 1024 * 1024;
  return new Promise((resolve, reject) => {
    scrypt(
      password.normalize('NFKC'),
      by.salt,
      hashBytes,
      { cost, blockSize, parallelization: parallelism, maxmem },
      (error, key) => {
        if (error) reject(error);
        else resolve(key);
      },
    );
  });
}

interface Slots {
  readonly running: number;
  readonly waiting: number;
  take(): Promise<void> | undefined;
  give(): void;
}

/** `take` answers with a promise of one of `runningMax` slots, or undefined when `waitingMax` wait already. */
function slotsOf(runningMax: number, waitingMax: number): Slots {
  let running = 0;
  const waiting: (() => void)[] = [];
  return {
    get running() {
      return running;
    },
    get waiting() {
      return waiting.length;
    },
    take() {
      if (running < runningMax) {
        running += 1;
        return Promise.resolve();
      }
      if (waiting.length >= waitingMax) return undefined;
      return new Promise((resolve) => waiting.push(resolve));
    },
    give() {
      const next = waiting.shift();
      if (next) next();
      else running -= 1;
    },
  };
}
