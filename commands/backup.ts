import { join } from 'node:path';
import { clusterConfig } from '../cluster.config.ts';
import { checkSaved, loadStream } from '../runtime/io/nats-backup.ts';
import { askJetStream } from '../runtime/io/nats-stream.ts';
import { backupIn, backupWords, newFolderOf, writeBackup } from './backup-folder.ts';
import { backupPieces, parts } from './backup-pieces.ts';
import { checkName, linkHelp, linkOptions, operatorLink } from './operator-link.ts';
import { parseOptions, textOf, UsageError, wholeNumber } from './options.ts';
import type { Terminal } from './terminal.ts';

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

export async function backup(args: readonly string[], terminal: Terminal): Promise<number> {
  const { options, words } = parseOptions(args, linkOptions, 1);
  const folder = newFolderOf(words);
  checkName(textOf(options, 'cluster', clusterConfig.name), 'cluster');
  const { link, cluster } = await operatorLink(options, terminal);
  try {
    const whole = await writeBackup(folder, backupPieces(link, cluster), terminal);
    terminal.say(backupWords(folder, whole));
    return 0;
  } finally {
    await link.close();
  }
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
