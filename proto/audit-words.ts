/** The audit log: what operators have changed, each entry chained to the one before by its hash. */

/** Of whoever calls; each may do what the one before may. */
export const auditRoles = ['viewer', 'operator', 'admin'] as const;
export type AuditRole = (typeof auditRoles)[number];

/** What there is to tell of a deed before it has a place in the log. */
export interface Deed {
  readonly who: string;
  readonly role: AuditRole;
  /** The node that took the call. */
  readonly node: string;
  readonly method: string;
  /** What it was about, as JSON. */
  readonly target: string;
  readonly reason: string;
  /** `begun`, and in an entry of its own afterwards `done` or why not. */
  readonly outcome: string;
}

export interface AuditEntry extends Deed {
  /** Dense, from 1. */
  readonly number: number;
  /** Wall time, ms. */
  readonly at: number;
  /** Hash of the entry before; '' of the first. */
  readonly previous: string;
  /** SHA-256 of `chainedText`, in hex. */
  readonly hash: string;
}

/** What an entry's hash is of: changing anything in it, or its place, changes that of all entries after it. */
export function chainedText(entry: Omit<AuditEntry, 'hash'>): string {
  const { previous, number, at, who, role, node, method, target, reason, outcome } = entry;
  return JSON.stringify([previous, number, at, who, role, node, method, target, reason, outcome]);
}

/**
 * The first thing wrong with entries that follow the one of number and hash `after`, in words; undefined where nothing is. `hash`: SHA-256 in hex.
 */
export function auditFlaw(
  entries: Iterable<AuditEntry>,
  after: { readonly number: number; readonly hash: string },
  hash: (text: string) => string,
): string | undefined {
  let { number, hash: previous } = after;
  for (const entry of entries) {
    number++;
    if (entry.number !== number) return `entry ${number} is missing: entry ${entry.number} is in its place`;
    if (entry.previous !== previous) return `entry ${number} does not follow the entry before it`;
    if (hash(chainedText(entry)) !== entry.hash) return `entry ${number} is not what it was when it was written`;
    previous = entry.hash;
  }
  return undefined;
}

export interface AuditPage {
  readonly entries: readonly AuditEntry[];
  readonly head: number;
  readonly headHash: string;
  /** The newest of those that were dropped after they had been exported; the first one that is there follows it. 0 and '' for none. */
  readonly base: number;
  readonly baseHash: string;
  /** How many there may be. */
  readonly entriesMax: number;
}

/** The method by which entries are dropped: begun even where the log is full. */
export const trimMethod = 'TrimAudit';

/** The log of the cluster, `audit/log`. */
export type AuditProtocol = {
  /** Answered when it is durable; the same `ticket` again is the same entry. Null where the log is full and the deed is about to begin. */
  append: { mail: { readonly ticket: string; readonly deed: Deed }; reply: AuditEntry | null };
  /**
   * Drops entries up to `number`, the hash of which proves that whoever asks has had them. Answers how many of those are left: again until there are none.
   * Null: that one is not there with this hash.
   */
  trim: { mail: { readonly number: number; readonly hash: string }; reply: number | null };
  /** Those after a number. */
  read: { mail: { readonly after: number; readonly limit: number }; reply: AuditPage };
};
