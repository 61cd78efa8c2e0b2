/** What arbitrary words of both sides are made of. */
import fc from 'fast-check';
import type { More, Privacy, Profile, ReportDeed } from '../../proto/words.ts';
import { clientLimits } from '../../proto/words.ts';

const chars = (text: string) => fc.constantFrom(...text);
const lower = 'abcdefghijklmnopqrstuvwxyz0123456789';
const upper = lower.toUpperCase().slice(0, 26);

export const user = fc
  .tuple(chars(lower), fc.string({ unit: chars(`${lower}._-`), maxLength: 31 }))
  .map(([first, rest]) => first + rest);
export const device = fc.string({ unit: chars(`${lower}${upper}._-`), minLength: 1, maxLength: 32 });
export const id = fc.string({ unit: chars(`${lower}${upper}._:-`), minLength: 1, maxLength: 64 });
export const count = fc.oneof(
  fc.nat(),
  fc.maxSafeNat(),
  fc.constantFrom(0, 127, 128, 65_535, 65_536, 2 ** 32, 2 ** 53 - 1),
);
export const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), fc.constant('__proto__'));

export const group = fc
  .string({ unit: chars(`${lower}${upper}-`), minLength: 1, maxLength: 48 })
  .map((rest) => `#${rest}`);
export const conversation = fc.oneof(user, group);
export const users = fc.uniqueArray(user, { minLength: 1, maxLength: 5 });
const link = fc.string({ unit: chars(`${lower}${upper}_-`), minLength: 16, maxLength: 64 });
export const role = fc.constantFrom('owner' as const, 'admin' as const, 'member' as const);
export const line = fc.string({ unit: 'grapheme', maxLength: 16 });
export const title = line.map((rest) => `t${rest}`);
export const limit = fc.integer({ min: 1, max: clientLimits.page_messages_max });
export const place = fc.oneof(user, fc.constant(''));
export const what = <const W extends string>(word: W) => fc.constant(word);

const sha = fc.stringMatching(/^[0-9a-f]{64}$/);
export const facts = fc.record({ id: sha, type: fc.constant('image/png'), bytes: count, width: count, height: count });
export const deed = fc.oneof(
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
export const groupKind = fc.constant('group' as const);

const degrees = (most: number) => fc.integer({ min: -most * 10_000_000, max: most * 10_000_000 });
export const file = fc
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
export const more = fc
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
const audience = fc.constantFrom('everyone' as const, 'contacts' as const, 'nobody' as const);
export const of = fc.record({ from: user, seq: fc.integer({ min: 1 }) });
const email = fc.constantFrom('', 'alice@example.org', 'ä@b');
const phone = fc.constantFrom('', '+49 (170) 12-34', '112');
export const profile = fc.record(
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
export const selfDeed = fc.oneof(
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

export const timer = fc.oneof(
  fc.record({
    afterMs: fc.integer({ min: clientLimits.vanish_ms_min, max: clientLimits.vanish_ms_max }),
    since: fc.constantFrom('sent' as const, 'delivered' as const, 'read' as const),
  }),
  fc.record({ afterMs: fc.constant(0), since: what('never') }),
);
export const amendment = fc.oneof(
  fc.record({ what: what('edit'), body: text }),
  fc.record({ what: what('retract') }),
  fc.record({ what: what('pin'), on: fc.boolean() }),
  fc.record({ what: what('react'), text: fc.constantFrom('', '👍', 'ok') }),
);
