/** What may be asked of a node about the engine in it: the words between an operator's console and nodes, and between nodes on its behalf. */
import type { Address } from './actor.ts';
import type { EventsAsk, EventsPage } from './chronicle.ts';
import type { DeadLetter } from './dead-letter.ts';
import type { MailAsk, MailNews } from './mail-samples.ts';
import type { Fitness } from './members.ts';
import type { NodeId, PartitionId } from './ports.ts';
import type { TurnNote } from './turn-log.ts';
import type { Rates } from './written.ts';

/** What a node tells of itself. Sums are since it started. */
export interface NodeReport {
  readonly node: NodeId;
  readonly incarnation: string;
  readonly role: 'owner' | 'guest';
  readonly notice: string;
  readonly leaving: boolean;
  readonly fitness: Fitness;
  readonly format: number;
  /** Version of the ownership register that it acts on. */
  readonly view: number;
  readonly owns: number;
  /** Wall time, ms. */
  readonly startedAt: number;
  readonly awakeActors: number;
  readonly waitingMails: number;
  readonly outboxMails: number;
  readonly turns: number;
  readonly appends: number;
  readonly records: number;
  readonly recordTurns: number;
  readonly recordBytes: number;
  /** What the process around the engine tells of itself, by name. */
  readonly figures: { readonly [name: string]: number };
}

/** What the owner of a partition tells of it. */
export interface PartitionReport {
  readonly partition: PartitionId;
  readonly epoch: number;
  /** Of the last committed record. */
  readonly number: number;
  /** Rolling hash of all records up to it. */
  readonly chain: number;
  readonly awakeActors: number;
  readonly waitingMails: number;
  /** Sent to other partitions and not taken yet. */
  readonly outboxMails: number;
  /** Committed rows that wait for the local store. */
  readonly rowsWaiting: number;
  /** Of the records that were committed by this owner: in all, and records and bytes a second of late. */
  readonly recordBytes: number;
  readonly rates: Rates;
  readonly snapshot:
    | {
        readonly seq: number;
        readonly at: number;
        readonly bytes: number;
        readonly segments: number;
        readonly failures: number;
      }
    | undefined;
}

/** A channel between this partition and another. */
export interface ChannelReport {
  readonly partition: PartitionId;
  /** Number of the next mail to it, and up to which all that was sent is taken there. */
  readonly nextSeq: number;
  readonly settled: number;
  readonly waiting: number;
  /** All mail from it up to here is taken here. */
  readonly watermark: number;
}

export interface ActorEntry {
  readonly address: Address;
  readonly awake: boolean;
  readonly waitingMails: number;
}

export interface ActorReport {
  readonly address: Address;
  readonly partition: PartitionId;
  readonly epoch: number;
  readonly awake: boolean;
  /** Since its last mail; 0 for one that is asleep. */
  readonly idleMs: number;
  /** Kinds of the mails that wait, oldest first. */
  readonly waitingMails: readonly string[];
  readonly tables: readonly string[];
  /** Durable ones; `at` in wall time, ms. */
  readonly timers: readonly { readonly name: string; readonly at: number; readonly mail: string }[];
  /** Its last turns since somebody looks at it, oldest first. */
  readonly turns: readonly TurnNote[];
}

export interface ActorRow {
  readonly key: string;
  readonly value: unknown;
}

export interface FoundLetter extends DeadLetter {
  readonly id: string;
}

/** What the replay of a partition's snapshot and journal found, compared with what its owner held. */
export interface VerifyReport {
  /** Which compared it. */
  readonly node: NodeId;
  readonly partition: PartitionId;
  readonly epoch: number;
  /** Of the record up to which both were compared. */
  readonly number: number;
  /** That it began from: number of its last record, and the wall time of its making, ms. Absent: from the journal's beginning. */
  readonly snapshot: { readonly number: number; readonly at: number } | undefined;
  /** Replayed after the snapshot. */
  readonly records: number;
  /** Compared. */
  readonly rows: number;
  /** Read from archive and journal. */
  readonly bytes: number;
  readonly tookMs: number;
  /** Rolling hash at `number`: the owner's, and the replay's; 0 where it did not get there. */
  readonly expected: number;
  readonly found: number;
  /** Rows that the owner lacks, that it has and should not, and that are other ones. */
  readonly missing: number;
  readonly extra: number;
  readonly different: number;
  /** The first ones; never their keys, nor what they say. `actor` is empty for rows of the partition itself. */
  readonly named: readonly {
    readonly how: 'missing' | 'extra' | 'different';
    readonly actor: Address;
    readonly table: string;
  }[];
  /** What could not be read because it is damaged; then what comes after it was not compared. */
  readonly broken: '' | 'journal' | 'snapshot' | 'store';
  readonly why: string;
}

/** `next`: what to ask after for the next page; '' at the end. */
interface Page<T> {
  readonly list: readonly T[];
  readonly next: string;
}

interface Cut {
  /** What was last on the page before; '' for the first page. */
  readonly after: string;
  readonly limit: number;
}

/** The record that wrote a row first. */
export interface RowOrigin {
  readonly number: number;
  readonly epoch: number;
  /** Of the journal. */
  readonly seq: number;
  /** That wrote it. */
  readonly node: NodeId;
  /** When it was sealed, wall time of that node, ms. */
  readonly at: number;
  /** Of the whole record, which is that of all turns of a group commit. */
  readonly bytes: number;
  readonly rows: number;
  /** To other partitions, of the row's actor in this record: `seq` is the mail's number in its channel. A bounded number of them. */
  readonly mails: readonly {
    readonly to: Address;
    readonly partition: PartitionId;
    readonly kind: string;
    readonly seq: number;
  }[];
}

/** Each question with its answer. Those about a partition are for its owner. */
export interface Questions {
  node: { ask: object; answer: NodeReport };
  /** Those that the node serves. */
  partitions: { ask: object; answer: readonly PartitionReport[] };
  channels: { ask: { readonly partition: PartitionId }; answer: readonly ChannelReport[] };
  /** Actors with rows, or awake: those whose address begins with `prefix`. */
  actors: { ask: { readonly partition: PartitionId; readonly prefix: string } & Cut; answer: Page<ActorEntry> };
  /** Absent where it has no rows and is not awake. */
  actor: { ask: { readonly partition: PartitionId; readonly address: Address }; answer: ActorReport };
  rows: {
    ask: { readonly partition: PartitionId; readonly address: Address; readonly table: string } & Cut;
    answer: Page<ActorRow>;
  };
  deadLetters: { ask: { readonly partition: PartitionId } & Cut; answer: Page<FoundLetter> };
  deadLetter: { ask: { readonly partition: PartitionId; readonly id: string }; answer: FoundLetter };
  /** Answered when it is durable that the mail will have its turn once more, and is no dead letter any longer. */
  replay: { ask: { readonly partition: PartitionId; readonly id: string }; answer: true };
  /** Answered when it is durable that it is gone. */
  drop: { ask: { readonly partition: PartitionId; readonly id: string }; answer: true };
  /** Answered when the order is taken; `node` tells how far it is. */
  drain: { ask: { readonly draining: boolean }; answer: true };
  /** Answered when the snapshot is made, or was not. */
  snapshot: { ask: { readonly partition: PartitionId }; answer: true };
  /** Whether `move` would be carried out. */
  mayMove: { ask: { readonly partition: PartitionId; readonly to: NodeId }; answer: true };
  /** Pins the partition to a node. Answered when that is written; it goes there once the node's copy is warm, as any planned move. */
  move: { ask: { readonly partition: PartitionId; readonly to: NodeId }; answer: true };
  /** For any node. All pins go, so that the ring decides again. Answered when that is written, with how many there were. */
  rebalance: { ask: object; answer: number };
  /** What has happened at the node lately. */
  events: { ask: EventsAsk; answer: EventsPage };
  /** Samples of its mail. To ask again and again keeps them coming; they end a few seconds after the last time. */
  mail: { ask: MailAsk; answer: MailNews };
  /** Answered when all is compared, or something was found to be damaged. */
  verify: { ask: { readonly partition: PartitionId }; answer: VerifyReport };
  /** `at`: about when the row was written, wall ms. Absent where the journal no longer has its record, or not near that time. */
  origin: {
    ask: {
      readonly partition: PartitionId;
      readonly address: Address;
      readonly table: string;
      readonly key: string;
      readonly at: number;
    };
    answer: RowOrigin;
  };
  /** Verified first; answered when what is held is being thrown away. `not possible` where snapshot and journal are not sound. */
  rebuild: { ask: { readonly partition: PartitionId }; answer: VerifyReport };
}

export type QuestionKind = keyof Questions;
export type Question<K extends QuestionKind = QuestionKind> = {
  [Kind in K]: { readonly kind: Kind } & Questions[Kind]['ask'];
}[K];
export type Answer<K extends QuestionKind = QuestionKind> = Questions[K]['answer'];

/**
 * Why there is no answer. `no owner`: nobody owns the partition now, or its owner is changing. `no answer`: the node did not answer in time: it
 * is dead, or cut off; what was asked may have been done. `older`: the node does not know the question, and has done nothing. `absent`: there is no
 * such actor or letter. `not possible`: it can't be done as things are, and nothing was changed.
 */
export type Unanswered =
  | 'unknown node'
  | 'unknown partition'
  | 'no owner'
  | 'absent'
  | 'not possible'
  | 'no answer'
  | 'older'
  | 'failed';

export type Inspected<T> =
  | { readonly kind: 'answer'; readonly value: T }
  | { readonly kind: 'none'; readonly why: Unanswered; readonly words: string };

export function found<T>(value: T): { readonly kind: 'answer'; readonly value: T } {
  return { kind: 'answer', value };
}

export function none(why: Unanswered, words: string = why): { kind: 'none'; why: Unanswered; words: string } {
  return { kind: 'none', why, words };
}
