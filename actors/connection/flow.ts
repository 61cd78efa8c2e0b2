/**
 * Which events a device has been sent, and which may be sent now: in order, without gaps, and no more than a window beyond what it
 * said it received. The window counts events and bytes: a client that reads slowly is waited for before the edge has more unread
 * bytes of it than it keeps. Whatever can't be sent now is asked for again (`pull`) when there is room.
 */
import type { ServerWord, TimelineEvent } from '../../proto/words.ts';
import type { MessengerLimits } from '../limits.ts';

export type Window = Pick<MessengerLimits, 'window_events_max' | 'window_bytes_max'>;

export interface Flow {
  /** Events up to here were pushed. */
  sent: number;
  /** Events up to here were received, says the device. */
  acked: number;
  /** Events up to here exist, as far as is known here. */
  head: number;
  /** `sent` when events were last asked for; -1 when nothing is due. */
  asked: number;
  /** Bytes of each event from `acked` + 1 to `sent`, and of all of them. */
  readonly weights: number[];
  bytes: number;
}

/** Of an event besides its body: names, numbers, the words around them. An answer that stands for its event is no more. */
const event_bytes = 256;

export function flowFrom(cursor: number, head: number): Flow {
  return { sent: cursor, acked: cursor, head, asked: -1, weights: [], bytes: 0 };
}

/** How many events may be sent now. The last of them may be larger than what is left of the window's bytes. */
export function room(flow: Flow, window: Window): number {
  if (flow.bytes >= window.window_bytes_max) return 0;
  return Math.max(0, flow.acked + window.window_events_max - flow.sent);
}

/** The device says that it has all up to `upTo`. Returns the number with what was never sent taken off. */
export function acknowledge(flow: Flow, upTo: number): number {
  const known = Math.min(upTo, flow.sent);
  if (known > flow.acked) {
    for (const bytes of flow.weights.splice(0, known - flow.acked)) flow.bytes -= bytes;
    flow.acked = known;
  }
  return known;
}

/** Of news that begin with event `n`, the words that may be pushed now. */
export function pass(flow: Flow, n: number, words: readonly ServerWord[], window: Window): ServerWord[] {
  const passed: ServerWord[] = [];
  let next = n;
  for (const word of words) {
    if (word.kind === 'accepted') {
      // An answer is always due. Where it is next in order it stands for its event.
      passed.push(word);
      if (word.n === flow.sent + 1) sendOne(flow, event_bytes);
      next = word.n + 1;
    } else if (word.kind === 'events') {
      next = word.from + word.list.length;
      const known = flow.sent + 1 - word.from;
      // A gap before it.
      if (known < 0) continue;
      let end = known;
      for (; end < word.list.length && room(flow, window) > 0; end++) sendOne(flow, bytesOf(word.list[end]));
      if (end <= known) continue;
      const whole = known === 0 && end === word.list.length;
      passed.push(whole ? word : { kind: 'events', from: word.from + known, list: word.list.slice(known, end) });
    } else passed.push(word);
  }
  if (next - 1 > flow.head) flow.head = next - 1;
  return passed;
}

/** How many events to ask for now; 0 when there are none, no room, or they are asked for already. */
export function wanted(flow: Flow, window: Window): number {
  if (flow.head <= flow.sent || flow.asked === flow.sent) return 0;
  const count = room(flow, window);
  if (count > 0) flow.asked = flow.sent;
  return count;
}

function sendOne(flow: Flow, bytes: number): void {
  flow.sent++;
  flow.weights.push(bytes);
  flow.bytes += bytes;
}

function bytesOf(event: TimelineEvent | undefined): number {
  if (event?.kind === 'message') {
    return event_bytes + bytesAtMost(event.body) + (event.more ? bytesAtMost(JSON.stringify(event.more)) : 0);
  }
  return event?.kind === 'group' ? event_bytes + bytesAtMost(JSON.stringify(event.change)) : event_bytes;
}

/** Of a text in a frame of either encoding: as UTF-8, and with what JSON escapes. */
function bytesAtMost(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x20) bytes += 5;
    else if (unit < 0x80) bytes += unit === 0x22 || unit === 0x5c ? 1 : 0;
    // Half of a pair, whose four bytes stand for two units; all else beyond U+07FF takes three.
    else bytes += unit < 0x800 || (unit >= 0xd800 && unit < 0xe000) ? 1 : 2;
  }
  return bytes;
}
