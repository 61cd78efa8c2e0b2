/** Arbitrary words of clients, for properties. */
import fc from 'fast-check';
import type { ClientWord, More } from '../../proto/words.ts';
import { clientLimits } from '../../proto/words.ts';
import {
  amendment,
  conversation,
  count,
  deed,
  file,
  group,
  groupKind,
  id,
  limit,
  line,
  more,
  of,
  place,
  selfDeed,
  text,
  timer,
  title,
  user,
  users,
  what,
} from './parts.ts';

const via = fc.record({ with: conversation, from: user, seq: fc.integer({ min: 1 }) });
const forwarded = fc.record({ file, via }).map(({ file, via }): More => ({ file: { ...file, via } }));

const groupWord: fc.Arbitrary<ClientWord> = fc.oneof(
  fc.record({ kind: groupKind, id, with: group, deed }),
  fc.record({
    kind: groupKind,
    id,
    with: fc.constant(''),
    deed: fc.record({ what: what('create'), title, about: line, users }),
  }),
  fc.record({ kind: fc.constant('groups' as const), req: count, after: fc.oneof(group, fc.constant('')), limit }),
  fc.record({ kind: fc.constant('roster' as const), req: count, with: group, after: place, limit }),
  fc.record({ kind: fc.constant('reach' as const), req: count, with: group, seq: count, after: place, limit }),
);

export const clientWord: fc.Arbitrary<ClientWord> = fc.oneof(
  fc.record(
    { kind: fc.constant('send' as const), id, to: conversation, body: text, more: fc.oneof(more, forwarded) },
    { requiredKeys: ['kind', 'id', 'to', 'body'] },
  ) as fc.Arbitrary<ClientWord>,
  groupWord,
  fc.record({ kind: what('starred'), req: count, before: count, limit }),
  fc.record({ kind: what('pinned'), req: count, with: conversation, before: count, limit }),
  fc.record({ kind: what('reactions'), req: count, with: conversation, of, after: place, limit }),
  fc.record(
    {
      kind: what('search'),
      req: count,
      words: line,
      with: conversation,
      from: user,
      after: count,
      before: count,
      cursor: count,
      limit,
    },
    { requiredKeys: ['kind', 'req', 'words', 'cursor', 'limit'] },
  ) as fc.Arbitrary<ClientWord>,
  fc.record({ kind: what('amend'), id, with: conversation, of, deed: amendment }),
  fc.record({ kind: what('vanish'), id, with: user, timer }),
  fc.record({ kind: fc.constant('self' as const), id, deed: selfDeed }),
  fc.record({ kind: what('profiles'), req: count, users }),
  fc.record({ kind: what('find'), req: count, by: what('user'), text: user }),
  fc.record({ kind: what('find'), req: count, by: what('email'), text: what('a@b') }),
  fc.record({ kind: what('find'), req: count, by: what('phone'), text: what('+49 170') }),
  fc.record({ kind: fc.constant('received' as const), upTo: count }),
  fc.record({ kind: fc.constant('read' as const), with: conversation, upTo: count }),
  fc.record({ kind: fc.constant('inquire' as const), req: count, id }),
  fc.record(
    {
      kind: fc.constant('typing' as const),
      to: conversation,
      on: fc.boolean(),
      recording: fc.constant(true as const),
    },
    { requiredKeys: ['kind', 'to', 'on'] },
  ),
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
    with: conversation,
    before: count,
    limit,
  }),
);
