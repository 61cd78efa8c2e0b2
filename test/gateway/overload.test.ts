import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { Lane, type Mark } from '../../gateway/lane.ts';
import { defaultGatewayLimits } from '../../gateway/limits.ts';
import { Share, Turns } from '../../gateway/turns.ts';
import { bearerPrefix, subprotocols } from '../../proto/words.ts';
import { type Client, closing, dial, pause, refusal, stage, until } from './stage.ts';
import { frames, opens, type StagedDoor } from './staged-door.ts';

/** A budget that does not move, and an answer to every frame. */
const fixed = (bytes: number) => ({
  lane_bytes_min: bytes,
  lane_bytes_max: bytes,
  lane_frame_bytes: 0,
  lane_mark_bytes: 1,
});
/** Answers the oldest frame without an answer. */
function answerNext(door: StagedDoor): void {
  const next = door.handed.shift();
  next?.connection.push(String(next.number));
}
const kib = 'x'.repeat(1_024);

t.test('A9 no more is under way than the budget; what waits is not read, and comes in order', async (t) => {
  const { client, register, door } = await stage(t, fixed(8 * 32 * 1_024));
  const { ws, connection } = await client((await register('alice')).accessToken);
  door.answers = false;
  const count = 800;
  for (let n = 0; n < count; n++) ws.send(`${n}`.padEnd(32 * 1_024));
  await until(() => frames(connection).length === 8);
  await pause(100);
  t.equal(frames(connection).length, 8);
  t.ok(ws.bufferedAmount > 4 * 1_024 * 1_024, 'the client is held back');
  answerNext(door);
  await until(() => frames(connection).length === 9);
  door.answers = true;
  for (let n = 0; n < 9; n++) answerNext(door);
  await until(() => frames(connection).length === count, 20_000);
  t.strictSame(
    frames(connection).map((text) => Number.parseInt(text as string, 10)),
    Array.from({ length: count }, (_, n) => n),
  );
});

t.test('A9 who asks for little comes before those who have had their share', async (t) => {
  const { client, register, door } = await stage(t, fixed(4 * 1_024));
  const { accessToken } = await register('alice');
  const greedy: Client[] = [];
  while (greedy.length < 4) greedy.push(await client(accessToken));
  const modest = await client(accessToken);
  door.answers = false;
  for (const { ws } of greedy) for (let n = 0; n < 200; n++) ws.send(kib);
  const taken = (): number => greedy.reduce((sum, { connection }) => sum + frames(connection).length, 0);
  await until(() => taken() === 4);
  const shares = (): number[] => greedy.map(({ connection }) => frames(connection).length);
  const first = shares();
  for (let n = 0; n < 16; n++) {
    const before = taken();
    answerNext(door);
    await until(() => taken() === before + 1);
  }
  const since = shares().map((share, i) => share - first[i]!);
  t.ok(Math.max(...since) - Math.min(...since) <= 1, `all get their share: ${since}`);
  modest.ws.send('one word');
  await pause(50);
  t.equal(frames(modest.connection).length, 0);
  answerNext(door);
  await until(() => frames(modest.connection).length === 1);
});

t.test('A9 one node that does not answer holds up nobody who lives on another', async (t) => {
  const { client, register, door } = await stage(t, fixed(2 * 1_024));
  const stuck = await client((await register('alice')).accessToken);
  door.nodes.set('bob', 'n2');
  const free = await client((await register('bob')).accessToken);
  door.answers = false;
  for (let n = 0; n < 50; n++) stuck.ws.send(kib);
  await until(() => frames(stuck.connection).length === 2);
  free.ws.send('hello');
  await until(() => frames(free.connection).length === 1);
});

t.test('an actor that has moved: what was under way to it counts no more', async (t) => {
  const { client, register, door } = await stage(t, fixed(2 * 1_024));
  const { accessToken } = await register('alice');
  const one = await client(accessToken);
  const two = await client(accessToken);
  door.answers = false;
  for (let n = 0; n < 5; n++) one.ws.send(kib);
  await until(() => frames(one.connection).length === 2);
  two.ws.send('waits');
  await pause(50);
  t.equal(frames(two.connection).length, 0);
  one.connection.moved();
  await until(() => frames(two.connection).length === 1);
  await until(() => opens(one.connection).length === 2);
  t.match(one.connection.mail.at(-1), { kind: 'open', again: true });
  one.ws.send('after');
  await until(() => frames(one.connection).length === 3);
  t.match(one.connection.mail.at(-1), { kind: 'frame', bytes: 'after', number: 1 });
});

t.test('a frame that nobody ever answers was lost: the socket is introduced again', async (t) => {
  const { client, register, door } = await stage(t, { effect_ms_max: 150, sweep_ms: 20 });
  const { ws, connection } = await client((await register('alice')).accessToken);
  door.answers = false;
  ws.send('lost');
  await until(() => opens(connection).length === 2);
  t.equal(opens(connection)[1]?.again, true);
});

t.test('frames that wait too long for their turn: closed with a word', async (t) => {
  const { client, register, door } = await stage(t, { ...fixed(1_024), lane_wait_ms_max: 150, sweep_ms: 20 });
  const { ws, connection } = await client((await register('alice')).accessToken);
  door.answers = false;
  for (let n = 0; n < 5; n++) ws.send(kib);
  t.strictSame(await closing(ws), { code: 1013, reason: 'overloaded' });
  t.equal(connection.mail.at(-1)?.kind, 'closed');
});

t.test('who is held back hears that the server lives', async (t) => {
  const { client, register, door } = await stage(t, { ...fixed(1_024), sweep_ms: 20 });
  const { ws, connection } = await client((await register('alice')).accessToken);
  door.answers = false;
  ws.send(kib);
  await until(() => frames(connection).length === 1);
  let pings = 0;
  ws.on('ping', () => pings++);
  await pause(150);
  t.equal(pings, 0);
  ws.send('waits');
  await until(() => pings >= 3);
  answerNext(door);
  await until(() => frames(connection).length === 2);
});

t.test('A9 frames that wait are bounded over all sockets', async (t) => {
  const { client, register, door, logged } = await stage(t, {
    ...fixed(1_024),
    parked_total_bytes_max: 3 * 1_024,
    sweep_ms: 20,
  });
  const { accessToken } = await register('alice');
  const sockets: Client[] = [];
  while (sockets.length < 8) sockets.push(await client(accessToken));
  door.answers = false;
  const ends = sockets.slice(4).map(({ ws }) => closing(ws));
  for (const { ws } of sockets) {
    ws.send(kib);
    await pause(5);
  }
  for (const end of ends) t.strictSame(await end, { code: 1013, reason: 'overloaded' });
  t.notOk(sockets.slice(0, 4).some(({ connection }) => connection.closed));
  await until(() => logged.some((line) => line.includes('overloaded')));
});

t.test('when even the modest wait, those who come anew are told when to come again', async (t) => {
  const { client, register, door, gateway, call } = await stage(t, { ...fixed(1_024), overload_ms: 100 });
  const { accessToken, refreshToken } = await register('alice');
  const { ws, connection } = await client(accessToken);
  door.answers = false;
  ws.send(kib);
  ws.send('waits');
  await until(() => frames(connection).length === 1);
  await pause(150);
  t.equal(await refusal(dial(gateway, [subprotocols.json, bearerPrefix + accessToken])), 503);
  const refused = await call('POST', '/v1/sessions', { user: 'alice', device: 'd', password: 'correct horse' });
  t.match([refused.status, refused.body.error], [503, { code: 'overloaded', retry: true }]);
  t.ok(refused.body.error.afterMs >= 1_000);
  t.match((await call('GET', '/v1/health')).body, { error: { code: 'overloaded' } });
  t.equal((await call('POST', '/v1/sessions/refresh', { refreshToken })).status, 200, 'who is there may stay');
  answerNext(door);
  await until(() => frames(connection).length === 2);
  t.equal((await call('GET', '/v1/health')).status, 200);
});

t.test('one frame in some bytes is answered, and stands for those before it', async (t) => {
  const { client, register, door } = await stage(t, { lane_frame_bytes: 0, lane_mark_bytes: 10 * 1_024 });
  const { ws, connection } = await client((await register('alice')).accessToken);
  for (let n = 0; n < 101; n++) ws.send(kib);
  await until(() => frames(connection).length === 101);
  const asked = door.handed.filter(({ answer }) => answer).length;
  t.ok(asked >= 10 && asked <= 30, `${asked} of 101`);
  door.answers = false;
  ws.send('a lone one is answered');
  await until(() => door.handed.length === 102);
  t.equal(door.handed.at(-1)?.answer, true);
});

/** A node that takes `bytesPerMs`, one frame after another, and `idleMs` for each besides; asked for ever more by many sockets. */
function served(bytesPerMs: number, idleMs: number, limits = defaultGatewayLimits): { tookMs: number; budget: number } {
  const lane = new Lane(limits);
  const cost = 1_000;
  const underWay: { atMs: number; doneMs: number; mark: Mark | undefined }[] = [];
  let nowMs = 0;
  let freeMs = 0;
  const waiters = Array.from({ length: 500 }, () => ({
    share: new Share(),
    nextCost: cost,
    handOver() {
      freeMs = Math.max(freeMs, nowMs) + cost / bytesPerMs;
      const mark = lane.took(cost, lane.wantsAnswer(cost), nowMs);
      underWay.push({ atMs: nowMs, doneMs: freeMs + idleMs, mark });
      return cost;
    },
  }));
  // Some quiet times before: what frames take by themselves is known.
  for (let n = 0; n < 100; n++) {
    const mark = lane.took(cost, true, nowMs);
    nowMs += idleMs + cost / bytesPerMs;
    if (mark !== undefined) lane.answered(mark, nowMs);
    nowMs += 1_000;
  }
  freeMs = nowMs;
  for (const waiter of waiters) lane.wait(waiter, nowMs);
  lane.serve();
  let tookMs = 0;
  for (let n = 0; n < 60_000; n++) {
    const first = underWay.shift();
    if (first === undefined) throw new Error('nothing is under way');
    nowMs = first.doneMs;
    tookMs = nowMs - first.atMs;
    if (first.mark !== undefined) lane.answered(first.mark, nowMs);
    lane.serve();
  }
  return { tookMs, budget: lane.budget };
}

t.test('A9 the budget follows the time that frames take, whatever the node can do', async (t) => {
  const { lane_ms_target, lane_bytes_max, lane_bytes_min } = defaultGatewayLimits;
  const steady = served(4_000, 5);
  t.ok(steady.tookMs > lane_ms_target / 2 && steady.tookMs < lane_ms_target * 1.5, `${steady.tookMs} ms`);
  t.ok(steady.budget < lane_bytes_max);
  const slow = served(100, 5);
  t.equal(slow.budget, lane_bytes_min, 'never less than keeps a node busy');
  const quick = served(1_000_000, 5);
  t.equal(quick.budget, lane_bytes_max);
  const far = served(4_000, 400);
  t.ok(far.budget > lane_bytes_max / 2, `what takes long by itself is no overload: ${far.budget}`);
});

t.test('A9 turns: whoever asks all the time gets the same, and who comes now and then waits for one turn', async () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 2, maxLength: 8 }), (costs) => {
      const turns = new Turns<{ share: Share; cost: number; had: number }>();
      const greedy = costs.map((cost) => ({ share: new Share(), cost, had: 0 }));
      const modest = { share: new Share(), cost: 1, had: 0 };
      for (const one of greedy) turns.join(one, one.cost, 0);
      let waited = 0;
      for (let n = 0; n < 2_000; n++) {
        // It comes and goes; so do the greedy, but in the same moment.
        if (n % 50 === 0) turns.join(modest, 1, n);
        const one = turns.next();
        if (one === undefined) throw new Error('somebody waits');
        one.had += one.cost;
        turns.charge(one.share, one.cost);
        if (one === modest) assert.ok(waited <= greedy.length + 1);
        waited = one === modest ? 0 : waited + (modest.share.turn === undefined ? 0 : 1);
        if (one !== modest) turns.join(one, one.cost, n);
      }
      const had = greedy.map((one) => one.had);
      assert.ok(Math.max(...had) - Math.min(...had) <= 2 * Math.max(...costs));
      assert.equal(modest.had, 40);
    }),
  );
});

t.test('A9 turns: those who leave are passed over, and when nobody waits all are quits', async (t) => {
  const turns = new Turns<{ share: Share; name: string }>();
  const [one, two, three] = ['one', 'two', 'three'].map((name) => ({ share: new Share(), name }));
  for (const who of [one!, two!, three!]) turns.join(who, 10, 5);
  turns.join(two!, 10, 6);
  t.equal(turns.waiting, 3);
  t.equal(turns.modestSinceMs, 5);
  turns.leave(two!);
  turns.leave(two!);
  t.equal(turns.next()?.name, 'one');
  turns.charge(one!.share, 1_000_000);
  turns.join(one!, 10, 7);
  turns.join(two!, 10, 8);
  t.same([turns.next()?.name, turns.next()?.name, turns.next()?.name], ['three', 'two', 'one']);
  t.equal(turns.next(), undefined);
  turns.charge(one!.share, 1_000_000);
  turns.leave(one!);
  turns.join(two!, 10, 9);
  t.equal(turns.next()?.name, 'two');
  turns.join(one!, 10, 10);
  turns.join(three!, 10, 11);
  t.equal(turns.waiting, 2);
});
