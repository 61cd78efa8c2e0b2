/**
 * The first half of decoding: bytes or text to plain values, with size and depth checked before anything is built from them.
 * Neither a deep nor a lying frame costs more than one pass over its bytes.
 */
import { Fault } from './fault.ts';
import { msgpack } from './msgpack.ts';
import { clientLimits, type Encoding } from './words.ts';

const depth_max = clientLimits.depth_max;
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** The frame's plain value: null, booleans, numbers, strings, byte arrays, arrays and objects, at most `depth_max` deep. */
export function plainOf(frame: Uint8Array | string, encoding: Encoding, bytesMax: number): unknown | Fault {
  if (encoding === 'msgpack') {
    if (typeof frame === 'string') return new Fault('malformed', 'A text frame, where this socket speaks MessagePack.');
    if (frame.length > bytesMax) return tooLong(bytesMax);
    return fromMsgpack(frame);
  }
  const tooManyBytes = typeof frame === 'string' ? utf8LengthExceeds(frame, bytesMax) : frame.length > bytesMax;
  if (tooManyBytes) return tooLong(bytesMax);
  return fromJson(frame);
}

function tooLong(bytesMax: number): Fault {
  return new Fault('too_long', `A frame may have at most ${bytesMax} bytes.`);
}

function tooDeep(): Fault {
  return new Fault('malformed', `Lists and objects may be nested at most ${depth_max} deep.`);
}

// ---------------------------------------------------------------- JSON

function fromJson(frame: Uint8Array | string): unknown | Fault {
  try {
    const text = typeof frame === 'string' ? frame : utf8.decode(frame);
    if (jsonIsTooDeep(text)) return tooDeep();
    return JSON.parse(text);
  } catch {
    return new Fault('malformed', 'Not JSON.');
  }
}

/** Exact for good JSON; for bad JSON any answer will do, as parsing refuses it. */
function jsonIsTooDeep(text: string): boolean {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case 0x22: // "
        i = endOfString(text, i);
        break;
      case 0x5b: // [
      case 0x7b: // {
        if (++depth > depth_max) return true;
        break;
      case 0x5d: // ]
      case 0x7d: // }
        depth--;
    }
  }
  return false;
}

/** Index of the quote that ends the string which begins at `start`; the end of the text where there is none. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end !== -1) {
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === 0x5c) slashes++;
    if (slashes % 2 === 0) return end;
    end = text.indexOf('"', end + 1);
  }
  return text.length;
}

// ---------------------------------------------------------------- MessagePack

function fromMsgpack(bytes: Uint8Array): unknown | Fault {
  const fault = msgpackFault(bytes);
  if (fault !== undefined) return fault;
  try {
    return msgpack.unpack(bytes);
  } catch {
    return new Fault('malformed', 'Not MessagePack.');
  }
}

/** Items still to come in each open list or map. Not re-entrant, and need not be. */
const open = new Float64Array(depth_max + 1);
/** 1 where the open item is a map, whose items are keys and values by turns, counted down from an even number. */
const isMap = new Uint8Array(depth_max + 1);

/** Bytes that follow the first byte 0xc4 to 0xdf: of a fixed size, or a length of so many bytes (negative). */
const sizes = [
  ...[-1, -2, -4], // c4 bin
  ...[0, 0, 0], // c7 ext: refused
  ...[4, 8], // ca float
  ...[1, 2, 4, 8], // cc uint
  ...[1, 2, 4, 8], // d0 int
  ...[0, 0, 0, 0, 0], // d4 fixext: refused
  ...[-1, -2, -4], // d9 str
  ...[-2, -4], // dc array
  ...[-2, -4], // de map
];

/**
 * One pass over the bytes of a value: nesting, declared lengths, text as keys, no extension types. Afterwards msgpackr meets
 * nothing that it would answer with an exotic object, a giant allocation or deep recursion.
 */
function msgpackFault(b: Uint8Array): Fault | undefined {
  let depth = 0;
  open[0] = 1;
  isMap[0] = 0;
  let i = 0;
  while (depth >= 0) {
    const left = open[depth] as number;
    if (left === 0) {
      depth--;
      continue;
    }
    open[depth] = left - 1;
    const mustBeText = isMap[depth] === 1 && left % 2 === 0;
    const first = b[i++];
    if (first === undefined) return new Fault('malformed', 'The MessagePack value ends too early.');
    if (mustBeText && !(first >= 0xa0 && first <= 0xbf) && !(first >= 0xd9 && first <= 0xdb)) {
      return new Fault('malformed', 'A key of a map is not text.');
    }
    let items = -1;
    let map = 0;
    if (first < 0x80 || first >= 0xe0 || first === 0xc0 || first === 0xc2 || first === 0xc3) continue;
    if (first < 0x90) {
      items = (first & 0x0f) * 2;
      map = 1;
    } else if (first < 0xa0) items = first & 0x0f;
    else if (first < 0xc0) i += first & 0x1f;
    else {
      const size = first === 0xc1 ? 0 : (sizes[first - 0xc4] as number);
      if (size === 0) return new Fault('malformed', 'MessagePack extension types are no part of the protocol.');
      if (size > 0) i += size;
      else {
        let length = 0;
        for (let k = 0; k < -size; k++) length = length * 256 + (b[i++] ?? 0);
        if (first < 0xdc) i += length;
        else {
          map = first < 0xde ? 0 : 1;
          items = map === 1 ? length * 2 : length;
        }
      }
    }
    if (i > b.length || items > b.length - i) return new Fault('malformed', 'The MessagePack value ends too early.');
    if (items >= 0) {
      if (++depth > depth_max) return tooDeep();
      open[depth] = items;
      isMap[depth] = map;
    }
  }
  return i === b.length ? undefined : new Fault('malformed', 'Bytes follow the end of the MessagePack value.');
}

// ---------------------------------------------------------------- text

/** True when the text takes more than `bytesMax` bytes in UTF-8; counts only where its length leaves a doubt. */
export function utf8LengthExceeds(text: string, bytesMax: number): boolean {
  if (text.length > bytesMax) return true;
  if (text.length * 3 <= bytesMax) return false;
  let bytes = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    // Each half of a surrogate pair counts 2, which makes 4 of the pair.
    bytes += unit < 0x80 ? 1 : unit < 0x800 || (unit & 0xf800) === 0xd800 ? 2 : 3;
  }
  return bytes > bytesMax;
}

const loneSurrogate = /\p{Surrogate}/u;

/** False for text with half a surrogate pair in it, which has no UTF-8. */
export function isWellFormed(text: string): boolean {
  return !loneSurrogate.test(text);
}
