import { randomBytes } from 'node:crypto';
import type { Claims } from '../proto/mail.ts';
import type { Encoding } from '../proto/words.ts';
import type { Admission } from './admission.ts';
import type { Callers } from './callers.ts';
import { HttpRefusal, type NoEntry, refusalOf } from './errors.ts';
import type { Answer, Call, Route } from './http.ts';
import { HttpSocket } from './http-socket.ts';
import type { GatewayLimits } from './limits.ts';
import { type Rate, rate } from './rates.ts';
import type { Wire } from './wire.ts';

export interface HttpSocketsOptions {
  readonly callers: Callers;
  readonly admission: Admission;
  readonly limits: GatewayLimits;
  /** Why no more sockets are taken now, if so. */
  readonly noEntry: () => NoEntry | undefined;
  /** A socket whose token is good. */
  readonly admit: (wire: Wire, claims: Claims, encoding: Encoding) => void;
}

/** Sockets for clients that can't have a WebSocket: opened, written and read by requests to this node (`HTS` in docs/SPEC.md). */
export class HttpSockets {
  readonly #options: HttpSocketsOptions;
  readonly #sockets = new Map<string, HttpSocket>();
  readonly #requests: Rate;

  constructor(options: HttpSocketsOptions) {
    const { limits } = options;
    this.#options = options;
    this.#requests = rate(
      limits.socket_requests_per_user_burst,
      limits.socket_requests_per_user_per_minute,
      limits.rate_peers_max,
    );
  }

  get routes(): readonly Route[] {
    return [
      { method: 'POST', path: '/v1/sockets', run: (call) => this.#open(call) },
      { method: 'POST', path: '/v1/sockets/*', run: (call) => this.#write(call) },
      { method: 'GET', path: '/v1/sockets/*', run: (call) => this.#read(call) },
      { method: 'DELETE', path: '/v1/sockets/*', run: (call) => this.#leave(call) },
    ];
  }

  async #open(call: Call): Promise<Answer | HttpRefusal> {
    const { noEntry, admission, limits } = this.#options;
    const claims = await this.#options.callers.claimed(call);
    if (claims instanceof HttpRefusal) return claims;
    const shut = noEntry();
    if (shut !== undefined) return refusalOf(shut);
    const leavePeer = admission.socket(call.peer);
    if (leavePeer instanceof HttpRefusal) return leavePeer;
    const leaveUser = admission.user(claims.user);
    if (leaveUser === undefined) {
      leavePeer();
      return new HttpRefusal('too_many_sockets', 1_000);
    }
    // Nobody can guess it, and it is of no use without its user's token.
    const id = randomBytes(16).toString('base64url');
    const { poll_ms_max, close_ms } = limits;
    const ended = (): void => {
      this.#sockets.delete(id);
      leavePeer();
      leaveUser();
    };
    const socket = new HttpSocket({ id, claims, poll_ms_max, close_ms, ended });
    this.#sockets.set(id, socket);
    this.#options.admit(socket, claims, 'json');
    return { status: 201, body: { socket: id, pollMs: poll_ms_max } };
  }

  async #write(call: Call): Promise<Answer | HttpRefusal> {
    const socket = await this.#socket(call);
    if (socket instanceof HttpRefusal) return socket;
    const { limits } = this.#options;
    const frames = await call.jsonTexts(limits.post_bytes_max);
    if (frames instanceof HttpRefusal) return frames;
    if (frames.length === 0) {
      socket.alive();
      return { status: 200, body: {} };
    }
    const first = wholeNumber(call.query.get('n'));
    if (first === undefined || first === 0) return new HttpRefusal('out_of_order');
    if (frames.some((frame) => Buffer.byteLength(frame) > limits.frame_bytes_max)) return new HttpRefusal('too_long');
    switch (await socket.post(first, frames)) {
      case 'taken':
        return { status: 200, body: { taken: first + frames.length - 1 } };
      case 'out_of_order':
        return new HttpRefusal('out_of_order');
      case 'gone':
        return new HttpRefusal('unknown_socket');
    }
  }

  async #read(call: Call): Promise<Answer | HttpRefusal> {
    const socket = await this.#socket(call);
    if (socket instanceof HttpRefusal) return socket;
    if (call.accept === 'text/event-stream') {
      if (socket.isRead) return new HttpRefusal('already_read');
      return { status: 200, type: 'text/event-stream', stream: (response) => socket.stream(response) };
    }
    const after = wholeNumber(call.query.get('after') ?? '0');
    if (after === undefined) return new HttpRefusal('malformed');
    const batch = await socket.poll(after);
    if (batch === 'gone') return new HttpRefusal('unknown_socket');
    if (batch === 'already_read') return new HttpRefusal('already_read');
    return { status: 200, json: batch };
  }

  async #leave(call: Call): Promise<Answer | HttpRefusal> {
    const socket = await this.#socket(call);
    if (socket instanceof HttpRefusal) return socket;
    socket.leave();
    return { status: 200, body: {} };
  }

  /** The socket that a request is about, if it is the one of whoever asks. */
  async #socket(call: Call): Promise<HttpSocket | HttpRefusal> {
    const claims = await this.#options.callers.claimed(call);
    if (claims instanceof HttpRefusal) return claims;
    const waitMs = this.#requests.take(claims.user, performance.now());
    if (waitMs > 0) return new HttpRefusal('too_fast', waitMs);
    const socket = this.#sockets.get(call.name);
    // A renewed token is of the same session.
    if (socket === undefined || socket.claims.session !== claims.session) return new HttpRefusal('unknown_socket');
    return socket;
  }
}

function wholeNumber(text: string | null): number | undefined {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
