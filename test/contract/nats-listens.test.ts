// Whether a node listens, asked through one server about a node that is connected to another.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { natsNetwork } from '../../runtime/io/nats-network.ts';
import type { Network } from '../../runtime/ports.ts';
import { startNats } from '../../scripts/nats-cluster.ts';
import { link } from './nats-world.ts';

t.setTimeout(120_000);

/** A connection has to be so old before it says that somebody is not there. */
const acquaintance_ms = 1_000;

interface Listener {
  readonly process: ChildProcess;
  readonly said: string[];
}

async function listener(t: Test, name: string, servers: readonly string[]): Promise<Listener> {
  const file = fileURLToPath(new URL('./nats-listener.js', import.meta.url));
  const child = spawn(process.execPath, [file, name, ...servers], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  const said: string[] = [];
  child.stdout.on('data', (data) => said.push(String(data)));
  await once(child.stdout, 'data');
  return { process: child, said };
}

/** How long it takes until the answer is this one, ms. */
async function until(network: Network, node: string, answer: boolean): Promise<number> {
  const startMs = performance.now();
  while ((await network.listens(node)) !== answer) {
    if (performance.now() - startMs > 10_000) throw new Error(`${node}: not ${answer} in 10 s`);
    await sleep(1);
  }
  return performance.now() - startMs;
}

t.test('three servers', { timeout: 110_000 }, async (t) => {
  const nats = await startNats({ servers: 3, folder: t.testdir() });
  t.teardown(() => nats.stop());
  const [first = '', second = '', third = ''] = nats.urls;
  const asking = async (urls: readonly string[]) =>
    natsNetwork({ link: await link(t, urls), cluster: 'test', self: 'asker' });
  const asker = await asking([first]);
  t.equal(await asker.listens('nobody'), true, 'a connection that was just made can’t tell');
  await sleep(acquaintance_ms);

  t.test('a node at another server is seen, without disturbing it; a killed process is not', async (t) => {
    const { process: child, said } = await listener(t, 'b', [second]);
    for (let i = 0; i < 100; i++) if (!(await asker.listens('b'))) t.fail('it is there');
    t.equal(await asker.listens('nobody'), false);
    // Paused, it still has its connection: nobody can tell from here that it is not there.
    child.kill('SIGSTOP');
    await sleep(300);
    t.equal(await asker.listens('b'), true);
    child.kill('SIGCONT');
    t.equal(said.length, 1, 'it has heard nothing');
    child.kill('SIGKILL');
    const ms = await until(asker, 'b', false);
    t.ok(ms < 1_000, `known after ${ms} ms`);
    t.comment(`known ${ms.toFixed(1)} ms after kill -9`);
  });

  t.test('a node whose server is killed is away until it has found another', async (t) => {
    const { said } = await listener(t, 'c', [second, third]);
    const server = nats.servers.find(({ url }) => url.endsWith(/:\d+\n/.exec(said[0] ?? '')?.[0].trim() ?? 'none'));
    t.ok(server);
    await server?.kill();
    t.comment(`away after ${(await until(asker, 'c', false)).toFixed(0)} ms`);
    t.comment(`back after ${(await until(asker, 'c', true)).toFixed(0)} ms`);
    await server?.restart();
    await nats.ready();
  });

  t.test('one whose own server has just started does not deny who is there', async (t) => {
    await listener(t, 'd', [second]);
    const newcomer = await asking([third]);
    await sleep(acquaintance_ms);
    t.equal(await newcomer.listens('nobody'), false);
    await nats.servers[2]?.kill();
    await until(newcomer, 'nobody', true);
    t.equal(newcomer.connected(), false);
    const restarting = nats.servers[2]?.restart();
    const untilMs = performance.now() + 6_000;
    while (performance.now() < untilMs) {
      if (!(await newcomer.listens('d'))) t.fail('it is there');
      await sleep(1);
    }
    await restarting;
    t.equal(await newcomer.listens('nobody'), false);
  });
});
