import t from 'tap';
import { User } from '../../actors/index.ts';
import type { More } from '../../proto/words.ts';
import { makeGroup } from './groups.ts';
import { connect, logIn, messenger, register, type Socket, standing } from './harness.ts';

t.test('SND2 DEL4 RCP3 the whole life of a message: accepted, delivered, read', async (t) => {
  const world = messenger();
  const alice = connect(world, register(world, 'alice'), undefined, 'msgpack');
  const bob = connect(world, register(world, 'bob'));

  alice.say({ kind: 'send', id: 'm1', to: 'bob', body: 'Shall we?' });
  world.settle();
  const accepted = alice.last('accepted');
  t.strictSame(accepted, { kind: 'accepted', id: 'm1', n: 1, seq: 1, at: world.now });
  const message = { kind: 'message', id: 'm1', from: 'alice', to: 'bob', seq: 1, at: world.now, body: 'Shall we?' };
  t.strictSame(bob.timeline(), [message]);
  t.strictSame(alice.timeline(), [{ kind: 'other', was: 'accepted m1' }], 'no receipt yet');

  world.pass(10);
  bob.say({ kind: 'received', upTo: 1 });
  world.settle();
  const delivered = { kind: 'receipt', with: 'bob', delivered: 1, read: 0, at: world.now };
  t.strictSame(alice.timeline().slice(1), [delivered]);

  world.pass(10);
  bob.say({ kind: 'read', with: 'alice', upTo: 1 });
  world.settle();
  const read = { kind: 'receipt', with: 'bob', delivered: 1, read: 1, at: world.now };
  t.strictSame(alice.timeline().slice(1), [delivered, read]);
  t.strictSame(bob.timeline(), [message], 'a single device hears nothing of its own reading');

  alice.say({ kind: 'inquire', req: 5, id: 'm1' });
  world.settle();
  const untouched = { edited: 0, retracted: 0, reactions: [], pinned: 0 };
  t.strictSame(alice.last('answer'), {
    kind: 'answer',
    req: 5,
    message: { ...message, ...untouched, n: 1, delivered: delivered.at, read: read.at, failed: '' },
  });
  t.strictSame(world.deadLetters, []);
});

t.test('A8 SND4 the same id again gets the first answer, and no second message', async (t) => {
  const world = messenger();
  const alice = connect(world, register(world, 'alice'));
  const bob = connect(world, register(world, 'bob'));
  alice.say({ kind: 'send', id: 'm1', to: 'bob', body: 'one' });
  world.settle();
  world.pass(5_000);
  alice.say({ kind: 'send', id: 'm1', to: 'bob', body: 'one' }, { kind: 'send', id: 'm1', to: 'carol', body: 'other' });
  world.settle();
  const [first, ...repeated] = alice.all('accepted');
  t.strictSame(repeated, [first, first]);
  t.equal(bob.timeline().length, 1);
  t.equal(world.rowsOf('user/carol', 'tl').size, 0);

  const tablet = connect(world, logIn(world, 'alice', 'tablet'));
  tablet.say({ kind: 'send', id: 'm1', to: 'bob', body: 'one' });
  world.settle();
  t.strictSame(tablet.last('accepted'), first, 'ids belong to the account, not to the device');
});

t.test('A8 a retry after both sides moved to another node gets the first answer', async (t) => {
  const world = messenger();
  const alice = connect(world, register(world, 'alice'));
  const bob = connect(world, register(world, 'bob'));
  alice.say({ kind: 'send', id: 'm1', to: 'bob', body: 'one' });
  world.settle();
  world.move('alice');
  world.move('bob');
  world.settle();
  t.equal(alice.all('resync').length, 1, 'CON10');
  alice.say({ kind: 'hello', ...standing(alice) }, { kind: 'send', id: 'm1', to: 'bob', body: 'one' });
  bob.say({ kind: 'hello', ...standing(bob) });
  world.settle();
  t.strictSame(alice.all('accepted')[1], alice.all('accepted')[0]);
  t.equal(bob.all('events').length, 1);
});

t.test('SND5 the sending device gets accepted, the other devices the message', async (t) => {
  const world = messenger();
  const phone = connect(world, register(world, 'alice'));
  const tablet = connect(world, logIn(world, 'alice', 'tablet'));
  register(world, 'bob');
  phone.say({ kind: 'send', id: 'm1', to: 'bob', body: 'hi' });
  world.settle();
  t.equal(phone.all('accepted').length, 1);
  t.equal(phone.all('events').length, 0);
  t.match(tablet.timeline(), [{ kind: 'message', id: 'm1', from: 'alice', to: 'bob', seq: 1 }]);

  const again = connect(world, phone.claims);
  t.match(
    again.timeline(),
    [{ kind: 'message', id: 'm1', from: 'alice' }],
    'to a device that starts anew it is an event',
  );
});

t.test('SND6 SND7 DEL7 messages come in order, numbered from 1 in each direction', async (t) => {
  const world = messenger();
  const alice = connect(world, register(world, 'alice'));
  const bob = connect(world, register(world, 'bob'));
  for (let i = 1; i <= 20; i++) alice.say({ kind: 'send', id: `a${i}`, to: 'bob', body: `${i}` });
  for (let i = 1; i <= 3; i++) bob.say({ kind: 'send', id: `b${i}`, to: 'alice', body: `${i}` });
  world.settle();
  t.strictSame(
    alice.all('accepted').map(({ seq }) => seq),
    Array.from({ length: 20 }, (_, i) => i + 1),
  );
  const incoming = bob.timeline().filter((event) => event.kind === 'message');
  t.strictSame(
    incoming.map(({ seq, body }) => [seq, body]),
    Array.from({ length: 20 }, (_, i) => [i + 1, `${i + 1}`]),
  );
});

t.test('SND8 a message to oneself is refused', async (t) => {
  const world = messenger();
  const alice = connect(world, register(world, 'alice'));
  alice.say({ kind: 'send', id: 'm1', to: 'alice', body: 'hi' });
  world.settle();
  t.match(alice.last('refused'), { id: 'm1', code: 'to_self', retry: false });
  t.equal(alice.all('accepted').length, 0);
});

t.test('SND8 DEL6 a message to a name without an account is accepted, and fails with a word', async (t) => {
  const world = messenger();
  const alice = connect(world, register(world, 'alice'));
  alice.say({ kind: 'send', id: 'm1', to: 'nobody', body: 'hi' });
  world.settle();
  t.equal(alice.all('accepted').length, 1);
  t.match(alice.timeline()[1], { kind: 'failed', id: 'm1', to: 'nobody', seq: 1, code: 'unknown_user' });
  t.equal(world.rowsOf('user/nobody', 'tl').size, 0, 'nothing is kept for a name without an account');

  alice.say({ kind: 'inquire', req: 1, id: 'm1' });
  const nobody = connect(world, register(world, 'nobody'));
  alice.say({ kind: 'send', id: 'm2', to: 'nobody', body: 'hi again' });
  world.settle();
  t.match(alice.last('answer').message, { failed: 'unknown_user', delivered: 0 });
  t.match(nobody.timeline(), [{ kind: 'message', id: 'm2', seq: 2 }], 'DEL7 numbers may be missing at the recipient');
});

t.test('SND8 DEL6 a message to a deactivated account fails with a word, and so does what waits there', async (t) => {
  const world = messenger();
  const alice = connect(world, register(world, 'alice'));
  register(world, 'bob');
  alice.say({ kind: 'send', id: 'm1', to: 'bob', body: 'hi' });
  world.settle();
  t.strictSame(world.ask(User.ref('bob'), { kind: 'deactivate' }), { ok: true });
  world.pass(1);
  t.match(alice.timeline()[1], { kind: 'failed', id: 'm1', code: 'deactivated' });
  alice.say({ kind: 'send', id: 'm2', to: 'bob', body: 'hi' });
  world.settle();
  t.match(alice.timeline().at(-1), { kind: 'failed', id: 'm2', code: 'deactivated' });
});

t.test('DEL7 a mail that comes twice all the same is dealt with once', async (t) => {
  const world = messenger();
  const bob = connect(world, register(world, 'bob'));
  const mail = { kind: 'message', id: 'm1', from: 'alice', seq: 1, at: world.now, expiresAt: world.now + 1e9 } as const;
  const failed = { kind: 'failed', from: 'carol', id: 'm2', seq: 1, code: 'unknown_user', at: world.now } as const;
  for (let i = 0; i < 2; i++) {
    world.ask(User.ref('bob'), { kind: 'devices', session: '' });
    world.whisper(User.ref('bob'), { ...mail, body: 'hi' });
    world.whisper(User.ref('bob'), failed);
    world.settle();
  }
  t.strictSame(
    bob.timeline().map(({ kind }) => kind),
    ['message', 'failed'],
  );
});

t.test('DEL8 times of a message never go back, though clocks of nodes differ', async (t) => {
  const world = messenger();
  const alice = connect(world, register(world, 'alice'));
  const bob = connect(world, register(world, 'bob'));
  alice.say({ kind: 'send', id: 'm1', to: 'bob', body: 'hi' });
  world.settle();
  const sentAt = alice.last('accepted').at;
  world.now -= 3_000;
  bob.say({ kind: 'received', upTo: 1 }, { kind: 'read', with: 'alice', upTo: 1 });
  world.settle();
  t.equal(alice.last('events').list[0]?.kind, 'receipt');
  alice.say({ kind: 'inquire', req: 1, id: 'm1' });
  world.settle();
  const { message } = alice.last('answer');
  t.ok(message.delivered >= sentAt && message.read >= message.delivered);
});

t.test('A10 a turn that fails at its end changes nothing, and its second try does it once', async (t) => {
  const world = messenger();
  const alice = connect(world, register(world, 'alice'));
  const bob = connect(world, register(world, 'bob'));
  world.fail = ({ to }) => to.startsWith('user/');
  alice.say({ kind: 'send', id: 'm1', to: 'bob', body: '1' }, { kind: 'send', id: 'm2', to: 'bob', body: '2' });
  world.settle();
  bob.say({ kind: 'received', upTo: 1 }, { kind: 'received', upTo: 2 }, { kind: 'read', with: 'alice', upTo: 2 });
  world.settle();
  t.match(alice.all('accepted'), [
    { n: 1, seq: 1 },
    { n: 2, seq: 2 },
  ]);
  t.match(bob.timeline(), [
    { id: 'm1', seq: 1 },
    { id: 'm2', seq: 2 },
  ]);
  t.match(alice.timeline().slice(2), [{ delivered: 2, read: 2 }], 'one frame, one receipt');
  t.equal(alice.timeline().length, 3);
});

t.test('the rows that a message costs stay few: 13 in all, and none for the receipt of a receipt', async (t) => {
  const world = messenger();
  const alice = connect(world, register(world, 'alice'));
  const bob = connect(world, register(world, 'bob'));
  const step = (): number => {
    const before = world.rowsWritten;
    world.settle();
    return world.rowsWritten - before;
  };
  const life = (i: number): number[] => {
    alice.say({ kind: 'send', id: `m${i}`, to: 'bob', body: 'x'.repeat(100) });
    const rows = [step()];
    bob.say({ kind: 'received', upTo: bob.cursor() });
    rows.push(step());
    bob.say({ kind: 'read', with: 'alice', upTo: i });
    rows.push(step());
    alice.say({ kind: 'received', upTo: alice.cursor() });
    return [...rows, step()];
  };
  life(1);
  // Sent: timeline, conversation and id here, timeline and conversation there. Received: conversation and cursor; timeline,
  // conversation and mark at the sender. Read: conversation; timeline, conversation and mark at the sender.
  t.strictSame(life(2), [5, 5, 4, 0]);
});

t.test(
  'MOR1 MOR2 what a message holds besides its text comes with it, now and later, to a user and to a group',
  async (t) => {
    const world = messenger();
    const alice = connect(world, register(world, 'alice'), undefined, 'msgpack');
    const bob = connect(world, register(world, 'bob'));
    const more: More = {
      reply: { from: 'bob', seq: 4, quote: 'Where?' },
      forwarded: true,
      mentions: ['carol'],
      place: { north: 523_000_000, east: -1_234_567, name: 'Here' },
      card: { name: 'Carol', user: 'carol', phone: '+49 30 1', email: '' },
    };
    const stranger = { ...more, colour: 'red', reply: { ...more.reply, at: 3 } } as More;
    alice.say({ kind: 'send', id: 'm1', to: 'bob', body: 'There', more: stranger });
    const group = makeGroup(world, { alice, bob }, 'alice', 'bob');
    alice.say({ kind: 'send', id: 'm2', to: group, body: 'There', more });
    alice.say({ kind: 'send', id: 'm3', to: group, body: 'plain', more: {} });
    world.pass(100);
    const held = (socket: Socket) => {
      return socket.timeline().flatMap((event) => (event.kind === 'message' ? [event.more] : []));
    };
    t.strictSame(held(bob), [more, more, undefined], 'with the fields of the protocol and no other');
    const tablet = connect(world, logIn(world, 'alice', 'tablet'));
    t.strictSame(held(tablet), [more, more, undefined], 'on another device of the sender');
    for (const [req, of] of [
      [1, 'alice'],
      [2, group],
    ] as const) {
      bob.say({ kind: 'history', req, with: of, before: 0, limit: 10 });
      world.settle();
      t.strictSame(bob.last('page').messages.at(-1)?.more, more, `in the history with ${of}`);
    }
  },
);

t.test('MOR3 what it may not hold is refused by name', async (t) => {
  const world = messenger({ malformed_frames_max: 100 });
  const alice = connect(world, register(world, 'alice'));
  const bad: readonly (readonly [more: unknown, code: string, reason: RegExp])[] = [
    ['x', 'malformed', /more must be an object/],
    [{ reply: { from: 'bob', seq: 0, quote: '' } }, 'malformed', /more\.reply\.seq/],
    [{ reply: { from: 'bob', seq: 1, quote: 'x'.repeat(257) } }, 'too_long', /more\.reply\.quote/],
    [{ mentions: Array(65).fill('bob') }, 'too_long', /at most 64/],
    [{ mentions: ['Not A Name'] }, 'malformed', /more\.mentions/],
    [{ place: { north: 900_000_001, east: 0, name: '' } }, 'malformed', /on the earth/],
    [{ place: { north: 0.5, east: 0, name: '' } }, 'malformed', /on the earth/],
    [{ card: { name: 7, user: '', phone: '', email: '' } }, 'malformed', /more\.card\.name/],
  ];
  for (const [more, code, reason] of bad) {
    alice.raw(JSON.stringify({ kind: 'send', id: 'm', to: 'bob', body: '', more }));
    world.settle();
    t.match(alice.words.at(-1), { kind: 'refused', id: 'm', code, reason });
  }
});
