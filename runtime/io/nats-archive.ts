/**
 * The archive of a cluster, in two streams of JetStream: one of segments, a subject each, cut into numbered chunks, and one of pointers, a subject
 * a partition.
 *
 * nats.js has an object store, which would do. But it waits for each chunk's own timer when a connection breaks, writes chunks of 128 KiB where a
 * synced append costs the same for five times that, and its reader is a push consumer without a bound; ours are the reader and the requests that
 * the journal has already.
 */
import type { Archive, PartitionId } from '../ports.ts';
import { type NatsLink, plainHeaders } from './nats.ts';
import { outcomeOf } from './nats-journal.ts';
import { pullLog } from './nats-read.ts';
import { askJetStream, askMessage, askState, ensureStream, isRefusal, jetStreamError } from './nats-stream.ts';
import { mustBePointer, segmentName } from './segment-name.ts';

const limits = {
  /** Below max_payload also as base64. */
  chunk_bytes_max: 640 * 1024,
  /** On their way to the servers. */
  chunks_max: 6,
  chunk_wait_ms_max: 10_000,
};

/** Before the bytes of a chunk: its number from 0, and whether it is the last. */
const head_bytes = 5;

export interface NatsArchiveOptions {
  readonly link: NatsLink;
  readonly cluster: string;
  readonly replicas: number;
}

/** Makes the streams if need be. */
export async function openNatsArchive(options: NatsArchiveOptions): Promise<Archive> {
  const { link, cluster, replicas } = options;
  const common = {
    retention: 'limits',
    storage: 'file',
    num_replicas: replicas,
    max_age: 0,
    allow_rollup_hdrs: false,
    allow_direct: false,
  };
  await ensureStream(link, {
    ...common,
    name: segmentsStream(cluster),
    subjects: [`rp.${cluster}.seg.*.*`],
    discard: 'new',
  });
  await ensureStream(link, {
    ...common,
    name: pointersStream(cluster),
    subjects: [`rp.${cluster}.snap.*`],
    // The one before, for an operator who wonders.
    max_msgs_per_subject: 2,
    discard: 'old',
    deny_delete: true,
    deny_purge: true,
  });
  return new NatsArchive(link, cluster);
}

const segmentsStream = (cluster: string) => `RP_${cluster}_SEGMENTS`;
const pointersStream = (cluster: string) => `RP_${cluster}_SNAPSHOTS`;

class NatsArchive implements Archive {
  readonly #link: NatsLink;
  readonly #cluster: string;

  constructor(link: NatsLink, cluster: string) {
    this.#link = link;
    this.#cluster = cluster;
  }

  async put(name: string, parts: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
    const subject = this.#subjectOf(name);
    const underWay: Promise<void>[] = [];
    let number = 0;
    for await (const { bytes, isLast } of chunksOf(parts)) {
      if (underWay.length >= limits.chunks_max) await underWay.shift();
      const chunk = this.#putChunk(subject, number++, bytes, isLast);
      // Whoever waits for it hears of its failure.
      chunk.catch(() => {});
      underWay.push(chunk);
    }
    await Promise.all(underWay);
  }

  /** Chunks follow one another at the leader as they were sent; the reader checks their numbers. */
  async #putChunk(subject: string, number: number, bytes: Uint8Array, isLast: boolean): Promise<void> {
    const message = Buffer.allocUnsafe(head_bytes + bytes.byteLength);
    message.writeUInt32BE(number, 0);
    message[4] = isLast ? 1 : 0;
    message.set(bytes, head_bytes);
    // Only the first can know what comes before it: nothing, or the name was used.
    const headers = number === 0 ? plainHeaders('Nats-Expected-Last-Subject-Sequence: 0\r\n') : undefined;
    const outcome = outcomeOf(await this.#link.ask(subject, message, limits.chunk_wait_ms_max, headers), 1);
    if (outcome.kind === 'appended') return;
    throw new Error(`segment ${subject} was not put: ${'reason' in outcome ? outcome.reason : 'the name is taken'}`);
  }

  async *get(name: string): AsyncIterable<Uint8Array> {
    const subject = this.#subjectOf(name);
    const stream = segmentsStream(this.#cluster);
    const end = await this.#last(stream, subject);
    if (end === undefined) throw new Error(`there is no segment ${name}`);
    let number = 0;
    for await (const { seq, bytes } of pullLog({ link: this.#link, stream, subject }, 1, end.seq, end.seq)) {
      const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const isLast = chunk[4] === 1;
      if (chunk.readUInt32BE(0) !== number || isLast !== (seq === end.seq))
        throw new Error(`segment ${name} is not whole: chunk ${number} is missing`);
      number++;
      yield chunk.subarray(head_bytes);
    }
  }

  async names(partition: PartitionId): Promise<readonly string[]> {
    const prefix = `rp.${this.#cluster}.seg.${partition}.`;
    const { subjects } = await askState(this.#link, segmentsStream(this.#cluster), `${prefix}*`);
    return Object.keys(subjects ?? {}).map((subject) => `${partition}/${subject.slice(prefix.length)}`);
  }

  async remove(name: string): Promise<void> {
    const filter = this.#subjectOf(name);
    await askJetStream(this.#link, `STREAM.PURGE.${segmentsStream(this.#cluster)}`, { filter });
  }

  async pointer(partition: PartitionId): Promise<{ version: number; bytes: Uint8Array | undefined }> {
    const last = await this.#last(pointersStream(this.#cluster), this.#pointerOf(partition));
    return { version: last?.seq ?? 0, bytes: last?.bytes };
  }

  async point(partition: PartitionId, version: number, bytes: Uint8Array): Promise<number | undefined> {
    mustBePointer(bytes);
    const headers = plainHeaders(`Nats-Expected-Last-Subject-Sequence: ${version}\r\n`);
    const answer = await this.#link.ask(this.#pointerOf(partition), bytes, limits.chunk_wait_ms_max, headers);
    const outcome = outcomeOf(answer, 1);
    if (outcome.kind === 'appended') return outcome.seqs[0];
    if (outcome.kind === 'mismatch') return undefined;
    throw new Error(`pointer not written: ${'reason' in outcome ? outcome.reason : outcome.kind}`);
  }

  /** The link is closed by whoever opened it. */
  async close(): Promise<void> {}

  async #last(stream: string, subject: string): Promise<{ seq: number; bytes: Uint8Array } | undefined> {
    try {
      const { message } = await askMessage<StoredMessage>(this.#link, stream, { last_by_subj: subject });
      return { seq: message.seq, bytes: Buffer.from(message.data ?? '', 'base64') };
    } catch (error) {
      if (isRefusal(error, jetStreamError.no_message)) return undefined;
      throw error;
    }
  }

  #subjectOf(name: string): string {
    const { partition, rest } = segmentName(name);
    return `rp.${this.#cluster}.seg.${partition}.${rest}`;
  }

  #pointerOf(partition: PartitionId): string {
    return `rp.${this.#cluster}.snap.${partition}`;
  }
}

type StoredMessage = { readonly message: { readonly seq: number; readonly data?: string } };

/** Bytes in chunks of the greatest size, the last one marked; an empty segment is one empty chunk. */
async function* chunksOf(
  parts: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): AsyncGenerator<{ readonly bytes: Uint8Array; readonly isLast: boolean }> {
  let gathered: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of parts) {
    for (let at = 0; at < part.byteLength; ) {
      // A full one waits until it is known whether more comes.
      if (bytes === limits.chunk_bytes_max) {
        yield { bytes: Buffer.concat(gathered), isLast: false };
        gathered = [];
        bytes = 0;
      }
      const piece = part.subarray(at, at + limits.chunk_bytes_max - bytes);
      gathered.push(piece);
      bytes += piece.byteLength;
      at += piece.byteLength;
    }
  }
  yield { bytes: Buffer.concat(gathered), isLast: true };
}
