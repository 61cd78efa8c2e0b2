/** What the tests of standbys begin with. */
import type { Limits } from '../../runtime/index.ts';
import { act, List, list } from './ledger.ts';
import { keys } from './load.ts';
import { Watch } from './watch.ts';
import { replyOf, World } from './world.ts';

export const partitions = 8;
export const all = Array.from({ length: partitions }, (_, id) => id);

export async function cluster(seed: number, limits: Partial<Limits>, ...names: string[]): Promise<[World, Watch]> {
  const world = new World({ seed, behaviours: [list()], partitions, limits });
  const watch = new Watch(world);
  await world.cluster(...names);
  return [world, watch];
}

/** Writes to all actors, and lets what follows from it settle. */
export async function write(world: World, name: string, word: string): Promise<void> {
  for (const key of keys) replyOf(await world.until(world.node(name).ask(List.ref(key), act({ add: word }))));
}
