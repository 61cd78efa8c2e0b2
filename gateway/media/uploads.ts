/**
 * Uploads by the tus protocol, which go on after a cut. Their bytes are kept in a folder of this node until they are complete and taken: so an upload goes on
 * at the node where it began, whose address its own address names where clients may know it.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { FileConfigstore, FileStore } from '@tus/file-store';
import { Server } from '@tus/server';
import type { UserId } from '../../proto/words.ts';
import type { Fill, Log, Probe } from '../../runtime/index.ts';
import { HttpRefusal } from '../errors.ts';
import type { MediaLimits } from './limits.ts';

export const uploadsPath = '/v1/uploads';

/** All bytes of it have come. */
export interface WholeUpload {
  readonly file: string;
  readonly bytes: number;
}

export interface UploadsOptions {
  readonly folder: string;
  readonly limits: MediaLimits;
  readonly log: Log;
  /** Where clients reach this very node; '' when they are not to know. */
  readonly url: () => string;
  readonly probe: Probe | undefined;
}

interface Pending {
  readonly user: UserId;
  readonly bytes: number;
}

const sweep_ms_max = 10 * 60_000;
/** Until others may have been finished. */
const full_wait_ms = 30_000;
/** Of an upload's metadata: whose it is. */
const owner = 'owner';

export class Uploads {
  private readonly options: UploadsOptions;
  private readonly store: FileStore;
  private readonly notes: FileConfigstore;
  private readonly server: Server;
  private readonly caller = new AsyncLocalStorage<UserId>();
  /** By id, those that are not taken yet. */
  private readonly pending = new Map<string, Pending>();
  private readonly timer: NodeJS.Timeout;

  private constructor(options: UploadsOptions) {
    const { folder: directory, limits, probe } = options;
    this.options = options;
    this.notes = new FileConfigstore(directory);
    this.store = new CountedStore(probe, {
      directory,
      configstore: this.notes,
      expirationPeriodInMilliseconds: limits.upload_ms_max,
    });
    this.server = new Server({
      path: uploadsPath,
      datastore: this.store,
      maxSize: largest(limits),
      // Whether a page may talk to this server was decided before.
      allowedOrigins: () => true,
      allowedHeaders: ['Authorization'],
      generateUrl: (_, { id }) => `${options.url()}${uploadsPath}/${id}`,
      onUploadCreate: async (_, { id, size }) => {
        const user = this.caller.getStore() ?? '';
        this.pending.set(id, { user, bytes: size ?? largest(limits) });
        probe?.count('uploads', 'begun', 1);
        return { metadata: { [owner]: user } };
      },
    });
    const sweepMs = Math.min(sweep_ms_max, limits.upload_ms_max);
    this.timer = setInterval(() => void this.sweep(), sweepMs).unref();
  }

  /** With what was under way when this node stopped. */
  static async open(options: UploadsOptions): Promise<Uploads> {
    const uploads = new Uploads(options);
    await uploads.sweep();
    return uploads;
  }

  close(): void {
    clearInterval(this.timer);
  }

  get unfinished(): number {
    return this.pending.size;
  }

  private get totalBytes(): number {
    let total = 0;
    for (const { bytes } of this.pending.values()) total += bytes;
    return total;
  }

  get fills(): readonly Fill[] {
    const { uploads_total_bytes_max, uploads_unfinished_max } = this.options.limits;
    const byUser = new Map<UserId, number>();
    for (const { user } of this.pending.values()) byUser.set(user, (byUser.get(user) ?? 0) + 1);
    return [
      { bound: 'gateway.uploads_total_bytes_max', used: this.totalBytes, limit: uploads_total_bytes_max },
      { bound: 'gateway.uploads_unfinished_max', used: Math.max(0, ...byUser.values()), limit: uploads_unfinished_max },
    ];
  }

  private atBound(bound: keyof MediaLimits): void {
    this.options.probe?.count('bounds_reached', `gateway.${bound}`, 1);
  }

  /** Why this user may not go on with this request; its method and path are those of the protocol. */
  objectionTo(user: UserId, method: string, path: string): HttpRefusal | undefined {
    const id = path.slice(uploadsPath.length + 1);
    if (method === 'POST') {
      if (id !== '') return new HttpRefusal('wrong_method', undefined, 'HEAD, PATCH, DELETE');
      const { uploads_unfinished_max, uploads_total_bytes_max } = this.options.limits;
      if (this.totalBytes >= uploads_total_bytes_max) {
        this.atBound('uploads_total_bytes_max');
        return new HttpRefusal('overloaded', full_wait_ms);
      }
      const own = [...this.pending.values()].filter((one) => one.user === user).length;
      if (own < uploads_unfinished_max) return undefined;
      this.atBound('uploads_unfinished_max');
      return new HttpRefusal('too_many_uploads', full_wait_ms);
    }
    if (id === '') return new HttpRefusal('wrong_method', undefined, 'POST, OPTIONS');
    // The library would hand out what was uploaded, unchecked.
    if (method === 'GET') return new HttpRefusal('wrong_method', undefined, 'HEAD, PATCH, DELETE');
    return this.pending.get(id)?.user === user ? undefined : new HttpRefusal('unknown_upload');
  }

  async handle(request: IncomingMessage, response: ServerResponse, user: UserId): Promise<void> {
    request.setTimeout(this.options.limits.stall_ms_max, () => request.destroy());
    await this.caller.run(user, () => this.server.handle(request, response));
    if (request.method === 'DELETE' && response.statusCode === 204) this.pending.delete(idOf(request.url ?? ''));
  }

  /** What is allowed is told to anybody. */
  async tell(request: IncomingMessage, response: ServerResponse): Promise<void> {
    await this.server.handle(request, response);
  }

  async whole(id: string, user: UserId): Promise<WholeUpload | HttpRefusal> {
    if (this.pending.get(id)?.user !== user) return new HttpRefusal('unknown_upload');
    try {
      const { size, offset } = await this.store.getUpload(id);
      if (size === undefined || offset < size) return new HttpRefusal('unfinished_upload');
      return { file: join(this.options.folder, id), bytes: size };
    } catch {
      this.pending.delete(id);
      return new HttpRefusal('unknown_upload');
    }
  }

  async discard(id: string): Promise<void> {
    this.pending.delete(id);
    await rm(join(this.options.folder, id), { force: true });
    await this.notes.delete(id).catch(() => undefined);
  }

  private async sweep(): Promise<void> {
    try {
      await this.server.cleanUpExpiredUploads();
      const before = [...this.pending.keys()];
      const kept = new Set(await this.notes.list());
      for (const id of before) if (!kept.has(id)) this.pending.delete(id);
      for (const id of kept) {
        if (this.pending.has(id)) continue;
        const note = await this.notes.get(id);
        const user = note?.metadata?.[owner];
        if (user) this.pending.set(id, { user, bytes: note?.size ?? largest(this.options.limits) });
      }
    } catch (error) {
      this.options.log.warn({ error }, 'uploads that have expired could not be thrown away');
    }
  }
}

/** Tells how many bytes come, those of a request that is broken off included. */
class CountedStore extends FileStore {
  private readonly probe: Probe | undefined;

  constructor(probe: Probe | undefined, options: ConstructorParameters<typeof FileStore>[0]) {
    super(options);
    this.probe = probe;
  }

  override write(...[bytes, id, offset]: Parameters<FileStore['write']>): Promise<number> {
    bytes.on('data', (chunk: Uint8Array) => this.probe?.count('file_bytes', 'in', chunk.length));
    return super.write(bytes, id, offset);
  }
}

function largest(limits: MediaLimits): number {
  const { image_bytes_max, audio_bytes_max, video_bytes_max, other_bytes_max } = limits;
  return Math.max(image_bytes_max, audio_bytes_max, video_bytes_max, other_bytes_max);
}

function idOf(url: string): string {
  return url.slice(url.lastIndexOf('/') + 1);
}
