/** People in groups, for tests. */
import type { GroupDeed, GroupEvent, GroupId, MessageEvent, TimelineEvent } from '../../proto/words.ts';
import { connect, register, type Socket, type World } from './harness.ts';

export type People = { readonly [name: string]: Socket };

/** Accounts with one device each, connected. */
export function people(world: World, ...names: string[]): People {
  return Object.fromEntries(names.map((name) => [name, connect(world, register(world, name))]));
}

let deeds = 0;

/** Says it, and lets the world come to rest. Answers with what came for it. */
export function arrange(world: World, socket: Socket, group: GroupId | '', deed: GroupDeed): string {
  const id = `deed-${++deeds}`;
  socket.say({ kind: 'group', id, with: group, deed });
  world.pass(100);
  return answerIn(socket, id);
}

export function send(world: World, socket: Socket, group: GroupId, body: string): string {
  const id = `m-${++deeds}`;
  socket.say({ kind: 'send', id, to: group, body });
  world.pass(100);
  return answerIn(socket, id);
}

/** `accepted`, or the code of the refusal. */
export function answerIn(socket: Socket, id: string): string {
  for (const word of socket.words) {
    if (word.kind === 'accepted' && word.id === id) return 'accepted';
    if (word.kind === 'refused' && word.id === id) return word.code;
    if (word.kind === 'events' && word.list.some((event) => 'id' in event && event.id === id)) return 'accepted';
  }
  return 'nothing';
}

/** A group with these members, the first its owner. */
export function makeGroup(world: World, all: People, owner: string, ...others: string[]): GroupId {
  const id = `deed-${++deeds}`;
  all[owner]!.say({
    kind: 'group',
    id,
    with: '',
    deed: { what: 'create', title: 'Friends', about: '', users: others },
  });
  world.pass(200);
  const made = all[owner]!.all('accepted').find((word) => word.id === id);
  if (made?.with === undefined) throw new Error('no group was made');
  return made.with;
}

export function entriesOf(socket: Socket, group: GroupId): (MessageEvent | GroupEvent)[] {
  return socket.timeline().filter((event): event is MessageEvent | GroupEvent => {
    return (event.kind === 'message' && event.to === group) || (event.kind === 'group' && event.with === group);
  });
}

/** In few words: `alice: hi`, `added bob,carol`. */
export function told(socket: Socket, group: GroupId): string[] {
  return entriesOf(socket, group).map((event) => {
    if (event.kind === 'message') return `${event.from}: ${event.body}`;
    const { change } = event;
    if ('users' in change) return `${change.what} ${[...change.users].sort().join(',')}`;
    return 'user' in change ? `${change.what} ${change.user} ${change.role}` : change.what;
  });
}

export function eventsOf<K extends TimelineEvent['kind']>(
  socket: Socket,
  kind: K,
): Extract<TimelineEvent, { kind: K }>[] {
  return socket.timeline().filter((event): event is Extract<TimelineEvent, { kind: K }> => event.kind === kind);
}

/** The device has all that came. */
export function receive(world: World, socket: Socket): void {
  socket.say({ kind: 'received', upTo: socket.cursor() });
  world.pass(500);
}
