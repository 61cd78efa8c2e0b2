/** The simulated archive of snapshots: one for a world, seen by each node through a connection of its own. */
import type { Archive, PartitionId } from '../runtime/ports.ts';
import type { SimRandom, SimTime } from './clock.ts';

/** Odds of one request each; may be changed while the world runs. */
export interface ArchiveFaults {
  /** Way there and way back, each drawn; of a get, before each part. */
  delayMs: readonly [least: number, most: number];
  /** Not carried out, and said so. */
  unavailable: number;
  /** A put is not kept, and said so only after all of it was sent. */
  putRefused: number;
  /** A put or a new pointer is kept, and rejects all the same. */
  answerLost: number;
  /** A get breaks off after some of its parts. */
  getBroken: number;
  /** A request takes `slow_ms` more. */
  slow: number;
}

const slow_ms: readonly [least: number, most: number] = [1_000, 20_000];
/** Parts of a get; small, so that segments have several. */
const part_bytes_max = 4_096;
const pointer_bytes_max = 256 * 1_024;

interface Pointer {
  readonly version: number;
  readonly bytes: Uint8Array;
}

export class SimArchive {
  readonly faults: ArchiveFaults = {
    delayMs: [1, 5],
    unavailable: 0,
    putRefused: 0,
    answerLost: 0,
    getBroken: 0,
    slow: 0,
  };
  readonly time: SimTime;
  readonly random: SimRandom;
  readonly segments = new Map<string, Uint8Array>();
  readonly pointers = new Map<PartitionId, Pointer>();

  constructor(time: SimTime, random: SimRandom) {
    this.time = time;
    this.random = random.stream('archive');
  }

  /** A node's connection. */
  connect(): SimArchiveLink {
    return new SimArchiveLink(this);
  }

  /** Bits flip in a segment: whoever reads it gets other bytes than were put. */
  damage(name: string): void {
    const bytes = this.segments.get(name)?.slice();
    if (bytes === undefined || bytes.length === 0) return;
    const at = this.random.between(0, bytes.length - 1);
    bytes[at] = (bytes[at] as number) ^ (1 << this.random.between(0, 7));
    this.segments.set(name, bytes);
  }
}

export class SimArchiveLink implements Archive {
  /** False while the node is cut off from the archive. */
  connected = true;
  readonly #archive: SimArchive;
  #closed = false;
  #crashed = false;

  constructor(archive: SimArchive) {
    this.#archive = archive;
  }

  async put(name: string, parts: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
    const { segments, faults, random } = this.#archive;
    await this.#there();
    const sent: Uint8Array[] = [];
    for await (const part of parts) {
      await this.#here();
      sent.push(new Uint8Array(part));
    }
    // What was not sent whole is not kept.
    await this.#way();
    if (random.chance(faults.putRefused))
      throw new Error(`the archive did not keep ${name}: no space left (simulated)`);
    if (segments.has(name)) throw new Error(`the archive has a segment ${name} already`);
    segments.set(name, new Uint8Array(Buffer.concat(sent)));
    await this.#answer(faults.answerLost);
  }

  async *get(name: string): AsyncIterable<Uint8Array> {
    const { segments, faults, random } = this.#archive;
    await this.#there();
    const bytes = segments.get(name);
    if (bytes === undefined) throw new Error(`the archive has no segment ${name}`);
    const breaksAt = random.chance(faults.getBroken) ? random.between(0, bytes.length) : Number.POSITIVE_INFINITY;
    for (let at = 0; at < bytes.length; at += part_bytes_max) {
      await this.#here();
      if (at + part_bytes_max > breaksAt) throw new Error(`the archive broke off in ${name}`);
      yield bytes.slice(at, at + part_bytes_max);
    }
    if (breaksAt !== Number.POSITIVE_INFINITY) throw new Error(`the archive broke off in ${name}`);
  }

  async names(partition: PartitionId): Promise<readonly string[]> {
    await this.#there();
    const found = [...this.#archive.segments.keys()].filter((name) => name.startsWith(`${partition}/`));
    await this.#answer(0);
    return found;
  }

  async remove(name: string): Promise<void> {
    await this.#there();
    this.#archive.segments.delete(name);
    await this.#answer(this.#archive.faults.answerLost);
  }

  async pointer(partition: PartitionId): Promise<{ version: number; bytes: Uint8Array | undefined }> {
    await this.#there();
    const { version = 0, bytes } = this.#archive.pointers.get(partition) ?? {};
    await this.#answer(0);
    return { version, bytes: bytes?.slice() };
  }

  async point(partition: PartitionId, version: number, bytes: Uint8Array): Promise<number | undefined> {
    if (bytes.length > pointer_bytes_max) throw new RangeError(`a pointer has at most ${pointer_bytes_max} bytes`);
    const kept = new Uint8Array(bytes);
    await this.#there();
    const { pointers, faults, random } = this.#archive;
    const last = pointers.get(partition)?.version ?? 0;
    // Versions are not dense, as sequences of a stream needn't be.
    const next = version === last ? last + random.between(1, 3) : undefined;
    if (next !== undefined) pointers.set(partition, { version: next, bytes: kept });
    await this.#answer(faults.answerLost);
    return next;
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  /** The process is gone: what it sent whole may still be kept, but it hears of nothing. */
  crash(): void {
    this.#closed = true;
    this.#crashed = true;
  }

  async #there(): Promise<void> {
    if (this.#closed) throw new Error('the archive is closed');
    const { faults, random } = this.#archive;
    await this.#way();
    if (!this.connected || random.chance(faults.unavailable)) throw new Error('the archive does not answer now');
  }

  async #answer(lost: number): Promise<void> {
    await this.#here();
    if (this.#archive.random.chance(lost)) throw new Error('no answer from the archive');
  }

  /** A way back, which ends nowhere when the process is gone. */
  async #here(): Promise<void> {
    await this.#way();
    if (this.#crashed) await new Promise<never>(() => {});
  }

  #way(): Promise<void> {
    const { faults, random, time } = this.#archive;
    const slowMs = random.chance(faults.slow) ? random.between(...slow_ms) : 0;
    return time.passed(random.between(...faults.delayMs) + slowMs);
  }
}
