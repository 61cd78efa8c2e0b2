/** Journal and archive as a verification reads them: what it reads is counted, and what fails is told apart. */
import type { Archive, Codec, Journal, PartitionId, Ports } from '../ports.ts';
import { CorruptRecord } from '../record.ts';
import { ChainBroken } from '../standing.ts';
import { ManifestUnreadable, type Pointer, readPointer } from './manifest.ts';
import { SegmentDamaged } from './segment.ts';

/** Journal or archive does not answer now: nothing is known of what it holds. */
export class SourceSilent extends Error {
  constructor(source: 'journal' | 'archive', error: unknown) {
    const words = error instanceof Error ? error.message : String(error);
    super(`the ${source} does not answer, so nothing is known yet; ask again: ${words}`, { cause: error });
    this.name = 'SourceSilent';
  }
}

/** What journal and archive hold is not what was put there. */
export function flawOf(error: unknown): { readonly where: 'journal' | 'snapshot'; readonly words: string } | undefined {
  if (error instanceof ChainBroken || error instanceof CorruptRecord) return { where: 'journal', words: error.message };
  if (error instanceof SegmentDamaged || error instanceof ManifestUnreadable)
    return { where: 'snapshot', words: error.message };
  return undefined;
}

export class Sources {
  readonly codec: Codec;
  readonly journal: Pick<Journal, 'read'>;
  readonly archive: Pick<Archive, 'get'>;
  /** Read so far. */
  bytes = 0;
  readonly #ports: Pick<Ports, 'journal' | 'archive' | 'codec'>;

  constructor(ports: Pick<Ports, 'journal' | 'archive' | 'codec'>) {
    this.#ports = ports;
    this.codec = ports.codec;
    this.journal = { read: (partition, fromSeq, toSeq) => this.#read(partition, fromSeq, toSeq) };
    this.archive = { get: (name) => this.#get(name) };
  }

  /** Rejects with `ManifestUnreadable` or `SourceSilent`. */
  async pointer(id: PartitionId): Promise<Pointer> {
    try {
      return await readPointer(id, this.#ports);
    } catch (error) {
      throw error instanceof ManifestUnreadable ? error : new SourceSilent('archive', error);
    }
  }

  async *#read(...range: Parameters<Journal['read']>): ReturnType<Journal['read']> {
    const entries = this.#ports.journal.read(...range)[Symbol.asyncIterator]();
    yield* this.#each(
      entries,
      ({ bytes }) => bytes.byteLength,
      async (error) => new SourceSilent('journal', error),
    );
  }

  async *#get(name: string): ReturnType<Archive['get']> {
    const parts = this.#ports.archive.get(name)[Symbol.asyncIterator]();
    const partition = Number(name.slice(0, name.indexOf('/')));
    yield* this.#each(
      parts,
      ({ byteLength }) => byteLength,
      async (error) => {
        // An archive that answers something else of the same partition does answer: then it is the segment.
        await this.pointer(partition);
        return new SegmentDamaged(name, error instanceof Error ? error.message : String(error));
      },
    );
  }

  /** What fails on the way is named by `named`; what the reader throws is not. */
  async *#each<T>(from: AsyncIterator<T>, bytesOf: (one: T) => number, named: (error: unknown) => Promise<Error>) {
    try {
      for (;;) {
        let next: IteratorResult<T>;
        try {
          next = await from.next();
        } catch (error) {
          throw await named(error);
        }
        if (next.done === true) return;
        this.bytes += bytesOf(next.value);
        yield next.value;
      }
    } finally {
      await from.return?.();
    }
  }
}
