/**
 * Judges of a history: pure functions, each of which names every breach of one promise. After Jepsen's total-queue (what goes in must
 * come out, once), set-full (each element at each reader) and its outcomes: ok, failed, unknown. An unknown message may have arrived or
 * not, but never twice.
 */
import type { Accepted, Digest, Fate, Seen, SeenMessage, Sent, View } from './history.ts';

/** One breach, in words with the names of what it is about. */
export type Breach = string;
export type Check = (digest: Digest) => Breach[];

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

/** Accepted, and not with every device that should have it: those of the recipient, and the sender's other ones. */
function lostAcked({ fates, views }: Digest): Breach[] {
  const held = new Map(views.map((view) => [view, new Set(messagesOf(view).map(({ id }) => id))]));
  const breaches: Breach[] = [];
  for (const { sent, answers } of fates.values()) {
    if (answers.length === 0) continue;
    const without = views.filter((view) => owed(view, sent) && !held.get(view)?.has(sent.id));
    if (without.length > 0)
      breaches.push(`${named(sent)} was accepted, and is not with ${without.map(nameOf).join(', ')}`);
  }
  for (const view of views) {
    for (const event of view.events) {
      if (event.kind === 'failed') breaches.push(`${event.id} was accepted, and failed with ${event.code}`);
    }
  }
  return breaches;
}

function owed(view: View, { user, device, to, at }: Sent): boolean {
  const theirs = view.user === to || (view.user === user && view.device !== device);
  return theirs && view.joinedAt <= at && at <= view.leftAt;
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
    for (const place of [`event ${answer.n} of ${sent.user}`, `seq ${answer.seq} from ${sent.user} to ${sent.to}`]) {
      const other = places.get(place);
      if (other !== undefined) breaches.push(`${other} and ${sent.id} were both accepted as ${place}`);
      places.set(place, sent.id);
    }
  }
  return breaches;
}

// ---------------------------------------------------------------- in order, and the same for all

function orderViolations(digest: Digest): Breach[] {
  return [...viewsOutOfOrder(digest), ...sendsOutOfOrder(digest), ...seqsApart(digest), ...timelinesApart(digest)];
}

/** Events of a device come by rising numbers, and messages of each conversation by rising seq. */
function viewsOutOfOrder({ views }: Digest): Breach[] {
  const breaches: Breach[] = [];
  for (const view of views) {
    let last = 0;
    const seqs = new Map<string, number>();
    for (const event of view.events) {
      if (event.n <= last) breaches.push(`${nameOf(view)} saw event ${event.n} after event ${last}`);
      last = Math.max(last, event.n);
      if (event.kind !== 'message') continue;
      const conversation = `${event.from} to ${event.to}`;
      const before = seqs.get(conversation) ?? 0;
      if (event.seq < before) {
        breaches.push(`${nameOf(view)} saw seq ${event.seq} of ${conversation} after seq ${before}`);
      }
      seqs.set(conversation, Math.max(before, event.seq));
    }
  }
  return breaches;
}

/** What one device sends to one user is accepted in that order (SND6), but for what was refused on the way. */
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

/** A message has the place that its sender was told. */
function seqsApart({ fates, told }: Digest): Breach[] {
  return told.flatMap((event) => {
    if (event.kind !== 'message') return [];
    const answer = fates.get(event.id)?.answers[0];
    return answer === undefined || answer.seq === event.seq
      ? []
      : [`${event.id} was accepted as seq ${answer.seq}, and came to ${nameOf(event)} as seq ${event.seq}`];
  });
}

/** Event n of an account is one event, whichever device is told of it, and whenever. */
function timelinesApart({ fates, told }: Digest): Breach[] {
  const breaches: Breach[] = [];
  const timelines = new Map<string, Map<number, string>>();
  const note = (user: string, n: number, what: string): void => {
    const timeline = timelines.get(user) ?? new Map<number, string>();
    timelines.set(user, timeline);
    const before = timeline.get(n);
    if (before !== undefined && before !== what) breaches.push(`event ${n} of ${user} is ${before}, and also ${what}`);
    timeline.set(n, what);
  };
  for (const event of told) note(event.user, event.n, whatOf(event));
  for (const { sent, answers } of fates.values()) {
    for (const { n, seq } of answers) note(sent.user, n, `message ${sent.id}, seq ${seq}`);
  }
  return breaches;
}

function whatOf(event: Seen): string {
  switch (event.kind) {
    case 'message':
      return `message ${event.id}, seq ${event.seq}`;
    case 'receipt':
      return `receipt of ${event.with}, ${event.delivered} ${event.read}`;
    case 'failed':
      return `failure of ${event.id}`;
    case 'other':
      return event.what;
  }
}

// ---------------------------------------------------------------- receipts

/** Marks never shrink, none is read before delivered, none delivered before sent (A11). */
function receiptRegressions({ fates, views }: Digest): Breach[] {
  const sent = new Map<string, number>();
  for (const fate of fates.values()) {
    const conversation = `${fate.sent.user} to ${fate.sent.to}`;
    sent.set(conversation, (sent.get(conversation) ?? 0) + 1);
  }
  const breaches: Breach[] = [];
  for (const view of views) {
    const marks = new Map<string, { delivered: number; read: number }>();
    for (const event of view.events) {
      if (event.kind !== 'receipt') continue;
      const { delivered, read } = event;
      const before = marks.get(event.with) ?? { delivered: 0, read: 0 };
      const what = `${nameOf(view)}: receipt ${event.n} of ${event.with}, delivered ${delivered}, read ${read},`;
      if (delivered < before.delivered || read < before.read) {
        breaches.push(`${what} came after delivered ${before.delivered}, read ${before.read}`);
      }
      if (read > delivered) breaches.push(`${what} is read before delivered`);
      if (delivered > (sent.get(`${view.user} to ${event.with}`) ?? 0))
        breaches.push(`${what} is for more than was sent`);
      marks.set(event.with, { delivered: Math.max(before.delivered, delivered), read: Math.max(before.read, read) });
    }
  }
  return breaches;
}

/** When all is drained, every accepted message is known to have been read: all clients read all at once. */
function receiptsMissing({ fates, views }: Digest): Breach[] {
  const breaches: Breach[] = [];
  for (const view of views) {
    const read = new Map<string, number>();
    for (const event of view.events) {
      if (event.kind === 'receipt') read.set(event.with, Math.max(event.read, read.get(event.with) ?? 0));
    }
    for (const [to, seq] of acceptedFrom(view, fates)) {
      const upTo = read.get(to) ?? 0;
      if (upTo < seq) breaches.push(`${nameOf(view)} knows of ${to} reading up to ${upTo}, and ${seq} was accepted`);
    }
  }
  return breaches;
}

/** The newest seq that was accepted for each recipient, of what a device should know of. */
function acceptedFrom({ user, leftAt }: View, fates: ReadonlyMap<string, Fate>): Map<string, number> {
  const accepted = new Map<string, number>();
  for (const { sent, answers } of fates.values()) {
    if (sent.user !== user || sent.at > leftAt) continue;
    for (const { seq } of answers) accepted.set(sent.to, Math.max(seq, accepted.get(sent.to) ?? 0));
  }
  return accepted;
}

// ---------------------------------------------------------------- nothing out of nothing

/** Seen, but never sent, refused for good, not as it was sent, or not to this user. */
function phantoms({ fates, told, strays }: Digest): Breach[] {
  const breaches = strays.map(
    (answer) => `${nameOf(answer)} was told of the acceptance of ${answer.id}, which nobody sent`,
  );
  for (const event of told) {
    if (event.kind !== 'message') continue;
    const fate = fates.get(event.id);
    const what = `${nameOf(event)} saw ${event.id}`;
    if (fate === undefined) breaches.push(`${what}, which nobody sent`);
    else if (fate.failed !== undefined && fate.answers.length === 0)
      breaches.push(`${what}, which was refused (${fate.failed})`);
    else if (!event.intact) breaches.push(`${what} with another body`);
    else if (event.user !== fate.sent.to && event.user !== fate.sent.user)
      breaches.push(`${what}, which is not for it`);
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

function nameOf({ user, device }: { readonly user: string; readonly device: string }): string {
  return `${user}/${device}`;
}

function named({ id, user, to }: { readonly id: string; readonly user: string; readonly to: string }): string {
  return `${id} from ${user} to ${to}`;
}
