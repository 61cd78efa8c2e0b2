/** A cluster's backup, piece by piece, while it runs: the files of a folder that `ringpost restore` reads. */
import { createHash } from 'node:crypto';
import { clusterConfig } from '../cluster.config.ts';
import type { BackupPieceWords, BackupSource } from '../console/index.ts';
import { msgpackCodec } from '../runtime/io/codec.ts';
import { connectNats, type NatsLink } from '../runtime/io/nats.ts';
import { openNatsArchive } from '../runtime/io/nats-archive.ts';
import { type SavedStream, savedParts } from '../runtime/io/nats-backup.ts';
import { askJetStream } from '../runtime/io/nats-stream.ts';
import type { Archive, Log } from '../runtime/ports.ts';
import { readPointer } from '../runtime/snapshots/manifest.ts';

export const layout = 1;
/** Written last: a folder without it is no backup. */
export const manifest_file = 'backup.json';
/**
 * In this order. What points to segments before the segments, and both before the journal, which goes on from them; the register last: it may
 * know of more owners than the journal does, but not of fewer.
 */
export const parts = ['SNAPSHOTS', 'SEGMENTS', 'JOURNAL', 'OWNERSHIP'] as const;
/** Snapshots that are made meanwhile may overtake a backup; then it is begun anew. */
const tries_max = 5;

export interface Backup {
  readonly layout: number;
  readonly cluster: string;
  /** When it was finished, ISO 8601. */
  readonly at: string;
  readonly streams: { readonly [part in (typeof parts)[number]]: SavedStream };
}

type Pieces<T> = AsyncGenerator<BackupPieceWords, T>;

/** As fast as they are taken, and with little memory. Throws when it breaks off, or snapshots are made faster than they can be copied. */
export async function* backupPieces(link: NatsLink, cluster: string): Pieces<void> {
  const before = await askJetStream<{ config: { num_replicas: number } }>(link, `STREAM.INFO.RP_${cluster}_JOURNAL`);
  const archive = await openNatsArchive({ link, cluster, replicas: before.config.num_replicas });
  for (let tried = 1; tried <= tries_max; tried++) {
    const streams = yield* copied(link, archive, cluster);
    if (streams !== undefined) {
      const whole: Backup = { layout, cluster, at: new Date().toISOString(), streams };
      yield* file(manifest_file, textParts(`${JSON.stringify(whole, undefined, 2)}\n`));
      return;
    }
    yield { again: true };
  }
  throw new Error(`After ${tries_max} tries there is no backup: try again when there is less to do.`);
}

interface NodesEnd {
  readonly servers: readonly string[];
  readonly cluster: string;
  readonly node: string;
  readonly log: Log;
}

const connect_wait_ms = 5_000;

/** What a node gives to whoever may have it. By a connection of its own: a backup is not to hold up what the node writes. */
export function nodesBackup({ servers, cluster, node, log }: NodesEnd): BackupSource {
  async function* make(): Pieces<void> {
    const link = await connectNats({
      servers,
      name: `ringpost ${cluster} ${node} backup`,
      log,
      connectWaitMs: connect_wait_ms,
    });
    try {
      yield* backupPieces(link, cluster);
    } finally {
      await link.close();
    }
  }
  return { kind: 'pieces', make };
}

/** Undefined: what was copied may not fit together. */
async function* copied(link: NatsLink, archive: Archive, cluster: string): Pieces<Backup['streams'] | undefined> {
  const streams: { [part: string]: SavedStream } = {};
  const before = await pointersOf(archive);
  streams.SNAPSHOTS = yield* stream(link, cluster, 'SNAPSHOTS');
  const pointers = await pointersOf(archive);
  if (pointers.some(({ version }, i) => version !== before[i]?.version)) return undefined;
  for (const part of parts.slice(1)) streams[part] = yield* stream(link, cluster, part);
  const now = await pointersOf(archive);
  for (const [partition, { version, manifest }] of pointers.entries()) {
    if (manifest === undefined || version === now[partition]?.version) continue;
    // There is a newer snapshot: is all that the copied one needs still there, and so in the copy?
    const names = new Set(await archive.names(partition));
    if (!manifest.segments.every(({ name }) => names.has(name))) return undefined;
    if ((now[partition]?.manifest?.previousFloorSeq ?? 0) > manifest.floorSeq) return undefined;
  }
  return streams as Backup['streams'];
}

async function* stream(link: NatsLink, cluster: string, part: string): Pieces<SavedStream> {
  const { result, bytes, sha256 } = yield* file(part, savedParts(link, `RP_${cluster}_${part}`));
  return { ...result, bytes, sha256 };
}

async function* file<T>(
  name: string,
  from: AsyncGenerator<Uint8Array, T>,
): Pieces<{ readonly result: T; readonly bytes: number; readonly sha256: string }> {
  yield { file: name };
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    for (;;) {
      const { value, done } = await from.next();
      if (done === true) {
        const sum = { bytes, sha256: hash.digest('hex') };
        yield { sum };
        return { result: value, ...sum };
      }
      hash.update(value);
      bytes += value.length;
      yield { data: value };
    }
  } finally {
    await from.return(undefined as never);
  }
}

async function* textParts(text: string): AsyncGenerator<Uint8Array, void> {
  yield Buffer.from(text);
}

function pointersOf(archive: Archive) {
  const partitions = Array.from({ length: clusterConfig.partitions }, (_, partition) => partition);
  return Promise.all(partitions.map((partition) => readPointer(partition, { archive, codec: msgpackCodec })));
}
