/** All scenarios, in the order in which `--scenario all` plays them. */
import type { Scenario } from '../scenario.ts';
import { clockJump, corruptLmdb, diskFull } from './disks.ts';
import {
  edgeKill,
  embeddedKill,
  joinAndDrain,
  killAllNodes,
  killHeirs,
  killNode,
  pauseNode,
  rollingRestart,
} from './kills.ts';
import { reconnectStorm, slowLink } from './links.ts';
import { move } from './moves.ts';
import { killNats, natsQuorumLoss, pauseNats } from './nats.ts';
import { partition, vanish } from './partitions.ts';
import { lostUnsynced, lostUnsyncedEmbedded } from './power.ts';
import { storm } from './storm.ts';

export const scenarios: readonly Scenario[] = [
  killNode,
  killHeirs,
  killAllNodes,
  pauseNode,
  killNats,
  pauseNats,
  natsQuorumLoss,
  rollingRestart,
  joinAndDrain,
  move,
  edgeKill,
  partition,
  vanish,
  slowLink,
  diskFull,
  corruptLmdb,
  clockJump,
  reconnectStorm,
  lostUnsynced,
  embeddedKill,
  lostUnsyncedEmbedded,
  storm,
];
