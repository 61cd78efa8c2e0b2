/**
 * The archive of a node that is alone: `segments/<partition>/<name>`, a file a segment, and `pointers/<partition>`. A file has its
 * name only when all of it is on disk; what a put leaves behind that was interrupted is removed when the folder is next opened.
 */
import { type FileHandle, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { Archive, PartitionId } from '../ports.ts';
import { lockFolder, makeFolder } from './folder.ts';
import { mustBePointer, segmentName } from './segment-name.ts';

const part_bytes = 512 * 1024;
/** After a segment's bytes: their number (6 bytes), their checksum (4 bytes). Big-endian, as below. */
const foot_bytes = 10;
/** Before a pointer's bytes: checksum of the rest (4 bytes), version (6 bytes). */
const head_bytes = 10;
/** In no name. */
const unfinished = '.new';

/**
 * The folder is made if need be and used by one process at a time.
 * @throws FolderInUse
 */
export async function openFolderArchive(folder: string): Promise<Archive> {
  await makeFolder(folder);
  const unlock = await lockFolder(folder);
  try {
    const segments = join(folder, 'segments');
    const pointers = join(folder, 'pointers');
    for (const needed of [segments, pointers]) await makeFolder(needed);
    for (const partition of await readdir(segments)) await removeUnfinished(join(segments, partition));
    await removeUnfinished(pointers);
    return new FolderArchive(segments, pointers, unlock);
  } catch (error) {
    await unlock();
    throw error;
  }
}

async function removeUnfinished(folder: string): Promise<void> {
  for (const file of await readdir(folder)) if (file.endsWith(unfinished)) await rm(join(folder, file));
}

class FolderArchive implements Archive {
  readonly #segments: string;
  readonly #pointers: string;
  readonly #unlock: () => Promise<void>;
  /** Names of segments that are being put. */
  readonly #putting = new Set<string>();
  /** What changes the folder does so one after another. */
  #turn: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(segments: string, pointers: string, unlock: () => Promise<void>) {
    this.#segments = segments;
    this.#pointers = pointers;
    this.#unlock = unlock;
  }

  async put(name: string, parts: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
    this.#mustBeOpen();
    const path = this.#pathOf(name);
    if (this.#putting.has(name)) throw taken(name);
    this.#putting.add(name);
    try {
      await makeFolder(join(path, '..'));
      if (await exists(path)) throw taken(name);
      const file = await open(path + unfinished, 'w');
      try {
        await this.#write(file, parts);
      } finally {
        await file.close();
      }
      await this.#inTurn(() => moveInto(path));
    } catch (error) {
      await rm(path + unfinished, { force: true });
      throw error;
    } finally {
      this.#putting.delete(name);
    }
  }

  async #write(file: FileHandle, parts: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
    let bytes = 0;
    let checksum = 0;
    for await (const part of parts) {
      this.#mustBeOpen();
      bytes += part.byteLength;
      checksum = crc32(part, checksum);
      await file.appendFile(part);
    }
    const foot = Buffer.alloc(foot_bytes);
    foot.writeUIntBE(bytes, 0, 6);
    foot.writeUInt32BE(checksum, 6);
    await file.appendFile(foot);
    await file.sync();
  }

  async *get(name: string): AsyncIterable<Uint8Array> {
    this.#mustBeOpen();
    const file = await open(this.#pathOf(name), 'r').catch(nothingWhereNothingIs(undefined));
    if (file === undefined) throw new Error(`there is no segment ${name}`);
    try {
      const bytes = (await file.stat()).size - foot_bytes;
      const foot = Buffer.alloc(foot_bytes);
      if (bytes >= 0) await file.read(foot, 0, foot_bytes, bytes);
      if (bytes < 0 || foot.readUIntBE(0, 6) !== bytes) throw new Error(`segment ${name} is damaged: it is not whole`);
      let checksum = 0;
      for (let at = 0; at < bytes; ) {
        const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(part_bytes), 0, part_bytes, at);
        const part = buffer.subarray(0, Math.min(bytesRead, bytes - at));
        if (part.byteLength === 0) throw new Error(`segment ${name} breaks off`);
        checksum = crc32(part, checksum);
        at += part.byteLength;
        yield part;
      }
      if (foot.readUInt32BE(6) !== checksum) throw new Error(`segment ${name} is damaged: its checksum does not fit`);
    } finally {
      await file.close();
    }
  }

  async names(partition: PartitionId): Promise<readonly string[]> {
    this.#mustBeOpen();
    const files = await readdir(join(this.#segments, String(partition))).catch(nothingWhereNothingIs([]));
    return files.filter((file) => !file.endsWith(unfinished)).map((file) => `${partition}/${file}`);
  }

  async remove(name: string): Promise<void> {
    this.#mustBeOpen();
    await rm(this.#pathOf(name), { force: true });
  }

  async pointer(partition: PartitionId): Promise<{ version: number; bytes: Uint8Array | undefined }> {
    this.#mustBeOpen();
    const path = this.#pointerOf(partition);
    const file = await readFile(path).catch(nothingWhereNothingIs(undefined));
    if (file === undefined) return { version: 0, bytes: undefined };
    if (file.byteLength < head_bytes || file.readUInt32BE(0) !== crc32(file.subarray(4)))
      throw new Error(`the pointer ${path} is damaged: restore it from a copy`);
    return { version: file.readUIntBE(4, 6), bytes: file.subarray(head_bytes) };
  }

  async point(partition: PartitionId, version: number, bytes: Uint8Array): Promise<number | undefined> {
    this.#mustBeOpen();
    mustBePointer(bytes);
    const content = Buffer.allocUnsafe(head_bytes + bytes.byteLength);
    content.writeUIntBE(version + 1, 4, 6);
    content.set(bytes, head_bytes);
    content.writeUInt32BE(crc32(content.subarray(4)), 0);
    return await this.#inTurn(async () => {
      if ((await this.pointer(partition)).version !== version) return undefined;
      const path = this.#pointerOf(partition);
      const file = await open(path + unfinished, 'w');
      try {
        await file.writeFile(content);
        await file.sync();
      } finally {
        await file.close();
      }
      await moveInto(path);
      return version + 1;
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#turn.then(this.#unlock);
    return this.#closing;
  }

  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    this.#mustBeOpen();
    const changed = this.#turn.then(change);
    this.#turn = changed.catch(() => {});
    return changed;
  }

  #pathOf(name: string): string {
    const { partition, rest } = segmentName(name);
    return join(this.#segments, String(partition), rest);
  }

  #pointerOf(partition: PartitionId): string {
    return join(this.#pointers, String(partition));
  }

  #mustBeOpen(): void {
    if (this.#closing !== undefined) throw new Error('the archive is closed');
  }
}

/** From its unfinished name; survives a loss of power when it resolves. */
async function moveInto(path: string): Promise<void> {
  await rename(path + unfinished, path);
  const folder = await open(join(path, '..'), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function exists(path: string): Promise<boolean> {
  const file = await open(path, 'r').catch(nothingWhereNothingIs(undefined));
  await file?.close();
  return file !== undefined;
}

function taken(name: string): Error {
  return new Error(`there is a segment ${name} already`);
}

function nothingWhereNothingIs<T>(nothing: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code !== 'ENOENT') throw error;
    return nothing;
  };
}
