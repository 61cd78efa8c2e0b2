/** Milliseconds since some fixed point, for everything that measures: a device's own clock is set back now and then. */
export function monotonicMs(): number {
  return performance.now();
}
