/** What travels between nodes: parcels, many in a datagram. Arrays, for they are packed and unpacked for every message. */
import type { Address, ReplyTo } from './actor.ts';
import type { Refusal } from './door.ts';
import type { Inspected, Question } from './inspection.ts';
import type { Heartbeat } from './members.ts';
import type { Ownership, PartitionId } from './ports.ts';
import type { PackedMail } from './record.ts';

type Body = { readonly kind: string };

/** A `trace` goes along with what is followed, and only then. It counts for no bytes: a parcel's estimate leaves room for it. */
export type Parcel =
  | readonly [
      kind: 'mail',
      from: PartitionId,
      to: PartitionId,
      mails: readonly PackedMail[],
      traces?: readonly (readonly [seq: number, trace: string])[],
    ]
  | readonly [kind: 'settle', from: PartitionId, to: PartitionId, upTo: number]
  /** `epoch`: of the partition's owner, as the sender knows it. An owner of a lower one is not whom it is for. */
  | readonly [kind: 'whisper', to: Address, from: Address | null, body: Body, epoch: number, trace?: string]
  | readonly [kind: 'ask', ask: number, to: Address, body: Body, epoch: number]
  | readonly [kind: 'reply', ask: number, value: unknown]
  | readonly [kind: 'refuse', ask: number, why: Refusal]
  | readonly [
      kind: 'push',
      outlet: number,
      push: string | Uint8Array | readonly [code: number, word: string],
      trace?: string,
    ]
  /** Mail for a partition that the sender of this does not own. */
  | readonly [kind: 'stranger', partition: PartitionId]
  /** Whispers for this partition were dropped, because it was at its bound; there is room again. */
  | readonly [kind: 'shed', partition: PartitionId]
  /** The sender of this missed something that the other had sent. */
  | readonly [kind: 'missed']
  /** The sender of this took the other for lost, and has forgotten its outlets. */
  | readonly [kind: 'forgot'];

/** Number of the last record of each partition that is handed over. */
export type Ends = readonly (readonly [partition: PartitionId, number: number])[];

/** One datagram: numbered from 1 for each pair of incarnations, so that both ends notice when one is lost. */
export type Datagram =
  | readonly [
      kind: 'parcels',
      from: string,
      incarnation: string,
      toIncarnation: string,
      number: number,
      parcels: readonly Parcel[],
    ]
  | readonly [kind: 'heartbeat', heartbeat: Heartbeat]
  | readonly [kind: 'goodbye', node: string, incarnation: string]
  /** What the sender of this has just written to the ownership register: a look saved. */
  | readonly [kind: 'view', version: number, value: Ownership]
  /** What the sender of this is about to hand over. */
  | readonly [kind: 'ends', ends: Ends]
  /** An operator's word: the node is to give its partitions away, or to take its share again. */
  | readonly [kind: 'drain', node: string, draining: boolean]
  /** What an operator wants to know of the node, asked by another. */
  | readonly [kind: 'question', node: string, asker: Inquirer, question: Question]
  | readonly [kind: 'answer', asker: Inquirer, answer: Inspected<unknown>];

/** About what an operator wants to know. */
export type Inquiry = Extract<Datagram, readonly ['question' | 'answer', ...unknown[]]>;

/** Which question of which process. */
export type Inquirer = readonly [node: string, incarnation: string, question: number];

/** Node and number of an ask, as the asker that an actor sees. */
export function askerOf(node: string, incarnation: string, ask: number): ReplyTo {
  return { to: [node, incarnation, ask], tag: 0 };
}
