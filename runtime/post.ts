/** The post of a node: takes mail, replies and pushes from where they come up to the partition, ask or socket they are for. */
import type { Address, Push } from './actor.ts';
import { Asks, type PendingAsk } from './asks.ts';
import type { Limits } from './limits.ts';
import { type Links, parcelBytes } from './links.ts';
import { Outlets } from './outlets.ts';
import { askerOf, type Parcel } from './parcel.ts';
import type { Partition } from './partition.ts';
import type { NodeId, Owner, PartitionId, Ports } from './ports.ts';
import { type ChannelMail, type PackedMail, packMail, unpackMail } from './record.ts';
import type { Output } from './turn.ts';

type Body = { readonly kind: string };

export interface PostHost {
  readonly ports: Ports;
  readonly limits: Limits;
  readonly self: Owner;
  readonly links: Links;
  partitionOf(address: Address): PartitionId;
  ownerOf(partition: PartitionId): Owner | undefined;
  /** A partition that this node serves now. */
  serving(partition: PartitionId): Partition | undefined;
  /** This node has claimed the partition and is opening it. */
  opening(partition: PartitionId): boolean;
  /** The view is out of date: someone sent us, or was sent by us, what another node owns. */
  doubtView(): void;
}

/** Mail for partitions that are being opened: handed over when they are. */
type Parked = { readonly mails: Parcel[]; readonly from: (NodeId | undefined)[] };

export class Post {
  readonly asks: Asks;
  readonly outlets: Outlets;
  readonly #host: PostHost;
  readonly #parked = new Map<PartitionId, Parked>();

  constructor(host: PostHost) {
    this.#host = host;
    this.asks = new Asks(host.ports, host.limits, (ask) => this.#sendAsk(ask));
    this.outlets = new Outlets(host.self.node, host.self.incarnation);
  }

  // ---------------------------------------------------------------- from partitions, past the gate

  release(outputs: readonly Output[]): void {
    for (const output of outputs) this.#release(output);
  }

  #release(output: Output): void {
    const { self, links } = this.#host;
    switch (output.kind) {
      case 'push': {
        const { outlet, push } = output;
        if (outlet.node !== self.node) links.send(outlet.node, ['push', outlet.id, packPush(push)], parcelBytes(push));
        else if (outlet.incarnation === self.incarnation) this.outlets.push(outlet.id, push);
        return;
      }
      case 'whisper':
        this.whisper(output.to, output.from, output.body);
        return;
      case 'reply':
        if (output.node !== self.node) {
          links.send(output.node, ['reply', output.ask, output.value], parcelBytes(output.value));
        } else if (output.incarnation === self.incarnation) this.asks.replied(output.ask, output.value);
        return;
      case 'refusal':
        if (output.node !== self.node) links.send(output.node, ['refuse', output.ask, output.why], 32);
        else if (output.incarnation === self.incarnation) this.asks.refused(output.ask, output.why);
        return;
    }
  }

  transmit(from: PartitionId, to: PartitionId, mails: readonly ChannelMail[]): void {
    const local = this.#host.serving(to);
    if (local !== undefined) {
      local.receive(from, mails);
      return;
    }
    const owner = this.#remote(to);
    if (owner === undefined) return;
    let batch: PackedMail[] = [];
    let bytes = 0;
    for (const mail of mails) {
      batch.push(packMail(mail));
      bytes += parcelBytes(mail.body);
      if (bytes < this.#host.limits.datagram_bytes_max / 4) continue;
      this.#host.links.send(owner, ['mail', from, to, batch], bytes);
      batch = [];
      bytes = 0;
    }
    if (batch.length > 0) this.#host.links.send(owner, ['mail', from, to, batch], bytes);
  }

  settle(at: PartitionId, from: PartitionId, upTo: number): void {
    const local = this.#host.serving(from);
    if (local !== undefined) local.settled(at, upTo);
    else {
      const owner = this.#remote(from);
      if (owner !== undefined) this.#host.links.send(owner, ['settle', from, at, upTo], 32);
    }
  }

  // ---------------------------------------------------------------- volatile mail

  whisper(to: Address, from: Address | undefined, body: Body): 'ok' | 'full' | 'moved' {
    const partition = this.#host.partitionOf(to);
    const local = this.#host.serving(partition);
    if (local !== undefined) return local.deliver({ to, body, from, asker: undefined, origin: undefined, tries: 0 });
    if (this.#host.opening(partition)) return this.#park(partition, ['whisper', to, from ?? null, body], undefined);
    const owner = this.#remote(partition);
    if (owner === undefined) return 'moved';
    return this.#host.links.send(owner, ['whisper', to, from ?? null, body], parcelBytes(body)) ? 'ok' : 'moved';
  }

  #sendAsk(ask: PendingAsk): void {
    const local = this.#host.serving(ask.partition);
    const { self } = this.#host;
    if (local !== undefined) {
      const asker = askerOf(self.node, self.incarnation, ask.id);
      const taken = local.deliver({ to: ask.to, body: ask.body, from: undefined, asker, origin: undefined, tries: 0 });
      ask.at = taken === 'ok' ? self.node : undefined;
      return;
    }
    const owner = this.#remote(ask.partition);
    if (owner === undefined) return;
    if (this.#host.links.send(owner, ['ask', ask.id, ask.to, ask.body], parcelBytes(ask.body))) ask.at = owner;
  }

  /** The other node that owns a partition as far as we know. */
  #remote(partition: PartitionId): NodeId | undefined {
    const owner = this.#host.ownerOf(partition);
    return owner === undefined || owner.node === this.#host.self.node ? undefined : owner.node;
  }

  // ---------------------------------------------------------------- from other nodes

  parcel(from: NodeId, parcel: Parcel): void {
    switch (parcel[0]) {
      case 'mail':
      case 'whisper':
      case 'ask':
        this.#toPartition(from, parcel);
        return;
      case 'settle':
        this.#host.serving(parcel[1])?.settled(parcel[2], parcel[3]);
        return;
      case 'reply':
        this.asks.replied(parcel[1], parcel[2]);
        return;
      case 'refuse':
        this.asks.refused(parcel[1], parcel[2]);
        return;
      case 'push':
        this.outlets.push(parcel[1], unpackPush(parcel[2]));
        return;
      case 'stranger':
        this.#host.doubtView();
        this.outlets.moved((partition) => partition === parcel[1]);
        return;
      case 'missed':
        this.missedBy(from);
        return;
    }
  }

  /** `node` has missed some of what we sent it: resend mail, let sockets introduce themselves again. */
  missedBy(node: NodeId): void {
    this.asks.lost((ask) => ask.at === node, 'a datagram was lost');
    this.outlets.moved((partition) => this.#host.ownerOf(partition)?.node === node);
  }

  #toPartition(
    from: NodeId | undefined,
    parcel: Extract<Parcel, readonly ['mail' | 'whisper' | 'ask', ...unknown[]]>,
  ): void {
    const partition =
      parcel[0] === 'mail' ? parcel[2] : this.#host.partitionOf(parcel[0] === 'ask' ? parcel[2] : parcel[1]);
    const local = this.#host.serving(partition);
    if (local !== undefined) this.#handOver(local, from, parcel);
    else if (this.#host.opening(partition)) this.#park(partition, parcel, from);
    else if (from !== undefined) {
      this.#host.doubtView();
      if (parcel[0] === 'ask') this.#host.links.send(from, ['refuse', parcel[1], 'moved'], 32);
      else this.#host.links.send(from, ['stranger', partition], 32);
    }
  }

  #handOver(local: Partition, from: NodeId | undefined, parcel: Parcel): void {
    if (parcel[0] === 'mail') local.receive(parcel[1], parcel[3].map(unpackMail));
    else if (parcel[0] === 'whisper') {
      const [, to, sender, body] = parcel;
      local.deliver({ to, body, from: sender ?? undefined, asker: undefined, origin: undefined, tries: 0 });
    } else if (parcel[0] === 'ask' && from !== undefined) {
      const [, id, to, body] = parcel;
      const incarnation = this.#host.links.incarnationOf(from);
      const asker = askerOf(from, incarnation ?? '', id);
      const taken = local.deliver({ to, body, from: undefined, asker, origin: undefined, tries: 0 });
      if (taken === 'full') this.#host.links.send(from, ['refuse', id, 'full'], 32);
    }
  }

  // ---------------------------------------------------------------- partitions that are being opened

  #park(partition: PartitionId, parcel: Parcel, from: NodeId | undefined): 'ok' | 'full' {
    let parked = this.#parked.get(partition);
    if (parked === undefined) {
      parked = { mails: [], from: [] };
      this.#parked.set(partition, parked);
    }
    // What does not fit is lost as a datagram may be: durable mail is sent again, and an ask's deadline tells.
    if (parked.mails.length >= this.#host.limits.mailbox_mails_max) return 'full';
    parked.mails.push(parcel);
    parked.from.push(from);
    return 'ok';
  }

  opened(partition: Partition): void {
    const parked = this.#parked.get(partition.id);
    this.#parked.delete(partition.id);
    parked?.mails.forEach((parcel, i) => {
      this.#handOver(partition, parked.from[i], parcel);
    });
  }

  /** The partition will not be opened here after all. */
  notOpened(partition: PartitionId): void {
    this.#parked.delete(partition);
    this.outlets.moved((one) => one === partition);
  }
}

type PackedPush = Extract<Parcel, readonly ['push', ...unknown[]]>[2];

function packPush(push: Push): PackedPush {
  if (typeof push === 'string' || push instanceof Uint8Array) return push;
  return [push.close, push.word];
}

function unpackPush(packed: PackedPush): Push {
  return Array.isArray(packed)
    ? { close: packed[0] as number, word: packed[1] as string }
    : (packed as Uint8Array | string);
}
