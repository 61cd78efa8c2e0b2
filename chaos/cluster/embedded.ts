/** `ringpost start`: one process, its journal in LMDB. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { clusterConfig } from '../../cluster.config.ts';
import { freePort } from '../../scripts/free-ports.ts';
import { launcher, open_doors } from './cluster.ts';
import { Program } from './program.ts';
import type { System, SystemNode } from './system.ts';

export interface EmbeddedPlan {
  readonly folder: string;
  readonly set: readonly string[];
  readonly dataFolder?: string;
  readonly env?: { readonly [name: string]: string };
}

export async function startEmbedded({ folder, set, dataFolder, env }: EmbeddedPlan): Promise<System> {
  const data = dataFolder ?? join(folder, 'solo');
  mkdirSync(data, { recursive: true });
  const port = await freePort();
  const settings = [...open_doors, ...set].flatMap((setting) => ['--set', setting]);
  const words = ['start', '--port', String(port), '--data', data, ...settings];
  const program = new Program({
    name: 'solo',
    command: [process.execPath, '--enable-source-maps', launcher, ...words],
    ...(env !== undefined && { env }),
    output: join(folder, 'solo.out'),
    up: ' is up at ',
  });
  const solo: SystemNode = { name: 'solo', url: `http://127.0.0.1:${port}`, dataFolder: data, program };
  await program.start();
  return {
    nodes: [solo],
    nats: [],
    owners: async () => Array.from({ length: clusterConfig.partitions }, () => 'solo'),
    leader: async () => undefined,
    whole: async () => program.running && !program.paused,
    stop: async () => void (await program.stop()),
  };
}
