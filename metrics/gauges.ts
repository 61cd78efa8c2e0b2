/** What is read of node and edge when somebody asks: `ringpost_<name>` to the world. */
import type { EdgeFigures } from '../gateway/index.ts';
import type { NodeCounts, NodeFigures } from '../runtime/index.ts';

export interface Now {
  readonly node: NodeFigures;
  readonly counts: NodeCounts;
  readonly edge: EdgeFigures;
  readonly links: { readonly [name: string]: boolean };
}

export interface GaugeEntry {
  readonly name: string;
  readonly help: string;
  readonly label?: string;
  read(now: Now): Iterable<readonly [label: string, value: number]>;
}

/** Of one value. */
function one(name: string, help: string, value: (now: Now) => number): GaugeEntry {
  return { name, help, read: (now) => [['', value(now)]] };
}

export const gauges: readonly GaugeEntry[] = [
  {
    name: 'partitions',
    help: 'Partitions that this node serves, is opening, or has a warm copy of.',
    label: 'state',
    read: ({ node }) => [
      ['serving', node.serving],
      ['opening', node.opening],
      ['standby', node.standingBy],
    ],
  },
  one('standby_lag_records', 'Records that the warm copy furthest behind lacks.', ({ node }) => node.standbyLagRecords),
  one('standbys_stalled', 'Warm copies that do not get on, and are not promoted.', ({ node }) => node.standbysStalled),
  one('peers', 'Other nodes that are alive, as far as this one knows.', ({ node }) => node.peers),
  {
    name: 'fit',
    help: 'Whether this node can do the work of an owner; 0 for the state that it is not in.',
    label: 'state',
    read: ({ node }) =>
      (['fit', 'no store', 'no journal'] as const).map((state) => [
        state.replace(' ', '_'),
        Number(node.fitness === state),
      ]),
  },
  one('draining', 'Whether this node gives its partitions away.', ({ node }) => Number(node.draining)),
  one('actors_awake', 'Actors that have a place in memory.', ({ node }) => node.actors),
  one('mails_waiting', 'Mails that wait for a turn.', ({ node }) => node.mailsWaiting),
  one('channel_mails', 'Mails to other partitions that are not acknowledged yet.', ({ node }) => node.channelMails),
  one(
    'journal_stuck_seconds',
    'For how long the journal has taken nothing of what it was to take; 0 while it does.',
    ({ node }) => node.journalStuckMs / 1_000,
  ),
  one(
    'store_refuses_seconds',
    'For how long the local store has taken nothing; 0 while it does.',
    ({ node }) => node.storeRefusesMs / 1_000,
  ),
  {
    name: 'connected',
    help: 'Whether a connection to NATS is up (network: to the other nodes).',
    label: 'link',
    read: ({ links }) => Object.entries(links).map(([link, up]) => [link, Number(up)]),
  },
  {
    name: 'bound_used',
    help: 'How much of a named bound is used, in its own unit; by the fullest, where each has its own.',
    label: 'bound',
    read: ({ node, edge }) => [...node.fills, ...edge.fills].map(({ bound, used }) => [bound, used]),
  },
  {
    name: 'bound_limit',
    help: 'The most that a named bound allows, in its own unit.',
    label: 'bound',
    read: ({ node, edge }) => [...node.fills, ...edge.fills].map(({ bound, limit }) => [bound, limit]),
  },
  {
    name: 'connections',
    help: 'Sockets of clients that are open, by transport.',
    label: 'transport',
    read: ({ edge }) => Object.entries(edge.sockets),
  },
  one('uploads_unfinished', 'Uploads of files that are under way, or wait to be taken.', ({ edge }) => edge.uploads),
  one('overloaded', 'Whether new sockets and logins are refused.', ({ edge }) => Number(edge.overloaded)),
];

/** What was counted in plain numbers where it happens too often for anything else. */
export const totals: readonly GaugeEntry[] = [
  {
    name: 'frames_total',
    help: 'Frames over the sockets of clients.',
    label: 'direction',
    read: ({ edge: { traffic } }) => [
      ['in', traffic.framesIn],
      ['out', traffic.framesOut],
    ],
  },
  {
    name: 'frame_bytes_total',
    help: 'Bytes of these frames (characters, where they are text).',
    label: 'direction',
    read: ({ edge: { traffic } }) => [
      ['in', traffic.bytesIn],
      ['out', traffic.bytesOut],
    ],
  },
  one('turns_total', 'Turns.', ({ counts }) => counts.turns),
  one('appends_total', 'Appends to the journal.', ({ counts }) => counts.appends),
];
