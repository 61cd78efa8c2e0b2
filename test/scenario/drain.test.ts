import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { RingpostClient } from '../../client/index.ts';
import { type ClusterUnderTest, pause, startCluster, until } from './cluster.ts';
import { type Talk, talk } from './pairs.ts';

const launcher = fileURLToPath(new URL('../../../bin/ringpost.js', import.meta.url));

/** One command of `ringpost`, as an operator types it. */
async function ringpost(...args: readonly string[]): Promise<{ readonly code: number; readonly said: string }> {
  const child = spawn(process.execPath, [launcher, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
  const [code] = (await once(child, 'close')) as [number];
  return { code, said };
}

async function health(url: string): Promise<string> {
  const response = await fetch(`${url}/v1/health`);
  const body = (await response.json()) as { error?: { code: string } };
  return body.error?.code ?? `${response.status}`;
}

async function untilHealthy(url: string): Promise<void> {
  const endMs = performance.now() + 20_000;
  while ((await health(url)) !== '200') {
    if (performance.now() > endMs) throw new Error(`${url} takes nobody`);
    await pause(50);
  }
}

/** Somebody who logs in all the time, on one device. The answer ends it. */
function logInAgainAndAgain(urls: readonly string[]): () => Promise<{ count: number; failures: string[] }> {
  const failures: string[] = [];
  let count = 0;
  let going = true;
  const account = { urls, user: 'comes-and-goes', password: 'the password', device: 'phone' };
  const one = async (): Promise<void> => {
    const client = count === 0 ? await RingpostClient.register(account) : await RingpostClient.login(account);
    await client.account.devices();
    count++;
  };
  const all = (async () => {
    for (; going; await pause(50)) await one().catch((error: unknown) => void failures.push(String(error)));
  })();
  return async () => {
    going = false;
    await all;
    return { count, failures };
  };
}

/** Nobody had anything to see to, and nobody changed connections more often than a node left. */
function unnoticed(t: Test, { pairs }: Talk, departures: number): void {
  t.same(
    pairs.flatMap(({ troubles }) => troubles),
    [],
    'no refusal reached an application, no send failed, nobody was closed',
  );
  const most = Math.max(...pairs.map(({ reconnects }) => reconnects));
  t.ok(most <= departures * 2, `the two of a pair connected anew ${most} times in ${departures} departures`);
}

t.setTimeout(280_000);
t.test('three nodes, three nats-servers', async (t) => {
  const cluster: ClusterUnderTest = await startCluster();
  t.teardown(() => cluster.stop());
  const nats = ['--nats', cluster.nats.urls.join(',')];
  const signIn = (user: string) => cluster.client(user);

  await t.test('A rolling restart under load: nothing lost, doubled or out of order, and nothing fails', async (t) => {
    const talking = await talk(signIn, 'restart', 10, 20);
    const logins = logInAgainAndAgain(cluster.urls);
    await pause(1_000);
    for (const node of cluster.nodes) {
      talking.gaps();
      await node.signal('SIGTERM');
      t.comment(`${node.name} left; longest times between acceptances, ms: ${talking.gaps().join(' ')}`);
      await node.start();
      await pause(2_000);
      t.comment(`${node.name} is back; longest times, ms: ${talking.gaps().join(' ')}`);
    }
    const { count, failures } = await logins();
    t.same(failures, [], `${count} logins`);
    t.ok(count > 5);
    await talking.end(t);
    unnoticed(t, talking, cluster.nodes.length);
  });

  await t.test('`ringpost drain`: an empty node that stays, and takes its share again', async (t) => {
    const talking = await talk(signIn, 'drain', 10, 20);
    const [node] = cluster.nodes;
    if (node === undefined) throw new Error('three nodes');
    t.ok(
      talking.pairs.every(({ urls }) => urls().includes(node.url)),
      'there is somebody to send away',
    );
    const urls = (): string[] => talking.pairs.flatMap(({ urls }) => urls());
    talking.gaps();
    const drained = await ringpost('drain', node.name, ...nats);
    t.equal(drained.code, 0, drained.said);
    t.match(drained.said, /owns no partitions/);
    await until('its clients are elsewhere', () => !urls().includes(node.url), 30_000);
    t.comment(`drained; longest times between acceptances, ms: ${talking.gaps().join(' ')}`);
    t.equal(await health(node.url), 'leaving', 'a load balancer sends it nobody');
    t.ok(node.running);
    const again = await ringpost('drain', node.name, ...nats);
    t.equal(again.code, 0, 'what is done already is done at once');

    const undone = await ringpost('drain', node.name, '--undo', ...nats);
    t.equal(undone.code, 0, undone.said);
    await untilHealthy(node.url);
    const guest = await cluster.client('guest', { urls: [node.url] });
    await guest.connect();
    await talking.end(t);
    unnoticed(t, talking, 1);
  });

  await t.test('`ringpost drain`: what can not be done is said, with a code', async (t) => {
    const stranger = await ringpost('drain', 'n9', ...nats);
    t.same([stranger.code, /Nothing was heard of a node "n9"/.test(stranger.said)], [1, true], stranger.said);
    t.equal((await ringpost('drain', ...nats)).code, 2);
    t.equal((await ringpost('drain', 'N 1', ...nats)).code, 2);
    t.equal((await ringpost('drain', 'n1', '--wait', 'long', ...nats)).code, 2);
    const [first, second, third] = cluster.nodes;
    await Promise.all([second?.signal('SIGTERM'), third?.signal('SIGTERM')]);
    const last = await ringpost('drain', 'n1', '--wait', '4', ...nats);
    t.equal(last.code, 1);
    t.match(last.said, /still owns 32 partitions: no other node has taken them/);
    t.equal(await health(first?.url ?? ''), '200', 'the last one goes on as it is');
    const alone = await cluster.client('alone');
    await alone.connect();
    t.equal((await alone.send('guest', 'still here').accepted).seq, 1);
  });
});
