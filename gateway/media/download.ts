/** Bytes of files to whoever has an address that was signed for them: whole or a range, and never as anything that a browser would run. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Probe } from '../../runtime/index.ts';
import { HttpRefusal } from '../errors.ts';
import { blobOf } from './keeping.ts';
import type { MediaLimits } from './limits.ts';
import type { Ticket } from './signing.ts';
import type { Storage } from './storage.ts';

/** Made here, from pixels. */
const shown: ReadonlySet<string> = new Set(['image/jpeg', 'image/png', 'image/webp', 'image/gif']);

type Headers = { readonly [name: string]: string | number };

export interface DownloadOptions {
  readonly storage: Storage;
  readonly limits: MediaLimits;
  readonly probe: Probe | undefined;
}

/** Answers, or says why not before anything is answered. */
export async function download(
  { storage, limits, probe }: DownloadOptions,
  ticket: Ticket,
  request: IncomingMessage,
  response: ServerResponse,
  headers: Headers,
): Promise<HttpRefusal | undefined> {
  const name = blobOf({ id: ticket.file, generation: ticket.generation }, ticket.thumb);
  const bytes = await storage.size(name);
  if (bytes === undefined) return new HttpRefusal('unknown_file');
  const etag = `"${name}"`;
  const all = { ...headers, ...safeHeaders(ticket), etag, 'accept-ranges': 'bytes' };
  if (request.headers['if-none-match'] === etag) {
    response.writeHead(304, all).end();
    return undefined;
  }
  const isFresh = (request.headers['if-range'] ?? etag) === etag;
  const range = isFresh ? rangeOf(request.headers.range, bytes) : undefined;
  if (range === 'none') {
    response.writeHead(416, { ...all, 'content-range': `bytes */${bytes}` }).end();
    return undefined;
  }
  const { from, to } = range ?? { from: 0, to: bytes - 1 };
  const head = {
    ...all,
    'content-length': to - from + 1,
    ...(range && { 'content-range': `bytes ${from}-${to}/${bytes}` }),
  };
  const status = range === undefined ? 200 : 206;
  if (request.method === 'HEAD' || bytes === 0) {
    response.writeHead(status, head).end();
    return undefined;
  }
  const body = await storage.get(name, from, to);
  if (body === undefined) return new HttpRefusal('unknown_file');
  response.writeHead(status, head);
  response.setTimeout(limits.stall_ms_max, () => response.destroy());
  body.on('data', (chunk: Uint8Array) => probe?.count('file_bytes', 'out', chunk.length));
  await sent(body, response);
  return undefined;
}

/** A client that goes away, or a storage that fails half way: the length tells the client that it does not have all. */
async function sent(body: Readable, response: ServerResponse): Promise<void> {
  try {
    await pipeline(body, response);
  } catch {
    response.destroy();
  }
}

function safeHeaders({ type, name, thumb }: Ticket): Headers {
  const isShown = thumb || shown.has(type);
  const isPlayed = type.startsWith('audio/') || type.startsWith('video/');
  return {
    'content-type': thumb ? 'image/webp' : isShown || isPlayed ? type : 'application/octet-stream',
    'content-disposition': `${isShown ? 'inline' : 'attachment'}; filename*=UTF-8''${encoded(name)}`,
    'cache-control': 'private, max-age=31536000, immutable',
    'content-security-policy': "default-src 'none'; sandbox",
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'access-control-expose-headers': 'content-range, content-disposition, etag',
  };
}

/** By RFC 8187, without what could be a path. */
function encoded(name: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what this is about
  const harmless = name.replace(/[\u0000-\u001f\u007f/\\]/g, '_');
  return encodeURIComponent(harmless === '' ? 'file' : harmless).replace(
    /['()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16)}`,
  );
}

/** Of one range. Several at once, and what is not understood, get the whole, as RFC 9110 allows. `none`: the file has no such bytes. */
function rangeOf(
  header: string | undefined,
  bytes: number,
): { readonly from: number; readonly to: number } | 'none' | undefined {
  const [, first = '', last = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '') ?? [];
  if (first === '' && last === '') return undefined;
  const from = first === '' ? Math.max(0, bytes - Number(last)) : Number(first);
  const to = first === '' || last === '' ? bytes - 1 : Math.min(Number(last), bytes - 1);
  if (first !== '' && last !== '' && Number(last) < Number(first)) return undefined;
  return from >= bytes ? 'none' : { from, to };
}
