import t from 'tap';
import { pause, stage, until } from './stage.ts';
import { frames, opens } from './staged-door.ts';
import { dialled, kinds, line } from './transports.ts';

for (const kind of kinds) {
  t.test(`${kind}: frames go both ways as they are, in order; the last word comes with its code`, async (t) => {
    const here = await stage(t);
    const { accessToken } = await here.register('alice');
    const { connection, got, send, closed } = await line(here, kind, accessToken);
    send('{"kind":"hello"}');
    for (let n = 0; n < 200; n += 1) send(`{"n":${n},"text":"ü \\n ${'x'.repeat(n)}"}`);
    await until(() => frames(connection).length === 201);
    t.equal(frames(connection)[0], '{"kind":"hello"}');
    t.ok(frames(connection).every((frame, at) => at === 0 || JSON.parse(String(frame)).n === at - 1));
    connection.push('{"kind":"one"}');
    connection.push('[{"kind":"two"},{"text":"ü"}]');
    await until(() => got.length === 2);
    connection.push('{"kind":"three"}');
    connection.push({ close: 4403, word: 'revoked' });
    connection.push('{"kind":"too late"}');
    t.match(await closed, { code: 4403, reason: 'revoked' });
    t.strictSame(got, ['{"kind":"one"}', '[{"kind":"two"},{"text":"ü"}]', '{"kind":"three"}']);
    await until(() => here.gateway.connections() === 0);
  });

  t.test(`${kind}: a socket that closes is told to its actor once, and its outlet closed`, async (t) => {
    const here = await stage(t);
    const { accessToken } = await here.register('alice');
    for (const politely of [true, false]) {
      const { connection, send, hangUp } = await line(here, kind, accessToken);
      if (politely) send('{"kind":"last"}');
      hangUp(politely);
      await until(() => connection.closed && here.gateway.connections() === 0);
      t.strictSame(
        connection.mail.map(({ kind }) => kind),
        politely ? ['open', 'frame', 'closed'] : ['open', 'closed'],
      );
    }
  });

  t.test(`${kind}: a token that is not good, or not any more`, async (t) => {
    const here = await stage(t);
    const { closed } = await dialled(here, kind, 'not-a-token');
    const { code, status } = await closed;
    t.ok(code === 4401 || status === 401);
    t.equal(here.door.connections.length, 0);
  });

  t.test(`${kind}: no more than a user may have; one that ends makes room`, async (t) => {
    const here = await stage(t, { sockets_per_user_max: 2 });
    const { accessToken } = await here.register('alice');
    const first = await line(here, kind, accessToken);
    await line(here, kind, accessToken);
    const { code, status } = await (await dialled(here, kind, accessToken)).closed;
    t.ok(code === 1013 || status === 429);
    first.hangUp(true);
    await until(() => here.gateway.connections() === 1);
    await line(here, kind, accessToken);
  });

  t.test(`${kind}: an actor that closes with a code that does not exist does not harm the edge`, async (t) => {
    const here = await stage(t);
    const { accessToken } = await here.register('alice');
    const { connection, closed } = await line(here, kind, accessToken);
    connection.push({ close: 99, word: 'x'.repeat(200) });
    t.equal((await closed).code, 1011);
    t.equal(here.logged.length, 1);
  });

  t.test(`${kind}: a socket that never says anything is closed`, async (t) => {
    const here = await stage(t, { first_frame_ms: 150, sweep_ms: 20 });
    const { accessToken } = await here.register('alice');
    const silent = await line(here, kind, accessToken);
    t.match(await silent.closed, { code: 4408, reason: 'hello_timeout' });
  });

  t.test(`${kind}: pings: a client that answers stays`, async (t) => {
    const here = await stage(t, { ping_ms: 100, sweep_ms: 20, poll_ms_max: 50 });
    const { accessToken } = await here.register('alice');
    const good = await line(here, kind, accessToken);
    good.send('{}');
    await pause(500);
    t.ok(good.isOpen());
    t.equal(here.gateway.connections(), 1);
  });

  t.test(`${kind}: an actor that is full now and then: frames wait in order, and none is lost`, async (t) => {
    const here = await stage(t);
    const { accessToken } = await here.register('alice');
    const { connection, send } = await line(here, kind, accessToken);
    let tried = 0;
    here.door.whispers = (mail) => (mail.kind === 'frame' && tried++ % 100 === 7 ? 'full' : 'ok');
    const count = 2_000;
    for (let n = 0; n < count; n += 1) send(`${n}`);
    await until(() => frames(connection).length === count);
    t.ok(here.door.refusedWhispers >= 20);
    t.strictSame(
      frames(connection).map(Number),
      Array.from({ length: count }, (_, n) => n),
    );
  });

  t.test(`${kind}: an actor that stays full: the socket is closed with a word after a bounded wait`, async (t) => {
    const here = await stage(t, { park_ms_max: 150 });
    const { accessToken } = await here.register('alice');
    const { connection, send, closed } = await line(here, kind, accessToken);
    here.door.whispers = (mail) => (mail.kind === 'frame' ? 'full' : 'ok');
    send('{}');
    t.match(await closed, { code: 1013, reason: 'overloaded' });
    t.equal(connection.mail.at(-1)?.kind, 'closed');
  });

  t.test(`${kind}: many small frames while an actor is full are bounded`, async (t) => {
    const here = await stage(t, { parked_frames_max: 100, park_ms_max: 300 });
    const { accessToken } = await here.register('alice');
    const { send, closed } = await line(here, kind, accessToken);
    here.door.whispers = (mail) => (mail.kind === 'frame' ? 'full' : 'ok');
    for (let n = 0; n < 5_000; n += 1) send('1');
    t.equal((await closed).code, 1013);
    await until(() => here.gateway.connections() === 0);
  });

  t.test(
    `${kind}: an actor that can not be reached at first: nothing is read until it can, nothing lost`,
    async (t) => {
      const here = await stage(t);
      const { accessToken } = await here.register('alice');
      let refused = 0;
      here.door.whispers = () => (refused++ < 4 ? 'moved' : 'ok');
      const { connection, send } = await line(here, kind, accessToken);
      send('1');
      send('2');
      connection.moved();
      await until(() => frames(connection).length === 2);
      t.match(opens(connection), [{ again: false }]);
      t.strictSame(frames(connection), ['1', '2']);
    },
  );

  t.test(`${kind}: an actor that can not be reached at all: 4503, and it never hears of a close`, async (t) => {
    const here = await stage(t, { introduce_ms_max: 100 });
    const { accessToken } = await here.register('alice');
    here.door.whispers = () => 'moved';
    const { closed } = await dialled(here, kind, accessToken);
    t.match(await closed, { code: 4503, reason: 'unavailable' });
    t.strictSame(here.door.connections[0]?.mail, []);
    await until(() => here.gateway.connections() === 0);
  });

  t.test(
    `${kind}: an actor that has moved: the socket is introduced again, frames meanwhile are dropped`,
    async (t) => {
      const here = await stage(t);
      const { accessToken } = await here.register('alice');
      const { connection, send, got } = await line(here, kind, accessToken);
      send('"before"');
      await until(() => frames(connection).length === 1);
      here.door.whispers = () => 'moved';
      send('"parked"');
      await until(() => here.door.refusedWhispers === 1);
      connection.moved();
      connection.moved();
      send('"dropped"');
      await pause(100);
      here.door.whispers = () => 'ok';
      await until(() => opens(connection).length === 2);
      send('"after"');
      await until(() => frames(connection).length === 2);
      t.strictSame(frames(connection), ['"before"', '"after"']);
      connection.push('{"kind":"resync"}');
      await until(() => got.length === 1);
    },
  );

  t.test(`${kind}: that a socket has closed is said until it is heard`, async (t) => {
    const here = await stage(t);
    const { accessToken } = await here.register('alice');
    const { connection, hangUp } = await line(here, kind, accessToken);
    here.door.whispers = () => 'full';
    hangUp(true);
    await until(() => here.gateway.connections() === 0 && here.door.refusedWhispers > 2);
    t.ok(connection.closed);
    here.door.whispers = () => 'ok';
    await until(() => connection.mail.at(-1)?.kind === 'closed');
  });

  t.test(`${kind}: a server that leaves sends its clients away, and closes those that stay`, async (t) => {
    const here = await stage(t, { farewell_ms: 100, sweep_ms: 20 });
    const { accessToken } = await here.register('alice');
    const { got, closed, send } = await line(here, kind, accessToken);
    send('{}');
    here.gateway.leave();
    const left = here.gateway.handOver();
    await until(() => got.some((frame) => frame.includes('goaway')));
    t.match(await closed, { code: 1001, reason: 'goaway' });
    await left;
    const late = await (await dialled(here, kind, accessToken)).closed;
    t.equal(late.status, 503);
  });
}
