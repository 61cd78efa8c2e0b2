import t from 'tap';
import { directoryOf } from '../../actors/directory.ts';
import { Desk, User } from '../../actors/index.ts';
import { decodeClientFrame } from '../../proto/decode.ts';
import { handleOf } from '../../proto/handles.ts';
import type { ClientWord, Find, Profile } from '../../proto/words.ts';
import { people } from './groups.ts';
import { connect, logIn, messenger, type Socket, type World } from './harness.ts';
import { want } from './self.ts';

let reqs = 0;

/** The names that come out; the code of the refusal where there is one. */
function find(world: World, socket: Socket, by: Find['by'], text: string): string[] | string {
  const req = ++reqs;
  socket.say({ kind: 'find', req, by, text });
  world.settle();
  world.pass(5_000);
  const refusal = socket.all('refused').find((word) => word.req === req);
  if (refusal !== undefined) return refusal.code;
  const found = socket.all('found').filter((word) => word.req === req);
  if (found.length !== 1) throw new Error(`${found.length} answers`);
  return found[0]!.list.map(({ user }) => user);
}

const told: Profile = { name: 'A', about: '', email: 'Alice@Example.org', phone: '+49 (170) 12-34' };

function scene(limits = {}) {
  const world = messenger(limits);
  const all = people(world, 'alice', 'bob', 'carol') as { readonly [name: string]: Socket };
  const { alice, bob, carol } = all as { readonly [name in 'alice' | 'bob' | 'carol']: Socket };
  return { world, all, alice, bob, carol };
}

const claimed = (world: World, by: 'email' | 'phone', text: string): string[] => [
  ...world.rowsOf(directoryOf(by, text).address, 'user').keys(),
];

t.test('PPL7 PPL8 a user is found by email and phone when it wants to be, and by whom it wants', async (t) => {
  const { world, alice, bob, carol } = scene();
  want(world, alice, { what: 'profile', ...told });
  for (const by of ['email', 'phone'] as const) t.same(find(world, bob, by, told[by]), [], 'not by itself');
  t.same(claimed(world, 'email', told.email), [], 'nobody knows what is not to be found');
  want(world, alice, { what: 'privacy', found: 'everyone' });
  t.same(find(world, bob, 'email', 'alice@example.ORG'), ['alice']);
  t.same(find(world, bob, 'phone', '0049170 1234'), ['alice']);
  t.same(find(world, bob, 'phone', '0170 1234'), []);
  t.match(bob.all('found')[2], { list: [{ user: 'alice', state: 'here', name: 'A', email: '', phone: '' }] });
  want(world, alice, { what: 'privacy', found: 'contacts' });
  t.same(find(world, bob, 'email', told.email), []);
  want(world, alice, { what: 'contact', user: 'bob', name: '', on: true });
  t.same(find(world, bob, 'email', told.email), ['alice']);
  t.same(find(world, carol, 'email', told.email), []);
  want(world, alice, { what: 'profile', ...told, email: 'other@example.org' });
  t.same(find(world, bob, 'email', told.email), []);
  t.same(find(world, bob, 'email', 'other@example.org'), ['alice']);
  t.same(claimed(world, 'email', told.email), [], 'what is given up is forgotten');
  want(world, alice, { what: 'privacy', found: 'nobody' });
  t.same(claimed(world, 'email', 'other@example.org'), []);
  t.same(claimed(world, 'phone', told.phone), []);
  t.same(world.rowsOf('user/alice', 'claim').size, 0);
  t.same(world.deadLetters, []);
});

t.test('PPL8 a user is found by its name; what is hidden is as if it were not there', async (t) => {
  const { world, alice, bob, carol } = scene();
  want(world, alice, { what: 'profile', ...told });
  want(world, alice, { what: 'privacy', found: 'everyone', about: 'nobody' });
  t.same(find(world, bob, 'user', 'alice'), ['alice']);
  t.same(find(world, bob, 'user', 'nobody'), []);
  want(world, alice, { what: 'block', user: 'bob', on: true });
  const words = () => bob.words.slice(-1).map((word) => ({ ...word, req: 0 }));
  t.same(find(world, bob, 'user', 'nobody'), []);
  const nothing = words();
  for (const [by, text] of [
    ['user', 'alice'],
    ['email', told.email],
    ['phone', told.phone],
  ] as const) {
    t.same(find(world, bob, by, text), [], by);
    t.same(words(), nothing, 'word by word the same');
  }
  t.same(find(world, carol, 'email', told.email), ['alice']);
  world.ask(User.ref('alice'), { kind: 'deactivate' });
  world.settle();
  t.same(find(world, carol, 'user', 'alice'), []);
  t.same(find(world, carol, 'email', told.email), []);
  t.same(claimed(world, 'email', told.email), []);
});

t.test('PPL9 A9 an email is nobody’s alone, and a directory has a bound: the first stay', async (t) => {
  const { world, all, carol } = scene({ handle_users_max: 2 });
  for (const name of ['alice', 'bob', 'carol']) {
    want(world, all[name]!, { what: 'privacy', found: 'everyone' });
    want(world, all[name]!, { what: 'profile', ...told });
  }
  t.same(find(world, carol, 'email', told.email), ['alice', 'bob']);
  want(world, all.alice!, { what: 'profile', ...told, email: '' });
  t.same(find(world, carol, 'email', told.email), ['bob']);
  t.same(find(world, carol, 'phone', told.phone), ['alice', 'bob']);
});

t.test('PPL10 A9 a user may look for somebody so often in a day, whatever comes of it', async (t) => {
  const { world, bob } = scene({ finds_max: 2 });
  t.same(find(world, bob, 'user', 'alice'), ['alice']);
  t.same(find(world, bob, 'email', 'no@body'), []);
  t.equal(find(world, bob, 'user', 'alice'), 'too_many_finds');
  const { retry, afterMs } = bob.last('refused');
  t.equal(retry, true);
  t.ok(afterMs !== undefined && afterMs > 86_000_000 && afterMs <= 86_400_000);
  world.move('bob');
  const tablet = connect(world, logIn(world, 'bob', 'tablet'));
  t.equal(find(world, tablet, 'user', 'alice'), 'too_many_finds', 'it is kept');
  world.pass(86_400_000);
  t.same(find(world, tablet, 'user', 'alice'), ['alice']);
});

t.test('PPL10 a directory that can not be asked costs nothing', async (t) => {
  const { world, alice, bob } = scene({ finds_max: 1 });
  want(world, alice, { what: 'profile', ...told });
  want(world, alice, { what: 'privacy', found: 'everyone' });
  world.drop = ({ to }) => to.startsWith('directory/');
  t.equal(find(world, bob, 'email', told.email), 'unavailable');
  world.drop = undefined;
  t.same(find(world, bob, 'email', told.email), ['alice']);
  t.equal(find(world, bob, 'email', told.email), 'too_many_finds');
});

t.test('PPL7 A10 A6 what is claimed and given up in a hurry ends as it was wanted last', async (t) => {
  const { world, alice, bob } = scene();
  let failed = 0;
  world.fail = ({ to }) => to.startsWith('directory/') && ++failed % 2 === 0;
  want(world, alice, { what: 'privacy', found: 'everyone' });
  for (const email of ['a@x', 'b@x', 'a@x', '', 'c@x', 'b@x']) {
    alice.say({ kind: 'self', id: `h-${++reqs}`, deed: { what: 'profile', ...told, email } });
  }
  world.settle();
  t.same(find(world, bob, 'email', 'b@x'), ['alice']);
  for (const email of ['a@x', 'c@x']) t.same(claimed(world, 'email', email), [], email);
  t.ok(failed > 0);
  t.same(world.deadLetters, []);
});

t.test('PPL7 FRM7 questions that are not of the shape are refused', async (t) => {
  for (const [word, code] of [
    [{ by: 'name', text: 'alice' }, 'malformed'],
    [{ by: 'user', text: 'Alice' }, 'malformed'],
    [{ by: 'user', text: 'x'.repeat(33) }, 'too_long'],
    [{ by: 'email', text: 'alice' }, 'malformed'],
    [{ by: 'email', text: '' }, 'malformed'],
    [{ by: 'email', text: `${'x'.repeat(128)}@x` }, 'too_long'],
    [{ by: 'phone', text: 'alice' }, 'malformed'],
    [{ by: 'phone', text: 5 }, 'malformed'],
    [{ text: 'alice' }, 'malformed'],
  ] as const) {
    const frame = JSON.stringify({ kind: 'find', req: 3, ...word });
    t.match(decodeClientFrame(frame, 'json'), { ok: false, code, req: 3 }, frame);
  }
});

t.test('PPL7 spellings of one thing are one', async (t) => {
  t.equal(handleOf('email', ' A@B.org '), 'a@b.org');
  t.equal(handleOf('phone', '+49 (170) 1'), handleOf('phone', '0049/170-1'));
  t.equal(handleOf('phone', ''), '');
});

t.test('PPL2 PPL8 HTW1 a word over HTTP is answered, though others have to be asked', async (t) => {
  const { world, bob } = scene();
  const ask = (word: ClientWord) => {
    return world.ask(Desk.ref(`bob/n1.${++reqs}`), { kind: 'word', claims: bob.claims, word });
  };
  t.match(ask({ kind: 'find', req: 1, by: 'user', text: 'alice' }), { kind: 'found', list: [{ user: 'alice' }] });
  t.match(ask({ kind: 'profiles', req: 2, users: ['alice', 'x'] }), { kind: 'profiled', list: [{}, { user: 'x' }] });
});
