/** Everything that a client can say, each as one word that is good. A word or a deed without a row here does not compile. */
import type {
  Amendment,
  ClientWord,
  ConversationId,
  GroupDeed,
  MessageRef,
  SelfDeed,
  UserId,
} from '../../../proto/words.ts';

/** Words with deeds are as many operations as there are deeds. */
interface Deeds {
  readonly amend: Amendment['what'];
  readonly group: GroupDeed['what'];
  readonly self: SelfDeed['what'];
}
export type Operation =
  | Exclude<ClientWord['kind'], keyof Deeds>
  | { readonly [Kind in keyof Deeds]: `${Kind} ${Deeds[Kind]}` }[keyof Deeds];

/** What it is said about. */
export interface Target {
  readonly self: UserId;
  /** The other user, or the group. */
  readonly with: ConversationId;
  /** A message of this user's own, and one of somebody else. */
  readonly own: MessageRef;
  readonly theirs: MessageRef;
  /** Somebody in the group who can be removed or appointed, and somebody outside who may be added. */
  readonly inside: UserId;
  readonly outside: UserId;
}

interface Row {
  /** Whether it is about somebody else, a group, either, or only this user itself. */
  readonly about: 'two' | 'group' | 'either' | 'self';
  word(target: Target, id: string, req: number): ClientWord;
}

export const link = 'abcdefghijklmnop';

const amend = (whose: 'own' | 'theirs', deed: Amendment) => ({
  about: 'either' as const,
  word: (to: Target, id: string) => ({ kind: 'amend', id, with: to.with, of: to[whose], deed }) as const,
});
const group = (deedFor: (to: Target) => GroupDeed) => ({
  about: 'group' as const,
  word: (to: Target, id: string) => ({ kind: 'group', id, with: to.with, deed: deedFor(to) }) as const,
});
const self = <About extends Row['about']>(about: About, deedFor: (to: Target) => SelfDeed) => ({
  about,
  word: (to: Target, id: string) => ({ kind: 'self', id, deed: deedFor(to) }) as const,
});
const page = { after: '', limit: 10 } as const;

export const operations = {
  hello: { about: 'self', word: () => ({ kind: 'hello', epoch: '', cursor: 0, client: 'test' }) },
  send: { about: 'either', word: (to, id) => ({ kind: 'send', id, to: to.with, body: 'hello' }) },
  received: { about: 'self', word: () => ({ kind: 'received', upTo: 1 }) },
  read: { about: 'either', word: (to) => ({ kind: 'read', with: to.with, upTo: to.theirs.seq }) },
  history: { about: 'either', word: (to, _, req) => ({ kind: 'history', req, with: to.with, before: 0, limit: 10 }) },
  inquire: { about: 'self', word: (_to, _, req) => ({ kind: 'inquire', req, id: 'own' }) },
  typing: { about: 'either', word: (to) => ({ kind: 'typing', to: to.with, on: true }) },
  watch: { about: 'two', word: (to) => ({ kind: 'watch', users: [to.with] }) },
  profiles: { about: 'two', word: (to, _, req) => ({ kind: 'profiles', req, users: [to.with] }) },
  find: { about: 'two', word: (to, _, req) => ({ kind: 'find', req, by: 'user', text: to.with }) },
  search: {
    about: 'either',
    word: (to, _, req) => ({ kind: 'search', req, words: 'hello', with: to.with, cursor: 0, limit: 10 }),
  },
  starred: { about: 'self', word: (_to, _, req) => ({ kind: 'starred', req, before: 0, limit: 10 }) },
  pinned: { about: 'either', word: (to, _, req) => ({ kind: 'pinned', req, with: to.with, before: 0, limit: 10 }) },
  reactions: {
    about: 'either',
    word: (to, _, req) => ({ kind: 'reactions', req, with: to.with, of: to.theirs, ...page }),
  },
  vanish: {
    about: 'two',
    word: (to, id) => ({ kind: 'vanish', id, with: to.with, timer: { afterMs: 60_000, since: 'read' } }),
  },
  groups: { about: 'self', word: (_to, _, req) => ({ kind: 'groups', req, ...page }) },
  roster: { about: 'group', word: (to, _, req) => ({ kind: 'roster', req, with: to.with, ...page }) },
  reach: { about: 'group', word: (to, _, req) => ({ kind: 'reach', req, with: to.with, seq: to.theirs.seq, ...page }) },
  'amend edit': amend('own', { what: 'edit', body: 'other words' }),
  'amend retract': amend('own', { what: 'retract' }),
  'amend react': amend('theirs', { what: 'react', text: 'ok' }),
  'amend pin': amend('theirs', { what: 'pin', on: true }),
  'group create': {
    about: 'self',
    word: (_to, id) => ({
      kind: 'group',
      id,
      with: '',
      deed: { what: 'create', title: 'Other', about: '', users: [] },
    }),
  },
  'group title': group(() => ({ what: 'title', title: 'Renamed' })),
  'group about': group(() => ({ what: 'about', about: 'New' })),
  'group picture': group(() => ({ what: 'picture' })),
  'group add': group((to) => ({ what: 'add', users: [to.outside] })),
  'group remove': group((to) => ({ what: 'remove', users: [to.inside] })),
  'group leave': group(() => ({ what: 'leave' })),
  'group role': group((to) => ({ what: 'role', user: to.inside, role: 'admin' })),
  'group mode': group(() => ({ what: 'mode', announce: false, shared: true })),
  'group vanish': group(() => ({ what: 'vanish', afterMs: 60_000 })),
  'group link': group(() => ({ what: 'link', link: `${link}2`, uses: 1, forMs: 0 })),
  'group unlink': group(() => ({ what: 'unlink', link })),
  'group join': group(() => ({ what: 'join', link })),
  'self block': self('two', (to) => ({ what: 'block', user: to.with, on: true })),
  'self contact': self('two', (to) => ({ what: 'contact', user: to.with, name: 'Bo', on: true })),
  'self star': self('either', (to) => ({ what: 'star', with: to.with, of: to.theirs, on: true })),
  'self pin': self('either', (to) => ({ what: 'pin', with: to.with, on: true })),
  'self forget': self('either', (to) => ({ what: 'forget', with: to.with, of: to.theirs })),
  'self report': self('either', (to) => {
    const message = { with: to.with, seq: to.theirs.seq };
    return { what: 'report', user: to.theirs.from, reason: 'spam', text: 'this one', message };
  }),
  'self privacy': self('self', () => ({ what: 'privacy', seen: 'nobody', receipts: false, invites: 'contacts' })),
  'self profile': self('self', () => ({ what: 'profile', name: 'Me', about: '', email: '', phone: '' })),
} satisfies { readonly [operation in Operation]: Row };

type About<Where> = {
  [O in Operation]: (typeof operations)[O]['about'] extends Where ? O : never;
}[Operation];
export type InTwo = About<'two' | 'either'>;
export type InGroup = About<'group' | 'either'>;

export function wordFor(operation: Operation, target: Target, id: string, req: number): ClientWord {
  const row: Row = operations[operation];
  return row.word(target, id, req);
}
