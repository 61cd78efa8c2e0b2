/** The post of a node: takes mail, replies and pushes from where they come up to the partition, ask or socket they are for. */
import type { Address, Push } from './actor.ts';
import { Asks, type PendingAsk } from './asks.ts';
import { volatileMail } from './cell.ts';
import type { Refusal } from './door.ts';
import { followIn, followOut, leaving } from './following.ts';
import type { Limits } from './limits.ts';
import { type Links, parcelBytes } from './links.ts';
import { Outlets } from './outlets.ts';
import { askerOf, type Parcel } from './parcel.ts';
import type { Partition } from './partition.ts';
import type { NodeId, Owner, PartitionId, Ports } from './ports.ts';
import { type ChannelMail, packMail, unpackMail } from './record.ts';
import { Shed } from './shed.ts';
import { Signals } from './signals.ts';
import type { Output } from './turn.ts';

type Body = { readonly kind: string };

export interface PostHost {
  readonly ports: Ports;
  readonly limits: Limits;
  readonly self: Owner;
  readonly links: Links;
  partitionOf(address: Address): PartitionId;
  ownerOf(partition: PartitionId): Owner | undefined;
  /** Epoch of that owner. */
  epochOf(partition: PartitionId): number;
  /** A partition that this node serves now. */
  serving(partition: PartitionId): Partition | undefined;
  /** This node has claimed the partition and is opening it. */
  opening(partition: PartitionId): boolean;
  /** The view is out of date: another node was sent what it does not own. */
  doubtView(): void;
  /** Resolves when a look at the register that began after this call has ended, well or not. */
  freshView(): Promise<void>;
  /** `node` has missed mail of ours, or may have. */
  resend(to: NodeId): void;
}

/** What comes for a partition, from another node or, undefined, from this one. */
type Incoming = Extract<Parcel, readonly ['mail' | 'whisper' | 'ask', ...unknown[]]>;
type Sender = { readonly node: NodeId; readonly incarnation: string } | undefined;

export class Post {
  readonly asks: Asks;
  readonly outlets: Outlets;
  readonly signals: Signals;
  readonly #host: PostHost;
  /** Partitions that are not known here, and for whose owner the register is asked. */
  readonly #looking = new Set<PartitionId>();
  readonly #shed = new Shed();
  /** Mail for partitions that are being opened: handed over when they are. Also for those that may be, as soon as the register is read. */
  readonly #parked = new Map<PartitionId, { readonly parcel: Incoming; readonly from: Sender }[]>();

  constructor(host: PostHost) {
    this.#host = host;
    this.asks = new Asks(host.ports, host.limits, (ask) => this.#sendAsk(ask));
    this.outlets = new Outlets(host.self.node, host.self.incarnation, host.ports.log);
    this.signals = new Signals(host.ports.log);
  }

  // ---------------------------------------------------------------- from partitions, past the gate

  release(outputs: readonly Output[]): void {
    for (const output of outputs) this.#release(output);
  }

  #release(output: Output): void {
    const { self, links, ports } = this.#host;
    switch (output.kind) {
      case 'push': {
        const { outlet, push } = output;
        const { node, incarnation, id } = outlet;
        const trace = leaving(ports.tracer, output);
        if (node !== self.node) links.send(node, pushParcel(id, push, trace), parcelBytes(push), incarnation);
        else if (outlet.incarnation === self.incarnation) this.outlets.push(outlet.id, push, trace);
        return;
      }
      case 'whisper':
        this.whisper(output.to, output.from, output.body, output.trace);
        return;
      case 'signal':
        this.signals.raise(output.name, output.from, output.value);
        return;
      case 'reply':
        if (output.node !== self.node) {
          const { node, incarnation, ask, value } = output;
          links.send(node, ['reply', ask, value], parcelBytes(value), incarnation);
        } else if (output.incarnation === self.incarnation) this.asks.replied(output.ask, output.value);
        return;
      case 'refusal':
        if (output.node !== self.node)
          links.send(output.node, ['refuse', output.ask, output.why], 32, output.incarnation);
        else if (output.incarnation === self.incarnation) this.asks.refused(output.ask, output.why);
        return;
    }
  }

  transmit(from: PartitionId, to: PartitionId, sendable: readonly ChannelMail[]): void {
    const mails = followOut(this.#host.ports.tracer, sendable);
    const local = this.#host.serving(to);
    if (local !== undefined) {
      local.receive(from, mails);
      return;
    }
    const owner = this.#remote(to);
    if (owner === undefined) return;
    let batch: ChannelMail[] = [];
    let bytes = 0;
    for (const mail of mails) {
      batch.push(mail);
      bytes += parcelBytes(mail.body);
      if (bytes < this.#host.limits.datagram_bytes_max / 4) continue;
      this.#host.links.send(owner, mailParcel(from, to, batch), bytes);
      batch = [];
      bytes = 0;
    }
    if (batch.length > 0) this.#host.links.send(owner, mailParcel(from, to, batch), bytes);
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

  whisper(to: Address, from: Address | undefined, body: Body, trace?: string): 'ok' | 'full' | 'moved' {
    const partition = this.#host.partitionOf(to);
    const local = this.#host.serving(partition);
    if (local !== undefined) return local.deliver(volatileMail(to, from, body, trace));
    const left = trace === undefined ? undefined : this.#host.ports.tracer?.left(trace);
    const parcel = (epoch: number): Incoming =>
      left === undefined
        ? ['whisper', to, from ?? null, body, epoch]
        : ['whisper', to, from ?? null, body, epoch, left];
    if (this.#host.opening(partition)) return this.#park(partition, parcel(0), undefined);
    const owner = this.#remote(partition);
    if (owner === undefined) return 'moved';
    return this.#host.links.send(owner, parcel(this.#host.epochOf(partition)), parcelBytes(body)) ? 'ok' : 'moved';
  }

  #sendAsk(ask: PendingAsk): void {
    const local = this.#host.serving(ask.partition);
    const { self } = this.#host;
    if (local !== undefined) {
      const asker = askerOf(self.node, self.incarnation, ask.id);
      const taken = local.deliver(volatileMail(ask.to, undefined, ask.body, undefined, asker));
      ask.at = taken === 'ok' ? self.node : undefined;
      return;
    }
    const owner = this.#remote(ask.partition);
    if (owner === undefined) return;
    const epoch = this.#host.epochOf(ask.partition);
    if (this.#host.links.send(owner, ['ask', ask.id, ask.to, ask.body, epoch], parcelBytes(ask.body))) ask.at = owner;
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
        this.#toPartition({ node: from, incarnation: this.#host.links.incarnationOf(from) ?? '' }, parcel);
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
        this.outlets.push(parcel[1], unpackPush(parcel[2]), parcel[3]);
        return;
      case 'stranger':
        this.#host.doubtView();
        this.outlets.moved((partition) => partition === parcel[1]);
        return;
      case 'shed':
        this.outlets.moved((partition) => partition === parcel[1]);
        return;
      case 'missed':
        this.missedBy(from);
        this.#host.resend(from);
        return;
      case 'forgot':
        this.#outletsAt(from);
        return;
    }
  }

  /** To be called in a steady rhythm: tells whose whispers were dropped here that there is room again. */
  tellShed(): void {
    const { links, serving } = this.#host;
    this.#shed.ease(
      (partition) => {
        const local = serving(partition);
        return local === undefined ? 'gone' : local.pressedBy === undefined ? 'eased' : 'pressed';
      },
      (partition, node, incarnation) => links.send(node, ['shed', partition], 32, incarnation),
    );
  }

  /** Something between `node` and us was lost: its answers to asks, or the asks; pushes to our sockets, or what they sent. */
  missedBy(node: NodeId): void {
    this.asks.lost((ask) => ask.at === node, 'a datagram was lost');
    this.#outletsAt(node);
  }

  /** Those whose actors live there are to be introduced again. */
  #outletsAt(node: NodeId): void {
    this.outlets.moved((partition) => this.#host.ownerOf(partition)?.node === node);
  }

  #toPartition(from: NonNullable<Sender>, parcel: Incoming): void {
    const partition =
      parcel[0] === 'mail' ? parcel[2] : this.#host.partitionOf(parcel[0] === 'ask' ? parcel[2] : parcel[1]);
    const local = this.#host.serving(partition);
    if (local !== undefined && !isForLater(parcel, local)) this.#handOver(local, from, parcel);
    else if (this.#host.opening(partition)) this.#park(partition, parcel, from);
    else {
      // Who sent it may know of our ownership before we do, or that the one we know of is at its end.
      this.#park(partition, parcel, from);
      if (this.#looking.has(partition)) return;
      this.#looking.add(partition);
      void this.#host.freshView().then(() => this.#looked(partition));
    }
  }

  #looked(partition: PartitionId): void {
    this.#looking.delete(partition);
    const local = this.#host.serving(partition);
    const parked = this.#parked.get(partition) ?? [];
    if (local !== undefined && !parked.some(({ parcel }) => isForLater(parcel, local))) this.opened(local);
    else if (!this.#host.opening(partition)) this.#turnAway(partition);
  }

  /** What was parked is certainly not carried out here. One word is enough for all that a node has sent. */
  #turnAway(partition: PartitionId): void {
    const parked = this.#parked.get(partition) ?? [];
    this.#parked.delete(partition);
    const senders = new Map<NodeId, string>();
    for (const { parcel, from } of parked) {
      if (parcel[0] === 'ask') this.#refuse(parcel[1], from, 'moved');
      else if (from !== undefined) senders.set(from.node, from.incarnation);
    }
    for (const [node, incarnation] of senders) this.#host.links.send(node, ['stranger', partition], 32, incarnation);
  }

  /** Certainly not carried out here. */
  #refuse(ask: number, from: Sender, why: Refusal): void {
    if (from !== undefined) this.#host.links.send(from.node, ['refuse', ask, why], 32, from.incarnation);
  }

  #handOver(local: Partition, from: Sender, parcel: Incoming): void {
    if (parcel[0] === 'mail') local.receive(parcel[1], mailsOf(parcel));
    else if (parcel[0] === 'whisper') {
      const [, to, sender, body, , trace] = parcel;
      const come = volatileMail(to, sender ?? undefined, body);
      const mail = followIn(this.#host.ports.tracer, come, trace, 'whisper');
      if (local.deliver(mail) === 'full' && from !== undefined) this.#shed.add(local.id, from.node, from.incarnation);
    } else if (from !== undefined) {
      const [, id, to, body] = parcel;
      const asker = askerOf(from.node, from.incarnation, id);
      const taken = local.deliver(volatileMail(to, undefined, body, undefined, asker));
      if (taken === 'full') this.#refuse(id, from, 'full');
    }
  }

  // ---------------------------------------------------------------- partitions that are being opened

  #park(partition: PartitionId, parcel: Incoming, from: Sender): 'ok' | 'full' {
    let parked = this.#parked.get(partition);
    if (parked === undefined) {
      parked = [];
      this.#parked.set(partition, parked);
    }
    // What does not fit is lost as a datagram may be: durable mail is sent again.
    if (parked.length >= this.#host.limits.mailbox_mails_max) {
      this.#host.ports.probe?.count('bounds_reached', 'runtime.mailbox_mails_max', 1);
      if (parcel[0] === 'ask') this.#refuse(parcel[1], from, 'full');
      return 'full';
    }
    parked.push({ parcel, from });
    return 'ok';
  }

  opened(partition: Partition): void {
    const parked = this.#parked.get(partition.id) ?? [];
    this.#parked.delete(partition.id);
    for (const { parcel, from } of parked) this.#handOver(partition, from, parcel);
  }

  /** The partition will not be opened here after all. */
  notOpened(partition: PartitionId): void {
    this.#turnAway(partition);
    this.outlets.moved((one) => one === partition);
  }
}

function isForLater(parcel: Incoming, { position }: Partition): boolean {
  return parcel[0] !== 'mail' && position.epoch < parcel[4];
}

type MailParcel = Extract<Parcel, readonly ['mail', ...unknown[]]>;

function mailParcel(from: PartitionId, to: PartitionId, mails: readonly ChannelMail[]): MailParcel {
  const packed = mails.map((mail) => packMail(mail, mail.body));
  const followed = mails.filter(({ trace }) => trace !== undefined);
  if (followed.length === 0) return ['mail', from, to, packed];
  return ['mail', from, to, packed, followed.map(({ seq, trace = '' }) => [seq, trace])];
}

function mailsOf([, , , packed, traces]: MailParcel): readonly ChannelMail[] {
  const mails = packed.map((mail) => unpackMail(mail, mail[3]));
  if (traces === undefined) return mails;
  const bySeq = new Map(traces);
  return mails.map((mail) => {
    const trace = bySeq.get(mail.seq);
    return trace === undefined ? mail : { ...mail, trace };
  });
}

function pushParcel(outlet: number, push: Push, trace: string | undefined): Parcel {
  return trace === undefined ? ['push', outlet, packPush(push)] : ['push', outlet, packPush(push), trace];
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
