/** Time and chance from the operating system. */
import { randomFillSync } from 'node:crypto';
import type { Cancel, Clock, Random, Timers } from '../ports.ts';

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};

/** Node turns a longer delay into 1 ms. */
const delay_ms_max = 2 ** 31 - 1;

export const systemTimers: Timers = {
  after: startTimer,
  soon(run) {
    setImmediate(run);
  },
};

function startTimer(ms: number, run: () => void): Cancel {
  if (ms <= delay_ms_max) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  }
  let cancel: Cancel;
  const timer = setTimeout(() => {
    cancel = startTimer(ms - delay_ms_max, run);
  }, delay_ms_max);
  cancel = () => clearTimeout(timer);
  return () => cancel();
}

const id_bytes = 16;

/** From the operating system's secure source, drawn in blocks because a draw costs a system call. */
export function systemRandom(): Random {
  const block = Buffer.allocUnsafeSlow(id_bytes * 256);
  let used = block.length;
  function draw(bytes: number): number {
    if (used + bytes > block.length) {
      randomFillSync(block);
      used = 0;
    }
    const start = used;
    used += bytes;
    return start;
  }
  return {
    fraction: () => block.readUIntBE(draw(6), 6) / 2 ** 48,
    id() {
      const start = draw(id_bytes);
      return block.toString('base64url', start, start + id_bytes);
    },
  };
}
