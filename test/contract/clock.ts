/** What every Clock, Timers and Random promise, whatever they are made of. */
import type { Test } from 'tap';
import type { Clock, Random, Timers } from '../../runtime/ports.ts';

export interface ClockWorld {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  /** Lets time pass, at least so much. */
  pass(ms: number): Promise<void>;
}

export function clockContract(t: Test, { clock, timers, random, pass }: ClockWorld): void {
  t.test('the clocks go on', async (t) => {
    const wallMs = clock.wallMs();
    const monotonicMs = clock.monotonicMs();
    t.ok(Number.isInteger(wallMs));
    t.ok(wallMs > Date.UTC(2025, 0) && wallMs < Date.UTC(2100, 0), 'milliseconds since 1970');
    await pass(30);
    const passedMs = clock.monotonicMs() - monotonicMs;
    t.ok(passedMs >= 29 && passedMs < 5_000, `${passedMs}`);
    t.ok(clock.wallMs() - wallMs >= 28);
  });

  t.test('a timer runs once, when it is due, unless cancelled', async (t) => {
    const ran: string[] = [];
    timers.after(40, () => ran.push('late'));
    timers.after(5, () => ran.push('early'));
    const cancel = timers.after(5, () => ran.push('cancelled'));
    timers.after(2 ** 33, () => ran.push('in a hundred days'))();
    timers.after(0, () => ran.push('now'));
    t.same(ran, [], 'never within the call');
    cancel();
    cancel();
    await pass(80);
    t.same(ran, ['now', 'early', 'late']);
    cancel();
  });

  t.test('soon is after what is under way and before any time has passed', async (t) => {
    const ran: string[] = [];
    timers.after(15, () => ran.push('timer'));
    timers.soon(() => ran.push('soon'));
    void Promise.resolve().then(() => ran.push('promise'));
    ran.push('call');
    await pass(30);
    t.same(ran, ['call', 'promise', 'soon', 'timer']);
  });

  t.test('chance is even, and ids are never twice the same', async (t) => {
    const tenths = new Array<number>(10).fill(0);
    for (let i = 0; i < 10_000; i++) {
      const fraction = random.fraction();
      if (!(fraction >= 0 && fraction < 1)) t.fail(`${fraction}`);
      const tenth = Math.floor(fraction * 10);
      tenths[tenth] = (tenths[tenth] ?? 0) + 1;
    }
    t.ok(
      tenths.every((count) => count > 850 && count < 1_150),
      `${tenths}`,
    );
    const ids = Array.from({ length: 2_000 }, () => random.id());
    t.equal(new Set(ids).size, ids.length);
    t.ok(ids.every((id) => /^[A-Za-z0-9_-]{22}$/.test(id)));
  });
}
