/** What can be seen of a simulated cluster from outside: what nodes say of themselves, what the journal makes of a partition, what disks hold. */
import type { Heartbeat } from '../../runtime/members.ts';
import type { Datagram } from '../../runtime/parcel.ts';
import type { PartitionId } from '../../runtime/ports.ts';
import { Standing } from '../../runtime/standing.ts';
import { readStoredPosition } from '../../runtime/write-behind.ts';
import { simCodec } from '../../sim/codec.ts';
import type { World } from './world.ts';

/** Somebody on the network who only listens. */
export class Watch {
  readonly heard = new Map<string, Heartbeat>();
  /** Told of each heartbeat. */
  onHeard: (heartbeat: Heartbeat) => void = () => {};

  constructor(world: World) {
    world.board.plug('watch').listen((bytes) => {
      const datagram = simCodec.unpack(bytes) as Datagram;
      if (datagram[0] === 'goodbye') this.heard.delete(datagram[1]);
      if (datagram[0] !== 'heartbeat') return;
      this.heard.set(datagram[1].node, datagram[1]);
      this.onHeard(datagram[1]);
    });
  }

  /** Record number and chain of a partition on a node, as it says: `number chain`. */
  copy(node: string, partition: PartitionId): string | undefined {
    const found = this.heard.get(node)?.copies.find(([id]) => id === partition);
    return found && `${found[1]} ${found[2]}`;
  }

  /** Nodes that serve a partition or keep a copy that they would have promoted. */
  keepers(partition: PartitionId): string[] {
    return [...this.heard.keys()].filter((node) => this.copy(node, partition) !== undefined).sort();
  }
}

export interface Folded {
  readonly rows: ReadonlyMap<string, Uint8Array>;
  /** All keys that were ever written. */
  readonly keys: ReadonlySet<string>;
  readonly number: number;
  readonly seq: number;
  readonly chain: number;
}

/** What a partition's journal makes of it, up to a sequence. */
export function folded(world: World, partition: PartitionId, toSeq = Number.MAX_SAFE_INTEGER): Folded {
  const standing = new Standing(partition, world.limits);
  const rows = new Map<string, Uint8Array>();
  const keys = new Set<string>();
  for (const entry of world.log.entries(partition)) {
    if (entry.seq > toSeq) break;
    const flat = standing.take(entry, simCodec)?.rows ?? [];
    for (let i = 0; i + 1 < flat.length; i += 2) {
      const key = flat[i] as string;
      const value = flat[i + 1] as Uint8Array | null;
      keys.add(key);
      if (value === null) rows.delete(key);
      else rows.set(key, value);
    }
  }
  const { number, seq, chain } = standing.position;
  return { rows, keys, number, seq, chain };
}

/** A5: words for every row on a disk that is not what the journal makes of it at the position stored beside it. */
export function diskBreaches(world: World, name: string): string[] {
  const words: string[] = [];
  const { committed } = world.disk(name);
  for (const [partition, rows] of committed) {
    const meta = rows.get(' meta ');
    // Half restored, or thrown away: nothing counts.
    if (meta === undefined) continue;
    const store = { get: () => meta } as unknown as Parameters<typeof readStoredPosition>[0];
    const seq = readStoredPosition(store, partition, simCodec)?.seq ?? 0;
    const expected = folded(world, partition, seq);
    const about = `${name}, partition ${partition} at ${seq}`;
    if (expected.seq !== seq) words.push(`${about}: the journal has no such record`);
    for (const key of rows.keys('', '\uffff')) {
      if (key !== ' meta ' && !expected.rows.has(key)) words.push(`${about}: ${key} is too much`);
    }
    for (const [key, value] of expected.rows) {
      const stored = rows.get(key);
      if (stored === undefined) words.push(`${about}: ${key} is missing`);
      else if (Buffer.compare(stored, value) !== 0) words.push(`${about}: ${key} is another`);
    }
  }
  return words;
}
