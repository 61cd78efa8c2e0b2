/**
 * Everything that is chance or I/O, as seen from the engine. The engine gets these as arguments and touches nothing else:
 * the real ones live in `runtime/io/`, the simulated ones in `sim/`, and one contract suite per port runs on both.
 */

/** Index of a slice of the hash ring, 0 to P-1. */
export type PartitionId = number;
/** Name of a node, unique in the cluster: `[a-z0-9-]{1,32}`. */
export type NodeId = string;

export interface Clock {
  /** Milliseconds since the Unix epoch. For what people see and for durable timers; may jump. */
  wallMs(): number;
  /** Milliseconds since some fixed point. For deadlines, leases and silence; never goes back. */
  monotonicMs(): number;
}

export interface Timers {
  /** Calls `run` once after about `ms` milliseconds, unless cancelled. */
  after(ms: number, run: () => void): Cancel;
  /** Calls `run` once when the I/O that is ready now has been read, so that one batch takes all of it. */
  soon(run: () => void): void;
}
export type Cancel = () => void;

export interface Random {
  /** Uniform in 0 <= x < 1. */
  fraction(): number;
  /** 22 characters of `[A-Za-z0-9_-]`, unguessable where the implementation is real. */
  id(): string;
}

/** Self-describing binary encoding of plain values: null, booleans, numbers, strings, Uint8Array, arrays, plain objects. */
export interface Codec {
  pack(value: unknown): Uint8Array;
  /** Throws on bytes that are not a whole packed value. */
  unpack(bytes: Uint8Array): unknown;
  /** CRC-32 (IEEE 802.3), unsigned. */
  crc32(bytes: Uint8Array): number;
}

/**
 * Datagrams between nodes. At most once; what arrives from one sender arrives in the order it was sent, with possible gaps.
 * A datagram is at most `limits.datagram_bytes_max` long.
 */
export interface Network {
  readonly self: NodeId;
  send(to: NodeId, bytes: Uint8Array): void;
  /** To every node that listens, this one not included. */
  broadcast(bytes: Uint8Array): void;
  /** One receiver; `bytes` is the receiver's to keep. */
  listen(receive: (bytes: Uint8Array) => void): void;
  /** False while the transport knows itself to be cut off: what is sent then is lost. */
  connected(): boolean;
  /**
   * Whether somebody listens under this name. False only when the transport knows that nobody does: the node's process is gone, or has
   * lost its connection. True when it can't be told.
   */
  listens(node: NodeId): Promise<boolean>;
  close(): Promise<void>;
}

/** One record to append. `id` is unique for (partition, epoch, number) and names the same bytes for ever. */
export interface Append {
  readonly partition: PartitionId;
  /** Journal sequence of the last entry of this partition that the writer knows; 0 for none. */
  readonly expectedSeq: number;
  readonly id: string;
  readonly bytes: Uint8Array;
}

/**
 * What became of a batch of appends, which is all or nothing.
 * - `appended`: durable; the sequences in the order of the batch.
 * - `mismatch`: nothing was appended by this call; for at least one of them `expectedSeq` is not the last sequence.
 * - `duplicate`: an earlier call with these ids was appended; read back to learn the sequences.
 * - `busy`: nothing was appended (no leader, another append in flight); the same call may succeed later.
 * - `unknown`: it may or may not have been appended, or may still be; only resending the same bytes or reading back tells.
 */
export type AppendOutcome =
  | { readonly kind: 'appended'; readonly seqs: readonly number[] }
  | { readonly kind: 'mismatch' }
  | { readonly kind: 'duplicate' }
  | { readonly kind: 'busy'; readonly reason: string }
  | { readonly kind: 'unknown'; readonly reason: string };

export interface JournalEntry {
  /** Grows strictly within a partition; not dense (partitions share a stream). */
  readonly seq: number;
  readonly bytes: Uint8Array;
}

export interface FollowedEntry extends JournalEntry {
  readonly partition: PartitionId;
}

/** Entries of some partitions, as they become durable. */
export interface Following {
  /**
   * The next entries, at least one: each partition's ascending. Waits while there are none. Rejects when interrupted, and after `stop`;
   * then follow anew. What it skips in silence (a replica that lost some, entries truncated meanwhile) shows in the records' own chain.
   */
  next(): Promise<readonly FollowedEntry[]>;
  stop(): void;
}

/** The replicated log: one conditional, durable sequence of entries a partition. Rules A2 and A3 are built on it. */
export interface Journal {
  /** At most one entry a partition, `limits.append_batch_max` in all. Never rejects: every failure is an outcome. */
  append(batch: readonly Append[]): Promise<AppendOutcome>;
  /** The last entry, read from whoever orders appends (never a lagging replica). Rejects when it can't be known now. */
  last(partition: PartitionId): Promise<JournalEntry | undefined>;
  /** Entries with `fromSeq <= seq <= toSeq`, ascending. Throws on interruption: never ends early in silence. */
  read(partition: PartitionId, fromSeq: number, toSeq: number): AsyncIterable<JournalEntry>;
  /** Follows these partitions, each from its first entry after the given sequence. A bounded number of bytes waits for `next`. */
  follow(after: ReadonlyMap<PartitionId, number>): Following;
  /** Forgets entries of all partitions with `seq < beforeSeq`, but no partition's last; may keep some of them longer. Rejects when the outcome is unknown. */
  truncate(beforeSeq: number): Promise<void>;
  close(): Promise<void>;
}

export interface StoreWrite {
  readonly partition: PartitionId;
  readonly key: string;
  /** undefined deletes the key. */
  readonly value: Uint8Array | undefined;
}

export interface StoreRange {
  /** First key, included. */
  readonly from: string;
  /** Last key, excluded. */
  readonly to: string;
  readonly limit?: number;
  /** Descending from `to` (excluded) to `from` (included). */
  readonly reverse?: boolean;
}

/** What the local store holds of a partition can't be trusted: a row's checksum does not fit, or the file is not readable. */
export class StoreDamaged extends Error {
  readonly partition: PartitionId;
  constructor(partition: PartitionId, what: string) {
    super(`the local store of partition ${partition} is damaged: ${what}`);
    this.name = 'StoreDamaged';
    this.partition = partition;
  }
}

/** The local store is damaged beyond what this process can mend. The next process begins with an empty one. */
export class StoreLost extends Error {
  constructor(cause: unknown) {
    super(`the local store is damaged beyond repair: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
    this.name = 'StoreLost';
  }
}

/**
 * Ordered local key-value store; a cache of the journal (A5). Keys are printable ASCII, at most 1,000 characters, in byte order. Every row
 * carries a checksum of its key and value: reads throw `StoreDamaged` on a row that does not fit its own.
 */
export interface Store {
  get(partition: PartitionId, key: string): Uint8Array | undefined;
  range(partition: PartitionId, range: StoreRange): Iterable<readonly [key: string, value: Uint8Array]>;
  /**
   * Checks up to `rowsMax` rows, those after the key `after` or, where that is undefined, the first ones. Answers the last key that it
   * checked, to go on after, or undefined when there are no more rows: at the latest when there are none after `after`. Throws StoreDamaged.
   */
  verify(partition: PartitionId, after: string | undefined, rowsMax: number): string | undefined;
  /** All or nothing, in the order of the calls; resolves when committed and visible to reads. */
  write(writes: readonly StoreWrite[]): Promise<void>;
  /** Resolves when all that was committed before survives the loss of power. */
  flushed(): Promise<void>;
  /** Forgets all keys of a partition. Rejects with `StoreLost` where damage prevents even that. */
  drop(partition: PartitionId): Promise<void>;
  close(): Promise<void>;
}

/**
 * Where snapshots are kept, apart from the journal and the nodes. Segments are immutable: a name is written once and names the same bytes for
 * ever. Each partition has one pointer, changed by compare-and-set, to what describes its newest snapshot. A name is `${partition}/` and 1 to
 * 200 characters of `[A-Za-z0-9_-]`.
 */
export interface Archive {
  /**
   * Writes a segment; resolves when it is durable. Rejects when it is not, or that is unknown: then use another name. Rejects when there is
   * one of this name, be it of the same bytes. A part is its giver's again once the next is asked for.
   */
  put(name: string, parts: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void>;
  /**
   * Its bytes in parts of the archive's own choosing. Throws when it is not there, breaks off, or is found to be damaged, maybe only at its
   * end: nothing of it counts before that. Never ends early in silence.
   */
  get(name: string): AsyncIterable<Uint8Array>;
  /**
   * Names of a partition's segments, in any order: those whose name begins with `${partition}/`. Also of some whose put goes on or broke off;
   * those can't be read, and `remove` takes away what is left of them.
   */
  names(partition: PartitionId): Promise<readonly string[]>;
  /** Resolves also when it was not there. */
  remove(name: string): Promise<void>;
  /** `version` 0 is the pointer that was never set. Rejects when it can't be known now. */
  pointer(partition: PartitionId): Promise<{ readonly version: number; readonly bytes: Uint8Array | undefined }>;
  /** The new version, or undefined when `version` is no longer the last. At most 256 KiB. Rejects when the outcome is unknown. */
  point(partition: PartitionId, version: number, bytes: Uint8Array): Promise<number | undefined>;
  close(): Promise<void>;
}

export interface Owner {
  readonly node: NodeId;
  /** Incarnation of the node: a restarted process is another owner. */
  readonly incarnation: string;
}

/** Who owns what. `epochs[p]` counts the owners that partition p has had; `owners[p]` is undefined while it is up for claiming. */
export interface Ownership {
  readonly owners: readonly (Owner | undefined)[];
  readonly epochs: readonly number[];
  /** The highest format of state that an owner of each may have written: who reads only lower ones may not own it. Absent: all 1. */
  readonly formats?: readonly number[];
  /** The node that an operator wants to own each, '' where the ring decides; absent: none. Whoever does not know of pins drops them all when it writes. */
  readonly pins?: readonly (NodeId | '')[];
}

/** A register with compare-and-set, shared by all nodes. `version` 0 is the empty register. */
export interface OwnershipRegister {
  /** Reads from the leader; rejects when it can't be known now. */
  read(): Promise<{ readonly version: number; readonly value: Ownership | undefined }>;
  /** The new version, or undefined when it was not written: `version` is no longer the last, or another write is under way. Rejects when that is unknown. */
  write(version: number, value: Ownership): Promise<number | undefined>;
  close(): Promise<void>;
}

/** Structured log; the engine never puts state, mail bodies or keys of users in it. */
export interface Log {
  info(fields: object, words: string): void;
  warn(fields: object, words: string): void;
  error(fields: object, words: string): void;
}

/**
 * Hears what is measured and counted on the way, for operators; adds up numbers in memory and returns, for some of it is called at each turn.
 * Names and labels are words of the code, never of users.
 */
export interface Probe {
  /** A turn of an actor of this kind has taken so long, ms. */
  turned(kind: string, ms: number): void;
  /** The record of a turn was acknowledged so long after the turn had ended, ms. */
  gated(ms: number): void;
  /** The journal has answered an append of so many records after so long, ms. */
  appended(outcome: AppendOutcome['kind'], records: number, ms: number): void;
  /** A record is on its way to the journal. */
  sealed(turns: number, bytes: number): void;
  /** `name` has happened `by` times more; `label` tells of which sort, '' where there is one. */
  count(name: string, label: string, by: number): void;
  /** Something of this name, and of that sort, has taken so long, ms. */
  took(name: string, label: string, ms: number): void;
}

/** One turn of a mail that is followed. Times are monotonic ms of this process. */
export interface FollowedTurn {
  readonly actor: string;
  readonly mail: string;
  readonly startMs: number;
  readonly endMs: number;
  /** It threw, and so changed nothing. */
  readonly failed: boolean;
}

/** The record of such a turn, and the append that made it durable. */
export interface FollowedAppend {
  /** From the end of the turn to the acknowledgement; in between the record was sealed, and so on its way to the journal. */
  readonly startMs: number;
  readonly sealedMs: number;
  readonly endMs: number;
  /** Of the record; and how many records went in one append. */
  readonly turns: number;
  readonly bytes: number;
  readonly records: number;
}

/**
 * Follows a few messages on their way, for operators. A context is a short text that only the tracer can read. The engine carries it along from mail
 * to mail and to other nodes, but into no record and to no actor: nothing that a turn does depends on it.
 */
export interface Tracer {
  /** Something leaves its partition, or this node: the context to go along with it, which knows when that was. */
  left(context: string): string;
  /** That has arrived, as durable mail or a whisper: the context from here on; undefined where it is none. */
  arrived(context: string, as: 'mail' | 'whisper'): string | undefined;
  /** What the turn has sent goes by the context that this answers. */
  turned(context: string, turn: FollowedTurn): string;
  appended(context: string, append: FollowedAppend): void;
}

export interface Ports {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly codec: Codec;
  readonly network: Network;
  readonly journal: Journal;
  readonly store: Store;
  readonly archive: Archive;
  readonly ownership: OwnershipRegister;
  readonly log: Log;
  /** Absent: nobody wants to know. */
  readonly probe?: Probe;
  /** Absent: nothing is followed. */
  readonly tracer?: Tracer;
}
