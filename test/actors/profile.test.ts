import t from 'tap';
import { User } from '../../actors/index.ts';
import { decodeClientFrame } from '../../proto/decode.ts';
import type { Privacy, Profile, UserProfile } from '../../proto/words.ts';
import { clientLimits } from '../../proto/words.ts';
import { eventsOf, people } from './groups.ts';
import { connect, logIn, messenger, type Socket, type World } from './harness.ts';
import { want } from './self.ts';

let reqs = 0;

function ask(world: World, socket: Socket, ...users: string[]): readonly UserProfile[] {
  const req = ++reqs;
  socket.say({ kind: 'profiles', req, users });
  world.settle();
  world.pass(5_000);
  const told = socket.all('profiled').find((word) => word.req === req);
  if (told === undefined) throw new Error('no answer');
  return told.list;
}

const alices: Profile = {
  name: 'Alice',
  about: 'On Sundays:\nclimbing',
  email: 'Alice@Example.org',
  phone: '+49 170 1234',
  place: { north: 510_000_000, east: -137_000_000, name: 'Dresden' },
};
const nothing = { name: '', about: '', email: '', phone: '' };
const open = { seen: 'everyone', receipts: true, invites: 'everyone' } as const;

function scene(...names: string[]) {
  const world = messenger();
  return {
    world,
    all: people(world, ...names) as { readonly [name: string]: Socket } & { alice: Socket; bob: Socket },
  };
}

t.test('PPL1 a profile is told to all devices of its user, whole, and is kept', async (t) => {
  const { world, all } = scene('alice');
  const tablet = connect(world, logIn(world, 'alice', 'tablet'));
  t.equal(want(world, all.alice, { what: 'profile', ...alices }), 'accepted');
  t.same(
    eventsOf(tablet, 'self').map(({ deed }) => deed),
    [{ what: 'profile', ...alices }],
  );
  const before = tablet.cursor();
  t.equal(want(world, all.alice, { what: 'profile', ...alices }), 'accepted');
  t.equal(tablet.cursor(), before, 'what was so already is no event');
  world.move('alice');
  const laptop = connect(world, logIn(world, 'alice', 'laptop'));
  t.same(ask(world, laptop, 'alice'), [{ user: 'alice', state: 'here', ...alices }], 'its own it sees whole');
  const { place: _, ...placeless } = alices;
  t.equal(want(world, laptop, { what: 'profile', ...placeless }), 'accepted');
  t.same(ask(world, laptop, 'alice'), [{ user: 'alice', state: 'here', ...placeless }]);
  t.same(world.deadLetters, []);
});

t.test('PPL2 PPL3 others see what each user lets them', async (t) => {
  const { world, all } = scene('alice', 'bob', 'carol');
  want(world, all.alice, { what: 'profile', ...alices });
  const sees = (name: string) => ask(world, all[name]!, 'alice')[0];
  t.same(sees('bob'), { user: 'alice', state: 'here', ...nothing, name: 'Alice', about: alices.about });
  want(world, all.alice, { what: 'contact', user: 'bob', name: '', on: true });
  t.same(sees('bob'), { user: 'alice', state: 'here', ...alices });
  t.match(sees('carol'), { email: '', phone: '' }, 'no contact');
  const each: readonly (keyof Privacy)[] = ['about', 'email', 'phone', 'place'];
  for (const field of each) {
    want(world, all.alice, { what: 'privacy', ...open, [field]: 'nobody' });
    const { [field as 'about']: _, ...rest } = alices;
    const hidden = field === 'place' ? {} : { [field]: '' };
    t.same(sees('bob'), { user: 'alice', state: 'here', ...rest, ...hidden }, field);
    want(world, all.alice, { what: 'privacy', ...open, [field]: 'everyone' });
    t.same(sees('carol')![field as 'about'], alices[field as 'about'], field);
  }
});

t.test('PPL4 a blocked user sees what there is to see of a name without an account', async (t) => {
  const { world, all } = scene('alice', 'bob');
  want(world, all.alice, { what: 'profile', ...alices });
  const before = ask(world, all.bob, 'alice');
  t.match(before, [{ name: 'Alice' }]);
  want(world, all.alice, { what: 'block', user: 'bob', on: true });
  const [blocked, unknown] = ask(world, all.bob, 'alice', 'nobody');
  t.same({ ...blocked, user: '' }, { ...unknown, user: '' });
  t.same(unknown, { user: 'nobody', state: 'here', ...nothing });
  want(world, all.alice, { what: 'block', user: 'bob', on: false });
  t.same(ask(world, all.bob, 'alice'), before);
});

t.test('PPL5 who does not answer in time is told as unavailable, and may be asked again', async (t) => {
  const { world, all } = scene('alice', 'bob', 'carol');
  want(world, all.alice, { what: 'profile', ...alices });
  world.drop = ({ to, body }) => to === 'user/alice' && body.kind === 'profileAsked';
  const list = ask(world, all.bob, 'carol', 'alice', 'carol');
  t.match(list, [
    { user: 'carol', state: 'here' },
    { user: 'alice', state: 'unavailable', name: '' },
  ]);
  t.equal(list.length, 2, 'each once');
  world.drop = undefined;
  t.match(ask(world, all.bob, 'alice'), [{ state: 'here', name: 'Alice' }]);
});

t.test('PPL5 A9 questions under way are bounded, and a repeated one is the same', async (t) => {
  const world = messenger({ gatherings_max: 1 });
  const { alice } = people(world, 'alice') as { readonly alice: Socket };
  world.drop = ({ body }) => body.kind === 'profileAsked';
  for (const req of [1, 1, 2]) alice.say({ kind: 'profiles', req, users: ['bob'] });
  world.settle();
  t.same(
    alice.all('refused').map(({ code, req, retry }) => [code, req, retry]),
    [['overloaded', 2, true]],
  );
  world.pass(5_000);
  t.same(
    alice.all('profiled').map(({ req }) => req),
    [1],
  );
});

t.test('PPL10 A9 profiles of strangers are bounded in a day, those of people one knows are not', async (t) => {
  const world = messenger({ profiles_max: 3 });
  const all = people(world, 'alice', 'bob') as { readonly alice: Socket; readonly bob: Socket };
  want(world, all.bob, { what: 'contact', user: 'carol', name: '', on: true });
  all.bob.say({ kind: 'send', id: 'm', to: 'alice', body: '' });
  world.settle();
  t.equal(ask(world, all.bob, 'x1', 'x2', 'alice', 'carol', 'bob').length, 5);
  for (let i = 0; i < 3; i++) t.equal(ask(world, all.bob, 'alice', 'carol', 'bob').length, 3);
  t.throws(() => ask(world, all.bob, 'x1', 'x2'));
  t.match(all.bob.last('refused'), { code: 'too_many_finds', retry: true });
  t.equal(ask(world, all.bob, 'x3').length, 1);
  t.throws(() => ask(world, all.bob, 'x3'));
  world.pass(86_400_000);
  t.equal(ask(world, all.bob, 'x1', 'x2').length, 2);
});

t.test('PPL6 a deactivated user is gone to those who knew it, and nobody to others', async (t) => {
  const { world, all } = scene('alice', 'bob', 'carol', 'dave');
  want(world, all.alice, { what: 'profile', ...alices });
  all.alice.say({ kind: 'send', id: 'm1', to: 'bob', body: 'hi' });
  want(world, all.carol!, { what: 'contact', user: 'alice', name: '', on: true });
  world.ask(User.ref('alice'), { kind: 'deactivate' });
  for (const [name, state] of [
    ['bob', 'gone'],
    ['carol', 'gone'],
    ['dave', 'here'],
  ] as const) {
    t.same(ask(world, all[name]!, 'alice'), [{ user: 'alice', state, ...nothing }], name);
  }
});

t.test('PPL1 PPL2 FRM7 words that are not of the shape are refused, whatever is wrong with them', async (t) => {
  const { place: _, ...good } = alices;
  const deeds = [
    { ...good, name: 7 },
    { ...good, name: 'x'.repeat(clientLimits.card_chars_max + 1) },
    { ...good, name: 'a\u0000b' },
    { ...good, name: '\ud800' },
    { ...good, about: 'x'.repeat(clientLimits.profile_about_chars_max + 1) },
    { ...good, email: 'nobody' },
    { ...good, email: 'a b@c' },
    { ...good, phone: 'call me' },
    { ...good, phone: '+4' },
    { ...good, place: { north: 900_000_001, east: 0, name: '' } },
    { ...good, place: 'Elbe' },
    { name: 'Alice' },
  ];
  for (const deed of deeds) {
    const frame = JSON.stringify({ kind: 'self', id: 'x', deed: { what: 'profile', ...deed } });
    t.match(decodeClientFrame(frame, 'json'), { ok: false, code: 'malformed', id: 'x' }, frame);
  }
  for (const field of ['about', 'email', 'phone', 'place']) {
    const frame = JSON.stringify({ kind: 'self', id: 'x', deed: { what: 'privacy', ...open, [field]: 'friends' } });
    t.match(decodeClientFrame(frame, 'json'), { ok: false, code: 'malformed', id: 'x' }, field);
  }
  const many = Array.from({ length: clientLimits.profile_users_max + 1 }, (_, i) => `u${i}`);
  for (const [users, code] of [
    [[], 'malformed'],
    ['alice', 'malformed'],
    [['Alice'], 'malformed'],
    [['#group'], 'malformed'],
    [['x'.repeat(33)], 'too_long'],
    [many, 'too_long'],
  ] as const) {
    const frame = JSON.stringify({ kind: 'profiles', req: 5, users });
    t.match(decodeClientFrame(frame, 'json'), { ok: false, code, req: 5 }, frame);
  }
});

t.test('PPL3 SLF5 what is not said of privacy stays as it is, and rows from before are read', async (t) => {
  const { world, all } = scene('alice');
  want(world, all.alice, { what: 'privacy', ...open, phone: 'nobody' });
  want(world, all.alice, { what: 'privacy', ...open, seen: 'nobody' });
  const whole = { seen: 'nobody', receipts: true, invites: 'everyone', about: 'everyone', email: 'contacts' };
  const tablet = connect(world, logIn(world, 'alice', 'tablet'));
  t.match(eventsOf(tablet, 'self').at(-1)?.deed, { what: 'privacy', ...whole, phone: 'nobody', place: 'contacts' });
});
