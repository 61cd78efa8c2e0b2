/** One socket from a device to an edge, with both its ends' view of it: frames in order, and the ways in which a connection ends. */
import type { HttpAnswer, HttpRequest, Internet } from './internet.ts';
import type { SimWebSocket } from './web-socket.ts';

/** A process that takes sockets and requests. */
export interface Server {
  /** Now, or when the process goes on; never when it is gone. */
  run(what: () => void): void;
  dialled(far: FarEnd, protocols: readonly string[]): void;
  http(request: HttpRequest): Promise<HttpAnswer>;
}

export type Data = Uint8Array | string;
type Item =
  | { readonly kind: 'opened' }
  | { readonly kind: 'refused'; readonly status: number }
  | { readonly kind: 'data'; readonly data: Data }
  | { readonly kind: 'ping' | 'pong' }
  | { readonly kind: 'close'; readonly code: number; readonly word: string }
  /** Broken off: no close was said. */
  | { readonly kind: 'reset' };

const abnormal = 1006;

export class Line {
  readonly host: string;
  readonly far: FarEnd;
  readonly #internet: Internet;
  readonly #near: SimWebSocket;
  readonly #server: Server;
  readonly #arrivals = { up: 0, down: 0 };
  #stalledUntilMs = 0;
  /** `silent`: nothing passes any more, and neither end is told. `broken`: whoever says something next is told. */
  #state: 'whole' | 'silent' | 'broken' = 'whole';

  constructor(internet: Internet, host: string, server: Server, near: SimWebSocket) {
    this.#internet = internet;
    this.host = host;
    this.#server = server;
    this.#near = near;
    this.far = new FarEnd(this);
    near.line = this;
    internet.lines.add(this);
  }

  /** Both ends learn that it broke. */
  cut(): void {
    this.#carry('up', { kind: 'reset' });
    this.#carry('down', { kind: 'reset' });
  }

  /** Whether this is its near end. */
  belongsTo(hardware: object): boolean {
    return this.#near.hardware === hardware;
  }

  /** The device is gone; its system tells the other end. */
  leftBehind(): void {
    this.#carry('up', { kind: 'reset' });
  }

  /** The process at the other end is gone; its system tells the device. */
  orphaned(): void {
    this.#carry('down', { kind: 'reset' });
    this.over();
  }

  /** The way is there again, but what was sent meanwhile is lost: whoever says something finds out. */
  mend(): void {
    if (this.#state === 'silent') this.#state = 'broken';
  }

  /** Half open: what either end sends from now on is lost. */
  silence(): void {
    this.#state = 'silent';
  }

  /** What is sent from now on arrives only then. */
  stall(ms: number): void {
    this.#stalledUntilMs = this.#internet.time.nowMs + ms;
  }

  up(item: Item): void {
    this.#carry('up', item);
  }

  down(item: Item): void {
    this.#carry('down', item);
  }

  #carry(way: 'up' | 'down', item: Item): void {
    const { time } = this.#internet;
    if (this.#state === 'silent') return;
    if (this.#state === 'broken') {
      this.#state = 'whole';
      this.cut();
      return;
    }
    const takesMs = this.#internet.wayMs();
    const atMs = Math.max(time.nowMs + takesMs, this.#stalledUntilMs, this.#arrivals[way] + 0.0001);
    this.#arrivals[way] = atMs;
    time.after(atMs - time.nowMs, () => {
      if (this.#state !== 'whole') return;
      if (way === 'up') this.#server.run(() => this.far.arrived(item));
      else this.#arriveDown(item);
    });
  }

  #arriveDown(item: Item): void {
    if (item.kind === 'data') this.far.bufferedAmount -= item.data.length;
    switch (item.kind) {
      case 'opened':
        this.#near.opened();
        return;
      case 'refused':
        this.#near.refused(item.status);
        this.over();
        return;
      case 'data':
        this.#near.arrived(item.data);
        return;
      case 'ping':
        // A device that is off does not answer.
        if (this.#near.pinged()) this.up({ kind: 'pong' });
        return;
      case 'close':
        this.up(item);
        this.#near.ended(item.code, item.word);
        return;
      case 'reset':
        this.#near.ended(abnormal, '');
        return;
      case 'pong':
    }
  }

  /** The device is done with it. */
  left(): void {
    if (this.#state !== 'whole') this.#internet.lines.delete(this);
  }

  /** The far end is done with it. The other is told, if anything passes. */
  over(): void {
    if (this.#state === 'whole') this.#internet.lines.delete(this);
  }

  after(ms: number, run: () => void): void {
    this.#internet.time.after(ms, () => this.#server.run(run));
  }
}

/** Time for the other side to answer a close, ms. */
const close_ms = 5_000;

/** The end at the edge: as much of the WebSocket of `ws` as an edge needs. */
export class FarEnd {
  readonly #line: Line;
  /** Bytes that were sent and have not arrived. */
  bufferedAmount = 0;
  onData: (data: Data) => void = () => {};
  onPong: () => void = () => {};
  onClose: () => void = () => {};
  #state: 'new' | 'open' | 'closing' | 'closed' = 'new';
  /** What arrives while reading is paused. */
  #held: Item[] | undefined;

  constructor(line: Line) {
    this.#line = line;
  }

  accept(): void {
    this.#state = 'open';
    this.#line.down({ kind: 'opened' });
  }

  /** No socket: the handshake ends with an HTTP status. */
  refuse(status: number): void {
    this.#state = 'closed';
    this.#line.down({ kind: 'refused', status });
  }

  send(data: Data): void {
    if (this.#state !== 'open') return;
    this.bufferedAmount += data.length;
    this.#line.down({ kind: 'data', data });
  }

  ping(): void {
    if (this.#state === 'open') this.#line.down({ kind: 'ping' });
  }

  close(code: number, word: string): void {
    if (this.#state !== 'open') return;
    this.#state = 'closing';
    this.#line.down({ kind: 'close', code, word });
    this.#line.after(close_ms, () => this.terminate());
  }

  terminate(): void {
    if (this.#state === 'closed') return;
    this.#line.down({ kind: 'reset' });
    this.#closed();
  }

  pause(): void {
    this.#held ??= [];
  }

  resume(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const item of held) this.arrived(item);
  }

  /** For the line's use. */
  arrived(item: Item): void {
    if (this.#state === 'closed') return;
    if (this.#held !== undefined && item.kind !== 'reset') {
      this.#held.push(item);
      return;
    }
    switch (item.kind) {
      case 'data':
        this.onData(item.data);
        return;
      case 'pong':
        this.onPong();
        return;
      case 'close':
        if (this.#state === 'open') this.#line.down(item);
        this.#closed();
        return;
      case 'reset':
        this.#closed();
        return;
      default:
    }
  }

  #closed(): void {
    this.#state = 'closed';
    this.#line.over();
    this.onClose();
  }
}
