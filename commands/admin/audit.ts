/** The audit log: read, verified by whoever reads it, whatever the server says, and shortened once it is kept elsewhere. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { AuditEntryWords } from '../../console/index.ts';
import { type AuditEntry, type AuditRole, auditFlaw } from '../../proto/audit-words.ts';
import { textOf, UsageError } from '../options.ts';
import { type Errand, isMeant, reasonOf } from './connect.ts';
import { table, time } from './table.ts';

/** A place in the chain. */
interface Link {
  readonly number: number;
  readonly hash: string;
}

/** Filled so far, in percent, the log is told of as nearly full. */
const nearly_full_percent = 90;

/** `list`, `verify`, `export FILE`, `trim NUMBER:HASH`. */
export async function audit(errand: Errand): Promise<number> {
  const [what = 'list', word] = errand.words;
  if (what === 'list' && word === undefined) return list(errand);
  if (what === 'verify' && word === undefined) return verify(errand);
  if (what === 'export') return exported(errand, word);
  if (what === 'trim') return trim(errand, word);
  throw new UsageError(`audit list, verify, export FILE or trim NUMBER:HASH; not "${errand.words.join(' ')}".`);
}

async function list(errand: Errand): Promise<number> {
  const { terminal, json } = errand;
  const entries: AuditEntryWords[] = [];
  for await (const page of pages(errand)) entries.push(...page.entries);
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

// ---------------------------------------------------------------- the chain

/** Entries one after the other, and what is wrong with them. */
class Chain {
  at: Link;
  flaw: string | undefined;
  count = 0;
  readonly #noted: Link | undefined;
  #isNotedThere: boolean;

  constructor(from: Link, noted: Link | undefined) {
    this.at = from;
    this.#noted = noted;
    this.#isNotedThere = noted === undefined || isSame(noted, from);
  }

  /** False once something is wrong. */
  follow(entries: readonly AuditEntry[]): boolean {
    this.flaw ??= auditFlaw(entries, this.at, (words) => createHash('sha256').update(words).digest('hex'));
    if (this.flaw !== undefined) return false;
    this.#isNotedThere ||= entries.some((entry) => this.#noted !== undefined && isSame(this.#noted, entry));
    this.at = entries.at(-1) ?? this.at;
    this.count += entries.length;
    return true;
  }

  /** The log says that it is so long. */
  end(head: Link): void {
    if (this.flaw === undefined && this.at.number < head.number)
      this.flaw = `entries after ${this.at.number} are missing: there should be ${head.number}`;
    if (!this.#isNotedThere) this.flaw ??= `entry ${this.#noted?.number} is not the one that was noted`;
  }
}

/**
 * That of every entry fits it and the one before; with `--noted NUMBER:HASH`, that what was noted some time ago is still there, too: whoever can
 * write to the disks can chain a whole log anew, but not so that a hash which somebody keeps elsewhere fits. `--from FILE`: entries that were exported
 * and dropped come first, and the log must follow them.
 */
async function verify(errand: Errand): Promise<number> {
  const { terminal, json, options } = errand;
  const text = textOf(options, 'noted', '');
  const noted = text === '' ? undefined : linkOf(text, '--noted');
  const file = textOf(options, 'from', '');
  const before = file === '' ? undefined : await chainOf(file, noted);
  const { at, flaw, count } = await followed(errand, noted, before);
  if (json) terminal.say(JSON.stringify({ entries: count, number: at.number, head: at.hash, flaw: flaw ?? null }));
  else if (flaw === undefined)
    terminal.say(
      count === 0
        ? 'There are no entries yet.'
        : `${count} entries, each as it was written. To note elsewhere: ${at.number}:${at.hash}`,
    );
  else tellFlaw(terminal, flaw);
  return flaw === undefined ? 0 : 1;
}

/** From where a chain ends, or the log begins, to the log's end. `take` gets all entries, sound or not; without it the first flaw is the end. */
async function followed(
  errand: Errand,
  noted?: Link,
  before?: Chain,
  take?: (entries: readonly AuditEntry[]) => Promise<unknown>,
): Promise<Chain> {
  let chain = before;
  let head: Link = { number: 0, hash: '' };
  for await (const page of pages(errand, chain?.at.number ?? 0)) {
    const base = { number: page.base, hash: page.baseHash };
    chain ??= new Chain(base, noted);
    if (chain.at.number < base.number) chain.flaw ??= `entries ${chain.at.number + 1} to ${base.number} were dropped`;
    head = { number: page.head, hash: page.headHash };
    const entries = page.entries.map(auditEntryOf);
    const isSound = chain.follow(entries);
    if (take !== undefined) await take(entries);
    else if (!isSound) break;
  }
  chain ??= new Chain(head, noted);
  chain.end(head);
  return chain;
}

function tellFlaw({ tell }: Errand['terminal'], flaw: string): void {
  tell(`The audit log was tampered with, or is damaged: ${flaw}.`);
}

/** A file with an entry a line, as `export` writes it; several of them one after the other make one. */
async function chainOf(file: string, noted: Link | undefined): Promise<Chain> {
  let chain: Chain | undefined;
  for await (const line of createInterface({ input: createReadStream(file) })) {
    if (line === '') continue;
    const entry = JSON.parse(line) as AuditEntry;
    chain ??= new Chain({ number: entry.number - 1, hash: entry.previous }, noted);
    if (!chain.follow([entry])) break;
  }
  if (chain === undefined) throw new UsageError(`${file} has no entries.`);
  return chain;
}

/** Verified on the way: what is not sound is written all the same, and told of. */
async function exported(errand: Errand, file: string | undefined): Promise<number> {
  const { terminal, json } = errand;
  if (file === undefined) throw new UsageError('Into which file? ringpost admin audit export audit.jsonl');
  const out = await open(file, 'wx');
  let chain: Chain;
  try {
    chain = await followed(errand, undefined, undefined, (entries) =>
      out.write(entries.map((entry) => `${JSON.stringify(entry)}\n`).join('')),
    );
    await out.sync();
  } finally {
    await out.close();
  }
  const { at, flaw, count } = chain;
  if (json)
    terminal.say(JSON.stringify({ file, entries: count, number: at.number, head: at.hash, flaw: flaw ?? null }));
  else terminal.say(`${count} entries are in ${file}, the last one ${at.number}:${at.hash}`);
  if (flaw !== undefined) tellFlaw(terminal, flaw);
  return flaw === undefined ? 0 : 1;
}

/** Entries up to one that was exported. */
async function trim(errand: Errand, word: string | undefined): Promise<number> {
  const { client, terminal, json } = errand;
  if (word === undefined)
    throw new UsageError('Up to which entry? ringpost admin audit trim NUMBER:HASH, as export says.');
  const upTo = linkOf(word, 'audit trim');
  const name = String(upTo.number);
  if (!(await isMeant(errand, `Entries up to ${name} are dropped: whoever has not exported them has lost them.`, name)))
    return 1;
  const done = await client.call('TrimAudit', { ...upTo, reason: await reasonOf(errand) }, trim_wait_ms);
  terminal.say(json ? JSON.stringify(done) : `Entries up to ${name} are gone.`);
  return 0;
}

const trim_wait_ms = 300_000;

/** Tells when the log is nearly full. */
async function* pages({ client, terminal }: Errand, from = 0) {
  for (let after = from; ; ) {
    const page = await client.call('ListAudit', { after, limit: 0 });
    const percent = Math.floor(((page.head - page.base) * 100) / page.entriesMax);
    if (percent >= nearly_full_percent && after === from)
      terminal.tell(`The audit log is full to ${percent} %: at 100 nothing can be changed. Export it, and trim it.`);
    yield page;
    const last = page.entries.at(-1);
    if (last === undefined || last.number >= page.head) return;
    after = last.number;
  }
}

function linkOf(text: string, what: string): Link {
  const [, number, hash = ''] = /^(\d+):([0-9a-f]{64})$/.exec(text) ?? [];
  if (number === undefined) throw new UsageError(`${what} takes NUMBER:HASH, as an earlier verify or export said.`);
  return { number: Number(number), hash };
}

function isSame(a: Link, b: Link): boolean {
  return a.number === b.number && a.hash === b.hash;
}

function auditEntryOf({ previousHash, role, ...entry }: AuditEntryWords): AuditEntry {
  return { ...entry, role: role as AuditRole, previous: previousHash };
}
