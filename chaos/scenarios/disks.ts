/** Disks that are full, damaged, or forget; clocks that jump. */
import { join } from 'node:path';
import { Cluster } from '../cluster/cluster.ts';
import { ShiftedClock } from '../faults/clock.ts';
import { damages } from '../faults/corrupt.ts';
import { SmallDisk } from '../faults/disk.ts';
import type { Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import { pause } from '../time.ts';
import { plainCluster } from './kills.ts';
import { occurrences } from './logs.ts';

const node_disk_mb = 96;
const nats_disk_mb = 512;

export const diskFull: Scenario = {
  name: 'disk-full',
  audits: true,
  about: 'the disk of a node, or of a nats-server, is full for 3 to 8 s; then there is room again',
  needs: ['namespaces'],
  async prepare({ folder, set, endings }) {
    const disks = new Map<string, SmallDisk>();
    const store = (name: string): string => {
      const path = join(folder, name);
      if (!disks.has(name)) disks.set(name, new SmallDisk(path, name.startsWith('nats') ? nats_disk_mb : node_disk_mb));
      return path;
    };
    const system = await Cluster.start({ folder, set, store });
    endings.add(() => system.stop());
    return { system, round: (stage) => fillOne(stage, disks) };
  },
};

async function fillOne(stage: Stage, disks: ReadonlyMap<string, SmallDisk>): Promise<void> {
  // In turn: a node's, a nats-server's.
  const node = stage.seed % 2 === 1 ? await stage.anyNode() : undefined;
  const server = node === undefined ? stage.pick(stage.system.nats) : undefined;
  const name = node?.name ?? server!.name;
  const disk = disks.get(name)!;
  const forMs = stage.random.between(3_000, 8_000);
  const refusedBefore = node === undefined ? 0 : occurrences(node, 'the local store refused a write');
  await stage.strike(`disk full, ${forMs} ms`, name, node === undefined ? 'all' : { nodes: [name] }, () => disk.fill());
  await pause(forMs);
  disk.free();
  stage.healed();
  if (node !== undefined)
    stage.notes.refused_writes = occurrences(node, 'the local store refused a write') - refusedBefore;
  // JetStream switches itself off on a full disk, and stays off: its operator makes room and starts it again.
  if (server !== undefined && !(await stage.whole(nats_heals_ms))) {
    stage.notes.nats_restarted = 1;
    await server.program.stop();
    await server.program.start();
    stage.healed();
  }
}

/** Time for a nats-server to go on by itself once there is room. */
const nats_heals_ms = 8_000;
const hour_ms = 3_600_000;

export const clockJump: Scenario = {
  name: 'clock-jump',
  about: 'the wall clock of one node, or of all, jumps by up to an hour, forth or back, and later back again',
  needs: ['compiler'],
  async prepare({ folder, set, endings }) {
    const clocks = new Map<string, ShiftedClock>();
    const clockOf = (name: string): ShiftedClock => {
      const clock = clocks.get(name) ?? new ShiftedClock(name, folder);
      clocks.set(name, clock);
      return clock;
    };
    const system = await Cluster.start({ folder, set, env: (name) => clockOf(name).env });
    endings.add(() => system.stop());
    return { system, round: (stage) => jump(stage, clocks) };
  },
};

async function jump(stage: Stage, clocks: ReadonlyMap<string, ShiftedClock>): Promise<void> {
  const one = await stage.anyNode();
  const all = stage.random.chance(0.3);
  const moved = all ? [...clocks.values()] : [clocks.get(one.name)!];
  const byMs =
    (stage.random.chance(0.5) ? 1 : -1) * (stage.random.chance(0.5) ? hour_ms : stage.random.between(2_000, hour_ms));
  const target = all ? 'all nodes' : one.name;
  await stage.strike(`clock ${byMs > 0 ? '+' : ''}${Math.round(byMs / 1_000)} s`, target, 'all', () => {
    for (const clock of moved) clock.shift(byMs);
  });
  const seen = moved[0]!.measured();
  stage.notes.measured_s = Math.round(seen / 1_000);
  if (Math.abs(seen - byMs) > 5_000) stage.fail(`a process with this clock sees a shift of ${seen} ms, not ${byMs}`);
  await stage.rest(1_500, 4_000);
  // New sockets, and so tokens: are they still good?
  await stage.load.ask('cut', null);
  await stage.rest(1_500, 4_000);
  for (const clock of clocks.values()) clock.shift(0);
  stage.healed();
  await stage.rest(500, 1_000);
}

export const corruptLmdb: Scenario = {
  name: 'corrupt-lmdb',
  audits: true,
  about:
    "a node's local store is damaged while it is down: bits flipped, cut short, zeroed, foreign, deleted; one of 6 a round, in turn",
  prepare: (ground) => plainCluster(ground).then(({ system }) => ({ system, round: corruptOne })),
};

async function corruptOne(stage: Stage): Promise<void> {
  const victim = await stage.anyNode();
  const names = Object.keys(damages);
  const what = names[(stage.seed - 1 + names.length) % names.length]!;
  const gently = stage.random.chance(0.5);
  const { program } = victim;
  const deathsBefore = program.deaths.length;
  // A damaged page ends the process that reads it; the next one throws the store away.
  stage.deathsAllowed = 5;
  let how = '';
  await stage.strike(`${gently ? 'SIGTERM' : 'kill -9'}, ${what}`, victim.name, { nodes: [victim.name] }, async () => {
    await (gently ? program.stop() : program.kill());
    how = damages[what]!(join(victim.dataFolder, 'store', 'data.mdb'), stage.random);
  });
  stage.notes.damage = how;
  const rebuiltBefore = occurrences(victim, 'rebuilding it');
  await program.start();
  // Damage may show only when the damaged page is read.
  await stage.rest(3_000, 4_000);
  stage.notes.crashes = program.deaths.length - deathsBefore;
  stage.notes.rebuilt = occurrences(victim, 'rebuilding it') - rebuiltBefore;
}
