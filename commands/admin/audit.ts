/** The audit log: read, and verified by whoever reads it, whatever the server says. */
import { createHash } from 'node:crypto';
import type { AuditEntryWords } from '../../console/index.ts';
import { type AuditEntry, type AuditRole, auditFlaw } from '../../proto/audit-words.ts';
import { textOf, UsageError } from '../options.ts';
import type { Errand } from './connect.ts';
import { table, time } from './table.ts';

/** `list`, `verify`. */
export async function audit(errand: Errand): Promise<number> {
  const [what = 'list'] = errand.words;
  if (what === 'list') return list(errand);
  if (what === 'verify') return verify(errand);
  throw new UsageError(`audit list or audit verify; not "${what}".`);
}

async function list({ client, terminal, json }: Errand): Promise<number> {
  const entries: AuditEntryWords[] = [];
  for await (const page of pages(client)) entries.push(...page.entries);
  terminal.say(
    json
      ? JSON.stringify(entries, null, 2)
      : table(entries, [
          { head: 'NO', of: ({ number }) => number },
          { head: 'WHEN', of: ({ at }) => time(at) },
          { head: 'WHO', of: ({ who, role }) => `${who} (${role})` },
          { head: 'WHAT', of: ({ method, target }) => `${method} ${target}` },
          { head: 'WHY', of: ({ reason }) => reason },
          { head: 'OUTCOME', of: ({ outcome }) => outcome },
        ]),
  );
  return 0;
}

/**
 * That of every entry fits it and the one before; with `--noted NUMBER:HASH`, that what was noted some time ago is still there, too: whoever can
 * write to the disks can chain a whole log anew, but not so that a hash which somebody keeps elsewhere fits.
 */
async function verify({ client, terminal, json, options }: Errand): Promise<number> {
  const text = textOf(options, 'noted', '');
  const [, number, hash = ''] = /^(\d+):([0-9a-f]{64})$/.exec(text) ?? [];
  if (text !== '' && number === undefined)
    throw new UsageError('--noted takes NUMBER:HASH, as an earlier verify said.');
  let at = { number: 0, hash: '' };
  let flaw: string | undefined;
  let isNotedThere = number === undefined;
  let head = { number: 0, hash: '' };
  for await (const page of pages(client)) {
    const entries = page.entries.map(auditEntryOf);
    flaw = auditFlaw(entries, at, (words) => createHash('sha256').update(words).digest('hex'));
    if (flaw !== undefined) break;
    isNotedThere ||= entries.some((entry) => entry.number === Number(number) && entry.hash === hash);
    at = entries.at(-1) ?? at;
    head = { number: page.head, hash: page.headHash };
  }
  if (flaw === undefined && at.number < head.number)
    flaw = `entries after ${at.number} are missing: there should be ${head.number}`;
  if (flaw === undefined && !isNotedThere) flaw = `entry ${number} is not the one that was noted`;
  if (json) terminal.say(JSON.stringify({ entries: at.number, head: at.hash, flaw: flaw ?? null }));
  else if (flaw === undefined)
    terminal.say(
      at.number === 0
        ? 'There are no entries yet.'
        : `${at.number} entries, each as it was written. To note elsewhere: ${at.number}:${at.hash}`,
    );
  else terminal.tell(`The audit log was tampered with, or is damaged: ${flaw}.`);
  return flaw === undefined ? 0 : 1;
}

async function* pages(client: Errand['client']) {
  for (let after = 0; ; ) {
    const page = await client.call('ListAudit', { after, limit: 0 });
    yield page;
    const last = page.entries.at(-1);
    if (last === undefined || last.number >= page.head) return;
    after = last.number;
  }
}

function auditEntryOf({ previousHash, role, ...entry }: AuditEntryWords): AuditEntry {
  return { ...entry, role: role as AuditRole, previous: previousHash };
}
