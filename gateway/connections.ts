import { setTimeout as pause } from 'node:timers/promises';
import type { Claims, ConnectionProtocol } from '../proto/mail.ts';
import type { Encoding } from '../proto/words.ts';
import type { ActorKind, Door, Fill, Log, Probe } from '../runtime/index.ts';
import { Connection } from './connection.ts';
import { type EdgeFigures, fillOf } from './figures.ts';
import type { FrameTracer } from './followed.ts';
import { Lanes } from './lane.ts';
import type { GatewayLimits } from './limits.ts';
import type { Surroundings } from './surroundings.ts';
import type { Wire } from './wire.ts';

/** All sockets of this node's edge. */
export interface Connections {
  readonly open: number;
  /** Even sockets that ask for little wait too long by now. */
  readonly overloaded: boolean;
  /** With bounds of others. */
  figures(others: readonly Fill[]): Omit<EdgeFigures, 'uploads'>;
  admit(wire: Wire, claims: Claims, encoding: Encoding): void;
  /** Sends clients to other nodes, one after another, until `stay`. Resolves when those that were here have gone or were closed. */
  handOver(): Promise<void>;
  stay(): void;
  /** Closes all with `goaway`, spread over most of `graceMs`, and resolves when all are closed, or have been cut off after it. */
  close(graceMs: number): Promise<void>;
}

export interface ConnectionsOptions {
  readonly door: Door;
  readonly connection: ActorKind<ConnectionProtocol>;
  readonly limits: GatewayLimits;
  readonly log: Log;
  /** Makes actor names of this process unlike those of a process before it with the same node name. `[A-Za-z0-9_-]+` */
  readonly boot: string;
  readonly probe: Probe | undefined;
  readonly tracer: FrameTracer | undefined;
}

/** Even with no grace the close frames get a moment to leave. */
const farewellMsMin = 100;
const closingStepMs = 20;

export function connections(options: ConnectionsOptions): Connections {
  const { limits, log } = options;
  const all = new Set<Connection>();
  const noted = new Map<string, number>();
  const around = surroundings(options, noted);
  const { door, lanes } = around;
  let open = 0;
  let last = 0;
  /** The hand-over of now: another object, or none, and it is off. */
  let handingOver: object | undefined;

  const sweeper = setInterval(() => {
    const nowMs = performance.now();
    for (const connection of all) connection.beat(nowMs);
    relieve(all, limits, around.note);
    // One line a sweep, however many sockets: a log must not be a way to fill a disk.
    if (noted.size > 0) log.warn({ sockets: Object.fromEntries(noted) }, 'sockets ended by the edge');
    noted.clear();
  }, limits.sweep_ms);

  return {
    get open() {
      return open;
    },
    get overloaded() {
      return lanes.overloaded(performance.now());
    },
    figures: (others) => edgeFigures(all, open, others, around),
    admit(wire, claims, encoding) {
      last += 1;
      open += 1;
      const connection: Connection = new Connection(around, {
        wire,
        ref: options.connection.ref(`${claims.user}/${door.node}.${last}.${options.boot}`),
        claims,
        encoding,
        number: last,
        closed: () => {
          open -= 1;
        },
        settled: () => all.delete(connection),
      });
      all.add(connection);
    },
    handOver() {
      const mine = {};
      handingOver = mine;
      return sendAway([...all], limits, () => handingOver !== mine);
    },
    stay() {
      handingOver = undefined;
      for (const connection of all) connection.keep();
    },
    async close(graceMs) {
      handingOver = undefined;
      const deadlineMs = performance.now() + Math.max(graceMs, farewellMsMin);
      await evenly([...all], graceMs * 0.8, (socket) => socket.end('goaway'));
      while (all.size > 0 && performance.now() < deadlineMs) await pause(closingStepMs);
      clearInterval(sweeper);
      if (all.size > 0) log.warn({ sockets: all.size }, 'sockets did not close in time and were cut off');
      for (const connection of all) connection.cutOff();
    },
  };
}

/** `noted`: how many of each were noted since it was last cleared. */
function surroundings(
  { door, limits, log, probe, tracer }: ConnectionsOptions,
  noted: Map<string, number>,
): Surroundings {
  return {
    door,
    limits,
    log,
    lanes: new Lanes(limits),
    parked: { bytes: 0 },
    traffic: { framesIn: 0, bytesIn: 0, framesOut: 0, bytesOut: 0 },
    tracer,
    note(what) {
      noted.set(what, (noted.get(what) ?? 0) + 1);
      probe?.count('sockets_ended', what, 1);
    },
  };
}

function edgeFigures(
  all: ReadonlySet<Connection>,
  open: number,
  others: readonly Fill[],
  around: Surroundings,
): Omit<EdgeFigures, 'uploads'> {
  const { limits, parked, lanes, traffic } = around;
  const sockets = { websocket: 0, events: 0, poll: 0 };
  let unread = 0;
  let unreadMost = 0;
  for (const connection of all) {
    if (!connection.left) sockets[connection.transport]++;
    const { unreadBytes } = connection;
    unread += unreadBytes;
    unreadMost = Math.max(unreadMost, unreadBytes);
  }
  const nowMs = performance.now();
  const fill = fillOf(limits);
  const fills = [
    fill('sockets_max', open),
    fill('parked_total_bytes_max', parked.bytes),
    fill('unread_bytes_max', unreadMost),
    fill('unread_total_bytes_max', unread),
    fill('lane_bytes_max', lanes.underWay),
    fill('lane_wait_ms_max', lanes.behindMs(nowMs)),
    ...others,
  ];
  return { sockets, traffic, fills, overloaded: lanes.overloaded(nowMs) };
}

/** Resolves when all have gone, or it is off. */
async function sendAway(sockets: readonly Connection[], limits: GatewayLimits, isOff: () => boolean): Promise<void> {
  const overMs = Math.min(limits.handover_ms_max, sockets.length * limits.handover_gap_ms);
  await evenly(sockets, overMs, (socket) => socket.sendAway(performance.now()), isOff);
  while (!isOff() && sockets.some((socket) => !socket.left)) await pause(closingStepMs);
}

/** Acts on sockets evenly over `overMs`: clients that all come back at once would be a load of their own. */
async function evenly(
  sockets: readonly Connection[],
  overMs: number,
  act: (socket: Connection) => void,
  isOff: () => boolean = () => false,
): Promise<void> {
  const startMs = performance.now();
  let done = 0;
  while (done < sockets.length && !isOff()) {
    const share = overMs === 0 ? 1 : Math.min(1, (performance.now() - startMs + closingStepMs) / overMs);
    for (const due = Math.ceil(sockets.length * share); done < due; done += 1) {
      const socket = sockets[done];
      if (socket !== undefined) act(socket);
    }
    if (done < sockets.length) await pause(closingStepMs);
  }
}

/** Closes the sockets with the most unread bytes until the bytes of all are below their bound. */
function relieve(all: ReadonlySet<Connection>, limits: GatewayLimits, note: Surroundings['note']): void {
  let total = 0;
  for (const connection of all) total += connection.unreadBytes;
  if (total <= limits.unread_total_bytes_max) return;
  for (const connection of [...all].sort((a, b) => b.unreadBytes - a.unreadBytes)) {
    if (total <= limits.unread_total_bytes_max) return;
    total -= connection.unreadBytes;
    note('overloaded');
    connection.end('overloaded');
  }
}
