/** What a healed world must come to by itself: everything delivered, everything owned, everybody caught up. */
import { numberKey } from '../actors/numbers.ts';
import { readStoredPosition } from '../runtime/write-behind.ts';
import { quickCodec } from './codec.ts';
import { groupsLacking } from './groups.ts';
import type { World } from './world.ts';

/** Words on what is still lacking; undefined when nothing is. */
export function lacking(world: World): { readonly words: string; readonly about: readonly string[] } | undefined {
  const served =
    owners(world) ?? pinned(world) ?? devices(world) ?? deliveries(world) ?? groupsLacking(world) ?? fading(world);
  return served ?? transfers(world) ?? channels(world) ?? stores(world);
}

type Lacking = ReturnType<typeof lacking>;

function owners({ machines, partitions }: World): Lacking {
  const owned = new Map<number, string[]>();
  for (const { name, state, node } of machines.values()) {
    if (state !== 'up' || node === undefined) return { words: `${name} is ${state}`, about: [name] };
    for (const partition of node.owned) owned.set(partition, [...(owned.get(partition) ?? []), name]);
  }
  for (let partition = 0; partition < partitions; partition++) {
    const by = owned.get(partition) ?? [];
    const words = by.length === 0 ? 'nobody' : by.join(' and ');
    if (by.length !== 1)
      return { words: `partition ${partition} is served by ${words}`, about: [`p${partition}`, ...by] };
  }
  return undefined;
}

/** What an operator has pinned to a node is there. */
function pinned({ machines }: World): Lacking {
  for (const { node } of machines.values()) {
    for (const [partition, pin] of (node?.view.pins ?? []).entries()) {
      if (pin === '' || machines.get(pin)?.node?.owned.includes(partition) === true) continue;
      return { words: `partition ${partition} is pinned to ${pin}, and not there`, about: [`p${partition}`, pin] };
    }
  }
  return undefined;
}

function devices(world: World): Lacking {
  for (const device of world.devices) {
    const { user, name, client } = device;
    const about = [user];
    if (!device.online || client === undefined) return { words: `${user}/${name} is not online`, about };
    const [unsent] = client.unsent();
    if (unsent !== undefined)
      return { words: `${user}/${name} has no answer to ${unsent.id}`, about: [user, unsent.id] };
    const head = world.headOf(user);
    const { cursor } = client.saved();
    if (cursor !== head) return { words: `${user}/${name} is at event ${cursor} of ${head}`, about };
  }
  if (world.tellers.open) return { words: 'a transfer has no answer', about: ['teller'] };
  return undefined;
}

/** The marks of a conversation: `Conversation` in `actors/user/rows.ts`. */
type Marks = readonly [outSeq: number, outDelivered: number];

function deliveries(world: World): Lacking {
  for (const user of world.users) {
    for (const peer of world.users) {
      let [sent, delivered] = world.row<Marks>(`user/${user}`, 'conv', peer) ?? [0, 0];
      // What expired before anybody fetched it is not delivered any more.
      while (sent > delivered && world.row(`user/${user}`, 'fail', `${peer}/${numberKey(sent)}`) !== undefined) sent--;
      if (delivered >= sent) continue;
      return { words: `${user} knows of ${delivered} delivered of ${sent} messages to ${peer}`, about: [user, peer] };
    }
  }
  return undefined;
}

/** Messages whose time has begun are to be gone before the reckoning. */
function fading({ watch }: World): Lacking {
  for (const rows of watch.rows.values()) {
    for (const key of rows.keys()) {
      const [actor = '', table, place] = key.split(' ');
      if (table === 'fade') return { words: `${actor} has a message that is to vanish, ${place}`, about: [actor] };
    }
  }
  return undefined;
}

function transfers(world: World): Lacking {
  const { ids } = world.deadMail();
  const isDead = (id: string, ...kinds: readonly string[]): boolean => kinds.some((kind) => ids.get(kind)?.has(id));
  for (const { id, from } of world.tellers.transfers) {
    const times = (table: string): number => world.row<number>(`account/${from}`, table, id) ?? 0;
    if (times('out') === 0) continue;
    if (times('confirmed') === 0 && !isDead(id, 'credit', '$reply'))
      return { words: `transfer ${id} is not confirmed`, about: [id, from] };
    // A timer that was set while its node's clock was ahead comes when the others get there.
    if (times('reminded') > 0 || isDead(id, 'remind') || world.faults.fired.has('clock-jump')) continue;
    return { words: `the timer of transfer ${id} has not come`, about: [id, from] };
  }
  return undefined;
}

function channels({ watch }: World): Lacking {
  for (const [channel, sent] of watch.sent) {
    const done = watch.taken.get(channel)?.watermark ?? 0;
    const [from, to] = channel.split('>');
    if (done !== sent)
      return { words: `channel ${channel} has done ${done} of ${sent} mails`, about: [`p${from}`, `p${to}`] };
  }
  return undefined;
}

/** The stores of the owner and of as many standbys as there should be are as far as the journal. */
function stores({ machines, watch, limits, partitions }: World): Lacking {
  for (const { name, node } of machines.values()) {
    for (const partition of node?.owned ?? []) {
      const seq = positionOf(machines.get(name) as Disk, partition);
      const last = watch.tails.get(partition)?.seq ?? 0;
      const words = `${name} has stored p${partition} up to #${seq} of #${last}`;
      if (seq !== last) return { words, about: [name, `p${partition}`] };
    }
  }
  const copies = 1 + Math.min(limits.standbys, machines.size - 1);
  for (let partition = 0; partition < partitions; partition++) {
    const last = watch.tails.get(partition)?.seq ?? 0;
    const whole = [...machines.values()].filter((machine) => positionOf(machine, partition) === last).length;
    if (whole >= copies) continue;
    return { words: `p${partition} has ${whole} whole copies instead of ${copies}`, about: [`p${partition}`] };
  }
  return undefined;
}

type Disk = NonNullable<ReturnType<World['machines']['get']>>;

/** Journal sequence that a disk's rows of a partition are as of; 0 for none. */
export function positionOf({ disk }: Disk, partition: number): number {
  const store = { get: (id: number, key: string) => disk.committed.get(id)?.get(key) };
  return readStoredPosition(store as Parameters<typeof readStoredPosition>[0], partition, quickCodec)?.seq ?? 0;
}
