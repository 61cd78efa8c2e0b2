import fc from 'fast-check';
import t from 'tap';
import { InChannel, Outbox, OutChannel } from '../../runtime/channel.ts';
import { defaultLimits } from '../../runtime/limits.ts';
import type { ChannelMail, Taken } from '../../runtime/record.ts';
import { SimRandom } from '../../sim/clock.ts';

const window_mails = 8;

function mailOf(seq: number): ChannelMail {
  return { seq, to: 'b/1', from: 'a/1', body: { kind: `m${seq}` }, asker: undefined };
}

/** Both ends of one channel, each with a journal that survives it, and a network between them that loses, doubles and swaps. */
class Pair {
  readonly random: SimRandom;
  nowMs = 0;
  // The sender's journal: its mail, and what it has written down as settled.
  readonly outJournal: { mails: ChannelMail[]; settled: number }[] = [];
  // The receiver's: what was taken, with the effects.
  inJournal: Taken = { source: 1, watermark: 0, above: [] };
  readonly effects: number[] = [];
  out = new OutChannel(2);
  in = new InChannel(1);
  mailbox: number[] = [];
  /** Turns done and not yet in a record. */
  open: number[] = [];
  toReceiver: ChannelMail[] = [];
  toSender: number[] = [];

  constructor(seed: number) {
    this.random = new SimRandom(seed);
  }

  get numbered(): number {
    return this.outJournal.reduce((sum, { mails }) => sum + mails.length, 0);
  }

  /** A record of the sender with some new mail is durable. */
  commitOut(count: number): void {
    const mails = Array.from({ length: count }, () => mailOf(this.out.nextSeq++));
    this.outJournal.push({ mails, settled: this.out.settled });
    this.out.committed(mails, this.outJournal.length);
    this.send();
  }

  send(): void {
    this.toReceiver.push(...this.out.takeSendable(window_mails, this.nowMs));
  }

  receive(): void {
    for (const mail of this.toReceiver.splice(0)) {
      if (this.random.chance(0.15)) continue;
      if (this.random.chance(0.1)) this.toReceiver.push(mail);
      const verdict = this.in.accept(mail.seq);
      if (verdict === 'new') this.mailbox.push(mail.seq);
      if (verdict === 'old' && this.inJournal.watermark > 0) this.toSender.push(this.inJournal.watermark);
    }
    if (this.random.chance(0.2)) this.toReceiver.reverse();
  }

  /** One turn; now and then not of the oldest mail, for actors have mailboxes of their own. */
  turn(): void {
    const [seq] = this.mailbox.splice(this.random.chance(0.3) ? this.random.between(0, this.mailbox.length - 1) : 0, 1);
    if (seq === undefined) return;
    this.in.done(seq);
    this.open.push(seq);
  }

  commitIn(): void {
    this.inJournal = this.in.taken();
    this.effects.push(...this.open.splice(0));
    this.toSender.push(this.inJournal.watermark);
  }

  answer(): void {
    for (const upTo of this.toSender.splice(0)) {
      if (this.random.chance(0.15)) continue;
      this.out.settle(upTo, this.nowMs);
      this.send();
    }
  }

  restartOut(): void {
    this.out = new OutChannel(2);
    for (const [i, { mails, settled }] of this.outJournal.entries()) {
      this.out.committed(mails, i + 1);
      this.out.settle(settled, 0);
    }
    this.out.rewind();
    this.send();
  }

  restartIn(): void {
    this.in = new InChannel(1);
    this.in.restore(this.inJournal);
    this.mailbox = [];
    this.open = [];
  }

  wait(): void {
    this.nowMs += 400;
    if (!this.out.overdue(1_000, this.nowMs)) return;
    this.out.rewind();
    this.send();
  }

  anything(): void {
    const acts = [
      () => this.commitOut(this.random.between(1, 6)),
      () => this.receive(),
      () => this.receive(),
      () => this.turn(),
      () => this.turn(),
      () => this.commitIn(),
      () => this.answer(),
      () => this.wait(),
      () => this.random.chance(0.15) && this.restartOut(),
      () => this.random.chance(0.15) && this.restartIn(),
    ];
    acts[this.random.between(0, acts.length - 1)]?.();
  }
}

t.test('A6: a channel delivers every mail once, whatever is lost, doubled, swapped or restarted', async () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const pair = new Pair(seed);
      for (let i = 0; i < 250; i++) pair.anything();
      for (let i = 0; pair.effects.length < pair.numbered && i < 2_000; i++) {
        pair.wait();
        pair.receive();
        pair.turn();
        pair.commitIn();
        pair.answer();
      }
      const once = [...pair.effects].sort((a, b) => a - b);
      const all = Array.from({ length: pair.numbered }, (_, i) => i + 1);
      if (JSON.stringify(once) !== JSON.stringify(all)) throw new Error(`${JSON.stringify(once)} of ${pair.numbered}`);
      for (let i = 0; pair.out.waiting > 0 && i < 100; i++) {
        pair.wait();
        pair.receive();
        pair.answer();
      }
      if (pair.out.waiting > 0 || !pair.out.whole) throw new Error('the sender keeps mail that was taken');
    }),
    { numRuns: 600 },
  );
});

t.test('A6: mail is accepted in order only', async (t) => {
  const channel = new InChannel(1);
  t.equal(channel.accept(2), 'gap');
  t.equal(channel.accept(1), 'new');
  t.equal(channel.accept(1), 'old');
  t.equal(channel.accept(3), 'gap');
  t.equal(channel.accept(2), 'new');
});

t.test('A6: the watermark stops at the first mail that is not done', async (t) => {
  const channel = new InChannel(1);
  for (const seq of [1, 2, 3, 4]) channel.accept(seq);
  channel.done(3);
  channel.done(1);
  t.strictSame(channel.taken(), { source: 1, watermark: 1, above: [3] });
  channel.done(2);
  t.strictSame(channel.taken(), { source: 1, watermark: 3, above: [] });
});

t.test('A9: no more than the window is under way', async (t) => {
  const channel = new OutChannel(2);
  channel.committed(
    Array.from({ length: 20 }, (_, i) => mailOf(i + 1)),
    1,
  );
  t.strictSame(seqs(channel.takeSendable(8, 0)), [1, 2, 3, 4, 5, 6, 7, 8]);
  t.strictSame(seqs(channel.takeSendable(8, 0)), []);
  channel.settle(3, 0);
  t.strictSame(seqs(channel.takeSendable(8, 0)), [9, 10, 11]);
  channel.rewind();
  t.strictSame(seqs(channel.takeSendable(8, 0)), [4, 5, 6, 7, 8, 9, 10, 11]);
});

t.test('A6: mail that goes unanswered is overdue, however much is sent after it', async (t) => {
  const channel = new OutChannel(2);
  for (let i = 0; i < 40; i++) {
    channel.committed([mailOf(i + 1)], i + 1);
    channel.takeSendable(4_096, i * 50);
  }
  t.ok(channel.overdue(1_000, 2_000));
  channel.settle(39, 2_000);
  t.notOk(channel.overdue(1_000, 2_500), 'an answer is an answer');
  channel.settle(40, 2_000);
  t.notOk(channel.overdue(1_000, 9_000), 'nothing waits');
});

t.test('A6: the oldest record with unsettled mail is where a successor must begin to read', async (t) => {
  const outbox = new Outbox(defaultLimits);
  t.equal(outbox.oldestRecordSeq, undefined);
  outbox.channel(1).committed([mailOf(1), mailOf(2)], 10);
  outbox.channel(1).committed([mailOf(3)], 12);
  outbox.channel(2).committed([mailOf(1)], 11);
  t.equal(outbox.oldestRecordSeq, 10);
  outbox.channel(1).settle(2, 0);
  t.equal(outbox.oldestRecordSeq, 11);
  outbox.channel(2).settle(1, 0);
  t.equal(outbox.oldestRecordSeq, 12);
  t.strictSame(outbox.takeSettled(), [
    [1, 2],
    [2, 1],
  ]);
  t.strictSame(outbox.takeSettled(), [], 'told once');
});

t.test('A6: a restored channel goes on from where the store says, and knows when mail is missing', async (t) => {
  const channel = new OutChannel(2);
  channel.restore(6, 3);
  channel.committed([mailOf(2), mailOf(3), mailOf(4), mailOf(5)], 9);
  t.ok(channel.whole);
  t.strictSame(seqs(channel.takeSendable(8, 0)), [4, 5]);
  t.equal(channel.nextSeq, 6);
  const torn = new OutChannel(2);
  torn.restore(6, 3);
  torn.committed([mailOf(5)], 9);
  t.notOk(torn.whole);
});

function seqs(mails: readonly ChannelMail[]): number[] {
  return mails.map(({ seq }) => seq);
}
