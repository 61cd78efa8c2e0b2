import fc from 'fast-check';
import t from 'tap';
import { File, User } from '../../actors/index.ts';
import type { FileFacts } from '../../proto/file-words.ts';
import type { ClientWord, TimelineEvent } from '../../proto/words.ts';
import { makeGroup, people } from './groups.ts';
import { connect, logIn, messenger, type Socket, type World } from './harness.ts';

const names = ['alice', 'bob', 'carol'] as const;
const day_ms = 24 * 3_600_000;
const files: readonly FileFacts[] = ['a', 'b'].map((c) => ({ id: c.repeat(64), type: 'text/plain', bytes: 1 }));

const person = fc.nat(2);
/** What may happen, in numbers that are read as the world is then. */
const step = fc.oneof(
  fc.record({ what: fc.constant('send' as const), by: person, to: fc.nat(3), file: fc.nat(1), vanish: fc.nat(3) }),
  fc.record({ what: fc.constantFrom('retract' as const, 'forget' as const), by: person, nth: fc.nat(20) }),
  fc.record({ what: fc.constant('read' as const), by: person }),
  fc.record({ what: fc.constant('pass' as const), ms: fc.constantFrom(10, 60_000, 7 * day_ms, 31 * day_ms) }),
  fc.record({ what: fc.constant('move' as const), by: person }),
  fc.record({ what: fc.constant('hangUp' as const), by: person }),
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** Everything that a device which comes now is told: what the server still has. */
function timelineOf(world: World, user: string, nth: number): TimelineEvent[] {
  const socket = connect(world, logIn(world, user, `look-${nth}`));
  world.settle();
  return socket.timeline();
}

function upload(world: World, user: string, socket: Socket, facts: FileFacts): void {
  const forMs = 400 * day_ms;
  const offered = world.ask(File.ref(facts.id), { kind: 'offer', user, forMs });
  if (offered.kind === 'wanted') {
    const file = { ...facts, generation: offered.generation };
    world.ask(File.ref(facts.id), { kind: 'stored', user, forMs, file });
  }
  const { device, session } = socket.claims;
  world.ask(User.ref(user), { kind: 'uploaded', login: { device, session }, file: facts, forMs });
}

class Play {
  readonly world = messenger();
  readonly sockets = people(this.world, ...names) as { [name: string]: Socket };
  readonly group = makeGroup(this.world, this.sockets, 'alice', 'bob', 'carol');
  #ids = 0;

  constructor() {
    for (const name of names) for (const file of files) upload(this.world, name, this.sockets[name]!, file);
  }

  take(step: Step): void {
    const { world } = this;
    if (step.what === 'pass') {
      world.pass(step.ms);
      return;
    }
    const name = names[step.by]!;
    const socket = this.sockets[name]!;
    if (step.what === 'move') world.move(name);
    else if (step.what === 'hangUp') {
      socket.hangUp();
      this.sockets[name] = connect(world, socket.claims);
    } else for (const word of this.#wordsOf(step, name, socket)) socket.say(word);
    world.settle();
  }

  #wordsOf(step: Exclude<Step, { what: 'pass' | 'move' | 'hangUp' }>, name: string, socket: Socket): ClientWord[] {
    const id = `w-${++this.#ids}`;
    if (step.what === 'send') {
      const to = names[step.to] ?? this.group;
      const vanish = [undefined, 'sent', 'delivered', 'read'][step.vanish] as 'sent' | 'delivered' | 'read' | undefined;
      const file = { ...files[step.file]!, kind: 'file', name: 'x' } as const;
      return [
        {
          kind: 'send',
          id,
          to,
          body: '',
          more: { file, ...(vanish && { vanish: { afterMs: 30_000, since: vanish } }) },
        },
      ];
    }
    // A socket is told of its own messages by `accepted` alone.
    const said = timelineOf(this.world, name, step.by).flatMap((event) => (event.kind === 'message' ? [event] : []));
    if (step.what === 'read') {
      const reads = said
        .filter(({ from }) => from !== name)
        .map(({ from, to, seq }): ClientWord => {
          return { kind: 'read', with: to === this.group ? to : from, upTo: seq };
        });
      return [{ kind: 'received', upTo: socket.cursor() }, ...reads];
    }
    const his = step.what === 'retract' ? said.filter(({ from }) => from === name) : said;
    const message = his[step.nth % Math.max(1, his.length)];
    if (message === undefined) return [];
    const other = message.to === this.group || message.from === name ? message.to : message.from;
    const of = { from: message.from, seq: message.seq };
    if (step.what === 'retract') return [{ kind: 'amend', id, with: other, of, deed: { what: 'retract' } }];
    return [{ kind: 'self', id, deed: { what: 'forget', with: other, of } }];
  }

  /** Who should hold a file: each message that somebody could still fetch it by. */
  expected(): string[] {
    const holders = new Set<string>();
    for (const [i, name] of names.entries()) {
      for (const event of timelineOf(this.world, name, i)) {
        if (event.kind !== 'message' || event.more?.file === undefined) continue;
        const key = event.seq.toString(36).padStart(8, '0');
        const place = event.from === name ? `${event.to}/o` : `${event.from}/i`;
        holders.add(`${event.more.file.id[0]} ${event.to === this.group ? this.group : `${name}/${place}`}/${key}`);
      }
    }
    return [...holders].sort();
  }

  held(): string[] {
    return files
      .flatMap(({ id }) => [...this.world.rowsOf(`file/${id}`, 'holder').keys()].map((holder) => `${id[0]} ${holder}`))
      .filter((holder) => !holder.includes('@'))
      .sort();
  }
}

t.test(
  'FIL8 whatever happens, in whatever order mail comes: those hold a file who have a message with it',
  async (t) => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 40 }),
        fc.infiniteStream(fc.nat(1_000)),
        fc.boolean(),
        (steps, chance, fails) => {
          const play = new Play();
          const { world } = play;
          world.pick = (count) => (chance.next().value ?? 0) % count;
          if (fails)
            world.fail = ({ body }) =>
              body.kind !== 'frame' && body.kind !== 'open' && (chance.next().value ?? 0) % 7 === 0;
          for (const one of steps) play.take(one);
          world.fail = undefined;
          world.settle();
          const [expected, held] = [play.expected(), play.held()];
          // A member that wants to see a message no more hides it for itself: the group holds on for the others.
          const missing = expected.filter((holder) => !held.includes(holder));
          const tooMany = held.filter((holder) => !expected.includes(holder) && !isForgottenByAll(play, holder));
          if (missing.length + tooMany.length > 0) {
            throw new Error(`missing ${missing.join(', ')}; too many ${tooMany.join(', ')}`);
          }
          if (world.deadLetters.length > 0)
            throw new Error(JSON.stringify(world.deadLetters.map(({ kind, error }) => [kind, String(error)])));
        },
      ),
      { numRuns: 250 },
    );
    t.pass();
  },
);

/** Messages of a group that every member has forgotten, or did not fetch in time: the group has them all the same. */
function isForgottenByAll({ world, group }: Play, holder: string): boolean {
  const [, rest = ''] = holder.split(' ');
  if (!rest.startsWith(`${group}/`)) return false;
  const entry = world.rowsOf(`group/${group}`, 'log').get(rest.slice(group.length + 1));
  return Array.isArray(entry) && entry[0] === 'message' && entry[5]?.file !== undefined;
}
