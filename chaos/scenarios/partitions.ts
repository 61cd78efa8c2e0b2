/** Networks that lose packets between some, in one direction or both. */
import { Cluster } from '../cluster/cluster.ts';
import { clients, Network } from '../faults/network.ts';
import type { Ground, Scenario } from '../scenario.ts';
import type { Hits, Stage } from '../stage.ts';
import { pause } from '../time.ts';
import { leaderOf } from './nats.ts';

const nodes = ['n1', 'n2', 'n3'];
const servers = ['nats-1', 'nats-2', 'nats-3'];

interface Cut {
  readonly target: string;
  readonly hits: Hits;
  begin(network: Network): void;
  /** Instead of a steady cut: on and off until it is over. */
  flaps?: (network: Network) => void;
}

/** One way in which a network breaks. Round r plays the one whose turn it is by the seed, so as many rounds as these play all. */
const cuts: { readonly [what: string]: (stage: Stage) => Promise<Cut> } = {
  'node from NATS': async (stage) => {
    const node = await owner(stage);
    return { target: node, hits: { nodes: [node] }, begin: (network) => network.part([node], servers) };
  },
  'node from its peers': async (stage) => {
    const node = await owner(stage);
    const peers = nodes.filter((name) => name !== node);
    return { target: node, hits: { nodes: [node] }, begin: (network) => network.part([node], peers) };
  },
  'node to NATS, one way': async (stage) => {
    const node = await owner(stage);
    return {
      target: node,
      hits: { nodes: [node] },
      begin: (network) => each(servers, (to) => network.block(node, to)),
    };
  },
  'NATS to node, one way': async (stage) => {
    const node = await owner(stage);
    return {
      target: node,
      hits: { nodes: [node] },
      begin: (network) => each(servers, (from) => network.block(from, node)),
    };
  },
  'node from one nats-server': async (stage) => {
    const node = await owner(stage);
    const server = stage.pick(servers);
    return {
      target: `${node}, ${server}`,
      hits: { nodes: [node] },
      begin: (network) => network.part([node], [server]),
    };
  },
  'leader from its followers': async (stage) => {
    const leader = (await leaderOf(stage)).name;
    const followers = servers.filter((name) => name !== leader);
    return { target: leader, hits: 'all', begin: (network) => network.part([leader], followers) };
  },
  'follower deaf to the leader': async (stage) => {
    const leader = (await leaderOf(stage)).name;
    const follower = stage.pick(servers.filter((name) => name !== leader));
    return { target: follower, hits: 'all', begin: (network) => network.block(leader, follower) };
  },
  'two nats-servers from each other': async (stage) => {
    const [one, other] = stage.random.chance(0.5) ? ['nats-1', 'nats-2'] : ['nats-2', 'nats-3'];
    return { target: `${one}, ${other}`, hits: 'all', begin: (network) => network.part([one!], [other!]) };
  },
  'node and nats-server from all others': async (stage) => {
    const node = await owner(stage);
    const server = stage.pick(servers);
    const others = [...nodes, ...servers].filter((name) => name !== node && name !== server);
    return { target: `${node}, ${server}`, hits: 'all', begin: (network) => network.part([node, server], others) };
  },
  'node from clients': async (stage) => {
    const node = await owner(stage);
    return { target: node, hits: { nodes: [node] }, begin: (network) => network.part([node], [clients]) };
  },
  'cable of a node, flapping': async (stage) => {
    const node = await owner(stage);
    return { target: node, hits: { nodes: [node] }, ...flapping(stage, node) };
  },
  'cable of a nats-server, flapping': async (stage) => {
    const server = stage.random.chance(0.5) ? (await leaderOf(stage)).name : stage.pick(servers);
    return { target: server, hits: 'all', ...flapping(stage, server) };
  },
};

/** Off for a moment, on for a moment. */
function flapping(stage: Stage, name: string): Pick<Cut, 'begin' | 'flaps'> {
  let off = true;
  return {
    begin: (network) => network.unplug(name),
    flaps(network) {
      if (stage.random.chance(0.4)) return;
      off = !off;
      if (off) network.unplug(name);
      else network.plugIn(name);
    },
  };
}

const cut_ms = { least: 2_000, most: 12_000 };
const flap_ms = 250;

export const partition: Scenario = {
  name: 'partition',
  about:
    'packets lost between nodes, nats-servers and clients: one way, both ways, flapping; one of 12 cuts a round, in turn',
  needs: ['namespaces'],
  async prepare({ folder, set, endings }) {
    const { network, system } = await networked({ folder, set, endings });
    return { system, round: (stage) => cutOnce(stage, network) };
  },
};

/** A cluster in a network of its own. */
async function networked({ folder, set, endings }: Ground): Promise<{ network: Network; system: Cluster }> {
  const network = new Network([...nodes, ...servers]);
  endings.add(() => network.close());
  const system = await Cluster.start({ folder, set, site: (name) => network.site(name) });
  endings.add(() => system.stop());
  endings.add(() => network.heal());
  return { network, system };
}

async function cutOnce(stage: Stage, network: Network): Promise<void> {
  const names = Object.keys(cuts);
  const what = names[(stage.seed - 1 + names.length) % names.length]!;
  const { target, hits, begin, flaps } = await cuts[what]!(stage);
  const forMs = stage.random.between(cut_ms.least, cut_ms.most);
  await stage.strike(`${what}, ${forMs} ms`, target, hits, () => begin(network));
  if (flaps === undefined) await pause(forMs);
  else {
    for (let flapped = 0; flapped < forMs / flap_ms; flapped++) {
      await pause(flap_ms);
      flaps(network);
    }
  }
  network.heal();
  stage.healed();
}

export const vanish: Scenario = {
  name: 'vanish',
  about: 'a node is gone with its machine: no socket of it is closed, nobody is told; it comes back after a while',
  needs: ['namespaces'],
  async prepare({ folder, set, endings }) {
    const { network, system } = await networked({ folder, set, endings });
    return {
      system,
      async round(stage) {
        const victim = await stage.anyNode();
        await stage.strike('vanishes', victim.name, { nodes: [victim.name] }, () => {
          network.unplug(victim.name);
          return victim.program.kill();
        });
        // Longer than it takes to notice: what is measured is that clients find their way without it.
        stage.notes.found_a_way = (await stage.served(served_wait_ms)) ? 1 : 0;
        network.plugIn(victim.name);
        await victim.program.start();
      },
    };
  },
};

const served_wait_ms = 90_000;

async function owner(stage: Stage): Promise<string> {
  return (await stage.anyNode()).name;
}

function each(names: readonly string[], act: (name: string) => void): void {
  for (const name of names) act(name);
}
