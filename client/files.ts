import { isGroupId } from '../proto/decode.ts';
import type { FileFacts, FileKind, GroupId, MessageAt, MessageEvent, SentFile, UserId } from '../proto/words.ts';
import { type AccountApi, bodyOf, type Fetch, unreachable } from './account-api.ts';
import { asRingpostError, RingpostError } from './errors.ts';
import { sdkLimits } from './limits.ts';
import type { Session } from './session.ts';
import { pauseAsked } from './time.ts';
import { upload } from './upload.ts';
import { type UploadBytes, uploadSource } from './upload-source.ts';

export interface FilesHost {
  readonly urls: readonly string[];
  readonly fetch: Fetch | undefined;
  readonly api: AccountApi;
  readonly session: Session;
}

export interface UploadOptions {
  readonly name: string;
  /** How it is meant; by its content where it is not said. `voice` must be said. */
  readonly kind?: FileKind;
  /** How long it plays. */
  readonly seconds?: number;
  /** Bytes that the server has, and of how many, where that is known. */
  readonly onProgress?: (sent: number, of: number | undefined) => void;
  readonly signal?: AbortSignal;
}

/** The picture of a group or a user. */
export interface Picture extends SentFile {
  readonly of: GroupId | UserId;
}

/** A message, as its event or a page tells of it. */
export type WithFile = Pick<MessageEvent, 'from' | 'to' | 'seq' | 'more'>;

/**
 * Files of messages. They go up in pieces, and go on after a cut; the server makes images anew without what a camera notes in them, and tells what each file
 * is. All of it rejects with a `RingpostError`: `file_too_large`, `image_too_large`, `bad_image`, `too_many_uploads`, `unknown_file`, `no_files`, `unreachable`
 * and others, or with what `signal` was aborted for.
 */
export class Files {
  readonly #host: FilesHost;

  constructor(host: FilesHost) {
    this.#host = host;
  }

  /** For `send`, within a day: `client.send('bob', '', { file })`. A stream can't be begun anew where the server has lost the upload. */
  async upload(bytes: UploadBytes, options: UploadOptions): Promise<SentFile> {
    const { name, seconds, onProgress, signal } = options;
    const source = uploadSource(bytes);
    const facts = await upload(this.#host, source, { progress: (sent) => onProgress?.(sent, source.size), signal });
    const kind = options.kind ?? kindOf(facts);
    return { ...facts, kind, name, ...(seconds !== undefined && { seconds }) };
  }

  /** The file of a message, to be sent on. */
  of(message: WithFile): SentFile {
    const { file } = message.more ?? {};
    if (file === undefined) throw new RingpostError('unknown_file', 'This message has no file.', false);
    return { ...file, via: this.#at(message) };
  }

  /** The picture of a group or a user, as `groups.members`, `people.profiles` or an event tells of it: for `url` and `download`. */
  pictureOf(whose: GroupId | UserId, file: FileFacts): Picture {
    return { ...file, kind: 'image', name: 'picture', of: whose };
  }

  /** An address that is good for this user and some minutes, until `until`. `thumb`: of a smaller image, where there is one. */
  async url(
    message: WithFile | SentFile | Picture,
    { thumb = false }: { readonly thumb?: boolean } = {},
  ): Promise<{ readonly url: string; readonly until: number }> {
    const { api, session } = this.#host;
    const file = 'seq' in message ? this.of(message) : message;
    const ask = { ...this.#reason(file), thumb };
    const { url, until } = await patiently(() => session.authorised((token) => api.fileAddress(file.id, ask, token)));
    return { url: api.url + url, until };
  }

  /** Its bytes, as a response of `fetch`; `from`: without those before. */
  async download(
    message: WithFile | SentFile | Picture,
    { thumb = false, from = 0, signal }: { thumb?: boolean; from?: number; signal?: AbortSignal } = {},
  ): Promise<Response> {
    const { fetch = (...args) => globalThis.fetch(...args) } = this.#host;
    const { url } = await this.url(message, { thumb });
    let response: Response;
    try {
      response = await fetch(url, { headers: from > 0 ? { range: `bytes=${from}-` } : {}, ...(signal && { signal }) });
    } catch (cause) {
      signal?.throwIfAborted();
      throw unreachable(url, cause);
    }
    if (!response.ok) await bodyOf(response);
    return response;
  }

  /** Why this user may have it. */
  #reason(file: SentFile | Picture): { readonly by?: MessageAt | undefined; readonly of?: UserId } {
    if (!('of' in file)) return { by: file.via };
    // Any message of the group will do.
    return isGroupId(file.of)
      ? { by: { with: file.of, from: this.#host.session.tokens.user, seq: 1 } }
      : { of: file.of };
  }

  #at({ from, to, seq }: WithFile): MessageAt {
    const isOwn = from === this.#host.session.tokens.user;
    return { with: isGroupId(to) || isOwn ? to : from, from, seq };
  }
}

function kindOf({ type, width }: { readonly type: string; readonly width?: number }): FileKind {
  if (width !== undefined) return 'image';
  return type.startsWith('video/') ? 'video' : 'file';
}

/** A question that may be asked again, while who knows the answer moves. */
async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await ask();
    } catch (error) {
      const { retry, afterMs = sdkLimits.overload_wait_ms_min } = asRingpostError(error);
      if (!retry || tries >= sdkLimits.upload_takes_max) throw error;
      await pauseAsked(afterMs);
    }
  }
}
