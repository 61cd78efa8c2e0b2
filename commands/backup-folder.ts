/** The folder of a backup: written piece by piece, wherever those come from, and read again. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { type FileHandle, mkdir, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { BackupPieceWords } from '../console/index.ts';
import { type Backup, layout, manifest_file, parts } from './backup-pieces.ts';
import { UsageError } from './options.ts';
import type { Terminal } from './terminal.ts';

const names: ReadonlySet<string> = new Set([...parts, manifest_file]);

/** Throws a UsageError where there is something already. */
export function newFolderOf([folder]: readonly string[]): string {
  if (folder === undefined) throw new UsageError('Where to? A backup has a folder of its own.');
  if (existsSync(folder)) throw new UsageError(`${folder} is there already: a backup has a folder of its own.`);
  return folder;
}

/** Rejects when pieces end early, or are not what their sums say; then there is no folder. */
export async function writeBackup(
  folder: string,
  pieces: AsyncIterable<BackupPieceWords>,
  terminal: Terminal,
): Promise<Backup> {
  const written = new Written(folder, terminal);
  try {
    for await (const piece of pieces) await written.take(piece);
    if (!written.isWhole) throw new Error('the backup ended before it was whole');
    return await backupIn(folder);
  } catch (error) {
    await written.close();
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

class Written {
  readonly #folder: string;
  readonly #terminal: Terminal;
  #file: { readonly name: string; readonly handle: FileHandle } | undefined;
  #hash = createHash('sha256');
  #bytes = 0;
  isWhole = false;

  constructor(folder: string, terminal: Terminal) {
    this.#folder = folder;
    this.#terminal = terminal;
  }

  async take({ file, data, sum, again }: BackupPieceWords): Promise<void> {
    if (file !== undefined) await this.#begin(file);
    else if (data !== undefined) await this.#write(data);
    else if (sum !== undefined) await this.#end(sum);
    else if (again === true) {
      this.#terminal.tell('Snapshots were made faster than they could be copied; once more.');
      await this.close();
      await rm(this.#folder, { recursive: true, force: true });
    }
  }

  async close(): Promise<void> {
    await this.#file?.handle.close();
    this.#file = undefined;
  }

  /** What comes from elsewhere names no other files than these. */
  async #begin(name: string): Promise<void> {
    if (!names.has(name)) throw new Error(`a backup has no file "${name}"`);
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    this.#file = { name, handle: await open(join(this.#folder, name), 'wx', 0o600) };
    this.#hash = createHash('sha256');
    this.#bytes = 0;
  }

  async #write(data: Uint8Array): Promise<void> {
    if (this.#file === undefined) throw new Error('bytes of no file');
    this.#hash.update(data);
    this.#bytes += data.length;
    await this.#file.handle.write(data);
  }

  async #end({ bytes, sha256 }: { readonly bytes: number; readonly sha256: string }): Promise<void> {
    const name = this.#file?.name;
    if (this.#bytes !== bytes || this.#hash.digest('hex') !== sha256) throw new Error(`${name} did not come whole`);
    await this.#file?.handle.sync();
    await this.close();
    if (name === manifest_file) this.isWhole = true;
  }
}

/** Throws a UsageError where a folder is no whole backup, or of another layout. */
export async function backupIn(folder: string): Promise<Backup> {
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

export function backupWords(folder: string, { cluster, streams }: Backup): string {
  const bytes = Object.values(streams).reduce((sum, stream) => sum + stream.bytes, 0);
  return `${folder} holds the cluster "${cluster}", ${(bytes / 2 ** 20).toFixed(1)} MB.`;
}
