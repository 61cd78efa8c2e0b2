/** Where a run keeps its data: a fresh folder each time, removed afterwards. */
import { mkdirSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Endings } from '../scripts/endings.ts';

const tmpfs_magic = 0x01021994;

export function freshFolder(parent: string | undefined, endings: Endings): string {
  const above = parent ?? tmpdir();
  mkdirSync(above, { recursive: true });
  if (statfsSync(above).type === tmpfs_magic) {
    process.stderr.write(
      `${above} lies in memory: nothing is synced to a disk there, so the figures will flatter. --data DIR takes another.\n`,
    );
  }
  const folder = mkdtempSync(join(above, 'ringpost-bench-'));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  // After a second Ctrl-C there is no time for anything but this.
  process.once('exit', remove);
  endings.add(() => {
    process.off('exit', remove);
    remove();
  });
  return folder;
}
