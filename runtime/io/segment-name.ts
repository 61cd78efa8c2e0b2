/** Names of the archive's segments, which become subjects and files: nothing else is let through. */
import type { PartitionId } from '../ports.ts';

const shape = /^(0|[1-9][0-9]{0,4})\/([A-Za-z0-9_-]{1,200})$/;

/** Throws TypeError on what is no segment's name. */
export function segmentName(name: string): { readonly partition: PartitionId; readonly rest: string } {
  const [, partition, rest] = shape.exec(name) ?? [];
  if (partition === undefined || rest === undefined)
    throw new TypeError(`not a segment's name: ${JSON.stringify(name)}`);
  return { partition: Number(partition), rest };
}

/** At most so many bytes describe a partition's newest snapshot. */
const pointer_bytes_max = 256 * 1024;

export function mustBePointer(bytes: Uint8Array): void {
  if (bytes.byteLength > pointer_bytes_max)
    throw new RangeError(`a pointer has at most ${pointer_bytes_max} bytes, not ${bytes.byteLength}`);
}
