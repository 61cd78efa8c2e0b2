/** Arbitrary words, for properties. */
import fc from 'fast-check';
import type { ClientWord, MessageState, ServerWord, TimelineEvent } from '../../proto/words.ts';
import { clientLimits } from '../../proto/words.ts';

const chars = (text: string) => fc.constantFrom(...text);
const lower = 'abcdefghijklmnopqrstuvwxyz0123456789';
const upper = lower.toUpperCase().slice(0, 26);

const user = fc
  .tuple(chars(lower), fc.string({ unit: chars(`${lower}._-`), maxLength: 31 }))
  .map(([first, rest]) => first + rest);
const device = fc.string({ unit: chars(`${lower}${upper}._-`), minLength: 1, maxLength: 32 });
const id = fc.string({ unit: chars(`${lower}${upper}._:-`), minLength: 1, maxLength: 64 });
const count = fc.oneof(fc.nat(), fc.maxSafeNat(), fc.constantFrom(0, 127, 128, 65_535, 65_536, 2 ** 32, 2 ** 53 - 1));
const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), fc.constant('__proto__'));

export const clientWord: fc.Arbitrary<ClientWord> = fc.oneof(
  fc.record({ kind: fc.constant('send' as const), id, to: user, body: text }),
  fc.record({ kind: fc.constant('received' as const), upTo: count }),
  fc.record({ kind: fc.constant('read' as const), with: user, upTo: count }),
  fc.record({ kind: fc.constant('inquire' as const), req: count, id }),
  fc.record({ kind: fc.constant('typing' as const), to: user, on: fc.boolean() }),
  fc.record({
    kind: fc.constant('watch' as const),
    users: fc.array(user, { maxLength: clientLimits.watch_users_max }),
  }),
  fc.record(
    {
      kind: fc.constant('hello' as const),
      epoch: fc.string({ unit: 'grapheme', maxLength: 16 }),
      cursor: count,
      client: fc.string({ maxLength: 64 }),
    },
    { requiredKeys: ['kind', 'epoch', 'cursor'] },
  ) as fc.Arbitrary<ClientWord>,
  fc.record({
    kind: fc.constant('history' as const),
    req: count,
    with: user,
    before: count,
    limit: fc.integer({ min: 1, max: clientLimits.page_messages_max }),
  }),
);

const failure = fc.constantFrom('unknown_user' as const, 'deactivated' as const, 'expired' as const);
const message = { id, from: user, to: user, seq: count, at: count, body: text };
const messageKind = fc.constant('message' as const);

const event: fc.Arbitrary<TimelineEvent> = fc.oneof(
  fc.record({ kind: messageKind, ...message }),
  fc.record({ kind: fc.constant('receipt' as const), with: user, delivered: count, read: count, at: count }),
  fc.record({
    kind: fc.constant('failed' as const),
    id,
    to: user,
    seq: count,
    code: failure,
    reason: text,
    at: count,
  }),
  fc.record({ kind: fc.constant('seen' as const), with: user, upTo: count, at: count }),
  fc.record({ kind: fc.constant('expired' as const), id, from: user, seq: count, at: count }),
);

const state: fc.Arbitrary<MessageState> = fc.record({
  kind: messageKind,
  ...message,
  n: count,
  delivered: count,
  read: count,
  failed: fc.oneof(failure, fc.constant('' as const)),
});

export const serverWord: fc.Arbitrary<ServerWord> = fc.oneof(
  fc.record({ kind: fc.constant('events' as const), from: count, list: fc.array(event, { maxLength: 5 }) }),
  fc.record({ kind: fc.constant('accepted' as const), id, n: count, seq: count, at: count }),
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
    with: user,
    messages: fc.array(state, { maxLength: 3 }),
    next: count,
  }),
  fc.record({ kind: fc.constant('answer' as const), req: count, message: state }),
  fc.record({ kind: fc.constant('typing' as const), from: user, on: fc.boolean() }),
  fc.record({ kind: fc.constant('presence' as const), user, online: fc.boolean(), lastSeen: count }),
  fc.record({ kind: fc.constant('resync' as const) }),
  fc.record({ kind: fc.constant('goaway' as const), reason: text, afterMs: count }),
);
