/** How long users could not send, from their own histories. The words are defined in README.md. */
import type { Digest } from './history.ts';

/** A fault that took effect at `at`, and the users whose partition (or socket, where the scenario says so) it hit. */
export interface Struck {
  readonly what: string;
  readonly target: string;
  readonly at: number;
  readonly hits: readonly string[];
}

/** ms */
export interface Span {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** How many times went into it: one for each user and fault. */
  readonly count: number;
}

interface Send {
  readonly at: number;
  readonly acceptedAt: number;
}

/**
 * When each user's messages were sent and first accepted; Infinity where that has not come. `settled`: whatever could be answered was, so
 * a message without an answer is one that a killed client had not stored, and nobody waited for it.
 */
export function sendsOf({ fates }: Digest, settled: boolean): Map<string, Send[]> {
  const sends = new Map<string, Send[]>();
  for (const { sent, answers, failed } of fates.values()) {
    if (failed !== undefined || (settled && answers.length === 0)) continue;
    const list = sends.get(sent.user) ?? [];
    list.push({ at: sent.at, acceptedAt: Math.min(...answers.map(({ at }) => at)) });
    sends.set(sent.user, list);
  }
  return sends;
}

/** For each user: from `since` to the first acceptance of a message that was sent then or later; Infinity when there is none. */
export function firstAccepted(
  sends: ReadonlyMap<string, readonly Send[]>,
  users: readonly string[],
  since: number,
): number[] {
  return users.map((user) => {
    const later = (sends.get(user) ?? []).filter(({ at }) => at >= since);
    return Math.min(...later.map(({ acceptedAt }) => acceptedAt)) - since;
  });
}

/** The longest that any message of each user waited for its acceptance, of those sent at `since` or later or waiting then. */
export function longestWaits(
  sends: ReadonlyMap<string, readonly Send[]>,
  users: readonly string[],
  since: number,
): number[] {
  return users.map((user) => {
    const late = (sends.get(user) ?? []).filter(({ acceptedAt }) => acceptedAt >= since);
    return Math.max(0, ...late.map(({ at, acceptedAt }) => acceptedAt - at));
  });
}

/** Exact percentiles; null when there is nothing to tell. What never ended counts as `endMs`. */
export function spanOf(times: readonly number[], endMs = Number.POSITIVE_INFINITY): Span | null {
  if (times.length === 0) return null;
  const sorted = times.map((ms) => Math.min(ms, endMs)).sort((a, b) => a - b);
  const at = (share: number): number =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!);
  return { p50: at(0.5), p99: at(0.99), max: at(1), count: sorted.length };
}
