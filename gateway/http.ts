import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Log, Probe } from '../runtime/index.ts';
import { HttpRefusal } from './errors.ts';
import type { GatewayLimits } from './limits.ts';
import { type AllowedOrigins, originAllowed } from './origins.ts';
import { peerOf } from './peers.ts';
import { RequestCounts } from './request-counts.ts';

export type Json = { readonly [field: string]: unknown };

/** One request, as its route sees it. */
export interface Call {
  readonly peer: string;
  /** What stands for `*` in the route's path, not decoded; '' without one. */
  readonly name: string;
  /** The access token of `Authorization: Bearer`. */
  readonly bearer: string | undefined;
  readonly query: URLSearchParams;
  /** The media type that the client asks for first, without parameters; '' for none. */
  readonly accept: string;
  /** A JSON object. */
  json(): Promise<Json | HttpRefusal>;
  /** Texts that are meant to be JSON: one (`application/json`), one a line (`application/x-ndjson`), or none for an empty body. */
  jsonTexts(bytesMax: number): Promise<readonly string[] | HttpRefusal>;
}

export type Answer =
  | { readonly status: number; readonly body: object }
  /** A body that is JSON already. */
  | { readonly status: number; readonly json: string }
  /** A body that comes bit by bit: whoever gets the response writes it, and ends it. */
  | { readonly status: number; readonly type: string; stream(response: ServerResponse): void };

export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Exact, or with a last part `*` that stands for one name. */
  readonly path: string;
  run(call: Call): Promise<Answer | HttpRefusal>;
}

/** What answers for itself, where bytes come in or go out. */
export interface RawRoute {
  /** For figures, as of a route. */
  readonly path: string;
  takes(method: string, path: string): boolean;
  /** `headers` are to be in its answer. A refusal is written like that of any route. */
  run(
    request: IncomingMessage,
    response: ServerResponse,
    headers: { readonly [name: string]: string },
  ): Promise<HttpRefusal | undefined>;
}

export interface HttpOptions {
  readonly routes: readonly Route[];
  readonly raw: readonly RawRoute[];
  readonly limits: GatewayLimits;
  readonly allowedOrigins: AllowedOrigins;
  readonly trustedProxies: number;
  readonly log: Log;
  /** True when the server is closing: connections are not kept then. */
  readonly leaving: () => boolean;
  /** Counts requests that have no answer yet. */
  readonly unanswered: { count: number };
  readonly probe: Probe | undefined;
}

const everyAnswer = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  vary: 'origin',
};
/** For a proxy that would wait for the whole of a stream. */
const unbuffered = { 'x-accel-buffering': 'no' };
const preflight = {
  'access-control-allow-methods': 'GET, POST, DELETE',
  'access-control-allow-headers': 'authorization, content-type',
  'access-control-max-age': '600',
};

export function requestListener(options: HttpOptions): RequestListener {
  const find = table(options.routes);
  const counts = new RequestCounts(options.probe);

  async function answerTo(request: IncomingMessage, found: Found): Promise<Answer | HttpRefusal> {
    if (found instanceof HttpRefusal) return found;
    try {
      return await found.route.run(callOf(request, found.name, options));
    } catch (error) {
      options.log.error({ error, method: request.method, path: found.route.path }, 'a request failed');
      return new HttpRefusal('internal');
    }
  }

  async function runRaw(
    route: RawRoute,
    request: IncomingMessage,
    response: ServerResponse,
    cors: { readonly [name: string]: string },
  ): Promise<void> {
    let refusal: HttpRefusal | undefined;
    try {
      refusal = await route.run(request, response, { vary: 'origin', ...cors });
    } catch (error) {
      options.log.error({ error, method: request.method }, 'a request failed');
      refusal = new HttpRefusal('internal');
    }
    if (refusal === undefined) return;
    counts.refused(refusal);
    if (response.headersSent) response.destroy();
    else write(request, response, refusal, cors, options.leaving());
  }

  return (request, response) => {
    const { origin } = request.headers;
    if (!originAllowed(request.headers, options.allowedOrigins)) {
      const refusal = new HttpRefusal('forbidden_origin');
      counts.answered('', refusal, performance.now());
      write(request, response, refusal, {}, true);
      return;
    }
    const cors = origin === undefined ? {} : { 'access-control-allow-origin': origin };
    const path = (request.url ?? '').split('?', 1)[0] ?? '';
    const raw = options.raw.find((route) => route.takes(request.method ?? '', path));
    if (request.method === 'OPTIONS' && raw === undefined) {
      response.writeHead(204, { ...everyAnswer, ...cors, ...(origin !== undefined && preflight) }).end();
      return;
    }
    options.unanswered.count += 1;
    response.once('close', () => {
      options.unanswered.count -= 1;
    });
    const startMs = performance.now();
    if (raw !== undefined) {
      counts.follow(request.method ?? '', raw.path, response, startMs);
      void runRaw(raw, request, response, cors);
    } else {
      const found = find(request.method ?? '', path);
      void answerTo(request, found).then((answer) => {
        counts.answered(routeOf(found), answer, startMs);
        write(request, response, answer, cors, options.leaving());
      });
    }
  };
}

function callOf(request: IncomingMessage, name: string, { trustedProxies, limits }: HttpOptions): Call {
  const [, query = ''] = (request.url ?? '').split('?', 2);
  return {
    peer: peerOf(request, trustedProxies),
    name,
    bearer: bearerOf(request),
    query: new URLSearchParams(query),
    accept: (request.headers.accept ?? '').split(/[,;]/, 1)[0]?.trim() ?? '',
    json: () => readJson(request, limits),
    jsonTexts: (bytesMax) => readJsonTexts(request, limits, bytesMax),
  };
}

function write(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answer | HttpRefusal,
  cors: { readonly [name: string]: string },
  last: boolean,
): void {
  // The rest of a body that nobody wants is not worth the wait for the next request behind it.
  const closing = (last || !request.complete) && { connection: 'close' };
  if ('stream' in answer) {
    response.writeHead(answer.status, {
      ...everyAnswer,
      ...cors,
      ...closing,
      'content-type': answer.type,
      ...unbuffered,
    });
    answer.stream(response);
    return;
  }
  const text = 'json' in answer ? answer.json : JSON.stringify(answer.body);
  response.writeHead(answer.status, {
    ...everyAnswer,
    ...cors,
    ...closing,
    ...(answer instanceof HttpRefusal && answer.headers),
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}

type Found = { readonly route: Route; readonly name: string } | HttpRefusal;

function routeOf(found: Found): string {
  return found instanceof HttpRefusal ? '' : `${found.route.method} ${found.route.path}`;
}

function table(routes: readonly Route[]): (method: string, path: string) => Found {
  const byPath = new Map<string, Map<string, Route>>();
  for (const route of routes) {
    const methods = byPath.get(route.path) ?? new Map<string, Route>();
    byPath.set(route.path, methods.set(route.method, route));
  }
  return (method, path) => {
    const cut = path.lastIndexOf('/') + 1;
    const exact = byPath.get(path);
    const methods = exact ?? byPath.get(`${path.slice(0, cut)}*`);
    if (!methods) return new HttpRefusal('not_found');
    const route = methods.get(method);
    if (!route) return new HttpRefusal('wrong_method', undefined, [...methods.keys()].join(', '));
    return { route, name: exact ? '' : path.slice(cut) };
  };
}

export function bearerOf(request: IncomingMessage): string | undefined {
  return /^Bearer +([A-Za-z0-9._~+/=-]+)$/i.exec(request.headers.authorization ?? '')?.[1];
}

async function readJson(request: IncomingMessage, limits: GatewayLimits): Promise<Json | HttpRefusal> {
  // A page of another site can send a body without being asked first (CORS), but not of this type.
  if (!isJson(request)) return new HttpRefusal('unsupported_type');
  const text = await readUtf8(request, limits, limits.body_bytes_max);
  if (text instanceof HttpRefusal) return text;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json;
  } catch {
    // Not JSON: the same answer as for JSON that is not an object.
  }
  return new HttpRefusal('malformed');
}

function isJson(request: IncomingMessage): boolean {
  return /^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? '');
}

function isJsonLines(request: IncomingMessage): boolean {
  return /^application\/x-ndjson\s*(;|$)/i.test(request.headers['content-type'] ?? '');
}

async function readJsonTexts(
  request: IncomingMessage,
  limits: GatewayLimits,
  bytesMax: number,
): Promise<readonly string[] | HttpRefusal> {
  const text = await readUtf8(request, limits, bytesMax);
  if (text instanceof HttpRefusal) return text;
  if (text === '') return [];
  if (isJson(request)) return [text];
  return isJsonLines(request) ? text.trimEnd().split('\n') : new HttpRefusal('unsupported_type');
}

async function readUtf8(
  request: IncomingMessage,
  { request_ms_max }: GatewayLimits,
  bytesMax: number,
): Promise<string | HttpRefusal> {
  // The server itself has the patience that uploads need.
  const late = setTimeout(() => request.destroy(), request_ms_max);
  const bytes = await readBody(request, bytesMax).finally(() => clearTimeout(late));
  if (bytes instanceof HttpRefusal) return bytes;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return new HttpRefusal('malformed');
  }
}

function readBody(request: IncomingMessage, bytesMax: number): Promise<Buffer | HttpRefusal> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      // What follows is read and thrown away, so that the client gets to read the answer.
      if (bytes > bytesMax) resolve(new HttpRefusal('too_long'));
      else chunks.push(chunk);
    });
    request.on('end', () => resolve(Buffer.concat(chunks)));
    // The client has gone, or was too slow (`request_ms_max`): nobody reads this answer.
    request.on('error', () => resolve(new HttpRefusal('malformed')));
    request.on('close', () => resolve(new HttpRefusal('malformed')));
  });
}
