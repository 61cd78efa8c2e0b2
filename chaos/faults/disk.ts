/** Small disks that fill up. */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const filler = 'filler';
const chunk = Buffer.alloc(64 * 1_024);

/** A file system in memory, of a fixed size. Needs an enclosure, which takes it away at the end. */
export class SmallDisk {
  readonly folder: string;

  constructor(folder: string, mb: number) {
    this.folder = folder;
    mkdirSync(folder, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mb}m`, 'ringpost-chaos', folder]);
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.folder);
    return bavail * bsize;
  }

  /** Until not one more byte has room. */
  fill(): void {
    const file = openSync(join(this.folder, filler), 'a');
    try {
      for (let bytes = chunk.length; bytes >= 1; ) {
        try {
          writeSync(file, chunk, 0, bytes);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
          bytes = Math.floor(bytes / 2);
        }
      }
    } finally {
      closeSync(file);
    }
  }

  free(): void {
    rmSync(join(this.folder, filler), { force: true });
  }
}
