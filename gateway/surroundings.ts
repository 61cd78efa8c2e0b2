import type { Claims, ConnectionProtocol } from '../proto/mail.ts';
import type { CloseWord, Encoding } from '../proto/words.ts';
import type { Door, Log, Ref } from '../runtime/index.ts';
import type { FrameTracer } from './followed.ts';
import type { Lanes } from './lane.ts';
import type { GatewayLimits } from './limits.ts';
import type { ParkedTotal } from './parked.ts';
import type { Wire } from './wire.ts';

/** What all sockets of an edge share. */
export interface Surroundings {
  readonly door: Door;
  readonly limits: GatewayLimits;
  readonly log: Log;
  readonly lanes: Lanes;
  readonly parked: ParkedTotal;
  readonly traffic: Traffic;
  readonly tracer: FrameTracer | undefined;
  /** For the log: the edge itself ended a socket (with a word, or `dead`), or its actor could not be told of the end. */
  readonly note: (what: CloseWord | 'dead' | 'untold') => void;
}

/** What has gone over the sockets of this edge since its start: frames, and their bytes or characters. */
export interface Traffic {
  framesIn: number;
  bytesIn: number;
  framesOut: number;
  bytesOut: number;
}

export interface Socket {
  readonly wire: Wire;
  readonly ref: Ref<ConnectionProtocol>;
  readonly claims: Claims;
  readonly encoding: Encoding;
  /** Number of the socket at this node: spreads the pings. */
  readonly number: number;
  /** Called once, when the wire is no more. */
  readonly closed: () => void;
  /** Called once, when nothing is left to do for this socket. */
  readonly settled: () => void;
}
