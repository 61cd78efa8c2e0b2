/**
 * The SDK takes time and chance from its platform's globals. Here they become those of a simulated device: of the one whose event is
 * happening. All that follows from an event happens before the next one, so one variable says whose turn it is. Code that is no device's
 * (the engine, the actors) has ports instead: if it uses these globals all the same, they throw.
 */
import type { SimClock, SimRandom } from './clock.ts';

/** What one simulated device runs on. */
export interface Platform {
  readonly clock: SimClock;
  readonly random: SimRandom;
}

/** undefined: nothing is simulated now. */
let turnOf: Platform | 'nobody' | undefined;

/** From here on, until the next event, everything that happens is this device's. */
export function enter(platform: Platform): void {
  turnOf = platform;
}

/** Called before each event of a simulation. */
export function leave(): void {
  turnOf = 'nobody';
}

/** The simulation is over: the globals are the real ones again. */
export function leaveSimulation(): void {
  turnOf = undefined;
}

class SimTimer {
  readonly cancel: () => void;

  constructor(cancel: () => void) {
    this.cancel = cancel;
  }
}

/** The device whose turn it is; undefined outside a simulation. Throws where nobody may ask. */
function asker(what: string): Platform | undefined {
  if (turnOf === 'nobody') throw new Error(`${what} was used by code that has ports for it`);
  return turnOf;
}

let replaced = false;

/** Replaces the globals of this process, once. What loads after this sees the new ones only. */
export function replaceGlobals(): void {
  if (replaced) return;
  replaced = true;
  replaceTimers();
  replaceDate();
  replaceChance();
  replaceWays();
}

function put(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, configurable: true, writable: true });
}

function replaceTimers(): void {
  const real = {
    setTimeout: globalThis.setTimeout,
    setInterval: globalThis.setInterval,
    setImmediate: globalThis.setImmediate,
  };
  type Run = (...args: unknown[]) => void;
  const later = (device: Platform, ms: number, run: Run, args: unknown[]): (() => void) =>
    device.clock.after(ms, () => {
      enter(device);
      run(...args);
    });
  put(globalThis, 'setTimeout', (run: Run, ms = 0, ...args: unknown[]) => {
    const device = asker('setTimeout');
    return device ? new SimTimer(later(device, ms, run, args)) : real.setTimeout(run, ms, ...args);
  });
  put(globalThis, 'setImmediate', (run: Run, ...args: unknown[]) => {
    const device = asker('setImmediate');
    return device ? new SimTimer(later(device, 0, run, args)) : real.setImmediate(run, ...args);
  });
  put(globalThis, 'setInterval', (run: Run, ms = 0, ...args: unknown[]) => {
    const device = asker('setInterval');
    if (device === undefined) return real.setInterval(run, ms, ...args);
    let cancel = (): void => {};
    const again = (): void => {
      cancel = later(device, Math.max(1, ms), next, []);
    };
    const next = (): void => {
      again();
      run(...args);
    };
    again();
    return new SimTimer(() => cancel());
  });
  for (const name of ['clearTimeout', 'clearInterval', 'clearImmediate'] as const) {
    const clear = globalThis[name] as (timer: unknown) => void;
    put(globalThis, name, (timer: unknown) => (timer instanceof SimTimer ? timer.cancel() : clear(timer)));
  }
}

function replaceDate(): void {
  const RealDate = Date;
  const now = (): number => asker('Date')?.clock.wallMs() ?? RealDate.now();
  class SimDate extends RealDate {
    constructor(...args: readonly unknown[]) {
      super(...((args.length === 0 ? [now()] : args) as [number]));
    }

    static override now(): number {
      return now();
    }
  }
  put(globalThis, 'Date', SimDate);
  const { performance } = globalThis;
  const realNow = performance.now.bind(performance);
  put(performance, 'now', () => asker('performance.now')?.clock.monotonicMs() ?? realNow());
}

function replaceChance(): void {
  const realRandom = Math.random;
  put(Math, 'random', () => asker('Math.random')?.random.fraction() ?? realRandom());
  const { crypto } = globalThis;
  const realValues = crypto.getRandomValues.bind(crypto) as (into: Uint8Array) => Uint8Array;
  put(crypto, 'getRandomValues', (into: Uint8Array) => {
    const device = asker('crypto.getRandomValues');
    if (device === undefined) return realValues(into);
    const bytes = new Uint8Array(into.buffer, into.byteOffset, into.byteLength);
    for (let i = 0; i < bytes.length; i++) bytes[i] = device.random.between(0, 255);
    return into;
  });
  put(crypto, 'randomUUID', () => {
    throw new Error('crypto.randomUUID is not simulated');
  });
}

/** Ways out of the process: a device is given simulated ones as options. */
function replaceWays(): void {
  const { fetch } = globalThis;
  put(globalThis, 'fetch', (...args: Parameters<typeof fetch>) => {
    if (turnOf !== undefined) throw new Error('fetch is given to a client as an option here');
    return fetch(...args);
  });
  const realTimeout = AbortSignal.timeout.bind(AbortSignal);
  put(AbortSignal, 'timeout', (ms: number) => {
    if (asker('AbortSignal.timeout') === undefined) return realTimeout(ms);
    const controller = new AbortController();
    setTimeout(() => controller.abort(new DOMException('The operation timed out.', 'TimeoutError')), ms);
    return controller.signal;
  });
}
