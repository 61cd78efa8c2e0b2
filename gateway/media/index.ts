/** Files of messages: uploads, what is kept of them, and downloads. */
import { mkdir } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isUserId } from '../../proto/decode.ts';
import { Fault } from '../../proto/fault.ts';
import type { FileProtocol, KeptFile } from '../../proto/file-mail.ts';
import { type FileFacts, isFileId, type MessageAt, messageAtOf } from '../../proto/file-words.ts';
import type { GroupProtocol } from '../../proto/group-mail.ts';
import type { Claims } from '../../proto/mail.ts';
import type { ActorKind, Door, Fill, Log, Probe } from '../../runtime/index.ts';
import { ask } from '../asking.ts';
import type { Callers } from '../callers.ts';
import { HttpRefusal, type NoEntry, refusalOf } from '../errors.ts';
import { type Answer, bearerOf, type Call, type RawRoute, type Route } from '../http.ts';
import type { GatewayLimits } from '../limits.ts';
import type { Secrets } from '../tokens.ts';
import { type Collector, collector } from './collector.ts';
import { download } from './download.ts';
import { fileErrors, keep } from './keeping.ts';
import { Looks } from './looks.ts';
import { type Signing, signing } from './signing.ts';
import type { Storage } from './storage.ts';
import { Uploads, uploadsPath } from './uploads.ts';

export interface FilesOptions {
  readonly storage: Storage;
  /** Of this node alone: uploads that are not complete. */
  readonly uploadsFolder: string;
  readonly kinds: { readonly file: ActorKind<FileProtocol>; readonly group: ActorKind<GroupProtocol> };
  /** Where clients reach this very node; '' when they are not to know. */
  readonly url: () => string;
}

export interface MediaOptions extends FilesOptions {
  readonly door: Door;
  readonly callers: Callers;
  readonly secrets: Secrets;
  readonly limits: GatewayLimits;
  readonly log: Log;
  /** What begins should begin elsewhere. */
  readonly noEntry: () => NoEntry | undefined;
  readonly probe: Probe | undefined;
}

/** Uploads that were taken lately: the answer may have been lost. */
const taken_max = 4_096;
const filesPath = '/v1/files';

interface Taken {
  readonly user: string;
  readonly file: Promise<FileFacts | HttpRefusal>;
}

export class Media {
  readonly collector: Collector;
  private readonly options: MediaOptions;
  private readonly uploads: Uploads;
  private readonly looks: Looks;
  private readonly signing: Signing;
  /** By upload. */
  private readonly taken = new Map<string, Taken>();

  private constructor(options: MediaOptions, uploads: Uploads) {
    const { door, storage, limits, log, kinds, probe } = options;
    this.options = options;
    this.uploads = uploads;
    this.looks = new Looks(limits, log, probe);
    this.signing = signing(options.secrets);
    this.collector = collector({ door, file: kinds.file, storage, limits, log });
  }

  static async open(options: MediaOptions): Promise<Media> {
    const { uploadsFolder: folder, limits, log, url, probe } = options;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return new Media(options, await Uploads.open({ folder, limits, log, url, probe }));
  }

  get routes(): readonly Route[] {
    return [
      { method: 'POST', path: filesPath, run: (call) => this.take(call) },
      { method: 'POST', path: `${filesPath}/*`, run: (call) => this.address(call) },
    ];
  }

  get raw(): readonly RawRoute[] {
    const isUpload = (path: string): boolean => path === uploadsPath || path.startsWith(`${uploadsPath}/`);
    const isFile = (path: string): boolean => path.startsWith(`${filesPath}/`);
    return [
      {
        path: `${uploadsPath}/*`,
        takes: (_, path) => isUpload(path),
        run: (request, response) => this.upload(request, response),
      },
      {
        path: `${filesPath}/*`,
        takes: (method, path) => isFile(path) && (method === 'GET' || method === 'HEAD'),
        run: (request, response, headers) => this.fetch(request, response, headers),
      },
    ];
  }

  /** Uploads that are not taken yet. */
  get unfinished(): number {
    return this.uploads.unfinished;
  }

  get fills(): readonly Fill[] {
    return [...this.uploads.fills, this.looks.fill];
  }

  close(): void {
    this.collector.close();
    this.uploads.close();
    this.looks.close();
    this.options.storage.close();
  }

  // ---------------------------------------------------------------- in

  private async upload(request: IncomingMessage, response: ServerResponse): Promise<HttpRefusal | undefined> {
    const { method = '', url = '' } = request;
    if (method === 'OPTIONS') {
      await this.uploads.tell(request, response);
      return undefined;
    }
    const claims = await this.options.callers.claimed({ bearer: bearerOf(request) });
    if (claims instanceof HttpRefusal) return claims;
    const objection = this.uploads.objectionTo(claims.user, method, url.split('?', 1)[0] ?? '');
    if (objection !== undefined) return objection;
    if (method === 'POST') {
      const shut = this.options.noEntry();
      if (shut !== undefined) return refusalOf(shut);
      const reply = await this.options.callers.ask(claims.user, { kind: 'mayUpload', login: loginOf(claims) });
      if (reply instanceof HttpRefusal) return reply;
      if (!reply.ok) return new HttpRefusal(fileErrors[reply.code]);
    }
    await this.uploads.handle(request, response, claims.user);
    return undefined;
  }

  /** `{ upload }`: all its bytes have come. May be asked again, and is answered the same. */
  private async take(call: Call): Promise<Answer | HttpRefusal> {
    const claims = await this.options.callers.claimed(call);
    if (claims instanceof HttpRefusal) return claims;
    const body = await call.json();
    if (body instanceof HttpRefusal) return body;
    const { upload } = body;
    if (typeof upload !== 'string') return new HttpRefusal('malformed');
    const before = this.taken.get(upload);
    if (before !== undefined && before.user !== claims.user) return new HttpRefusal('unknown_upload');
    const file = before?.file ?? this.takeOnce(upload, claims);
    if (before === undefined) this.remember(upload, { user: claims.user, file });
    const found = await file;
    // What may succeed later is to be tried anew.
    if (found instanceof HttpRefusal && this.taken.get(upload)?.file === file) this.taken.delete(upload);
    return found instanceof HttpRefusal ? found : { status: 200, body: found };
  }

  private async takeOnce(id: string, claims: Claims): Promise<FileFacts | HttpRefusal> {
    const upload = await this.uploads.whole(id, claims.user);
    if (upload instanceof HttpRefusal) return upload;
    const { kinds, ...rest } = this.options;
    const file = await keep({ ...rest, file: kinds.file, looks: this.looks }, claims, upload);
    const isRefused = file instanceof HttpRefusal;
    if (isRefused && file.retry) return file;
    this.options.probe?.count('uploads', isRefused ? 'refused' : 'kept', 1);
    await this.uploads.discard(id);
    return file;
  }

  private remember(upload: string, taken: Taken): void {
    this.taken.set(upload, taken);
    const [oldest] = this.taken.keys();
    if (this.taken.size > taken_max && oldest !== undefined) this.taken.delete(oldest);
    // Answered where it is awaited.
    taken.file.catch(() => this.taken.delete(upload));
  }

  // ---------------------------------------------------------------- out

  /**
   * `{ by?: { with, from, seq }, of?: user, thumb? }`: an address for the file, where this user may have it by that message, or has uploaded it, or it is
   * the picture of that user.
   */
  private async address(call: Call): Promise<Answer | HttpRefusal> {
    const { callers, door, kinds, limits } = this.options;
    const claims = await callers.claimed(call);
    if (claims instanceof HttpRefusal) return claims;
    const body = await call.json();
    if (body instanceof HttpRefusal) return body;
    if (!isFileId(call.name)) return new HttpRefusal('unknown_file');
    const by = body.by === undefined ? undefined : messageAtOf(body.by, 'by', {});
    if (by instanceof Fault) return new HttpRefusal('malformed');
    if (body.of !== undefined && !isUserId(body.of)) return new HttpRefusal('malformed');
    const ofUser = isUserId(body.of) ? body.of : undefined;
    const name = ofUser ? await this.pictureOf(claims, call.name, ofUser) : await this.nameOf(claims, call.name, by);
    if (name instanceof HttpRefusal) return name;
    const found = await ask(door, kinds.file.ref(call.name), { kind: 'find' }, limits.ask_wait_ms_max);
    if (found instanceof HttpRefusal) return found;
    if (found.file === undefined) return new HttpRefusal('unknown_file');
    return { status: 200, body: this.signed(claims, found.file, name, body.thumb === true) };
  }

  private signed({ user }: Claims, { id, generation, type, thumb }: KeptFile, name: string, small: boolean): object {
    const { file_url_ms } = this.options.limits;
    // The same for a while, so that caches know it again.
    const until = (Math.floor(Date.now() / file_url_ms) + 2) * file_url_ms;
    const isThumb = small && thumb === true;
    return { url: this.signing.urlOf({ file: id, generation, thumb: isThumb, type, name, user, until }), until };
  }

  private async pictureOf({ user: asker }: Claims, file: string, user: string): Promise<string | HttpRefusal> {
    const reply = await this.options.callers.ask(user, { kind: 'mayFetchPicture', asker, file });
    if (reply instanceof HttpRefusal) return reply;
    return reply.ok ? user : new HttpRefusal(fileErrors[reply.code]);
  }

  /** What the file is called there, if this user may have it now. */
  private async nameOf(claims: Claims, file: string, by: MessageAt | undefined): Promise<string | HttpRefusal> {
    const { callers, door, kinds, limits } = this.options;
    const login = loginOf(claims);
    const reply = await callers.ask(claims.user, { kind: 'mayFetch', login, file, ...(by && { by }) });
    if (reply instanceof HttpRefusal) return reply;
    if (!reply.ok) return new HttpRefusal(fileErrors[reply.code]);
    if (!reply.ask || by === undefined) return reply.name;
    const { with: group, from, seq } = by;
    const question = { kind: 'mayFetch', user: claims.user, file, from, seq } as const;
    const said = await ask(door, kinds.group.ref(group), question, limits.ask_wait_ms_max);
    if (said instanceof HttpRefusal) return said;
    return said.ok ? said.name : new HttpRefusal(fileErrors[said.code]);
  }

  private async fetch(
    request: IncomingMessage,
    response: ServerResponse,
    headers: { readonly [name: string]: string },
  ): Promise<HttpRefusal | undefined> {
    const ticket = this.signing.read(new URL(request.url ?? '', 'http://here'), Date.now());
    if (typeof ticket === 'string') return new HttpRefusal(ticket);
    const bearer = bearerOf(request);
    if (bearer !== undefined) {
      const claims = await this.options.callers.claimed({ bearer });
      if (claims instanceof HttpRefusal) return claims;
      if (claims.user !== ticket.user) return new HttpRefusal('bad_signature');
    }
    return download(this.options, ticket, request, response, headers);
  }
}

function loginOf({ device, session }: Claims) {
  return { device, session };
}
