import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { DeskProtocol } from '../proto/builder-mail.ts';
import type { ConnectionProtocol, UserProtocol } from '../proto/mail.ts';
import type { ActorKind, Door, Fill, Log, Probe } from '../runtime/index.ts';
import { Accounts, type AccountsOptions } from './accounts.ts';
import { Admission } from './admission.ts';
import { Bots } from './bots.ts';
import { Callers } from './callers.ts';
import { type Connections, connections } from './connections.ts';
import { HttpRefusal, type NoEntry, refusalOf } from './errors.ts';
import { Exports } from './exports.ts';
import type { EdgeFigures } from './figures.ts';
import type { FrameTracer } from './followed.ts';
import { Handshakes } from './handshake.ts';
import { Hooks } from './hooks.ts';
import { type RawRoute, type Route, requestListener } from './http.ts';
import { HttpSockets } from './http-sockets.ts';
import { defaultGatewayLimits, type GatewayLimits } from './limits.ts';
import { type FilesOptions, Media } from './media/index.ts';
import type { AllowedOrigins } from './origins.ts';
import { Outward } from './outward.ts';
import { passwords } from './passwords.ts';
import { subnet } from './peers.ts';
import { Pushes, vapidKeys, webPusher } from './pushes.ts';
import { tally } from './tally.ts';
import { type AccessTokens, accessTokens } from './tokens.ts';
import { Words } from './words.ts';

export type { EdgeFigures } from './figures.ts';
export type { FollowedFrame, Frame, FrameTracer } from './followed.ts';
export type { GatewayLimits } from './limits.ts';
export { defaultGatewayLimits } from './limits.ts';
export { folderStorage } from './media/folder-storage.ts';
export type { FilesOptions } from './media/index.ts';
export type { Storage } from './media/storage.ts';
export type { AllowedOrigins } from './origins.ts';

const last_answers_look_ms = 5;
const defaultPushContact = 'mailto:operator@example.org';

export interface GatewayOptions {
  readonly door: Door;
  /** The names of the actors that the gateway talks to; it knows nothing of their behaviour. */
  readonly kinds: {
    readonly user: ActorKind<UserProtocol>;
    readonly connection: ActorKind<ConnectionProtocol>;
    readonly desk: ActorKind<DeskProtocol>;
  };
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Signs access tokens; at least 32 bytes, and the same on all nodes. */
  readonly secret: Uint8Array;
  /** Secrets before a change of `secret`: tokens of theirs stay good until they expire. */
  readonly formerSecrets?: readonly Uint8Array[];
  readonly log: Log;
  readonly limits?: Partial<GatewayLimits>;
  /** Pages that may talk to this server; by default those of its own host. Clients that send no Origin always may. */
  readonly allowedOrigins?: AllowedOrigins;
  /** False while the node can't reach the others, or is not up yet: clients are sent to other nodes. */
  readonly serving?: () => boolean;
  /** Webhooks and push services may be on this machine or in private networks, and without TLS. False by default. */
  readonly privateTargets?: boolean;
  /** Whom push services may write to about this server: a mailto: or https: address. */
  readonly pushContact?: string;
  /** Where files of messages are kept; without it there are none. */
  readonly files?: FilesOptions;
  /** Hears what is counted here, for operators. */
  readonly probe?: Probe;
  /** Follows some of the frames, for operators. */
  readonly tracer?: FrameTracer;
  /** Reverse proxies in front whose X-Forwarded-For is believed; 0 by default. */
  readonly trustedProxies?: number;
}

export interface Gateway {
  readonly port: number;
  readonly url: string;
  /** Client sockets that are open. */
  connections(): number;
  /** How it is now, for operators. */
  figures(): EdgeFigures;
  /** Takes no more clients; those that are there stay, and requests over HTTP are still carried out. */
  leave(): void;
  /** After `leave`: sends clients to other nodes, one after another. Resolves when those that were there have gone or were closed. */
  handOver(): Promise<void>;
  /** Takes clients again: ends `leave` and `handOver`. */
  stay(): void;
  /** Takes no more clients, closes the sockets that there are (1001, spread over `graceMs`), answers what was asked, and closes. */
  close(graceMs: number): Promise<void>;
}

/** Opens the edge of a node: accounts over HTTP, clients over WebSocket or over HTTP as well, all on one port. Rejects when it can't listen. */
export async function createGateway(options: GatewayOptions): Promise<Gateway> {
  const { door, kinds, log, probe, allowedOrigins = 'same-host', trustedProxies = 0, serving = () => true } = options;
  const limits: GatewayLimits = { ...defaultGatewayLimits, ...options.limits };
  const tokens = await accessTokens(options);
  let closing: Promise<void> | undefined;
  let isLeaving = false;
  const leaving = (): boolean => isLeaving;
  const server = httpServer(limits, trustedProxies > 0);
  const { user, connection } = kinds;
  const boot = randomBytes(6).toString('base64url');
  const clients = connections({ door, connection, limits, log, boot, probe, tracer: options.tracer });
  const noEntry = (): NoEntry | undefined => {
    if (isLeaving) return 'leaving';
    if (!serving()) return 'not_serving';
    return clients.overloaded ? 'overloaded' : undefined;
  };
  const overloaded = (): boolean => clients.overloaded;
  const { admit } = clients;
  const callers = new Callers({ door, user, limits, tokens });
  const admission = new Admission(limits);
  const media = await mediaOf(options, callers, limits, noEntry);
  const builders = forBuilders(options, limits, tokens, callers);
  const scrypts = passwords(limits, probe);
  const accounts = { door, user, limits, passwords: scrypts, tokens, callers, overloaded };
  const sockets = new HttpSockets({ callers, admission, limits, noEntry, admit });
  const own = [healthRoute(noEntry), ...accountRoutes(accounts), ...(media?.routes ?? [])];
  const routes = [...own, ...builders.routes, ...sockets.routes];
  const unanswered = { count: 0 };
  const common = { limits, allowedOrigins, trustedProxies, log, probe };
  server.on('request', requestListener({ ...common, routes, raw: media?.raw ?? [withoutFiles], leaving, unanswered }));
  const handshakes = new Handshakes({ ...common, tokens, admission, noEntry, admit });
  server.on('upgrade', (request, socket, head) => handshakes.upgrade(request, socket, head));

  const port = await listen(server, options.host, options.port).catch(async (error) => {
    await clients.close(0);
    throw error;
  });

  async function close(graceMs: number): Promise<void> {
    const stopped = new Promise<void>((resolve) => server.close(() => resolve()));
    builders.close();
    await clients.close(graceMs);
    await answered(unanswered, limits);
    server.closeAllConnections();
    media?.close();
    await stopped;
  }
  return {
    port,
    url: urlOf(options.host, port),
    connections: () => clients.open,
    figures: () => figuresOf(clients, [...builders.fills(), ...scrypts.fills], media),
    leave() {
      isLeaving = true;
    },
    handOver: () => clients.handOver(),
    stay() {
      if (closing !== undefined) return;
      isLeaving = false;
      clients.stay();
    },
    close(graceMs) {
      isLeaving = true;
      closing ??= close(graceMs);
      return closing;
    },
  };
}

function figuresOf(clients: Connections, others: readonly Fill[], media: Media | undefined): EdgeFigures {
  const { fills = [], unfinished: uploads = 0 } = media ?? {};
  return { ...clients.figures([...others, ...fills]), uploads };
}

/** Without its answer a client may take a request for failed that was carried out: a refresh token would be lost to it. */
async function answered(unanswered: { readonly count: number }, limits: GatewayLimits): Promise<void> {
  const endMs = performance.now() + limits.last_answers_ms_max;
  while (unanswered.count > 0 && performance.now() < endMs) await pause(last_answers_look_ms);
}

function accountRoutes(options: AccountsOptions): readonly Route[] {
  return [...new Accounts(options).routes, ...new Exports(options.callers, options.limits).routes];
}

interface Builders {
  readonly routes: readonly Route[];
  fills(): readonly Fill[];
  close(): void;
}

/** What there is for those who build on this: bots, words over HTTP, webhooks, pushes. */
function forBuilders(options: GatewayOptions, limits: GatewayLimits, tokens: AccessTokens, callers: Callers): Builders {
  const { door, log, kinds, secret, privateTargets = false, pushContact = defaultPushContact, probe } = options;
  const outward = new Outward({ privateTargets, waitMs: limits.outward_wait_ms_max });
  const hooks = new Hooks({ door, callers, limits, outward, log, probe });
  const keys = vapidKeys(secret);
  const pusher = webPusher(keys, pushContact, outward, limits);
  const pushes = new Pushes({ door, callers, limits, outward, pusher, publicKey: keys.publicKey, log, probe });
  const bots = new Bots({ callers, tokens, limits });
  const words = new Words({ door, desk: kinds.desk, callers, limits });
  return {
    routes: [...bots.routes, ...words.routes, ...hooks.routes, ...pushes.routes],
    fills: () => [...hooks.fills, ...pushes.fills],
    close() {
      hooks.close();
      pushes.close();
    },
  };
}

async function mediaOf(
  options: GatewayOptions,
  callers: Callers,
  limits: GatewayLimits,
  noEntry: () => NoEntry | undefined,
): Promise<Media | undefined> {
  const { files, door, log, probe } = options;
  return files && Media.open({ ...files, door, callers, secrets: options, limits, log, noEntry, probe });
}

const withoutFiles: RawRoute = {
  path: '/v1/files/*',
  takes: (_, path) => /^\/v1\/(files|uploads)(\/|$)/.test(path),
  run: async () => new HttpRefusal('no_files'),
};

function httpServer(limits: GatewayLimits, behindProxy: boolean): Server {
  const server = createServer({
    maxHeaderSize: limits.header_bytes_max,
    headersTimeout: limits.headers_ms_max,
    requestTimeout: Math.max(limits.request_ms_max, limits.upload_request_ms_max),
    keepAliveTimeout: limits.keep_alive_ms,
    connectionsCheckingInterval: limits.sweep_ms,
  });
  // `sockets_max` and `sockets_per_peer_max` are answered with a word before these are reached.
  server.maxConnections = limits.sockets_max + limits.http_connections_max;
  const perPeerMax = limits.sockets_per_peer_max + limits.http_connections_per_peer_max;
  const peers = tally(perPeerMax, server.maxConnections);
  server.on('connection', (socket: Socket) => {
    const peer = subnet(socket.remoteAddress ?? '');
    // Every connection of a proxy comes from the proxy.
    if (behindProxy) return;
    if (peers.take(peer) === 'taken') socket.once('close', () => peers.give(peer));
    else socket.destroy();
  });
  return server;
}

/** For load balancers: should this node get more clients, and if not, why? */
function healthRoute(noEntry: () => NoEntry | undefined): Route {
  return {
    method: 'GET',
    path: '/v1/health',
    async run() {
      const shut = noEntry();
      return shut === undefined ? { status: 200, body: { status: 'ok' } } : refusalOf(shut);
    },
  };
}

/** Resolves to the port. */
async function listen(server: Server, host: string, port: number): Promise<number> {
  server.listen(port, host);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** An address that works on this machine. */
function urlOf(host: string, port: number): string {
  const name = host === '0.0.0.0' || host === '::' || host === '' ? 'localhost' : host;
  return `http://${name.includes(':') ? `[${name}]` : name}:${port}`;
}
