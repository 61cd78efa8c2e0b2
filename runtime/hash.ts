import type { Address } from './actor.ts';
import type { PartitionId } from './ports.ts';

/** MurmurHash3 x86 32-bit (Austin Appleby, public domain) over the low bytes of the characters; unsigned. */
export function murmur3(text: string, seed = 0): number {
  let hash = seed;
  const blocks = text.length & ~3;
  for (let i = 0; i < blocks; i += 4) {
    const k =
      (text.charCodeAt(i) & 0xff) |
      ((text.charCodeAt(i + 1) & 0xff) << 8) |
      ((text.charCodeAt(i + 2) & 0xff) << 16) |
      ((text.charCodeAt(i + 3) & 0xff) << 24);
    hash ^= mixBlock(k);
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  let tail = 0;
  for (let i = text.length - 1; i >= blocks; i--) tail = (tail << 8) | (text.charCodeAt(i) & 0xff);
  if (blocks < text.length) hash ^= mixBlock(tail);
  hash ^= text.length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function mixBlock(k: number): number {
  const mixed = Math.imul(k, 0xcc9e2d51);
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
}

/** The part of an address that decides the partition: the key up to its first `/`. */
export function affinityOf(address: Address): string {
  const start = address.indexOf('/') + 1;
  const end = address.indexOf('/', start);
  return end < 0 ? address.slice(start) : address.slice(start, end);
}

const placed = /^@(\d{1,9})$/;

/**
 * The slice of the hash ring that an actor lies in: that of its affinity's hash, or, where the affinity is `@17`, number 17. `partitions` is a
 * power of two and never changes in a cluster's life.
 */
export function partitionOf(address: Address, partitions: number): PartitionId {
  const affinity = affinityOf(address);
  const number = affinity.startsWith('@') ? placed.exec(affinity)?.[1] : undefined;
  if (number !== undefined) return Number(number) % partitions;
  return Math.floor((murmur3(affinity) / 2 ** 32) * partitions);
}
