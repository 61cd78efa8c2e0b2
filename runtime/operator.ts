/** What an operator's tool says to a cluster: it is no node, it only speaks and listens on the network. */
import type { Heartbeat } from './members.ts';
import type { Datagram } from './parcel.ts';
import type { Codec, NodeId, Ports } from './ports.ts';

export interface DrainOrder {
  readonly ports: Pick<Ports, 'network' | 'codec' | 'timers' | 'clock'>;
  readonly node: NodeId;
  /** False: the node is to take its share again. */
  readonly draining: boolean;
  readonly waitMs: number;
  /** Partitions that the node still owns, each time it is heard of. */
  progress?(partitionsLeft: number): void;
}

/** Between words to the node, which may be lost. */
const say_again_ms = 200;
/** Heartbeats in a row that say so: another node may just be giving it a partition, not having heard yet that it leaves. */
const empty_heartbeats = 3;
/** A node that is there is heard within this time. */
const unknown_ms = 3_000;

/**
 * Resolves when the node has said for a moment that it owns nothing any more (or, if it is to take its share, that it is not leaving): `done`. `unknown node`:
 * nothing is heard of it. `too late`: it did not finish in time; it goes on.
 */
export function askToDrain(order: DrainOrder): Promise<'done' | 'unknown node' | 'too late'> {
  const { ports, node, draining, waitMs, progress } = order;
  const { network, codec, timers, clock } = ports;
  const startedMs = clock.monotonicMs();
  const word = codec.pack(['drain', node, draining] satisfies Datagram);
  return new Promise((resolve) => {
    let ended = false;
    let isKnown = false;
    let empty = 0;
    const end = (how: 'done' | 'unknown node' | 'too late'): void => {
      ended = true;
      resolve(how);
    };
    network.listen((bytes) => {
      const heartbeat = ended ? undefined : heartbeatOf(bytes, codec);
      if (heartbeat?.node !== node) return;
      isKnown = true;
      const { leaving, owns } = heartbeat;
      if (leaving === draining) progress?.(owns);
      empty = leaving && owns === 0 ? empty + 1 : 0;
      if (draining ? empty >= empty_heartbeats : !leaving) end('done');
    });
    const say = (): void => {
      const forMs = clock.monotonicMs() - startedMs;
      if (ended) return;
      if (!isKnown && forMs >= Math.min(unknown_ms, waitMs)) end('unknown node');
      else if (forMs >= waitMs) end('too late');
      else {
        network.send(node, word);
        timers.after(say_again_ms, say);
      }
    };
    say();
  });
}

/** What one node sends must not bring the tool down, whatever it is. */
function heartbeatOf(bytes: Uint8Array, codec: Codec): Heartbeat | undefined {
  try {
    const datagram = codec.unpack(bytes) as Datagram;
    return datagram[0] === 'heartbeat' ? datagram[1] : undefined;
  } catch {
    return undefined;
  }
}
