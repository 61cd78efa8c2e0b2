/** `bench rebuild`: a partition's snapshot made from its journal, brought up to date, and restored to an empty local store. */
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { defaultLimits, type Log } from '../runtime/index.ts';
import { embeddedPorts, natsPorts, type OpenPorts } from '../runtime/io/index.ts';
import { Partition } from '../runtime/partition.ts';
import type { PartitionHost } from '../runtime/partition-host.ts';
import type { Ports } from '../runtime/ports.ts';
import { encodeRecord, type PartitionRecord, recordId } from '../runtime/record.ts';
import { PartitionSnapshot } from '../runtime/snapshots/partition-snapshot.ts';
import { restoreSnapshot } from '../runtime/snapshots/restore.ts';
import { Standing } from '../runtime/standing.ts';
import type { Endings } from '../scripts/endings.ts';
import { startNats } from '../scripts/nats-cluster.ts';
import type { Profile } from './actors.ts';
import { table } from './figures.ts';
import { rounded } from './latencies.ts';

export interface RebuildOptions {
  readonly profile: Profile;
  /** Keys and values of all rows, MB. */
  readonly mb: number;
  /** An empty folder for the data of nodes and servers. */
  readonly folder: string;
}

/** One step: its time, the process's processor time, and the longest that it held up the event loop. */
interface Step {
  readonly s: number;
  readonly cpu_s: number;
  readonly stall_ms: number;
}

export interface RebuildFigures {
  readonly profile: Profile;
  readonly mb: number;
  readonly rows: number;
  readonly journal_s: number;
  /** The first snapshot, of all that the journal holds. */
  readonly snapshot: Step;
  readonly segments: number;
  /** A part of the rows changed, and the snapshot brought up to date. */
  readonly changed_mb: number;
  readonly update: Step;
  readonly update_written_mb: number;
  readonly restore: Step;
  readonly restore_mb_per_s: number;
  readonly restored_rows: number;
}

const partition = 3;
const partitions = 32;
const row_bytes = 200;
const value_bytes = 160;
const rows_per_record = 600;
const rows_per_user = 100;
/** Of the rows, changed before the update. */
const changed_percent = 2;

const line = (level: string) => (fields: object, words: string) => {
  const { error } = fields as { error?: unknown };
  process.stderr.write(`${level}: ${words} ${error === undefined ? JSON.stringify(fields) : String(error)}\n`);
};
const log: Log = { info: () => undefined, warn: line('warning'), error: line('error') };

export async function rebuildBench({ profile, mb, folder }: RebuildOptions, endings: Endings): Promise<RebuildFigures> {
  const rows = Math.ceil((mb * 1e6) / row_bytes);
  const open = await opener(profile, folder, endings);
  const ports = await open('n1');
  const owner = new Owner(ports);
  const order = shuffled(rows);
  const journal = await timed(() => owner.write(order));
  const maker = new PartitionSnapshot(owner.partition, { ports, limits: defaultLimits, stopped: () => false });
  const snapshot = await timed(() => maker.renew());
  const bytesOf = () => maker.manifest?.segments.reduce((sum, { bytes }) => sum + bytes, 0) ?? 0;
  const before = bytesOf();
  const changed = order.subarray(0, Math.ceil((rows * changed_percent) / 100));
  await owner.write(changed);
  const update = await timed(() => maker.renew());
  const updateBytes = bytesOf() - before;
  // Another node, whose store is empty; in the embedded profile the store of another folder.
  const heir: Ports = profile === 'cluster' ? await open('n2') : { ...ports, store: (await open('n2')).store };
  const restore = await timed(() => restoreSnapshot(partition, heir));
  let restored = -1;
  for (const _ of heir.store.range(partition, { from: ' ', to: '~' })) restored++;
  if (restored !== rows) throw new Error(`${restored} rows were restored of ${rows}`);
  return {
    profile,
    mb,
    rows,
    journal_s: journal.s,
    snapshot,
    segments: maker.manifest?.segments.length ?? 0,
    changed_mb: rounded((changed.length * row_bytes) / 1e6),
    update,
    update_written_mb: rounded(updateBytes / 1e6),
    restore,
    restore_mb_per_s: rounded(mb / restore.s),
    restored_rows: restored,
  };
}

async function opener(
  profile: Profile,
  folder: string,
  endings: Endings,
): Promise<(node: string) => Promise<OpenPorts>> {
  const shared = { partitions, log };
  const opened = (ports: OpenPorts): OpenPorts => {
    endings.add(() => ports.close());
    return ports;
  };
  if (profile === 'embedded') {
    return async (node) => opened(await embeddedPorts({ ...shared, node, dataFolder: join(folder, node) }));
  }
  const nats = await startNats({ servers: 3, folder: join(folder, 'nats') });
  endings.add(() => nats.stop());
  const cluster = { ...shared, cluster: 'bench', replicas: 3, servers: nats.urls };
  return async (node) => opened(await natsPorts({ ...cluster, node, dataFolder: join(folder, node) }));
}

/** Appends records to the partition's journal, as its owner would. */
class Owner {
  readonly partition: Partition;
  readonly #ports: Ports;
  readonly #value = new Uint8Array(value_bytes);
  #writes = 0;

  constructor(ports: Ports) {
    this.#ports = ports;
    const host: PartitionHost = {
      ports,
      limits: defaultLimits,
      writer: 'n1.bench',
      behaviourOf: () => undefined,
      partitionOf: () => partition,
      ready() {},
      release() {},
      transmit() {},
      settle() {},
      broken() {},
    };
    this.partition = new Partition(new Standing(partition, defaultLimits), host);
  }

  async write(rows: Uint32Array): Promise<void> {
    for (let at = 0; at < rows.length; at += rows_per_record) {
      const flat: (string | Uint8Array)[] = [];
      for (const row of rows.subarray(at, at + rows_per_record)) flat.push(keyOf(row), this.#nextValue());
      await this.#append(flat);
    }
  }

  async #append(rows: PartitionRecord['rows']): Promise<void> {
    const { codec, journal, clock } = this.#ports;
    const { standing, position } = this.partition;
    const record: PartitionRecord = {
      type: 'turns',
      partition,
      epoch: 1,
      number: position.number + 1,
      writer: 'n1.bench',
      previousSeq: position.seq,
      at: clock.wallMs(),
      rows,
      outbox: [],
      taken: [],
      settled: [],
    };
    const bytes = encodeRecord(record, codec);
    const outcome = await journal.append([{ partition, expectedSeq: position.seq, id: recordId(record), bytes }]);
    const seq = outcome.kind === 'appended' ? outcome.seqs[0] : undefined;
    if (seq === undefined) throw new Error(`a record was not appended: ${outcome.kind}`);
    standing.committed(record, { seq, bytes });
  }

  /** Packed bytes that don't compress. */
  #nextValue(): Uint8Array {
    const value = this.#value.slice();
    let word = ++this.#writes;
    for (let i = 0; i < value.length; i++) {
      word = (Math.imul(word, 1_664_525) + 1_013_904_223) | 0;
      value[i] = word >>> 24;
    }
    return value;
  }
}

/** About as long as the rest of `row_bytes`; the rows of a user stand side by side. */
function keyOf(row: number): string {
  const user = String(Math.floor(row / rows_per_user)).padStart(9, '0');
  return `user/u${user} timeline ${String(row % rows_per_user).padStart(15, '0')}`;
}

/** All rows, in an order as that in which users write. */
function shuffled(rows: number): Uint32Array {
  const order = Uint32Array.from({ length: rows }, (_, row) => row);
  for (let i = rows - 1; i > 0; i--) {
    const other = Math.floor(Math.random() * (i + 1));
    const row = order[i] as number;
    order[i] = order[other] as number;
    order[other] = row;
  }
  return order;
}

async function timed(work: () => Promise<unknown>): Promise<Step> {
  const delays = monitorEventLoopDelay({ resolution: 1 });
  delays.enable();
  const startedMs = performance.now();
  const before = process.cpuUsage();
  await work();
  const s = rounded((performance.now() - startedMs) / 1_000);
  const { user, system } = process.cpuUsage(before);
  delays.disable();
  return { s, cpu_s: rounded((user + system) / 1e6), stall_ms: rounded(delays.max / 1e6) };
}

export function rebuildTable(figures: RebuildFigures): string {
  const { profile, mb, rows, changed_mb, update_written_mb, restored_rows } = figures;
  const line = (what: string, { s, cpu_s, stall_ms }: Step, of: number) => [what, s, rounded(of / s), cpu_s, stall_ms];
  return `${[
    `${profile}, one partition of ${mb} MB in ${rows.toLocaleString('en')} rows`,
    '',
    table(
      ['', 's', 'MB/s', 'processor s', 'longest stall, ms'],
      [
        line('first snapshot', figures.snapshot, mb),
        line(`snapshot of ${changed_mb} MB changed`, figures.update, changed_mb),
        line('restored', figures.restore, mb),
      ],
    ),
    '',
    `${figures.segments} segment(s); ${update_written_mb} MB were added for what changed; all ${restored_rows.toLocaleString('en')} rows are there`,
  ].join('\n')}\n`;
}
