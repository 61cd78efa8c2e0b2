/**
 * The archive of a cluster, in two streams of JetStream: segments, cut into chunks, and pointers, a subject a partition.
 *
 * A segment is chunks, which go out several at a time and may be sent twice, and then its manifest: which chunk is where, and its
 * checksum. The manifest is appended on condition that the name has none, so a name is written once, and what has no manifest is no
 * segment. Chunks are read by their sequences from whichever server holds a copy; one that does not fit is asked for again.
 *
 * Not nats.js's object store (2.29.3): it replaces an object of the same name; it sends all chunks at once, whatever their size; one
 * that broke off leaves chunks that nothing lists, since they may land after it has purged them; and it reads through a push consumer,
 * which takes the whole object into memory when its reader is slow, and never ends when the chunks are removed meanwhile.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import type { MsgHdrs } from 'nats';
import type { AppendOutcome, Archive, PartitionId } from '../ports.ts';
import { type NatsLink, plainHeaders } from './nats.ts';
import { outcomeOf } from './nats-journal.ts';
import { askJetStream, askMessage, askState, ensureStream, isRefusal, jetStreamError } from './nats-stream.ts';
import { mustBePointer, segmentName } from './segment-name.ts';

const limits = {
  /** Each costs an fsync on every replica. As base64 it must fit into `payload_bytes_min` (nats.ts). */
  chunk_bytes: 512 * 1024,
  /** Of a segment: 8 GiB, and half a megabyte of manifest. */
  chunks_max: 16 * 1024,
  /** Of one put, and of one get. */
  chunks_written_at_once_max: 6,
  chunks_read_at_once_max: 8,
  /** Of all that go on at once: 16 MiB; the server cuts off a connection that leaves 64 lying (its default). */
  chunks_under_way_max: 32,
  write_wait_ms_max: 5_000,
  read_wait_ms_max: 2_000,
  pause_ms: 100,
  /** Between changes of the server. */
  move_pause_ms: 2_000,
};

export interface NatsArchiveOptions {
  readonly link: NatsLink;
  readonly cluster: string;
  readonly replicas: number;
  /** For one chunk, with all tries; longer than an election of JetStream (4 to 9 s) after a server was lost. */
  readonly patienceMs?: number;
}

/** Makes the streams if need be. */
export async function openNatsArchive(options: NatsArchiveOptions): Promise<Archive> {
  const { link, cluster, replicas, patienceMs = 30_000 } = options;
  const common = { retention: 'limits', storage: 'file', num_replicas: replicas, max_age: 0, allow_rollup_hdrs: false };
  await ensureStream(link, {
    ...common,
    name: segmentsStream(cluster),
    subjects: [`rp.${cluster}.seg.*.*.*`],
    max_msgs_per_subject: -1,
    discard: 'new',
    // A replica that lags is asked again; what it answers is checked.
    allow_direct: true,
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
    allow_direct: false,
  });
  return new NatsArchive(link, cluster, patienceMs);
}

const segmentsStream = (cluster: string) => `RP_${cluster}_SEGMENTS`;
const pointersStream = (cluster: string) => `RP_${cluster}_SNAPSHOTS`;

/** Where a chunk is, how long it is, and its CRC-32. */
type Chunk = readonly [seq: number, bytes: number, checksum: number];

interface Manifest {
  /** Of the put: tells its manifest from another's. */
  readonly id: string;
  readonly chunks: readonly Chunk[];
}

class NatsArchive implements Archive {
  readonly #link: NatsLink;
  readonly #cluster: string;
  readonly #patienceMs: number;
  #movedAt = Number.NEGATIVE_INFINITY;
  readonly #slots = new Slots(limits.chunks_under_way_max);

  constructor(link: NatsLink, cluster: string, patienceMs: number) {
    this.#link = link;
    this.#cluster = cluster;
    this.#patienceMs = patienceMs;
  }

  async put(name: string, parts: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
    const subject = this.#subjectOf(name);
    if ((await this.#manifestOf(subject)) !== undefined) throw taken(name);
    const id = randomUUID();
    const chunks = await this.#putChunks(`${subject}.${id}`, parts);
    const manifest: Manifest = { id, chunks };
    const headers = plainHeaders(`Nats-Expected-Last-Subject-Sequence: 0\r\nNats-Msg-Id: ${id}\r\n`);
    const outcome = await this.#append(`${subject}.manifest`, Buffer.from(JSON.stringify(manifest)), headers);
    if (outcome.kind === 'appended' || outcome.kind === 'duplicate') return;
    // Of a manifest that may still be appended the chunks stay; they go when the name is removed.
    if (outcome.kind !== 'mismatch') throw new Error(`segment ${name} may not have been put: ${outcome.reason}`);
    if ((await this.#manifestOf(subject))?.id === id) return;
    await this.#purge(`${subject}.${id}`).catch(() => {});
    throw taken(name);
  }

  /** When one fails, those that were written are removed, or listed by `names` until the name is. */
  async #putChunks(
    subject: string,
    parts: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  ): Promise<readonly Chunk[]> {
    const written: Promise<Chunk>[] = [];
    try {
      for await (const bytes of inChunks(parts)) {
        if (written.length === limits.chunks_max) throw new RangeError('the segment is too large for the archive');
        await written.at(-limits.chunks_written_at_once_max);
        const chunk = this.#slots.use(() => this.#putChunk(subject, bytes));
        // Whoever waits for it hears of its failure.
        chunk.catch(() => {});
        written.push(chunk);
      }
      return await Promise.all(written);
    } catch (error) {
      await Promise.allSettled(written);
      await this.#purge(subject).catch(() => {});
      throw error;
    }
  }

  async #putChunk(subject: string, bytes: Uint8Array): Promise<Chunk> {
    const outcome = await this.#append(subject, bytes);
    if (outcome.kind === 'appended') return [outcome.seqs[0] as number, bytes.byteLength, crc32(bytes)];
    throw new Error(`a chunk was not put: ${'reason' in outcome ? outcome.reason : outcome.kind}`);
  }

  /** The same bytes until the outcome is certain, or for long enough. */
  async #append(subject: string, bytes: Uint8Array, headers?: MsgHdrs): Promise<AppendOutcome> {
    const deadline = performance.now() + this.#patienceMs;
    for (;;) {
      const outcome = outcomeOf(await this.#link.ask(subject, bytes, limits.write_wait_ms_max, headers), 1);
      const certain = outcome.kind !== 'busy' && outcome.kind !== 'unknown';
      if (certain || performance.now() > deadline || this.#link.connection.isClosed()) return outcome;
      await sleep(limits.pause_ms);
    }
  }

  async #patiently<T>(what: string, attempt: () => Promise<T>): Promise<T> {
    const deadline = performance.now() + this.#patienceMs;
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        if (error instanceof Final) throw error;
        if (performance.now() > deadline || this.#link.connection.isClosed())
          throw new Error(`${what}: ${(error as Error).message}`, { cause: error });
      }
      await sleep(limits.pause_ms);
    }
  }

  async *get(name: string): AsyncIterable<Uint8Array> {
    const manifest = await this.#manifestOf(this.#subjectOf(name));
    if (manifest === undefined) throw new Error(`there is no segment ${name}`);
    const { chunks } = manifest;
    const ahead: Promise<Uint8Array>[] = [];
    for (let next = 0; next < chunks.length || ahead.length > 0; ) {
      if (next < chunks.length && ahead.length < limits.chunks_read_at_once_max) {
        const wanted = chunks[next++] as Chunk;
        const chunk = this.#slots.use(() => this.#chunkOf(name, wanted));
        // Its failure is met when its turn comes; until then it is not unhandled.
        chunk.catch(() => {});
        ahead.push(chunk);
      } else {
        yield (await ahead.shift()) as Uint8Array;
      }
    }
  }

  /** From the server at hand, the leader, or another server: one copy that is as it was put is enough. */
  #chunkOf(name: string, [seq, length, checksum]: Chunk): Promise<Uint8Array> {
    return this.#patiently(`segment ${name} breaks off`, async () => {
      for (const asked of [() => this.#askAnyone(seq), () => this.#askLeader({ seq })]) {
        const bytes = await asked();
        if (bytes?.byteLength === length && crc32(bytes) === checksum) return bytes;
      }
      if ((await this.#manifestOf(this.#subjectOf(name))) === undefined) throw new Final(`segment ${name} was removed`);
      this.#moveOn();
      throw new Error('a part of it is damaged or gone');
    });
  }

  /** To another server: JetStream asks the copy of the one that the link is connected to, if it has one. */
  #moveOn(): void {
    if (performance.now() - this.#movedAt < limits.move_pause_ms || !this.#link.connected) return;
    this.#movedAt = performance.now();
    this.#link.connection.reconnect().catch(() => {});
  }

  /** Undefined: that server has no such message, or not yet. */
  async #askAnyone(seq: number): Promise<Uint8Array | undefined> {
    const api = `$JS.API.DIRECT.GET.${segmentsStream(this.#cluster)}`;
    const answer = await this.#link.ask(api, Buffer.from(JSON.stringify({ seq })), limits.read_wait_ms_max);
    if (answer.kind !== 'reply') throw new Error(answer.kind === 'none' ? answer.reason : 'no server holds it now');
    const { headers, data } = answer.message;
    const code = headers?.code ?? 0;
    if (code === 404) return undefined;
    if (code !== 0) throw new Error(`${api}: ${headers?.description}`);
    return data;
  }

  /** Undefined: there is no such message. */
  async #askLeader(
    which: { readonly seq: number } | { readonly last_by_subj: string },
  ): Promise<Uint8Array | undefined> {
    return (await this.#message(segmentsStream(this.#cluster), which))?.bytes;
  }

  async #manifestOf(subject: string): Promise<Manifest | undefined> {
    const which = { last_by_subj: `${subject}.manifest` };
    const bytes = await this.#patiently(`${subject} can't be read`, () => this.#askLeader(which));
    return bytes && (JSON.parse(Buffer.from(bytes).toString()) as Manifest);
  }

  async names(partition: PartitionId): Promise<readonly string[]> {
    const prefix = `rp.${this.#cluster}.seg.${partition}.`;
    const { subjects } = await askState(this.#link, segmentsStream(this.#cluster), `${prefix}*.*`);
    const rests = Object.keys(subjects ?? {}).map((subject) => subject.slice(prefix.length, subject.lastIndexOf('.')));
    return [...new Set(rests)].map((rest) => `${partition}/${rest}`);
  }

  async remove(name: string): Promise<void> {
    await this.#purge(`${this.#subjectOf(name)}.*`);
  }

  async #purge(filter: string): Promise<void> {
    await askJetStream(this.#link, `STREAM.PURGE.${segmentsStream(this.#cluster)}`, { filter });
  }

  async pointer(partition: PartitionId): Promise<{ version: number; bytes: Uint8Array | undefined }> {
    const last = await this.#message(pointersStream(this.#cluster), { last_by_subj: this.#pointerOf(partition) });
    return { version: last?.seq ?? 0, bytes: last?.bytes };
  }

  async point(partition: PartitionId, version: number, bytes: Uint8Array): Promise<number | undefined> {
    mustBePointer(bytes);
    const headers = plainHeaders(`Nats-Expected-Last-Subject-Sequence: ${version}\r\n`);
    const answer = await this.#link.ask(this.#pointerOf(partition), bytes, limits.write_wait_ms_max, headers);
    const outcome = outcomeOf(answer, 1);
    if (outcome.kind === 'appended') return outcome.seqs[0];
    if (outcome.kind === 'mismatch') return undefined;
    throw new Error(`pointer not written: ${'reason' in outcome ? outcome.reason : outcome.kind}`);
  }

  /** The link is closed by whoever opened it. */
  async close(): Promise<void> {}

  /** From the stream's leader; undefined where there is none such. */
  async #message(stream: string, which: object): Promise<{ seq: number; bytes: Uint8Array } | undefined> {
    try {
      const { message } = await askMessage<StoredMessage>(this.#link, stream, which);
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

function taken(name: string): Error {
  return new Error(`there is a segment ${name} already`);
}

/** Asking again does not help. */
class Final extends Error {}

/** Lets so many tasks run at once, the others in the order in which they came. */
class Slots {
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(count: number) {
    this.#free = count;
  }

  async use<T>(task: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      if (next !== undefined) next();
      else this.#free++;
    }
  }
}

/** The bytes in chunks of one size, but the last; copied at once, since a part is its giver's again when the next is asked for. */
async function* inChunks(parts: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let chunk = Buffer.allocUnsafeSlow(limits.chunk_bytes);
  let filled = 0;
  for await (const part of parts) {
    for (let at = 0; at < part.byteLength; ) {
      const piece = part.subarray(at, at + chunk.byteLength - filled);
      chunk.set(piece, filled);
      filled += piece.byteLength;
      at += piece.byteLength;
      if (filled < chunk.byteLength) continue;
      yield chunk;
      chunk = Buffer.allocUnsafeSlow(limits.chunk_bytes);
      filled = 0;
    }
  }
  if (filled > 0) yield chunk.subarray(0, filled);
}
