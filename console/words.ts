/** The messages of `proto/admin.proto`, as they are in TypeScript: field by field, in camel case. */

import type { TraceWords } from './trace-words.ts';

type Paged = { readonly limit: number; readonly page: string };
type Because = { readonly reason: string };

export interface NodeWords {
  readonly name: string;
  readonly incarnation: string;
  readonly state: 'ALIVE' | 'DRAINING' | 'SILENT' | 'LOST';
  readonly notice: string;
  readonly role: string;
  readonly fitness: string;
  readonly format: number;
  readonly view: number;
  readonly owns: number;
  readonly copies: number;
  readonly startedAt: number;
  readonly awakeActors: number;
  readonly waitingMails: number;
  readonly outboxMails: number;
  readonly turns: number;
  readonly appends: number;
  readonly records: number;
  readonly recordTurns: number;
  readonly recordBytes: number;
  readonly figures: { readonly [name: string]: number };
}

export interface StandbyWords {
  readonly node: string;
  readonly number: number;
  readonly lag: number;
  readonly likeness: 'SAME' | 'BEHIND' | 'OTHER';
}

export interface PartitionWords {
  readonly id: number;
  readonly owner: string;
  readonly epoch: number;
  readonly answered: boolean;
  readonly number: number;
  readonly hash: number;
  readonly standbys: readonly StandbyWords[];
  readonly awakeActors: number;
  readonly waitingMails: number;
  readonly outboxMails: number;
  readonly rowsWaiting: number;
  readonly recordBytes: number;
  readonly recordRate: number;
  readonly byteRate: number;
  readonly snapshotAt: number;
  readonly snapshotBytes: number;
  readonly snapshotFailures: number;
  readonly pinnedTo: string;
}

export interface ClusterWords {
  readonly answeredBy: string;
  readonly at: number;
  readonly view: number;
  readonly nodes: readonly NodeWords[];
  readonly partitions: readonly PartitionWords[];
}

export interface DifferenceWords {
  readonly how: 'missing' | 'extra' | 'different';
  readonly actor: string;
  readonly table: string;
}

export interface VerifiedWords {
  readonly audit: number;
  readonly partition: number;
  readonly node: string;
  readonly epoch: number;
  readonly sound: boolean;
  readonly number: number;
  readonly expectedHash: number;
  readonly foundHash: number;
  readonly snapshotNumber: number;
  readonly snapshotAt: number;
  readonly records: number;
  readonly rows: number;
  readonly bytes: number;
  readonly tookMs: number;
  readonly missing: number;
  readonly extra: number;
  readonly different: number;
  readonly named: readonly DifferenceWords[];
  readonly broken: '' | 'journal' | 'snapshot' | 'store';
  readonly why: string;
}

export interface ChannelWords {
  readonly partition: number;
  readonly nextSeq: number;
  readonly settled: number;
  readonly waiting: number;
  readonly watermark: number;
}

export interface ActorEntryWords {
  readonly address: string;
  readonly partition: number;
  readonly node: string;
  readonly awake: boolean;
  readonly waitingMails: number;
}

export interface TurnWords {
  readonly mail: string;
  readonly from: string;
  readonly by: 'channel' | 'neighbour' | 'timer' | 'volatile';
  readonly at: number;
  readonly tookUs: number;
  readonly rows: number;
  readonly mails: number;
  readonly outputs: number;
  readonly threw: string;
}

export interface ActorWords {
  readonly address: string;
  readonly partition: number;
  readonly node: string;
  readonly epoch: number;
  readonly awake: boolean;
  readonly idleMs: number;
  readonly waitingMails: readonly string[];
  readonly tables: readonly string[];
  readonly timers: readonly { readonly name: string; readonly at: number; readonly mail: string }[];
  readonly turns: readonly TurnWords[];
}

export interface RowWords {
  readonly key: string;
  readonly value: string;
}

export interface LetterWords {
  readonly partition: number;
  readonly id: string;
  readonly to: string;
  readonly from: string;
  readonly kind: string;
  readonly why: string;
  readonly at: number;
  readonly body: string;
  readonly redacted: boolean;
}

export interface DeviceWords {
  readonly device: string;
  readonly since: number;
  readonly seen: number;
  readonly online: boolean;
}

export interface UserWords {
  readonly user: string;
  readonly state: 'active' | 'deactivated';
  readonly partition: number;
  readonly node: string;
  readonly devices: readonly DeviceWords[];
}

export interface GroupWords {
  readonly group: string;
  readonly title: string;
  readonly about: string;
  readonly redacted: boolean;
  readonly members: number;
  readonly roles: { readonly owner: number; readonly admin: number; readonly member: number };
  readonly owners: readonly string[];
  readonly announce: boolean;
  readonly shared: boolean;
  readonly vanishAfterMs: number;
  readonly asked: number;
  readonly links: number;
  readonly head: number;
  readonly lastAt: number;
  readonly partition: number;
  readonly node: string;
}

export interface ReportWords {
  readonly partition: number;
  readonly number: number;
  readonly by: string;
  readonly user: string;
  readonly reason: string;
  readonly text: string;
  readonly at: number;
  readonly conversation: string;
  readonly messageSeq: number;
  readonly messageBody: string;
}

export interface AuditEntryWords {
  readonly number: number;
  readonly at: number;
  readonly who: string;
  readonly role: string;
  readonly node: string;
  readonly method: string;
  readonly target: string;
  readonly reason: string;
  readonly outcome: string;
  readonly previousHash: string;
  readonly hash: string;
}

export type EventKind =
  | 'NODE_CAME'
  | 'NODE_BACK'
  | 'NODE_LEFT'
  | 'NODE_LOST'
  | 'NODE_SILENT'
  | 'NODE_ANSWERS'
  | 'NODE_RESTARTED'
  | 'NODE_DRAINING'
  | 'NODE_EMPTY'
  | 'NODE_RESUMED'
  | 'NODE_UNFIT'
  | 'NODE_FIT'
  | 'PARTITION_MOVED'
  | 'PARTITION_ORPHANED'
  | 'PARTITION_PINNED'
  | 'PARTITION_UNPINNED'
  | 'PARTITION_DROPPED'
  | 'TAKEOVER_FAILED'
  | 'COPY_MISSING'
  | 'COPY_BACK'
  | 'COPY_DIFFERS'
  | 'COPY_BUILT'
  | 'COPY_LOST'
  | 'DEAD_LETTER'
  | 'SNAPSHOT_MADE'
  | 'SNAPSHOT_FAILED'
  | 'JOURNAL_STUCK'
  | 'JOURNAL_TAKES'
  | 'STORE_REFUSES'
  | 'STORE_TAKES'
  | 'CHANGE';

export interface EventWords {
  readonly at: number;
  readonly kind: EventKind;
  readonly words: string;
  readonly isBad: boolean;
  readonly node: string;
  readonly partitions: readonly number[];
  readonly epochs: readonly number[];
  readonly from: string;
  readonly handover: 'HANDOVER_UNSPECIFIED' | 'PLANNED' | 'FAILOVER';
  readonly pausedMs: number;
  readonly why: string;
  readonly who: string;
  readonly method: string;
  readonly audit: number;
}

export interface EventNewsWords {
  readonly events: readonly EventWords[];
  readonly missed: number;
}

export interface MailSampleWords {
  readonly at: number;
  readonly node: string;
  readonly partition: number;
  readonly from: string;
  readonly to: string;
  readonly word: string;
  readonly bytes: number;
  readonly turnUs: number;
}

export interface MailNewsWords {
  readonly mails: readonly MailSampleWords[];
  readonly missed: number;
  readonly redacted: boolean;
  readonly silent: readonly string[];
}

export interface AuditListWords {
  readonly entries: readonly AuditEntryWords[];
  readonly head: number;
  readonly headHash: string;
  readonly base: number;
  readonly baseHash: string;
  readonly entriesMax: number;
}

export interface Done {
  readonly audit: number;
}

type Letter = { readonly partition: number; readonly id: string };

/** Every method that has one answer. */
export interface Methods {
  GetCluster: { request: object; reply: ClusterWords };
  ListNodes: { request: object; reply: { readonly nodes: readonly NodeWords[] } };
  ListPartitions: { request: object; reply: { readonly view: number; readonly partitions: readonly PartitionWords[] } };
  GetPartition: {
    request: { readonly partition: number };
    reply: { readonly partition: PartitionWords; readonly channels: readonly ChannelWords[] };
  };
  ListActors: {
    request: { readonly kind: string; readonly keyPrefix: string; readonly partition?: number } & Paged;
    reply: { readonly actors: readonly ActorEntryWords[]; readonly next: string };
  };
  GetActor: { request: { readonly address: string }; reply: ActorWords };
  ListRows: {
    request: { readonly address: string; readonly table: string } & Paged;
    reply: { readonly rows: readonly RowWords[]; readonly next: string; readonly redacted: boolean };
  };
  ListDeadLetters: {
    request: { readonly partition?: number } & Paged;
    reply: { readonly letters: readonly LetterWords[]; readonly next: string };
  };
  GetDeadLetter: { request: Letter; reply: LetterWords };
  ReplayDeadLetter: { request: Letter & Because; reply: Done };
  DropDeadLetter: { request: Letter & Because; reply: Done };
  DrainNode: { request: { readonly node: string } & Because; reply: Done };
  ResumeNode: { request: { readonly node: string } & Because; reply: Done };
  SnapshotPartition: { request: { readonly partition: number } & Because; reply: Done };
  MovePartition: { request: { readonly partition: number; readonly node: string } & Because; reply: Done };
  Rebalance: { request: Because; reply: Done };
  VerifyPartition: { request: { readonly partition: number } & Because; reply: VerifiedWords };
  RebuildPartition: { request: { readonly partition: number } & Because; reply: VerifiedWords };
  ListUsers: {
    request: { readonly prefix: string } & Paged;
    reply: { readonly users: readonly ActorEntryWords[]; readonly next: string };
  };
  GetUser: { request: { readonly user: string }; reply: UserWords };
  RevokeDevice: { request: { readonly user: string; readonly device: string } & Because; reply: Done };
  DeactivateUser: { request: { readonly user: string } & Because; reply: Done };
  ListGroups: {
    request: { readonly prefix: string } & Paged;
    reply: { readonly groups: readonly ActorEntryWords[]; readonly next: string };
  };
  GetGroup: { request: { readonly group: string }; reply: GroupWords };
  ListReports: {
    request: Paged;
    reply: { readonly reports: readonly ReportWords[]; readonly next: string; readonly redacted: boolean };
  };
  TraceMessage: { request: { readonly sender: string; readonly id: string }; reply: TraceWords };
  ListAudit: {
    request: { readonly after: number; readonly limit: number };
    reply: AuditListWords;
  };
  TrimAudit: { request: { readonly number: number; readonly hash: string } & Because; reply: Done };
}

/** One of these at a time. */
export interface BackupPieceWords {
  readonly file?: string;
  readonly data?: Uint8Array;
  readonly sum?: { readonly bytes: number; readonly sha256: string };
  readonly again?: boolean;
  readonly audit?: number;
}

/** Every method that has many answers. */
export interface Streams {
  WatchCluster: { request: { readonly everyMs: number }; item: ClusterWords };
  WatchEvents: { request: { readonly sinceMs: number }; item: EventNewsWords };
  WatchMail: {
    request: { readonly kind: string; readonly partition?: number; readonly share: number };
    item: MailNewsWords;
  };
  Backup: { request: Because; item: BackupPieceWords };
}

export type StreamName = keyof Streams;
export type StreamRequest<S extends StreamName> = Streams[S]['request'];
export type Item<S extends StreamName> = Streams[S]['item'];

export type MethodName = keyof Methods;
export type Request<M extends MethodName> = Methods[M]['request'];
export type Reply<M extends MethodName> = Methods[M]['reply'];
