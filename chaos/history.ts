/**
 * What clients did and what they saw, as they tell it themselves: the only thing that a round is judged by. Times are ms of the
 * machine's monotonic clock, which all its processes share and no fault here moves.
 */
import { isGroupId } from '../proto/decode.ts';

export type Entry =
  | DeviceJoined
  | GroupFormed
  | GroupsRecalled
  | Sent
  | Accepted
  | Refused
  | SeenMessage
  | SeenReceipt
  | SeenFailure
  | SeenChange
  | SeenOther
  | DeviceRestarted
  | DeviceLeft
  | TimelineReset
  | LinkNews;

interface Told {
  readonly at: number;
  readonly user: string;
  readonly device: string;
}

/** The device must see everything of its account that was sent since, at 0 everything. */
export interface DeviceJoined extends Told {
  readonly kind: 'joined';
}
/** Each of them was told that it is a member; nobody comes or goes later. */
export interface GroupFormed extends Told {
  readonly kind: 'formed';
  readonly group: string;
  readonly members: readonly string[];
}
/** What the server answers a device that knows nothing of its groups any more. */
export interface GroupsRecalled extends Told {
  readonly kind: 'recalled';
  readonly groups: readonly string[];
}
/** `to` is a user or a group. */
export interface Sent extends Told {
  readonly kind: 'sent';
  readonly id: string;
  readonly to: string;
}
export interface Accepted extends Told {
  readonly kind: 'accepted';
  readonly id: string;
  readonly n: number;
  readonly seq: number;
}
/** With `retry` it is news only: the SDK says that message again. Without, it is the message's end. */
export interface Refused extends Told {
  readonly kind: 'refused';
  readonly id: string | undefined;
  readonly code: string;
  readonly retry: boolean;
}
/** `n` is the event's number in the account's timeline. */
export interface SeenMessage extends Told {
  readonly kind: 'message';
  readonly n: number;
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly seq: number;
  /** The body is the one that was sent. */
  readonly intact: boolean;
}
export interface SeenReceipt extends Told {
  readonly kind: 'receipt';
  readonly n: number;
  readonly with: string;
  readonly delivered: number;
  readonly read: number;
}
/** An accepted message will not be delivered, says the server. */
export interface SeenFailure extends Told {
  readonly kind: 'failed';
  readonly n: number;
  readonly id: string;
  readonly code: string;
}
/** An entry of a group's log that is no message. */
export interface SeenChange extends Told {
  readonly kind: 'change';
  readonly n: number;
  readonly group: string;
  readonly seq: number;
  readonly what: string;
}
export interface SeenOther extends Told {
  readonly kind: 'other';
  readonly n: number;
  readonly what: string;
}
/** The device began again from what it had stored: it knows nothing of events beyond `cursor`, and gets them again. */
export interface DeviceRestarted extends Told {
  readonly kind: 'restarted';
  readonly cursor: number;
}
/** The device is not there any more: nothing later is owed to it. */
export interface DeviceLeft extends Told {
  readonly kind: 'left';
}
/** The server says that part of the timeline is lost and begins it anew. */
export interface TimelineReset extends Told {
  readonly kind: 'reset';
}
/** For the eyes of whoever looks into a failure. `ended`: the client gave up for good, and was logged in anew. */
export interface LinkNews extends Told {
  readonly kind: 'link';
  readonly state: 'online' | 'waiting' | 'ended';
  readonly why: string;
}

/** An event of a timeline, which has a number in it. */
export type Seen = SeenMessage | SeenReceipt | SeenFailure | SeenChange | SeenOther;

const seenKinds: ReadonlySet<Entry['kind']> = new Set<Seen['kind']>([
  'message',
  'receipt',
  'failed',
  'change',
  'other',
]);

export function isSeen(entry: Entry): entry is Seen {
  return seenKinds.has(entry.kind);
}

/** What became of one message, as its sender knows it. */
export interface Fate {
  readonly sent: Sent;
  /** More than one where a restarted device asked again. */
  readonly answers: Accepted[];
  /** How often the server asked to try again later. */
  refusals: number;
  /** The code of a final refusal. */
  failed: string | undefined;
}

/** What one device holds at the end. */
export interface View {
  readonly user: string;
  readonly device: string;
  joinedAt: number;
  leftAt: number;
  events: Seen[];
  resets: number;
}

/** A history, sorted out for the checks. */
export interface Digest {
  /** By message id, in the order of sending. */
  readonly fates: ReadonlyMap<string, Fate>;
  readonly views: readonly View[];
  /** Members of each group. */
  readonly groups: ReadonlyMap<string, readonly string[]>;
  readonly recalled: readonly GroupsRecalled[];
  /** Answers to messages that nobody sent. */
  readonly strays: readonly Accepted[];
  /** Also those that a restart made a device forget: the server did tell them. */
  readonly told: readonly Seen[];
  /** Clients that gave up for good. */
  readonly ended: readonly LinkNews[];
}

export function digest(history: readonly Entry[]): Digest {
  const fates = new Map<string, Fate>();
  const views = new Map<string, View>();
  const groups = new Map<string, readonly string[]>();
  const recalled: GroupsRecalled[] = [];
  const strays: Accepted[] = [];
  const told: Seen[] = [];
  const ended: LinkNews[] = [];
  const viewOf = ({ user, device, at }: Told): View => {
    const name = `${user}/${device}`;
    let view = views.get(name);
    if (view === undefined) {
      view = { user, device, joinedAt: at, leftAt: Number.POSITIVE_INFINITY, events: [], resets: 0 };
      views.set(name, view);
    }
    return view;
  };
  for (const entry of history) {
    const view = viewOf(entry);
    if (isSeen(entry)) {
      view.events.push(entry);
      told.push(entry);
    } else if (entry.kind === 'sent') fates.set(entry.id, { sent: entry, answers: [], refusals: 0, failed: undefined });
    else if (entry.kind === 'accepted') {
      const fate = fates.get(entry.id);
      if (fate === undefined) strays.push(entry);
      else fate.answers.push(entry);
    } else if (entry.kind === 'refused') noteRefusal(fates, entry);
    else if (entry.kind === 'link') {
      if (entry.state === 'ended') ended.push(entry);
    } else if (entry.kind === 'restarted') {
      view.events = view.events.filter(({ n }) => n <= entry.cursor);
      view.leftAt = Number.POSITIVE_INFINITY;
    } else if (entry.kind === 'formed') groups.set(entry.group, entry.members);
    else if (entry.kind === 'recalled') recalled.push(entry);
    else if (entry.kind === 'left') view.leftAt = entry.at;
    else if (entry.kind === 'joined') view.joinedAt = entry.at;
    else if (entry.kind === 'reset') {
      view.events = [];
      view.resets++;
    }
  }
  return { fates, views: [...views.values()], groups, recalled, strays, told, ended };
}

function noteRefusal(fates: ReadonlyMap<string, Fate>, { id, code, retry }: Refused): void {
  const fate = id === undefined ? undefined : fates.get(id);
  if (fate === undefined) return;
  if (retry) fate.refusals++;
  else fate.failed = code;
}

/** Whom a message is for: the other user, or the other members of the group. */
export function readersOf({ groups }: Digest, { user, to }: Sent): readonly string[] {
  return isGroupId(to) ? (groups.get(to) ?? []).filter((member) => member !== user) : [to];
}
