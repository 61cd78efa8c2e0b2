/** A backup by way of a node: the folder that `ringpost backup` writes, for whoever reaches the console but not NATS. */
import { backupWords, newFolderOf, writeBackup } from '../backup-folder.ts';
import { type Errand, reasonOf } from './connect.ts';

export async function backup(errand: Errand): Promise<number> {
  const { client, terminal, words, json } = errand;
  const folder = newFolderOf(words);
  const reason = await reasonOf(errand);
  let entry = 0;
  async function* pieces() {
    for await (const piece of client.stream('Backup', { reason })) {
      entry = piece.audit ?? entry;
      yield piece;
    }
    if (entry === 0) throw new Error('the backup ended before it was whole');
  }
  const whole = await writeBackup(folder, pieces(), terminal);
  terminal.say(json ? JSON.stringify({ folder, at: whole.at, audit: entry }) : backupWords(folder, whole));
  return 0;
}
