/**
 * Which events a device has been sent, and which may be sent now: in order, without gaps, and no more than a window beyond what it
 * said it received. Whatever can't be sent now is asked for again (`pull`) when there is room.
 */
import type { ServerWord } from '../../proto/words.ts';

export interface Flow {
  /** Events up to here were pushed. */
  sent: number;
  /** Events up to here were received, says the device. */
  acked: number;
  /** Events up to here exist, as far as is known here. */
  head: number;
  /** `sent` when events were last asked for; -1 when nothing is due. */
  asked: number;
}

export function flowFrom(cursor: number, head: number): Flow {
  return { sent: cursor, acked: cursor, head, asked: -1 };
}

export function room(flow: Flow, windowMax: number): number {
  return Math.max(0, flow.acked + windowMax - flow.sent);
}

/** The device says that it has all up to `upTo`. Returns the number with what was never sent taken off. */
export function acknowledge(flow: Flow, upTo: number): number {
  const known = Math.min(upTo, flow.sent);
  if (known > flow.acked) flow.acked = known;
  return known;
}

/** Of news that begin with event `n`, the words that may be pushed now. */
export function pass(flow: Flow, n: number, words: readonly ServerWord[], windowMax: number): ServerWord[] {
  const passed: ServerWord[] = [];
  let next = n;
  for (const word of words) {
    if (word.kind === 'accepted') {
      // An answer is always due. Where it is next in order it stands for its event.
      passed.push(word);
      if (word.n === flow.sent + 1) flow.sent = word.n;
      next = word.n + 1;
    } else if (word.kind === 'events') {
      next = word.from + word.list.length;
      const known = flow.sent + 1 - word.from;
      // A gap before it, or nothing new in it.
      if (known < 0 || known >= word.list.length) continue;
      const list = word.list.slice(known, known + room(flow, windowMax));
      if (list.length === 0) continue;
      passed.push(list.length === word.list.length ? word : { kind: 'events', from: flow.sent + 1, list });
      flow.sent += list.length;
    } else passed.push(word);
  }
  if (next - 1 > flow.head) flow.head = next - 1;
  return passed;
}

/** How many events to ask for now; 0 when there are none, no room, or they are asked for already. */
export function wanted(flow: Flow, windowMax: number): number {
  if (flow.head <= flow.sent || flow.asked === flow.sent) return 0;
  const count = room(flow, windowMax);
  if (count > 0) flow.asked = flow.sent;
  return count;
}
