import type { GatewayLimits } from './limits.ts';

/** Bytes of frames that wait in this edge, of all sockets. */
export interface ParkedTotal {
  bytes: number;
}

/** Frames of one socket that wait to be handed over, in order. */
export class Parked {
  readonly #total: ParkedTotal;
  #frames: (Uint8Array | string)[] = [];
  #next = 0;
  #bytes = 0;

  constructor(total: ParkedTotal) {
    this.#total = total;
  }

  get first(): Uint8Array | string | undefined {
    return this.#frames[this.#next];
  }

  /** False at a bound: of this socket's frames, or of the bytes of all. */
  put(frame: Uint8Array | string, limits: GatewayLimits): boolean {
    if (this.#frames.length - this.#next >= limits.parked_frames_max) return false;
    if (this.#total.bytes + frame.length > limits.parked_total_bytes_max) return false;
    this.#frames.push(frame);
    this.#count(frame.length);
    return true;
  }

  shift(): void {
    const frame = this.first;
    if (frame === undefined) return;
    this.#next++;
    this.#count(-frame.length);
    if (this.#next < this.#frames.length) return;
    this.#frames = [];
    this.#next = 0;
  }

  clear(): void {
    this.#count(-this.#bytes);
    this.#frames = [];
    this.#next = 0;
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    this.#total.bytes += bytes;
  }
}
