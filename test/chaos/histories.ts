/** Hand-made histories: what a client would tell, one line each. */
import type { Entry } from '../../chaos/history.ts';

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
