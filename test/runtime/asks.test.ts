import t from 'tap';
import { Asks, type PendingAsk } from '../../runtime/asks.ts';
import type { Asked } from '../../runtime/index.ts';
import { defaultLimits, type Limits } from '../../runtime/limits.ts';
import { Stage } from './stage.ts';

class Desk {
  readonly stage = new Stage();
  readonly sent: PendingAsk[] = [];
  readonly answers: Asked<never>[] = [];
  readonly asks: Asks;
  /** Where asks are handed over to; undefined: nobody takes them. */
  owner: string | undefined = 'n2';

  constructor(limits: Partial<Limits> = {}) {
    this.asks = new Asks(this.stage.ports, { ...defaultLimits, ...limits }, (ask) => {
      this.sent.push(ask);
      ask.at = this.owner;
    });
  }

  ask(waitMs = 1_000, partition = 0): void {
    void this.asks.ask('list/a', partition, { kind: 'act' }, waitMs).then((answer) => this.answers.push(answer));
  }

  pass(ms: number): Promise<void> {
    return this.stage.time.pass(ms);
  }
}

t.test('§2: an ask ends with its reply, and only the first one', async (t) => {
  const desk = new Desk();
  desk.ask();
  const [ask] = desk.sent;
  desk.asks.replied(ask?.id ?? 0, 'one');
  desk.asks.replied(ask?.id ?? 0, 'two');
  await desk.pass(5_000);
  t.strictSame(desk.answers, [{ kind: 'reply', value: 'one' }]);
});

t.test('§2: an ask that nobody took is sent again, and refused at its deadline', async (t) => {
  const desk = new Desk();
  desk.owner = undefined;
  desk.ask(1_000);
  await desk.pass(900);
  t.ok(desk.sent.length > 5);
  t.strictSame(desk.answers, []);
  await desk.pass(200);
  t.strictSame(desk.answers, [{ kind: 'refused', why: 'too_late' }]);
  const { length } = desk.sent;
  await desk.pass(1_000);
  t.equal(desk.sent.length, length, 'and then no more');
});

t.test('§2: an ask that was handed over is never sent again by itself; its deadline leaves it unknown', async (t) => {
  const desk = new Desk();
  desk.ask(1_000);
  await desk.pass(2_000);
  t.equal(desk.sent.length, 1);
  t.match(desk.answers, [{ kind: 'unknown' }]);
});

t.test('§2: "moved" and "full" mean certainly not carried out: it is sent again', async (t) => {
  const desk = new Desk();
  desk.ask(1_000);
  for (const why of ['moved', 'full'] as const) {
    desk.asks.refused(1, why);
    const { length } = desk.sent;
    await desk.pass(100);
    t.equal(desk.sent.length, length + 1);
  }
  desk.asks.refused(1, 'failed');
  await desk.pass(10);
  t.strictSame(desk.answers, [{ kind: 'refused', why: 'failed' }]);
});

t.test('A7: what was handed to an owner that is gone is unknown; what waits for one goes on waiting', async (t) => {
  const desk = new Desk();
  desk.ask(1_000, 1);
  desk.ask(1_000, 2);
  desk.owner = undefined;
  desk.ask(1_000, 1);
  desk.asks.lost((ask) => ask.partition === 1, 'it died');
  await desk.pass(1);
  t.strictSame(desk.answers, [{ kind: 'unknown', why: 'it died' }]);
  desk.owner = 'n3';
  await desk.pass(100);
  t.equal(desk.sent.at(-1)?.id, 3);
});

t.test('A7: an owner that lives after a move may still answer or refuse; after a while it is unknown', async (t) => {
  const desk = new Desk();
  for (let i = 0; i < 3; i++) desk.ask(5_000);
  desk.asks.doubt(() => true, 1_000);
  await desk.pass(500);
  t.strictSame(desk.answers, []);
  desk.asks.replied(1, 'late');
  desk.asks.refused(2, 'moved');
  await desk.pass(600);
  t.strictSame(desk.answers, [
    { kind: 'reply', value: 'late' },
    { kind: 'unknown', why: 'the partition has a new owner' },
  ]);
  await desk.pass(2_000);
  t.equal(desk.answers.length, 2, 'the one that was refused was sent again, and is as good as new');
});

t.test('A9: asks have a bound, and a longest wait', async (t) => {
  const desk = new Desk({ asks_max: 2, ask_wait_ms_max: 500 });
  for (let i = 0; i < 3; i++) desk.ask(100_000);
  await desk.pass(1);
  t.strictSame(desk.answers, [{ kind: 'refused', why: 'full' }]);
  await desk.pass(600);
  t.equal(desk.answers.length, 3);
});

t.test('A9: an ask that fits no datagram is refused; one that can’t be packed is misuse', async (t) => {
  const desk = new Desk({ datagram_bytes_max: 1_000 });
  const asked = desk.asks.ask('list/a', 0, { kind: 'act', text: 'x'.repeat(600) } as { kind: string }, 1_000);
  t.strictSame(await asked, { kind: 'refused', why: 'failed' });
  t.throws(() => desk.asks.ask('list/a', 0, { kind: 'act', at: new Date() } as { kind: string }, 1_000), TypeError);
  t.strictSame(desk.sent, []);
});

t.test('§2: a node that stops answers every ask', async (t) => {
  const desk = new Desk();
  desk.ask();
  desk.owner = undefined;
  desk.ask();
  desk.asks.stop();
  await desk.pass(1);
  t.match(desk.answers, [{ kind: 'unknown' }, { kind: 'refused', why: 'stopped' }]);
});
