/** The audit log: read in pages, and shortened. */
import { type AuditProtocol, trimMethod } from '../proto/audit-words.ts';
import type { Node, Ref } from '../runtime/index.ts';
import type { Caller } from './access.ts';
import { limitOf } from './actors.ts';
import type { Changes } from './changes.ts';
import { absent, invalid, replyOf } from './failures.ts';
import type { Done, Reply, Request } from './words.ts';

export async function listAudit(
  node: Node,
  audit: Ref<AuditProtocol>,
  { after, limit }: Request<'ListAudit'>,
): Promise<Reply<'ListAudit'>> {
  const page = replyOf(await node.ask(audit, { kind: 'read', after, limit: limitOf(limit) }));
  return { ...page, entries: page.entries.map(({ previous, ...entry }) => ({ ...entry, previousHash: previous })) };
}

/** Some at a time, until they are gone. */
export async function trimAudit(
  node: Node,
  audit: Ref<AuditProtocol>,
  changes: Changes,
  { number, hash, reason }: Request<'TrimAudit'>,
  caller: Caller,
): Promise<Done> {
  if (number < 1) throw invalid('the number of an entry is wanted');
  const page = replyOf(await node.ask(audit, { kind: 'read', after: number - 1, limit: 1 }));
  const entry = page.entries.find((one) => one.number === number);
  const isThere = entry?.hash === hash || (page.base === number && page.baseHash === hash);
  if (!isThere || number >= page.head) throw absent(`there is no older entry ${number} with this hash`);
  return changes.make(caller, { method: trimMethod, target: { number, hash }, reason }, async () => {
    for (let left: number | null = 1; left !== 0; ) {
      left = replyOf(await node.ask(audit, { kind: 'trim', number, hash }));
      if (left === null) throw absent(`entry ${number} was dropped by another order meanwhile`);
    }
  });
}
