/** Messages that are edited, taken back, reacted to and pinned in a simulated world, and what must be true of them whatever happens. */
import type { AmendRow } from '../actors/amendments.ts';
import { numberOf } from '../actors/numbers.ts';
import type { PinRow } from '../actors/pins.ts';
import { RingpostError } from '../client/index.ts';
import type { SimRandom } from './clock.ts';
import { quickCodec } from './codec.ts';
import type { Device } from './device.ts';
import type { NumberedEvent } from './history.ts';
import { Violation } from './violation.ts';
import type { World } from './world.ts';

type Timelines = ReadonlyMap<string, ReadonlyMap<number, NumberedEvent>>;
type MessageOf = Extract<NumberedEvent, { readonly kind: 'message' }>;

const reactions = ['👍', '❤️', ''];
/** Mostly of the newest messages, for older ones may not be changed any more. */
const recent_messages = 20;

/** The user of a device does something to a message that it has seen. */
export function amendSomething(device: Device, random: SimRandom): void {
  const seen = [...device.history.seen.values()].filter((event): event is MessageOf => event.kind === 'message');
  if (seen.length === 0) return;
  const message = random.pick(random.chance(0.2) ? seen : seen.slice(-recent_messages));
  const dice = random.fraction();
  device.do(({ messages }) => {
    const done =
      dice < 0.4
        ? messages.react(message, random.pick(reactions))
        : dice < 0.5
          ? messages.pinForAll(message, random.chance(0.7))
          : dice < 0.85
            ? messages.edit(message, `in other words ${random.between(1, 999)}`)
            : messages.retract(message);
    done.catch((error: unknown) => {
      if (!(error instanceof RingpostError)) throw error;
    });
  });
}

/** Names of messages, as `nameOf` makes them, that were taken back or have vanished. */
export function goneIn(timelines: Timelines): Set<string> {
  const names = new Set<string>();
  for (const [user, timeline] of timelines) {
    for (const event of timeline.values()) {
      const list = event.kind === 'vanished' ? event.list : event.kind === 'amended' ? [event.of] : [];
      if (event.kind === 'amended' && event.deed.what !== 'retract') continue;
      for (const of of list) names.add(nameOf({ ...of, to: recipientOf(of.from, user, withOf(event)) }));
    }
  }
  return names;
}

function withOf(event: NumberedEvent): string {
  return event.kind === 'vanished' || event.kind === 'amended' ? event.with : '';
}

function recipientOf(from: string, user: string, other: string): string {
  return other.startsWith('#') || from === user ? other : user;
}

export function nameOf({
  from,
  to,
  seq,
}: {
  readonly from: string;
  readonly to: string;
  readonly seq: number;
}): string {
  return `${from} to ${to}, ${seq}`;
}

/** What has vanished on one side of a conversation is on neither any more. Throws `Violation`. */
export function auditVanished(timelines: Timelines): void {
  for (const [user, timeline] of timelines) {
    for (const event of timeline.values()) {
      if (event.kind !== 'vanished' || event.with.startsWith('#')) continue;
      for (const of of event.list) {
        const message = { ...of, to: recipientOf(of.from, user, event.with) };
        const holder = [user, event.with].find((one) => has(timelines.get(one), message));
        if (holder === undefined) continue;
        throw new Violation('A6', `message ${nameOf(message)} has vanished at ${user}, not at ${holder}`, [
          user,
          holder,
        ]);
      }
    }
  }
}

/** Both sides of a conversation hold the same of each message that both have. Throws `Violation`. */
export function auditAmendments(world: World, timelines: Timelines): void {
  const held = rowsOf(world);
  for (const [owner, rows] of held) {
    for (const [name, { table, peer, words, message }] of rows) {
      if (!has(timelines.get(owner), message) || !has(timelines.get(peer), message)) continue;
      const theirs = held.get(peer)?.get(name)?.words ?? nothing[table];
      if (theirs === words) continue;
      const about = [owner, peer];
      throw new Violation('A6', `of message ${name} ${owner} holds ${words}, ${peer} holds ${theirs}`, about);
    }
  }
}

type Named = Pick<MessageOf, 'from' | 'to' | 'seq'>;
interface Held {
  readonly table: 'amend' | 'pinned';
  readonly peer: string;
  readonly message: Named;
  readonly words: string;
}

const nothing = { amend: wordsOf({ edited: 0, retracted: 0, edits: [], counts: [] }), pinned: 'no pin' };

/** By user, and by message and table: what its account holds, in the journal. */
function rowsOf({ watch }: World): Map<string, Map<string, Held>> {
  const held = new Map<string, Map<string, Held>>();
  for (const rows of watch.rows.values()) {
    for (const [key, bytes] of rows) {
      const [actor = '', table, place = ''] = key.split(' ');
      if (!actor.startsWith('user/') || (table !== 'amend' && table !== 'pinned')) continue;
      const owner = actor.slice('user/'.length);
      const [peer = '', direction, seq = ''] = place.split('/');
      const message = { from: peer, to: owner, seq: numberOf(seq) };
      if (direction === 'o') Object.assign(message, { from: owner, to: peer });
      const own = held.get(owner) ?? new Map<string, Held>();
      const row = quickCodec.unpack(bytes);
      const words = table === 'amend' ? wordsOf(row as AmendRow) : pinWords(row as PinRow);
      own.set(`${nameOf(message)}: ${table}`, { table, peer, message, words });
      held.set(owner, own);
    }
  }
  return held;
}

function wordsOf({ edited, retracted, edits, counts }: AmendRow): string {
  return JSON.stringify({ edited, retracted, edits: edits.length, counts: counts.toSorted() });
}

/** The numbers are those of its own side. */
function pinWords([, , pins]: PinRow): string {
  return pins
    .map(({ by, at }) => `pinned by ${by} at ${at}`)
    .sort()
    .join(', ');
}

function has(timeline: ReadonlyMap<number, NumberedEvent> | undefined, { from, to, seq }: Named): boolean {
  for (const event of timeline?.values() ?? []) {
    if (event.kind === 'message' && event.from === from && event.to === to && event.seq === seq) return true;
  }
  return false;
}
