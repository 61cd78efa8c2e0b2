/**
 * Every operation in every relation and state: each denied cell answers with its word and changes nothing. The rules are in `matrix/rules.ts`, one line an
 * operation.
 */
import { isDeepStrictEqual } from 'node:util';
import t from 'tap';
import { User } from '../../actors/index.ts';
import type { ClientWord } from '../../proto/words.ts';
import { logIn, type Socket, type World } from './harness.ts';
import { type Operation, operations, wordFor } from './matrix/operations.ts';
import { opposites } from './matrix/opposites.ts';
import {
  type Expected,
  inGroup,
  inTwo,
  ofMessageInGroup,
  ofMessageInTwo,
  relationsOfTwo,
  relationsToGroup,
  sessions,
  states,
} from './matrix/rules.ts';
import { spoilt } from './matrix/spoilt.ts';
import {
  answerTo,
  heardBy,
  type Scene,
  sceneOfEntry,
  sceneOfGroup,
  sceneOfMessage,
  sceneOfTwo,
  storedIn,
} from './matrix/stage.ts';

const all = Object.keys(operations) as Operation[];
let ids = 0;

function isDeed(word: ClientWord): boolean {
  return 'id' in word && word.kind !== 'inquire';
}

/** What came of a word, in the terms of the tables, and what is not as the tables promise of it. */
function outcome({ world, socket, target }: Scene, operation: Operation): { came: Expected; wrong: string[] } {
  const word = wordFor(operation, target, `op-${++ids}`, ids);
  const before = storedIn(world);
  const heardBefore = heardBy(world, socket);
  const wordsBefore = socket.words.length;
  socket.say(word);
  world.pass(3_500);
  const answer = answerTo(socket, word);
  const changes = changesIn(before, storedIn(world));
  const isHeard = !isDeepStrictEqual(heardBy(world, socket), heardBefore);
  const isTold = socket.words.length > wordsBefore;
  const wrong = world.deadLetters.map(({ kind, error }) => `a dead letter: ${kind}: ${error}`);
  if (!isDeed(word)) {
    if ('req' in word && changes.length > 0) wrong.push(`a question changed ${changes.join(', ')}`);
    if ('req' in word && isHeard) wrong.push('others heard of a question');
    const isNoticed = changes.length > 0 || isHeard || isTold;
    return { came: 'req' in word ? answer : isNoticed ? 'ok' : '-', wrong };
  }
  if (answer === 'ok') return { came: changes.length === 0 ? 'same' : 'ok', wrong };
  if (changes.length > 0) wrong.push(`it changed ${changes.join(', ')}`);
  if (isHeard) wrong.push('others heard of it');
  return { came: answer, wrong };
}

function changesIn(before: ReadonlyMap<string, unknown>, after: ReadonlyMap<string, unknown>): string[] {
  const places = new Set([...before.keys(), ...after.keys()]);
  return [...places].filter((place) => !isDeepStrictEqual(before.get(place), after.get(place)));
}

/** All cells of a table that are not as it says. */
function walk<Column extends string>(
  table: { readonly [operation: string]: readonly Expected[] },
  columns: readonly Column[],
  sceneFor: (column: Column) => Scene,
): string[] {
  const wrong: string[] = [];
  for (const [operation, row] of Object.entries(table)) {
    columns.forEach((column, i) => {
      const { came, wrong: more } = outcome(sceneFor(column), operation as Operation);
      const cell = `${operation} × ${column}`;
      if (came !== row[i]) wrong.push(`${cell}: ${came} instead of ${row[i]}`);
      wrong.push(...more.map((what) => `${cell}: ${what}`));
    });
  }
  return wrong;
}

t.test('operation × relation, in conversations of two', async (t) => {
  t.same(walk(inTwo, relationsOfTwo, sceneOfTwo), []);
});

t.test('operation × relation, in groups', async (t) => {
  t.same(walk(inGroup, relationsToGroup, sceneOfGroup), []);
});

t.test('operation × state of the message, in conversations of two', async (t) => {
  t.same(walk(ofMessageInTwo, states, sceneOfMessage), []);
});

t.test('operation × state of the message, in groups', async (t) => {
  t.same(walk(ofMessageInGroup, states, sceneOfEntry), []);
});

t.test('the rest is about nobody else, and is carried out', async (t) => {
  const own = all.filter((operation) => operations[operation].about === 'self' && operation !== 'hello');
  const rows = Object.fromEntries(own.map((operation) => [operation, ['ok' as const]]));
  // It has received everything before.
  t.same(walk({ ...rows, received: ['-'] }, ['contact'], sceneOfTwo), []);
});

/** A scene for every operation. */
function sceneFor(operation: Operation): Scene {
  return operations[operation].about === 'group' ? sceneOfGroup('owner') : sceneOfTwo('contact');
}

/** Ends the session of a device in one of the ways in which it can end. */
const ending: { readonly [way in keyof typeof sessions]: (world: World, socket: Socket) => void } = {
  revoked: (world, { claims }) => world.ask(User.ref(claims.user), { kind: 'revoke', device: claims.device }),
  deactivated: (world, { claims }) => world.ask(User.ref(claims.user), { kind: 'deactivate' }),
  expired: (world) => world.jump(366 * 24 * 60 * 60_000),
  loggedInAnew: (world, { claims }) => logIn(world, claims.user, claims.device),
};

t.test('operation × session: whatever is said without one is not carried out', async (t) => {
  const wrong: string[] = [];
  for (const operation of all) {
    for (const [way, code] of Object.entries(sessions) as [keyof typeof sessions, number][]) {
      const { world, socket, target } = sceneFor(operation);
      // Word of the end is on its way, and does not come in time.
      world.drop = ({ body }) => body.kind === 'end';
      ending[way](world, socket);
      world.settle();
      world.drop = undefined;
      const before = storedIn(world);
      const word = wordFor(operation, target, `op-${++ids}`, ids);
      socket.say(word);
      world.settle();
      if (answerTo(socket, word) === 'ok') wrong.push(`${operation} × ${way}: carried out`);
      if (socket.closed === undefined) socket.say({ kind: 'hello', epoch: '', cursor: 0 });
      world.settle();
      const changes = changesIn(before, storedIn(world));
      if (changes.length > 0) wrong.push(`${operation} × ${way}: changed ${changes.join(', ')}`);
      const closed = socket.closed?.code;
      if (closed !== code) wrong.push(`${operation} × ${way}: closed with ${closed} instead of ${code}`);
    }
  }
  t.same(wrong, []);
});

t.test('operation × again: a word that is repeated has one effect and one answer', async (t) => {
  const wrong: string[] = [];
  for (const operation of all) {
    for (const scene of [sceneFor(operation), sceneOfTwo('blocked'), sceneOfGroup('member'), sceneOfGroup('left')]) {
      const { world, socket, target } = scene;
      const word = wordFor(operation, target, `op-${++ids}`, ids);
      socket.say(word);
      world.pass(3_500);
      const first = answerTo(socket, word);
      const before = storedIn(world);
      const wordsBefore = socket.words.length;
      socket.say(word);
      world.pass(3_500);
      const cell = `${operation} × again, with ${target.with}`;
      const changes = changesIn(before, storedIn(world));
      if (changes.length > 0) wrong.push(`${cell}: changed ${changes.join(', ')}`);
      if (answerTo(socket, word) !== first) wrong.push(`${cell}: ${first}, then ${answerTo(socket, word)}`);
      if (first !== '-' && socket.words.length === wordsBefore) wrong.push(`${cell}: no second answer`);
    }
  }
  t.same(wrong, []);
});

t.test('operation × field: of a wrong type, or too long', async (t) => {
  const wrong: string[] = [];
  for (const operation of all) {
    const { world, socket, target } = sceneFor(operation);
    const before = storedIn(world);
    const good = wordFor(operation, target, 'bad', 7);
    for (const { path, bad, word } of spoilt(good)) {
      const wordsBefore = socket.words.length;
      socket.raw(JSON.stringify(word));
      world.settle();
      const [answer, ...more] = socket.words.slice(wordsBefore);
      const cell = `${operation} × ${path} = ${bad.slice(0, 20)}`;
      const isRefused = answer?.kind === 'refused' && (answer.code === 'malformed' || answer.code === 'too_long');
      if (!isRefused || more.length > 0) wrong.push(`${cell}: ${JSON.stringify([answer, ...more]).slice(0, 200)}`);
      else if (path !== 'id' && path !== 'req' && path !== 'kind' && operation !== 'inquire') {
        const named = 'id' in good ? answer.id === good.id : !('req' in good) || answer.req === good.req;
        if (!named) wrong.push(`${cell}: a refusal that does not name the word`);
      }
    }
    const changes = changesIn(before, storedIn(world));
    if (changes.length > 0) wrong.push(`${operation}: changed ${changes.join(', ')}`);
  }
  t.same(wrong, []);
});

const runs_each = 40;

t.test(
  'operation × its opposite at the same time: one of the answers that may be, and one story for all',
  async (t) => {
    const wrong = new Set<string>();
    const came = new Map<string, Set<string>>();
    for (const [name, make] of Object.entries(opposites)) {
      for (let run = 0; run < runs_each; run++) {
        const { world, sides, also, gone } = make();
        let dice = run + 1;
        world.pick = (count) => {
          dice = (Math.imul(dice, 1_103_515_245) + 12_345) >>> 0;
          return (dice >>> 8) % count;
        };
        if (run % 2 === 0) also?.();
        for (const { socket, word } of run % 4 < 2 ? sides : sides.toReversed()) {
          socket.say(word);
          // Sometimes one is well ahead of the other.
          for (let turn = 0; turn < run % 5; turn++) world.deliverOne();
        }
        if (run % 2 === 1) also?.();
        world.settle();
        world.pick = undefined;
        world.pass(1_000);
        const answers = sides.map(({ socket, word }) => answerTo(socket, word));
        came.set(name, (came.get(name) ?? new Set()).add(answers.join(', ')));
        sides.forEach(({ allowed, word }, i) => {
          const answer = answers[i] as Expected;
          if (!allowed.includes(answer)) wrong.add(`${name}: ${answer}, which may be ${allowed.join(' or ')}`);
          if (answer !== 'ok' && 'id' in word && isTold(world, word.id)) wrong.add(`${name}: ${answer}, and told of`);
        });
        for (const { kind, error } of world.deadLetters) wrong.add(`${name}: a dead letter: ${kind}: ${error}`);
        for (const what of [...stories(world), ...kept(world, gone)]) wrong.add(`${name}: ${what}`);
      }
    }
    t.same([...wrong], []);
    // The order does make a difference where it may: else nothing was at the same time.
    for (const [name, make] of Object.entries(opposites)) {
      const isOpen = make().sides.some(({ allowed }) => allowed.length > 1 && !allowed.includes('same'));
      if (isOpen) t.ok((came.get(name)?.size ?? 0) > 1, `${name}: ${[...(came.get(name) ?? [])].join(' | ')}`);
    }
  },
);

/** Whether any device was told of an event under this id. */
function isTold(world: World, id: string): boolean {
  return ([...world.sockets.values()] as Socket[]).some((socket) =>
    socket.timeline().some((event) => 'id' in event && event.id === id),
  );
}

/** What members were told of a group: no number twice, and of each number all the same. */
function stories(world: World): string[] {
  const wrong: string[] = [];
  const story = new Map<number, string>();
  for (const socket of world.sockets.values() as Iterable<Socket>) {
    let last = 0;
    for (const event of socket.timeline()) {
      if (!('seq' in event) || event.seq === 0) continue;
      const group = event.kind === 'message' ? event.to : 'with' in event ? event.with : '';
      if (!group.startsWith('#')) continue;
      if (event.seq <= last) wrong.push(`${socket.claims.user} was told ${event.seq} after ${last}`);
      const words = JSON.stringify(event);
      const before = story.get(event.seq) ?? words;
      // What was taken back since is told without what it said (AMD3).
      if (silent(before) !== silent(words) || (before !== words && ![before, words].some(isSilent))) {
        wrong.push(`of ${event.seq} there are two stories`);
      }
      story.set(event.seq, words);
      last = event.seq;
    }
  }
  return wrong;
}

function silent(words: string): string {
  return words.replace(/"body":"[^"]*"/, '"body":""');
}

function isSilent(words: string): boolean {
  return words === silent(words);
}

/** Rows that hold a text which was taken back. */
function kept(world: World, gone: string | undefined): string[] {
  if (gone === undefined) return [];
  const rows = [...world.stored()].filter(([, value]) => JSON.stringify(value)?.includes(gone));
  return rows.map(([place]) => `${place} still says ${gone}`);
}
