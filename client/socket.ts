import { clientLimits } from '../proto/words.ts';
import { RingpostError } from './errors.ts';
import { sdkLimits } from './limits.ts';

/** As much of the web's WebSocket as is needed here; that of `ws` fits too. */
export interface WebSocketLike {
  binaryType: string;
  readonly readyState: number;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
}
export type WebSocketConstructor = new (url: string, protocols: string[], options?: object) => WebSocketLike;

/** What `ws` has beyond the web's: its own emitter is cheaper than its web events, pings can be heard, and it can hang up at once. */
interface NodeSocket {
  on(name: 'message', heard: (data: Uint8Array, isBinary: boolean) => void): void;
  on(name: 'ping', heard: () => void): void;
  on(name: 'unexpected-response', heard: (request: object, response: { statusCode?: number }) => void): void;
  terminate(): void;
}

export interface SocketEars {
  opened(): void;
  frame(data: Uint8Array | string): void;
  ping(): void;
  /** Called once, however it ended. `status` is that of a handshake refused over HTTP, where it can be known; 0 otherwise. */
  closed(code: number, reason: string, status: number, cause: unknown): void;
}

/** Node 20 has no WebSocket of its own: there, and only there, the package `ws` is loaded. */
export async function platformWebSocket(): Promise<WebSocketConstructor> {
  const own = (globalThis as { WebSocket?: WebSocketConstructor }).WebSocket;
  const inNode = (globalThis as { process?: { versions?: { node?: string } } }).process?.versions?.node !== undefined;
  if (!inNode && own !== undefined) return own;
  try {
    return (await import('ws')).WebSocket as unknown as WebSocketConstructor;
  } catch (error) {
    if (own !== undefined) return own;
    throw new RingpostError('closed', 'There is no WebSocket here; give one in the option `webSocket`.', false, {
      cause: error,
    });
  }
}

/** For `ws` alone; a browser's WebSocket looks at two arguments only. */
const socketOptions = { perMessageDeflate: false, maxPayload: clientLimits.server_frame_bytes_max };

/** What frames are given to. `readyState` 1: it takes them. */
export interface Talker {
  readonly readyState: number;
  send(frame: string | Uint8Array<ArrayBuffer>): void;
}

export interface OpenSocket {
  readonly socket: Talker;
  /** `ears` hear nothing more. Politely: what was sent still leaves, and the other side is told; otherwise at once. */
  hangUp(politely: boolean): void;
}

/** Opens a socket and tells `ears` of it. Throws what the constructor throws. */
export function openSocket(
  WebSocket: WebSocketConstructor,
  url: string,
  protocols: string[],
  ears: SocketEars,
): OpenSocket {
  const socket = new WebSocket(url, protocols, socketOptions);
  let over = false;
  let cause: unknown;
  let status = 0;
  const closed = (code: number, reason: string) => {
    if (over) return;
    over = true;
    ears.closed(code, reason, status, cause);
  };
  socket.onopen = () => {
    if (!over) ears.opened();
  };
  socket.onerror = (event: { error?: unknown; message?: string }) => {
    cause = event.error ?? event.message;
  };
  socket.onclose = (event: { code: number; reason: string }) => closed(event.code, event.reason);
  const node = 'on' in socket && 'terminate' in socket ? (socket as unknown as NodeSocket) : undefined;
  if (node === undefined) {
    socket.binaryType = 'arraybuffer';
    socket.onmessage = ({ data }: { data: ArrayBuffer | string }) => {
      if (!over) ears.frame(typeof data === 'string' ? data : new Uint8Array(data));
    };
  } else {
    socket.binaryType = 'nodebuffer';
    node.on('message', (data, isBinary) => {
      if (!over) ears.frame(isBinary ? data : String(data));
    });
    node.on('ping', () => ears.ping());
    node.on('unexpected-response', (_, response) => {
      status = response.statusCode ?? 0;
      node.terminate();
    });
  }
  return {
    socket,
    hangUp(politely) {
      over = true;
      if (node === undefined || politely) socket.close(1000);
      if (node === undefined || socket.readyState === 3) return;
      if (politely) {
        const torn = setTimeout(() => node.terminate(), sdkLimits.close_wait_ms_max);
        socket.onclose = () => clearTimeout(torn);
      } else node.terminate();
    },
  };
}
