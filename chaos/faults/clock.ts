/** The wall clock of a process, moved while it runs. */
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { compiled } from './compile.ts';

export class ShiftedClock {
  /** For the process whose clock it is. */
  readonly env: { readonly [name: string]: string };
  readonly #file: string;

  constructor(name: string, folder: string) {
    this.#file = join(folder, `${name}.clock`);
    writeFileSync(this.#file, shiftOf(0));
    this.env = {
      LD_PRELOAD: compiled('clock.c', folder, ['-shared', '-fPIC', '-ldl']),
      RINGPOST_CLOCK_SHIFT: this.#file,
    };
  }

  /** From now on the process's clock shows the true time and so much more, ms; less than nothing is the past. */
  shift(ms: number): void {
    const file = openSync(this.#file, 'r+');
    writeSync(file, shiftOf(ms), 0, 8, 0);
    closeSync(file);
  }

  /** What a Node process with this clock reads, less the true time, ms. */
  measured(): number {
    const text = execFileSync(process.execPath, ['-e', 'process.stdout.write(String(Date.now()))'], {
      env: { ...process.env, ...this.env },
    });
    return Number(text.toString()) - Date.now();
  }
}

function shiftOf(ms: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt(Math.round(ms)) * 1_000_000n);
  return bytes;
}
