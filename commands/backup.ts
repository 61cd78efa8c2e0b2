import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { clusterConfig } from '../cluster.config.ts';
import { msgpackCodec } from '../runtime/io/codec.ts';
import type { NatsLink } from '../runtime/io/nats.ts';
import { openNatsArchive } from '../runtime/io/nats-archive.ts';
import { checkSaved, loadStream, type SavedStream, saveStream } from '../runtime/io/nats-backup.ts';
import { askJetStream } from '../runtime/io/nats-stream.ts';
import type { Archive } from '../runtime/ports.ts';
import { readPointer } from '../runtime/snapshots/manifest.ts';
import { checkName, linkHelp, linkOptions, operatorLink } from './operator-link.ts';
import { parseOptions, textOf, UsageError, wholeNumber } from './options.ts';
import type { Terminal } from './terminal.ts';

/** Snapshots that are made meanwhile may overtake a backup; then it is begun anew. */
const tries_max = 5;
const layout = 1;
const manifest_file = 'backup.json';
/**
 * In this order. What points to segments before the segments, and both before the journal, which goes on from them; the register last: it may
 * know of more owners than the journal does, but not of fewer.
 */
const parts = ['SNAPSHOTS', 'SEGMENTS', 'JOURNAL', 'OWNERSHIP'] as const;

export const backupHelp = `ringpost backup FOLDER: writes all that a cluster keeps into a new folder, while it runs. It is the cluster as it was at one moment: each message that
was accepted before, and what had become of it.

  FOLDER                 must not be there yet
${linkHelp}  --help                 this text

Not in it: the secret that signs tokens, and files (messages with their bytes, if they are kept in a folder or in S3). Ends with 0 when it is whole.
`;

export const restoreHelp = `ringpost restore FOLDER: makes a cluster of a backup. Its nats-servers must hold none of that name; its nodes are started afterwards, with empty data
folders.

  FOLDER                 that "ringpost backup" has written
${linkHelp}  --replicas 1|3|5       copies of the journal, on as many nats-servers (as it was)
  --help                 this text
`;

interface Backup {
  readonly layout: number;
  readonly cluster: string;
  /** When it was finished, ISO 8601. */
  readonly at: string;
  readonly streams: { readonly [part in (typeof parts)[number]]: SavedStream };
}

export async function backup(args: readonly string[], terminal: Terminal): Promise<number> {
  const { options, words } = parseOptions(args, linkOptions, 1);
  const [folder] = words;
  if (folder === undefined) throw new UsageError('Where to? ringpost backup FOLDER');
  if (existsSync(folder)) throw new UsageError(`${folder} is there already: a backup has a folder of its own.`);
  checkName(textOf(options, 'cluster', clusterConfig.name), 'cluster');
  const { link, cluster } = await operatorLink(options, terminal);
  try {
    const before = await askJetStream<{ config: { num_replicas: number } }>(link, `STREAM.INFO.RP_${cluster}_JOURNAL`);
    const archive = await openNatsArchive({ link, cluster, replicas: before.config.num_replicas });
    for (let tried = 1; ; tried++) {
      await mkdir(folder, { mode: 0o700 });
      const streams = await copied(link, archive, cluster, folder);
      if (streams !== undefined) {
        const whole: Backup = { layout, cluster, at: new Date().toISOString(), streams };
        await writeFile(join(folder, manifest_file), `${JSON.stringify(whole, undefined, 2)}\n`, { mode: 0o600 });
        terminal.say(`${folder} holds the cluster "${cluster}", ${megabytesOf(whole)} MB.`);
        return 0;
      }
      await rm(folder, { recursive: true });
      if (tried === tries_max) break;
      terminal.tell('Snapshots were made faster than they could be copied; once more.');
    }
    terminal.tell(`After ${tries_max} tries there is no backup: try again when there is less to do.`);
    return 1;
  } finally {
    await link.close();
  }
}

/** Undefined: what was copied may not fit together. */
async function copied(
  link: NatsLink,
  archive: Archive,
  cluster: string,
  folder: string,
): Promise<Backup['streams'] | undefined> {
  const streams: { [part: string]: SavedStream } = {};
  const copy = async (part: (typeof parts)[number]): Promise<void> => {
    streams[part] = await saveStream(link, `RP_${cluster}_${part}`, join(folder, part));
  };
  const before = await pointersOf(archive);
  await copy('SNAPSHOTS');
  const pointers = await pointersOf(archive);
  if (pointers.some(({ version }, i) => version !== before[i]?.version)) return undefined;
  for (const part of parts.slice(1)) await copy(part);
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

function pointersOf(archive: Archive) {
  const partitions = Array.from({ length: clusterConfig.partitions }, (_, partition) => partition);
  return Promise.all(partitions.map((partition) => readPointer(partition, { archive, codec: msgpackCodec })));
}

export async function restore(args: readonly string[], terminal: Terminal): Promise<number> {
  const { options, words } = parseOptions(args, { ...linkOptions, replicas: { type: 'string' } }, 1);
  const [folder] = words;
  if (folder === undefined) throw new UsageError('Which one? ringpost restore FOLDER');
  const saved = await backupIn(folder);
  const cluster = checkName(textOf(options, 'cluster', saved.cluster), 'cluster');
  if (cluster !== saved.cluster) {
    throw new UsageError(`The backup is of the cluster "${saved.cluster}", and its subjects are named so.`);
  }
  const replicas = wholeNumber(options, 'replicas', saved.streams.JOURNAL.config.num_replicas, 1, 5);
  const { link } = await operatorLink({ ...options, cluster }, terminal);
  try {
    const { streams } = await askJetStream<{ streams: readonly string[] | null }>(link, 'STREAM.NAMES');
    const there = (streams ?? []).filter((name) => parts.some((part) => name === `RP_${cluster}_${part}`));
    if (there.length > 0) {
      terminal.tell(`These nats-servers hold a cluster "${cluster}" already (${there.join(', ')}). Nothing was changed.
Restore where it is not; to replace it, stop its nodes and delete these streams first.`);
      return 1;
    }
    // Nothing is begun with what is damaged.
    for (const part of parts) await checkSaved(saved.streams[part], join(folder, part));
    for (const part of parts) {
      await loadStream(link, saved.streams[part], join(folder, part), replicas);
      terminal.tell(`${part}: ${saved.streams[part].state.messages} messages`);
    }
  } finally {
    await link.close();
  }
  terminal.say(
    `The cluster "${cluster}" is as it was at ${saved.at}. Start its nodes with empty data folders, and the same secret.`,
  );
  return 0;
}

async function backupIn(folder: string): Promise<Backup> {
  let saved: Backup;
  try {
    saved = JSON.parse(await readFile(join(folder, manifest_file), 'utf8')) as Backup;
  } catch (error) {
    throw new UsageError(`${folder} is not a whole backup: ${(error as Error).message}`);
  }
  if (saved.layout !== layout)
    throw new UsageError(`${folder} has layout ${saved.layout}; this version reads ${layout}.`);
  return saved;
}

function megabytesOf({ streams }: Backup): string {
  const bytes = Object.values(streams).reduce((sum, stream) => sum + stream.bytes, 0);
  return (bytes / 2 ** 20).toFixed(1);
}
