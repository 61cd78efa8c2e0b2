import type { Limits } from './limits.ts';
import type { Heartbeat, Members } from './members.ts';
import type { Datagram, Parcel } from './parcel.ts';
import type { NodeId, Ports } from './ports.ts';
import { roughBytes } from './size.ts';

interface Outgoing {
  readonly incarnation: string;
  sent: number;
  parcels: Parcel[];
  bytes: number;
  /** Something for the node was thrown away while it was silent: leave a gap in the numbers, for it to notice. */
  skipped: boolean;
}

interface Incoming {
  readonly incarnation: string;
  received: number;
  /** A heartbeat told of datagrams that had not come. */
  behindOnce: boolean;
}

export interface LinksHost {
  readonly ports: Ports;
  readonly limits: Limits;
  readonly node: NodeId;
  readonly incarnation: string;
  readonly members: Members;
  parcel(from: NodeId, parcel: Parcel): void;
  /** Something that `from` sent us was lost. */
  missed(from: NodeId): void;
}

/** Parcels to other nodes, batched: all that one slice of turns produced for a node goes out as one datagram. */
export class Links {
  readonly #host: LinksHost;
  readonly #outgoing = new Map<NodeId, Outgoing>();
  readonly #incoming = new Map<NodeId, Incoming>();

  constructor(host: LinksHost) {
    this.#host = host;
  }

  /** False when nothing was queued: the node is not alive as far as we know, or the parcel too large. `bytes` is an estimate. */
  send(to: NodeId, parcel: Parcel, bytes: number): boolean {
    if (bytes > this.#host.limits.datagram_bytes_max / 2) {
      this.#host.ports.log.error({ to, kind: parcel[0], bytes }, 'a parcel is larger than a datagram may be');
      return parcel[0] === 'reply' && this.send(to, ['refuse', parcel[1], 'failed'], 32);
    }
    const incarnation = this.#host.members.get(to)?.incarnation;
    let link = this.#outgoing.get(to);
    if (incarnation === undefined) {
      if (link !== undefined) link.skipped = true;
      return false;
    }
    if (link?.incarnation !== incarnation) {
      link = { incarnation, sent: 0, parcels: [], bytes: 0, skipped: false };
      this.#outgoing.set(to, link);
    }
    if (link.bytes + bytes > this.#host.limits.datagram_bytes_max / 4) this.#flush(to, link);
    link.parcels.push(parcel);
    link.bytes += bytes;
    return true;
  }

  flush(): void {
    for (const [to, link] of this.#outgoing) if (link.parcels.length > 0) this.#flush(to, link);
  }

  /** Numbers of the last datagrams, for the heartbeat. */
  sent(): { [node: NodeId]: number } {
    const sent: { [node: NodeId]: number } = {};
    for (const [to, link] of this.#outgoing) sent[to] = link.sent;
    return sent;
  }

  receive(datagram: Extract<Datagram, readonly ['parcels', ...unknown[]]>): void {
    const [, from, incarnation, toIncarnation, number, parcels] = datagram;
    if (toIncarnation !== this.#host.incarnation) return;
    const link = this.#incomingOf(from, incarnation);
    if (number <= link.received) return;
    if (number !== link.received + 1) this.#gap(from);
    link.received = number;
    link.behindOnce = false;
    for (const parcel of parcels) this.#host.parcel(from, parcel);
  }

  /** Compares what a node says it has sent us with what came; twice behind is a loss. */
  heard(heartbeat: Heartbeat): void {
    const sent = heartbeat.sent[this.#host.node];
    if (sent === undefined) return;
    const link = this.#incomingOf(heartbeat.node, heartbeat.incarnation);
    if (sent <= link.received) {
      link.behindOnce = false;
      return;
    }
    if (!link.behindOnce) {
      link.behindOnce = true;
      return;
    }
    link.received = sent;
    link.behindOnce = false;
    this.#gap(heartbeat.node);
  }

  /** The incarnation of a node that we last heard from. */
  incarnationOf(node: NodeId): string | undefined {
    return this.#incoming.get(node)?.incarnation;
  }

  /** Throws away what waits for a node that has gone silent. It may be back: the numbers go on. */
  drop(node: NodeId): void {
    const link = this.#outgoing.get(node);
    if (link === undefined) return;
    link.parcels = [];
    link.bytes = 0;
    link.skipped = true;
  }

  #gap(from: NodeId): void {
    this.#host.ports.log.warn({ from }, 'datagrams of a node were lost');
    this.#host.missed(from);
    this.send(from, ['missed'], 16);
  }

  #incomingOf(from: NodeId, incarnation: string): Incoming {
    let link = this.#incoming.get(from);
    if (link?.incarnation !== incarnation) {
      link = { incarnation, received: 0, behindOnce: false };
      this.#incoming.set(from, link);
    }
    return link;
  }

  #flush(to: NodeId, link: Outgoing): void {
    const { parcels } = link;
    link.parcels = [];
    link.bytes = 0;
    link.sent += link.skipped ? 2 : 1;
    link.skipped = false;
    const { node, incarnation, ports } = this.#host;
    const datagram: Datagram = ['parcels', node, incarnation, link.incarnation, link.sent, parcels];
    ports.network.send(to, ports.codec.pack(datagram));
  }
}

/** A parcel's weight, near enough for batching. */
export function parcelBytes(body: unknown): number {
  return 48 + roughBytes(body);
}
