import { once } from 'node:events';
import { createInterface } from 'node:readline';
import t, { type Test } from 'tap';
import type { StepWords } from '../../console/index.ts';
import { freePort } from '../../scripts/free-ports.ts';
import { pause } from './cluster.ts';
import { begun, ringpost, type Said, seenBy, startOperated } from './operator.ts';
import { talk } from './pairs.ts';

interface EventSeen {
  readonly kind: string;
  readonly node: string;
  readonly from: string;
  readonly partitions: readonly number[];
  readonly epochs: readonly number[];
  readonly handover: string;
  readonly pausedMs: number;
  readonly who: string;
  readonly method: string;
  readonly why: string;
}

interface Watching {
  readonly events: readonly EventSeen[];
  /** Waits until one is there of which that is so. */
  until(what: string, isSo: (one: EventSeen) => boolean): Promise<EventSeen>;
  /** As Ctrl-C does. */
  end(): Promise<number | null>;
}

/** `ringpost admin events --follow --json`, while it runs. */
function watch(t: Test, at: string): Watching {
  const child = begun('viewer', at, ['events', '--follow', '--since', '1s', '--json']);
  t.teardown(() => child.kill('SIGKILL'));
  const events: EventSeen[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => events.push(JSON.parse(line) as EventSeen));
  return {
    events,
    async until(what, isSo) {
      for (let tries = 0; tries < 300; tries++) {
        const found = events.find(isSo);
        if (found !== undefined) return found;
        await pause(100);
      }
      throw new Error(`no event tells that ${what}: ${events.map(({ kind, node }) => `${kind} ${node}`).join(', ')}`);
    },
    async end() {
      child.kill('SIGINT');
      const [code] = (await once(child, 'close')) as [number | null];
      return code;
    },
  };
}

interface NodeSeen {
  readonly name: string;
  readonly state: string;
  readonly owns: number;
}

interface PartitionSeen {
  readonly id: number;
  readonly pinnedTo: string;
  readonly owner: string;
  readonly answered: boolean;
  readonly standbys: readonly { readonly node: string; readonly likeness: string }[];
}

t.setTimeout(280_000);
t.test('three nodes, three nats-servers, and an operator', async (t) => {
  const { cluster, at } = await startOperated(t);
  const [n1, n2, n3] = at;
  const seen = <T>(node: string, ...args: string[]): Promise<T> => seenBy(ringpost, 'viewer', node, ...args);
  /** Asks again until it is so. */
  const untilSeen = async <T>(
    node: string,
    noun: string,
    isSo: (all: readonly T[]) => boolean,
  ): Promise<readonly T[]> => {
    for (let tries = 0; ; tries++) {
      const all = await seen<readonly T[]>(node, noun);
      if (isSo(all) || tries >= 60) return all;
      await pause(300);
    }
  };

  const [fromN1, fromN2] = [watch(t, n1), watch(t, n2)];

  await t.test('Any node answers for all', async (t) => {
    const isWhole = (all: readonly PartitionSeen[]): boolean => all.every(({ standbys }) => standbys.length > 0);
    for (const node of [n1, n2, n3]) {
      const nodes = await seen<readonly NodeSeen[]>(node, 'nodes');
      t.strictSame(
        nodes.map(({ name, state }) => [name, state]),
        [
          ['n1', 'ALIVE'],
          ['n2', 'ALIVE'],
          ['n3', 'ALIVE'],
        ],
      );
      t.equal(
        nodes.reduce((sum, { owns }) => sum + owns, 0),
        32,
      );
      const partitions = await untilSeen<PartitionSeen>(node, 'partitions', isWhole);
      t.equal(partitions.length, 32);
      t.ok(partitions.every(({ owner, answered }) => answered && owner !== ''));
      t.ok(isWhole(partitions), 'each has a copy elsewhere');
      t.notOk(partitions.some(({ standbys }) => standbys.some(({ likeness }) => likeness === 'OTHER')));
    }
    const people = await ringpost('viewer', n1, 'nodes');
    t.match(people.out, /^NODE +STATE .*\nn1 +alive /);
  });

  await t.test('An actor is seen, but not what people wrote', async (t) => {
    const [alice, bob] = [await cluster.client('alice'), await cluster.client('bob')];
    await Promise.all([alice.connect(), bob.connect()]);
    const sent = alice.send('bob', 'canary words of the test');
    await sent.accepted;
    for (const node of [n1, n2, n3]) {
      const actor = await seen<{ tables: string[]; awake: boolean }>(node, 'actor', 'user/alice');
      t.ok(actor.awake);
      t.ok(actor.tables.includes('tl'));
      const viewed = await ringpost('viewer', node, 'actor', 'user/alice', 'tl', '--json');
      t.equal(viewed.code, 0, viewed.err);
      t.notMatch(viewed.out, /canary/);
      t.match(viewed.out, /<24 characters>/);
    }
    const read = await ringpost('admin', n2, 'actor', 'user/alice', 'tl');
    t.match(read.out, /canary words of the test/);
    const secrets = await ringpost('admin', n2, 'actor', 'user/alice', 'device', '--json');
    t.notMatch(secrets.out, /"refreshHash": "[^<]/, 'secrets are nobody’s to see');
    const users = await seen<readonly { address: string }[]>(n3, 'users', 'al');
    t.strictSame(
      users.map(({ address }) => address),
      ['user/alice'],
    );
    const group = await alice.groups.create('Canary Club', ['bob'], 'of the test');
    const [found, ...others] = await seen<readonly { address: string }[]>(n3, 'groups', group.slice(1, 4));
    t.strictSame([found?.address, others], [`group/${group}`, []]);
    const viewedGroup = await ringpost('viewer', n2, 'group', group.slice(1));
    t.match(viewedGroup, { code: 0, out: /<11 characters>[\s\S]*[12] members: owned by alice, 0 admins, [01] others/ });
    t.notMatch(viewedGroup.out, /Canary|of the test/);
    t.match(await ringpost('admin', n1, 'group', group), { code: 0, out: /Canary Club\n +of the test/ });
    t.equal((await ringpost('viewer', n1, 'group', 'no-such-group')).code, 3);
    const turns = await seen<{ turns: readonly { mail: string; tookUs: number }[] }>(n1, 'actor', 'user/alice');
    t.ok(
      turns.turns.some(({ mail, tookUs }) => mail !== '' && tookUs > 0),
      'it was looked at before',
    );
    const trace = await untilTraced(() => seen(n3, 'trace', 'alice', sent.id));
    t.strictSame(
      trace.steps.map(({ step }) => step),
      ['accepted', 'journaled', 'mailed', 'appended', 'delivered'],
    );
    const [accepted, journaled, mailed, appended] = trace.steps;
    t.match(journaled, { actor: 'user/alice', recordRows: Number, detail: '' });
    t.ok(journaled!.record > 0 && journaled!.recordBytes > 0 && journaled!.at >= accepted!.at);
    t.equal(mailed?.record, journaled?.record, 'it leaves with the record that holds it');
    t.match(mailed?.detail, /^to partition \d+, number \d+ of that channel/);
    t.match(appended, { actor: 'user/bob', node: /^n[123]$/ });
    t.ok(appended!.record > 0 && appended!.partition !== journaled!.partition);
    t.match((await ringpost('viewer', n1, 'trace', 'alice', sent.id)).out, /appended .* \d+\/\d+, \d+ rows, /);
  });

  await t.test('What is not there, or not allowed, is said with a code, and nothing has changed', async (t) => {
    const codes = async (...args: [string, string, ...string[]]): Promise<number> => (await ringpost(...args)).code;
    t.equal(await codes('viewer', n1, 'partitions', '99'), 3);
    t.equal(await codes('viewer', n1, 'actor', 'user/nobody'), 3);
    t.equal(await codes('viewer', n1, 'user', 'nobody'), 3);
    t.equal(await codes('viewer', n1, 'trace', 'alice', 'no-such-message'), 3);
    t.equal(await codes('viewer', n1, 'dead-letters', 'show', '3.1_x'), 3);
    t.equal(await codes('operator', n1, 'drain', 'n9', '--yes', '--reason', 'a test'), 3);
    t.equal(await codes('operator', n1, 'drain', 'n2', '--reason', 'a test'), 2, 'nobody is there to confirm');
    t.equal(await codes('operator', n1, 'drain', 'n2', '--yes'), 2, 'nor to say why');
    t.equal(await codes('viewer', n1, 'drain', 'n2', '--yes', '--reason', 'a test'), 4);
    t.equal(await codes('operator', n1, 'user', 'bob', 'deactivate', '--yes', '--reason', 'a test'), 4);
    t.equal(await codes('operator', n1, 'move', '7', 'n9', '--yes', '--reason', 'a test'), 3);
    t.equal(await codes('operator', n1, 'move', '7', 'n2', '--reason', 'a test'), 2);
    t.equal(await codes('', n1, 'nodes'), 4);
    t.equal(await codes('stranger', n1, 'nodes'), 4);
    t.equal(await codes('viewer', `127.0.0.1:${await freePort()}`, 'nodes'), 5);
    t.equal(await codes('viewer', n1, 'planets'), 2);
    t.strictSame(await seen(n2, 'audit'), [], 'nothing was begun');
    t.ok((await seen<readonly PartitionSeen[]>(n2, 'partitions')).every(({ pinnedTo }) => pinnedTo === ''));
    t.equal((await seen<{ state: string }>(n2, 'user', 'bob')).state, 'active');
    t.ok((await seen<readonly NodeSeen[]>(n3, 'nodes')).every(({ state }) => state === 'ALIVE'));
  });

  await t.test('Partitions are moved to and fro under load, then the ring decides again: no send fails', async (t) => {
    const before = await seen<readonly PartitionSeen[]>(n1, 'partitions');
    const owners = (all: readonly PartitionSeen[]): string => all.map(({ owner }) => owner).join();
    const [first, second] = ['n1', 'n3'].map((name) => before.find(({ owner }) => owner === name)?.id ?? -1);
    const talking = await talk((user) => cluster.client(user), 'moved', 6, 20);
    const move = async (from: string, partition: number | undefined, to: string): Promise<void> => {
      const because = ['--yes', '--reason', `to ${to}`, '--json'];
      const moved = await ringpost('operator', from, 'move', String(partition), to, ...because);
      t.match(moved, { code: 0 }, moved.err);
      t.match(JSON.parse(moved.out), { partition, node: to, moved: true });
    };
    await move(n1, first, 'n3');
    await move(n3, second, 'n2');
    await move(n2, first, 'n1');
    const moved = await seen<readonly PartitionSeen[]>(n1, 'partitions');
    const pinned = moved
      .filter(({ pinnedTo }) => pinnedTo !== '')
      .map(({ id, owner, pinnedTo }) => [id, owner, pinnedTo]);
    const wanted = [
      [first, 'n1', 'n1'],
      [second, 'n2', 'n2'],
    ];
    t.strictSame(new Map(pinned.map((one) => [one[0], one])), new Map(wanted.map((one) => [one[0], one])));
    const balanced = await ringpost('operator', n2, 'rebalance', '--yes', '--reason', 'all is even');
    t.match(balanced, { code: 0, out: /No partition is pinned any more/ }, balanced.err);
    const back = await untilSeen<PartitionSeen>(n3, 'partitions', (all) => owners(all) === owners(before));
    t.equal(owners(back), owners(before));
    t.ok(back.every(({ pinnedTo }) => pinnedTo === ''));
    await talking.end(t);
    t.same(
      talking.pairs.flatMap(({ troubles }) => troubles),
      [],
      'no refusal reached an application, no send failed',
    );
  });

  await t.test('A node is drained under load, and no send fails', async (t) => {
    const talking = await talk((user) => cluster.client(user), 'admin', 6, 20);
    const mails = async (role: string): Promise<Said> =>
      ringpost(role, n3, 'mail', '--share', '1', '--seconds', '2', '--json');
    const [viewed, read] = await Promise.all([mails('viewer'), mails('admin')]);
    t.equal(viewed.code, 0, viewed.err);
    const all = viewed.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { node: string; to: string; word: string });
    t.strictSame([...new Set(all.map(({ node }) => node))].sort(), ['n1', 'n2', 'n3'], 'mail of all nodes');
    t.ok(all.some(({ word, to }) => word === 'receive' || to.startsWith('user/<')));
    t.notMatch(viewed.out, /admin-(from|to)-/, 'neither names nor bodies');
    t.match(read.out, /user\/admin-(from|to)-/, 'names for admins');
    t.notMatch(read.out, /admin-from-\d: \d/, 'and bodies for nobody');
    const drained = await ringpost('operator', n1, 'drain', 'n2', '--yes', '--reason', 'new disks', '--json');
    t.equal(drained.code, 0, drained.err);
    t.equal((JSON.parse(drained.out) as { empty: boolean }).empty, true);
    const nodes = await seen<readonly NodeSeen[]>(n3, 'nodes');
    t.match(
      nodes.find(({ name }) => name === 'n2'),
      { state: 'DRAINING', owns: 0 },
    );
    const refused = await ringpost('operator', n1, 'move', '1', 'n2', '--yes', '--reason', 'a test');
    t.match(refused, { code: 1, err: /Not as things are: n2 is being drained/ });
    for (const watching of [fromN1, fromN2]) {
      await watching.until('n2 drains', ({ kind, node }) => kind === 'NODE_DRAINING' && node === 'n2');
      await watching.until('n2 is empty', ({ kind, node }) => kind === 'NODE_EMPTY' && node === 'n2');
      const move = await watching.until('it moved', ({ kind, from }) => kind === 'PARTITION_MOVED' && from === 'n2');
      t.equal(move.handover, 'PLANNED');
      t.equal(move.epochs.length, move.partitions.length);
      const isDrain = ({ kind, method, why }: EventSeen): boolean =>
        kind === 'CHANGE' && method === 'DrainNode' && why !== 'begun';
      const change = await watching.until('who did it', isDrain);
      t.match(change, { who: 'operator', method: 'DrainNode', node: 'n1', why: /^done/ });
    }
    const resumed = await ringpost('operator', n2, 'resume', 'n2', '--reason', 'disks are there');
    t.equal(resumed.code, 0, resumed.err);
    const back = await untilSeen<NodeSeen>(n1, 'nodes', (all) => all.every(({ owns }) => owns > 0));
    t.ok(back.every(({ state }) => state === 'ALIVE'));
    await talking.end(t);
    t.same(
      talking.pairs.flatMap(({ troubles }) => troubles),
      [],
      'no refusal reached an application, no send failed',
    );
  });

  await t.test('Accounts: a session ends, an account ends; all of it is in the audit log', async (t) => {
    const revoked = await ringpost('operator', n3, 'user', 'bob', 'revoke', 'phone', '--yes', '--reason', 'stolen');
    t.equal(revoked.code, 0, revoked.err);
    t.equal((await seen<{ devices: unknown[] }>(n1, 'user', 'bob')).devices.length, 0);
    const ended = await ringpost('admin', n3, 'user', 'bob', 'deactivate', '--yes', '--reason', 'asked for it');
    t.equal(ended.code, 0, ended.err);
    t.equal((await seen<{ state: string }>(n1, 'user', 'bob')).state, 'deactivated');
    const log = await seen<readonly { who: string; method: string; reason: string; outcome: string }[]>(n1, 'audit');
    t.strictSame(
      log.map(({ who, method, reason }) => [who, method, reason]),
      [
        ['operator', 'MovePartition', 'to n3'],
        ['operator', 'MovePartition', 'to n2'],
        ['operator', 'MovePartition', 'to n1'],
        ['operator', 'Rebalance', 'all is even'],
        ['operator', 'DrainNode', 'new disks'],
        ['operator', 'ResumeNode', 'disks are there'],
        ['operator', 'RevokeDevice', 'stolen'],
        ['admin', 'DeactivateUser', 'asked for it'],
      ].flatMap((deed) => [deed, deed]),
    );
    t.ok(log.every(({ outcome }, i) => (i % 2 === 0 ? outcome === 'begun' : outcome.startsWith('done'))));
    const verified = await ringpost('viewer', n2, 'audit', 'verify');
    t.match(verified, { code: 0, out: /16 entries, each as it was written/ });
  });

  await t.test('A node is killed, and the others say so', async (t) => {
    const third = cluster.nodes[2];
    await third?.signal('SIGKILL');
    for (const watching of [fromN1, fromN2]) {
      await watching.until('n3 is lost', ({ kind, node }) => kind === 'NODE_LOST' && node === 'n3');
      const isTaken = ({ kind, from, handover }: EventSeen): boolean =>
        kind === 'PARTITION_MOVED' && from === 'n3' && handover === 'FAILOVER';
      const taken = await watching.until('its partitions are taken', isTaken);
      t.ok(taken.pausedMs > 0);
      t.ok(['n1', 'n2'].includes(taken.node));
    }
    const past = await ringpost('viewer', n2, 'events', '--since', '5m');
    t.match(past, { code: 0, out: /! node n3 lost\n[\s\S]*moved n3 → n[12], for it had failed/ });
    const nodes = await untilSeen<NodeSeen>(n1, 'nodes', (all) => all.some(({ state }) => state === 'LOST'));
    t.equal(nodes.find(({ name }) => name === 'n3')?.state, 'LOST');
    const partitions = await untilSeen<PartitionSeen>(n2, 'partitions', (all) =>
      all.every(({ owner, answered }) => answered && owner !== 'n3'),
    );
    t.ok(partitions.every(({ owner, answered }) => answered && owner !== 'n3'));
    const other = await ringpost('viewer', `${n3},${n1}`, 'nodes');
    t.equal(other.code, 0, 'of several nodes that are named, one that lives is asked');
    t.equal((await ringpost('operator', n1, 'drain', 'n3', '--yes', '--reason', 'it is dead')).code, 3);
    const verified = await ringpost('viewer', n1, 'audit', 'verify');
    t.match(verified, { code: 0, out: /16 entries/ });
    await third?.start();
    const back = await untilSeen<NodeSeen>(n1, 'nodes', (all) => all.every(({ state }) => state === 'ALIVE'));
    t.equal(back.length, 3);
    await fromN1.until('n3 is back', ({ kind, node }) => kind === 'NODE_BACK' && node === 'n3');
    t.equal(await fromN1.end(), 0);
    t.equal(await fromN2.end(), 0);
  });
});

interface TraceSeen {
  readonly steps: readonly StepWords[];
}

/** Until the receipt has come. */
async function untilTraced(trace: () => Promise<TraceSeen>): Promise<TraceSeen> {
  let found = await trace();
  for (let tries = 0; found.steps.length < 5 && tries < 30; tries++) {
    await pause(300);
    found = await trace();
  }
  return found;
}
