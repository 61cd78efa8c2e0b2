/** Groups in a simulated world: what people do with them, and what must be true of them whatever happens. */
import { numberOf } from '../actors/numbers.ts';
import { type RingpostClient, RingpostError } from '../client/index.ts';
import type { GroupEntry } from '../proto/group-mail.ts';
import { nameOf } from './amendments.ts';
import type { SimRandom } from './clock.ts';
import { quickCodec } from './codec.ts';
import type { Device } from './device.ts';
import type { NumberedEvent } from './history.ts';
import { Violation } from './violation.ts';
import type { World } from './world.ts';

const groups_max = 3;

/** What people do with groups besides writing to them. Those that they made are known to all. */
export class Groups {
  readonly known: string[] = [];
  readonly #random: SimRandom;
  readonly #users: readonly string[];
  /** Invitations to groups. */
  readonly #links: string[] = [];

  constructor(random: SimRandom, users: readonly string[]) {
    this.#random = random;
    this.#users = users;
  }

  /** Makes a group, or does something to one that there is. */
  act(device: Device): void {
    const random = this.#random;
    const others = this.#users.filter((user) => user !== device.user);
    const some = others.filter(() => random.chance(0.6));
    const dice = random.fraction();
    if (this.known.length === 0 || (dice < 0.1 && this.known.length < groups_max)) {
      this.#do(device, async ({ groups }) => void this.known.push(await groups.create(`of ${device.user}`, some)));
      return;
    }
    const group = random.pick(this.known);
    const one = random.pick(others);
    this.#do(device, async ({ groups }) => {
      if (dice < 0.35) await groups.add(group, [one]);
      else if (dice < 0.5) await groups.remove(group, [one]);
      else if (dice < 0.55) await groups.leave(group);
      else if (dice < 0.65) await groups.appoint(group, one, random.pick(['admin', 'member', 'owner'] as const));
      else if (dice < 0.72) await groups.retitle(group, `by ${device.user}`);
      else if (dice < 0.76) await groups.setMode(group, { announce: random.chance(0.3), shared: random.chance(0.5) });
      else if (dice < 0.82) this.#links.push(await groups.invite(group, { uses: random.between(0, 2) }));
      else if (dice < 0.9 && this.#links.length > 0) await groups.join(random.pick(this.#links));
      else if (dice < 0.95) await groups.members(group, { limit: 2 });
      else await groups.reached(group, random.between(1, 20));
    });
  }

  #do(device: Device, what: (client: RingpostClient) => Promise<void>): void {
    device.do((client) => {
      what(client).catch((error: unknown) => {
        if (!(error instanceof RingpostError)) throw error;
      });
    });
  }
}

// ---------------------------------------------------------------- the reckoning

/** Each group's log, as the journal has it. */
function logsOf({ watch }: World): Map<string, Map<number, GroupEntry>> {
  const logs = new Map<string, Map<number, GroupEntry>>();
  for (const rows of watch.rows.values()) {
    for (const [key, bytes] of rows) {
      const [actor = '', table, seq = ''] = key.split(' ');
      if (!actor.startsWith('group/') || table !== 'log') continue;
      const group = actor.slice('group/'.length);
      const log = logs.get(group) ?? new Map<number, GroupEntry>();
      logs.set(group, log.set(numberOf(seq), quickCodec.unpack(bytes) as GroupEntry));
    }
  }
  return logs;
}

/** A12: each user has exactly the entries of its memberships, once and in the group's order. `gone`: as of `goneIn`. Throws `Violation`. */
export function auditGroups(
  world: World,
  timelines: ReadonlyMap<string, ReadonlyMap<number, NumberedEvent>>,
  gone: ReadonlySet<string>,
): void {
  for (const [group, log] of logsOf(world)) {
    for (let seq = 1; seq <= log.size; seq++) {
      if (!log.has(seq)) throw new Violation('A6', `group ${group} has no entry ${seq} of ${log.size}`, [group]);
    }
    for (const [user, timeline] of timelines) auditMember(group, log, user, timeline, gone);
  }
}

function auditMember(
  group: string,
  log: ReadonlyMap<number, GroupEntry>,
  user: string,
  timeline: ReadonlyMap<number, NumberedEvent>,
  gone: ReadonlySet<string>,
): void {
  const expected = [...membershipOf(user, log)];
  const found = [...timeline.values()].filter((event) => groupOf(event) === group);
  for (let i = 0; i < Math.max(expected.length, found.length); i++) {
    const seq = expected[i];
    const event = found[i] as (NumberedEvent & { readonly seq: number; readonly id: string }) | undefined;
    const about = [group, user];
    if (seq === undefined || event?.seq !== seq) {
      const words = `${user} was told entry ${event?.seq ?? 'none'} of ${group} where ${seq ?? 'none'} was due`;
      throw new Violation('A12', words, about);
    }
    const entry = log.get(seq);
    const same = entry !== undefined && (event.id ?? '') === entry[1];
    const body = event.kind === 'message' ? event.body : undefined;
    const isGone = event.kind === 'message' && gone.has(nameOf(event));
    if (same && (body === undefined || body === entry[4] || isGone)) continue;
    throw new Violation('A6', `entry ${seq} of ${group} came to ${user} as ${JSON.stringify(event)}`, about);
  }
}

/** Numbers of the entries that are a user's to hear: from the one that brings it to the one that ends its membership. */
function* membershipOf(user: string, log: ReadonlyMap<number, GroupEntry>): Iterable<number> {
  let isMember = false;
  for (let seq = 1; seq <= log.size; seq++) {
    const entry = log.get(seq);
    const change = entry?.[0] === 'group' ? entry[4] : undefined;
    if (change?.what === 'created' && entry?.[2] === user) isMember = true;
    if (change?.what === 'added' && change.users.includes(user)) isMember = true;
    if (isMember) yield seq;
    if (change?.what === 'removed' && change.users.includes(user)) isMember = false;
  }
}

function groupOf(event: NumberedEvent): string | undefined {
  if (event.kind === 'group') return event.with;
  if (event.kind === 'amended' || event.kind === 'vanished') return event.with.startsWith('#') ? event.with : undefined;
  return (event.kind === 'message' || event.kind === 'expired') && event.to.startsWith('#') ? event.to : undefined;
}

// ---------------------------------------------------------------- convergence

/** `MemberRow` in `actors/group/rows.ts`, and the marks of a conversation in `actors/user/rows.ts`. */
type MemberRow = readonly [role: string, since: number, at: number, delivered: number];
type Marks = readonly [outSeq: number, outDelivered: number, outRead: number, inSeq: number, inDelivered: number];

/** Words on a group that does not know yet how far a member has got. */
export function groupsLacking(world: World): { readonly words: string; readonly about: readonly string[] } | undefined {
  // A timer that was set while its node's clock was ahead comes when the others get there.
  if (world.faults.fired.has('clock-jump')) return undefined;
  for (const group of logsOf(world).keys()) {
    for (const user of world.users) {
      const known = world.row<MemberRow>(`group/${group}`, 'member', user)?.[3];
      const reached = world.row<Marks>(`user/${user}`, 'conv', group)?.[4] ?? 0;
      if (known === undefined || known >= reached) continue;
      return { words: `${group} knows of ${known} of ${reached} entries that ${user} has`, about: [group, user] };
    }
  }
  return undefined;
}
