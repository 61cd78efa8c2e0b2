/**
 * What operators have changed in the cluster, `audit/log`: one chain, to which entries are only ever added. Each carries the hash of the one before, so whoever
 * changes, drops or inserts one must change all after it, and the last hash, which others may have noted. The oldest ones are dropped by an operator's order
 * alone, who has exported them; the chain goes on from the last of those.
 *
 * | table | key | row |
 * |---|---|---|
 * | entry | number | AuditEntry |
 * | base | '' | Base: the newest entry that was dropped |
 */
import { sha256 } from '@noble/hashes/sha2';
import { bytesToHex } from '@noble/hashes/utils';
import { type AuditEntry, type AuditPage, type AuditProtocol, chainedText, trimMethod } from '../proto/audit-words.ts';
import { type AnyBehaviour, behaviour, type MailOf, type Ref, type Turn } from '../runtime/index.ts';
import { Audit } from './kinds.ts';
import type { MessengerLimits } from './limits.ts';
import { numberKey } from './numbers.ts';

type Mail<K extends keyof AuditProtocol> = Extract<MailOf<AuditProtocol>, { kind: K }>;

interface Base {
  readonly number: number;
  readonly hash: string;
}

interface AuditMemory {
  readonly limits: MessengerLimits;
  last: AuditEntry | undefined;
  base: Base;
  /** Entries written lately, by their tickets: an answer may have been lost, and be asked for again. */
  readonly tickets: Map<string, AuditEntry>;
}

export const auditLog: Ref<AuditProtocol> = Audit.ref('log');

export function auditBehaviour(limits: MessengerLimits): AnyBehaviour {
  return behaviour<AuditProtocol, AuditMemory>(Audit, {
    wake: (turn) => ({
      limits,
      last: turn.range<AuditEntry>('entry', { reverse: true, limit: 1 })[0]?.[1],
      base: turn.get<Base>('base') ?? { number: 0, hash: '' },
      tickets: new Map(),
    }),
    turns: { append, read, trim },
  });
}

function append(log: AuditMemory, { ticket, deed }: Mail<'append'>, turn: Turn): void {
  const before = log.tickets.get(ticket);
  if (before !== undefined) {
    turn.reply(before);
    // Perhaps its record is still under way.
    turn.confirm();
    return;
  }
  const { last } = log;
  const isFull = (last?.number ?? 0) - log.base.number >= log.limits.audit_entries_max;
  // What was begun is to have its end, and what makes room is to begin.
  if (isFull && deed.outcome === 'begun' && deed.method !== trimMethod) {
    turn.reply(null);
    return;
  }
  const at = Math.max(turn.now, last?.at ?? 0);
  const unsealed = { ...deed, number: (last?.number ?? 0) + 1, at, previous: last?.hash ?? '' };
  const entry: AuditEntry = { ...unsealed, hash: bytesToHex(sha256(chainedText(unsealed))) };
  turn.put('entry', numberKey(entry.number), entry);
  log.last = entry;
  log.tickets.set(ticket, entry);
  const [oldest] = log.tickets.keys();
  if (log.tickets.size > log.limits.audit_tickets_max && oldest !== undefined) log.tickets.delete(oldest);
  turn.reply(entry);
}

function read({ limits, last, base }: AuditMemory, { after, limit }: Mail<'read'>, turn: Turn): void {
  const most = Math.min(limit, limits.audit_page_max);
  const rows = turn.range<AuditEntry>('entry', { from: numberKey(after + 1), limit: most });
  const page: AuditPage = {
    entries: rows.map(([, entry]) => entry),
    ...{ head: last?.number ?? 0, headHash: last?.hash ?? '' },
    ...{ base: base.number, baseHash: base.hash, entriesMax: limits.audit_entries_max },
  };
  turn.reply(page);
}

/** The newest entry stays, whatever is asked: the next one follows it. */
function trim(log: AuditMemory, { number, hash }: Mail<'trim'>, turn: Turn): void {
  const upTo = number === log.base.number ? log.base : turn.get<AuditEntry>('entry', numberKey(number));
  if (upTo?.hash !== hash || number >= (log.last?.number ?? 0)) {
    turn.reply(null);
    return;
  }
  const rows = turn.range<AuditEntry>('entry', { to: numberKey(number + 1), limit: log.limits.audit_trim_entries });
  for (const [key, entry] of rows) {
    turn.delete('entry', key);
    log.base = { number: entry.number, hash: entry.hash };
  }
  if (rows.length > 0) turn.put('base', log.base);
  else turn.confirm();
  turn.reply(number - log.base.number);
}
