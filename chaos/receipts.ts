/** Judges receipts: how far others have got, as senders are told. */
import { isGroupId } from '../proto/decode.ts';
import { type Breach, conversationOf, nameOf } from './breach.ts';
import type { Digest, Fate, View } from './history.ts';

/** Marks never shrink, none is read before delivered, none delivered before sent (A11); in a group, none before every other member has it. */
export function receiptRegressions(digested: Digest): Breach[] {
  const { views, groups } = digested;
  const sent = sentBy(digested);
  const knowledge = new GroupKnowledge(digested);
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
      if (isGroupId(event.with)) {
        const others = (groups.get(event.with) ?? []).filter((member) => member !== view.user);
        const without = others.filter((member) => knowledge.of(event.with, member, event.at) < delivered);
        if (without.length > 0) breaches.push(`${what} came before ${without.join(', ')} had seen so much`);
      } else if (delivered > (sent.get(`${view.user} to ${event.with}`) ?? 0)) {
        breaches.push(`${what} is for more than was sent`);
      }
      marks.set(event.with, { delivered: Math.max(before.delivered, delivered), read: Math.max(before.read, read) });
    }
  }
  return breaches;
}

/** How much each user sent to each other one. */
function sentBy({ fates }: Digest): Map<string, number> {
  const sent = new Map<string, number>();
  for (const fate of fates.values()) {
    const conversation = conversationOf(fate.sent.user, fate.sent.to);
    sent.set(conversation, (sent.get(conversation) ?? 0) + 1);
  }
  return sent;
}

interface Reached {
  readonly at: number;
  readonly seq: number;
}

/** How far each member had got in a group's log at any time, by what its devices were told. */
class GroupKnowledge {
  readonly #byMember = new Map<string, Reached[]>();

  constructor({ fates, told }: Digest) {
    for (const event of told) {
      if (event.kind === 'change') this.#note(event.group, event.user, event);
      else if (event.kind === 'message' && isGroupId(event.to)) this.#note(event.to, event.user, event);
    }
    for (const { sent, answers } of fates.values()) {
      if (isGroupId(sent.to)) for (const answer of answers) this.#note(sent.to, sent.user, answer);
    }
    for (const [member, steps] of this.#byMember) this.#byMember.set(member, rising(steps));
  }

  #note(group: string, user: string, { at, seq }: Reached): void {
    const member = `${user} in ${group}`;
    const steps = this.#byMember.get(member) ?? [];
    this.#byMember.set(member, steps);
    steps.push({ at, seq });
  }

  /** The highest seq. */
  of(group: string, user: string, at: number): number {
    const steps = this.#byMember.get(`${user} in ${group}`) ?? [];
    let [from, to] = [0, steps.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if (steps[middle]!.at <= at) from = middle + 1;
      else to = middle;
    }
    return steps[from - 1]?.seq ?? 0;
  }
}

/** By time, without those that came no further than one before. */
function rising(steps: readonly Reached[]): Reached[] {
  let top = 0;
  return steps
    .toSorted((one, other) => one.at - other.at)
    .filter(({ seq }) => {
      const higher = seq > top;
      top = Math.max(top, seq);
      return higher;
    });
}

/** When all is drained, every accepted message is known to have been read: all clients read all at once. */
export function receiptsMissing({ fates, views }: Digest): Breach[] {
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

/** The newest seq that was accepted for each user and group, of what a device should know of. */
function acceptedFrom({ user, leftAt }: View, fates: ReadonlyMap<string, Fate>): Map<string, number> {
  const accepted = new Map<string, number>();
  for (const { sent, answers } of fates.values()) {
    if (sent.user !== user || sent.at > leftAt) continue;
    for (const { seq } of answers) accepted.set(sent.to, Math.max(seq, accepted.get(sent.to) ?? 0));
  }
  return accepted;
}
