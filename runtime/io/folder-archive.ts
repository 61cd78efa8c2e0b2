/** The archive of a node that is alone: a folder with a file a segment and a file a partition's pointer. */
import { open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { Archive, PartitionId } from '../ports.ts';
import { makeFolder, syncFolder } from './folder.ts';
import { mustBePointer, segmentName } from './segment-name.ts';

const part_bytes = 512 * 1024;
const unfinished = '.part';
/** Before a pointer's bytes: checksum of the rest (4 bytes), version (6 bytes). */
const pointer_head_bytes = 10;

/** The folder belongs to this process alone. */
export async function openFolderArchive(folder: string): Promise<Archive> {
  await makeFolder(folder);
  return new FolderArchive(folder);
}

class FolderArchive implements Archive {
  readonly #folder: string;
  /** Pointers are changed one after another. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(folder: string) {
    this.#folder = folder;
  }

  async put(name: string, parts: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
    const path = this.#pathOf(name);
    await makeFolder(join(path, '..'));
    // Fails where the name was used: also by a put that was interrupted.
    const file = await open(path + unfinished, 'wx');
    try {
      for await (const part of parts) await file.appendFile(part);
      await file.sync();
    } finally {
      await file.close();
    }
    if (await exists(path)) throw new Error(`there is a segment ${name}`);
    await rename(path + unfinished, path);
    syncFolder(join(path, '..'));
  }

  async *get(name: string): AsyncIterable<Uint8Array> {
    const file = await open(this.#pathOf(name), 'r');
    try {
      for (;;) {
        const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(part_bytes));
        if (bytesRead === 0) return;
        yield buffer.subarray(0, bytesRead);
      }
    } finally {
      await file.close();
    }
  }

  async names(partition: PartitionId): Promise<readonly string[]> {
    const files = await readdir(join(this.#folder, String(partition))).catch(nothingWhereNothingIs<string[]>([]));
    const names = files.map((file) => (file.endsWith(unfinished) ? file.slice(0, -unfinished.length) : file));
    return [...new Set(names)].map((rest) => `${partition}/${rest}`);
  }

  async remove(name: string): Promise<void> {
    const path = this.#pathOf(name);
    await rm(path + unfinished, { force: true });
    await rm(path, { force: true });
  }

  async pointer(partition: PartitionId): Promise<{ version: number; bytes: Uint8Array | undefined }> {
    const path = this.#pointerOf(partition);
    const file = await readFile(path).catch(nothingWhereNothingIs<undefined>(undefined));
    if (file === undefined) return { version: 0, bytes: undefined };
    if (file.length < pointer_head_bytes || file.readUInt32BE(0) !== crc32(file.subarray(4)))
      throw new Error(`the pointer ${path} is damaged`);
    return { version: file.readUIntBE(4, 6), bytes: file.subarray(pointer_head_bytes) };
  }

  point(partition: PartitionId, version: number, bytes: Uint8Array): Promise<number | undefined> {
    const pointed = this.#turn.then(() => this.#compareAndSet(partition, version, bytes));
    this.#turn = pointed.catch(() => {});
    return pointed;
  }

  async #compareAndSet(partition: PartitionId, version: number, bytes: Uint8Array): Promise<number | undefined> {
    mustBePointer(bytes);
    if ((await this.pointer(partition)).version !== version) return undefined;
    const content = Buffer.allocUnsafe(pointer_head_bytes + bytes.byteLength);
    content.writeUIntBE(version + 1, 4, 6);
    content.set(bytes, pointer_head_bytes);
    content.writeUInt32BE(crc32(content.subarray(4)), 0);
    const path = this.#pointerOf(partition);
    const file = await open(`${path}.new`, 'w');
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(`${path}.new`, path);
    syncFolder(this.#folder);
    return version + 1;
  }

  async close(): Promise<void> {
    await this.#turn;
  }

  #pathOf(name: string): string {
    const { partition, rest } = segmentName(name);
    return join(this.#folder, String(partition), rest);
  }

  #pointerOf(partition: PartitionId): string {
    return join(this.#folder, `${partition}.pointer`);
  }
}

async function exists(path: string): Promise<boolean> {
  const file = await open(path, 'r').catch(nothingWhereNothingIs<undefined>(undefined));
  await file?.close();
  return file !== undefined;
}

function nothingWhereNothingIs<T>(nothing: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code !== 'ENOENT') throw error;
    return nothing;
  };
}
