/**
 * CPU profiles of the processes that serve, as Node takes them: the whole life of a process, written when it ends. Beside them lies
 * when the measured windows were, so that starting and warming up can be left out.
 */
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Spent } from './window.ts';

/** When a window was, µs on the monotonic clock, which a profile's times are on too. */
export type Interval = readonly [fromUs: number, toUs: number];
export type Windows = { readonly [name: string]: Interval };

const windows_file = 'windows.json';

export class Profiles {
  readonly folder = mkdtempSync(join(tmpdir(), 'ringpost-profiles-'));
  #windows: Windows = {};

  /** For one process, on Node's command line. Node's own names are kept: with another one, all its threads would write one file. */
  get flags(): string[] {
    return ['--cpu-prof', `--cpu-prof-dir=${this.folder}`];
  }

  /** The profiles of main threads, as a shell's pattern: a name ends in process, thread and count. */
  get mainThreads(): string {
    return join(this.folder, '*.0.001.cpuprofile');
  }

  measured(name: string, { fromUs, toUs }: Spent): void {
    this.#windows = { ...this.#windows, [name]: [fromUs, toUs] };
    writeFileSync(join(this.folder, windows_file), `${JSON.stringify(this.#windows)}\n`);
  }
}

/** The windows that were measured while a profile was taken; undefined where that is not known. */
export function windowsBeside(profile: string): Windows | undefined {
  const path = join(dirname(profile), windows_file);
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Windows) : undefined;
}
