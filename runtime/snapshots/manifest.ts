/** What the archive's pointer of a partition holds: which segments are its snapshot, and what of the journal goes with them. */
import type { Archive, Codec, PartitionId } from '../ports.ts';
import { packPosition, type StoredPosition, unpackPosition } from '../standing.ts';
import type { Segment } from './segment.ts';

export interface Manifest {
  /** The partition as its journal told it up to the snapshot. */
  readonly position: StoredPosition;
  /** Oldest first. Newer ones hide rows of older ones; in the oldest nothing is deleted. */
  readonly segments: readonly Segment[];
  /** Wall time of its making, ms. */
  readonly at: number;
  /** Journal sequence from which a reader of it needs the partition's entries. */
  readonly floorSeq: number;
  /** The same of the snapshot before; 0 when there was none. */
  readonly previousFloorSeq: number;
}

/** A pointer is not readable: damaged, or of a later version of this program. Nothing is to be built on it, and nothing put in its place. */
export class ManifestUnreadable extends Error {
  constructor(partition: PartitionId, why: string) {
    super(`the snapshot of partition ${partition} is not readable: ${why}`);
    this.name = 'ManifestUnreadable';
  }
}

const layout = 1;

// The checksum of the rest (4 bytes, big-endian), then a packed array whose first element is the layout.
export function packManifest(
  { position, segments, at, floorSeq, previousFloorSeq }: Manifest,
  codec: Codec,
): Uint8Array {
  const listed = segments.map(({ name, bytes, rows, digest }) => [name, bytes, rows, digest]);
  const packed = codec.pack([layout, packPosition(position, codec), listed, at, floorSeq, previousFloorSeq]);
  const sealed = new Uint8Array(4 + packed.byteLength);
  new DataView(sealed.buffer).setUint32(0, codec.crc32(packed));
  sealed.set(packed, 4);
  return sealed;
}

type PackedManifest = readonly [
  layout: number,
  position: Uint8Array,
  segments: readonly (readonly [name: string, bytes: number, rows: number, digest: number])[],
  at: number,
  floorSeq: number,
  previousFloorSeq: number,
];

/** Throws `ManifestUnreadable`. */
function unpackManifest(partition: PartitionId, sealed: Uint8Array, codec: Codec): Manifest {
  const packed = sealed.subarray(4);
  const view = new DataView(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  if (packed.byteLength === 0 || view.getUint32(0) !== codec.crc32(packed))
    throw new ManifestUnreadable(partition, 'its checksum does not fit');
  const fields = codec.unpack(packed) as PackedManifest;
  if (fields[0] !== layout)
    throw new ManifestUnreadable(partition, `it has layout ${fields[0]}, this version reads ${layout}`);
  const [, packedPosition, listed, at, floorSeq, previousFloorSeq] = fields;
  const position = unpackPosition(packedPosition, codec);
  if (position === undefined) throw new ManifestUnreadable(partition, 'another version has written its position');
  const segments = listed.map(([name, bytes, rows, digest]) => ({ name, bytes, rows, digest }));
  return { position, segments, at, floorSeq, previousFloorSeq };
}

export interface Pointer {
  readonly version: number;
  /** Undefined where no snapshot was ever made. */
  readonly manifest: Manifest | undefined;
}

/** Rejects with `ManifestUnreadable`, or as the archive does. */
export async function readPointer(
  id: PartitionId,
  { archive, codec }: { readonly archive: Pick<Archive, 'pointer'>; readonly codec: Codec },
): Promise<Pointer> {
  const { version, bytes } = await archive.pointer(id);
  return { version, manifest: bytes && unpackManifest(id, bytes, codec) };
}
