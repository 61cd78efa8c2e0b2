/** The reckoning at the end of a run: what all devices saw, against the timelines, the journal and the stores. */

import { auditAmendments, auditVanished, goneIn, nameOf } from './amendments.ts';
import type { Books } from './bank.ts';
import { positionOf } from './converged.ts';
import type { Device } from './device.ts';
import { auditGroups } from './groups.ts';
import { auditHandles } from './handles.ts';
import { type History, type NumberedEvent, type Sending, sameEvent } from './history.ts';
import { Violation } from './violation.ts';
import type { World } from './world.ts';

/** Each user's whole timeline, as a new device of that user got it. */
export type Timelines = ReadonlyMap<string, ReadonlyMap<number, NumberedEvent>>;

/** Throws `Violation`. */
export function audit(world: World, auditors: ReadonlyMap<string, Device>, books: ReadonlyMap<string, Books>): void {
  const timelines = new Map([...auditors].map(([user, { history }]) => [user, history.seen]));
  for (const [user, timeline] of timelines) auditTimeline(user, timeline);
  const gone = goneIn(timelines);
  for (const { history } of world.devices) {
    auditSeen(history, timelines);
    for (const sending of history.sendings.values()) auditSending(history, sending, timelines, gone);
    auditOrder(history, timelines);
  }
  auditInventions(world, timelines);
  auditAmendments(world, timelines);
  auditVanished(timelines);
  auditHandles(world);
  auditGroups(world, timelines, gone);
  world.tellers.audit(books, world.deadMail(), world.faults.fired.has('clock-jump'));
  auditStores(world);
}

/** Numbers without gaps; messages of each peer in the order of their numbers. What failed leaves a gap in those. */
function auditTimeline(user: string, timeline: ReadonlyMap<number, NumberedEvent>): void {
  const seqs = new Map<string, number>();
  for (let n = 1; n <= timeline.size; n++) {
    const event = timeline.get(n);
    if (event === undefined) throw new Violation('client', `${user} has no event ${n}`, [user]);
    if (event.kind !== 'message') continue;
    const way = `${event.from} to ${event.to}`;
    const before = seqs.get(way) ?? 0;
    if (event.seq <= before) {
      throw new Violation('A6', `${user}: message ${event.seq} from ${way} follows message ${before}`, [
        event.from,
        event.to,
      ]);
    }
    seqs.set(way, event.seq);
  }
}

/** What a device was told stands in the timeline, and nothing between was left out. */
function auditSeen({ user, device, seen, excused, sendings }: History, timelines: Timelines): void {
  const timeline = timelines.get(user);
  for (const [n, event] of seen) {
    const found = timeline?.get(n);
    if (found !== undefined && sameEvent(event, found)) continue;
    const words = `${user}/${device} was told ${JSON.stringify(event)}, the timeline says ${JSON.stringify(found)}`;
    throw new Violation('A1', words, [user]);
  }
  const answered = new Set([...sendings.values()].map(({ accepted }) => accepted?.n ?? 0));
  const last = Math.max(0, ...seen.keys());
  for (let n = 1; n <= last; n++) {
    const event = timeline?.get(n);
    // Its own: an answer stands for the event, and a device that crashed may have forgotten either.
    const isOwn =
      event?.kind === 'message'
        ? sendings.has(event.id)
        : event?.kind === 'self' ||
          ((event?.kind === 'group' || event?.kind === 'amended' || event?.kind === 'vanishing') && event.by === user);
    if (seen.has(n) || excused.has(n) || answered.has(n) || isOwn) continue;
    throw new Violation('client', `${user}/${device} was never told of event ${n}: ${JSON.stringify(event)}`, [user]);
  }
}

/** Accepted: in both timelines, once, or failed. Refused: in none. Else: at most once. */
function auditSending(
  { user }: History,
  { id, to, body, accepted, refused }: Sending,
  timelines: Timelines,
  gone: ReadonlySet<string>,
): void {
  const about = [user, to, id];
  const own = messages(timelines.get(user), user, id);
  if (own.length > 1)
    throw new Violation('A8', `message ${id} of ${user} stands ${own.length} times in its own timeline`, about);
  const [sent] = own;
  if (refused !== undefined && sent !== undefined)
    throw new Violation('A7', `message ${id} was refused, and was sent`, about);
  if (accepted !== undefined && sent === undefined) {
    throw new Violation('A1', `message ${id} of ${user} was accepted, and is in no timeline`, about);
  }
  if (sent === undefined) return;
  if (accepted !== undefined && (sent.n !== accepted.n || sent.seq !== accepted.seq || sent.at !== accepted.at)) {
    const words = `message ${id} was accepted as event ${accepted.n}, seq ${accepted.seq}; it is event ${sent.n}, seq ${sent.seq}`;
    throw new Violation('A8', words, about);
  }
  const isSaid = (message: MessageOf): boolean => {
    return message.kind === 'message' && message.body === body ? true : gone.has(nameOf(message));
  };
  if (!isSaid(sent) || sent.to !== to) throw new Violation('client', `message ${id} is not what was sent`, about);
  // Whether all members have it is told by the group's log.
  if (to.startsWith('#')) return;
  const failed = [...(timelines.get(user)?.values() ?? [])].some((event) => event.kind === 'failed' && event.id === id);
  const arrived = messages(timelines.get(to), user, id);
  // What vanished before anybody fetched it has arrived, and has failed.
  const isThere = arrived.length > 0 && !(failed && arrived[0]?.kind === 'expired');
  if (failed === isThere) {
    throw new Violation(
      'A6',
      `message ${id} of ${user} arrived ${arrived.length} times${failed ? ', and failed' : ''}`,
      about,
    );
  }
  if (arrived.length > 1) throw new Violation('A6', `message ${id} of ${user} arrived ${arrived.length} times`, about);
  if (!failed && (arrived[0]?.seq !== sent.seq || !isSaid(arrived[0]))) {
    throw new Violation('A6', `message ${id} of ${user} arrived as something else`, about);
  }
}

/** What one client sent to one user stands in the order in which it was sent. */
function auditOrder({ user, sendings }: History, timelines: Timelines): void {
  const timeline = [...(timelines.get(user)?.values() ?? [])];
  const lasts = new Map<string, Sending>();
  for (const event of timeline) {
    const sending = event.kind === 'message' ? sendings.get(event.id) : undefined;
    if (sending?.life === undefined || event.kind !== 'message' || event.from !== user) continue;
    const before = lasts.get(sending.to);
    if (before !== undefined && before.order > sending.order && before.life === sending.life) {
      throw new Violation('client', `${user} sent ${sending.id} before ${before.id}, it arrived after it`, [
        user,
        sending.id,
        before.id,
      ]);
    }
    lasts.set(sending.to, sending);
  }
}

/** No message that nobody sent. */
function auditInventions({ devices }: World, timelines: Timelines): void {
  const sent = new Set(
    devices.flatMap(({ user, history }) => [...history.sendings.keys()].map((id) => `${user} ${id}`)),
  );
  for (const [user, timeline] of timelines) {
    for (const event of timeline.values()) {
      if (event.kind !== 'message' || sent.has(`${event.from} ${event.id}`)) continue;
      throw new Violation('client', `${user} has a message ${event.id} of ${event.from} that nobody sent`, [
        user,
        event.id,
      ]);
    }
  }
}

type MessageOf = Extract<NumberedEvent, { readonly kind: 'message' | 'expired' }>;

function messages(
  timeline: Timelines extends ReadonlyMap<string, infer T> ? T | undefined : never,
  from: string,
  id: string,
): MessageOf[] {
  const found: MessageOf[] = [];
  for (const event of timeline?.values() ?? []) {
    const isMessage = event.kind === 'message' || event.kind === 'expired';
    if (isMessage && event.from === from && event.id === id) found.push(event);
  }
  return found;
}

/** A5: what the stores of owners and standbys hold is what a replay of the whole journal gives. */
function auditStores({ machines, watch }: World): void {
  for (const machine of machines.values()) {
    const { name, disk } = machine;
    for (const partition of disk.committed.keys()) {
      if (positionOf(machine, partition) !== watch.tails.get(partition)?.seq) continue;
      const about = [name, `p${partition}`];
      const stored = disk.committed.get(partition);
      const replayed = watch.rows.get(partition) ?? new Map<string, Uint8Array>();
      for (const [key, value] of replayed) {
        const found = stored?.get(key);
        if (found !== undefined && Buffer.compare(found, value) === 0) continue;
        throw new Violation(
          'A5',
          `${name} stores row '${key}' ${found === undefined ? 'not at all' : 'with another value'}`,
          about,
        );
      }
      for (const key of stored?.keys('', '\uffff') ?? []) {
        // The partition's own row is no actor's.
        if (key.startsWith(' ') || replayed.has(key)) continue;
        throw new Violation('A5', `${name} stores row '${key}', which the journal does not have`, about);
      }
    }
  }
}
