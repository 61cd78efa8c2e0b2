import t from 'tap';
import type { Probe } from '../../runtime/index.ts';
import { act, failures, list } from './ledger.ts';
import { Stage } from './stage.ts';

type Heard = readonly [what: keyof Probe, ...values: readonly (string | number)[]];

function listener(): Probe & { readonly heard: Heard[]; of(what: keyof Probe): Heard[] } {
  const heard: Heard[] = [];
  return {
    heard,
    of: (what) => heard.filter(([one]) => one === what),
    turned: (...values) => void heard.push(['turned', ...values]),
    gated: (...values) => void heard.push(['gated', ...values]),
    appended: (...values) => void heard.push(['appended', ...values]),
    sealed: (...values) => void heard.push(['sealed', ...values]),
    count: (...values) => void heard.push(['count', ...values]),
    took: (...values) => void heard.push(['took', ...values]),
  };
}

t.test('what turns count is counted once they have succeeded, and not if they throw', async (t) => {
  const probe = listener();
  const failing = failures('once');
  const stage = new Stage({ behaviours: [list(failing)], probe });
  const partition = stage.add();
  stage.ask(partition, 'list/a', act({ add: 'one', count: ['things', 'big', 3] }));
  await stage.turns();
  t.strictSame(probe.of('count'), [['count', 'things', 'big', 3]]);
  stage.ask(partition, 'list/a', act({ count: ['things', 'big', 5], fail: 'once' }));
  await stage.commitAll();
  t.strictSame(probe.of('count').slice(1), [['count', 'turns_failed', 'list', 1]]);
  t.strictSame(
    probe.of('turned').map(([, kind]) => kind),
    ['list'],
    'and how long a turn took is told of those that succeed',
  );
});

t.test('a turn waits at the gate from its end to the acknowledgement of its record', async (t) => {
  const probe = listener();
  const stage = new Stage({ behaviours: [list()], probe });
  const partition = stage.add();
  stage.ask(partition, 'list/a', act({ add: 'one' }));
  stage.ask(partition, 'list/a', act({ add: 'two' }));
  await stage.turns();
  await stage.time.pass(30);
  t.strictSame(probe.of('gated'), []);
  stage.journal.answer();
  await stage.turns();
  t.strictSame(probe.of('gated'), [
    ['gated', 30],
    ['gated', 30],
  ]);
  t.strictSame(probe.of('appended'), [['appended', 'appended', 1, 30]]);
  const [sealed] = probe.of('sealed');
  t.equal(sealed?.[1], 2, 'both turns are in one record');
  t.equal(sealed?.[2], stage.journal.logs.get(0)?.[0]?.bytes.byteLength);
});

t.test('a turn that changes nothing waits at no gate, not even at that of a record long after it', async (t) => {
  const probe = listener();
  const stage = new Stage({ behaviours: [list()], probe });
  const partition = stage.add();
  stage.ask(partition, 'list/a', { kind: 'list' });
  await stage.time.pass(60_000);
  stage.ask(partition, 'list/a', act({ add: 'one' }));
  await stage.commitAll();
  t.strictSame(probe.of('gated'), [['gated', 0]]);
  t.equal(probe.of('turned').length, 2);
});

t.test('each try of an append is told with its outcome', async (t) => {
  const probe = listener();
  const stage = new Stage({ behaviours: [list()], probe });
  const partition = stage.add();
  stage.journal.script.push({ kind: 'busy', reason: 'an election' }, { kind: 'unknown', reason: 'silence' });
  stage.ask(partition, 'list/a', act({ add: 'one' }));
  await stage.time.pass(1_000);
  await stage.commitAll();
  t.strictSame(
    probe.of('appended').map(([, outcome]) => outcome),
    ['busy', 'unknown', 'appended'],
  );
});

t.test('A9: who is refused at a bound is counted by the name of the bound', async (t) => {
  const probe = listener();
  const stage = new Stage({ behaviours: [list()], limits: { mailbox_mails_max: 1, partition_mails_max: 2 }, probe });
  const partition = stage.add();
  t.equal(stage.ask(partition, 'list/a', act({})), 'ok');
  t.equal(stage.ask(partition, 'list/a', act({})), 'full');
  t.equal(stage.ask(partition, 'list/b', act({})), 'ok');
  t.equal(stage.ask(partition, 'list/c', act({})), 'full');
  t.strictSame(probe.of('count'), [
    ['count', 'bounds_reached', 'runtime.mailbox_mails_max', 1],
    ['count', 'bounds_reached', 'runtime.partition_mails_max', 1],
  ]);
});

t.test('A10: a dead letter is counted', async (t) => {
  const probe = listener();
  const failing = failures('always');
  const stage = new Stage({ behaviours: [list(failing)], limits: { turn_tries_max: 2, turn_retry_ms: 1 }, probe });
  const partition = stage.add();
  partition.receive(3, [stage.mail(1, 'list/a', act({ fail: 'always' }))]);
  await stage.time.pass(100);
  await stage.commitAll();
  t.strictSame(probe.of('count'), [
    ['count', 'turns_failed', 'list', 1],
    ['count', 'turns_failed', 'list', 1],
    ['count', 'dead_letters', '', 1],
  ]);
});
