/** What one seed's world is like: how large it is, what goes wrong in it, and how often. Drawn, so that seeds differ in kind (swarm testing). */
import type { Limits } from '../runtime/index.ts';
import type { SimRandom } from './clock.ts';

/** Things that happen to a world at times of their own. */
export const mishaps = [
  'kill',
  'kill-all',
  'power-loss',
  'pause',
  'clock-jump',
  'cut',
  'isolate',
  'flap',
  'network-storm',
  'election',
  'journal-storm',
  'register-out',
  'store-full',
  'store-damage',
  'archive-out',
  'leave',
  'drain',
  'join',
  'edge-shed',
  'line-cut',
  'line-silent',
  'line-stall',
  'line-storm',
  'device-crash',
  'device-clock-jump',
  'move',
  'rebalance',
] as const;
export type Mishap = (typeof mishaps)[number];

export interface Odds {
  readonly nodes: number;
  readonly partitions: number;
  readonly users: number;
  readonly devicesPerUser: number;
  readonly accounts: number;
  readonly limits: Partial<Limits>;
  readonly messageLifetimeMs: number;
  /** Datagrams between nodes: odds of loss, and ms on the way. */
  readonly loss: number;
  readonly networkMs: readonly [number, number];
  /** Of each request to the journal. */
  readonly journal: {
    readonly delayMs: readonly [number, number];
    readonly busy: number;
    readonly requestLost: number;
    readonly answerLost: number;
    readonly late: number;
    readonly readBroken: number;
    readonly followBroken: number;
    readonly followLate: number;
    readonly followGap: number;
  };
  readonly idsFirst: boolean;
  readonly register: { readonly unavailable: number; readonly answerLost: number };
  readonly storeRefused: number;
  readonly archive: {
    readonly unavailable: number;
    readonly putRefused: number;
    readonly answerLost: number;
    readonly getBroken: number;
    readonly slow: number;
  };
  readonly internet: {
    readonly delayMs: readonly [number, number];
    readonly refused: number;
    readonly answerLost: number;
  };
  /** People know groups. */
  readonly groups: boolean;
  /** Of a bank's turn: it throws after all that it did. */
  readonly turnThrows: number;
  /** Mean ms between what one device does, and what one teller does. */
  readonly deviceMs: number;
  readonly tellerMs: number;
  /** Mean ms between two of a kind; 0: it does not happen. */
  readonly mishaps: { readonly [mishap in Mishap]: number };
}

export function drawOdds(random: SimRandom): Odds {
  /** A rate that is off in half of the seeds. */
  const odds = (most: number): number => (random.chance(0.5) ? round(most * random.fraction() ** 2) : 0);
  const quiet = random.chance(0.1);
  const happens = (meanMs: number): number =>
    quiet || random.chance(0.6) ? 0 : Math.round(meanMs * 2 ** (random.fraction() * 4 - 2));
  const nodes = random.between(3, 5);
  return {
    nodes,
    partitions: random.pick([8, 8, 16]),
    users: random.between(3, 7),
    devicesPerUser: random.between(1, 2),
    accounts: random.between(3, 8),
    limits: drawLimits(random),
    messageLifetimeMs: random.pick([month_ms, month_ms, 10_000, 3_000]),
    loss: odds(0.2),
    networkMs: [random.between(0, 2), random.pick([3, 10, 80])],
    journal: {
      delayMs: [random.between(0, 2), random.pick([3, 8, 60])],
      busy: odds(0.3),
      requestLost: odds(0.03),
      answerLost: odds(0.05),
      late: odds(0.03),
      readBroken: odds(0.2),
      followBroken: odds(0.1),
      followLate: odds(0.1),
      followGap: odds(0.02),
    },
    idsFirst: random.chance(0.8),
    register: { unavailable: odds(0.3), answerLost: odds(0.3) },
    storeRefused: odds(0.3),
    archive: {
      unavailable: odds(0.3),
      putRefused: odds(0.3),
      answerLost: odds(0.3),
      getBroken: odds(0.3),
      slow: odds(0.2),
    },
    internet: {
      delayMs: [random.between(1, 5), random.pick([10, 60, 300])],
      refused: odds(0.3),
      answerLost: odds(0.2),
    },
    turnThrows: odds(0.3),
    deviceMs: random.pick([400, 1_000, 3_000]),
    tellerMs: random.pick([200, 500, 1_500]),
    mishaps: Object.fromEntries(mishaps.map((mishap) => [mishap, happens(meansMs[mishap])])) as Odds['mishaps'],
    groups: random.chance(0.6),
  };
}

const month_ms = 30 * 24 * 3_600_000;

const meansMs: { readonly [mishap in Mishap]: number } = {
  kill: 12_000,
  'kill-all': 40_000,
  'power-loss': 30_000,
  pause: 12_000,
  'clock-jump': 20_000,
  cut: 10_000,
  isolate: 15_000,
  flap: 20_000,
  'network-storm': 15_000,
  election: 20_000,
  'journal-storm': 15_000,
  'register-out': 20_000,
  'store-full': 15_000,
  'store-damage': 12_000,
  'archive-out': 20_000,
  leave: 20_000,
  drain: 20_000,
  join: 25_000,
  'edge-shed': 20_000,
  'line-cut': 4_000,
  'line-silent': 6_000,
  'line-stall': 4_000,
  'line-storm': 20_000,
  'device-crash': 8_000,
  'device-clock-jump': 20_000,
  move: 6_000,
  rebalance: 30_000,
};

/** Small bounds are met sooner; other times make other races. */
function drawLimits(random: SimRandom): Partial<Limits> {
  const heartbeat_ms = random.pick([250, 250, 500]);
  return {
    heartbeat_ms,
    suspect_ms: heartbeat_ms * random.pick([4, 4, 6]),
    ownership_poll_ms: random.pick([500, 500, 2_000]),
    store_flush_ms: random.pick([50, 200, 200, 2_000]),
    channel_resend_ms: random.pick([300, 1_000, 1_000]),
    idle_ms: random.pick([1_000, 60_000]),
    channel_window_mails: random.pick([4, 4_096, 4_096]),
    mailbox_mails_max: random.pick([256, 4_096, 4_096, 4_096]),
    record_bytes_max: random.pick([2_048, 256 * 1_024, 256 * 1_024]),
    append_batch_max: random.pick([2, 256, 256]),
    appends_in_flight_max: random.pick([1, 1, 2]),
    turn_retry_ms: random.pick([5, 50]),
    standbys: random.pick([0, 1, 1, 2]),
    snapshot_look_ms: random.pick([100, 1_000]),
    snapshot_records: random.pick([5, 20, 20_000]),
    snapshot_bytes: random.pick([4_096, 16 * 1_024 * 1_024]),
    snapshot_first_ms: random.pick([500, 2_000, 20_000]),
    snapshot_span_entries_max: random.pick([50, 500_000]),
    snapshot_fold_bytes_max: random.pick([8_192, 32 * 1_024 * 1_024]),
    snapshot_merge_percent: random.pick([10, 50, 200]),
    snapshot_garbage_ms: random.pick([2_000, 600_000]),
    truncate_ms: random.pick([500, 2_000, 10_000]),
  };
}

function round(odds: number): number {
  return Math.round(odds * 10_000) / 10_000;
}

/** A line each; what does not happen is left out. */
export function tellOdds(odds: Odds): string[] {
  const lines = [
    `${odds.nodes} nodes, ${odds.partitions} partitions, ${odds.users} users with ${odds.devicesPerUser} devices, ${odds.accounts} accounts${odds.groups ? ', groups' : ''}`,
    `limits     ${words({ ...odds.limits, message_lifetime_ms: odds.messageLifetimeMs })}`,
    `network    ${words({ loss: odds.loss, ms: odds.networkMs })}`,
    `journal    ${words({ ...odds.journal, idsFirst: odds.idsFirst })}`,
    `register   ${words(odds.register)}`,
    `store      ${words({ refused: odds.storeRefused })}`,
    `archive    ${words(odds.archive)}`,
    `internet   ${words(odds.internet)}`,
    `turns      ${words({ throws: odds.turnThrows })}`,
    `work       ${words({ device_ms: odds.deviceMs, teller_ms: odds.tellerMs })}`,
    `mishaps    ${words(odds.mishaps)} (mean ms between two)`,
  ];
  return lines;
}

function words(of: object): string {
  const told = Object.entries(of).filter(([, value]) => value !== 0);
  if (told.length === 0) return 'nothing';
  return told.map(([name, value]) => `${name} ${Array.isArray(value) ? value.join('-') : String(value)}`).join(', ');
}
