import t from 'tap';
import { take } from '../../actors/connection/bucket.ts';
import { encode } from '../../proto/codec.ts';
import { connect, logIn, messenger, register, Socket, standing } from './harness.ts';

t.test('CON5 a socket that does not say hello in time is closed', async (t) => {
  const world = messenger();
  const socket = new Socket(world, register(world, 'alice'), 'json');
  world.pass(4_999);
  t.equal(socket.closed, undefined);
  world.pass(1);
  t.strictSame(socket.closed, { code: 4408, word: 'hello_timeout' });
  t.ok(world.rest(socket.ref.address));
});

t.test('CON5 ERR4 any other word before hello is refused', async (t) => {
  const world = messenger();
  register(world, 'bob');
  const socket = new Socket(world, register(world, 'alice'), 'json');
  socket.say({ kind: 'send', id: 'm1', to: 'bob', body: '' }, { kind: 'hello', epoch: '', cursor: 0 });
  world.settle();
  t.match(socket.words, [{ kind: 'refused', code: 'hello_first', id: 'm1', retry: false }]);
  socket.say({ kind: 'hello', epoch: '', cursor: 0 }, { kind: 'send', id: 'm1', to: 'bob', body: '' });
  world.settle();
  t.equal(socket.all('accepted').length, 1, 'words may follow hello in its frame');
  world.pass(60_000);
  t.equal(socket.closed, undefined);
});

t.test('CON6 the late hello of a socket that was given up does not close the one dialled after it', async (t) => {
  const world = messenger();
  const claims = register(world, 'alice');
  const newer = connect(world, claims, { epoch: '', cursor: 0, run: 'r1', dial: 2 });
  const late = connect(world, claims, { epoch: '', cursor: 0, run: 'r1', dial: 1 });
  t.strictSame([newer.closed, late.closed], [undefined, { code: 4409, word: 'replaced' }]);
  const other = connect(world, claims, { epoch: '', cursor: 0, run: 'r2', dial: 1 });
  t.strictSame([newer.closed, other.closed], [{ code: 4409, word: 'replaced' }, undefined], 'another run is newer');
});

t.test('CON6 a newer socket of the device closes the older one', async (t) => {
  const world = messenger();
  const claims = register(world, 'alice');
  const older = connect(world, claims);
  const newer = connect(world, claims, standing(older));
  t.strictSame(older.closed, { code: 4409, word: 'replaced' });
  newer.say({ kind: 'send', id: 'm1', to: 'bob', body: '' });
  world.settle();
  t.equal(newer.all('accepted').length, 1);
  t.equal(newer.closed, undefined);
  t.ok(world.rest(older.ref.address));
  t.notOk(world.rest(newer.ref.address), 'an actor on which a socket hangs stays awake');
  t.notOk(world.rest('user/alice'));
  newer.hangUp();
  world.settle();
  t.ok(world.rest('user/alice'));
});

t.test('FRM7 a bad frame is refused with a reason; the fifth closes the socket; others notice nothing', async (t) => {
  const world = messenger();
  const alice = connect(world, register(world, 'alice'));
  const bob = connect(world, register(world, 'bob'));
  for (let i = 0; i < 4; i++) bob.raw('{"kind":"send","id":"b1","to":"alice"}');
  world.settle();
  t.equal(bob.all('refused').length, 4);
  t.match(bob.last('refused'), { code: 'malformed', id: 'b1', reason: /send\.body/, retry: false });
  t.equal(bob.closed, undefined);
  bob.raw(new Uint8Array([0xc1]));
  world.settle();
  t.strictSame(bob.closed, { code: 1007, word: 'malformed' });
  alice.say({ kind: 'send', id: 'm1', to: 'bob', body: 'x' });
  world.settle();
  t.equal(alice.all('accepted').length, 1);
  t.strictSame(world.deadLetters, []);
});

t.test('FRM7 one bad word refuses its whole frame', async (t) => {
  const world = messenger();
  const alice = connect(world, register(world, 'alice'));
  const bad = { kind: 'send', id: 'm2', to: 'BOB', body: '' } as const;
  alice.say({ kind: 'send', id: 'm1', to: 'bob', body: '' }, bad);
  world.settle();
  t.match(alice.last('refused'), { id: 'm2', code: 'malformed' });
  t.equal(alice.all('accepted').length, 0);
});

t.test('ERR2 an over-long body is refused by the name of its message', async (t) => {
  const world = messenger();
  const alice = connect(world, register(world, 'alice'), undefined, 'msgpack');
  alice.say({ kind: 'send', id: 'm1', to: 'bob', body: 'x'.repeat(32 * 1024 + 1) });
  world.settle();
  t.match(alice.last('refused'), { code: 'too_long', id: 'm1', retry: false });
  alice.raw(new Uint8Array(70_000));
  world.settle();
  t.match(alice.last('refused'), { code: 'too_long', reason: /65536/ });
});

t.test('LIM10 ERR3 too many words are refused, all of a frame, with the time to wait', async (t) => {
  const world = messenger({ words_per_s_max: 10, words_burst_max: 20 });
  register(world, 'bob');
  const alice = connect(world, register(world, 'alice'));
  const send = (id: string) => ({ kind: 'send', id, to: 'bob', body: '' }) as const;
  for (let i = 0; i < 19; i++) alice.say(send(`m${i}`));
  alice.say(send('late'), send('later'));
  world.settle();
  t.equal(alice.all('accepted').length, 19);
  t.match(alice.all('refused'), [
    { id: 'late', code: 'too_fast', retry: true, afterMs: 200 },
    { id: 'later', code: 'too_fast', retry: true, afterMs: 200 },
  ]);
  world.pass(200);
  alice.say(send('late'), send('later'));
  world.settle();
  t.equal(alice.all('accepted').length, 21);
  t.equal(alice.closed, undefined);
});

t.test('LIM10 whoever goes on all the same is closed; nobody else is slowed down', async (t) => {
  const world = messenger({ words_per_s_max: 10, words_burst_max: 10, too_fast_frames_max: 5 });
  const alice = connect(world, register(world, 'alice'));
  const bob = connect(world, register(world, 'bob'));
  for (let i = 0; i < 30; i++) alice.say({ kind: 'typing', to: 'bob', on: true });
  bob.say({ kind: 'send', id: 'm1', to: 'alice', body: '' });
  world.settle();
  t.equal(alice.all('refused').length, 5);
  t.strictSame(alice.closed, { code: 4429, word: 'too_fast' });
  t.equal(bob.all('accepted').length, 1);
});

t.test('LIM10 large frames cost more tokens', async (t) => {
  const world = messenger({ words_per_s_max: 10, words_burst_max: 40 });
  const alice = connect(world, register(world, 'alice'));
  alice.say({ kind: 'send', id: 'm1', to: 'bob', body: 'x'.repeat(30 * 1024) });
  alice.say({ kind: 'send', id: 'm2', to: 'bob', body: 'x'.repeat(30 * 1024) });
  world.settle();
  t.match(alice.last('refused'), { id: 'm2', code: 'too_fast' });
});

t.test('LIM10 the bucket', async (t) => {
  const rate = { perSecond: 10, burst: 5 };
  const bucket = { tokens: 5, at: 0 };
  t.equal(take(bucket, rate, 4, 0), 0);
  t.equal(take(bucket, rate, 3, 0), 200);
  t.equal(take(bucket, rate, 3, 200), 0);
  t.equal(take(bucket, rate, 99, 700), 0, 'more than it holds: when it is full');
  t.equal(take(bucket, rate, 1, 0), 100, 'a clock that is put back takes nothing away');
  t.equal(take(bucket, rate, 1, 100), 0);
});

t.test('A10 words to a socket that is not there, or no more, do no harm', async (t) => {
  const world = messenger();
  const claims = register(world, 'alice');
  const socket = connect(world, claims);
  const { address } = socket.ref;
  socket.hangUp();
  socket.raw(encode([{ kind: 'received', upTo: 1 }], 'json'));
  world.whisper(socket.ref, { kind: 'news', n: 1, words: [] });
  world.whisper(socket.ref, { kind: 'say', words: [{ kind: 'resync' }] });
  world.whisper(socket.ref, { kind: 'end', code: 4403, word: 'revoked' });
  for (const kind of ['helloDue', 'nudge', 'check', 'renew', 'closed'] as const) world.whisper(socket.ref, { kind });
  world.settle();
  world.pass(600_000);
  t.strictSame(world.deadLetters, []);
  t.ok(world.rest(address));
});

t.test('A10 CON10 a turn of a connection that fails costs a new hello, and nothing else', async (t) => {
  const world = messenger();
  const alice = connect(world, register(world, 'alice'));
  const bob = connect(world, register(world, 'bob'));
  const failing = ['news', 'frame', 'greet', 'say'];
  for (const kind of failing) {
    world.fail = ({ to, body }) => to === bob.ref.address && body.kind === kind;
    alice.say({ kind: 'send', id: kind, to: 'bob', body: '' });
    bob.say({ kind: 'send', id: `b-${kind}`, to: 'bob', body: '' });
    if (kind === 'greet') bob.say({ kind: 'hello', ...standing(bob) });
    world.settle();
    world.fail = undefined;
    t.equal(bob.all('resync').length, failing.indexOf(kind) + 1, kind);
    bob.say({ kind: 'hello', ...standing(bob) });
    world.settle();
  }
  const whole = connect(world, bob.claims);
  t.match(
    whole.timeline(),
    failing.map((id) => ({ id })),
  );
  t.equal(bob.all('refused').filter(({ code }) => code !== 'to_self').length, 0);
});

t.test('CON10 words that were on their way when the client was asked for its hello are dropped', async (t) => {
  const world = messenger();
  const alice = connect(world, register(world, 'alice'));
  world.move('alice');
  for (let i = 0; i < 20; i++) alice.say({ kind: 'send', id: `m${i}`, to: 'bob', body: '' });
  world.settle();
  t.equal(alice.closed, undefined);
  t.strictSame(
    alice.words.map(({ kind }) => kind),
    ['welcome', 'resync'],
  );
});

t.test('CON10 however often a client says hello, its timers stay one of a kind', async (t) => {
  const world = messenger();
  const alice = connect(world, register(world, 'alice'));
  for (let i = 0; i < 5; i++) {
    alice.say({ kind: 'hello', ...standing(alice) }, { kind: 'watch', users: ['bob'] });
    world.settle();
  }
  world.pass(6_000);
  t.strictSame([...world.pendingOf(alice.ref.address)].sort(), ['check', 'renew']);
});

t.test('A9 a user that still counts on a lost socket is put right', async (t) => {
  const world = messenger();
  const claims = register(world, 'alice');
  const socket = connect(world, claims);
  world.forget(socket.ref.address);
  const bob = connect(world, logIn(world, 'alice', 'tablet'));
  bob.say({ kind: 'send', id: 'm1', to: 'carol', body: '' });
  world.settle();
  bob.hangUp();
  world.settle();
  t.ok(world.rest('user/alice'), 'nothing hangs on it any more');
});

t.test('SND6 a frame that is lost on its way is not overtaken: the client is asked to begin again', async (t) => {
  const world = messenger();
  const alice = connect(world, register(world, 'alice'));
  register(world, 'bob');
  let lost = 0;
  world.drop = (mail) => mail.body.kind === 'frame' && ++lost === 2;
  for (const id of ['m1', 'm2', 'm3', 'm4']) alice.say({ kind: 'send', id, to: 'bob', body: '' });
  world.settle();
  t.equal(alice.all('resync').length, 1);
  t.notOk(
    alice.all('accepted').some(({ id }) => id !== 'm1'),
    'nothing behind it is carried out',
  );
  t.strictSame(alice.answers, [1, 2, 4, 5], 'the edge hears which frame did not come');
  alice.say({ kind: 'hello', ...standing(alice) });
  for (const id of ['m1', 'm2', 'm3', 'm4']) alice.say({ kind: 'send', id, to: 'bob', body: '' });
  world.settle();
  t.strictSame(
    alice.all('accepted').map(({ id, seq }) => [id, seq]),
    [
      ['m1', 1],
      ['m2', 2],
      ['m3', 3],
      ['m4', 4],
    ],
  );
  t.equal(alice.closed, undefined);
});

t.test('SND6 words that are lost between a connection and its user are not overtaken either', async (t) => {
  const world = messenger();
  const alice = connect(world, register(world, 'alice'));
  register(world, 'bob');
  let lost = 0;
  world.drop = (mail) => mail.body.kind === 'words' && ++lost === 1;
  for (const id of ['m1', 'm2']) alice.say({ kind: 'send', id, to: 'bob', body: '' });
  world.settle();
  t.equal(alice.all('accepted').length, 0);
  t.equal(alice.all('resync').length, 1);
  alice.say({ kind: 'hello', ...standing(alice) }, { kind: 'send', id: 'm1', to: 'bob', body: '' });
  alice.say({ kind: 'send', id: 'm2', to: 'bob', body: '' });
  world.settle();
  t.strictSame(
    alice.all('accepted').map(({ id, seq }) => [id, seq]),
    [
      ['m1', 1],
      ['m2', 2],
    ],
  );
});

t.test('the edge hears that a frame came, whatever became of it, if it wants to', async (t) => {
  const world = messenger({ words_per_s_max: 10, words_burst_max: 10 });
  const socket = new Socket(world, register(world, 'alice'), 'json');
  socket.say({ kind: 'typing', to: 'bob', on: true });
  socket.raw('{');
  socket.say({ kind: 'hello', epoch: '', cursor: 0 });
  for (let i = 0; i < 20; i++) socket.say({ kind: 'typing', to: 'bob', on: true });
  world.settle();
  t.strictSame(
    socket.answers,
    Array.from({ length: 23 }, (_, i) => i + 1),
  );
  world.whisper(socket.ref, { kind: 'frame', bytes: '{}', number: 24 });
  world.settle();
  t.equal(socket.answers.length, 23);
  world.move('alice');
  world.settle();
  socket.say({ kind: 'hello', ...standing(socket) });
  world.settle();
  t.strictSame(socket.answers, [1], 'counted anew by the next owner');
});

t.test('SND6 a frame after an introduction that was lost is not taken for the next one', async (t) => {
  const world = messenger();
  const claims = register(world, 'alice');
  const socket = connect(world, claims);
  const words = (id: string) => JSON.stringify([{ kind: 'send', id, to: 'bob', body: '' }]);
  const frame = (nth: number, number: number, id: string) =>
    world.whisper(socket.ref, { kind: 'frame', bytes: words(id), number, nth });
  frame(0, 1, 'm1');
  world.settle();
  // The edge introduced the socket again, and dropped what came meanwhile; the introduction was lost.
  frame(1, 1, 'm3');
  world.settle();
  t.equal(socket.all('resync').length, 1);
  t.strictSame(
    socket.all('accepted').map(({ id }) => id),
    ['m1'],
  );
});
