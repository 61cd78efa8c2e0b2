/** Blobs as files, in 256 folders by the first byte of their names. Nodes that share the folder share the blobs. */
import { randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type BlobName, type BlobPage, checkedName, type Storage, type StoredBlob } from './storage.ts';

/** Drafts of who died while writing: older than any upload could be. */
const draft_ms_max = 24 * 60 * 60_000;

export async function folderStorage(folder: string): Promise<Storage> {
  const drafts = join(folder, 'drafts');
  await mkdir(drafts, { recursive: true, mode: 0o700 });
  await clearDrafts(drafts);
  const folderOf = (name: BlobName): string => join(folder, name.slice(0, 2));
  const fileOf = (name: BlobName): string => join(folderOf(checkedName(name)), name);

  return {
    async put(name, source) {
      const file = fileOf(name);
      const draft = join(drafts, `${name}.${randomBytes(6).toString('hex')}`);
      try {
        await pipeline(source, createWriteStream(draft, { flags: 'wx', mode: 0o600 }));
        await sync(draft);
        await mkdir(folderOf(name), { recursive: true, mode: 0o700 });
        await rename(draft, file);
        await sync(folderOf(name));
      } finally {
        await rm(draft, { force: true });
      }
    },
    size: (name) => unlessMissing(async () => (await stat(fileOf(name))).size),
    get: (name, from, to) =>
      unlessMissing(async () => {
        // Opened here, so that one that is gone is noticed before anything is answered.
        const handle = await open(fileOf(name), 'r');
        return createReadStream('', { fd: handle, start: from, end: to });
      }),
    delete: (name) => rm(fileOf(name), { force: true }),
    list: (after, limit) => listFolders(folder, after, limit),
    close() {},
  };
}

async function listFolders(folder: string, after: BlobName | '', limit: number): Promise<BlobPage> {
  const folders = (await readdir(folder)).filter((name) => /^[0-9a-f]{2}$/.test(name)).sort();
  const blobs: StoredBlob[] = [];
  for (const part of folders) {
    if (part < after.slice(0, 2)) continue;
    const names = (await readdir(join(folder, part))).filter((name) => name > after).sort();
    for (const name of names) {
      if (blobs.length === limit) return { blobs, next: blobs.at(-1)?.name ?? '' };
      const found = await unlessMissing(() => stat(join(folder, part, name)));
      if (found !== undefined) blobs.push({ name, bytes: found.size, at: found.mtimeMs });
    }
  }
  return { blobs, next: '' };
}

async function clearDrafts(drafts: string): Promise<void> {
  for (const name of await readdir(drafts)) {
    const found = await unlessMissing(() => stat(join(drafts, name)));
    if (found !== undefined && Date.now() - found.mtimeMs > draft_ms_max) await rm(join(drafts, name), { force: true });
  }
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function unlessMissing<T>(look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
