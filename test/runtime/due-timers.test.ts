import t from 'tap';
import type { Partition } from '../../runtime/partition.ts';
import { act, failures, list } from './ledger.ts';
import { Stage } from './stage.ts';

async function wordsOf(stage: Stage, partition: Partition, to = 'list/a'): Promise<unknown> {
  stage.ask(partition, to, { kind: 'list' });
  await stage.commitAll();
  return stage.replies.at(-1);
}

/** Lets time pass, with a journal that answers. */
async function pass(stage: Stage, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 10) {
    await stage.time.pass(10);
    await stage.commitAll();
  }
}

function timerRows(partition: Partition): number {
  return partition.overlay.range('', 'timer', {}).length + partition.overlay.range('list/a', '$timer', {}).length;
}

t.test('§3: a durable timer fires at its time, once', async (t) => {
  const stage = new Stage({ behaviours: [list()] });
  const partition = stage.add();
  const atMs = stage.clock.wallMs() + 1_000;
  stage.ask(partition, 'list/a', act({ timer: ['x', atMs, 'fired'] }));
  await stage.commitAll();
  await pass(stage, 980);
  t.strictSame(await wordsOf(stage, partition), []);
  await pass(stage, 50);
  t.strictSame(await wordsOf(stage, partition), ['fired']);
  await pass(stage, 5_000);
  t.strictSame(await wordsOf(stage, partition), ['fired']);
  t.equal(timerRows(partition), 0);
});

t.test('§3: timers fire in the order of their times, whatever the order they were set in', async (t) => {
  const stage = new Stage({ behaviours: [list()] });
  const partition = stage.add();
  const now = stage.clock.wallMs();
  for (const ms of [300, 100, 200, 50]) stage.ask(partition, 'list/a', act({ timer: [`t${ms}`, now + ms, `${ms}`] }));
  await stage.commitAll();
  await pass(stage, 400);
  t.strictSame(await wordsOf(stage, partition), ['50', '100', '200', '300']);
});

t.test('§3: a timer set anew replaces the one of its name; one cleared does not fire', async (t) => {
  const stage = new Stage({ behaviours: [list()] });
  const partition = stage.add();
  const now = stage.clock.wallMs();
  stage.ask(partition, 'list/a', act({ timer: ['x', now + 100, 'early'] }));
  stage.ask(partition, 'list/a', act({ timer: ['y', now + 100, 'other'] }));
  await stage.commitAll();
  stage.ask(partition, 'list/a', act({ timer: ['x', now + 500, 'late'] }));
  stage.ask(partition, 'list/a', act({ clear: 'y' }));
  await pass(stage, 300);
  t.strictSame(await wordsOf(stage, partition), []);
  await pass(stage, 300);
  t.strictSame(await wordsOf(stage, partition), ['late']);
});

t.test('§3: a timer set anew or cleared while its mail waits is what counts', async (t) => {
  const stage = new Stage({ behaviours: [list(failures('hold'))], limits: { turn_retry_ms: 200, turn_tries_max: 2 } });
  const partition = stage.add();
  const now = stage.clock.wallMs();
  for (const name of ['same', 'later', 'gone'])
    stage.ask(partition, 'list/a', act({ timer: [name, now + 100, `old ${name}`] }));
  await stage.commitAll();
  // Mail that fails holds the actor's mailbox while the timers fire.
  await pass(stage, 90);
  partition.receive(3, [stage.mail(1, 'list/a', act({ fail: 'hold' }))]);
  partition.receive(4, [
    stage.mail(1, 'list/a', act({ timer: ['same', now + 100, 'new same'] })),
    stage.mail(2, 'list/a', act({ timer: ['later', now + 2_000, 'new later'] })),
    stage.mail(3, 'list/a', act({ clear: 'gone' })),
  ]);
  await pass(stage, 600);
  t.strictSame(await wordsOf(stage, partition), ['new same']);
  await pass(stage, 2_000);
  t.strictSame(await wordsOf(stage, partition), ['new same', 'new later']);
});

t.test('A10: a timer whose turn throws fires again, and in the end is a dead letter', async (t) => {
  const failing = failures('twice', 'always');
  const stage = new Stage({ behaviours: [list(failing)], limits: { turn_retry_ms: 100, turn_tries_max: 4 } });
  const partition = stage.add();
  const at = stage.clock.wallMs() + 10;
  partition.overlay.keep();
  for (const fail of ['twice', 'always']) {
    const key = `list/${fail}`;
    const row = `${String(at).padStart(15, '0')} ${key} x`;
    partition.overlay.put(key, '$timer', 'x', row);
    partition.overlay.put('', 'timer', row, act({ add: 'done', fail }));
  }
  partition.overlay.keep();
  partition.timers.look();
  await pass(stage, 250);
  failing.throwing.delete('twice');
  await pass(stage, 3_000);
  t.strictSame(await wordsOf(stage, partition, 'list/twice'), ['done']);
  t.strictSame(await wordsOf(stage, partition, 'list/always'), []);
  t.equal(failing.thrown.get('always'), 4, 'as often as the limit says');
  t.equal(partition.overlay.range('', 'dead', {}).length, 1);
  t.equal(timerRows(partition), 0);
});

t.test('§3: timers move with their partition, and fire once there', async (t) => {
  const stage = new Stage({ behaviours: [list()] });
  stage.journal.answersItself = true;
  const before = await stage.takeOver(1);
  stage.open.set(0, before);
  const now = stage.clock.wallMs();
  for (const ms of [100, 5_000]) stage.ask(before, 'list/a', act({ timer: [`t${ms}`, now + ms, `${ms}`] }));
  await pass(stage, 200);
  t.strictSame(await wordsOf(stage, before), ['100']);
  before.stopped = true;
  before.timers.stop();
  await stage.time.pass(10_000);
  const after = await stage.takeOver(2);
  stage.open.set(0, after);
  after.timers.look();
  await pass(stage, 50);
  t.strictSame(await wordsOf(stage, after), ['100', '5000']);
});

t.test('§3: a clock that jumps is noticed within a minute', async (t) => {
  const stage = new Stage({ behaviours: [list()] });
  const partition = stage.add();
  stage.ask(partition, 'list/a', act({ timer: ['x', stage.clock.wallMs() + 3_600_000, 'fired'] }));
  await stage.commitAll();
  stage.clock.wallOffsetMs += 3_600_000;
  await stage.time.pass(60_100);
  t.strictSame(await wordsOf(stage, partition), ['fired']);
});

t.test('A9: a backlog of timers does not fill the mailboxes', async (t) => {
  const stage = new Stage({ behaviours: [list()], limits: { mailbox_mails_max: 300 } });
  const partition = stage.add();
  const now = stage.clock.wallMs();
  for (let i = 0; i < 1_000; i++) {
    stage.ask(partition, `list/a${i % 10}`, act({ timer: [`t${i}`, now + 1_000, 'fired'] }));
    if (i % 100 === 99) await stage.commitAll();
  }
  let fired = 0;
  const fire = partition.fire.bind(partition);
  partition.fire = (...timer) => {
    fired++;
    fire(...timer);
  };
  // A partition that has no turns, as while its journal is silent.
  stage.runner.run = () => {};
  await stage.time.pass(5_000);
  t.equal(fired, 300);
});

t.test('§3: a moment that is none is refused', async (t) => {
  const stage = new Stage({ behaviours: [list()] });
  const partition = stage.add();
  stage.ask(partition, 'list/a', act({ timer: ['x', Number.NaN, 'never'] }));
  stage.ask(partition, 'list/a', act({ timer: ['x', Number.POSITIVE_INFINITY, 'never'] }));
  await stage.commitAll();
  t.strictSame(stage.refusals, ['failed', 'failed']);
});
