import type { Limits } from './limits.ts';
import type { Heartbeat, Members } from './members.ts';
import type { Datagram, Parcel } from './parcel.ts';
import type { NodeId, Ports } from './ports.ts';
import { roughBytes } from './size.ts';

/** Processes of one node's name whose numbers are remembered. */
const processes_max = 4;

interface Outgoing {
  readonly incarnation: string;
  /** Number of the last datagram. One more for each parcel thrown away while the node was silent: a gap, for it to notice. */
  sent: number;
  parcels: Parcel[];
  bytes: number;
  /** Somebody waits for one of them. */
  pressing: boolean;
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
  /** By node, its processes that something was for lately: as a rule one. */
  readonly #outgoing = new Map<NodeId, Map<string, Outgoing>>();
  readonly #incoming = new Map<NodeId, Incoming>();

  constructor(host: LinksHost) {
    this.#host = host;
  }

  /**
   * False when nothing was queued: the node is not alive as far as we know, or not the incarnation that this is for, or the parcel is
   * too large. `bytes` is an estimate.
   */
  send(to: NodeId, parcel: Parcel, bytes: number, only?: string): boolean {
    const alive = this.#host.members.get(to)?.incarnation;
    const incarnation = alive ?? only ?? this.#lastOf(to)?.incarnation ?? this.#incoming.get(to)?.incarnation;
    if (incarnation === undefined || (only !== undefined && only !== incarnation)) return false;
    const link = this.#outgoingOf(to, incarnation);
    if (alive === undefined || bytes > this.#host.limits.datagram_bytes_max / 2) {
      if (alive !== undefined) {
        this.#host.ports.log.error({ to, kind: parcel[0], bytes }, 'a parcel is larger than a datagram may be');
      }
      link.sent++;
      return false;
    }
    if (link.bytes + bytes > this.#host.limits.datagram_bytes_max / 4) this.#flush(to, link);
    link.parcels.push(parcel);
    link.bytes += bytes;
    link.pressing ||= parcel[0] !== 'settle';
    return true;
  }

  /** Sends what somebody waits for, and what else is for the same node. Nobody waits for a `settle`: it may wait for company. */
  flushPressing(): void {
    for (const [to, links] of this.#outgoing) {
      for (const link of links.values()) if (link.pressing) this.#flush(to, link);
    }
  }

  /** Sends all that waits. */
  flush(): void {
    for (const [to, links] of this.#outgoing) {
      for (const link of links.values()) if (link.parcels.length > 0) this.#flush(to, link);
    }
  }

  /** Numbers of the last datagrams to those that are alive, for the heartbeat. */
  sent(): Heartbeat['sent'] {
    const sent: { [node: NodeId]: readonly [string, number] } = {};
    for (const { node, incarnation } of this.#host.members.all()) {
      const link = this.#outgoing.get(node)?.get(incarnation);
      if (link !== undefined) sent[node] = [incarnation, link.sent];
    }
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
    for (const parcel of parcels) {
      try {
        this.#host.parcel(from, parcel);
      } catch (error) {
        // The others of its datagram are not to be lost with it.
        this.#host.ports.log.error({ from, kind: parcel[0], error }, 'a parcel was passed over');
      }
    }
  }

  /** Compares what a node says it has sent us with what came; twice behind is a loss. */
  heard(heartbeat: Heartbeat): void {
    const [incarnation, sent] = heartbeat.sent[this.#host.node] ?? [];
    // What it sent to this node's process before has nothing to do with this one.
    if (sent === undefined || incarnation !== this.#host.incarnation) return;
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
    for (const link of this.#outgoing.get(node)?.values() ?? []) {
      if (link.parcels.length === 0) continue;
      link.parcels = [];
      link.bytes = 0;
      link.pressing = false;
      link.sent++;
    }
  }

  /** This incarnation of the node is gone for good. */
  forget(node: NodeId): void {
    this.#outgoing.delete(node);
    this.#incoming.delete(node);
  }

  #outgoingOf(to: NodeId, incarnation: string): Outgoing {
    let links = this.#outgoing.get(to);
    if (links === undefined) {
      links = new Map();
      this.#outgoing.set(to, links);
    }
    let link = links.get(incarnation);
    if (link === undefined) {
      link = { incarnation, sent: 0, parcels: [], bytes: 0, pressing: false };
      links.set(incarnation, link);
      const [oldest] = links.keys();
      if (oldest !== undefined && links.size > processes_max) links.delete(oldest);
    }
    return link;
  }

  #lastOf(node: NodeId): Outgoing | undefined {
    return [...(this.#outgoing.get(node)?.values() ?? [])].at(-1);
  }

  #gap(from: NodeId): void {
    this.#host.ports.log.warn({ from }, 'datagrams of a node were lost');
    this.#host.ports.probe?.count('datagrams_lost', '', 1);
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
    link.pressing = false;
    link.sent++;
    const { node, incarnation, ports } = this.#host;
    const datagram: Datagram = ['parcels', node, incarnation, link.incarnation, link.sent, parcels];
    try {
      ports.network.send(to, ports.codec.pack(datagram));
    } catch (error) {
      // Its number is used up, so the other end will notice.
      ports.log.error({ to, error }, 'a datagram was not sent');
    }
  }
}

/** A parcel's weight, near enough for batching. */
export function parcelBytes(body: unknown): number {
  return 48 + roughBytes(body);
}
