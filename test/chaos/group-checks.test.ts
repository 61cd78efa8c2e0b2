import t from 'tap';
import type { Entry } from '../../chaos/history.ts';
import { edited, found, goodGroupStory, goodStory, type Story, without } from './histories.ts';

/** Whether an entry is that this device saw this message. */
function seen(who: string, id: string): (entry: Entry) => boolean {
  return (entry) => entry.kind === 'message' && entry.id === id && who === `${entry.user}/${entry.device}`;
}

interface SeenAs {
  readonly phone: number;
  readonly tablet: number;
  readonly carol: number;
}

/** Bob sends a third message, entry `accepted`, 0 for no answer; Alice's devices and Carol saw it as these entries, 0 for not at all. */
function third(accepted: number, { phone, tablet, carol }: SeenAs): Story {
  const story = goodGroupStory().sent('bob/phone', '#g', 'm3');
  if (accepted > 0) story.accepted('bob/phone', 'm3', 5, accepted);
  if (phone > 0) story.saw('alice/phone', 'bob', 'm3', 7, phone, '#g');
  if (tablet > 0) story.saw('alice/tablet', 'bob', 'm3', 7, tablet, '#g');
  if (carol > 0) story.saw('carol/phone', 'bob', 'm3', 4, carol, '#g');
  return story;
}

const byAll: SeenAs = { phone: 5, tablet: 5, carol: 5 };
const byNone: SeenAs = { phone: 0, tablet: 0, carol: 0 };

t.test('a history of a group in which all went well has no breach', async (t) => {
  t.same(found(goodGroupStory()), {});
  t.same(found(third(5, byAll).receipt('bob/phone', '#g', 6, 5, 5)), {});
});

t.test(
  'an accepted message that one member of a group never saw is lost, and a receipt for it is too early',
  async (t) => {
    t.same(found(without(goodGroupStory(), seen('carol/phone', 'm2'))), { lost_acked: 1, receipt_regressions: 1 });
  },
);

t.test("an accepted message to a group that one of a member's devices never saw is lost", async (t) => {
  t.same(found(without(goodGroupStory(), seen('alice/tablet', 'm2'))), { lost_acked: 1 });
  t.same(found(without(goodGroupStory(), seen('alice/tablet', 'm1'))), { lost_acked: 1 }, 'of the sender itself');
});

t.test('an accepted message to a group that failed for one member is lost', async (t) => {
  const story = goodGroupStory().says('bob/phone', { kind: 'failed', n: 5, id: 'm2', code: 'expired' });
  t.same(found(story), { lost_acked: 1 });
});

t.test('GRP3: an unknown message may have come to all members, or to none', async (t) => {
  t.same(found(third(0, byNone)), {}, 'to none');
  t.same(found(third(0, byAll)), {}, 'to all');
  t.same(found(third(0, { ...byAll, carol: 0 })), { lost_acked: 1 }, 'to all but one');
});

t.test('a member that is refused as none, or does not find its group again, has lost its membership', async (t) => {
  for (const code of ['not_a_member', 'unknown_group']) {
    t.same(
      found(third(0, byNone).says('bob/phone', { kind: 'refused', id: 'm3', code, retry: false })),
      { lost_acked: 1 },
      code,
    );
  }
  t.same(found(goodGroupStory().says('bob/phone', { kind: 'recalled', groups: ['#g'] })), {}, 'it finds it');
  t.same(found(goodGroupStory().says('bob/phone', { kind: 'recalled', groups: [] })), { lost_acked: 1 });
  t.same(found(goodGroupStory().says('dan/phone', { kind: 'recalled', groups: [] })), {}, 'who never was a member');
});

t.test('a message that one member saw twice is a duplicate', async (t) => {
  t.equal(found(goodGroupStory().saw('carol/phone', 'bob', 'm2', 4, 5, '#g')).duplicates, 1);
  t.equal(found(third(0, byAll).saw('carol/phone', 'bob', 'm3', 5, 6, '#g')).duplicates, 1, 'an unknown one');
});

t.test('a message accepted as two entries is a duplicate', async (t) => {
  t.equal(found(goodGroupStory().accepted('bob/phone', 'm2', 5, 5)).duplicates, 1);
  t.same(found(goodGroupStory().accepted('bob/phone', 'm2', 3, 4)), {}, 'the first answer again is none');
});

t.test('messages of two members accepted as one entry are a duplicate, and members disagree on it', async (t) => {
  const story = goodGroupStory()
    .sent('carol/phone', '#g', 'm3')
    .accepted('carol/phone', 'm3', 4, 4)
    .saw('alice/phone', 'carol', 'm3', 7, 4, '#g')
    .saw('alice/tablet', 'carol', 'm3', 7, 4, '#g')
    .saw('bob/phone', 'carol', 'm3', 5, 4, '#g')
    .receipt('carol/phone', '#g', 5, 4, 4);
  const { duplicates, order_violations: apart = 0, ...others } = found(story);
  t.equal(duplicates, 1);
  t.ok(apart > 0);
  t.same(others, {});
});

t.test('GRP3: entries of a group that a member saw in another order are a violation', async (t) => {
  const swapped = edited(goodGroupStory(), (entry) => {
    if (seen('carol/phone', 'm1')(entry)) return { ...entry, id: 'm2', from: 'bob', seq: 4 } as Entry;
    if (seen('carol/phone', 'm2')(entry)) return { ...entry, id: 'm1', from: 'alice', seq: 3 } as Entry;
    return entry;
  });
  t.same(found(swapped), { order_violations: 1 });
});

t.test("a member's own entry that stands before an earlier one of another is a violation", async (t) => {
  const swapped = edited(goodGroupStory(), (entry) => {
    if (seen('bob/phone', 'm1')(entry)) return { ...entry, n: 3 } as Entry;
    return entry.kind === 'accepted' && entry.id === 'm2' ? { ...entry, n: 2 } : entry;
  });
  t.same(found(swapped), { order_violations: 1 });
});

t.test(
  'a message that is another entry to a member than to its sender, or to another member, is a violation',
  async (t) => {
    t.same(found(third(0, { ...byAll, carol: 6 })), { order_violations: 1 }, 'nobody told its sender');
    t.equal(found(third(6, { ...byAll, carol: 6 })).order_violations, 2, "at each of Alice's devices");
  },
);

t.test('an entry that is one message to one member, and another to another, is a violation', async (t) => {
  const story = third(0, byAll)
    .sent('carol/phone', '#g', 'm4')
    .saw('bob/phone', 'carol', 'm4', 5, 5, '#g')
    .saw('alice/phone', 'carol', 'm4', 8, 5, '#g')
    .saw('alice/tablet', 'carol', 'm4', 8, 5, '#g');
  t.same(found(story), { order_violations: 1 });
});

t.test('a change of a group that is not the same to all its members is a violation', async (t) => {
  const story = edited(goodGroupStory(), (entry) =>
    entry.kind === 'change' && entry.user === 'carol' ? { ...entry, what: 'added carol' } : entry,
  );
  t.same(found(story), { order_violations: 1 });
});

t.test('SND6: in a group, too, nothing overtakes a message of its device, unless that one was refused', async (t) => {
  const overtaken = (refused: boolean): Story => {
    const story = goodGroupStory().sent('bob/phone', '#g', 'm3');
    if (refused) story.says('bob/phone', { kind: 'refused', id: 'm3', code: 'overloaded', retry: true });
    story.sent('bob/phone', '#g', 'm4').accepted('bob/phone', 'm4', 5, 5).accepted('bob/phone', 'm3', 6, 6);
    for (const [who, n] of [
      ['alice/phone', 7],
      ['alice/tablet', 7],
      ['carol/phone', 4],
    ] as const) {
      story.saw(who, 'bob', 'm4', n, 5, '#g').saw(who, 'bob', 'm3', n + 1, 6, '#g');
    }
    return story.receipt('bob/phone', '#g', 7, 6, 6);
  };
  t.same(found(overtaken(false)), { order_violations: 1 });
  t.same(found(overtaken(true)), {});
});

t.test('receipts of a group that shrink, or that are read before delivered, are regressions', async (t) => {
  for (const [delivered, read] of [
    [3, 3],
    [4, 3],
    [3, 4],
  ] as const) {
    const story = goodGroupStory().receipt('bob/phone', '#g', 5, delivered, read);
    t.ok(found(story).receipt_regressions, `delivered ${delivered}, read ${read} after 4, 4`);
  }
});

t.test('a receipt of a group that comes before every other member has so much is a regression', async (t) => {
  const early = third(5, { ...byAll, carol: 0 }).receipt('bob/phone', '#g', 6, 5, 5);
  t.same(found(early), { lost_acked: 1, receipt_regressions: 1 });
  t.same(found(early.saw('carol/phone', 'bob', 'm3', 4, 5, '#g')), { receipt_regressions: 1 }, 'though it comes later');
});

t.test('a message to a group that is never known to be read by all is missed', async (t) => {
  const story = without(
    goodGroupStory(),
    (entry) => entry.kind === 'receipt' && entry.device === 'phone' && entry.n === 6,
  );
  t.same(found(story), { receipts_missing: 1 });
});

t.test(
  'in a group, too, what nobody sent, of another body, refused for good, or not for this user, is a phantom',
  async (t) => {
    t.equal(found(goodGroupStory().saw('carol/phone', 'bob', 'm9', 9, 9, '#g')).phantoms, 1, 'nobody sent it');
    const dan = goodGroupStory().joined('dan/phone').saw('dan/phone', 'bob', 'm2', 1, 4, '#g');
    t.same(found(dan), { phantoms: 1 }, 'who is no member');
    const refused = third(0, byAll).says('bob/phone', {
      kind: 'refused',
      id: 'm3',
      code: 'internal',
      retry: false,
    });
    t.equal(found(refused).phantoms, 3, 'refused, and with three devices');
    const other = edited(third(0, byAll), (entry) =>
      seen('carol/phone', 'm3')(entry) ? ({ ...entry, intact: false } as Entry) : entry,
    );
    t.same(found(other), { phantoms: 1 }, 'another body');
  },
);

t.test('a message that comes in another conversation than it was sent to is a phantom', async (t) => {
  const alone = edited(third(0, byAll), (entry) =>
    seen('carol/phone', 'm3')(entry) ? ({ ...entry, to: 'carol' } as Entry) : entry,
  );
  t.same(found(alone), { phantoms: 1 }, 'to one member of a group');
  const together = edited(goodStory(), (entry) =>
    seen('bob/phone', 'm2')(entry) ? ({ ...entry, to: '#g' } as Entry) : entry,
  );
  t.same(found(together), { phantoms: 1 }, 'to a user');
});

t.test('a restarted member sees again what it had not stored of its group, and nothing else', async (t) => {
  const restarted = goodGroupStory().says('carol/phone', { kind: 'restarted', cursor: 2 });
  t.same(found(restarted), { lost_acked: 1 }, 'what it forgot did not come again');
  t.same(found(restarted.saw('carol/phone', 'bob', 'm2', 3, 4, '#g')), {}, 'it came again');
  t.equal(found(restarted.saw('carol/phone', 'alice', 'm1', 4, 3, '#g')).duplicates, 1, 'what it knew came again');
});
