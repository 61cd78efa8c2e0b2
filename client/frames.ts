import { encode } from '../proto/codec.ts';
import type { ClientWord, Encoding } from '../proto/words.ts';

export interface FrameLimits {
  readonly frame_bytes_max: number;
  readonly words_max: number;
}

/**
 * Puts words into as few frames as the limits allow, in order. Their size is estimated from above, so that (but for single words
 * near the limit) nothing is encoded twice; a word that is too long even by itself goes to `tooLong` instead.
 */
export function inFrames(
  words: readonly ClientWord[],
  encoding: Encoding,
  limits: FrameLimits,
  put: (frame: Uint8Array | string, words: readonly ClientWord[]) => void,
  tooLong: (word: ClientWord) => void,
): void {
  let start = 0;
  let bytes = 0;
  for (let at = 0; at < words.length; at++) {
    const more = bytesAtMost(words[at]!, encoding);
    const full = at - start === limits.words_max || bytes + more > limits.frame_bytes_max;
    if (full && at > start) {
      putFrame(words.slice(start, at));
      start = at;
      bytes = 0;
    }
    bytes += more;
  }
  if (start < words.length) putFrame(start === 0 ? words : words.slice(start));

  function putFrame(list: readonly ClientWord[]): void {
    const frame = encode(list, encoding);
    const heavy = list.length === 1 && bytesAtMost(list[0]!, encoding) > limits.frame_bytes_max;
    if (heavy && bytesOf(frame) > limits.frame_bytes_max) tooLong(list[0]!);
    else put(frame, list);
  }
}

/** The frame with the trace of one of its words before it (TRC1), where both together are no longer than a frame may be. */
export function withTrace(
  frame: Uint8Array | string,
  trace: string | undefined,
  bytesMax: number,
): Uint8Array | string {
  if (trace === undefined || !traceShape.test(trace) || bytesOf(frame) + trace.length > bytesMax) return frame;
  if (typeof frame === 'string') return trace + frame;
  const both = new Uint8Array(trace.length + frame.length);
  both.set(new TextEncoder().encode(trace));
  both.set(frame, trace.length);
  return both;
}

const traceShape = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

export function bytesOf(text: string | Uint8Array): number {
  return typeof text === 'string' ? new TextEncoder().encode(text).length : text.length;
}

/** A UTF-16 unit takes up to 3 bytes of UTF-8, and up to 6 as a JSON escape. */
function bytesAtMost(word: ClientWord, encoding: Encoding): number {
  const unit = encoding === 'json' ? 6 : 3;
  switch (word.kind) {
    case 'send':
      return 256 + unit * (word.body.length + (word.more === undefined ? 0 : charsIn(word.more)));
    default:
      return 256 + unit * charsIn(word);
  }
}

/** UTF-16 units of all texts in a value, each with what may stand around it. */
function charsIn(value: unknown): number {
  if (typeof value === 'string') return value.length + 8;
  if (typeof value !== 'object' || value === null) return 8;
  let chars = 0;
  for (const field of Object.values(value)) chars += charsIn(field);
  return chars;
}
