/** Arbitrary words of servers, for properties. */
import fc from 'fast-check';
import type { MessageState, ServerWord, TimelineEvent } from '../../proto/words.ts';
import { clientLimits } from '../../proto/words.ts';
import {
  amendment,
  conversation,
  count,
  device,
  facts,
  group,
  groupKind,
  id,
  line,
  more,
  of,
  place,
  profile,
  role,
  selfDeed,
  text,
  timer,
  title,
  user,
  users,
  what,
} from './parts.ts';

const failure = fc.constantFrom('unknown_user' as const, 'deactivated' as const, 'expired' as const);
const message = { id, from: user, to: conversation, seq: count, at: count, body: text };
const messageKind = fc.constant('message' as const);

const change = fc.oneof(
  fc.record({ what: what('created'), title, about: line }),
  fc.record({ what: what('titled'), title }),
  fc.record({ what: what('described'), about: line }),
  fc.record({ what: what('pictured'), file: facts }, { requiredKeys: ['what'] }),
  fc.record({ what: what('added'), users, title }),
  fc.record({ what: what('removed'), users }),
  fc.record({ what: what('role'), user, role }),
  fc.record({ what: what('mode'), announce: fc.boolean(), shared: fc.boolean() }),
  fc.record({ what: what('vanishing'), afterMs: count }),
);

const event: fc.Arbitrary<TimelineEvent> = fc.oneof(
  fc.record({ kind: what('vanishing'), id, with: user, by: user, at: count, timer }),
  fc.record({
    kind: what('vanished'),
    with: conversation,
    seq: count,
    at: count,
    list: fc.array(of, { maxLength: 3 }),
  }),
  fc.record({ kind: what('amended'), id, with: conversation, of, seq: count, by: user, at: count, deed: amendment }),
  fc.record({ kind: groupKind, id, with: group, seq: count, by: user, at: count, change }),
  fc.record({ kind: fc.constant('self' as const), id, at: count, deed: selfDeed }),
  fc.record({ kind: what('gone'), user, at: count }),
  fc.record({
    kind: fc.constant('declined' as const),
    with: group,
    user,
    code: fc.constantFrom('unknown_user' as const, 'deactivated' as const, 'too_many_groups' as const),
    at: count,
  }),
  fc.record({ kind: messageKind, ...message }),
  fc.record({ kind: messageKind, ...message, more }),
  fc.record({ kind: fc.constant('receipt' as const), with: conversation, delivered: count, read: count, at: count }),
  fc.record(
    {
      kind: fc.constant('failed' as const),
      id,
      to: conversation,
      seq: count,
      code: failure,
      reason: text,
      at: count,
      member: user,
    },
    { requiredKeys: ['kind', 'id', 'to', 'seq', 'code', 'reason', 'at'] },
  ) as fc.Arbitrary<TimelineEvent>,
  fc.record({ kind: fc.constant('seen' as const), with: conversation, upTo: count, at: count }),
  fc.record({ kind: fc.constant('expired' as const), id, from: user, to: conversation, seq: count, at: count }),
);

const state: fc.Arbitrary<MessageState> = fc.record({
  kind: messageKind,
  ...message,
  n: count,
  delivered: count,
  read: count,
  failed: fc.oneof(failure, fc.constant('' as const)),
  edited: count,
  retracted: count,
  reactions: fc.array(fc.record({ text: line, count, own: fc.boolean() }), { maxLength: 3 }),
  pinned: count,
});

export const serverWord: fc.Arbitrary<ServerWord> = fc.oneof(
  fc.record({ kind: fc.constant('events' as const), from: count, list: fc.array(event, { maxLength: 5 }) }),
  fc.record(
    { kind: fc.constant('accepted' as const), id, n: count, seq: count, at: count, with: group },
    { requiredKeys: ['kind', 'id', 'n', 'seq', 'at'] },
  ) as fc.Arbitrary<ServerWord>,
  fc.record({
    kind: fc.constant('groups' as const),
    req: count,
    list: fc.array(fc.record({ group, title }), { maxLength: 3 }),
    next: fc.oneof(group, fc.constant('')),
  }),
  fc
    .record({
      kind: fc.constant('members' as const),
      req: count,
      with: group,
      title,
      about: line,
      announce: fc.boolean(),
      shared: fc.boolean(),
      vanishMs: count,
      pictured: fc.record({ picture: facts }, { requiredKeys: [] }),
      count,
      list: fc.array(fc.record({ user, role, since: count }), { maxLength: 3 }),
      next: place,
    })
    .map(({ pictured, ...rest }) => ({ ...rest, ...pictured })),
  fc.record({
    kind: fc.constantFrom('profiled' as const, 'found' as const),
    req: count,
    list: fc.array(
      fc
        .tuple(user, fc.constantFrom('here' as const, 'gone' as const, 'unavailable' as const), profile)
        .map(([user, state, profile]) => ({ user, state, ...profile })),
      { maxLength: 3 },
    ),
  }),
  fc.record({
    kind: fc.constant('reached' as const),
    req: count,
    with: group,
    seq: count,
    count,
    delivered: count,
    read: count,
    list: fc.array(fc.record({ user, delivered: count, read: count }), { maxLength: 3 }),
    next: place,
  }),
  fc.record({
    kind: fc.constant('welcome' as const),
    user,
    device,
    epoch: text,
    cursor: count,
    head: count,
    recovered: fc.boolean(),
    at: count,
    limits: fc.constant(clientLimits),
  }),
  fc.record(
    {
      kind: fc.constant('refused' as const),
      id,
      req: count,
      code: fc.constantFrom('malformed' as const, 'too_fast' as const, 'internal' as const),
      reason: text,
      retry: fc.boolean(),
      afterMs: count,
    },
    { requiredKeys: ['kind', 'code', 'reason', 'retry'] },
  ) as fc.Arbitrary<ServerWord>,
  fc.record({
    kind: fc.constant('page' as const),
    req: count,
    with: conversation,
    messages: fc.array(state, { maxLength: 3 }),
    next: count,
  }),
  fc.record({
    kind: what('reacted'),
    req: count,
    with: conversation,
    of,
    list: fc.array(fc.record({ user, text: line }), { maxLength: 3 }),
    next: place,
  }),
  fc.record({ kind: what('messages'), req: count, messages: fc.array(state, { maxLength: 3 }), next: count }),
  fc.record({ kind: fc.constant('answer' as const), req: count, message: state }),
  fc.record(
    {
      kind: fc.constant('typing' as const),
      from: user,
      on: fc.boolean(),
      recording: fc.constant(true as const),
      in: group,
    },
    { requiredKeys: ['kind', 'from', 'on'] },
  ) as fc.Arbitrary<ServerWord>,
  fc.record({ kind: fc.constant('presence' as const), user, online: fc.boolean(), lastSeen: count }),
  fc.record({ kind: fc.constant('resync' as const) }),
  fc.record({ kind: fc.constant('goaway' as const), reason: text, afterMs: count }),
);
