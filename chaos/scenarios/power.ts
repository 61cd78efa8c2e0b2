/** The power goes: what was not synced is gone from the disks. */
import { join } from 'node:path';
import { Cluster } from '../cluster/cluster.ts';
import { startEmbedded } from '../cluster/embedded.ts';
import { BootId, ForgetfulDisk, type Forgotten } from '../faults/forgetful.ts';
import type { Ground, Scenario } from '../scenario.ts';
import type { Stage } from '../stage.ts';

/** A machine of its own: its process and its disk lose their power together. */
interface Machine {
  readonly name: string;
  readonly disk: ForgetfulDisk;
  readonly program: { kill(): Promise<void>; start(): Promise<void> };
}

async function disksOf(names: readonly string[], { folder, endings }: Ground): Promise<Map<string, ForgetfulDisk>> {
  const disks = new Map<string, ForgetfulDisk>();
  for (const name of names) {
    const disk = await ForgetfulDisk.open(join(folder, name), 1);
    endings.add(() => disk.close());
    disks.set(name, disk);
  }
  return disks;
}

async function cutPower(stage: Stage, what: string, machines: readonly Machine[], boot: BootId): Promise<void> {
  const some = stage.random.chance(0.5);
  const forgotten: Forgotten[] = [];
  const nodes = machines.map(({ name }) => name).filter((name) => name.startsWith('n') && !name.startsWith('nats'));
  const hits = nodes.length === machines.length ? { nodes } : 'all';
  await stage.strike(`power cut${some ? ', disks wrote some' : ''}`, what, hits, async () => {
    await Promise.all(machines.map(({ program }) => program.kill()));
    for (const { disk } of machines) forgotten.push(await disk.cut(some));
  });
  boot.boot();
  stage.notes.forgotten_bytes = forgotten.reduce((sum, { bytes }) => sum + bytes, 0);
  stage.notes.forgotten_writes = forgotten.reduce((sum, { writes }) => sum + writes, 0);
  await stage.rest(0, 1_000);
  await Promise.all(machines.map(({ program }) => program.start()));
  stage.healed();
}

export const lostUnsynced: Scenario = {
  name: 'lost-unsynced',
  audits: true,
  about:
    'power cut of everything, of one nats-server or of one node, in turn: what was not synced is gone from its disk',
  needs: ['namespaces', 'fuse', 'compiler'],
  async prepare(ground) {
    const { folder, set, endings } = ground;
    const boot = new BootId(folder);
    const disks = await disksOf(['nats-1', 'nats-2', 'nats-3', 'n1', 'n2', 'n3'], ground);
    const system = await Cluster.start({ folder, set, store: (name) => join(folder, name) });
    endings.add(() => system.stop());
    const machines = [...system.nats, ...system.nodes].map(
      ({ name, program }): Machine => ({ name, program, disk: disks.get(name)! }),
    );
    return {
      system,
      async round(stage) {
        const nats = machines.filter(({ name }) => name.startsWith('nats'));
        const turn = (stage.seed - 1) % 3;
        if (turn === 0) return cutPower(stage, 'all machines', machines, boot);
        const one = stage.pick(turn === 1 ? nats : machines.filter((machine) => !nats.includes(machine)));
        return cutPower(stage, one.name, [one], boot);
      },
    };
  },
};

export const lostUnsyncedEmbedded: Scenario = {
  name: 'lost-unsynced-embedded',
  audits: true,
  about: 'power cut of `ringpost start`: what it had not synced is gone from its disk',
  needs: ['namespaces', 'fuse', 'compiler'],
  async prepare(ground) {
    const { folder, set, endings } = ground;
    const boot = new BootId(folder);
    const disks = await disksOf(['solo'], ground);
    const system = await startEmbedded({ folder, set });
    endings.add(() => system.stop());
    const machines = system.nodes.map(({ name, program }): Machine => ({ name, program, disk: disks.get(name)! }));
    return { system, round: (stage) => cutPower(stage, 'solo', machines, boot) };
  },
};
