/** Words from the server, validated. A client meets newer servers: what it does not know it passes over, where that is safe. */
import { amended, reactions } from './amend-words.ts';
import { moreOf } from './content.ts';
import { Fault, isCount, isMessageId } from './fault.ts';
import { bad, type Fields, isConversationId, isDeviceId, isFields, isGroupId, isUserId } from './fields.ts';
import { declined, groupEvent, members, memberships, reached } from './group-server-words.ts';
import { found, goneEvent, profiled } from './people-words.ts';
import { failures, refusals } from './refusals.ts';
import { messageList, reacted } from './search-words.ts';
import { selfEvent } from './self-words.ts';
import { vanished, vanishing } from './vanish-words.ts';
import {
  type Accepted,
  type Answer,
  type ClientLimits,
  clientLimits,
  type Events,
  type FailedEvent,
  type MessageEvent,
  type MessageState,
  type Page,
  type RefusalCode,
  type Refused,
  type ServerWord,
  type TimelineEvent,
  type Welcome,
} from './words.ts';

/** undefined: a word of a kind that this side does not know. */
export function serverWord(value: unknown): ServerWord | undefined | Fault {
  if (!isFields(value) || typeof value.kind !== 'string') return new Fault('malformed', 'A word must be an object.');
  switch (value.kind) {
    case 'events':
      return events(value);
    case 'accepted':
      return accepted(value);
    case 'welcome':
      return welcome(value);
    case 'refused':
      return refusal(value);
    case 'page':
      return page(value);
    case 'answer':
      return answer(value);
    case 'groups':
      return memberships(value);
    case 'members':
      return members(value);
    case 'reached':
      return reached(value);
    case 'found':
      return found(value);
    case 'profiled':
      return profiled(value);
    case 'messages':
      return messageList(value, messageState);
    case 'reacted':
      return reacted(value);
    case 'resync':
      return { kind: 'resync' };
    case 'typing':
    case 'presence':
    case 'goaway':
      return fleeting(value);
    default:
      return undefined;
  }
}

function fleeting(fields: Fields): ServerWord | Fault {
  const { kind, from, on, in: group, user, online, lastSeen, reason, afterMs, recording } = fields;
  if (kind === 'typing' && isUserId(from) && typeof on === 'boolean') {
    return { kind, from, on, ...(recording === true && { recording }), ...(isGroupId(group) && { in: group }) };
  }
  if (kind === 'presence' && isUserId(user) && typeof online === 'boolean' && isCount(lastSeen)) {
    return { kind, user, online, lastSeen };
  }
  if (kind === 'goaway' && typeof reason === 'string' && isCount(afterMs)) return { kind, reason, afterMs };
  return bad(fields);
}

function welcome(fields: Fields): Welcome | Fault {
  const { user, device, epoch, cursor, head, recovered, at, limits } = fields;
  if (!isUserId(user) || !isDeviceId(device) || typeof epoch !== 'string') return bad(fields);
  if (!isCount(cursor) || !isCount(head) || typeof recovered !== 'boolean' || !isCount(at)) return bad(fields);
  return { kind: 'welcome', user, device, epoch, cursor, head, recovered, at, limits: limitsOf(limits) };
}

/** The server's own limits; this side's for those that it does not name. */
function limitsOf(value: unknown): ClientLimits {
  if (!isFields(value)) return clientLimits;
  const limits: { -readonly [name in keyof ClientLimits]: number } = { ...clientLimits };
  for (const name of Object.keys(clientLimits) as (keyof ClientLimits)[]) {
    const limit = value[name];
    if (isCount(limit)) limits[name] = limit;
  }
  return limits;
}

function accepted(fields: Fields): Accepted | Fault {
  const { id, n, seq, at, with: group } = fields;
  if (!isMessageId(id) || !isCount(n) || !isCount(seq) || !isCount(at)) return bad(fields);
  return { kind: 'accepted', id, n, seq, at, ...(isGroupId(group) && { with: group }) };
}

function refusal(fields: Fields): Refused | Fault {
  const { id, req, code, reason, retry, afterMs } = fields;
  if (typeof code !== 'string' || typeof reason !== 'string' || typeof retry !== 'boolean') return bad(fields);
  return {
    kind: 'refused',
    ...(isMessageId(id) && { id }),
    ...(isCount(req) && { req }),
    // A code of a later protocol: its reason and `retry` still say what matters.
    code: Object.hasOwn(refusals, code) ? (code as RefusalCode) : 'internal',
    reason,
    retry,
    ...(isCount(afterMs) && { afterMs }),
  };
}

function page(fields: Fields): Page | Fault {
  const { req, with: other, messages, next } = fields;
  if (!isCount(req) || !isConversationId(other) || !Array.isArray(messages) || !isCount(next)) return bad(fields);
  const checked: MessageState[] = [];
  for (const message of messages) {
    const state = messageState(message);
    if (state instanceof Fault) return state;
    checked.push(state);
  }
  return { kind: 'page', req, with: other, messages: checked, next };
}

function answer(fields: Fields): Answer | Fault {
  const { req } = fields;
  const message = messageState(fields.message);
  if (message instanceof Fault) return message;
  return isCount(req) ? { kind: 'answer', req, message } : bad(fields);
}

function messageState(value: unknown): MessageState | Fault {
  if (!isFields(value)) return new Fault('malformed', 'A message must be an object.');
  const event = message(value);
  if (event instanceof Fault) return event;
  const { n, delivered, read, failed } = value;
  if (!isCount(n) || !isCount(delivered) || !isCount(read)) return bad(value);
  if (failed !== '' && !isFailure(failed)) return bad(value);
  // An older server does not tell these.
  const { edited = 0, retracted = 0, pinned = 0 } = value;
  const counted = reactions(value.reactions ?? []);
  if (!isCount(edited) || !isCount(retracted) || !isCount(pinned) || counted === undefined) return bad(value);
  return { ...event, n, delivered, read, failed, edited, retracted, reactions: counted, pinned };
}

// ---------------------------------------------------------------- the timeline

function events(fields: Fields): Events | Fault {
  const { from, list } = fields;
  if (!isCount(from) || !Array.isArray(list)) return bad(fields);
  const checked: TimelineEvent[] = [];
  for (const value of list) {
    const event = timelineEvent(value);
    if (event instanceof Fault) return event;
    checked.push(event);
  }
  return { kind: 'events', from, list: checked };
}

function timelineEvent(value: unknown): TimelineEvent | Fault {
  if (!isFields(value) || typeof value.kind !== 'string') return new Fault('malformed', 'An event must be an object.');
  switch (value.kind) {
    case 'message':
      return message(value);
    case 'receipt':
    case 'seen':
      return mark(value);
    case 'failed':
    case 'expired':
      return lost(value);
    case 'group':
      return groupEvent(value);
    case 'amended':
      return amended(value);
    case 'vanishing':
      return vanishing(value);
    case 'vanished':
      return vanished(value);
    case 'gone':
      return goneEvent(value);
    case 'declined':
      return declined(value);
    case 'self':
      return selfEvent(value);
    default:
      return { kind: 'other', was: value.kind };
  }
}

function message(fields: Fields): MessageEvent | Fault {
  const { id, from, to, seq, at, body } = fields;
  if (!isMessageId(id) || !isUserId(from) || !isConversationId(to)) return bad(fields);
  if (!isCount(seq) || !isCount(at)) return bad(fields);
  if (typeof body !== 'string') return bad(fields);
  const more = moreOf(fields.more, fields);
  if (more instanceof Fault) return bad(fields);
  return { kind: 'message', id, from, to, seq, at, body, ...(more && { more }) };
}

function mark(fields: Fields): TimelineEvent | Fault {
  const { kind, with: other, delivered, read, upTo, at } = fields;
  if (!isConversationId(other) || !isCount(at)) return bad(fields);
  if (kind === 'seen' && isCount(upTo)) return { kind, with: other, upTo, at };
  if (kind === 'receipt' && isCount(delivered) && isCount(read)) return { kind, with: other, delivered, read, at };
  return bad(fields);
}

function lost(fields: Fields): TimelineEvent | Fault {
  const { kind, id, from, to, seq, code, reason, at, member } = fields;
  if (!isMessageId(id) || !isCount(seq) || !isCount(at)) return bad(fields);
  if (!isConversationId(to)) return bad(fields);
  if (kind === 'expired') return isUserId(from) ? { kind, id, from, to, seq, at } : bad(fields);
  if (typeof reason !== 'string') return bad(fields);
  // Failed for a reason of a later protocol: failed all the same, and `reason` says why.
  const failed = { kind: 'failed', id, to, seq, code: isFailure(code) ? code : 'expired', reason, at } as const;
  return isUserId(member) ? { ...failed, member } : failed;
}

function isFailure(code: unknown): code is FailedEvent['code'] {
  return typeof code === 'string' && Object.hasOwn(failures, code);
}
