import t from 'tap';
import { Inquiries, type InquiriesHost } from '../../runtime/inquiries.ts';
import { simCodec } from '../../sim/codec.ts';

/** Nothing moves its time but its own timers, by whole microseconds; its clock runs a little fast, so a rest may be less than that. */
class Lonely {
  sent = 0;
  #atMs = 1e9;
  #next: { readonly ms: number; readonly run: () => void } | undefined;

  readonly ports = {
    clock: { monotonicMs: () => this.#atMs * 1.0003, wallMs: () => this.#atMs },
    timers: {
      after: (ms: number, run: () => void) => {
        this.#next = { ms: Math.floor((ms / 1.0003) * 1_000) / 1_000, run };
        return () => {};
      },
    },
    network: { self: 'n1', send: () => void this.sent++ },
    codec: simCodec,
  } as unknown as InquiriesHost['ports'];

  /** How many timers there were until no more was set; at most `most`. */
  run(most: number): number {
    for (let count = 0; count < most; count++) {
      const next = this.#next;
      if (next === undefined) return count;
      this.#next = undefined;
      this.#atMs += next.ms;
      next.run();
    }
    return most;
  }
}

t.test('A question that nobody answers ends, whatever the clock can tell', async (t) => {
  for (let waitMs = 900; waitMs < 1_100; waitMs++) {
    const world = new Lonely();
    const answer = async () => {
      throw new Error('nobody asks');
    };
    const inquiries = new Inquiries({ ports: world.ports, incarnation: 'x', answer });
    const asked = inquiries.ask('n2', { kind: 'node' }, waitMs);
    const timers = world.run(1_000);
    if (timers > 10) t.fail(`it went on and on with ${waitMs} ms to wait`);
    if (timers > 10) return;
    t.match(await asked, { kind: 'none', why: 'no answer' });
    t.ok(world.sent >= 3 && world.sent <= 5, 'it was asked again');
  }
});
