/** One upload by the tus protocol (https://tus.io), version 1.0.0: in pieces, each of which goes on where the server says that it has got. */

import type { FileFacts } from '../proto/words.ts';
import { AccountApi, bodyOf, type Fetch, unreachable } from './account-api.ts';
import { asRingpostError, RingpostError } from './errors.ts';
import { sdkLimits } from './limits.ts';
import type { Session } from './session.ts';
import { monotonicMs, pauseAsked } from './time.ts';
import type { UploadSource } from './upload-source.ts';

export interface UploadHost {
  readonly urls: readonly string[];
  readonly fetch: Fetch | undefined;
  readonly session: Session;
}

export interface UploadWatch {
  readonly progress: (sent: number) => void;
  readonly signal: AbortSignal | undefined;
}

/** The server has lost it, or can't be reached any more: it may be begun anew. */
class Lost extends Error {
  readonly why: RingpostError;
  constructor(why: RingpostError) {
    super(why.reason);
    this.why = why;
  }
}

/** Begins anew, at the next url, where the server that took it has lost it or is gone. */
export async function upload(host: UploadHost, source: UploadSource, watch: UploadWatch): Promise<FileFacts> {
  let lost: RingpostError | undefined;
  for (let begins = 0; begins < sdkLimits.upload_begins_max * host.urls.length; begins++) {
    const base = host.urls[begins % host.urls.length] ?? '';
    try {
      return await new Upload(host, source, watch, base).run();
    } catch (error) {
      watch.signal?.throwIfAborted();
      if (!(error instanceof Lost)) throw asRingpostError(error);
      lost = error.why;
    }
  }
  throw lost ?? new RingpostError('unreachable', 'There is no url to try.', false);
}

class Upload {
  readonly #host: UploadHost;
  readonly #source: UploadSource;
  readonly #watch: UploadWatch;
  readonly #base: string;
  #url = '';
  #offset = 0;
  #pieceBytes: number = sdkLimits.upload_chunk_bytes_first;
  /** The server knows how long it is. */
  #sized: boolean;

  constructor(host: UploadHost, source: UploadSource, watch: UploadWatch, base: string) {
    this.#host = host;
    this.#source = source;
    this.#watch = watch;
    this.#base = base;
    this.#sized = source.size !== undefined;
  }

  async run(): Promise<FileFacts> {
    await this.#begin();
    let isWhole = this.#source.size === 0;
    for (let failures = 0; !isWhole; ) {
      try {
        isWhole = await this.#next();
        failures = 0;
      } catch (error) {
        const failure = this.#judged(error);
        if (++failures > this.#triesMax(failure)) throw new Lost(failure);
        await pauseAsked(failure.afterMs ?? sdkLimits.backoff_ms_min * 2 ** failures, this.#watch.signal);
        await this.#look().catch((thrown) => this.#judged(thrown));
      }
    }
    return this.#take();
  }

  /** Where a node is gone for long, the bytes that it has are not worth the wait. */
  #triesMax({ code }: RingpostError): number {
    const { upload_tries_max, upload_tries_elsewhere_max } = sdkLimits;
    return code === 'unreachable' && this.#host.urls.length > 1 ? upload_tries_elsewhere_max : upload_tries_max;
  }

  /** What came of it. The server may be asked again and again: it does the work once. */
  async #take(): Promise<FileFacts> {
    const [base = '', id = ''] = this.#url.split('/v1/uploads/');
    const api = new AccountApi([base], this.#host.fetch);
    for (let failures = 1; ; failures++) {
      try {
        return await this.#host.session.authorised((token) => api.takeUpload(id, token));
      } catch (error) {
        const failure = this.#judged(error);
        if (failures >= sdkLimits.upload_takes_max) throw failure.code === 'unreachable' ? new Lost(failure) : failure;
        await pauseAsked(failure.afterMs ?? sdkLimits.backoff_ms_min * 2 ** failures, this.#watch.signal);
      }
    }
  }

  async #begin(): Promise<void> {
    const { size } = this.#source;
    const length = size === undefined ? { 'upload-defer-length': '1' } : { 'upload-length': String(size) };
    try {
      const response = await this.#call('POST', `${this.#base}/v1/uploads`, length);
      const location = response.headers.get('location');
      if (location === null) throw new RingpostError('bad_answer', 'The upload has got no address.', false);
      this.#url = new URL(location, `${this.#base}/`).href;
    } catch (error) {
      throw new Lost(this.#judged(error));
    }
  }

  /** The next piece. True: it was the last. */
  async #next(): Promise<boolean> {
    const { bytes, last } = await this.#source.piece(this.#offset, this.#pieceBytes);
    const length = last && !this.#sized ? { 'upload-length': String(this.#offset + bytes.size) } : {};
    const begunMs = monotonicMs();
    const response = await this.#call('PATCH', this.#url, { 'upload-offset': String(this.#offset), ...length }, bytes);
    this.#sized ||= last;
    this.#gotTo(response);
    this.#pace(monotonicMs() - begunMs);
    return last;
  }

  /** A piece should take a while, and not long: what was sent of one that breaks off may be lost. */
  #pace(ms: number): void {
    const { upload_chunk_ms, upload_chunk_bytes_min, upload_chunk_bytes_max } = sdkLimits;
    if (ms < upload_chunk_ms / 4) this.#pieceBytes = Math.min(2 * this.#pieceBytes, upload_chunk_bytes_max);
    else if (ms > upload_chunk_ms) this.#pieceBytes = Math.max(this.#pieceBytes / 2, upload_chunk_bytes_min);
  }

  /** After a failure: how far has the server got? */
  async #look(): Promise<void> {
    const response = await this.#call('HEAD', this.#url, {});
    if (response.headers.get('upload-length') !== null) this.#sized = true;
    this.#gotTo(response);
  }

  #gotTo(response: Response): void {
    const offset = Number(response.headers.get('upload-offset') ?? 'none');
    if (!Number.isSafeInteger(offset)) throw new RingpostError('bad_answer', 'The upload has no place.', false);
    this.#offset = offset;
    this.#watch.progress(offset);
  }

  /** Throws what is final. */
  #judged(error: unknown): RingpostError {
    this.#watch.signal?.throwIfAborted();
    const failure = asRingpostError(error);
    if (failure.code === 'unknown_upload') throw new Lost(failure);
    if (!failure.retry) throw failure;
    return failure;
  }

  #call(method: string, url: string, headers: { readonly [name: string]: string }, body?: Blob): Promise<Response> {
    const { session, fetch = (...args) => globalThis.fetch(...args) } = this.#host;
    const { signal } = this.#watch;
    return session.authorised(async (token) => {
      const late = AbortSignal.timeout(sdkLimits.upload_wait_ms_max);
      let response: Response;
      try {
        response = await fetch(url, {
          method,
          headers: {
            ...headers,
            'tus-resumable': '1.0.0',
            authorization: `Bearer ${token}`,
            ...(body && { 'content-type': 'application/offset+octet-stream' }),
          },
          ...(body && { body }),
          signal: signal === undefined ? late : AbortSignal.any([signal, late]),
        });
      } catch (cause) {
        throw unreachable(url, cause);
      }
      if (response.ok) return response;
      throw await refusalOf(response);
    });
  }
}

async function refusalOf(response: Response): Promise<RingpostError> {
  const { status } = response;
  // A HEAD has no body that could say more, and what the protocol's own library says is not JSON.
  if (status === 404 || status === 410) return new RingpostError('unknown_upload', 'The server has lost it.', true);
  if (status === 409 || status === 423 || status === 460) {
    return new RingpostError('conflict', 'The server has got elsewhere.', true);
  }
  if (status === 413) return new RingpostError('file_too_large', 'The file is too large.', false);
  try {
    await bodyOf(response);
  } catch (error) {
    return asRingpostError(error);
  }
  return new RingpostError('bad_answer', `The server answered with status ${status}.`, false);
}
