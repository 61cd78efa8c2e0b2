/** nats-servers that are killed, one or two of the three. */
import { readFileSync } from 'node:fs';
import { Cluster } from '../cluster/cluster.ts';
import type { NatsServer } from '../cluster/nats.ts';
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import { pause, until } from '../time.ts';
import { plainCluster } from './kills.ts';

const leader_wait_ms = 15_000;

export const killNats: Scenario = {
  name: 'kill-nats',
  about: "kill -9 of the journal's leader or of a follower, restarted after a while",
  prepare: (ground) => plainCluster(ground).then(({ system }) => ({ system, round: killOneServer })),
};

/** Leader and follower in turn, by the seed. */
async function killOneServer(stage: Stage): Promise<void> {
  const leading = await leaderOf(stage);
  const isLeader = stage.random.chance(0.5);
  const victim = isLeader ? leading : stage.pick(stage.system.nats.filter((server) => server !== leading));
  await stage.strike('kill -9', `${victim.name}, ${isLeader ? 'leader' : 'follower'}`, 'all', () =>
    victim.program.kill(),
  );
  await stage.rest(500, 3_000);
  await victim.program.start();
  stage.healed();
}

export const pauseNats: Scenario = {
  name: 'pause-nats',
  about: "SIGSTOP of the journal's leader or of a follower for 1 to 12 s, then SIGCONT",
  prepare: (ground) =>
    plainCluster(ground).then(({ system }) => ({
      system,
      async round(stage) {
        const leading = await leaderOf(stage);
        const isLeader = stage.random.chance(0.5);
        const { name, program } = isLeader ? leading : stage.pick(system.nats.filter((server) => server !== leading));
        const forMs = stage.random.between(1_000, 12_000);
        const target = `${name}, ${isLeader ? 'leader' : 'follower'}`;
        await stage.strike(`SIGSTOP ${forMs} ms`, target, 'all', () => program.pause());
        await pause(forMs);
        program.resume();
        stage.healed();
      },
    })),
};

export async function leaderOf(stage: Stage): Promise<NatsServer> {
  let name: string | undefined;
  const isLed = async (): Promise<boolean> => {
    name = await stage.system.leader();
    return name !== undefined;
  };
  await until(isLed, leader_wait_ms, 100);
  const leading = stage.system.nats.find((server) => server.name === name);
  if (leading === undefined) throw new Error('the journal has no leader');
  return leading;
}

/** Low, so that a load that two cores can make reaches them within the outage: they are what bounds memory. */
const low_bounds = [
  'runtime.mailbox_mails_max=16',
  'runtime.partition_mails_max=32',
  'runtime.gate_outputs_max=24',
  'runtime.outbox_mails_max=64',
];
/** What a node may grow by in an outage, however long. */
const growth_mb_max = 150;

export const natsQuorumLoss: Scenario = {
  name: 'nats-quorum-loss',
  about:
    'two of three nats-servers down for 10 to 20 s: refusals say to try again, memory stays bounded, it heals by itself',
  async prepare({ folder, set, endings }) {
    const system = await Cluster.start({ folder, set: [...low_bounds, ...set] });
    endings.add(() => system.stop());
    return {
      system,
      async round(stage) {
        const before = system.nodes.map(({ program }) => rssMb(program.pid));
        const survivor = stage.pick(system.nats);
        const victims = system.nats.filter((server) => server !== survivor);
        await stage.strike('kill -9', victims.map(({ name }) => name).join(' and '), 'all', () =>
          Promise.all(victims.map(({ program }) => program.kill())),
        );
        const downMs = stage.random.between(13_000, 20_000);
        const [refusal] = await Promise.all([refusalAt(stage.pick(system.nodes).url), pause(downMs)]);
        stage.notes.newcomer_told = refusal;
        if (!refusal.includes('retry')) stage.fail(`a newcomer was not told to try again, but: ${refusal}`);
        const growth = system.nodes.map(({ program }, i) => rssMb(program.pid) - (before[i] ?? 0));
        stage.notes.down_ms = downMs;
        stage.notes.grown_mb = Math.max(...growth);
        if (Math.max(...growth) > growth_mb_max) stage.fail(`a node grew by ${Math.max(...growth)} MB`);
        await Promise.all(victims.map(({ program }) => program.start()));
        stage.healed();
      },
      after(stage, entries) {
        stage.notes.told_to_try_again = entries.filter(
          (entry) =>
            (entry.kind === 'refused' && entry.retry) || (entry.kind === 'link' && entry.why.startsWith('overloaded')),
        ).length;
      },
    };
  },
};

/** Time for a node to say that it can't carry out what it is asked, ms. */
const refusal_wait_ms = 12_500;

/** Asks for a new account, and answers in words what came of it: `503 unavailable, retry`. */
async function refusalAt(url: string): Promise<string> {
  try {
    const response = await fetch(`${url}/v1/accounts`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ user: 'newcomer', password: 'correct horse' }),
      signal: AbortSignal.timeout(refusal_wait_ms),
    });
    const { error } = (await response.json()) as { error?: { code: string; retry: boolean } };
    return `${response.status} ${error?.code ?? 'done'}${error?.retry === true ? ', retry' : ''}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Resident memory of a process. */
function rssMb(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  return Math.round(Number(/^RssAnon:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1_024);
}
