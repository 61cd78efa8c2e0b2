import t from 'tap';
import { originOf } from '../../runtime/row-origins.ts';
import { simCodec } from '../../sim/codec.ts';
import { List, list } from './ledger.ts';
import { replyOf, World } from './world.ts';

t.setTimeout(60_000);

const partitions = 8;

/** Two nodes, and two actors of different partitions. */
async function twoLists(seed: number) {
  const world = new World({ seed, behaviours: [list()], partitions });
  await world.cluster('n1', 'n2');
  await world.pass(1_500);
  const node = world.node('n1');
  const to = Array.from({ length: 50 }, (_, i) => `b${i}`).find(
    (key) => node.partitionOf(`list/${key}`) !== node.partitionOf('list/a'),
  )!;
  const told = async (word: string): Promise<number> => {
    const at = world.processes.get('n1')!.clock.wallMs();
    replyOf(await world.until(node.ask(List.ref('a'), { kind: 'act', add: word, tell: [to, word] })));
    return at;
  };
  const origin = (key: string, n: number, at: number) => {
    const address = `list/${key}`;
    const ask = { partition: node.partitionOf(address), address, table: 'words', key: String(n).padStart(6, '0'), at };
    return world.until(world.node('n2').inspect({ kind: 'origin', ...ask }));
  };
  return { world, node, to, told, origin };
}

t.test('§5: a row is found in the record that wrote it first, with what was mailed by that', async (t) => {
  const { world, node, to, told, origin } = await twoLists(11);
  const times: number[] = [];
  for (let n = 1; n <= 400; n++) {
    times.push(await told(`word ${n}`));
    if (n % 40 === 0) await world.pass(30_000);
  }
  const owner = (key: string): string => node.view.owners[node.partitionOf(`list/${key}`)]?.node ?? '';
  for (const n of [1, 2, 199, 200, 399, 400]) {
    const at = times[n - 1]!;
    const sent = await origin('a', n, at);
    if (sent.kind === 'none') throw new Error(sent.words);
    t.ok(sent.value.at >= at && sent.value.at < at + 1_000, `word ${n} was sealed when it was said`);
    t.match(sent.value, { node: owner('a'), epoch: Number, bytes: Number, rows: Number });
    const mail = sent.value.mails.find((one) => one.to === `list/${to}` && one.seq === n);
    t.match(mail, { partition: node.partitionOf(`list/${to}`), kind: 'act' });
    const came = await origin(to, n, sent.value.at);
    if (came.kind === 'none') throw new Error(came.words);
    t.ok(came.value.at >= sent.value.at, 'and came after that');
    t.equal(came.value.node, owner(to));
    if (n === 200) {
      const late = await origin('a', n, at + 3 * 3_600_000);
      t.match(late, { kind: 'none', why: 'absent' }, 'not near that time');
    }
  }
  t.match(await origin('a', 401, times.at(-1)!), { kind: 'none', why: 'absent' }, 'it was never written');
});

t.test('A journal that is empty, silent, or cut has an answer, too', async (t) => {
  const { told, origin } = await twoLists(12);
  const at = await told('word');
  t.match(await origin('a', 1, at), { kind: 'answer' });
  const sought = { address: 'list/a', table: 'words', key: '000001', at };
  const silent = {
    last: () => Promise.reject(new Error('no answer')),
    read: () => {
      throw new Error('no answer');
    },
  };
  const codec = simCodec;
  await t.rejects(originOf(0, sought, { journal: silent as never, codec }), /no answer/);
  const empty = { last: async () => undefined, read: silent.read };
  t.equal(await originOf(0, sought, { journal: empty as never, codec }), undefined);
});
