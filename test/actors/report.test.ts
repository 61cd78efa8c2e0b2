import t from 'tap';
import { reportsAt } from '../../actors/index.ts';
import { decodeClientFrame } from '../../proto/decode.ts';
import type { Report, ReportsPage } from '../../proto/report-words.ts';
import { clientLimits, type ReportDeed } from '../../proto/words.ts';
import { arrange, eventsOf, makeGroup, people, send } from './groups.ts';
import { connect, logIn, messenger, type Socket, type World } from './harness.ts';
import { want } from './self.ts';

const partitions = 4;

/** As an operator would: of every partition, by time. */
function reports(world: World): Report[] {
  const all: (Report & { readonly n: number })[] = [];
  for (let partition = 0; partition < partitions; partition++) {
    let before = 0;
    do {
      const page: ReportsPage = world.ask(reportsAt(partition), { kind: 'list', before, limit: 2 });
      all.push(...page.list);
      before = page.next;
    } while (before > 0);
  }
  return all.sort((one, other) => one.at - other.at || one.n - other.n);
}

const report = (user: string, more: Partial<ReportDeed> = {}): ReportDeed => {
  return { what: 'report', user, reason: 'spam', text: '', ...more };
};

function scene(limits = {}) {
  const world = messenger(limits);
  const all = people(world, 'alice', 'bob', 'carol', 'mallory') as { readonly [name: string]: Socket };
  const { alice, bob, mallory } = all as { readonly [name in 'alice' | 'bob' | 'mallory']: Socket };
  const say = (id: string, body: string) => {
    mallory.say({ kind: 'send', id, to: 'alice', body });
    world.pass(10);
  };
  return { world, all, alice, bob, mallory, say };
}

t.test(
  'PPL11 PPL12 a message that is reported goes along as the reporter has it, and nobody else is told',
  async (t) => {
    const { world, alice, mallory, say } = scene();
    say('m1', 'buy this');
    say('m2', 'buy that');
    const before = mallory.words.length;
    const tablet = connect(world, logIn(world, 'alice', 'tablet'));
    const deed = report('mallory', { text: 'every day', message: { with: 'mallory', seq: 2 } });
    t.equal(want(world, alice, deed), 'accepted');
    t.equal(mallory.words.length, before);
    t.same(
      eventsOf(tablet, 'self').map((event) => event.deed),
      [deed],
    );
    const [kept] = reports(world);
    t.match(kept, { by: 'alice', user: 'mallory', reason: 'spam', text: 'every day' });
    t.match(kept?.message, { with: 'mallory', id: 'm2', seq: 2, body: 'buy that' });

    const edit = { what: 'edit', body: 'hello' } as const;
    mallory.say({ kind: 'amend', id: 'e1', with: 'alice', of: { from: 'mallory', seq: 1 }, deed: edit });
    world.pass(10);
    t.equal(want(world, alice, report('mallory', { message: { with: 'mallory', seq: 1 } })), 'accepted');
    t.match(reports(world)[1]?.message, { seq: 1, body: 'hello' }, 'with its text of now');
    t.equal(want(world, alice, report('mallory', { message: { with: 'mallory', seq: 3 } })), 'unknown_message');
    t.equal(
      want(world, alice, report('bob', { message: { with: 'mallory', seq: 1 } })),
      'unknown_message',
      'not of bob',
    );
    t.equal(want(world, alice, report('alice')), 'to_self');
    t.equal(reports(world).length, 2);
    t.same(world.deadLetters, []);
  },
);

t.test('PPL11 A12 of a group only what the reporter got can be reported', async (t) => {
  const { world, all, alice, bob, mallory } = scene();
  const group = makeGroup(world, all, 'mallory', 'alice');
  send(world, mallory, group, 'before bob');
  arrange(world, mallory, group, { what: 'add', users: ['bob'] });
  send(world, mallory, group, 'buy this');
  const seqs = eventsOf(alice, 'message').map(({ seq }) => seq);
  const of = (seq: number) => report('mallory', { reason: 'fraud', message: { with: group, seq } });
  t.equal(want(world, bob, of(seqs[1]!)), 'accepted');
  t.equal(want(world, bob, of(seqs[0]!)), 'unknown_message', 'from before it came');
  t.equal(want(world, bob, of(99)), 'unknown_message');
  t.equal(want(world, bob, of(1)), 'unknown_message', 'no message');
  t.equal(want(world, all.carol!, of(seqs[1]!)), 'unknown_message', 'no member');
  t.match(
    reports(world).map(({ by, message }) => [by, message?.body]),
    [['bob', 'buy this']],
  );
  const edit = { what: 'edit', body: 'buy that' } as const;
  mallory.say({ kind: 'amend', id: 'edit', with: group, of: { from: 'mallory', seq: seqs[1]! }, deed: edit });
  world.pass(100);
  t.equal(want(world, alice, of(seqs[1]!)), 'accepted');
  t.ok(
    reports(world).some(({ message }) => message?.body === 'buy that'),
    'as it reads now',
  );
  t.same(world.deadLetters, []);
});

t.test('PPL12 A9 reports of one user in a day, and all that are kept, are bounded', async (t) => {
  const { world, alice, bob, mallory, say } = scene({ reports_max: 3, reports_kept_max: 2, report_body_chars_max: 4 });
  for (const text of ['one', 'two', 'three']) t.equal(want(world, alice, report('mallory', { text })), 'accepted');
  t.equal(want(world, alice, report('mallory')), 'too_many_reports');
  t.match(alice.last('refused'), { retry: true, afterMs: 86_400_000 });
  t.same(
    reports(world).map(({ text }) => text),
    ['two', 'three'],
  );
  const page = [...Array(partitions).keys()].map((partition) => {
    return world.ask(reportsAt(partition), { kind: 'list', before: 0, limit: 100 });
  });
  t.same(
    page.map(({ kept, dropped }) => [kept, dropped]).filter(([kept]) => kept! > 0),
    [[2, 1]],
  );
  world.pass(86_400_001);
  say('m1', 'buy👍👍');
  t.equal(want(world, alice, report('mallory', { message: { with: 'mallory', seq: 1 } })), 'accepted');
  t.equal(reports(world).at(-1)?.message?.body, 'buy', 'cut, but within no character');
  want(world, bob, { what: 'block', user: 'mallory', on: true });
  t.equal(want(world, bob, report('mallory')), 'accepted', 'whom it has blocked');
  t.equal(want(world, bob, report('nobody')), 'accepted', 'and of names without an account');
  t.same(eventsOf(mallory, 'failed'), []);
});

t.test('PPL12 A8 A10 a report that fails once, or comes twice, is kept once, and survives a move', async (t) => {
  const { world, alice } = scene();
  let failed = 0;
  world.fail = ({ to }) => to.startsWith('reports/') && failed++ === 0;
  const word = { kind: 'self', id: 'r1', deed: report('mallory') } as const;
  alice.say(word);
  alice.say(word);
  world.settle();
  for (let partition = 0; partition < partitions; partition++) world.forget(reportsAt(partition).address);
  t.equal(failed > 0, true);
  t.equal(reports(world).length, 1);
  t.same(world.deadLetters, []);
});

t.test('PPL11 FRM7 reports that are not of the shape are refused', async (t) => {
  const good = { user: 'mallory', reason: 'spam', text: '' };
  for (const deed of [
    { ...good, user: '#group' },
    { ...good, reason: 'boring' },
    { ...good, reason: 'constructor' },
    { ...good, text: 7 },
    { ...good, text: 'x'.repeat(clientLimits.report_text_chars_max + 1) },
    { ...good, message: 'it' },
    { ...good, message: { with: 'mallory', seq: 0 } },
    { ...good, message: { with: 'Mallory', seq: 1 } },
    { user: 'mallory', text: '' },
  ]) {
    const frame = JSON.stringify({ kind: 'self', id: 'x', deed: { what: 'report', ...deed } });
    t.match(decodeClientFrame(frame, 'json'), { ok: false, code: 'malformed', id: 'x' }, frame);
  }
});
