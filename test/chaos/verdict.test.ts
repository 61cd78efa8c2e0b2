import t from 'tap';
import { digest } from '../../chaos/history.ts';
import { firstAccepted, longestWaits, sendsOf, spanOf } from '../../chaos/unavailable.ts';
import { Judge, type RoundFacts } from '../../chaos/verdict.ts';
import { goodGroupStory, goodStory, Story, without } from './histories.ts';

const facts: RoundFacts = {
  scenario: 'made up',
  round: 1,
  seed: 1,
  startedAt: 0,
  endedAt: 1_000,
  users: ['alice', 'bob'],
  faults: [{ what: 'kill', target: 'n1', at: 5, hits: ['alice'] }],
  healedAt: 5,
  pauses: [],
  recovered: true,
  notes: {},
  ackedLeast: 1,
};

t.test('unavailability is the time from the fault to the first acceptance of what was sent after it', async (t) => {
  const story = new Story()
    .sent('alice/phone', 'bob', 'before', 90)
    .sent('alice/phone', 'bob', 'after', 105)
    .sent('alice/phone', 'bob', 'later', 200)
    .accepted('alice/phone', 'before', 1, 1, 150)
    .accepted('alice/phone', 'after', 2, 2, 600)
    .accepted('alice/phone', 'later', 3, 3, 640);
  const sends = sendsOf(digest(story.entries), true);
  t.same(firstAccepted(sends, ['alice'], 100), [500], 'an answer to what was sent before the fault does not count');
  t.same(longestWaits(sends, ['alice'], 100), [495]);
  t.same(longestWaits(sends, ['alice'], 620), [440], 'what was still waiting then');
});

t.test('who is never served again is unavailable up to the end', async (t) => {
  const story = new Story().sent('alice/phone', 'bob', 'm1', 105);
  const sends = sendsOf(digest(story.entries), false);
  t.same(firstAccepted(sends, ['alice'], 100), [Number.POSITIVE_INFINITY]);
  t.same(longestWaits(sends, ['alice'], 100), [Number.POSITIVE_INFINITY]);
  t.same(spanOf(firstAccepted(sends, ['alice'], 100), 900), { p50: 900, p99: 900, max: 900, count: 1 });
});

t.test('nobody waits for what a killed client had not stored', async (t) => {
  const story = new Story()
    .sent('alice/phone', 'bob', 'forgotten', 105)
    .sent('alice/phone', 'bob', 'm2', 110)
    .accepted('alice/phone', 'm2', 1, 1, 130);
  t.same(longestWaits(sendsOf(digest(story.entries), true), ['alice'], 100), [20]);
});

t.test('percentiles are exact', async (t) => {
  t.same(spanOf(Array.from({ length: 200 }, (_, i) => i + 1)), { p50: 101, p99: 199, max: 200, count: 200 });
  t.equal(spanOf([]), null);
});

t.test('a round in which all went well is good', async (t) => {
  const { round, breaches } = new Judge().judge(goodStory().entries, facts);
  t.same(breaches, []);
  t.match(round, { ok: true, vacuous: '', sent: 2, acked: 2, delivered: 2, unknown: 0, lost_acked: 0 });
});

t.test('a message to a group is delivered when every other member has seen it', async (t) => {
  const counts = { ok: true, sent: 2, acked: 2, delivered: 2, group_sent: 2, group_delivered: 2, vacuous: '' };
  t.match(new Judge().judge(goodGroupStory().entries, facts).round, counts);
  const lost = without(goodGroupStory(), (entry) => entry.kind === 'message' && entry.user === 'carol');
  const { round } = new Judge().judge(lost.entries, facts);
  t.match(round, { ok: false, sent: 2, acked: 2, delivered: 0, group_sent: 2, group_delivered: 0 });
  t.not(round.vacuous, '', 'nothing is said of groups');
  t.match(new Judge().judge(goodStory().entries, facts).round, { group_sent: 0, group_delivered: 0 });
});

t.test('a round says nothing when nothing was broken, nobody was hit, or little was accepted', async (t) => {
  const judge = (more: Partial<RoundFacts>) => new Judge().judge(goodStory().entries, { ...facts, ...more }).round;
  for (const more of [
    { faults: [] },
    { faults: [{ what: 'kill', target: 'n1', at: 5, hits: [] }] },
    { ackedLeast: 3 },
  ]) {
    const { vacuous, ok } = judge(more);
    t.not(vacuous, '');
    t.equal(ok, false);
  }
  t.equal(judge({ recovered: false }).ok, false, 'nor is one good that did not recover');
});

t.test('a breach is blamed on the round in which it shows, and on no other', async (t) => {
  const judge = new Judge();
  const bad = new Story()
    .joined('alice/phone', 'bob/phone')
    .sent('alice/phone', 'bob', 'm1')
    .accepted('alice/phone', 'm1', 1, 1);
  const first = judge.judge(bad.entries, facts);
  t.match(first.round, { lost_acked: 1, ok: false, sent: 1 });
  const more = new Story()
    .sent('alice/phone', 'bob', 'm2', 20)
    .accepted('alice/phone', 'm2', 2, 2, 21)
    .saw('bob/phone', 'alice', 'm2', 1, 2)
    .receipt('alice/phone', 'bob', 3, 2, 2);
  const second = judge.judge(more.entries, { ...facts, round: 2 });
  t.match(second.round, { lost_acked: 0, ok: true, sent: 1, acked: 1 });
});
