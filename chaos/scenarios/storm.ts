/** Everything at once, by the seed. */
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import { nowMs, pause, until } from '../time.ts';
import { plainCluster } from './kills.ts';
import { restartSomeClients } from './links.ts';

const storm_ms = { least: 12_000, most: 25_000 };

/** What may be broken at any moment, whatever else is: at most one nats-server, so that there is always a majority. */
const gusts: readonly ((stage: Stage) => Promise<void>)[] = [
  async (stage) => {
    const { name, program } = stage.pick(stage.system.nodes);
    if (!program.running || program.paused) return;
    await stage.strike('kill -9', name, { nodes: [name] }, () => program.kill());
    await stage.rest(200, 2_500);
    await program.start();
  },
  async (stage) => {
    const { name, program } = stage.pick(stage.system.nodes);
    if (!program.running || program.paused) return;
    const forMs = stage.random.between(200, 5_000);
    await stage.strike(`SIGSTOP ${forMs} ms`, name, { nodes: [name] }, () => program.pause());
    await pause(forMs);
    program.resume();
  },
  async (stage) => {
    const { name, program } = stage.pick(stage.system.nats);
    if (!stage.system.nats.every((server) => server.program.running)) return;
    await stage.strike('kill -9', name, 'all', () => program.kill());
    await stage.rest(200, 3_000);
    await program.start();
    // A majority needs two that are up to date.
    await until(() => stage.system.whole(), 20_000, 100);
  },
  async (stage) => {
    await stage.strike('all sockets cut', 'clients', 'all', () => stage.load.ask('cut', null));
  },
  restartSomeClients,
];

export const storm: Scenario = {
  name: 'storm',
  audits: true,
  about: 'kills, pauses, cut sockets and killed clients in a seeded mix, on top of each other, for 12 to 25 s',
  prepare: (ground) => plainCluster(ground).then(({ system }) => ({ system, round: blow })),
};

async function blow(stage: Stage): Promise<void> {
  const endAt = nowMs() + stage.random.between(storm_ms.least, storm_ms.most);
  const blowing: Promise<void>[] = [];
  const failures: unknown[] = [];
  while (nowMs() < endAt) {
    blowing.push(
      stage
        .pick(gusts)(stage)
        .catch((error: unknown) => void failures.push(error)),
    );
    await stage.rest(200, 3_000);
  }
  await Promise.all(blowing);
  for (const failure of failures) stage.fail(String(failure));
  stage.healed();
}
