/** Judges order: in each conversation messages come as their numbers say, and these are the same for everybody. */
import { isGroupId } from '../proto/decode.ts';
import { type Breach, conversationOf, nameOf } from './breach.ts';
import type { Accepted, Digest, Seen } from './history.ts';

export function orderViolations(digested: Digest): Breach[] {
  return [
    ...viewsOutOfOrder(digested),
    ...sendsOutOfOrder(digested),
    ...seqsApart(digested),
    ...contradictions(timelineEvents(digested)),
    ...contradictions(groupEntries(digested)),
  ];
}

/** Events of a device come by rising numbers, and by these numbers what is in each conversation has rising seq. */
function viewsOutOfOrder({ views, fates }: Digest): Breach[] {
  const breaches: Breach[] = [];
  const own = ownPlaces(fates);
  for (const view of views) {
    let last = 0;
    for (const { n } of view.events) {
      if (n <= last) breaches.push(`${nameOf(view)} saw event ${n} after event ${last}`);
      last = Math.max(last, n);
    }
    const seqs = new Map<string, number>();
    const places = [...view.events.flatMap(placeOf), ...(own.get(view.user) ?? [])];
    for (const { seq, conversation } of places.sort((one, other) => one.n - other.n)) {
      const before = seqs.get(conversation) ?? 0;
      if (seq < before) breaches.push(`${nameOf(view)} saw seq ${seq} of ${conversation} after seq ${before}`);
      seqs.set(conversation, Math.max(before, seq));
    }
  }
  return breaches;
}

/** Where something stands in its user's timeline, and in its conversation. */
interface Place {
  readonly n: number;
  readonly seq: number;
  readonly conversation: string;
}

function placeOf(event: Seen): Place[] {
  if (event.kind === 'message') return [{ ...event, conversation: conversationOf(event.from, event.to) }];
  return event.kind === 'change' ? [{ ...event, conversation: event.group }] : [];
}

/** What each user was told of its own messages, whose answers stand for their events. */
function ownPlaces(fates: Digest['fates']): Map<string, Place[]> {
  const places = new Map<string, Place[]>();
  for (const { sent, answers } of fates.values()) {
    const [answer] = answers;
    if (answer === undefined) continue;
    const list = places.get(sent.user) ?? [];
    places.set(sent.user, list);
    list.push({ n: answer.n, seq: answer.seq, conversation: conversationOf(sent.user, sent.to) });
  }
  return places;
}

/** What one device sends to one user or group is accepted in that order (SND6), but for what was refused on the way. */
function sendsOutOfOrder({ fates }: Digest): Breach[] {
  const breaches: Breach[] = [];
  const last = new Map<string, Accepted & { readonly to: string }>();
  for (const { sent, answers, refusals } of fates.values()) {
    const [answer] = answers;
    if (answer === undefined || refusals > 0) continue;
    const conversation = `${sent.user}/${sent.device} to ${sent.to}`;
    const before = last.get(conversation);
    if (before !== undefined && answer.seq < before.seq) {
      breaches.push(`${conversation}: ${sent.id} was sent after ${before.id}, and accepted before it`);
    }
    last.set(conversation, { ...answer, to: sent.to });
  }
  return breaches;
}

/** A message has the place that its sender was told; without an answer, the same for all who saw it. */
function seqsApart({ fates, told }: Digest): Breach[] {
  const seqs = new Map<string, number>();
  for (const [id, { answers }] of fates) if (answers[0] !== undefined) seqs.set(id, answers[0].seq);
  return told.flatMap((event) => {
    if (event.kind !== 'message') return [];
    const seq = seqs.get(event.id);
    if (seq === undefined) seqs.set(event.id, event.seq);
    return seq === undefined || seq === event.seq
      ? []
      : [`${event.id} was told of as seq ${seq}, and came to ${nameOf(event)} as seq ${event.seq}`];
  });
}

/** One place, and what somebody was told that is there. */
type Telling = readonly [place: string, what: string];

/** Each place holds one thing, whoever is told of it, and whenever. */
function contradictions(tellings: Iterable<Telling>): Breach[] {
  const breaches: Breach[] = [];
  const known = new Map<string, string>();
  for (const [place, what] of tellings) {
    const before = known.get(place);
    if (before !== undefined && before !== what) breaches.push(`${place} is ${before}, and also ${what}`);
    known.set(place, what);
  }
  return breaches;
}

/** The events of an account, as its devices know them. */
function* timelineEvents({ fates, told }: Digest): Iterable<Telling> {
  for (const event of told) yield [`event ${event.n} of ${event.user}`, whatOf(event)];
  for (const { sent, answers } of fates.values()) {
    for (const { n, seq } of answers) yield [`event ${n} of ${sent.user}`, `message ${sent.id}, seq ${seq}`];
  }
}

/** The entries of a group's log, as its members know them. */
function* groupEntries({ fates, told }: Digest): Iterable<Telling> {
  for (const event of told) {
    if (event.kind === 'change') yield [`entry ${event.seq} of ${event.group}`, event.what];
    else if (event.kind === 'message' && isGroupId(event.to)) {
      yield [`entry ${event.seq} of ${event.to}`, `message ${event.id}`];
    }
  }
  for (const { sent, answers } of fates.values()) {
    if (!isGroupId(sent.to)) continue;
    for (const { seq } of answers) yield [`entry ${seq} of ${sent.to}`, `message ${sent.id}`];
  }
}

function whatOf(event: Seen): string {
  switch (event.kind) {
    case 'message':
      return `message ${event.id}, seq ${event.seq}`;
    case 'receipt':
      return `receipt of ${event.with}, ${event.delivered} ${event.read}`;
    case 'failed':
      return `failure of ${event.id}`;
    case 'change':
      return `entry ${event.seq} of ${event.group}, ${event.what}`;
    case 'other':
      return event.what;
  }
}
