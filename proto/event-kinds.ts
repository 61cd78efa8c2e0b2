import type { TimelineEvent } from './words.ts';

const kinds: { readonly [kind in Exclude<TimelineEvent['kind'], 'other'>]: true } = {
  message: true,
  receipt: true,
  failed: true,
  seen: true,
  expired: true,
  group: true,
  declined: true,
  amended: true,
  vanishing: true,
  vanished: true,
  self: true,
  gone: true,
};

export type EventKind = keyof typeof kinds;

/** A kind of event that a timeline has. */
export function isEventKind(value: unknown): value is EventKind {
  return typeof value === 'string' && Object.hasOwn(kinds, value);
}
