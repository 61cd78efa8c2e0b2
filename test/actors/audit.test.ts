import { createHash } from 'node:crypto';
import t from 'tap';
import { auditLog } from '../../actors/index.ts';
import { type AuditEntry, auditFlaw, chainedText, type Deed } from '../../proto/audit-words.ts';
import { messenger, type World } from './harness.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const none = { number: 0, hash: '' };

function deed(reason: string): Deed {
  return {
    who: 'ann',
    role: 'admin',
    node: 'n1',
    method: 'DrainNode',
    target: '{"node":"n2"}',
    reason,
    outcome: 'begun',
  };
}

function all(world: World): AuditEntry[] {
  const entries: AuditEntry[] = [];
  for (let after = 0; ; after = entries.length) {
    const page = world.ask(auditLog, { kind: 'read', after, limit: 100 });
    entries.push(...page.entries);
    if (entries.length >= page.head) {
      t.equal(page.headHash, entries.at(-1)?.hash ?? '');
      return entries;
    }
  }
}

function written(count: number): { world: World; entries: AuditEntry[] } {
  const world = messenger();
  for (let i = 1; i <= count; i++) world.ask(auditLog, { kind: 'append', ticket: `t${i}`, deed: deed(`why ${i}`) });
  return { world, entries: all(world) };
}

t.test('ADM1 the audit log is one chain, and whoever has it can verify it', async (t) => {
  const { entries } = written(60);
  t.strictSame(
    entries.map(({ number, reason }) => [number, reason]),
    Array.from({ length: 60 }, (_, i) => [i + 1, `why ${i + 1}`]),
  );
  t.equal(auditFlaw(entries, none, sha256), undefined);
  t.equal(auditFlaw(entries.slice(20), entries[19] ?? none, sha256), undefined, 'a page follows the page before');
  t.equal(auditFlaw([], none, sha256), undefined);
});

t.test('ADM1 whatever is changed, dropped, inserted or put elsewhere is found', async (t) => {
  const { entries } = written(5);
  const third = entries[2];
  if (third === undefined) throw new Error('five entries');
  const changed: Partial<AuditEntry>[] = [
    { who: 'bob' },
    { role: 'viewer' },
    { node: 'n9' },
    { method: 'ResumeNode' },
    { target: '{}' },
    { reason: 'another' },
    { outcome: 'done' },
    { at: third.at + 1 },
    { hash: sha256('x') },
  ];
  for (const change of changed) {
    const forged = entries.map((entry) => (entry === third ? { ...entry, ...change } : entry));
    t.match(auditFlaw(forged, none, sha256), /entry 3 is not what it was/, JSON.stringify(change));
  }
  const sealed = { ...third, reason: 'another' };
  const resealed = { ...sealed, hash: sha256(chainedText(sealed)) };
  const anew = entries.map((entry) => (entry === third ? resealed : entry));
  t.match(auditFlaw(anew, none, sha256), /entry 4 does not follow/, 'sealed anew, it does not fit the next');
  t.match(
    auditFlaw(
      entries.filter((entry) => entry !== third),
      none,
      sha256,
    ),
    /entry 3 is missing/,
  );
  t.match(auditFlaw([...entries.slice(0, 3), third, ...entries.slice(3)], none, sha256), /entry 4 is missing/);
  t.match(auditFlaw(entries.slice(1), none, sha256), /entry 1 is missing/);
});

t.test('ADM2 an entry whose answer was lost is asked for again, and is there once', async (t) => {
  const world = messenger();
  const first = world.ask(auditLog, { kind: 'append', ticket: 'same', deed: deed('once') });
  const again = world.ask(auditLog, { kind: 'append', ticket: 'same', deed: deed('once') });
  t.strictSame(again, first);
  t.equal(all(world).length, 1);
  world.ask(auditLog, { kind: 'append', ticket: 'other', deed: deed('twice') });
  t.equal(all(world).length, 2);
});

t.test(
  'ADM4 a log that is full begins nothing, ends what was begun, and is shortened by who has read it',
  async (t) => {
    const world = messenger({ audit_entries_max: 10, audit_trim_entries: 2 });
    let tickets = 0;
    const append = (more: Partial<Deed> = {}) =>
      world.ask(auditLog, { kind: 'append', ticket: `t${++tickets}`, deed: { ...deed('why'), ...more } });
    for (let i = 0; i < 10; i++) t.not(append(), null);
    t.equal(append(), null);
    t.equal(append(), null);
    t.match(append({ outcome: 'done (9)' }), { number: 11 });
    t.match(append({ method: 'TrimAudit' }), { number: 12 });
    const entries = all(world);
    t.equal(entries.length, 12);
    const trim = (number: number, hash = entries[number - 1]?.hash ?? '') =>
      world.ask(auditLog, { kind: 'trim', number, hash });
    t.equal(trim(5, sha256('x')), null, 'not without the right hash');
    t.equal(trim(12), null, 'never the newest');
    t.equal(trim(13), null);
    t.equal(all(world).length, 12);
    t.strictSame([trim(5), trim(5), trim(5), trim(5)], [3, 1, 0, 0], 'some at a time; again does no harm');
    t.equal(trim(4), null, 'that one is gone');
    const page = world.ask(auditLog, { kind: 'read', after: 0, limit: 100 });
    t.match(page, { base: 5, baseHash: entries[4]?.hash, head: 12, entriesMax: 10 });
    t.strictSame(page.entries, entries.slice(5));
    t.equal(auditFlaw(page.entries, { number: page.base, hash: page.baseHash }, sha256), undefined);
    t.match(append(), { number: 13, previous: entries[11]?.hash }, 'there is room again');
    world.forget(auditLog.address);
    t.match(
      world.ask(auditLog, { kind: 'read', after: 0, limit: 1 }),
      { base: 5, head: 13 },
      'it is a row like others',
    );
  },
);
