/** Who takes part in a run. */
import type { TransportName } from '../client/index.ts';
import { partitionOf } from '../runtime/hash.ts';
import type { UserPlan } from './load/orders.ts';

/** Every so many users one has a second device. */
const tablets_every = 8;
/** To whom a user writes, as steps around the circle of users. */
const peer_steps = [1, 7, 13];
const group_members_max = 8;
/** Of the users in turn: one in ten has no WebSocket. */
const transports: readonly TransportName[] = [
  ...Array<TransportName>(9).fill('websocket'),
  'events',
  ...Array<TransportName>(9).fill('websocket'),
  'poll',
];

export interface Company {
  readonly partitions: number;
  readonly urls: readonly string[];
  /** Another generation of users has other names. */
  readonly generation: number;
  /** None is told where its account lives: sockets stay where `urls` puts them. */
  readonly stay?: boolean;
}

/**
 * One user a partition, so that a fault's reach can be read from the owners. Every second one goes home, the others stay with the
 * addresses they know, in turn: so frames that pass from one node to another are part of every run.
 */
export function company({ partitions, urls, generation, stay = false }: Company): UserPlan[] {
  const names = namesOn(partitions, generation);
  return names.map((name, i) => ({
    name,
    devices: i % tablets_every === 0 ? ['phone', 'tablet'] : ['phone'],
    urls: stay ? urls : urls.map((_, turn) => urls[(i + turn) % urls.length]!),
    goesHome: !stay && i % 2 === 0,
    transport: transports[i % transports.length]!,
    peers: [...new Set(peer_steps.map((step) => names[(i + step) % names.length]!))].filter((peer) => peer !== name),
  }));
}

/**
 * Every user is in one group, and each group's members are spread as the users are: over the partitions, over those who go home and those
 * who stay, and over those with one device and with two.
 */
export function groupsAmong(users: readonly UserPlan[]): string[][] {
  const count = Math.ceil(users.length / group_members_max);
  const groups: string[][] = Array.from({ length: count }, () => []);
  // With each turn around the groups the first one moves on: else all of a group would be even, or odd.
  for (const [i, { name }] of users.entries()) groups[(i + Math.floor(i / count)) % count]!.push(name);
  return groups;
}

function namesOn(partitions: number, generation: number): string[] {
  const names: (string | undefined)[] = Array.from({ length: partitions }, () => undefined);
  for (let left = partitions, i = 0; left > 0; i++) {
    const name = `u${generation}.${i}`;
    const partition = partitionOf(`user/${name}`, partitions);
    if (names[partition] !== undefined) continue;
    names[partition] = name;
    left--;
  }
  return names as string[];
}
