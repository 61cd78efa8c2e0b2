import type { RingpostError } from './errors.ts';

/** A promise that somebody else settles; nobody need look at it. */
export interface Settleable {
  readonly promise: Promise<void>;
  readonly settle: (error?: RingpostError) => void;
}

export function settleable(): Settleable {
  let settle: (error?: RingpostError) => void = () => undefined;
  const promise = new Promise<void>((resolve, reject) => {
    settle = (error) => (error === undefined ? resolve() : reject(error));
  });
  promise.catch(() => undefined);
  return { promise, settle };
}
