/** The ownership register as one node sees it: what was read last, and how it is changed. */
import type { NodeId, Owner, Ownership, PartitionId, Ports } from './ports.ts';

export interface View {
  readonly version: number;
  readonly owners: readonly (Owner | undefined)[];
  readonly epochs: readonly number[];
  /** The highest format of state that an owner of each may have written. */
  readonly formats: readonly number[];
  /** The node that an operator wants to own each, '' where the ring decides. */
  readonly pins: readonly (NodeId | '')[];
}

/** A node that is to own something, and the format of state that it writes. */
export interface NamedOwner extends Owner {
  readonly format: number;
}

export interface OwnershipViewHost {
  readonly ports: Ports;
  readonly self: Owner;
  readonly partitions: number;
  /** The view changed: open what is ours, drop what is not, send mail again to who moved. */
  changed(before: View, after: View): void;
  /** The register has a new version by our hand: the others should know. */
  wrote(version: number, value: Ownership): void;
}

/** Partitions that have another owner than before. */
export function movedBetween(before: View, after: View): Set<PartitionId> {
  const moved = new Set<PartitionId>();
  after.owners.forEach((owner, partition) => {
    const was = before.owners[partition];
    const same = was?.node === owner?.node && was?.incarnation === owner?.incarnation;
    if (owner !== undefined && (!same || before.epochs[partition] !== after.epochs[partition])) moved.add(partition);
  });
  return moved;
}

export class OwnershipView {
  readonly #host: OwnershipViewHost;
  #view: View;
  #readMs = Number.NEGATIVE_INFINITY;
  /** The look at the register that somebody waits for, and the one after it. */
  #reading: Promise<void> = Promise.resolve();
  #nextRead: Promise<void> | undefined;

  constructor(host: OwnershipViewHost) {
    this.#host = host;
    const none = Array.from({ length: host.partitions }, () => undefined);
    const [epochs, formats, pins] = [none.map(() => 0), none.map(() => 1), none.map(() => '')];
    this.#view = { version: 0, owners: none, epochs, formats, pins };
  }

  get view(): View {
    return this.#view;
  }

  /** When the last look at the register that succeeded began, monotonic ms: nobody had taken over by then but in the view. */
  get readMs(): number {
    return this.#readMs;
  }

  ownerOf(partition: PartitionId): Owner | undefined {
    return this.#view.owners[partition];
  }

  isMine(partition: PartitionId): boolean {
    return this.isSelf(this.#view.owners[partition]);
  }

  epochOf(partition: PartitionId): number {
    return this.#view.epochs[partition] ?? 0;
  }

  formatOf(partition: PartitionId): number {
    return this.#view.formats[partition] ?? 1;
  }

  /** The node that an operator wants to own it; '' where the ring decides. */
  pinOf(partition: PartitionId): NodeId | '' {
    return this.#view.pins[partition] ?? '';
  }

  /** Partitions that are this node's by the register. */
  get mine(): PartitionId[] {
    return this.#view.owners.flatMap((owner, partition) => (this.isSelf(owner) ? [partition] : []));
  }

  isSelf(owner: Owner | undefined): boolean {
    return owner?.node === this.#host.self.node && owner.incarnation === this.#host.self.incarnation;
  }

  /** Rejects when the register does not answer. */
  async refresh(): Promise<void> {
    const begunMs = this.#host.ports.clock.monotonicMs();
    const { version, value } = await this.#host.ports.ownership.read();
    this.#readMs = Math.max(this.#readMs, begunMs);
    if (value !== undefined) this.#adopt(version, value);
  }

  /** What the register holds as of a version, from whoever wrote it: nothing else ever is of that version. Proves no freshness. */
  told(version: number, value: Ownership): void {
    this.#adopt(version, value);
  }

  #adopt(version: number, { owners, epochs, formats, pins }: Ownership): void {
    if (version <= this.#view.version) return;
    if (owners.length !== this.#host.partitions) {
      throw new Error(`the cluster has ${owners.length} partitions, this node is set to ${this.#host.partitions}`);
    }
    const before = this.#view;
    const absent = { formats: formats ?? owners.map(() => 1), pins: pins ?? owners.map(() => '') };
    this.#view = { version, owners, epochs, ...absent };
    this.#host.changed(before, this.#view);
  }

  /** Resolves when a look at the register that began after this call has ended, well or not. */
  fresh(): Promise<void> {
    this.#nextRead ??= this.#reading.then(() => {
      this.#nextRead = undefined;
      this.#reading = this.refresh().catch(() => {});
      return this.#reading;
    });
    return this.#nextRead;
  }

  /** Names new owners, each in a new epoch. False when another write came first: the view is up to date then. */
  write(changes: ReadonlyMap<PartitionId, NamedOwner | undefined>): Promise<boolean> {
    const owners = [...this.#view.owners];
    const epochs = [...this.#view.epochs];
    const formats = [...this.#view.formats];
    for (const [partition, owner] of changes) {
      owners[partition] = owner && { node: owner.node, incarnation: owner.incarnation };
      if (owner === undefined) continue;
      epochs[partition] = (epochs[partition] ?? 0) + 1;
      formats[partition] = Math.max(formats[partition] ?? 1, owner.format);
    }
    return this.#put({ owners, epochs, formats, pins: this.#view.pins });
  }

  /** Says which nodes operators want to own partitions, '' for whom the ring wants; who owns what stays as it is. False as by `write`. */
  pin(changes: ReadonlyMap<PartitionId, NodeId | ''>): Promise<boolean> {
    const { owners, epochs, formats } = this.#view;
    const pins = [...this.#view.pins];
    for (const [partition, node] of changes) pins[partition] = node;
    return this.#put({ owners, epochs, formats, pins });
  }

  async #put(value: Ownership): Promise<boolean> {
    const begunMs = this.#host.ports.clock.monotonicMs();
    const version = await this.#host.ports.ownership.write(this.#view.version, value);
    if (version === undefined) {
      await this.refresh();
      return false;
    }
    this.#readMs = Math.max(this.#readMs, begunMs);
    this.#adopt(version, value);
    this.#host.wrote(version, value);
    return true;
  }
}
