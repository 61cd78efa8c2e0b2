/** Slow, narrow and deaf ways between nodes and NATS, and sockets of clients that break all at once. */
import { Cluster } from '../cluster/cluster.ts';
import type { NatsServer } from '../cluster/nats.ts';
import { type Mood, TcpProxy } from '../faults/proxy.ts';
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import { pause } from '../time.ts';
import { plainCluster } from './kills.ts';

/** What happens to one node's way to NATS, in turn by the seed. */
const moods: readonly { readonly what: string; readonly mood: Mood; readonly forMs: readonly [number, number] }[] = [
  { what: 'delay 50 ms', mood: { delayMs: 50 }, forMs: [3_000, 6_000] },
  { what: 'delay 600 ms', mood: { delayMs: 600 }, forMs: [3_000, 6_000] },
  { what: '20 KB/s', mood: { bytesPerS: 20_000 }, forMs: [3_000, 6_000] },
  { what: 'cut mid-frame', mood: {}, forMs: [1_500, 4_000] },
  { what: 'acknowledgements swallowed', mood: { swallowsAcks: true }, forMs: [3_000, 8_000] },
  { what: 'stalled', mood: { stalled: true }, forMs: [1_000, 8_000] },
];
/** While a way is being cut again and again. */
const cut_pause_ms = 400;

export const slowLink: Scenario = {
  name: 'slow-link',
  about:
    "a node's way to NATS is slow, narrow, stalled, cut mid-frame, or loses the acknowledgements; one of 6 a round, in turn",
  async prepare({ folder, set, endings }) {
    const proxies = new Map<string, TcpProxy[]>();
    const natsUrls = async (node: string, servers: readonly NatsServer[]): Promise<string[]> => {
      const own = await Promise.all(
        servers.map(({ site, clientPort }) => TcpProxy.open({ host: site.address, port: clientPort })),
      );
      proxies.set(node, own);
      return own.map(({ port }) => `nats://127.0.0.1:${port}`);
    };
    endings.add(() => Promise.all([...proxies.values()].flat().map((proxy) => proxy.close())));
    const system = await Cluster.start({ folder, set, natsUrls });
    endings.add(() => system.stop());
    return { system, round: (stage) => slowOnce(stage, proxies) };
  },
};

async function slowOnce(stage: Stage, proxies: ReadonlyMap<string, readonly TcpProxy[]>): Promise<void> {
  const { name } = await stage.anyNode();
  const way = proxies.get(name) ?? [];
  const { what, mood, forMs } = moods[(stage.seed - 1 + moods.length) % moods.length]!;
  const lastsMs = stage.random.between(...forMs);
  const cuts = what.startsWith('cut');
  const swallowedBefore = sumOf(way);
  await stage.strike(`${what}, ${lastsMs} ms`, name, { nodes: [name] }, () => {
    for (const proxy of way) {
      proxy.mood = mood;
      if (cuts) proxy.cut();
    }
  });
  for (let passed = 0; passed < lastsMs; passed += cut_pause_ms) {
    await pause(Math.min(cut_pause_ms, lastsMs - passed));
    if (cuts) for (const proxy of way) proxy.cut();
  }
  if (mood.swallowsAcks === true) {
    stage.notes.acks_swallowed = sumOf(way) - swallowedBefore;
    if (stage.notes.acks_swallowed <= 0) stage.fail('no acknowledgement was swallowed');
  }
  for (const proxy of way) proxy.mood = {};
  stage.healed();
}

function sumOf(way: readonly TcpProxy[]): number {
  return way.reduce((sum, { swallowed }) => sum + swallowed, 0);
}

export const reconnectStorm: Scenario = {
  name: 'reconnect-storm',
  about:
    'all client sockets cut at once, again and again; now and then client processes are killed and start from what they had stored',
  prepare: (ground) => plainCluster(ground).then(({ system }) => ({ system, round: storms })),
};

async function storms(stage: Stage): Promise<void> {
  for (let left = stage.random.between(3, 8); left > 0; left--) {
    await stage.strike('all sockets cut', 'clients', 'all', () => stage.load.ask('cut', null));
    await stage.rest(100, 1_500);
  }
  await restartSomeClients(stage);
}

/** `kill -9` of a third of the client processes; they come back from their storage. */
export async function restartSomeClients(stage: Stage): Promise<void> {
  const users = stage.users.filter(() => stage.random.chance(0.33));
  await stage.strike('client processes killed', `${users.length} clients`, { users }, () =>
    stage.load.ask('restart', { users }),
  );
}
