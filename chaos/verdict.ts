/** A round's report: counts, breaches by promise, times. */
import { isGroupId } from '../proto/decode.ts';
import type { Breach } from './breach.ts';
import { type Column, checks, columns } from './checks.ts';
import { type Digest, digest, type Entry, type Fate, isSeen, readersOf } from './history.ts';
import { firstAccepted, longestWaits, type Span, type Struck, sendsOf, spanOf } from './unavailable.ts';

export type Round = {
  readonly kind: 'round';
  readonly scenario: string;
  readonly round: number;
  /** `--scenario NAME --seed SEED --rounds 1` has the same faults again. */
  readonly seed: number;
  readonly faults: readonly {
    readonly what: string;
    readonly target: string;
    readonly hits: number;
    readonly at_ms: number;
  }[];
} & Counts & { readonly [column in Column]: number } & {
    readonly unavailable_ms: Span | null;
    readonly unavailable_all_ms: Span | null;
    readonly after_heal_ms: Span | null;
    readonly longest_wait_ms: Span | null;
    /** Of partitions that were moved on purpose. */
    readonly move_pause_ms: Span | null;
    readonly recovered: boolean;
    /** Why the round says nothing; '' when it does. */
    readonly vacuous: string;
    readonly ok: boolean;
    readonly seconds: number;
    readonly notes: { readonly [name: string]: number | string };
  };

export interface RoundFacts {
  readonly scenario: string;
  readonly round: number;
  readonly seed: number;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly users: readonly string[];
  readonly faults: readonly Struck[];
  readonly healedAt: number;
  /** Of partitions that were moved on purpose, ms. */
  readonly pauses: readonly number[];
  readonly recovered: boolean;
  readonly notes: { readonly [name: string]: number | string };
  /** Acknowledged messages without which the round says nothing. */
  readonly ackedLeast: number;
}

interface Counts {
  readonly sent: number;
  readonly acked: number;
  readonly delivered: number;
  readonly refused: number;
  readonly failed: number;
  readonly unknown: number;
  /** Of `sent` and `delivered`, those to groups. */
  readonly group_sent: number;
  readonly group_delivered: number;
}

export interface Verdict {
  readonly round: Round;
  readonly breaches: readonly Breach[];
  /** The single times behind `unavailable_ms`. */
  readonly unavailable: readonly number[];
}

/** Judges round after round of one company of users; what an earlier round was blamed for is not blamed on a later one. */
export class Judge {
  #history: Entry[] = [];
  #known = new Set<Breach>();
  #counts: Counts = countsOf(digest([]));

  get entries(): readonly Entry[] {
    return this.#history;
  }

  /** Takes the entries of a round; answers its report, and each breach in words. */
  judge(entries: readonly Entry[], facts: RoundFacts): Verdict {
    this.#history = this.#history.concat(entries);
    const digested = digest(this.#history);
    const breaches: Breach[] = [];
    const counted = {} as { [column in Column]: number };
    for (const column of columns) {
      const fresh = checks[column](digested).filter((breach) => !this.#known.has(`${column}: ${breach}`));
      counted[column] = fresh.length;
      for (const breach of fresh) {
        this.#known.add(`${column}: ${breach}`);
        breaches.push(`${column}: ${breach}`);
      }
    }
    const counts = this.#newCounts(digested);
    const vacuous = vacuousBecause(counts, facts);
    const { recovered, scenario, seed, round, faults, startedAt, endedAt, notes } = facts;
    const report: Round = {
      kind: 'round',
      scenario,
      round,
      seed,
      faults: faults.map(({ what, target, hits, at }) => ({
        what,
        target,
        hits: hits.length,
        at_ms: Math.round(at - startedAt),
      })),
      ...counts,
      ...counted,
      ...times(digested, facts),
      move_pause_ms: spanOf(facts.pauses),
      recovered,
      vacuous,
      ok: breaches.length === 0 && recovered && vacuous === '',
      seconds: Math.round((endedAt - startedAt) / 100) / 10,
      notes,
    };
    return { round: report, breaches, unavailable: hitTimes(digested, facts) };
  }

  #newCounts(digested: Digest): Counts {
    const now = countsOf(digested);
    const before = this.#counts;
    this.#counts = now;
    const names = Object.keys(now) as (keyof Counts)[];
    return Object.fromEntries(names.map((name) => [name, now[name] - before[name]])) as unknown as Counts;
  }
}

function countsOf(digested: Digest): Counts {
  const { fates, told } = digested;
  const all = [...fates.values()];
  const failed = all.filter((fate) => fate.failed !== undefined).length;
  const acked = all.filter(({ answers }) => answers.length > 0).length;
  const seen = new Set(told.flatMap((event) => (event.kind === 'message' ? [`${event.id} by ${event.user}`] : [])));
  const delivered = all.filter(({ sent }) =>
    readersOf(digested, sent).every((reader) => seen.has(`${sent.id} by ${reader}`)),
  );
  const forGroup = ({ sent }: Fate): boolean => isGroupId(sent.to);
  return {
    sent: all.length,
    acked,
    delivered: delivered.length,
    refused: all.reduce((sum, { refusals }) => sum + refusals, 0),
    failed,
    unknown: all.length - acked - failed,
    group_sent: all.filter(forGroup).length,
    group_delivered: delivered.filter(forGroup).length,
  };
}

/** What never ended counts up to the round's end. */
function hitTimes(digested: Digest, { faults, endedAt, recovered }: RoundFacts): number[] {
  const sends = sendsOf(digested, recovered);
  return faults.flatMap(({ hits, at }) => firstAccepted(sends, hits, at).map((ms) => Math.min(ms, endedAt - at)));
}

function times(digested: Digest, facts: RoundFacts) {
  const { faults, users, healedAt, endedAt, recovered } = facts;
  const sends = sendsOf(digested, recovered);
  const first = faults[0]?.at ?? endedAt;
  const all = faults.flatMap(({ at }) => firstAccepted(sends, users, at).map((ms) => Math.min(ms, endedAt - at)));
  return {
    unavailable_ms: spanOf(hitTimes(digested, facts)),
    unavailable_all_ms: spanOf(all),
    after_heal_ms: healedAt === 0 ? null : spanOf(firstAccepted(sends, users, healedAt), endedAt - healedAt),
    longest_wait_ms: faults.length === 0 ? null : spanOf(longestWaits(sends, users, first), endedAt - first),
  };
}

function vacuousBecause({ acked, group_sent, group_delivered }: Counts, { faults, ackedLeast }: RoundFacts): string {
  if (faults.length === 0) return 'nothing was broken';
  if (faults.every(({ hits }) => hits.length === 0)) return 'no user was hit';
  if (acked < ackedLeast) return `only ${acked} messages were accepted; ${ackedLeast} would say something`;
  if (group_sent > 0 && group_delivered === 0) return 'no message of a group came to all its members';
  return '';
}

/** For the file that is kept of a bad round. */
export function storyOf(entries: readonly Entry[]): string {
  return entries.map((entry) => `${JSON.stringify(isSeen(entry) ? { seen: true, ...entry } : entry)}\n`).join('');
}
