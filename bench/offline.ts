/** `bench offline`: how fast what waits for users reaches them when they come back, all at once. */

import type { Endings } from '../scripts/endings.ts';
import type { Profile } from './actors.ts';
import { rounded } from './latencies.ts';
import type { OfflineOrders, OfflineSettings } from './offline-load.ts';
import type { Profiles } from './profiles.ts';
import { startRingpost } from './servers.ts';
import { Worker } from './worker.ts';

export interface OfflineOptions {
  readonly profile: Profile;
  readonly users: number;
  readonly messages: number;
  /** As for `ringpost --set`. */
  readonly set: readonly string[];
  readonly folder: string;
  readonly profiles: Profiles | undefined;
}

export interface OfflineFigures {
  readonly workload: 'offline';
  readonly profile: Profile;
  readonly users: number;
  readonly messages: number;
  /** From the first connection to the last message. */
  readonly seconds: number;
  readonly msg_per_s: number;
  readonly server_cpu_us_per_msg: number;
  /** Then every message is read by itself: read receipts that came to their senders, and what one costs. */
  readonly receipts: number;
  readonly receipts_per_s: number;
  readonly server_cpu_us_per_receipt: number;
  readonly gen_cores: number;
  readonly lost: number;
  readonly duplicates: number;
  readonly out_of_order: number;
  readonly other_cores: number;
  readonly steal_cores: number;
}

export async function offlineBench(options: OfflineOptions, endings: Endings): Promise<OfflineFigures> {
  const { profile, users, messages } = options;
  const { urls, servers } = await startRingpost(options, endings);
  const settings: OfflineSettings = { urls, users, messages };
  const load = Worker.start<OfflineOrders>({
    name: 'load',
    file: new URL('./offline-load.js', import.meta.url),
    settings,
    endings,
  });
  await load.ask('fill', null);
  const { spent, received, lost, duplicates, outOfOrder } = await load.ask('drain', { servers });
  const reading = await load.ask('read', { servers });
  options.profiles?.measured('offline', spent);
  return {
    workload: 'offline',
    profile,
    users,
    messages: received,
    seconds: rounded(spent.seconds),
    msg_per_s: rounded(received / spent.seconds),
    server_cpu_us_per_msg: rounded((spent.nodeUs + spent.natsUs) / Math.max(1, received)),
    receipts: reading.receipts,
    receipts_per_s: rounded(reading.receipts / reading.spent.seconds),
    server_cpu_us_per_receipt: rounded((reading.spent.nodeUs + reading.spent.natsUs) / Math.max(1, reading.receipts)),
    gen_cores: rounded(spent.genUs / 1e6 / spent.seconds),
    lost,
    duplicates,
    out_of_order: outOfOrder,
    other_cores: rounded(spent.otherCores),
    steal_cores: rounded(spent.stealCores),
  };
}
