/** What an edge does for the few frames that are followed, and the trace that a client may put before a frame (TRC in docs/SPEC.md). */

/** A frame from a client, for whoever decides whether it is followed. */
export interface Frame {
  readonly bytes: number;
  /** The `traceparent` that came before it; '' for none. */
  readonly parent: string;
  /** By what the last followed push to this socket may be answered. */
  readonly after: string | undefined;
}

export interface FollowedFrame {
  /** What goes along with it. */
  readonly context: string;
  /** Its actor has it. */
  handedOver(): void;
}

/** Follows some of the frames, for operators. */
export interface FrameTracer {
  /** Undefined: this one is not followed. */
  came(frame: Frame): FollowedFrame | undefined;
  /** A followed push of so many bytes was written to its socket; answers by what the next frame of that socket may follow it. */
  pushed(context: string, bytes: number): string | undefined;
}

/** `00-`, 32 hexadecimal digits, `-`, 16, `-`, 2. No frame of either encoding begins so. */
const parent_chars = 55;
const [zero, dash] = [0x30, 0x2d];
const dashes = [2, 35, 52];

type Bytes = Uint8Array | string;

/** One socket's followed frames: at most one on its way to the actor, and one push that may be answered. */
export class Followed {
  readonly #tracer: FrameTracer | undefined;
  #waiting: { readonly bytes: Bytes; readonly frame: FollowedFrame } | undefined;
  #after: string | undefined;

  constructor(tracer: FrameTracer | undefined) {
    this.#tracer = tracer;
  }

  /** The frame without what may stand before it. */
  came(given: Bytes): Bytes {
    const first = typeof given === 'string' ? given.charCodeAt(0) : given[0];
    const hasParent = first === zero && beginsWithParent(given);
    const bytes = hasParent ? rest(given) : given;
    if (this.#tracer === undefined) return bytes;
    const parent = hasParent ? textOf(given) : '';
    const after = this.#after;
    this.#after = undefined;
    if (this.#waiting !== undefined) return bytes;
    const frame = this.#tracer.came({ bytes: bytes.length, parent, after });
    if (frame !== undefined) this.#waiting = { bytes, frame };
    return bytes;
  }

  /** What goes along with this frame, if it is followed. */
  contextOf(bytes: Bytes): string | undefined {
    return this.#waiting?.bytes === bytes ? this.#waiting.frame.context : undefined;
  }

  handedOver(bytes: Bytes): void {
    if (this.#waiting?.bytes !== bytes) return;
    this.#waiting.frame.handedOver();
    this.#waiting = undefined;
  }

  /** Frames that wait are not wanted any more. */
  clear(): void {
    this.#waiting = undefined;
  }

  pushed(trace: string | undefined, bytes: number): void {
    if (trace === undefined || this.#tracer === undefined) return;
    this.#after = this.#tracer.pushed(trace, bytes);
  }
}

function beginsWithParent(given: Bytes): boolean {
  const at = (i: number): number | undefined => (typeof given === 'string' ? given.charCodeAt(i) : given[i]);
  return given.length > parent_chars && at(1) === zero && dashes.every((i) => at(i) === dash);
}

function rest(given: Bytes): Bytes {
  return typeof given === 'string' ? given.slice(parent_chars) : given.subarray(parent_chars);
}

function textOf(given: Bytes): string {
  if (typeof given === 'string') return given.slice(0, parent_chars);
  return String.fromCharCode(...given.subarray(0, parent_chars));
}
