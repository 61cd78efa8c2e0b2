/** Operations at the same time as their opposites: what each may be answered, whichever comes first. */
import { User } from '../../../actors/index.ts';
import type { ClientWord } from '../../../proto/words.ts';
import type { Socket, World } from '../harness.ts';
import { link, type Operation, type Target, wordFor } from './operations.ts';
import type { Expected } from './rules.ts';
import { sceneOfGroup, sceneOfTwo } from './stage.ts';

export interface Side {
  readonly socket: Socket;
  readonly word: ClientWord;
  readonly allowed: readonly Expected[];
}
export interface Opposite {
  readonly world: World;
  readonly sides: readonly Side[];
  /** Besides what is said. */
  readonly also?: () => void;
  /** A text that must be in no row afterwards, as it was taken back. */
  readonly gone?: string;
}

let ids = 0;

function socketOf(world: World, user: string): Socket {
  return [...world.sockets.values()].find((socket) => socket.claims.user === user) as Socket;
}

/** Who does what to which target, and what may come of it; a deed may be another one than that of the table. */
type Act = readonly [
  who: string,
  operation: Operation,
  allowed: readonly Expected[],
  change?: (word: ClientWord) => object,
];

/** All about the group, or about Eve's message in it. */
function inGroup(acts: readonly Act[], gone?: string): Opposite {
  const { world, target } = sceneOfGroup('owner');
  return opposite(world, { ...target, own: target.theirs }, acts, gone);
}

function inTwo(acts: readonly Act[], gone?: string): Opposite {
  const { world, target } = sceneOfTwo('contact');
  return opposite(world, target, acts, gone);
}

function opposite(world: World, target: Target, acts: readonly Act[], gone: string | undefined): Opposite {
  const sides = acts.map(([who, operation, allowed, change]): Side => {
    // The other one of two means the same conversation by the other name.
    const isOther = who === target.with;
    const to = isOther ? { ...target, self: who, with: target.self, own: target.theirs, theirs: target.own } : target;
    const word = wordFor(operation, to, `op-${++ids}`, ids);
    return { socket: socketOf(world, who), word: { ...word, ...change?.(word) } as ClientWord, allowed };
  });
  return { world, sides, ...(gone !== undefined && { gone }) };
}

const ok = ['ok'] as const;
const deed = (changed: object) => () => ({ deed: changed });
export const opposites: { readonly [name: string]: () => Opposite } = {
  'kick while sending': () =>
    inGroup([
      ['owner', 'group remove', ok],
      ['eve', 'send', ['ok', 'not_a_member']],
    ]),
  'kick while editing': () =>
    inGroup([
      ['owner', 'group remove', ok],
      ['eve', 'amend edit', ['ok', 'not_a_member']],
    ]),
  'kick while leaving': () =>
    inGroup([
      ['owner', 'group remove', ['ok', 'same']],
      ['eve', 'group leave', ['ok', 'not_a_member']],
    ]),
  'kick while appointing': () =>
    inGroup([
      ['owner', 'group remove', ok],
      ['admin', 'group role', ['ok', 'not_a_member']],
    ]),
  'announcements only while sending': () =>
    inGroup([
      ['owner', 'group mode', ok, deed({ what: 'mode', announce: true, shared: false })],
      ['member', 'send', ['ok', 'announcements_only']],
    ]),
  'demotion while renaming': () =>
    inGroup([
      ['owner', 'group role', ok, deed({ what: 'role', user: 'admin', role: 'member' })],
      ['admin', 'group title', ['ok', 'not_an_admin']],
    ]),
  'giving the group away while renaming it': () =>
    inGroup([
      ['owner', 'group role', ok, deed({ what: 'role', user: 'eve', role: 'owner' })],
      ['eve', 'group role', ['not_an_admin', 'ok'], deed({ what: 'role', user: 'member', role: 'admin' })],
    ]),
  'taking a link back while joining by it': () =>
    inGroup([
      ['owner', 'group unlink', ok],
      ['sam', 'group join', ['ok', 'unknown_link'], deed({ what: 'join', link })],
    ]),
  'retracting while reacting, in a group': () =>
    inGroup(
      [
        ['eve', 'amend retract', ok],
        ['member', 'amend react', ['ok', 'retracted']],
      ],
      'hello from eve',
    ),
  'retracting while pinning and starring, in a group': () =>
    inGroup(
      [
        ['eve', 'amend retract', ok],
        ['owner', 'amend pin', ['ok', 'retracted']],
        ['member', 'self star', ok],
      ],
      'hello from eve',
    ),
  'editing while an admin retracts': () =>
    inGroup(
      [
        ['owner', 'amend retract', ok],
        ['eve', 'amend edit', ['ok', 'retracted']],
      ],
      'other words',
    ),
  'two retract at once': () =>
    inGroup(
      [
        ['owner', 'amend retract', ['ok', 'same']],
        ['eve', 'amend retract', ['ok', 'same']],
      ],
      'hello from eve',
    ),
  'a member is deactivated while the group is written to': () => {
    const scene = inGroup([['owner', 'send', ok]]);
    const deactivate = { kind: 'deactivate' } as const;
    return { ...scene, also: () => scene.world.whisper(User.ref('eve'), deactivate) };
  },
  'deactivated while being added': () => {
    const scene = inGroup([['owner', 'group add', ok]]);
    return { ...scene, also: () => scene.world.whisper(User.ref('sam'), { kind: 'deactivate' }) };
  },

  'deactivated while receiving': () => {
    const scene = inTwo([['me', 'send', ok]]);
    return { ...scene, also: () => scene.world.whisper(User.ref('bob'), { kind: 'deactivate' }) };
  },
  'blocking while being written to': () =>
    inTwo([
      ['me', 'self block', ok],
      ['bob', 'send', ok],
    ]),
  'blocking while writing': () =>
    inTwo([
      ['me', 'self block', ok],
      ['bob', 'self block', ok],
    ]),
  'retracting while reacting, pinning and starring': () =>
    inTwo(
      [
        ['bob', 'amend retract', ok],
        ['me', 'amend react', ['ok', 'retracted']],
        ['me', 'amend pin', ['ok', 'retracted']],
        ['me', 'self star', ok],
      ],
      'hello from bob',
    ),
  'editing and retracting from two devices': () =>
    inTwo(
      [
        ['bob', 'amend edit', ['ok', 'retracted']],
        ['bob', 'amend retract', ok],
      ],
      'hello from bob',
    ),
  'deleting for oneself while it is edited': () =>
    inTwo([
      ['me', 'self forget', ok],
      ['bob', 'amend edit', ok],
    ]),
  'pinning while unpinning': () =>
    inTwo([
      ['me', 'amend pin', ok],
      [
        'bob',
        'amend pin',
        ['ok', 'same'],
        (word) => ('of' in word ? { of: { from: 'bob', seq: 1 }, deed: { what: 'pin', on: false } } : {}),
      ],
    ]),
  'both set how messages vanish': () =>
    inTwo([
      ['me', 'vanish', ['ok', 'same']],
      ['bob', 'vanish', ['ok', 'same'], () => ({ timer: { afterMs: 90_000, since: 'sent' } })],
    ]),
};
