import t from 'tap';
import {
  type Answer,
  type AnyBehaviour,
  actorKind,
  behaviour,
  type Inspected,
  type Question,
  type QuestionKind,
} from '../../runtime/index.ts';
import type { Datagram } from '../../runtime/parcel.ts';
import { simCodec } from '../../sim/codec.ts';
import { List, list } from './ledger.ts';
import { replyOf, World } from './world.ts';

t.setTimeout(60_000);

const partitions = 8;

/** Asks one node of the world; throws where there is no answer. */
async function inspect<K extends QuestionKind>(
  world: World,
  from: string,
  question: Question<K>,
  at?: string,
): Promise<Answer<K>> {
  const answer = await put(world, from, question, at);
  if (answer.kind === 'none') throw new Error(answer.words);
  return answer.value;
}

function put<K extends QuestionKind>(
  world: World,
  from: string,
  question: Question<K>,
  at?: string,
): Promise<Inspected<Answer<K>>> {
  return world.until(world.node(from).inspect(question, at), 60_000);
}

async function add(world: World, key: string, word: string): Promise<void> {
  replyOf(await world.until(world.node('n1').ask(List.ref(key), { kind: 'act', add: word })));
}

t.test('§5: any node tells of all nodes, partitions and actors, as their owners see them', async (t) => {
  const world = new World({ seed: 1, behaviours: [list()], partitions });
  await world.cluster('n1', 'n2', 'n3');
  await world.pass(1_500);
  for (let i = 0; i < 20; i++) await add(world, `a${i}`, 'word');
  for (const from of ['n1', 'n2', 'n3']) {
    const served: number[] = [];
    for (const { node } of world.node(from).members) {
      const report = await inspect(world, from, { kind: 'node' }, node);
      t.equal(report.node, node);
      for (const { partition } of await inspect(world, from, { kind: 'partitions' }, node)) served.push(partition);
    }
    t.strictSame(
      served.sort((a, b) => a - b),
      Array.from({ length: partitions }, (_, id) => id),
    );
    const found: string[] = [];
    for (let partition = 0; partition < partitions; partition++) {
      let after = '';
      do {
        const page = await inspect(world, from, { kind: 'actors', partition, prefix: 'list/a', after, limit: 2 });
        t.ok(page.list.length <= 2);
        found.push(...page.list.map(({ address }) => address));
        after = page.next;
      } while (after !== '');
    }
    t.strictSame(found.sort(), Array.from({ length: 20 }, (_, i) => `list/a${i}`).sort());
  }
});

t.test('§5: actors and rows are there before and after the local store has them, in pages', async (t) => {
  const world = new World({ seed: 2, behaviours: [list()], partitions });
  await world.cluster('n1', 'n2');
  await world.pass(1_000);
  const address = 'list/a';
  const partition = world.node('n1').partitionOf(address);
  for (let i = 1; i <= 5; i++) await add(world, 'a', `word ${i}`);
  const words = async (limit: number): Promise<unknown[]> => {
    const all: unknown[] = [];
    let after = '';
    do {
      const page = await inspect(world, 'n2', { kind: 'rows', partition, address, table: 'words', after, limit });
      all.push(...page.list.map(({ value }) => value));
      after = page.next;
    } while (after !== '');
    return all;
  };
  const expected = [1, 2, 3, 4, 5].map((i) => `word ${i}`);
  t.strictSame(await words(2), expected);
  await world.pass(500);
  for (const limit of [1, 2, 5, 100]) t.strictSame(await words(limit), expected);
  t.match(await inspect(world, 'n2', { kind: 'actor', partition, address }), { tables: ['words'], awake: true });
  t.match(await put(world, 'n2', { kind: 'actor', partition, address: 'list/nobody' }), { why: 'absent' });
  t.match(await put(world, 'n1', { kind: 'channels', partition: 99 }), { why: 'unknown partition' });
  t.match(await put(world, 'n1', { kind: 'node' }, 'n9'), { why: 'unknown node' });
});

type FrailProtocol = {
  pass: { mail: { readonly to: string; readonly word: string }; reply: true };
  take: { mail: { readonly word: string }; reply: never };
  words: { mail: object; reply: readonly string[] };
};

const Frail = actorKind<FrailProtocol>('frail');

/** Takes words from its kind, and throws instead as long as it is told to. */
function frail(failing: { isThrowing: boolean }): AnyBehaviour {
  return behaviour<FrailProtocol, null>(Frail, {
    wake: () => null,
    turns: {
      pass(_, { to, word }, turn) {
        turn.tell(Frail.ref(to), { kind: 'take', word });
        turn.reply(true);
      },
      take(_, { word }, turn) {
        turn.put('word', String(turn.range('word').length), `${word} from ${turn.from}`);
        if (failing.isThrowing) throw new Error('told to fail');
      },
      words: (_, __, turn) => turn.reply(turn.range<string>('word').map(([, word]) => word)),
    },
  });
}

t.test(
  'A10: a dead letter is listed, has its turn once more, and is none any longer; whatever gets lost',
  async (t) => {
    const failing = { isThrowing: true };
    const world = new World({ seed: 3, behaviours: [frail(failing)], partitions });
    await world.cluster('n1', 'n2', 'n3');
    await world.pass(1_500);
    const ask = <K extends 'pass' | 'words'>(to: string, mail: { kind: K } & FrailProtocol[K]['mail']) =>
      world.until(world.node('n1').ask(Frail.ref(to), mail as never)).then(replyOf);
    for (const word of ['one', 'two', 'three']) await ask('a', { kind: 'pass', to: 'b', word });
    await world.pass(2_000);
    const partition = world.node('n1').partitionOf('frail/b');
    const letters = async () =>
      (await inspect(world, 'n3', { kind: 'deadLetters', partition, after: '', limit: 10 })).list;
    const [first, second, third] = await letters();
    t.match(first, { to: 'frail/b', from: 'frail/a', body: { kind: 'take', word: 'one' }, why: 'Error: told to fail' });
    t.match(await inspect(world, 'n2', { kind: 'deadLetter', partition, id: first?.id ?? '' }), { to: 'frail/b' });
    world.board.faults.loss = 0.4;
    t.equal(await inspect(world, 'n2', { kind: 'replay', partition, id: first?.id ?? '' }), true);
    await world.pass(2_000);
    t.equal((await letters()).length, 3, 'what fails again is a dead letter again');
    failing.isThrowing = false;
    for (const from of ['n1', 'n2', 'n3']) {
      const kind = from === 'n3' ? 'drop' : 'replay';
      const id = (from === 'n3' ? third : second)?.id ?? '';
      const answer = await put(world, from, { kind, partition, id });
      if (from === 'n2') t.match(answer, { kind: 'none', why: 'absent' }, 'once is enough');
      else t.match(answer, { kind: 'answer', value: true });
    }
    await world.pass(2_000);
    world.board.faults.loss = 0;
    await world.pass(2_000);
    t.strictSame(await ask('b', { kind: 'words' }), ['two from frail/a']);
    const left = await letters();
    t.strictSame(
      left.map(({ body }) => body),
      [{ kind: 'take', word: 'one' }],
    );
    // It survives the owner's death: it is a row like others.
    const owner = world.node('n1').view.owners[partition]?.node ?? '';
    const other = ['n1', 'n2', 'n3'].find((name) => name !== owner) ?? '';
    world.kill(owner);
    await world.pass(3_000);
    t.equal(await inspect(world, other, { kind: 'replay', partition, id: left[0]?.id ?? '' }), true);
    await world.pass(500);
    const words = await world.until(world.node(other).ask(Frail.ref('b'), { kind: 'words' }));
    t.strictSame(replyOf(words), ['two from frail/a', 'one from frail/a']);
  },
);

t.test('A node that does not know a question, or is gone, is not waited for', async (t) => {
  const world = new World({ seed: 4, behaviours: [list()], partitions });
  await world.cluster('n1', 'n2');
  await world.pass(1_000);
  const older = { kind: 'horoscope' } as unknown as Question<'node'>;
  t.match(await put(world, 'n1', older, 'n2'), { why: 'older', words: /node n2 is older/ });
  world.kill('n2');
  t.match(await put(world, 'n1', { kind: 'node' }, 'n2'), { why: 'no answer' });
  const odd = world.board.plug('odd');
  for (const datagram of [
    ['question', 'n1'],
    ['answer', null, null],
    ['question', 'n1', ['odd', 'x', 1], null],
  ])
    odd.send('n1', simCodec.pack(datagram as unknown as Datagram));
  await world.pass(500);
  t.equal((await inspect(world, 'n1', { kind: 'node' })).node, 'n1', 'what makes no sense does no harm');
});
