/**
 * What operators have changed in the cluster, `audit/log`: one chain, to which entries are only ever added. Each carries the hash of the one before, so whoever
 * changes, drops or inserts one must change all after it, and the last hash, which others may have noted.
 *
 * | table | key | row |
 * |---|---|---|
 * | entry | number | AuditEntry |
 */
import { sha256 } from '@noble/hashes/sha2';
import { bytesToHex } from '@noble/hashes/utils';
import { type AuditEntry, type AuditPage, type AuditProtocol, chainedText } from '../proto/audit-words.ts';
import { type AnyBehaviour, behaviour, type MailOf, type Ref, type Turn } from '../runtime/index.ts';
import { Audit } from './kinds.ts';
import type { MessengerLimits } from './limits.ts';
import { numberKey } from './numbers.ts';

type Mail<K extends keyof AuditProtocol> = Extract<MailOf<AuditProtocol>, { kind: K }>;

interface AuditMemory {
  readonly limits: MessengerLimits;
  last: AuditEntry | undefined;
  /** Entries written lately, by their tickets: an answer may have been lost, and be asked for again. */
  readonly tickets: Map<string, AuditEntry>;
}

export const auditLog: Ref<AuditProtocol> = Audit.ref('log');

export function auditBehaviour(limits: MessengerLimits): AnyBehaviour {
  return behaviour<AuditProtocol, AuditMemory>(Audit, {
    wake: (turn) => ({
      limits,
      last: turn.range<AuditEntry>('entry', { reverse: true, limit: 1 })[0]?.[1],
      tickets: new Map(),
    }),
    turns: { append, read },
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

function read({ limits, last }: AuditMemory, { after, limit }: Mail<'read'>, turn: Turn): void {
  const most = Math.min(limit, limits.audit_page_max);
  const rows = turn.range<AuditEntry>('entry', { from: numberKey(after + 1), limit: most });
  const entries = rows.map(([, entry]) => entry);
  turn.reply({ entries, head: last?.number ?? 0, headHash: last?.hash ?? '' } satisfies AuditPage);
}
