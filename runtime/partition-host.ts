import type { Address, AnyBehaviour } from './actor.ts';
import type { Cell } from './cell.ts';
import type { Limits } from './limits.ts';
import type { Partition } from './partition.ts';
import type { PartitionId, Ports } from './ports.ts';
import type { ChannelMail } from './record.ts';
import type { Told } from './told.ts';
import type { Output } from './turn.ts';

/** What a partition needs of its node. */
export interface PartitionHost {
  readonly ports: Ports;
  readonly limits: Limits;
  /** What operators are told of; absent: nobody is. */
  readonly told?: Told;
  /** `node.incarnation`: who writes. */
  readonly writer: string;
  behaviourOf(address: Address): AnyBehaviour | undefined;
  partitionOf(address: Address): PartitionId;
  /** The cell has mail to handle. */
  ready(partition: Partition, cell: Cell): void;
  /** These have passed the gate. */
  release(outputs: readonly Output[]): void;
  /** Durable mail on its way to another partition. */
  transmit(from: Partition, to: PartitionId, mails: readonly ChannelMail[]): void;
  /** All mail of the channel up to `upTo` is committed here: its sender may forget it. */
  settle(at: Partition, from: PartitionId, upTo: number): void;
  /** An invariant does not hold here. */
  broken(partition: Partition, error: unknown): void;
}
