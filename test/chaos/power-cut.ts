/** Writes to a forgetful disk, cuts its power, and says as JSON what is left. Started by faults.test.ts in a mount namespace. */
import { closeSync, constants, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { ForgetfulDisk } from '../../chaos/faults/forgetful.ts';

const [, , folder = ''] = process.argv;
const disk = await ForgetfulDisk.open(join(folder, 'disk'), 1);
const at = (name: string): string => join(disk.folder, name);

function write(name: string, synced: string, unsynced: (file: number) => void): void {
  const file = openSync(at(name), 'w+');
  writeSync(file, synced);
  fsyncSync(file);
  unsynced(file);
  closeSync(file);
}

write('synced', 'synced', () => undefined);
write('written over', 'synced and whole', (file) => {
  writeSync(file, 'UNSYNCED', 0);
  writeSync(file, 'AGAIN', 3);
});
write('grown', 'synced', (file) => writeSync(file, ' and more', 6));

const fresh = openSync(at('fresh'), 'w');
writeSync(fresh, 'never synced');
closeSync(fresh);
renameSync(at('fresh'), at('renamed'));

write('dsync', 'one two', (file) => writeSync(file, 'ONE', 0));
const durable = openSync(at('dsync'), constants.O_WRONLY | constants.O_DSYNC);
writeSync(durable, 'TWO', 4);
closeSync(durable);

await disk.cut(false);
const names = ['synced', 'written over', 'grown', 'renamed', 'dsync'];
process.stdout.write(JSON.stringify(Object.fromEntries(names.map((name) => [name, readFileSync(at(name), 'utf8')]))));
await disk.close();
