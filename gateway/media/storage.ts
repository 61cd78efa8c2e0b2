/** Where the bytes of files are kept: a port, with a folder and S3 behind it, and one contract (`test/contract/storage.ts`). */
import type { Readable } from 'node:stream';

/** `[0-9a-f]{64}` and parts of `[A-Za-z0-9-]` after dots: safe as a file name and as a key. */
export type BlobName = string;

export interface StoredBlob {
  readonly name: BlobName;
  readonly bytes: number;
  /** When it was stored, ms since the Unix epoch. */
  readonly at: number;
}

export interface BlobPage {
  /** In the order of their names. */
  readonly blobs: readonly StoredBlob[];
  /** `after` of the next page; '' at the end. */
  readonly next: BlobName | '';
}

/** All of it rejects when the storage can't be reached; nothing is kept of what failed, as far as anybody can see. */
export interface Storage {
  /** There wholly when it resolves, and not at all before. A blob of that name is replaced. */
  put(name: BlobName, source: Readable): Promise<void>;
  /** Undefined: there is no such blob. */
  size(name: BlobName): Promise<number | undefined>;
  /** Bytes `from` to `to`, both included. Undefined: there is no such blob. */
  get(name: BlobName, from: number, to: number): Promise<Readable | undefined>;
  /** Well also when there is none. */
  delete(name: BlobName): Promise<void>;
  list(after: BlobName | '', limit: number): Promise<BlobPage>;
  close(): void;
}

const nameShape = /^[0-9a-f]{64}(\.[A-Za-z0-9-]+)+$/;

/** Throws for what is no name: nothing from outside may become a path. */
export function checkedName(name: string): BlobName {
  if (!nameShape.test(name)) throw new TypeError(`not the name of a blob: ${JSON.stringify(name.slice(0, 100))}`);
  return name;
}
