/** How a node is at this moment, for operators: read when somebody asks, and kept nowhere. */
import type { Holdings } from './holdings.ts';
import type { Limits } from './limits.ts';
import type { Fitness } from './members.ts';
import type { Post } from './post.ts';
import type { Runner } from './runner.ts';
import type { Standbys } from './standbys.ts';

/** One of `limits`, and how much of it is used: by the fullest, where each partition or actor has its own. */
export interface Fill {
  /** `part.bound`, such as `runtime.asks_max`. */
  readonly bound: string;
  readonly used: number;
  readonly limit: number;
}

export interface NodeFigures {
  readonly fills: readonly Fill[];
  /** Partitions that are served here, that are being opened, and of which there is a copy. */
  readonly serving: number;
  readonly opening: number;
  readonly standingBy: number;
  /** Copies that are not to be promoted; records by which the one furthest behind lacks what its owner has. */
  readonly standbysStalled: number;
  readonly standbyLagRecords: number;
  /** Other nodes that are alive, as far as this one knows. */
  readonly peers: number;
  readonly fitness: Fitness;
  readonly draining: boolean;
  /** Actors that have a place in memory; mails that wait for a turn; mails on their way to other partitions, not settled. */
  readonly actors: number;
  readonly mailsWaiting: number;
  readonly channelMails: number;
  /** For how long the journal, or the store, has taken nothing of what it was to take, ms; 0 while it does. */
  readonly journalStuckMs: number;
  readonly storeRefusesMs: number;
}

export interface FiguresHost {
  readonly limits: Limits;
  readonly holdings: Holdings;
  readonly standbys: Standbys;
  readonly runner: Runner;
  readonly post: Post;
}

type Around = 'peers' | 'fitness' | 'draining' | 'journalStuckMs' | 'storeRefusesMs';

export function figuresOf(host: FiguresHost, around: Pick<NodeFigures, Around>): NodeFigures {
  return { ...ownFigures(host), ...around };
}

function ownFigures({ limits, holdings, standbys, runner, post }: FiguresHost): Omit<NodeFigures, Around> {
  let actors = 0;
  let mailsWaiting = 0;
  let channelMails = 0;
  const most = { mails: 0, outbox: 0, outputs: 0, rows: 0 };
  for (const { mailboxes, outbox, gateOutputs, overlay } of holdings.all()) {
    actors += mailboxes.cells.size;
    mailsWaiting += mailboxes.waiting;
    channelMails += outbox.waiting;
    most.mails = Math.max(most.mails, mailboxes.waiting);
    most.outbox = Math.max(most.outbox, outbox.waiting);
    most.outputs = Math.max(most.outputs, gateOutputs);
    most.rows = Math.max(most.rows, overlay.committedRows);
  }
  const fill = (bound: keyof Limits, used: number): Fill => ({ bound: `runtime.${bound}`, used, limit: limits[bound] });
  const fills = [
    fill('mailbox_mails_max', runner.longestMailbox),
    fill('partition_mails_max', most.mails),
    fill('gate_outputs_max', most.outputs),
    fill('store_rows_waiting_max', most.rows),
    fill('outbox_mails_max', most.outbox),
    fill('asks_max', post.asks.waiting),
    fill('awake_actors_max', actors),
    fill('standby_gather_bytes_max', standbys.gatheredBytes),
  ];
  return {
    fills,
    serving: holdings.ids.length,
    opening: holdings.opening,
    standingBy: standbys.count,
    standbysStalled: standbys.stalled,
    standbyLagRecords: standbys.lagRecords,
    actors,
    mailsWaiting,
    channelMails,
  };
}
