/**
 * Judges of a history: pure functions, each of which names every breach of one promise. After Jepsen's total-queue (what goes in must
 * come out, once), set-full (each element at each reader) and its outcomes: ok, failed, unknown. An unknown message may have arrived or
 * not, but never twice.
 */
import { isGroupId } from '../proto/decode.ts';
import { type Breach, conversationOf, named, nameOf } from './breach.ts';
import { type Digest, type Fate, readersOf, type SeenMessage, type View } from './history.ts';
import { orderViolations } from './order.ts';
import { receiptRegressions, receiptsMissing } from './receipts.ts';

type Check = (digest: Digest) => Breach[];

/** Promise by promise; the names are the columns of a round's report. */
export const checks = {
  lost_acked: lostAcked,
  duplicates,
  order_violations: orderViolations,
  receipt_regressions: receiptRegressions,
  receipts_missing: receiptsMissing,
  phantoms,
  resets,
  logged_out: loggedOut,
} satisfies { readonly [column: string]: Check };

export type Column = keyof typeof checks;
export const columns = Object.keys(checks) as Column[];

// ---------------------------------------------------------------- what goes in must come out

/** Refusals that a member of a group hears when its membership is lost. */
const expulsions: ReadonlySet<string> = new Set(['not_a_member', 'unknown_group']);

function lostAcked(digested: Digest): Breach[] {
  return [...lostMessages(digested), ...failedMessages(digested), ...lostMemberships(digested)];
}

/**
 * Accepted, and not with every device that should have it: those of all for whom it is, and the sender's other ones. What one member saw in
 * a group has its place there, whether its sender was told so or not: then it is owed to all members (GRP3).
 */
function lostMessages(digested: Digest): Breach[] {
  const { fates, views, told } = digested;
  const held = new Map(views.map((view) => [view, new Set(messagesOf(view).map(({ id }) => id))]));
  const placed = new Set(told.flatMap((event) => (event.kind === 'message' && isGroupId(event.to) ? [event.id] : [])));
  const breaches: Breach[] = [];
  for (const { sent, answers } of fates.values()) {
    if (answers.length === 0 && !placed.has(sent.id)) continue;
    const readers = readersOf(digested, sent);
    const owedTo = ({ user, device, joinedAt, leftAt }: View): boolean => {
      const theirs = readers.includes(user) || (user === sent.user && device !== sent.device);
      return theirs && joinedAt <= sent.at && sent.at <= leftAt;
    };
    const without = views.filter((view) => owedTo(view) && !held.get(view)?.has(sent.id));
    const fate = answers.length > 0 ? 'was accepted' : 'has come to some';
    if (without.length > 0) breaches.push(`${named(sent)} ${fate}, and is not with ${without.map(nameOf).join(', ')}`);
  }
  return breaches;
}

function failedMessages({ views }: Digest): Breach[] {
  return views.flatMap((view) =>
    view.events.flatMap((event) =>
      event.kind === 'failed' ? [`${event.id} was accepted, and failed with ${event.code}`] : [],
    ),
  );
}

/** A member that is none any more, or does not find its group again. */
function lostMemberships({ fates, groups, recalled }: Digest): Breach[] {
  const breaches: Breach[] = [];
  for (const { sent, failed = '' } of fates.values()) {
    if (groups.get(sent.to)?.includes(sent.user) !== true || !expulsions.has(failed)) continue;
    breaches.push(`${named(sent)} was refused (${failed}), and ${sent.user} is a member`);
  }
  for (const answer of recalled) {
    for (const [group, members] of groups) {
      if (!members.includes(answer.user) || answer.groups.includes(group)) continue;
      breaches.push(`${nameOf(answer)} was told at ${Math.round(answer.at)} that it is in no group ${group}`);
    }
  }
  return breaches;
}

/** Seen twice by one device, or accepted as two. */
function duplicates({ fates, views }: Digest): Breach[] {
  const breaches: Breach[] = [];
  for (const view of views) {
    const seen = new Map<string, SeenMessage>();
    for (const message of messagesOf(view)) {
      const before = seen.get(message.id);
      if (before === undefined) seen.set(message.id, message);
      else breaches.push(`${nameOf(view)} saw ${message.id} as events ${before.n} and ${message.n}`);
    }
  }
  for (const { sent, answers } of fates.values()) {
    const [first, ...others] = answers;
    for (const { n, seq } of others) {
      if (n === first?.n && seq === first.seq) continue;
      breaches.push(
        `${named(sent)} was accepted as event ${first?.n}, seq ${first?.seq}, and as event ${n}, seq ${seq}`,
      );
    }
  }
  return [...breaches, ...sharedPlaces(fates)];
}

/** Two messages accepted for one place: one of them overwrote the other. */
function sharedPlaces(fates: ReadonlyMap<string, Fate>): Breach[] {
  const breaches: Breach[] = [];
  const places = new Map<string, string>();
  for (const { sent, answers } of fates.values()) {
    const [answer] = answers;
    if (answer === undefined) continue;
    for (const place of [
      `event ${answer.n} of ${sent.user}`,
      `seq ${answer.seq} of ${conversationOf(sent.user, sent.to)}`,
    ]) {
      const other = places.get(place);
      if (other !== undefined) breaches.push(`${other} and ${sent.id} were both accepted as ${place}`);
      places.set(place, sent.id);
    }
  }
  return breaches;
}

// ---------------------------------------------------------------- nothing out of nothing

/** Seen, but never sent, refused for good, not as it was sent, or not for this user. */
function phantoms(digested: Digest): Breach[] {
  const { fates, told, strays } = digested;
  const breaches = strays.map(
    (answer) => `${nameOf(answer)} was told of the acceptance of ${answer.id}, which nobody sent`,
  );
  for (const event of told) {
    if (event.kind !== 'message') continue;
    const fate = fates.get(event.id);
    const what = `${nameOf(event)} saw ${event.id}`;
    if (fate === undefined) {
      breaches.push(`${what}, which nobody sent`);
      continue;
    }
    const { sent, failed, answers } = fate;
    if (failed !== undefined && answers.length === 0) breaches.push(`${what}, which was refused (${failed})`);
    else if (!event.intact) breaches.push(`${what} with another body`);
    else if (event.user !== sent.user && !readersOf(digested, sent).includes(event.user))
      breaches.push(`${what}, which is not for it`);
    else if (event.from !== sent.user || event.to !== sent.to)
      breaches.push(`${what} from ${event.from} to ${event.to}, and it was sent from ${sent.user} to ${sent.to}`);
  }
  return breaches;
}

/** The server said of a timeline that part of it is lost. */
function resets({ views }: Digest): Breach[] {
  return views.flatMap((view) =>
    Array.from({ length: view.resets }, () => `the timeline of ${nameOf(view)} began anew`),
  );
}

/** A client had to log in anew, though nobody had ended its session. */
function loggedOut({ ended }: Digest): Breach[] {
  return ended.map((news) => `${nameOf(news)} was logged out at ${Math.round(news.at)}: ${news.why}`);
}

// ----------------------------------------------------------------

function messagesOf(view: View): SeenMessage[] {
  return view.events.filter((event) => event.kind === 'message');
}
