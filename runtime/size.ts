/** Strings and bytes one level down; enough to stay clear of the cap, which is half of what the journal takes. */
export function roughBytes(value: unknown): number {
  if (typeof value === 'string') return 8 + value.length;
  if (value instanceof Uint8Array) return 8 + value.byteLength;
  if (typeof value !== 'object' || value === null) return 8;
  let bytes = 16;
  for (const field of Object.values(value)) {
    bytes += typeof field === 'string' ? 16 + field.length : field instanceof Uint8Array ? 16 + field.byteLength : 16;
  }
  return bytes;
}
