/** About how long a value is when packed: never much less, so that bounds in bytes hold without packing twice. */
export function roughBytes(value: unknown): number {
  if (typeof value === 'string') return 4 + value.length;
  if (typeof value !== 'object' || value === null) return 8;
  if (value instanceof Uint8Array) return 8 + value.byteLength;
  let bytes = 8;
  if (Array.isArray(value)) for (const element of value) bytes += roughBytes(element);
  else for (const name in value) bytes += 4 + name.length + roughBytes((value as { [name: string]: unknown })[name]);
  return bytes;
}
