/** Hand-made histories: what a client would tell, one line each. */
import { type Column, checks, columns } from '../../chaos/checks.ts';
import { digest, type Entry } from '../../chaos/history.ts';

type Words = Omit<Entry, 'at' | 'user' | 'device'> & { readonly [field: string]: unknown };

/** Entries at 1, 2, 3 … ms, said by `user/device`. */
export class Story {
  readonly entries: Entry[] = [];

  says(who: string, words: Words, at = this.entries.length + 1): this {
    const [user, device] = who.split('/');
    this.entries.push({ at, user, device, ...words } as Entry);
    return this;
  }

  joined(...devices: readonly string[]): this {
    for (const who of devices) this.says(who, { kind: 'joined' });
    return this;
  }

  sent(who: string, to: string, id: string, at?: number): this {
    return this.says(who, { kind: 'sent', to, id }, at);
  }

  accepted(who: string, id: string, n: number, seq: number, at?: number): this {
    return this.says(who, { kind: 'accepted', id, n, seq }, at);
  }

  saw(who: string, from: string, id: string, n: number, seq: number, to = who.split('/')[0]!): this {
    return this.says(who, { kind: 'message', from, to, id, n, seq, intact: true });
  }

  /** Each of the members was told that it is one. */
  formed(who: string, group: string, ...members: readonly string[]): this {
    return this.says(who, { kind: 'formed', group, members });
  }

  changed(who: string, group: string, n: number, seq: number, what: string): this {
    return this.says(who, { kind: 'change', group, n, seq, what });
  }

  receipt(who: string, other: string, n: number, delivered: number, read: number): this {
    return this.says(who, { kind: 'receipt', with: other, n, delivered, read });
  }
}

/** Alice writes Bob two messages; Bob's two devices see both, Alice's tablet too, and all is read. */
export function goodStory(): Story {
  return new Story()
    .joined('alice/phone', 'alice/tablet', 'bob/phone', 'bob/tablet')
    .sent('alice/phone', 'bob', 'm1')
    .sent('alice/phone', 'bob', 'm2')
    .accepted('alice/phone', 'm1', 1, 1)
    .accepted('alice/phone', 'm2', 2, 2)
    .saw('alice/tablet', 'alice', 'm1', 1, 1, 'bob')
    .saw('alice/tablet', 'alice', 'm2', 2, 2, 'bob')
    .saw('bob/phone', 'alice', 'm1', 1, 1)
    .saw('bob/phone', 'alice', 'm2', 2, 2)
    .saw('bob/tablet', 'alice', 'm1', 1, 1)
    .saw('bob/tablet', 'alice', 'm2', 2, 2)
    .receipt('alice/phone', 'bob', 3, 1, 1)
    .receipt('alice/phone', 'bob', 4, 2, 2)
    .receipt('alice/tablet', 'bob', 3, 1, 1)
    .receipt('alice/tablet', 'bob', 4, 2, 2);
}

/** Alice, who has two devices, makes a group with Bob and Carol; she and Bob write a message each, and all is read. */
export function goodGroupStory(): Story {
  return new Story()
    .joined('alice/phone', 'alice/tablet', 'bob/phone', 'carol/phone')
    .changed('alice/phone', '#g', 1, 1, 'created')
    .changed('alice/tablet', '#g', 1, 1, 'created')
    .changed('alice/phone', '#g', 2, 2, 'added bob carol')
    .changed('alice/tablet', '#g', 2, 2, 'added bob carol')
    .changed('bob/phone', '#g', 1, 2, 'added bob carol')
    .changed('carol/phone', '#g', 1, 2, 'added bob carol')
    .formed('alice/phone', '#g', 'alice', 'bob', 'carol')
    .sent('alice/phone', '#g', 'm1')
    .sent('bob/phone', '#g', 'm2')
    .accepted('alice/phone', 'm1', 3, 3)
    .saw('alice/tablet', 'alice', 'm1', 3, 3, '#g')
    .saw('bob/phone', 'alice', 'm1', 2, 3, '#g')
    .saw('carol/phone', 'alice', 'm1', 2, 3, '#g')
    .accepted('bob/phone', 'm2', 3, 4)
    .saw('alice/phone', 'bob', 'm2', 4, 4, '#g')
    .saw('alice/tablet', 'bob', 'm2', 4, 4, '#g')
    .saw('carol/phone', 'bob', 'm2', 3, 4, '#g')
    .receipt('alice/phone', '#g', 5, 3, 0)
    .receipt('alice/tablet', '#g', 5, 3, 0)
    .receipt('alice/phone', '#g', 6, 3, 3)
    .receipt('alice/tablet', '#g', 6, 3, 3)
    .receipt('bob/phone', '#g', 4, 4, 4);
}

/** `story` with each entry as `edit` gives it back, in its place. */
export function edited(story: Story, edit: (entry: Entry) => Entry): Story {
  const other = new Story();
  other.entries.push(...story.entries.map(edit));
  return other;
}

/** `story` without the entries that `drop` names. */
export function without(story: Story, drop: (entry: Entry) => boolean): Story {
  const rest = new Story();
  rest.entries.push(...story.entries.filter((entry) => !drop(entry)));
  return rest;
}

/** The columns that find fault with a story, with how many faults. */
export function found(story: Story): { [column: string]: number } {
  const digested = digest(story.entries);
  const counts = columns.map((column): [Column, number] => [column, checks[column](digested).length]);
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
}
