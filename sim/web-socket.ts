/** The WebSocket that a simulated device has: that of browsers, or that of `ws`, which can do more. */
import type { WebSocketConstructor, WebSocketLike } from '../client/index.ts';
import { enter, type Platform } from './globals.ts';
import type { Internet } from './internet.ts';
import type { Data, Line } from './line.ts';

/** A device's hardware: off when its process was killed. */
export interface Hardware extends Platform {
  readonly on: boolean;
}

type Handler = ((event: never) => void) | null;
const abnormal = 1006;

export class SimWebSocket implements WebSocketLike {
  binaryType = 'blob';
  readyState = 0;
  onopen: Handler = null;
  onmessage: Handler = null;
  onclose: Handler = null;
  onerror: Handler = null;
  line: Line | undefined;
  readonly hardware: Hardware;

  constructor(hardware: Hardware, internet: Internet, url: string, protocols: readonly string[]) {
    this.hardware = hardware;
    internet.dial(this, new URL(url).hostname, protocols);
  }

  send(data: Data): void {
    if (this.readyState !== 1) throw new Error('the socket is not open');
    this.line?.up({ kind: 'data', data: typeof data === 'string' ? data : data.slice() });
  }

  close(code = 1000, word = ''): void {
    if (this.readyState >= 2) return;
    if (this.readyState === 1) this.line?.up({ kind: 'close', code, word });
    this.readyState = 2;
  }

  terminate(): void {
    if (this.readyState === 3) return;
    this.line?.up({ kind: 'reset' });
    this.ended(abnormal, '');
  }

  // ---------------------------------------------------------------- for the line's use

  /** Nobody took the connection. */
  failed(message: string): void {
    if (this.readyState === 3 || !this.#wakes()) return;
    this.readyState = 3;
    this.onerror?.({ message } as never);
    this.onclose?.({ code: abnormal, reason: '' } as never);
  }

  opened(): void {
    if (this.readyState !== 0) {
      // It was given up meanwhile.
      this.line?.up({ kind: 'reset' });
      return;
    }
    if (!this.#wakes()) return;
    this.readyState = 1;
    this.onopen?.({} as never);
  }

  refused(_status: number): void {
    this.failed('the handshake was refused');
  }

  arrived(data: Data): void {
    if (this.readyState === 1 && this.#wakes()) this.message(data);
  }

  /** True when a pong is to follow. */
  pinged(): boolean {
    return this.readyState === 1 && this.hardware.on;
  }

  ended(code: number, reason: string): void {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.line?.left();
    if (this.#wakes()) this.onclose?.({ code, reason } as never);
  }

  /** From here on it is this device's turn; false when it is off. */
  #wakes(): boolean {
    if (!this.hardware.on) return false;
    enter(this.hardware);
    return true;
  }

  protected message(data: Data): void {
    // A browser gives memory of its own.
    const own = typeof data === 'string' ? data : data.slice().buffer;
    this.onmessage?.({ data: own } as never);
  }
}

class SimNodeSocket extends SimWebSocket {
  readonly #ears = new Map<string, (...args: unknown[]) => void>();

  on(name: string, ear: (...args: unknown[]) => void): void {
    this.#ears.set(name, ear);
  }

  override refused(statusCode: number): void {
    if (this.readyState !== 0 || !this.hardware.on) return;
    enter(this.hardware);
    this.#ears.get('unexpected-response')?.({}, { statusCode });
  }

  override pinged(): boolean {
    if (!super.pinged()) return false;
    enter(this.hardware);
    this.#ears.get('ping')?.();
    return true;
  }

  protected override message(data: Data): void {
    this.#ears.get('message')?.(typeof data === 'string' ? Buffer.from(data) : data, typeof data !== 'string');
  }
}

/** What a device's client is given as `webSocket`. */
export function webSocketOf(hardware: Hardware, internet: Internet, kind: 'browser' | 'node'): WebSocketConstructor {
  const Base = kind === 'node' ? SimNodeSocket : SimWebSocket;
  return class extends Base {
    constructor(url: string, protocols: string[]) {
      super(hardware, internet, url, protocols);
    }
  };
}
