/** Arbitrary words, for properties. */
import fc from 'fast-check';
import type {
  ClientWord,
  MessageState,
  More,
  Privacy,
  Profile,
  ReportDeed,
  ServerWord,
  TimelineEvent,
} from '../../proto/words.ts';
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

const group = fc.string({ unit: chars(`${lower}${upper}-`), minLength: 1, maxLength: 48 }).map((rest) => `#${rest}`);
const conversation = fc.oneof(user, group);
const users = fc.uniqueArray(user, { minLength: 1, maxLength: 5 });
const link = fc.string({ unit: chars(`${lower}${upper}_-`), minLength: 16, maxLength: 64 });
const role = fc.constantFrom('owner' as const, 'admin' as const, 'member' as const);
const line = fc.string({ unit: 'grapheme', maxLength: 16 });
const title = line.map((rest) => `t${rest}`);
const limit = fc.integer({ min: 1, max: clientLimits.page_messages_max });
const place = fc.oneof(user, fc.constant(''));
const what = <const W extends string>(word: W) => fc.constant(word);

const sha = fc.stringMatching(/^[0-9a-f]{64}$/);
const facts = fc.record({ id: sha, type: fc.constant('image/png'), bytes: count, width: count, height: count });
const deed = fc.oneof(
  fc.record({ what: what('picture'), file: facts }, { requiredKeys: ['what'] }),
  fc.record({ what: what('title'), title }),
  fc.record({ what: what('about'), about: line }),
  fc.record({ what: fc.constantFrom('add' as const, 'remove' as const), users }),
  fc.record({ what: what('leave') }),
  fc.record({ what: what('role'), user, role }),
  fc.record({ what: what('mode'), announce: fc.boolean(), shared: fc.boolean() }),
  fc.record({ what: what('vanish'), afterMs: fc.constantFrom(0, 5_000, 86_400_000) }),
  fc.record({ what: what('link'), link, uses: count, forMs: count }),
  fc.record({ what: fc.constantFrom('unlink' as const, 'join' as const), link }),
);
const groupKind = fc.constant('group' as const);

const degrees = (most: number) => fc.integer({ min: -most * 10_000_000, max: most * 10_000_000 });
const file = fc
  .record(
    {
      id: sha,
      kind: fc.constantFrom('image' as const, 'video' as const, 'voice' as const, 'file' as const),
      name: line,
      type: fc.constantFrom('image/jpeg', 'application/octet-stream', 'audio/ogg'),
      bytes: count,
      size: fc.record({ width: count, height: count }),
      preview: fc.stringMatching(/^[A-Za-z0-9+/]{0,40}={0,2}$/),
      thumb: fc.constant(true as const),
      seconds: count,
    },
    { requiredKeys: ['id', 'kind', 'name', 'type', 'bytes'] },
  )
  .map(({ size, ...rest }) => ({ ...rest, ...size }));
/** At least one thing: an empty one is the same as none. */
const more = fc
  .record(
    {
      reply: fc.record({ from: user, seq: fc.integer({ min: 1 }), quote: line }),
      forwarded: fc.constant(true as const),
      mentions: fc.uniqueArray(user, { maxLength: 5 }),
      place: fc.record({ north: degrees(90), east: degrees(180), name: line }),
      card: fc.record({ name: line, user: place, phone: line, email: line }),
      file,
    },
    { requiredKeys: [] },
  )
  .filter((one) => Object.keys(one).length > 0) as fc.Arbitrary<More>;

/** By another message, which only a client says. */
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

const audience = fc.constantFrom('everyone' as const, 'contacts' as const, 'nobody' as const);
const of = fc.record({ from: user, seq: fc.integer({ min: 1 }) });
const email = fc.constantFrom('', 'alice@example.org', 'ä@b');
const phone = fc.constantFrom('', '+49 (170) 12-34', '112');
const profile = fc.record(
  {
    name: fc.constantFrom('', 'Alice', '__proto__'),
    about: fc.constantFrom('', 'On Sundays:\nclimbing 🧗'),
    email,
    phone,
    place: fc.record({ north: degrees(90), east: degrees(180), name: fc.constantFrom('', 'Elbe') }),
    picture: file.map(({ kind: _, name: __, seconds: ___, ...facts }) => facts),
  },
  { requiredKeys: ['name', 'about', 'email', 'phone'] },
) as fc.Arbitrary<Profile>;
const report = fc.record(
  {
    what: what('report'),
    user,
    reason: fc.constantFrom('spam' as const, 'other' as const),
    text: line,
    message: fc.record({ with: conversation, seq: fc.integer({ min: 1 }) }),
  },
  { requiredKeys: ['what', 'user', 'reason', 'text'] },
) as fc.Arbitrary<ReportDeed>;
const selfDeed = fc.oneof(
  report,
  profile.map((one) => ({ what: 'profile' as const, ...one })),
  fc.record(
    {
      what: what('privacy'),
      seen: audience,
      receipts: fc.boolean(),
      invites: audience,
      about: audience,
      email: audience,
      phone: audience,
      place: audience,
      picture: audience,
      found: audience,
    },
    { requiredKeys: ['what'] },
  ) as fc.Arbitrary<{ what: 'privacy' } & Partial<Privacy>>,
  fc.record({ what: what('star'), with: conversation, of, on: fc.boolean() }),
  fc.record({ what: what('pin'), with: conversation, on: fc.boolean() }),
  fc.record({ what: what('forget'), with: conversation, of }),
  fc.record({ what: what('block'), user, on: fc.boolean() }),
  fc.record({ what: what('contact'), user, name: line, on: fc.boolean() }),
);

const timer = fc.oneof(
  fc.record({
    afterMs: fc.integer({ min: clientLimits.vanish_ms_min, max: clientLimits.vanish_ms_max }),
    since: fc.constantFrom('sent' as const, 'delivered' as const, 'read' as const),
  }),
  fc.record({ afterMs: fc.constant(0), since: what('never') }),
);
const amendment = fc.oneof(
  fc.record({ what: what('edit'), body: text }),
  fc.record({ what: what('retract') }),
  fc.record({ what: what('pin'), on: fc.boolean() }),
  fc.record({ what: what('react'), text: fc.constantFrom('', '👍', 'ok') }),
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
