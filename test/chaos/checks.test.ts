import t from 'tap';
import { found, goodStory, Story, without } from './histories.ts';

t.test('a history in which all went well has no breach', async (t) => {
  t.same(found(goodStory()), {});
});

t.test('an accepted message that one device of two never saw is lost', async (t) => {
  const story = without(goodStory(), ({ kind, user, device, ...rest }) => {
    return kind === 'message' && user === 'bob' && device === 'tablet' && 'id' in rest && rest.id === 'm2';
  });
  t.same(found(story), { lost_acked: 1 });
});

t.test("an accepted message that the sender's other device never saw is lost", async (t) => {
  const story = without(
    goodStory(),
    (entry) => entry.kind === 'message' && entry.user === 'alice' && entry.id === 'm1',
  );
  t.same(found(story), { lost_acked: 1 });
});

t.test('an accepted message that failed is lost', async (t) => {
  const story = goodStory().says('alice/phone', { kind: 'failed', n: 5, id: 'm2', code: 'expired' });
  t.same(found(story), { lost_acked: 1 });
});

t.test('an unknown message may have arrived, or not', async (t) => {
  t.same(found(goodStory().sent('alice/phone', 'bob', 'm3')), {}, 'not');
  const arrived = goodStory()
    .sent('alice/phone', 'bob', 'm3')
    .saw('bob/phone', 'alice', 'm3', 3, 3)
    .saw('bob/tablet', 'alice', 'm3', 3, 3);
  t.same(found(arrived), {}, 'arrived');
});

t.test('an unknown message that arrived twice is a duplicate', async (t) => {
  const story = goodStory()
    .sent('alice/phone', 'bob', 'm3')
    .saw('bob/phone', 'alice', 'm3', 3, 3)
    .saw('bob/phone', 'alice', 'm3', 4, 4);
  t.equal(found(story).duplicates, 1);
});

t.test('a message accepted as two is a duplicate', async (t) => {
  t.equal(found(goodStory().accepted('alice/phone', 'm2', 7, 3)).duplicates, 1);
  t.same(found(goodStory().accepted('alice/phone', 'm2', 2, 2)), {}, 'the first answer again is none');
});

t.test('two messages accepted for one place are a duplicate', async (t) => {
  const story = goodStory()
    .sent('alice/phone', 'bob', 'm3')
    .accepted('alice/phone', 'm3', 9, 2)
    .saw('bob/phone', 'alice', 'm3', 3, 2)
    .saw('bob/tablet', 'alice', 'm3', 3, 2)
    .saw('alice/tablet', 'alice', 'm3', 9, 2, 'bob');
  t.same(found(story), { duplicates: 1 });
});

t.test('messages of a conversation seen in another order are a violation', async (t) => {
  const story = new Story()
    .joined('alice/phone', 'bob/phone')
    .sent('alice/phone', 'bob', 'm1')
    .sent('alice/phone', 'bob', 'm2')
    .saw('bob/phone', 'alice', 'm2', 1, 2)
    .saw('bob/phone', 'alice', 'm1', 2, 1);
  t.same(found(story), { order_violations: 1 });
});

t.test('events that go back are a violation', async (t) => {
  const story = new Story()
    .joined('alice/phone', 'bob/phone')
    .sent('alice/phone', 'bob', 'm1')
    .sent('carol/phone', 'bob', 'm2')
    .saw('bob/phone', 'alice', 'm1', 2, 1)
    .saw('bob/phone', 'carol', 'm2', 1, 1);
  t.same(found(story), { order_violations: 1 });
});

t.test(
  'SND6: a message accepted before one that was sent before it is a violation, unless that one was refused',
  async (t) => {
    const overtaken = (refused: boolean): Story => {
      const story = new Story().joined('alice/phone', 'bob/phone').sent('alice/phone', 'bob', 'm1');
      if (refused) story.says('alice/phone', { kind: 'refused', id: 'm1', code: 'overloaded', retry: true });
      return story
        .sent('alice/phone', 'bob', 'm2')
        .accepted('alice/phone', 'm2', 1, 1)
        .accepted('alice/phone', 'm1', 2, 2)
        .saw('bob/phone', 'alice', 'm2', 1, 1)
        .saw('bob/phone', 'alice', 'm1', 2, 2)
        .receipt('alice/phone', 'bob', 3, 2, 2);
    };
    t.same(found(overtaken(false)), { order_violations: 1 });
    t.same(found(overtaken(true)), {});
  },
);

t.test('a message that comes with another seq than its sender was told is a violation', async (t) => {
  const story = goodStory()
    .sent('alice/phone', 'bob', 'm3')
    .accepted('alice/phone', 'm3', 5, 3)
    .saw('bob/phone', 'alice', 'm3', 3, 4)
    .saw('bob/tablet', 'alice', 'm3', 3, 4)
    .saw('alice/tablet', 'alice', 'm3', 5, 3, 'bob')
    .receipt('alice/phone', 'bob', 6, 3, 3)
    .receipt('alice/tablet', 'bob', 6, 3, 3);
  t.same(found(story), { order_violations: 2 }, 'at each device');
});

t.test('two devices that are told different events of one number are a violation', async (t) => {
  const story = goodStory()
    .sent('alice/phone', 'bob', 'm3')
    .sent('alice/phone', 'bob', 'm4')
    .saw('bob/phone', 'alice', 'm3', 3, 3)
    .saw('bob/tablet', 'alice', 'm4', 3, 4);
  t.same(found(story), { order_violations: 1 });
});

t.test('receipts that shrink, that are read before delivered, or for more than was sent are regressions', async (t) => {
  const cases: readonly (readonly [delivered: number, read: number])[] = [
    [1, 1],
    [2, 1],
    [2, 3],
    [3, 2],
  ];
  for (const [delivered, read] of cases) {
    const story = goodStory().receipt('alice/phone', 'bob', 5, delivered, read);
    t.equal(found(story).receipt_regressions, 1, `delivered ${delivered}, read ${read} after 2, 2`);
  }
});

t.test('a message that is never known to be read is missed', async (t) => {
  const story = without(
    goodStory(),
    (entry) => entry.kind === 'receipt' && entry.device === 'phone' && entry.read === 2,
  );
  t.same(found(story), { receipts_missing: 1 });
});

t.test('messages that nobody sent, of another body, refused for good, or for somebody else are phantoms', async (t) => {
  t.equal(found(goodStory().saw('bob/phone', 'alice', 'm9', 9, 9)).phantoms, 1, 'nobody sent it');
  t.equal(found(goodStory().accepted('alice/phone', 'm9', 9, 9)).phantoms, 1, 'accepted, but nobody sent it');
  t.equal(found(goodStory().joined('carol/phone').saw('carol/phone', 'alice', 'm1', 1, 1)).phantoms, 1, 'for Bob');
  const other = goodStory()
    .sent('alice/phone', 'bob', 'm3')
    .says('bob/phone', { kind: 'message', n: 3, id: 'm3', from: 'alice', to: 'bob', seq: 3, intact: false });
  t.equal(found(other).phantoms, 1, 'another body');
  const refused = goodStory()
    .sent('alice/phone', 'bob', 'm3')
    .says('alice/phone', { kind: 'refused', id: 'm3', code: 'internal', retry: false })
    .saw('bob/phone', 'alice', 'm3', 3, 3);
  t.equal(found(refused).phantoms, 1, 'refused');
});

t.test('a timeline that began anew is a reset, and what came before it must come again', async (t) => {
  const story = goodStory().says('bob/phone', { kind: 'reset' });
  t.same(found(story), { lost_acked: 2, resets: 1 });
});

t.test('a client that gave up for good was logged out', async (t) => {
  t.same(found(goodStory().says('bob/phone', { kind: 'link', state: 'ended', why: 'login_needed' })), {
    logged_out: 1,
  });
});

t.test('a restarted device sees again what it had not stored, and nothing else', async (t) => {
  const restarted = goodStory().says('bob/phone', { kind: 'restarted', cursor: 1 });
  t.same(found(restarted), { lost_acked: 1 }, 'what it forgot did not come again');
  restarted.saw('bob/phone', 'alice', 'm2', 2, 2);
  t.same(found(restarted), {}, 'it came again');
  restarted.saw('bob/phone', 'alice', 'm1', 3, 1);
  t.ok(found(restarted).duplicates, 'what it knew came again');
});

t.test('what was sent before a device joined is not owed to it', async (t) => {
  const story = goodStory();
  story.says('bob/watch', { kind: 'joined' }, 1_000);
  t.same(found(story), {});
  story.sent('alice/phone', 'bob', 'm3', 1_001).accepted('alice/phone', 'm3', 5, 3, 1_002);
  t.equal(found(story).lost_acked, 1);
});

t.test('an auditor is owed everything that was sent before it left, and nothing later', async (t) => {
  const audited = (...seen: readonly string[]): Story => {
    const story = goodStory()
      .says('bob/auditor', { kind: 'restarted', cursor: 0 })
      .says('bob/auditor', { kind: 'joined' }, 0);
    for (const [i, id] of seen.entries()) story.saw('bob/auditor', 'alice', id, i + 1, i + 1);
    return story.says('bob/auditor', { kind: 'left' });
  };
  t.same(found(audited('m1')), { lost_acked: 1 }, 'm2 is not in the history');
  const story = audited('m1', 'm2')
    .sent('alice/phone', 'bob', 'm3')
    .accepted('alice/phone', 'm3', 5, 3)
    .saw('alice/tablet', 'alice', 'm3', 5, 3, 'bob')
    .saw('bob/phone', 'alice', 'm3', 3, 3)
    .saw('bob/tablet', 'alice', 'm3', 3, 3)
    .receipt('alice/phone', 'bob', 6, 3, 3)
    .receipt('alice/tablet', 'bob', 6, 3, 3);
  t.same(found(story), {}, 'm3 came after it had left');
  story.says('bob/auditor', { kind: 'restarted', cursor: 0 }).saw('bob/auditor', 'alice', 'm1', 1, 1);
  t.equal(found(story).lost_acked, 2, 'the next audit must show it all');
});
