/** The scenes in which operations are tried out: who is who, and what was said before. */
import { User } from '../../../actors/index.ts';
import type { ClientWord, MessageRef, SelfDeed } from '../../../proto/words.ts';
import { answerIn, arrange, eventsOf, makeGroup, people, receive } from '../groups.ts';
import { messenger, type Socket, type World } from '../harness.ts';
import { link, type Target } from './operations.ts';
import type { Expected, relationsOfTwo, relationsToGroup, states } from './rules.ts';

export interface Scene {
  readonly world: World;
  /** The device that is to say something. */
  readonly socket: Socket;
  readonly target: Target;
}

let ids = 0;

function scene(): World {
  // Whoever tries out a lot is not to be slowed down.
  return messenger({ words_per_s_max: 1_000_000, words_burst_max: 1_000_000, malformed_frames_max: 1_000_000 });
}

function say(world: World, socket: Socket, word: ClientWord): void {
  socket.say(word);
  world.pass(100);
}

function want(world: World, socket: Socket, deed: SelfDeed): void {
  say(world, socket, { kind: 'self', id: `w${++ids}`, deed });
}

const me = 'me';
const peer = 'bob';
const nowhere = { inside: 'eve', outside: 'sam' };
const first: (from: string) => MessageRef = (from) => ({ from, seq: 1 });

// ---------------------------------------------------------------- two

/** Where there was a conversation, both have written to each other, and have what was written. */
export function sceneOfTwo(relation: (typeof relationsOfTwo)[number]): Scene {
  const world = scene();
  const { me: socket, bob } = people(world, me, peer) as { readonly me: Socket; readonly bob: Socket };
  const other = relation === 'nobody' ? 'nobody' : relation === 'myself' ? me : peer;
  if (!['stranger', 'nobody', 'myself'].includes(relation)) {
    say(world, socket, { kind: 'send', id: 'own', to: peer, body: 'hello from me' });
    say(world, bob, { kind: 'send', id: 'theirs', to: me, body: 'hello from bob' });
    for (const one of [socket, bob]) receive(world, one);
  } else say(world, socket, { kind: 'send', id: 'own', to: 'somebody', body: 'hello' });
  if (relation === 'contact') want(world, socket, { what: 'contact', user: peer, name: '', on: true });
  if (relation === 'blocked') want(world, socket, { what: 'block', user: peer, on: true });
  if (relation === 'blockedMe') want(world, bob, { what: 'block', user: me, on: true });
  if (relation === 'gone') world.ask(User.ref(peer), { kind: 'deactivate' });
  world.pass(1_000);
  const theirs = first(relation === 'nobody' || relation === 'myself' ? other : peer);
  return { world, socket, target: { self: me, with: other, own: first(me), theirs, ...nowhere } };
}

export function sceneOfMessage(state: (typeof states)[number]): Scene {
  const { world, socket, target } = sceneOfTwo('contact');
  const bob = [...world.sockets.values()].find((one) => one.claims.user === peer) as Socket;
  const sides = [
    [socket, peer, target.own],
    [bob, me, target.theirs],
  ] as const;
  if (state === 'vanished') {
    const vanish = { afterMs: 5_000, since: 'sent' } as const;
    for (const [one, to] of sides)
      say(world, one, { kind: 'send', id: `w${++ids}`, to, body: 'gone', more: { vanish } });
    world.pass(10_000);
    return { world, socket, target: { ...target, own: { from: me, seq: 2 }, theirs: { from: peer, seq: 2 } } };
  }
  for (const [one, to, of] of sides) change(world, one, to, of, state);
  if (state === 'forgotten') {
    for (const [, , of] of sides) want(world, socket, { what: 'forget', with: peer, of });
  }
  return { world, socket, target: changed(target, state) };
}

/** What its author does to a message, or time. */
function change(world: World, socket: Socket, to: string, of: MessageRef, state: (typeof states)[number]): void {
  if (state === 'old') world.pass(8 * 60_000);
  if (state === 'ancient') world.pass(1.5 * 24 * 60 * 60_000);
  if (state !== 'edited' && state !== 'retracted') return;
  const deed = state === 'edited' ? ({ what: 'edit', body: 'hello again' } as const) : ({ what: 'retract' } as const);
  say(world, socket, { kind: 'amend', id: `w${++ids}`, with: to, of, deed });
}

function changed(target: Target, state: (typeof states)[number]): Target {
  const { own, theirs } = target;
  if (state === 'others') return { ...target, own: theirs, theirs: own };
  if (state !== 'unknown') return target;
  return { ...target, own: { ...own, seq: own.seq + 1_000 }, theirs: { ...theirs, seq: theirs.seq + 1_000 } };
}

// ---------------------------------------------------------------- groups

const roles = ['owner', 'admin', 'member', 'left', 'removed'] as const;

/** Everybody who was ever a member has written, and all have what was written. */
export function sceneOfGroup(relation: (typeof relationsToGroup)[number]): Scene {
  const world = scene();
  const names = [...roles, 'eve'];
  const all = people(world, ...names, 'stranger', 'sam');
  const owner = all.owner as Socket;
  const group = makeGroup(world, all, ...(names as ['owner', ...string[]]));
  arrange(world, owner, group, { what: 'role', user: 'admin', role: 'admin' });
  for (const name of names) {
    say(world, all[name] as Socket, { kind: 'send', id: 'own', to: group, body: `hello from ${name}` });
  }
  for (const name of names) receive(world, all[name] as Socket);
  arrange(world, owner, group, { what: 'link', link, uses: 0, forMs: 0 });
  arrange(world, all.left as Socket, group, { what: 'leave' });
  arrange(world, owner, group, { what: 'remove', users: ['removed'] });
  if (relation === 'hushed') arrange(world, owner, group, { what: 'mode', announce: true, shared: false });
  world.pass(1_000);
  const name = relation === 'hushed' ? 'member' : relation === 'nowhere' ? 'stranger' : relation;
  const seqs = new Map(eventsOf(owner, 'message').map(({ from, seq }) => [from, seq]));
  // Its own message was answered by its number instead of told.
  seqs.set('owner', owner.all('accepted').find(({ id }) => id === 'own')?.seq ?? 0);
  const target = {
    self: name,
    with: relation === 'nowhere' ? '#nowhere' : group,
    own: { from: name, seq: seqs.get(name) ?? 1 },
    theirs: { from: 'eve', seq: seqs.get('eve') ?? 0 },
    inside: 'eve',
    outside: 'sam',
  };
  return { world, socket: all[name] as Socket, target };
}

/** The group's owner, who may do everything, and a message of its own and one of somebody else. */
export function sceneOfEntry(state: (typeof states)[number]): Scene {
  const { world, socket, target } = sceneOfGroup('owner');
  const eve = [...world.sockets.values()].find((one) => one.claims.user === 'eve') as Socket;
  const group = target.with;
  if (state === 'vanished') {
    const vanish = { afterMs: 5_000, since: 'sent' } as const;
    for (const one of [socket, eve]) {
      say(world, one, { kind: 'send', id: 'gone', to: group, body: 'gone', more: { vanish } });
    }
    const seqOf = (one: Socket) => one.all('accepted').find(({ id }) => id === 'gone')?.seq ?? 0;
    const refs = { own: { from: 'owner', seq: seqOf(socket) }, theirs: { from: 'eve', seq: seqOf(eve) } };
    world.pass(10_000);
    return { world, socket, target: { ...target, ...refs } };
  }
  change(world, socket, group, target.own, state);
  change(world, eve, group, target.theirs, state);
  if (state === 'forgotten') {
    for (const of of [target.own, target.theirs]) want(world, socket, { what: 'forget', with: group, of });
  }
  return { world, socket, target: changed(target, state) };
}

// ---------------------------------------------------------------- what came of it

/** What was refused is remembered as that, that the person was there, and how often something was asked for. */
const remembered = / (denied|seen|quota) /;

/** What is stored, without those. */
export function storedIn(world: World): Map<string, unknown> {
  return new Map([...world.stored()].filter(([place]) => !remembered.test(place)));
}

/** How many words each socket but one has heard. */
export function heardBy(world: World, except: Socket): number[] {
  const others = [...world.sockets.values()].filter((socket) => socket !== except) as Socket[];
  return others.map(({ words }) => words.filter(({ kind }) => kind !== 'presence').length);
}

/** The answer to a word in the terms of the tables, but for `same`. */
export function answerTo(socket: Socket, word: ClientWord): Expected {
  if ('id' in word && word.kind !== 'inquire') {
    const answer = answerIn(socket, word.id);
    return answer === 'accepted' ? 'ok' : answer === 'nothing' ? '-' : (answer as Expected);
  }
  if (!('req' in word)) return '-';
  const answer = socket.words.findLast((one) => 'req' in one && one.req === word.req);
  if (answer === undefined) return '-';
  return answer.kind === 'refused' ? answer.code : 'ok';
}
