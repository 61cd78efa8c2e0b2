/** Deeper than any sensible value; a value that holds itself ends here. */
const depth_max = 64;

/**
 * About how long a value is when packed, rather more than less: records and datagrams are bounded by it. Throws TypeError on what
 * the codec can't pack, so that the turn that made it fails (A10) and not the record it would have been part of.
 */
export function roughBytes(value: unknown, depth = 0): number {
  switch (typeof value) {
    case 'string':
      return 5 + utf8Bytes(value);
    case 'number':
      return 9;
    case 'boolean':
    case 'undefined':
      return 3;
    case 'object':
      return value === null ? 1 : objectBytes(value, depth);
    default:
      throw new TypeError(`a ${typeof value} can't be kept or sent`);
  }
}

function objectBytes(value: object, depth: number): number {
  if (value instanceof Uint8Array) return 5 + value.byteLength;
  if (depth >= depth_max) throw new TypeError("a value nested too deep, or holding itself, can't be kept or sent");
  let bytes = 5;
  if (Array.isArray(value)) {
    for (const item of value) bytes += roughBytes(item, depth + 1);
    return bytes;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw new TypeError(`an instance of ${value.constructor.name} can't be kept or sent: plain values only`);
  }
  const fields = value as { readonly [name: string]: unknown };
  for (const name in fields) bytes += 5 + name.length + roughBytes(fields[name], depth + 1);
  return bytes;
}

/** At most two more than the truth for each character that is not ASCII. */
function utf8Bytes(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) bytes += 2;
  return bytes;
}
