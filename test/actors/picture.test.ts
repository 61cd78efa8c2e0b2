import t from 'tap';
import { File, User } from '../../actors/index.ts';
import type { FileFacts } from '../../proto/file-words.ts';
import { answerIn, people } from './groups.ts';
import { messenger, type Socket } from './harness.ts';
import { photo, song, upload } from './uploads.ts';

const day_ms = 24 * 3_600_000;
let ids = 0;

t.test('PPL1 PPL3 FIL7 a user’s picture is for those who see it, and held as long as it is that', async (t) => {
  const world = messenger();
  const { alice, bob, eve } = people(world, 'alice', 'bob', 'eve') as { [name in 'alice' | 'bob' | 'eve']: Socket };
  const profile = { what: 'profile', name: '', about: '', email: '', phone: '' } as const;
  const set = (picture?: FileFacts): string => {
    const id = `p-${++ids}`;
    alice.say({ kind: 'self', id, deed: { ...profile, name: `${ids}`, ...(picture && { picture }) } });
    world.pass(10);
    return answerIn(alice, id);
  };
  t.equal(set(photo), 'unknown_file', 'not uploaded');
  upload(world, alice, song);
  t.equal(set({ ...song, width: 1, height: 1 }), 'unknown_file', 'whatever a client says of it');
  const kept = upload(world, alice, photo);
  t.equal(set({ id: photo.id, type: 'made/up', bytes: 7 }), 'accepted');
  const seenBy = ({ claims: { user: asker } }: Socket, file = photo.id) =>
    world.ask(User.ref('alice'), { kind: 'mayFetchPicture', asker, file });
  t.strictSame(seenBy(bob), { ok: true });
  t.strictSame(seenBy(bob, song.id), { ok: false, code: 'unknown_file' });
  bob.say({ kind: 'profiles', req: 1, users: ['alice'] });
  world.pass(100);
  t.match(bob.last('profiled').list[0]?.picture, { ...photo });
  alice.say({ kind: 'self', id: 'block', deed: { what: 'block', user: 'eve', on: true } });
  world.pass(10);
  t.strictSame(seenBy(eve), { ok: false, code: 'unknown_file' });
  alice.say({ kind: 'self', id: 'hide', deed: { what: 'privacy', picture: 'contacts' } });
  world.pass(10);
  t.strictSame(seenBy(bob), { ok: false, code: 'unknown_file' });
  t.strictSame(seenBy(alice), { ok: true });
  const isGone = (): boolean => {
    return world.ask(File.ref(photo.id), { kind: 'collect', generation: kept.generation, graceMs: day_ms }).gone;
  };
  world.pass(3 * day_ms);
  t.equal(set(photo), 'accepted', 'kept though the upload is long past');
  t.notOk(isGone());
  t.equal(set(), 'accepted');
  t.equal(set(photo), 'unknown_file');
  world.pass(3 * day_ms);
  t.ok(isGone());
  upload(world, alice, photo);
  t.equal(set(photo), 'accepted');
  world.ask(User.ref('alice'), { kind: 'deactivate' });
  t.strictSame(seenBy(bob), { ok: false, code: 'unknown_file' });
  world.pass(3 * day_ms);
  t.ok(world.ask(File.ref(photo.id), { kind: 'collect', generation: kept.generation, graceMs: day_ms }).gone);
  t.same(world.deadLetters, []);
});
