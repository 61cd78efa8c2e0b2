import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type ServerOptions, type WebSocket, WebSocketServer } from 'ws';
import type { Claims } from '../proto/mail.ts';
import { bearerPrefix, closeCodes, type Encoding, subprotocols } from '../proto/words.ts';
import type { Log, Probe } from '../runtime/index.ts';
import type { Admission } from './admission.ts';
import { HttpRefusal, type NoEntry, refusalOf } from './errors.ts';
import { bearerOf } from './http.ts';
import type { GatewayLimits } from './limits.ts';
import { type AllowedOrigins, originAllowed } from './origins.ts';
import { peerOf } from './peers.ts';
import type { AccessTokens, Verified } from './tokens.ts';
import { type Wire, webSocketWire } from './wire.ts';

const socketPath = '/v1/socket';

export interface HandshakeOptions {
  readonly tokens: AccessTokens;
  readonly admission: Admission;
  readonly limits: GatewayLimits;
  readonly allowedOrigins: AllowedOrigins;
  readonly trustedProxies: number;
  readonly log: Log;
  /** Why no more sockets are taken now, if so. */
  readonly noEntry: () => NoEntry | undefined;
  /** A socket whose token is good. */
  readonly admit: (wire: Wire, claims: Claims, encoding: Encoding) => void;
  readonly probe: Probe | undefined;
}

/**
 * The WebSocket handshake at `socketPath`. What is wrong with the request is refused over HTTP; what is wrong with the token
 * is said by a close code on the finished handshake, because a browser shows its page no HTTP status of a handshake.
 */
export class Handshakes {
  private readonly options: HandshakeOptions;
  private readonly server: WebSocketServer;

  constructor(options: HandshakeOptions) {
    this.options = options;
    this.server = webSocketServer(options.limits);
  }

  /** An HTTP server's `upgrade`. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const drop = (): void => void socket.destroy();
    // Until ws has a listener of its own: an error without one would end the process.
    socket.on('error', drop);
    const offers = offered(request);
    const encoding = encodingOf(offers);
    const refusal = this.refusalOf(request, socket, encoding);
    if (refusal) {
      this.refuse(socket, refusal);
      return;
    }
    void verified(this.options.tokens, request, offers).then((token) => {
      if (socket.destroyed || encoding === undefined) return;
      const shut = this.options.noEntry();
      if (shut !== undefined) {
        this.refuse(socket, refusalOf(shut));
        return;
      }
      try {
        this.server.handleUpgrade(request, socket, head, (ws) => {
          socket.off('error', drop);
          this.opened(ws, socket, token, encoding);
        });
      } catch (error) {
        this.options.log.error({ error }, 'a handshake failed');
        socket.destroy();
      }
    });
  }

  private refuse(socket: Duplex, refusal: HttpRefusal): void {
    this.options.probe?.count('http_refusals', refusal.code, 1);
    refuse(socket, refusal);
  }

  private refusalOf(request: IncomingMessage, socket: Duplex, encoding: Encoding | undefined): HttpRefusal | undefined {
    if ((request.url ?? '').split('?', 1)[0] !== socketPath) return new HttpRefusal('not_found');
    if (request.headers.upgrade?.toLowerCase() !== 'websocket') return new HttpRefusal('not_an_upgrade');
    const shut = this.options.noEntry();
    if (shut !== undefined) return refusalOf(shut);
    if (!originAllowed(request.headers, this.options.allowedOrigins)) return new HttpRefusal('forbidden_origin');
    if (encoding === undefined) return new HttpRefusal('unknown_subprotocol');
    const counted = this.options.admission.socket(peerOf(request, this.options.trustedProxies));
    if (counted instanceof HttpRefusal) return counted;
    // Counted until it closes, whatever becomes of its handshake.
    socket.once('close', counted);
    return undefined;
  }

  private opened(ws: WebSocket, socket: Duplex, token: Verified, encoding: Encoding): void {
    if (token.kind !== 'valid') {
      refuseSocket(ws, 'unauthorised');
      return;
    }
    const { claims } = token;
    const counted = this.options.admission.user(claims.user);
    if (counted === undefined) {
      refuseSocket(ws, 'overloaded');
      return;
    }
    socket.once('close', counted);
    this.options.admit(webSocketWire(ws), claims, encoding);
  }
}

function webSocketServer(limits: GatewayLimits): WebSocketServer {
  const options: ServerOptions & { readonly closeTimeout: number } = {
    noServer: true,
    // The edge counts its sockets itself.
    clientTracking: false,
    // Compression would cost memory a socket, and lets a small frame unfold into a large one.
    perMessageDeflate: false,
    maxPayload: limits.frame_bytes_max,
    maxFragments: limits.frame_fragments_max,
    maxBufferedChunks: limits.frame_chunks_max,
    closeTimeout: limits.close_ms,
    // Never the offer that carries the token.
    handleProtocols: (offers) => {
      const encoding = encodingOf([...offers]);
      return encoding === undefined ? false : subprotocols[encoding];
    },
  };
  return new WebSocketServer(options);
}

function offered(request: IncomingMessage): readonly string[] {
  return (request.headers['sec-websocket-protocol'] ?? '').split(',').map((offer) => offer.trim());
}

/** The first of the client's offers that is known here. */
function encodingOf(offers: readonly string[]): Encoding | undefined {
  for (const offer of offers) {
    if (offer === subprotocols.msgpack) return 'msgpack';
    if (offer === subprotocols.json) return 'json';
  }
  return undefined;
}

/** Never from the address: addresses end up in logs. */
async function verified(tokens: AccessTokens, request: IncomingMessage, offers: readonly string[]): Promise<Verified> {
  const offer = offers.find((text) => text.startsWith(bearerPrefix));
  const token = bearerOf(request) ?? offer?.slice(bearerPrefix.length);
  return token === undefined ? { kind: 'invalid' } : tokens.verify(token);
}

function refuseSocket(ws: WebSocket, word: 'unauthorised' | 'overloaded'): void {
  // What such a client sends is read for the answer to the close, and dropped.
  ws.on('error', () => {});
  ws.close(closeCodes[word], word);
}

function refuse(socket: Duplex, refusal: HttpRefusal): void {
  const text = JSON.stringify(refusal.body);
  const headers = {
    ...refusal.headers,
    connection: 'close',
    'content-type': 'application/json; charset=utf-8',
    'content-length': String(Buffer.byteLength(text)),
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  socket.once('finish', () => socket.destroy());
  socket.end([`HTTP/1.1 ${refusal.status} Refused`, ...lines, '', text].join('\r\n'));
}
