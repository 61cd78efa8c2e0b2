import t from 'tap';
import { File, Group, User } from '../../actors/index.ts';
import type { KeptFile } from '../../proto/file-mail.ts';
import type { FileFacts, MessageAt } from '../../proto/file-words.ts';
import type { More } from '../../proto/words.ts';
import { answerIn, arrange, eventsOf, makeGroup, people, receive } from './groups.ts';
import { connect, logIn, messenger, type Socket, type World } from './harness.ts';
import { loginOf, photo, song, upload } from './uploads.ts';

const hour_ms = 3_600_000;
const day_ms = 24 * hour_ms;
let ids = 0;

function scene(limits = {}) {
  const world = messenger(limits);
  const all = people(world, 'alice', 'bob', 'carol', 'eve');
  const { alice, bob, carol, eve } = all as { [name in 'alice' | 'bob' | 'carol' | 'eve']: Socket };
  return { world, all, alice, bob, carol, eve };
}

function fileIn({ id }: FileFacts, more: Partial<More['file']> = {}): More {
  return { file: { id, kind: 'file', name: 'it', type: 'made/up', bytes: 7, ...more } };
}

function send(world: World, socket: Socket, to: string, more: More, id = `m-${++ids}`): string {
  socket.say({ kind: 'send', id, to, body: '', more });
  world.pass(100);
  return answerIn(socket, id);
}

function newest(socket: Socket): MessageAt & { readonly more: More | undefined } {
  const { from, to, seq, more } = eventsOf(socket, 'message').at(-1)!;
  return { with: to.startsWith('#') || from === socket.claims.user ? to : from, from, seq, more };
}

/** Answers with what the gateway hears, of the user and, where that says so, of the group. */
function fetchIt(world: World, socket: Socket, { id: file }: FileFacts, by?: MessageAt): string {
  const { user } = socket.claims;
  const at = by && { with: by.with, from: by.from, seq: by.seq };
  const asked = world.ask(User.ref(user), { kind: 'mayFetch', login: loginOf(socket), file, ...(at && { by: at }) });
  if (!asked.ok) return asked.code;
  if (!asked.ask || by === undefined) return 'ok';
  const { with: group, from, seq } = by;
  const said = world.ask(Group.ref(group), { kind: 'mayFetch', user, file, from, seq });
  return said.ok ? 'ok' : said.code;
}

function holders(world: World, { id }: FileFacts): string[] {
  return [...world.rowsOf(`file/${id}`, 'holder').keys()].sort();
}

function isCollected(world: World, { id, generation }: KeptFile): boolean {
  return world.ask(File.ref(id), { kind: 'collect', generation, graceMs: day_ms }).gone;
}

t.test('FIL5 what a message tells of its file is what the server knows, whatever the client says', async (t) => {
  const { world, alice, bob } = scene();
  upload(world, alice, photo);
  t.equal(send(world, alice, 'bob', fileIn(photo, { kind: 'image', name: 'beach.jpg', seconds: 3 })), 'accepted');
  t.same(newest(bob).more, { file: { ...photo, kind: 'image', name: 'beach.jpg', seconds: 3 } });
  upload(world, alice, song);
  t.equal(send(world, alice, 'bob', fileIn(song, { kind: 'image', width: 5, height: 5 })), 'unknown_file');
  t.equal(send(world, alice, 'bob', fileIn(song, { kind: 'video' })), 'unknown_file');
  t.equal(send(world, alice, 'bob', fileIn(song, { kind: 'voice' })), 'accepted');
  t.same(world.deadLetters, []);
});

t.test('FIL6 a user sends what it has uploaded, for a day, or has by a message that it can read', async (t) => {
  const { world, alice, bob, eve, all } = scene();
  upload(world, alice, photo);
  t.equal(send(world, eve, 'bob', fileIn(photo)), 'unknown_file', "somebody else's upload");
  t.equal(send(world, alice, 'bob', fileIn(photo), 'first'), 'accepted');
  const by = newest(bob);
  t.equal(send(world, bob, 'carol', fileIn(photo)), 'unknown_file');
  t.equal(send(world, bob, 'carol', fileIn(photo, { via: { with: 'alice', from: 'alice', seq: by.seq } })), 'accepted');
  t.equal(send(world, eve, 'carol', fileIn(photo, { via: { with: 'alice', from: 'alice', seq: 1 } })), 'unknown_file');
  t.equal(send(world, bob, 'carol', fileIn(song, { via: { with: 'alice', from: 'alice', seq: 1 } })), 'unknown_file');
  const group = makeGroup(world, all, 'bob', 'carol');
  t.equal(
    send(world, bob, group, fileIn(photo, { via: { with: 'alice', from: 'alice', seq: 1 } }), 'in-group'),
    'accepted',
  );
  const entry = newest(all.carol!);
  const { with: of, from, seq } = entry;
  t.equal(send(world, all.carol!, 'eve', fileIn(photo, { via: { with: of, from, seq } })), 'accepted');
  t.equal(send(world, eve, 'carol', fileIn(photo, { via: { with: of, from, seq } })), 'unknown_file');
  world.pass(day_ms);
  t.equal(send(world, alice, 'bob', fileIn(photo)), 'unknown_file', 'its day is over');
  t.equal(send(world, alice, 'bob', fileIn(photo), 'first'), 'accepted', 'what was accepted is');
  t.equal(send(world, bob, group, fileIn(photo), 'in-group'), 'accepted');
  t.same(world.deadLetters, []);
});

t.test('FIL6 what was refused for its file stays refused under its id', async (t) => {
  const { world, alice } = scene();
  t.equal(send(world, alice, 'bob', fileIn(photo), 'early'), 'unknown_file');
  upload(world, alice, photo);
  alice.words.length = 0;
  t.equal(send(world, alice, 'bob', fileIn(photo), 'early'), 'unknown_file');
  t.equal(send(world, alice, 'bob', fileIn(photo), 'late'), 'accepted');
});

t.test('FIL7 both of two have the file by the message, nobody else, and not when it was taken back', async (t) => {
  const { world, alice, bob, eve } = scene();
  upload(world, alice, photo);
  t.equal(fetchIt(world, alice, photo), 'ok', 'the uploader');
  t.equal(fetchIt(world, bob, photo), 'unknown_file');
  send(world, alice, 'bob', fileIn(photo));
  const by = { with: 'alice', from: 'alice', seq: 1 };
  t.equal(fetchIt(world, bob, photo, by), 'ok');
  t.equal(fetchIt(world, bob, song, by), 'unknown_file', 'another file');
  t.equal(fetchIt(world, eve, photo, by), 'unknown_file', 'not a participant');
  t.equal(fetchIt(world, alice, photo, { ...by, with: 'bob' }), 'ok');
  alice.say({ kind: 'amend', id: 'r1', with: 'bob', of: { from: 'alice', seq: 1 }, deed: { what: 'retract' } });
  world.pass(100);
  t.equal(fetchIt(world, bob, photo, by), 'unknown_file');
  t.equal(fetchIt(world, alice, photo, { ...by, with: 'bob' }), 'unknown_file');
  const gone = { ...bob.claims, session: 'x' };
  const login = { device: gone.device, session: gone.session };
  t.match(world.ask(User.ref('bob'), { kind: 'mayFetch', login, file: photo.id, by }), { code: 'unauthorised' });
  t.match(world.ask(User.ref('bob'), { kind: 'mayUpload', login }), { code: 'unauthorised' });
});

t.test('FIL7 members of a group have its files, from when they came until they leave', async (t) => {
  const { world, alice, bob, carol, eve, all } = scene();
  upload(world, alice, photo);
  const group = makeGroup(world, all, 'alice', 'bob');
  send(world, alice, group, fileIn(photo));
  const { from, seq } = newest(bob);
  const by = { with: group, from, seq };
  t.equal(fetchIt(world, bob, photo, by), 'ok');
  t.equal(fetchIt(world, eve, photo, by), 'unknown_file');
  arrange(world, alice, group, { what: 'add', users: ['carol'] });
  t.equal(fetchIt(world, carol, photo, by), 'unknown_file', 'from before it came');
  arrange(world, alice, group, { what: 'mode', announce: false, shared: true });
  t.equal(fetchIt(world, carol, photo, by), 'ok');
  arrange(world, bob, group, { what: 'leave' });
  t.equal(fetchIt(world, bob, photo, by), 'unknown_file');
  carol.say({ kind: 'self', id: 'f1', deed: { what: 'forget', with: group, of: { from, seq } } });
  world.pass(100);
  t.equal(fetchIt(world, carol, photo, by), 'unknown_file');
  t.equal(fetchIt(world, alice, photo, by), 'ok');
});

t.test('FIL8 a file is held by each message that has it, and collected a day after the last is gone', async (t) => {
  const { world, alice, bob, all } = scene();
  const kept = upload(world, alice, photo);
  const group = makeGroup(world, all, 'alice', 'bob');
  send(world, alice, 'bob', fileIn(photo));
  send(world, alice, 'bob', fileIn(photo));
  send(world, alice, group, fileIn(photo));
  const { seq } = newest(bob);
  t.same(holders(world, photo), [
    `${group}/0000000${seq}`,
    '@alice',
    'alice/bob/o/00000001',
    'alice/bob/o/00000002',
    'bob/alice/i/00000001',
    'bob/alice/i/00000002',
  ]);
  world.pass(2 * day_ms - hour_ms);
  t.equal(isCollected(world, kept), false);
  alice.say(
    { kind: 'amend', id: 'r1', with: 'bob', of: { from: 'alice', seq: 1 }, deed: { what: 'retract' } },
    { kind: 'amend', id: 'r2', with: group, of: { from: 'alice', seq }, deed: { what: 'retract' } },
  );
  world.pass(100);
  bob.say({ kind: 'self', id: 'f1', deed: { what: 'forget', with: 'alice', of: { from: 'alice', seq: 2 } } });
  world.pass(day_ms);
  t.same(holders(world, photo), ['alice/bob/o/00000002']);
  t.equal(isCollected(world, kept), false);
  alice.say({ kind: 'self', id: 'f2', deed: { what: 'forget', with: 'bob', of: { from: 'alice', seq: 2 } } });
  world.pass(day_ms - 1_000);
  t.equal(isCollected(world, kept), false, 'its grace is not over');
  world.pass(2_000);
  t.equal(isCollected(world, kept), true);
  t.same(world.ask(File.ref(photo.id), { kind: 'find' }), {});
  t.equal(isCollected(world, kept), true, 'and again');
  t.same(world.deadLetters, []);
});

t.test('FIL8 what vanishes or expires lets go of its file', async (t) => {
  const { world, alice, bob, all } = scene();
  upload(world, alice, photo);
  const timer = { afterMs: hour_ms, since: 'delivered' } as const;
  send(world, alice, 'bob', { ...fileIn(photo), vanish: timer });
  const group = makeGroup(world, all, 'alice', 'bob');
  send(world, alice, group, { ...fileIn(photo), vanish: { ...timer, since: 'sent' } });
  receive(world, bob);
  send(world, alice, 'carol', fileIn(photo));
  all.carol!.hangUp();
  t.equal(holders(world, photo).length, 6);
  world.pass(2 * hour_ms);
  t.same(holders(world, photo), ['@alice', 'alice/carol/o/00000001', 'carol/alice/i/00000001']);
  world.pass(31 * day_ms);
  t.same(holders(world, photo), ['@alice', 'alice/carol/o/00000001'], 'carol has not fetched it in time');
  t.same(world.deadLetters, []);
});

t.test('FIL8 what an account kept lets go of its files when the account ends', async (t) => {
  const { world, alice } = scene();
  upload(world, alice, photo);
  for (let i = 0; i < 3; i++) send(world, alice, 'bob', fileIn(photo));
  t.equal(holders(world, photo).length, 7);
  world.ask(User.ref('alice'), { kind: 'deactivate' });
  world.pass(1_000);
  t.same(holders(world, photo), ['@alice', ...[1, 2, 3].map((n) => `bob/alice/i/0000000${n}`)]);
  world.ask(User.ref('bob'), { kind: 'deactivate' });
  world.pass(day_ms);
  t.same(holders(world, photo), ['@alice']);
  t.equal(world.rowsOf('user/alice', 'upload').size, 0);
  t.same(world.deadLetters, []);
});

t.test('FIL8 a file that comes again while it is collected is another generation, and stays', async (t) => {
  const { world, alice, bob } = scene();
  const first = upload(world, alice, photo, hour_ms);
  const second = upload(world, bob, photo, hour_ms);
  t.equal(second.generation, first.generation, 'known: nothing is stored twice');
  world.pass(hour_ms + 1);
  t.equal(isCollected(world, first), false);
  world.pass(day_ms);
  t.equal(isCollected(world, first), true);
  const third = upload(world, alice, photo, hour_ms);
  t.not(third.generation, first.generation);
  t.equal(isCollected(world, first), true, 'its blob may go');
  t.equal(isCollected(world, third), false);
});

t.test(
  'FIL8 of two who store the same at once one counts, and what the collector took is not taken for stored',
  async (t) => {
    const { world } = scene();
    const offer = (user: string) => world.ask(File.ref(photo.id), { kind: 'offer', user, forMs: day_ms });
    const [one, other, late] = [offer('alice'), offer('bob'), offer('eve')];
    if (one.kind !== 'wanted' || other.kind !== 'wanted' || late.kind !== 'wanted') throw new Error('it is wanted');
    const stored = (user: string, generation: string) =>
      world.ask(File.ref(photo.id), { kind: 'stored', user, forMs: day_ms, file: { ...photo, generation } }).file;
    t.equal(isCollected(world, { ...photo, generation: late.generation }), true);
    t.equal(stored('eve', late.generation), undefined);
    t.equal(stored('alice', one.generation)?.generation, one.generation);
    t.equal(stored('alice', one.generation)?.generation, one.generation, 'said again');
    t.equal(stored('bob', other.generation)?.generation, one.generation);
    t.same(holders(world, photo), ['@alice', '@bob']);
  },
);

t.test(
  'FIL4 an account has a number of uploads that it may send, and room again when their time is over',
  async (t) => {
    const { world, alice } = scene({ uploads_max: 2 });
    const ask = () => world.ask(User.ref('alice'), { kind: 'mayUpload', login: loginOf(alice) });
    upload(world, alice, photo);
    t.match(ask(), { ok: true });
    upload(world, alice, song);
    t.match(ask(), { ok: false, code: 'too_many_files' });
    t.match(upload(world, alice, song), song, 'one that it has already');
    const few = scene({ uploads_bytes_max: 2_500 });
    upload(few.world, few.alice, photo);
    t.throws(() => upload(few.world, few.alice, song), /too_many_files/, 'by their bytes, too');
    world.pass(day_ms);
    t.match(ask(), { ok: true });
  },
);

t.test('FIL5 a device that comes later has the file in events and pages, until the message is gone', async (t) => {
  const { world, alice, bob } = scene();
  upload(world, alice, photo);
  send(world, alice, 'bob', fileIn(photo, { kind: 'image' }));
  const tablet = connect(world, logIn(world, 'bob', 'tablet'));
  t.match(newest(tablet).more, { file: photo });
  bob.say({ kind: 'history', req: 1, with: 'alice', before: 0, limit: 10 });
  world.pass(10);
  t.match(bob.last('page').messages, [{ more: { file: photo } }]);
  alice.say({ kind: 'amend', id: 'r1', with: 'bob', of: { from: 'alice', seq: 1 }, deed: { what: 'retract' } });
  world.pass(10);
  const laptop = connect(world, logIn(world, 'bob', 'laptop'));
  t.notMatch(JSON.stringify(laptop.words), photo.id);
});

t.test('FIL9 a group has a picture, which its admins set and its members have', async (t) => {
  const { world, alice, bob, eve, all } = scene();
  const kept = upload(world, alice, photo);
  upload(world, alice, song);
  const group = makeGroup(world, all, 'alice', 'bob');
  const set = (socket: Socket, file?: FileFacts) =>
    arrange(world, socket, group, { what: 'picture', ...(file && { file }) });
  t.equal(set(bob, photo), 'unknown_file', 'he has not uploaded it');
  upload(world, bob, photo);
  t.equal(set(bob, photo), 'not_an_admin');
  t.equal(set(alice, song), 'unknown_file', 'no image');
  t.equal(set(alice, { ...photo, width: 9 }), 'accepted');
  t.same(eventsOf(bob, 'group').at(-1)?.change, { what: 'pictured', file: photo }, 'as the server knows it');
  const entries = eventsOf(bob, 'group').length;
  t.equal(set(alice, photo), 'accepted');
  t.equal(eventsOf(bob, 'group').length, entries, 'it was so already');
  bob.say({ kind: 'roster', req: 1, with: group, after: '', limit: 10 });
  world.pass(10);
  t.same(bob.last('members').picture, photo);
  world.pass(2 * day_ms);
  t.ok(holders(world, photo).includes(`${group}/picture`));
  const by = { with: group, from: 'bob', seq: 1 };
  t.equal(fetchIt(world, bob, photo, by), 'ok');
  t.equal(fetchIt(world, eve, photo, by), 'unknown_file');
  world.pass(day_ms);
  t.equal(isCollected(world, kept), false);
  t.equal(set(alice), 'accepted');
  t.same(eventsOf(bob, 'group').at(-1)?.change, { what: 'pictured' });
  t.equal(fetchIt(world, bob, photo, by), 'unknown_file');
  world.pass(day_ms + 1_000);
  t.equal(isCollected(world, kept), true);
  t.same(world.deadLetters, []);
});
