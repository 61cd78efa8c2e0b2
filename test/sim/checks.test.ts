// The checks themselves: each says what is wrong where something is, and nothing where nothing is.
import t, { type Test } from 'tap';
import type { Accepted, ClientEvent, Sent } from '../../client/index.ts';
import type { Send } from '../../proto/words.ts';
import { encodeRecord, type PartitionRecord } from '../../runtime/record.ts';
import { SimTime } from '../../sim/clock.ts';
import { quickCodec } from '../../sim/codec.ts';
import { History } from '../../sim/history.ts';
import { JournalWatch } from '../../sim/journal-watch.ts';
import { Trace } from '../../sim/trace.ts';
import { Violation } from '../../sim/violation.ts';

function breaks(t: Test, rule: string, check: () => void): void {
  try {
    check();
    t.fail(`${rule} was not found to be broken`);
  } catch (error) {
    t.equal(error instanceof Violation ? error.rule : error, rule);
  }
}

type Told = Extract<ClientEvent, { readonly kind: 'message' | 'receipt' }>;

function message(n: number): Told {
  return { kind: 'message', id: `m${n}`, from: 'bob', to: 'ann', seq: n, at: 5, body: 'x', n };
}

function receipt(n: number, delivered: number, read: number): Told {
  return { kind: 'receipt', with: 'bob', delivered, read, at: 5, n };
}

t.test('A11: receipts that go back, or are read before delivered', async (t) => {
  const history = new History('ann', 'd1');
  history.begins(0);
  history.event(receipt(1, 3, 2));
  breaks(t, 'A11', () => history.event(receipt(2, 2, 2)));
  breaks(t, 'A11', () => history.event(receipt(3, 4, 5)));
  history.event(receipt(4, 4, 4));
});

t.test('an event twice, out of order, or another one under its number', async (t) => {
  const history = new History('ann', 'd1');
  history.begins(0);
  history.event(message(1));
  history.event(message(2));
  breaks(t, 'client', () => history.event(message(2)));
  breaks(t, 'client', () => history.event(message(1)));
  history.begins(1);
  history.event(message(2));
  history.begins(1);
  breaks(t, 'A1', () => history.event({ ...message(2), at: 6 }));
});

t.test('A8: a message accepted as two', async (t) => {
  const history = new History('ann', 'd1');
  history.begins(0);
  history.sends({ word: { kind: 'send', id: 'm1', to: 'bob', body: 'x' } } as Sent<Send>);
  const word: Accepted = { kind: 'accepted', id: 'm1', n: 4, seq: 1, at: 5 };
  history.accepted(word);
  history.accepted({ ...word });
  breaks(t, 'A8', () => history.accepted({ ...word, seq: 2 }));
  breaks(t, 'client', () => history.accepted({ ...word, id: 'm2' }));
});

const empty = { at: 0, rows: [], outbox: [], taken: [], settled: [] };

class Log {
  readonly watch = new JournalWatch(quickCodec, new Trace({ time: new SimTime() }));
  seq = 0;

  append(record: Partial<PartitionRecord> & { readonly partition: number }): void {
    const { seq: previousSeq, number } = this.last(record.partition);
    const whole = {
      ...empty,
      type: 'turns',
      epoch: 1,
      writer: 'n1.x',
      previousSeq,
      number: number + 1,
      ...record,
    } as const;
    this.watch.appended(record.partition, ++this.seq, encodeRecord(whole, quickCodec));
  }

  last(partition: number): { readonly seq: number; readonly number: number } {
    const tail = this.watch.tails.get(partition);
    return { seq: tail?.seq ?? 0, number: tail?.record.number ?? 0 };
  }

  mail(from: number, to: number, seq: number): void {
    const mail = { seq, to: 'a/b', from: 'a/c', body: { kind: 'x' }, asker: undefined };
    this.append({ partition: from, outbox: [{ to, mails: [mail] }] });
  }
}

function opened(): Log {
  const log = new Log();
  log.append({ partition: 0, type: 'bump' });
  log.append({ partition: 1, type: 'bump' });
  return log;
}

t.test('A2, A3, A4: the chain', async (t) => {
  const log = opened();
  log.append({ partition: 0 });
  breaks(t, 'A2', () => log.append({ partition: 0, previousSeq: 1 }));
  breaks(t, 'A2', () => log.append({ partition: 0, writer: 'n2.x' }));
  breaks(t, 'A3', () => log.append({ partition: 0, number: 7 }));
  breaks(t, 'A4', () => log.append({ partition: 0, epoch: 2, writer: 'n2.x' }));
  log.append({ partition: 0, type: 'bump', epoch: 2, writer: 'n2.x' });
  breaks(t, 'A2', () => log.append({ partition: 0 }));
  log.append({ partition: 0, epoch: 2, writer: 'n2.x' });
});

t.test('A1, A6: channels', async (t) => {
  const log = opened();
  log.mail(0, 1, 1);
  breaks(t, 'A6', () => log.mail(0, 1, 3));
  breaks(t, 'A1', () => log.append({ partition: 1, taken: [{ source: 0, watermark: 2, above: [] }] }));
  breaks(t, 'A6', () => log.append({ partition: 0, settled: [[1, 1]] }));
});

t.test('A6: what was taken stays taken, and only that is forgotten', async (t) => {
  const log = opened();
  for (const seq of [1, 2, 3, 4]) log.mail(0, 1, seq);
  log.append({ partition: 1, taken: [{ source: 0, watermark: 1, above: [3] }] });
  log.append({ partition: 0, settled: [[1, 1]] });
  breaks(t, 'A6', () => log.append({ partition: 1, taken: [{ source: 0, watermark: 2, above: [] }] }));
  log.append({ partition: 1, taken: [{ source: 0, watermark: 3, above: [] }] });
  breaks(t, 'A6', () => log.append({ partition: 1, taken: [{ source: 0, watermark: 2, above: [3] }] }));
});

t.test('a trace tells what it is asked for, and its hash tells two courses apart', async (t) => {
  const course = (last: string): Trace => {
    const trace = new Trace({ time: new SimTime() });
    trace.note('n1', 'opens p1');
    trace.note('n2', 'opens p12');
    trace.note('ann/d1', last);
    return trace;
  };
  const trace = course('sends m1 to bob');
  t.match(trace.about(['p1'], 10), [/n1 opens p1$/]);
  t.match(trace.about(['bob', 'p12'], 10), [/p12$/, /bob$/]);
  t.equal(trace.about([], 2).length, 2);
  t.equal(trace.hash, course('sends m1 to bob').hash);
  t.not(trace.hash, course('sends m2 to bob').hash);
});
