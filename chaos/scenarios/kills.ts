/** Nodes that are killed, paused and restarted. */
import { execFile } from 'node:child_process';
import { Cluster, launcher } from '../cluster/cluster.ts';
import { startEmbedded } from '../cluster/embedded.ts';
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import { nowMs, pause, until } from '../time.ts';
import { occurrences } from './logs.ts';

export const plainCluster: Scenario['prepare'] = async ({ folder, set, endings }) => {
  const system = await Cluster.start({ folder, set });
  endings.add(() => system.stop());
  return { system, round: async () => undefined };
};

/** A process that starts takes the processor from those that take over: on one machine, not before they had time to. */
const restart_after_ms: readonly [number, number] = [1_500, 2_500];

export const killNode: Scenario = {
  name: 'kill-node',
  about: 'kill -9 of a random node under load, restarted after a while',
  prepare: (ground) => plainCluster(ground).then(({ system }) => ({ system, round: killOne })),
};

async function killOne(stage: Stage): Promise<void> {
  const victim = await stage.anyNode();
  await stage.strike('kill -9', victim.name, { nodes: [victim.name] }, () => victim.program.kill());
  await stage.rest(...restart_after_ms);
  await victim.program.start();
}

export const killHeirs: Scenario = {
  name: 'kill-heirs',
  about: 'kill -9 of a node, and of another one while it takes over: the third is left with everything',
  prepare: (ground) =>
    plainCluster(ground).then(({ system }) => ({
      system,
      async round(stage) {
        const [first, second] = stage.shuffled(system.nodes);
        for (const { name, program } of [first!, second!]) {
          await stage.strike('kill -9', name, { nodes: [name] }, () => program.kill());
          await stage.rest(50, 2_000);
        }
        await stage.rest(...restart_after_ms);
        await Promise.all([first!.program.start(), second!.program.start()]);
      },
    })),
};

export const killAllNodes: Scenario = {
  name: 'kill-all-nodes',
  audits: true,
  about: 'kill -9 of all nodes at once, all restarted',
  prepare: (ground) =>
    plainCluster(ground).then(({ system }) => ({
      system,
      async round(stage) {
        const programs = system.nodes.map(({ program }) => program);
        await stage.strike('kill -9', 'all nodes', 'all', () => Promise.all(programs.map((program) => program.kill())));
        await stage.rest(0, 1_000);
        await Promise.all(programs.map((program) => program.start()));
        stage.healed();
      },
    })),
};

const taken_over_wait_ms = 20_000;

export const pauseNode: Scenario = {
  name: 'pause-node',
  about: 'SIGSTOP of a random node for 1 to 30 s, then SIGCONT: what it still writes is refused',
  prepare: (ground) => plainCluster(ground).then(({ system }) => ({ system, round: pauseOne })),
};

/** Short pauses that nobody should notice, and long ones after which the node is a zombie. */
async function pauseOne(stage: Stage): Promise<void> {
  const victim = await stage.anyNode();
  const longMs = stage.random.chance(0.2) ? stage.random.between(10_000, 30_000) : stage.random.between(1_000, 5_000);
  const fencedBefore = occurrences(victim, 'fenced');
  const begunAt = nowMs();
  await stage.strike(`SIGSTOP ${longMs} ms`, victim.name, { nodes: [victim.name] }, () => victim.program.pause());
  const taken = await until(
    async () => !(await stage.system.owners()).includes(victim.name),
    Math.min(longMs, taken_over_wait_ms),
  );
  await pause(Math.max(0, longMs - (nowMs() - begunAt)));
  victim.program.resume();
  stage.healed();
  // Whatever it had in hand it now tries to write.
  await pause(500);
  stage.notes.taken_over = taken ? 1 : 0;
  stage.notes.zombie_fenced = occurrences(victim, 'fenced') - fencedBefore;
}

export const rollingRestart: Scenario = {
  name: 'rolling-restart',
  about: 'SIGTERM, wait, start, and so on with the next node, under load',
  prepare: (ground) =>
    plainCluster(ground).then(({ system }) => ({
      system,
      async round(stage) {
        for (const { name, program } of system.nodes) {
          await until(() => system.whole(), 60_000, 50);
          await stage.strike('SIGTERM', name, { nodes: [name] }, async () => {
            if (!(await program.stop())) stage.notes.disobeyed = name;
          });
          await stage.rest(0, 500);
          await program.start();
        }
      },
    })),
};

export const joinAndDrain: Scenario = {
  name: 'join-and-drain',
  about: 'a fourth node joins under load, gets its share, is emptied by `ringpost drain`, and leaves',
  async prepare({ folder, set, endings }) {
    const system = await Cluster.start({ folder, set });
    endings.add(() => system.stop());
    let joined = 3;
    return {
      system,
      async round(stage) {
        const name = `n${++joined}`;
        const node = await system.add(name);
        await stage.strike('join', name, 'all', () => node.program.start());
        stage.notes.joined = (await until(() => system.whole(), 60_000, 50)) ? 1 : 0;
        await stage.rest(0, 500);
        await stage.strike('drain', name, { nodes: [name] }, async () => {
          const { code, said } = await drain(name, system);
          if (code !== 0) stage.fail(`ringpost drain ${name} ended with ${code}: ${said}`);
        });
        const left = (await stage.owners()).filter((owner) => owner === name).length;
        if (left > 0) stage.fail(`${name} still owns ${left} partitions after it was drained`);
        await stage.strike('SIGTERM', name, 'all', () => system.remove(name));
      },
    };
  },
};

/** As an operator types it. */
function drain(name: string, { nats }: Cluster): Promise<{ readonly code: number; readonly said: string }> {
  const words = ['drain', name, '--nats', nats.map(({ url }) => url).join(','), '--wait', '60'];
  return new Promise((resolve) => {
    execFile(process.execPath, [launcher, ...words], (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), said: `${stdout}${stderr}`.trim() });
    });
  });
}

export const edgeKill: Scenario = {
  name: 'edge-kill',
  about: 'kill -9 of the node that holds all sockets, while the others own the actors that are measured',
  clients: { urls: (system) => system.nodes.map(({ url }) => url) },
  prepare: (ground) =>
    plainCluster(ground).then(({ system }) => ({
      system,
      async round(stage) {
        const where = await stage.load.ask('whereabouts', null);
        const owners = await stage.owners();
        const busiest = busiestOf(Object.values(where));
        const edge = system.nodes.find(({ url }) => url === busiest);
        if (edge === undefined) throw new Error(`no node is at ${busiest}`);
        const users = stage.users.filter(
          (user, partition) => where[user] === edge.url && owners[partition] !== edge.name,
        );
        await stage.strike('kill -9', `edge ${edge.name}`, { users }, () => edge.program.kill());
        await stage.rest(...restart_after_ms);
        await edge.program.start();
      },
    })),
};

function busiestOf(urls: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const url of urls) counts.set(url, (counts.get(url) ?? 0) + 1);
  return [...counts].sort(([, a], [, b]) => b - a)[0]?.[0] ?? '';
}

export const embeddedKill: Scenario = {
  name: 'embedded-kill',
  audits: true,
  about: 'kill -9 of a process with everything in it (ringpost start), restarted',
  async prepare({ folder, set, endings }) {
    const system = await startEmbedded({ folder, set });
    endings.add(() => system.stop());
    return {
      system,
      async round(stage) {
        const [{ program }] = system.nodes as [(typeof system.nodes)[number]];
        for (let kills = stage.random.between(1, 3); kills > 0; kills--) {
          await stage.strike('kill -9', 'solo', 'all', () => program.kill());
          await stage.rest(0, 300);
          await program.start();
          await stage.rest(100, 800);
        }
      },
    };
  },
};
