import { sdkLimits } from './limits.ts';

/** Milliseconds since some fixed point, for everything that measures: a device's own clock is set back now and then. */
export function monotonicMs(): number {
  return performance.now();
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** As long as a server asked for, if that is no longer than a client waits; less when `signal` is aborted. */
export function pauseAsked(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, Math.min(ms, sdkLimits.refused_wait_ms_max));
    signal?.addEventListener('abort', () => resolve(), { once: true });
  });
}
