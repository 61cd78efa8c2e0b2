/** Where the bytes of an upload come from, piece by piece. */
import { RingpostError } from './errors.ts';

/** Bytes at hand, or as they come. */
export type UploadBytes = Uint8Array | Blob | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>;

export interface Piece {
  readonly bytes: Blob;
  /** Nothing follows it. */
  readonly last: boolean;
}

export interface UploadSource {
  /** Undefined: only the end tells. */
  readonly size: number | undefined;
  /** At most `most` bytes from there on. Throws `gone` where they were read before and are not kept. */
  piece(from: number, most: number): Promise<Piece>;
}

export function uploadSource(bytes: UploadBytes): UploadSource {
  if (bytes instanceof Blob) return blobSource(bytes);
  if (bytes instanceof Uint8Array) return blobSource(blobOf([bytes]));
  return streamSource('getReader' in bytes ? chunksOf(bytes) : bytes);
}

function blobSource(blob: Blob): UploadSource {
  return {
    size: blob.size,
    async piece(from, most) {
      return { bytes: blob.slice(from, from + most), last: from + most >= blob.size };
    },
  };
}

/** Keeps the last piece, which may have to be said again, and what was read beyond it. */
function streamSource(stream: AsyncIterable<Uint8Array>): UploadSource {
  const chunks = stream[Symbol.asyncIterator]();
  let start = 0;
  let kept: Blob = blobOf([]);
  let isDone = false;
  return {
    size: undefined,
    async piece(from, most) {
      if (from < start || from > start + kept.size) {
        throw new RingpostError('gone', 'The upload was lost, and its stream can be read only once.', false);
      }
      const parts: BlobPart[] = [kept.slice(from - start)];
      let size = start + kept.size - from;
      // One byte more tells whether there is an end.
      while (!isDone && size <= most) {
        const { value, done } = await chunks.next();
        if (done === true) isDone = true;
        else {
          parts.push(value as Uint8Array<ArrayBuffer>);
          size += value.length;
        }
      }
      start = from;
      kept = new Blob(parts);
      return { bytes: kept.slice(0, most), last: isDone && kept.size <= most };
    },
  };
}

/** Not every browser can loop over a stream. */
async function* chunksOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    yield value;
  }
}

function blobOf(parts: readonly Uint8Array[]): Blob {
  return new Blob(parts as Uint8Array<ArrayBuffer>[]);
}
