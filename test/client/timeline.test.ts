import t from 'tap';
import { Timeline } from '../../client/timeline.ts';
import type { Events, Welcome } from '../../proto/words.ts';

function welcome(word: Partial<Welcome>): Welcome {
  return { kind: 'welcome', epoch: 'e1', cursor: 0, head: 0, recovered: false, ...word } as Welcome;
}

function events(from: number, count: number): Events {
  const list = Array.from({ length: count }, (_, i) => ({ kind: 'failed', id: `m${from + i}` }));
  return { kind: 'events', from, list } as unknown as Events;
}

t.test('a hello that was answered twice begins once, and each event comes once', async (t) => {
  const timeline = new Timeline();
  const seen: number[] = [];
  const take = (word: Events) => timeline.take(word, (_event, n) => void seen.push(n));
  t.equal(timeline.welcome(welcome({})), 'begun');
  t.ok(take(events(1, 3)));
  t.equal(timeline.welcome(welcome({ head: 3 })), 'continued');
  t.ok(take(events(1, 4)));
  t.strictSame(seen, [1, 2, 3, 4]);
});

t.test('another log, or one that is shorter than what was seen, is a reset', async (t) => {
  const timeline = new Timeline('e1', 7);
  t.equal(timeline.welcome(welcome({ epoch: 'e2', head: 9 })), 'reset');
  t.equal(new Timeline('e1', 7).welcome(welcome({ head: 6 })), 'reset');
  t.equal(new Timeline('e1', 7).welcome(welcome({ head: 7, recovered: true })), 'continued');
});
